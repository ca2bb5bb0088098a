# SPDX-License-Identifier: Apache-2.0
"""P1: an acknowledged write is never lost, and what was not acknowledged is there whole or not at all."""

import itertools
import json
import random
import sqlite3

import pytest

from crowd import Crowd, Lost, request
from server import SCALE

pytestmark = pytest.mark.alone  # it measures how long things take

APP = """
log: {level: warn}
api: {page: {max: 1000}}
resources:
  orders:
    id: int
    fields:
      unit: text required
      size: int required
      title: text(0..200)
      amount: decimal(18,2) = 0
      pieces: int
      weight: float
      paid: bool = false
      state: enum(draft, open, closed) required = draft
      due: date
      tags: list(text(1..40))
      extra: json
    access: {all: true}
  lines:
    id: int
    fields: {unit: text required, size: int required, order: orders required, note: text}
    access: {all: true}
"""
TITLES = ["", "rain", "Žluťoučký kůň", "雨と雪", 'a "quote" \\ and\ttab\n', "\u2028 \U0001f327", "x" * 200, "1.10", "null", " a "]
EXTRAS = [None, {}, [], {"a": [1, 2.5, "\u00e9", None, {"b": True}]}, "text", 7, False]
WRITERS = 16


def order(unit, size):
    """A row with every kind of value, some of them missing."""
    row = {
        "title": random.choice(TITLES),
        "amount": f"{random.randrange(-(10**15), 10**15)}.{random.randrange(100):02}",
        "pieces": random.choice([0, -1, 2**53 - 1, -(2**53) + 1, random.randrange(10**9)]),
        "weight": random.choice([0.1, -1.5e300, 5e-324, random.random()]),
        "paid": random.random() < 0.5,
        "state": random.choice(["draft", "open", "closed"]),
        "due": f"20{random.randrange(100):02}-0{random.randrange(1, 10)}-28",
        "tags": random.sample(["a", "b,c", "d'e", "\u00fc"], random.randrange(4)),
        "extra": random.choice(EXTRAS),
    }
    kept = {name: value for name, value in row.items() if random.random() < 0.7}
    return {"unit": unit, "size": size, **kept}


def single(unit):
    return "/api/v1/orders", order(unit, 1)


def array(unit):
    size = random.randrange(2, 7)
    return "/api/v1/orders", [order(unit, size) for _ in range(size)]


def batch(unit):
    """An order and lines that refer to it by what it was answered as."""
    size = random.randrange(2, 5)
    lines = [{"unit": unit, "size": size, "order": "$o.id", "note": random.choice(TITLES)} for _ in range(size - 1)]
    first = {"method": "POST", "path": "/orders", "id": "o", "body": order(unit, size)}
    return "/api/v1/batch", {"operations": [first, *({"method": "POST", "path": "/lines", "body": line} for line in lines)]}


def rows_sent(body):
    """[(resource, values)] of a body of any of the three kinds."""
    if isinstance(body, list):
        return [("orders", row) for row in body]
    if "operations" in body:
        return [(operation["path"][1:], operation["body"]) for operation in body["operations"]]
    return [("orders", body)]


def rows_answered(reply, body):
    if isinstance(body, list):
        return reply.data
    if "operations" in body:
        assert all(result["status"] == 201 for result in reply.data), reply
        return [result["data"] for result in reply.data]
    return [reply.data]


def has_what_was_sent(row, sent):
    return all(row[name] == value for name, value in sent.items() if value != "$o.id")


