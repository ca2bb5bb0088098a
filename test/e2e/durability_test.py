# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged survives kill -9, and what was not is there whole or not at all."""

import concurrent.futures
import itertools
import random
import sqlite3
import threading
import time

from server import SCALE

APP = """
resources:
  orders:
    id: int
    fields: {number: "text required unique", lines: int required}
    access: {all: true}
  lines:
    fields: {order: orders required, number: text required}
    access: {all: true}
"""
KILLS = 4


def write_until_killed(server, worker, counter, acknowledged, stop):
    """Single, many and batch creates in turn; what was answered is noted outside of the process."""
    with server.new_client(timeout=3) as client:
        while not stop.is_set():
            name = f"{worker}-{next(counter)}"
            try:
                kind = random.randrange(3)
                if kind == 0:
                    answer = client.post("/api/v1/orders", json={"number": name, "lines": 0})
                elif kind == 1:
                    rows = [{"number": f"{name}.{i}", "lines": 0} for i in range(5)]
                    answer = client.post("/api/v1/orders", json=rows)
                else:
                    lines = [{"method": "POST", "path": "/lines", "body": {"order": "$o.id", "number": name}} for _ in range(2)]
                    first = {"method": "POST", "path": "/orders", "id": "o", "body": {"number": name, "lines": 2}}
                    answer = client.post("/api/v1/batch", json={"operations": [first, *lines]})
            except OSError:
                return
            except Exception:
                return
            assert answer.status in (200, 201), answer
            acknowledged.append((kind, name))


def test_every_acknowledged_write_survives_kill_9(serve):
    server = serve(APP)
    counter, acknowledged = itertools.count(), []
    for _ in range(KILLS):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            writers = [pool.submit(write_until_killed, server, worker, counter, acknowledged, stop) for worker in range(6)]
            time.sleep(random.uniform(0.1, 0.4))
            server.kill()
            stop.set()
            for writer in writers:
                writer.result()
        began = time.monotonic()
        server.was_killed = False
        server.start()
        assert time.monotonic() - began < 2 * SCALE
        with sqlite3.connect(next(server.directory.glob("**/*.db"))) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            numbers = {row[0] for row in database.execute("SELECT number FROM orders")}
            halves = database.execute("SELECT count(*) FROM orders o WHERE lines <> (SELECT count(*) FROM lines l WHERE l.\"order\" = o.id)")
            assert halves.fetchone() == (0,), "a unit of work was stored in part"
        for kind, name in acknowledged:
            wanted = {f"{name}.{i}" for i in range(5)} if kind == 1 else {name}
            assert wanted <= numbers, f"{name} was acknowledged and is gone"
        arrays = {number.rsplit(".", 1)[0] for number in numbers if "." in number}
        assert all({f"{name}.{i}" for i in range(5)} <= numbers for name in arrays), "an array was stored in part"
    assert len(acknowledged) > 100


def test_replays_and_cursors_survive_a_restart(serve):
    server = serve(APP)
    key = {"Idempotency-Key": "order-7"}
    first = server.client.post("/api/v1/orders", json={"number": "seven", "lines": 0}, headers=key)
    server.client.post("/api/v1/orders", json={"number": "eight", "lines": 0})
    cursor = server.client.get("/api/v1/orders?limit=1").json["pagination"]["nextCursor"]
    server.kill()
    server.was_killed = False
    server.start()
    again = server.client.post("/api/v1/orders", json={"number": "seven", "lines": 0}, headers=key)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
    assert [row["number"] for row in server.client.get(f"/api/v1/orders?after={cursor}&limit=1").data] == ["eight"]
