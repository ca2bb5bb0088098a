# SPDX-License-Identifier: Apache-2.0
"""Read replicas: who is asked, who sees what was written, and what happens when one is late or away."""

import time

import pytest

from postgres import Cluster
from server import SCALE

URL = "/api/v1/notes"
APP = """
cores: 1
database: {{url: "{primary}", replicas: ["{replica}"], replica_lag: {lag}}}
resources:
  notes:
    fields: {{title: text required}}
    access: {{all: true}}
"""


@pytest.fixture(scope="module")
def pair():
    """A primary with one database, and a standby that follows it."""
    with Cluster(durable=True) as primary:
        primary.url_of_notes = primary.create_database()
        with primary.standby(durable=True) as standby:
            yield primary, standby


@pytest.fixture
def start(serve, pair):
    def start(lag="10s"):
        primary, standby = pair
        primary.sql(primary.url_of_notes, "drop schema public cascade; create schema public")
        replica = standby.url(primary.url_of_notes.split("///")[1].split("?")[0])
        server = serve(APP.format(primary=primary.url_of_notes, replica=replica, lag=lag), database="")
        until(lambda: server.metrics()["tenon_db_replicas_up"] == 1)
        return server

    return start


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s * SCALE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def asked(server):
    return server.metrics()["tenon_db_replica_queries_total"]


def pause(standby, is_paused):
    standby.sql(standby.url("postgres"), f"select pg_wal_replay_{'pause' if is_paused else 'resume'}()")


def titles(answer):
    assert answer.status == 200, answer
    return [row["title"] for row in answer.data]


def until_asked(server, position):
    """Until a read is answered by the replica."""
    before = asked(server)

    def is_asked():
        assert titles(server.client.get(f"{URL}?count=none", headers={"Tenon-Position": position})) == ["one"]
        return asked(server) > before

    until(is_asked)


def test_reads_go_to_the_replica_and_writes_to_the_primary(start):
    server = start()
    until_asked(server, server.client.post(URL, {"title": "one"}).headers["Tenon-Position"])


def test_who_wrote_reads_the_own_write_and_others_may_read_an_older_state(start, pair):
    server = start()
    first = server.client.post(URL, {"title": "one"})
    until(lambda: titles(server.client.get(URL)) == ["one"])
    pause(pair[1], True)
    try:
        written = server.client.post(URL, {"title": "two"})
        assert titles(server.client.get(f"{URL}?sort=title")) == ["one"]
        mine = {"Tenon-Position": written.headers["Tenon-Position"]}
        assert sorted(titles(server.client.get(URL, headers=mine))) == ["one", "two"]
        older = {"Tenon-Position": first.headers["Tenon-Position"]}
        until(lambda: titles(server.client.get(URL, headers=older)) == ["one"])
        batch = {"operations": [{"method": "POST", "path": "/notes", "body": {"title": "three"}}]}
        mine = {"Tenon-Position": server.client.post("/api/v1/batch", batch).headers["Tenon-Position"]}
        assert len(titles(server.client.get(URL, headers=mine))) == 3
    finally:
        pause(pair[1], False)
    until(lambda: len(titles(server.client.get(URL))) == 3)


def test_a_replica_that_is_too_far_behind_takes_no_reads_until_it_has_caught_up(start, pair):
    server = start(lag="300ms")
    server.client.post(URL, {"title": "one"})
    pause(pair[1], True)
    try:
        server.client.post(URL, {"title": "two"})
        until(lambda: server.metrics()["tenon_db_replicas_up"] == 0)
        before = asked(server)
        assert sorted(titles(server.client.get(URL))) == ["one", "two"]
        assert asked(server) == before
    finally:
        pause(pair[1], False)
    until(lambda: server.metrics()["tenon_db_replicas_up"] == 1)


def test_an_idle_primary_makes_no_replica_late(start):
    server = start(lag="300ms")
    server.client.post(URL, {"title": "one"})
    time.sleep(1)
    assert server.metrics()["tenon_db_replicas_up"] == 1


def test_reads_go_on_without_the_replica_and_without_the_primary(start, pair):
    primary, standby = pair
    server = start()
    position = server.client.post(URL, {"title": "one"}).headers["Tenon-Position"]
    until(lambda: titles(server.client.get(URL)) == ["one"])
    standby.kill()
    for _ in range(20):
        assert titles(server.client.get(URL)) == ["one"]
    standby.start()
    until(lambda: server.metrics()["tenon_db_replicas_up"] == 1)
    until_asked(server, position)  # who watches it has seen it first, then the connections of reads come back, each by itself
    primary.kill()
    until(lambda: server.metrics()["tenon_db_writable"] == 0)
    assert titles(server.client.get(URL)) == ["one"]
    assert server.client.post(URL, {"title": "two"}).status == 503
    assert server.client.get("/health/ready").status == 200
    assert server.admin.get("/health/ready").json["status"] == "degraded"
    primary.start()
    until(lambda: server.client.post(URL, {"title": "two"}).status == 201)


@pytest.mark.parametrize("position", ["x", "-1", "1.5", ""])
def test_a_position_that_nobody_has_sent_is_refused(start, position):
    answer = start().client.get(URL, headers={"Tenon-Position": position})
    assert answer.status == 400 and "Tenon-Position" in answer.error["message"]
