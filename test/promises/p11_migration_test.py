# SPDX-License-Identifier: Apache-2.0
"""P11: migrations are all or nothing, and are gone on with wherever they were killed.

PostgreSQL: a proxy between the program and the server kills the program at each message that it sends, either before the
message reaches the server or after the server has done it and before the program knows. SQLite: the program dies at each
write of a file of the database. A second run then has to come to the same database as one that nobody disturbed.
"""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from disk import SHIM, needs_shim
from server import BINARY, run_tenon

ROWS = 300
BEFORE = """
resources:
  items:
    fields:
      name:  text(1..80) required unique
      note:  text(0..200)
      owner: owners on_delete(set_null) index
    access: {all: true}
  owners:
    id: int
    fields: {email: email required unique}
    access: {all: true}
"""
AFTER = """
resources:
  items:
    fields:
      title: {type: text(1..80) required unique, renamed_from: name}
      note:  text(0..200) required = none
      stock: int required = 7
      owner: owners on_delete(cascade) index
    indexes: [{fields: "title, -stock"}]
    search: [title]
    access: {all: true}
  owners:
    id: int
    fields:
      email: email required unique
      rank:  int
    access: {all: true}
""".replace("= none", "= 'none'")
MORE = """-- tenon: no transaction
-- tenon: batch items 40
UPDATE "items" SET "stock" = "stock" + 1 WHERE "id" > :after AND "id" <= :upto;
UPDATE "owners" SET "rank" = 1;
"""


def migrate(folder, *args, env=None):
    return run_tenon("migrate", *args, directory=folder, env=env)


def write_app(folder, url, resources):
    (folder / "app.yaml").write_text(f"database: {url}\n{resources}")


def fill(execute):
    execute("insert into owners (email, created_at, updated_at, version) values ('a@example.org', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', 1)")
    for i in range(ROWS):
        note = "null" if i % 3 == 0 else "'noted'"
        execute(
            "insert into items (id, name, note, owner, created_at, updated_at, version) values "
            f"('00000000-0000-7000-8000-{i:012}', 'item {i}', {note}, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', 1)"
        )


def prepare(folder, url, execute):
    """A database with rows, at its first migration, with all others written and pending."""
    write_app(folder, url, BEFORE)
    assert migrate(folder, "diff").returncode == 0
    assert migrate(folder, "up").returncode == 0
    execute()
    write_app(folder, url, AFTER)
    assert migrate(folder, "diff").returncode == 0
    (folder / "migrations/0099_more.up.sql").write_text(MORE)
    (folder / "migrations/0099_more.down.sql").write_text("UPDATE \"items\" SET \"stock\" = 7;\n")


def converge(folder, known):
    """A second run; what it was like in between is told, for the messages."""
    between = json.loads(migrate(folder, "status", "--json").stdout)
    assert {entry["state"] for entry in between} <= {"applied", "pending", "applying"}
    done = migrate(folder, "up", "--contract")
    assert done.returncode == 0, (known, between, done.stderr)


