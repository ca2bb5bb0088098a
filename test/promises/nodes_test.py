# SPDX-License-Identifier: Apache-2.0
"""P1, P7 and P8 on PostgreSQL: two nodes on one database; nodes are killed, and so is the database server."""

import itertools
import math
import random
import time

import pytest

import p01_kill_test as p01
import p07_idempotency_test as p07
import p08_if_match_test as p08
from crowd import Crowd, Lost, request
from postgres import Cluster
from server import SCALE

RETRY_S = 0.01


@pytest.fixture
def cluster():
    with Cluster(durable=True) as own:
        yield own


@pytest.fixture
def nodes(serve, cluster):
    """nodes(app): two servers on one new database."""

    def start(app):
        first = serve(app, database=cluster.create_database())
        return first, serve(app, database=first.database)

    return start


def writer(name, ledger, refused):
    """As in P1; what is refused with 503 was certainly not done, and a commit may be unknown."""
    for number in itertools.count():
        kind = (p01.single, p01.array, p01.batch)[number % 3]
        unit = f"{name}.{number}"
        path, body = kind(unit)
        try:
            reply = yield request("POST", path, body)
        except Lost:
            ledger.unknown[unit] = body
            continue
        if reply.status in (200, 201):
            ledger.answered.append((kind.__name__, body, reply))
        elif reply.status == 500 and b'"OUTCOME_UNKNOWN"' in reply.body:
            ledger.unknown[unit] = body
        else:
            assert reply.status == 503 and reply.header("Retry-After"), reply
            refused[0] += 1


def settle(cluster, url):
    """What a dead node has sent may still be on its way in the database server: done or not, it is over now."""
    busy = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()"
    while cluster.sql(url, busy) != "0":
        time.sleep(0.01)


def check_halves(server):
    both = "SELECT unit, size FROM orders UNION ALL SELECT unit, size FROM lines"
    assert server.rows(f"SELECT unit FROM ({both}) AS x GROUP BY unit HAVING count(*) <> max(size)") == []
    astray = 'SELECT l.unit FROM lines l LEFT JOIN orders o ON o.id = l."order" WHERE o.unit IS DISTINCT FROM l.unit'
    assert server.rows(astray) == []


def test_every_acknowledged_write_survives_the_death_of_nodes_and_of_the_database_server(nodes, cluster, size, figure, progress):
    kills, writes = size(6, 200), size(2_000, 200_000)
    servers, ledger, refused, recoveries = nodes(p01.APP), p01.Ledger(), [0], []
    crowd = Crowd(servers[0], [writer(f"w{i}", ledger, refused) for i in range(p01.WRITERS)], others=[servers[1]])
    while len(crowd.restarts_s) + len(recoveries) < kills or ledger.acknowledged < writes:
        crowd.run(random.uniform(0.05, 0.5))
        turn = (len(crowd.restarts_s) + len(recoveries)) % 3
        if turn < 2:
            crowd.crash(turn)
        else:
            cluster.kill()
            crowd.run(0.3)
            cluster.start()
            began = time.monotonic()
            while any(server.client.get("/health/ready").status != 200 for server in servers):
                crowd.run(0.01)
                assert time.monotonic() - began < 5 * SCALE, "a node has not come back"
            recoveries.append(time.monotonic() - began)
        crowd.settle()
        settle(cluster, servers[0].database)
        ledger.check_round(servers[0].client)
        progress(f"P1: {len(crowd.restarts_s)} nodes, {len(recoveries)} servers killed, {ledger.acknowledged} acknowledged")
    check_halves(servers[0])
    ledger.check_all(servers[1].client)
    assert refused[0] > 0 and recoveries
    figure(
        "P1",
        f"PostgreSQL, two nodes: {len(crowd.restarts_s)} kill -9 of a node, {len(recoveries)} of the database server, "
        f"{ledger.acknowledged:,} acknowledged, {refused[0]:,} refused, 0 lost, 0 half-written; served again within {max(recoveries):.2f} s",
    )


def test_keys_that_are_sent_to_both_nodes_have_one_effect_and_one_answer(nodes, size, figure):
    keys, duplicates = size(100, 2_000), 40
    servers, answers = nodes(p07.APP), p07.Answers()
    created = [p07.create(number) for number in range(keys)]
    requests = [data for data, _ in created]
    crowd = Crowd(servers[0], [p07.sender(requests, answers) for _ in range(duplicates)], others=[servers[1]])
    for number in itertools.count():
        if crowd.run(random.uniform(0.02, 0.3)):
            break
        crowd.crash(number % 2)
    assert answers.completed == keys * duplicates and answers.in_flight > 0 and crowd.restarts_s
    rows = servers[0].rows("SELECT reference, count(*) AS count FROM payments GROUP BY reference")
    assert {row["reference"]: row["count"] for row in rows} == {f"r{number}": count for number, (_, count) in enumerate(created)}
    figure(
        "P7",
        f"PostgreSQL, two nodes: {keys:,} keys x {duplicates} duplicates, {len(crowd.restarts_s)} kill -9: {len(rows):,} effects, "
        f"{answers.completed:,} answers identical to the byte",
    )


def test_if_match_loses_no_update_of_32_writers_on_both_nodes(nodes, size, figure):
    times = size(60, 2_000)
    servers = nodes(p08.APP)
    registers = [p08.Register(servers[0].client.post("/api/v1/counters", json={}).headers["Location"]) for _ in range(p08.REGISTERS)]
    writers = [p08.incrementer(f"w{i}", registers, times) for i in range(p08.WRITERS)]
    crowd = Crowd(servers[0], writers, others=[servers[1]])
    for number in itertools.count():
        if crowd.run(random.uniform(0.05, 0.5)):
            break
        crowd.crash(number % 2)
    for register in registers:
        start = time.monotonic_ns()
        last = servers[1].client.get(register.url)
        register.see(last.data, last.etag)
        register.note("read", start, last.data["version"])
        register.settle(last.data)
        assert p08.violation(register.history) is None
    history = [operation for register in registers for operation in register.history]
    lost = [operation for operation in history if operation.end == math.inf]
    figure(
        "P8",
        f"PostgreSQL, two nodes: {p08.WRITERS} writers, {len(crowd.restarts_s)} kill -9: {p08.WRITERS * times:,} increments, "
        f"{len(lost)} done without an answer, 0 lost; a history of {len(history):,} operations is linearizable",
    )
