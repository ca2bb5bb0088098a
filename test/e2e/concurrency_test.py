# SPDX-License-Identifier: Apache-2.0
"""Many clients at once. What keys and If-Match promise them is promises/p07_idempotency_test.py and p08_if_match_test.py."""

import concurrent.futures

DATABASES = ("sqlite", "postgres")

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
