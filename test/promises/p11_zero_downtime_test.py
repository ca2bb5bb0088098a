# SPDX-License-Identifier: Apache-2.0
"""A column of a table with a million rows gets another name while servers read and write it at full load.

Expand, replace the servers, contract: no request fails, none takes much longer, and every write is there under both names
for as long as both are used.
"""

import concurrent.futures
import random
import threading
import time

import pytest

from postgres import Cluster
from server import Server, run_tenon

pytestmark = pytest.mark.alone  # it measures how long things take

OLD = """
resources:
  items:
    fields:
      name:  text(1..80) required index
      stock: int = 0
    access: {all: true}
"""
NEW = OLD.replace("name:  text(1..80) required index", "title: {type: text(1..80) required index, renamed_from: name}")
WRITERS = 4
NOISE_S = 0.010  # what two cores that also build an index may take for anything


class Load:
    """Clients that create, change, read and list without a pause."""

    def __init__(self, server, field):
        self.server, self.field = server, field
        self.latencies, self.written, self.failures = [], {}, []
        self.is_over = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(WRITERS)
        self.futures = [self.pool.submit(self._run, number) for number in range(WRITERS)]

    def _run(self, number):
        dice, mine, count = random.Random(f"{self.field} {number}"), [], 0
        with self.server.new_client() as client:
            while not self.is_over.is_set():
                count += 1
                text = f"{self.field} {number} {count}"
                kind = dice.random()
                began = time.perf_counter()
                if kind < 0.3 or not mine:
                    answer = client.post("/api/v1/items", json={self.field: text})
                    mine.append(answer.data["id"] if answer.status == 201 else None)
                    self.written[mine[-1]] = text
                elif kind < 0.6:
                    row = dice.choice(mine)
                    answer = client.patch(f"/api/v1/items/{row}", json={self.field: text})
                    self.written[row] = text
                elif kind < 0.8:
                    answer = client.get(f"/api/v1/items/00000000-0000-7000-8000-{dice.randrange(1000):012x}")
                else:
                    answer = client.get("/api/v1/items", query={"sort": self.field, "limit": 5, "count": "none"})
                self.latencies.append((began, time.perf_counter() - began))
                if answer.status not in (200, 201):
                    self.failures.append(answer)

    def p99(self, since, until):
        spent = sorted(took for began, took in self.latencies if since <= began < until)
        return spent[int(len(spent) * 0.99)]

    def stop(self):
        self.is_over.set()
        for future in self.futures:
            future.result()
        self.pool.shutdown()
        assert self.failures == []


@pytest.fixture
def cluster():
    """A server of the test's own: what it tidies up after a million rows disturbs nobody else."""
    with Cluster() as own:
        yield own


@pytest.fixture
def servers(cluster):
    started = []
    yield started
    for server in started:
        server.stop()
        server.judge()


def test_a_column_of_a_million_rows_gets_another_name_under_load(cluster, tmp_path, servers, figure, size, progress):
    rows = size(1_000_000, 3_000_000)
    url = cluster.create_database()
    folder = tmp_path / "project"
    folder.mkdir()

    def write(app):
        (folder / "app.yaml").write_text(f"database: {url}\n{app}")

    def migrate(*args):
        done = run_tenon("migrate", *args, directory=folder, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(app):
        files = {f"migrations/{path.name}": path.read_text() for path in folder.glob("migrations/*")}
        servers.append(Server(app, tmp_path / str(len(servers)), files=files, database=url).start())
        return servers[-1]

    write(OLD)
    migrate("diff")
    migrate("up")
    progress("zero downtime: rows")
    cluster.sql(
        url,
        "insert into items (id, name, stock, created_at, updated_at, version) select "
        "('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'item ' || i, 0, now(), now(), 1 "
        f"from generate_series(0, {rows - 1}) as i; analyze items",
    )
    old = Load(serve(OLD), "name")
    time.sleep(1.5)
    write(NEW)
    written = [line.split("/")[1].split(".")[0][5:] for line in migrate("diff").splitlines() if line.endswith("postgres.up.sql")]
    assert written[:2] == ["add_items_title", "fill_items_title"] and written[-1] == "drop_items_name"
    began = time.perf_counter()
    progress("zero downtime: expand")
    migrate("up")
    expanded = time.perf_counter()
    assert cluster.sql(url, "select count(*) from items where title is distinct from name") == "0"

    new = Load(serve(NEW), "title")  # both for a while
    time.sleep(1)
    assert cluster.sql(url, "select count(*) from items where title is distinct from name") == "0"
    old.stop()
    servers[0].stop()
    contracting = time.perf_counter()
    migrate("up", "--contract")
    time.sleep(0.5)
    over = time.perf_counter()
    new.stop()

    titles = dict(line.split("|") for line in cluster.sql(url, "select id, title from items where title not like 'item %'").splitlines())
    assert titles == {**old.written, **new.written}
    assert cluster.sql(url, "select count(*) from items where title like 'item %'") == str(rows)
    before, during, after = old.p99(0, began), old.p99(began, expanded), new.p99(contracting, over)
    figure(
        "P11",
        f"a column of {rows:,} rows renamed in {expanded - began:.1f} s under {WRITERS} clients: {len(old.latencies) + len(new.latencies):,} "
        f"requests, 0 failed; p99 {before * 1000:.1f} ms before, {during * 1000:.1f} ms meanwhile, {after * 1000:.1f} ms at the contraction",
    )
    assert max(during, after) <= 5 * max(before, NOISE_S), (before, during, after)
