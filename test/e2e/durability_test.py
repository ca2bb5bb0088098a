# SPDX-License-Identifier: Apache-2.0
"""What clients hold across a restart stays good: keys, cursors. That no write is lost is promises/p01_kill_test.py."""

import contextlib
import signal
import sqlite3
import time

APP = """
resources:
  orders:
    id: int
    fields: {number: "text required unique", lines: int required}
    access: {all: true}
"""


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


COUNTERS = """
resources:
  counters:
    fields: {value: int required = 0}
    access: {all: true}
"""


def test_writes_that_were_given_up_are_freed_when_the_server_stops(serve):
    """What is not freed, the leak sanitizer tells."""
    server = serve("cores: 1\ntimeouts: {handler: 300ms}\n" + COUNTERS)
    with contextlib.closing(sqlite3.connect(server.directory / "data/app.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        post = "POST /api/v1/counters HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        connections = [server.raw(post) for _ in range(5)]
        assert [connection.answer().status for connection in connections] == [504] * 5
        for connection in connections:
            connection.close()
        server.signal(signal.SIGTERM)
        time.sleep(0.5)
        database.execute("ROLLBACK")
    assert server.stop() == 0
