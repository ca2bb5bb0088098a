# SPDX-License-Identifier: Apache-2.0
"""Many clients at once. What keys and If-Match promise them is promises/p07_idempotency_test.py and p08_if_match_test.py."""

import concurrent.futures
import contextlib
import signal
import sqlite3
import time

APP = """
resources:
  counters:
    fields: {value: int required = 0}
    access: {all: true}
"""


def test_creates_of_many_clients_share_commits(serve):
    server = serve(APP)

    def create(_):
        with server.new_client() as client:
            return [client.post("/api/v1/counters", json={"value": i}).status for i in range(20)]

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = [status for part in pool.map(create, range(32)) for status in part]
    assert statuses == [201] * 640
    assert server.client.get("/api/v1/counters").json["pagination"]["total"] == 640
    figures = dict(line.split() for line in server.admin.get("/metrics").text.splitlines() if line.startswith("tenon_db_") and " " in line)
    assert float(figures["tenon_db_transactions_total"]) >= 640
    assert float(figures["tenon_db_commits_total"]) < float(figures["tenon_db_transactions_total"])


def test_writes_that_were_given_up_are_freed_when_the_server_stops(serve):
    """What is not freed, the leak sanitizer tells."""
    server = serve("cores: 1\ntimeouts: {handler: 300ms}\n" + APP)
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
