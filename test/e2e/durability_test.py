# SPDX-License-Identifier: Apache-2.0
"""What clients hold across a restart stays good: keys, cursors. That no write is lost is promises/p01_kill_test.py."""

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