class Ledger:
    """What was sent and what was answered, kept outside of the server; rows that were checked once shrink to a digest."""

    def __init__(self):
        self.answered, self.unknown = [], {}
        self.digests = {"orders": {}, "lines": {}}
        self.checked_to = {"orders": 0, "lines": 0}
        self.acknowledged = self.rows_unacknowledged = 0
        self.kinds = {"single": 0, "array": 0, "batch": 0}

    def check_round(self, client):
        """Compares what is served of the rows since the last round with what was answered."""
        wanted = {"orders": {}, "lines": {}}
        for kind, body, reply in self.answered:
            assert reply.status in (200, 201), reply
            rows, sent = rows_answered(reply, body), rows_sent(body)
            assert len(rows) == len(sent), reply
            for row, (resource, values) in zip(rows, sent):
                assert has_what_was_sent(row, values), f"sent {values}, acknowledged {row}"
                wanted[resource][row["id"]] = row
            self.kinds[kind] += 1
        self.acknowledged += len(self.answered)
        for resource in wanted:
            self._check_resource(client, resource, wanted[resource])
        self.answered, self.unknown = [], {}

    def _check_resource(self, client, resource, wanted):
        digests, highest = self.digests[resource], self.checked_to[resource]
        for row in served(client, resource, highest):
            highest = max(highest, row["id"])
            acknowledged = wanted.pop(row["id"], None)
            if acknowledged is None:
                self._check_unacknowledged(resource, row)
            else:
                assert row == acknowledged, f"acknowledged {acknowledged}, stored {row}"
            digests[row["id"]] = digest(row)
        assert not wanted, f"{len(wanted)} {resource} were acknowledged and are gone, such as {next(iter(wanted.values()))}"
        self.checked_to[resource] = highest

    def _check_unacknowledged(self, resource, row):
        self.rows_unacknowledged += 1
        body = self.unknown.get(row["unit"])
        assert body is not None, f"nobody has sent {row}"
        stored_whole = any(name == resource and has_what_was_sent(row, sent) for name, sent in rows_sent(body))
        assert stored_whole, f"sent {body}, stored {row}"

    def check_all(self, client):
        """Every row of every round once more, at the end."""
        for resource, digests in self.digests.items():
            for row in served(client, resource, 0):
                assert digests.pop(row["id"], None) == digest(row), f"changed after it was acknowledged: {row}"
            assert not digests, f"{len(digests)} {resource} are gone that were there once"


def served(client, resource, after_id):
    for page in client.pages(f"/api/v1/{resource}", limit=1000, sort="id", **{"id[gt]": after_id}):
        yield from page


def digest(row):
    return hash(json.dumps(row, sort_keys=True))


def writer(name, ledger):
    """Single, array and batch creates in turn, for as long as it is let."""
    for number in itertools.count():
        kind = (single, array, batch)[number % 3]
        unit = f"{name}.{number}"
        path, body = kind(unit)
        try:
            reply = yield request("POST", path, body)
            ledger.answered.append((kind.__name__, body, reply))
        except Lost:
            ledger.unknown[unit] = body


def check_files(path, checked_to):
    """The database is sound, and no unit of work of the rows since then is in it in part."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        both = "SELECT unit, size FROM orders WHERE id > :orders UNION ALL SELECT unit, size FROM lines WHERE id > :lines"
        halves = f"SELECT unit FROM ({both}) GROUP BY unit HAVING count(*) <> max(size)"
        assert database.execute(halves, checked_to).fetchall() == [], "a unit of work was stored in part"
        pairs = 'lines l LEFT JOIN orders o ON o.id = l."order"'
        astray = f"SELECT l.unit FROM {pairs} WHERE l.id > :lines AND o.unit IS NOT l.unit"
        assert database.execute(astray, checked_to).fetchall() == [], "a line refers to the order of another batch"
    database.close()


def test_every_acknowledged_write_survives_kill_9_exactly_as_it_was_acknowledged(serve, size, figure, progress):
    kills, writes = size(25, 500), size(20_000, 1_000_000)
    server, ledger = serve(APP), Ledger()
    path = next(server.directory.glob("**/*.db"))
    crowd = Crowd(server, [writer(f"w{i}", ledger) for i in range(WRITERS)])
    while len(crowd.restarts_s) < kills or ledger.acknowledged < writes:
        crowd.run(random.uniform(0.005, 0.5))
        crowd.crash()
        assert crowd.restarts_s[-1] < 2 * SCALE
        check_files(path, ledger.checked_to)
        ledger.check_round(server.client)
        progress(f"P1: {len(crowd.restarts_s)} of {kills} kills, {ledger.acknowledged} of {writes} acknowledged")
    check_files(path, {"orders": 0, "lines": 0})
    ledger.check_all(server.client)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in ledger.kinds.items())
    figure(
        "P1",
        f"{len(crowd.restarts_s)} kill -9, {ledger.acknowledged:,} acknowledged ({kinds}), 0 lost, 0 half-written, "
        f"0 different; ready again within {max(crowd.restarts_s):.2f} s",
    )
