# SPDX-License-Identifier: Apache-2.0
"""The limit server of the benchmark does the work that it is measured by: a floor that cheats would mislead."""

import pathlib
import sqlite3
import subprocess
import sys
import time

import pytest

from server import BINARY, ROOT, Client, RawConnection, free_port

DATABASES = ("sqlite", "postgres")

LIMIT = pathlib.Path(BINARY).parents[2] / "bench/limit"  # of the same build
MARKETS = "/api/v1/markets"
NEWEST = MARKETS + "?status=active&sort=-created_at&limit=3"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("limit") / "markets.db"
    subprocess.run([sys.executable, ROOT / "bench/generate.py", path, "200"], check=True)
    return path


@pytest.fixture(scope="module")
def port(database):
    port = free_port()
    process = subprocess.Popen([LIMIT, str(port), str(database)])
    for _ in range(200):
        try:
            Client(port).get("/health")
            break
        except OSError:
            time.sleep(0.02)
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def client(port):
    with Client(port) as client:
        yield client


def count(database):
    return sqlite3.connect(database).execute("select count(*) from markets").fetchone()[0]


def test_a_record_is_what_the_table_holds(client, database):
    row = sqlite3.connect(database).execute("select name, status, volume, creator, created_at from markets where id = 7").fetchone()
    data = client.get(f"{MARKETS}/7").data
    assert list(data) == ["id", "name", "status", "volume", "creator", "created_at", "updated_at", "version"]
    assert (data["name"], data["status"], data["creator"], data["created_at"]) == (row[0], row[1], row[3], row[4])
    assert data["volume"] == f"{row[2] // 100}.{row[2] % 100:02}"
    assert client.get(f"{MARKETS}/999").status == 404


def test_a_list_is_filtered_sorted_and_counted_unless_told_not_to(client, database):
    answer = client.get(NEWEST)
    times = [row["created_at"] for row in answer.data]
    assert len(times) == 3 and times == sorted(times, reverse=True)
    assert all(row["status"] == "active" for row in answer.data)
    page = answer.json["pagination"]
    active = sqlite3.connect(database).execute("select count(*) from markets where status = 'active'").fetchone()[0]
    assert (page["page"], page["limit"], page["total"]) == (1, 3, active) and page["nextCursor"]
    assert "total" not in client.get(NEWEST + "&count=none").json["pagination"]
    assert client.get(NEWEST.replace("limit=3", "limit=100")).json["pagination"]["nextCursor"] is None
    assert client.get(MARKETS + "?limit=0").status == 400


def test_a_create_is_in_the_database_when_it_is_answered(client, database):
    sent = {"name": 'a "ü"\n', "status": "draft", "volume": "12.5", "creator": 3}
    answer = client.post(MARKETS, json=sent)
    assert answer.status == 201 and answer.headers["Location"] == f"{MARKETS}/{answer.data['id']}"
    assert answer.data == client.get(answer.headers["Location"]).data
    stored = sqlite3.connect(database).execute("select name, status, volume, creator from markets where id = ?", [answer.data["id"]])
    assert stored.fetchone() == ('a "ü"\n', "draft", 1250, 3)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "{}", '{"name":"ab"}', '{"name":"abc"}}', '{"name":"abc","name":"abd"}', '{"name":"abc","color":1}',
     '{"name":"abc","status":"open"}', '{"name":"abc","volume":1.234}', '{"name":"abc","volume":"1.0 "}',
     '{"name":"abc","creator":0}', '{"name":"' + "x" * 121 + '"}', '{"name":"abc",}', '{"name":"a\tc"}'],
)
def test_what_is_not_valid_is_refused_and_not_stored(client, database, body):
    before = count(database)
    assert client.post(MARKETS, body=body).status == 400
    assert count(database) == before


def test_pipelined_requests_are_answered_in_order(port):
    text = b"GET /health HTTP/1.1\r\n\r\nPOST /api/v1/markets HTTP/1.1\r\nContent-Length: 14\r\n\r\n{\"name\":\"abc\"}GET /x HTTP/1.1\r\n\r\n"
    with RawConnection(port) as raw:
        raw.send(text * 20)
        assert [raw.answer().status for _ in range(60)] == [200, 201, 404] * 20
        assert raw.send_slowly(text).answer().status == 200
