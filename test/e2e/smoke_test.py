# SPDX-License-Identifier: Apache-2.0
"""One small app from its first start to its end: what every other test takes for granted."""

import pytest

DATABASES = ("sqlite", "postgres")

APP = """
resources:
  notes:
    fields:
      title: text(1..80) required
    access: {all: true}
"""
NOTES = "/api/v1/notes"


@pytest.fixture
def server(serve):
    return serve(APP)


def test_it_is_alive_and_ready(server):
    assert server.client.get("/health").status == 200
    assert server.client.get("/health/ready").status == 200
    assert server.admin.get("/health/ready").status == 200


def test_a_row_is_created_found_changed_and_deleted(server):
    client = server.client
    created = client.post(NOTES, json={"title": "naïve ☂"})
    where = created.headers["Location"]
    assert (created.status, created.data["title"], created.etag) == (201, "naïve ☂", '"1"')
    assert client.get(where).data == created.data
    assert client.patch(where, json={"title": "rain"}).data["version"] == 2
    assert [row["title"] for row in client.get(NOTES).data] == ["rain"]
    assert client.delete(where).status == 204
    assert client.get(where).status == 404


def test_a_fault_is_named_by_its_field(server):
    answer = server.client.post(NOTES, json={"title": "", "color": 1})
    assert answer.status == 400 and answer.error["code"] == "VALIDATION_ERROR"
    assert set(answer.error["fields"]) == {"title", "color"}


def test_a_request_is_logged_and_counted(server):
    server.client.get(NOTES, headers={"X-Request-Id": "walk-7"})
    record = server.wait_log(request_id="walk-7")
    assert (record["method"], record["route"], record["status"]) == ("GET", NOTES, 200)
    assert server.metrics()[f'http_requests_total{{method="GET",route="{NOTES}",status="200"}}'] == 1


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_acknowledged_row_outlives_the_server(server, end):
    where = server.client.post(NOTES, json={"title": "kept"}).headers["Location"]
    getattr(server, end)()
    assert server.restart().client.get(where).data["title"] == "kept"


def test_it_stops_with_zero_when_told_to(server):
    server.client.get("/health")
    assert server.stop() == 0


def test_pipelined_requests_are_answered_in_order(server):
    with server.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 5) as raw:
        assert [raw.answer().status for _ in range(10)] == [200, 404] * 5
