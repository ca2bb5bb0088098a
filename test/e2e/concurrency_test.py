# SPDX-License-Identifier: Apache-2.0
"""Many clients at once: no lost update, one effect for one key."""

import concurrent.futures

APP = """
resources:
  counters:
    fields: {value: int required = 0}
    access: {all: true}
"""


def increment(server, url, times):
    """Reads, adds one, writes if nobody else has written in between; tries again until it did."""
    done = 0
    with server.new_client() as client:
        while done < times:
            row = client.get(url)
            answer = client.patch(url, json={"value": row.data["value"] + 1}, headers={"If-Match": row.etag})
            assert answer.status in (200, 412), answer
            done += answer.status == 200


def test_if_match_loses_no_update(serve):
    server = serve(APP)
    url = server.client.post("/api/v1/counters", json={}).headers["Location"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for outcome in [pool.submit(increment, server, url, 20) for _ in range(16)]:
            outcome.result()
    row = server.client.get(url).data
    assert row["value"] == 320 and row["version"] == 321


def test_a_hundred_duplicates_of_one_key_make_one_row(serve):
    server = serve(APP)

    def send(_):
        with server.new_client() as client:
            answer = client.post("/api/v1/counters", json={"value": 5}, headers={"Idempotency-Key": "once"})
            return answer.status, answer.body, answer.headers.get("Location"), answer.headers.get("Retry-After")

    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(send, range(100)))
    assert {status for status, *_ in answers} <= {201, 409}
    assert len({(body, location) for status, body, location, _ in answers if status == 201}) == 1
    assert all(retry == "1" for status, _, _, retry in answers if status == 409)
    assert server.client.get("/api/v1/counters").json["pagination"]["total"] == 1


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