class Proxy:
    """Between the program and PostgreSQL; kills the program at its `at`-th message."""

    def __init__(self, port, at=None, after=False):
        self.port_behind, self.at, self.after = port, at, after
        self.messages, self.process = 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port_behind))
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _is_now(self):
        self.messages += 1
        return self.at is not None and self.messages == self.at

    def _up(self, client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                is_now = self._is_now()
                if is_now and not self.after:
                    self._kill()
                    break
                self.is_held = is_now
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # what is asked of a program that is dead ends

    def _down(self, client, server):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if getattr(self, "is_held", False):
                    self._kill()
                    break
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.close()

    def _kill(self):
        os.kill(self.process.pid, signal.SIGKILL)

    def run(self, folder, url):
        """One `migrate up --contract` through the proxy; True if it was killed."""
        through = re.sub(r"^postgres://[^/]*/(\w+).*", rf"postgres://tenon@127.0.0.1:{self.port}/\1", url)
        self.process = subprocess.Popen(
            [BINARY, "migrate", "up", "--contract", "--database", through], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.process.communicate(timeout=60)
        self.listener.close()
        assert self.process.returncode in (0, -signal.SIGKILL), self.process.returncode
        return self.process.returncode != 0


def dump(url):
    """The lines of everything a PostgreSQL database holds, but for when migrations were applied."""
    done = subprocess.run(["pg_dump", "--no-owner", "-d", url, "--exclude-table-data=_tenon_migrations"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted(line for line in done.stdout.splitlines() if "restrict " not in line)


@pytest.fixture
def template(postgres, tmp_path):
    url = postgres.create_database()

    def rows():
        statements = []
        fill(statements.append)
        postgres.sql(url, ";".join(statements))

    prepare(tmp_path, url, rows)
    return url




@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_is_killed_at_any_message_is_gone_on_with(postgres, template, tmp_path, figure, size, after):
    name = re.search(r"/(\w+)(\?|$)", template)[1]
    numbers = iter(range(10_000))

    def fresh():
        new = f"{name}_{'a' if after else 'b'}{next(numbers)}"
        postgres.sql(postgres.url("postgres"), f"create database {new} template {name}")
        return new

    undisturbed = postgres.url(fresh())
    proxy = Proxy(postgres.port)
    assert not proxy.run(tmp_path, undisturbed)
    wanted, messages = dump(undisturbed), proxy.messages
    kills = 0
    for at in range(1 + (messages % 2), messages + 1, size(max(messages // 12, 1), 1)):
        copy = fresh()
        url = postgres.url(copy)
        kills += Proxy(postgres.port, at, after).run(tmp_path, url)
        write_app(tmp_path, url, AFTER)
        converge(tmp_path, at)
        assert dump(url) == wanted, at
        postgres.sql(postgres.url("postgres"), f"drop database {copy} with (force)")
    assert kills >= 8
    figure("P11", f"PostgreSQL: killed {'after' if after else 'before'} {kills} of {messages} messages, each time gone on with to the same database")


@needs_shim
def test_a_run_that_is_killed_at_any_write_is_gone_on_with(tmp_path, figure, size):
    def rows():
        with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as db:
            fill(db.execute)
            db.commit()
            db.execute("pragma wal_checkpoint(truncate)")

    def contents(path):
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert list(db.execute("pragma integrity_check")) == [("ok",)]
            assert list(db.execute("pragma foreign_key_check")) == []
            schema = sorted(map(str, db.execute("select type, name, sql from sqlite_schema where name not like '_tenon_search%'")))
            tables = [row[0] for row in db.execute("select name from sqlite_schema where type = 'table' and name <> '_tenon_migrations' order by 1")]
            return schema, {name: sorted(map(str, db.execute(f'select * from "{name}"'))) for name in tables}

    prepare(tmp_path, "sqlite:app.db", rows)
    (tmp_path / "app.db-wal").unlink(missing_ok=True)
    before = (tmp_path / "app.db").read_bytes()
    assert migrate(tmp_path, "up").returncode == 0
    wanted, kills, at = contents(tmp_path / "app.db"), 0, 0
    while True:
        for end in ("-wal", "-shm"):
            (tmp_path / f"app.db{end}").unlink(missing_ok=True)
        (tmp_path / "app.db").write_bytes(before)
        done = migrate(tmp_path, "up", env={"LD_PRELOAD": str(SHIM), "TENON_SHIM_KILL": str(at)})
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        kills += 1
        converge(tmp_path, at)
        assert contents(tmp_path / "app.db") == wanted, at
        at += size(1 + at // 4, 1)
    assert kills >= 10
    figure("P11", f"SQLite: killed at {kills} of {at} writes, each time gone on with to the same database")


@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
def test_of_several_nodes_that_migrate_at_once_one_does_it(database, tmp_path, template, postgres, figure):
    url = template
    if database() is None:
        url = f"sqlite:{tmp_path}/many.db"
        write_app(tmp_path, url, BEFORE)
        for path in (tmp_path / "migrations").iterdir():
            path.unlink()
        with contextlib.closing(sqlite3.connect(tmp_path / "many.db")) as db:
            db.execute("pragma journal_mode=wal")

            def rows():
                fill(db.execute)
                db.commit()

            prepare(tmp_path, url, rows)
    nodes = [subprocess.Popen([BINARY, "migrate", "up", "--contract"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [node.communicate(timeout=60) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0, 0, 0], outputs
    applied = sorted(re.findall(r"applied (\d{4}\w+)", "".join(out for out, _ in outputs)))
    assert len(set(applied)) >= 2
    status = run_tenon("migrate", "status", "--json", directory=tmp_path).stdout
    assert {entry["state"] for entry in json.loads(status)} == {"applied"}
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(tmp_path / "many.db")) as db:
            assert list(db.execute("select distinct stock from items")) == [(8,)]
    else:
        assert postgres.sql(url, "select distinct stock from items") == "8"
    figure("P11", f"{'SQLite' if url.startswith('sqlite') else 'PostgreSQL'}: 4 nodes migrate at once, each statement is done once")
