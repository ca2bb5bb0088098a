# SPDX-License-Identifier: Apache-2.0
"""P2: the real server's own writes and syncs, played back on a disk that loses power: what was acknowledged is on it."""

import contextlib
import itertools
import random
import re
import sqlite3
import threading
import time

import pytest

from crowd import Crowd, request
from disk import Disk, Shim, needs_shim

URL = "/api/v1/notes"
APP = """
log: {level: error}
resources:
  notes:
    id: int
    fields: {text: text required}
    access: {all: true}
"""
CLIENTS = 32
ANSWER = re.compile(rb"HTTP/1.1 \d.*?\r\nX-Request-Id: ([\w.]+)\r\n", re.S | re.I)

pytestmark = needs_shim


class Ledger:
    """What each request did to which rows, by its X-Request-Id."""

    def __init__(self):
        self.effects, self.creates, self.refused = {}, 0, 0

    def client(self, name, rounds):
        rows, number = [], 0
        for _ in range(rounds):
            for plan in (self.single, self.array, self.batch, self.patch, self.delete):
                number += 1
                unit = f"{name}.{number}"
                path = plan(rows, f"{unit} " + "x" * random.randrange(300))
                if path:
                    reply = yield request(*path[:2], path[2], headers=f"X-Request-Id: {unit}\r\n")
                    self.take(unit, path, reply, rows)

    def single(self, rows, text):
        return "POST", URL, {"text": text}

    def array(self, rows, text):
        return "POST", URL, [{"text": f"{text} {i}"} for i in range(3)]

    def batch(self, rows, text):
        operations = [{"method": "POST", "path": "/notes", "body": {"text": f"{text} {i}"}} for i in range(2)]
        if len(rows) > 1:
            operations.append({"method": "PATCH", "path": f"/notes/{rows[0]}", "body": {"text": text}})
            operations.append({"method": "DELETE", "path": f"/notes/{rows[1]}"})
        return "POST", "/api/v1/batch", {"operations": operations}

    def patch(self, rows, text):
        return ("PATCH", f"{URL}/{rows[-1]}", {"text": text}) if rows else None

    def delete(self, rows, text):
        return ("DELETE", f"{URL}/{rows[0]}", None) if rows else None

    def take(self, unit, path, reply, rows):
        is_done = reply.status < 300
        effect = {}
        for row, text in self.changed(path) + (self.created(path, reply) if is_done else []):
            effect[row] = text
            if is_done and text is None:
                rows.remove(row)
            elif row not in rows:
                rows.append(row)
                self.creates += 1
        assert is_done or reply.status in (503, 507), reply
        self.refused += not is_done
        self.effects[unit.encode()] = is_done, effect

    def changed(self, path):
        """[(row, its text after it)] of the rows that a request names."""
        method, place, body = path
        if place == "/api/v1/batch":
            steps = [(operation["method"], operation["path"], operation.get("body")) for operation in body["operations"]]
            return [change for step in steps for change in self.changed(step)]
        return [] if method == "POST" else [(int(place.rpartition("/")[2]), body and body["text"])]

    def created(self, path, reply):
        """The same of the rows that it was told of."""
        if path[0] != "POST":
            return []
        results = reply.data if isinstance(reply.data, list) else [reply.data]
        rows = [result["data"] for result in results if result.get("status") == 201] if "batch" in path[1] else results
        return [(row["id"], row["text"]) for row in rows]


def histories(records, ledger):
    """For each row [(number of the answer, its text after it, whether it was acknowledged)], in order; and how many answers the
    server has sent."""
    rows, seen = {}, set()
    for record in records:
        match = ANSWER.match(record.data) if record.kind == "s" else None
        if match and match[1] in ledger.effects and match[1] not in seen:
            seen.add(match[1])
            is_done, effect = ledger.effects[match[1]]
            for row, text in effect.items():
                rows.setdefault(row, []).append((record.number, text, is_done))
    assert seen == set(ledger.effects), "every answer that a client has got was seen to leave"
    return rows, len(seen)


def read(path):
    """Whether an image is sound, and its rows."""
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA synchronous = OFF")
        if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            return False, {}
        has_table = database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'notes'").fetchone()
        return True, dict(database.execute("SELECT id, text FROM notes")) if has_table else {}
    except sqlite3.DatabaseError:
        return False, {}
    finally:
        database.close()


def is_kept(history, moment, text):
    """Whether a power cut at that moment may leave this of a row: what was acknowledged last, or what a request after that made
    of it that was refused (its commit may have reached the disk all the same) or not answered yet."""
    told = max((i for i, (number, _, is_done) in enumerate(history) if is_done and number <= moment), default=None)
    if told is None:
        return True
    end = next((i for i, (_, _, is_done) in enumerate(history) if is_done and i > told), len(history))
    return text in [after for _, after, _ in history[told : end + 1]]


def lost(stored, rows, moment):
    return [row for row, history in rows.items() if not is_kept(history, moment, stored.get(row))]


def cut_power(records, ledger, folder, limit):
    """Loses power at up to `limit` moments: as a sync begins, with some sectors of what is not synced yet on the disk, and as
    late as may be after one, without any of them: (what was lost, images, answers)."""
    rows, answers = histories(records, ledger)
    moments = [at for at, record in enumerate(records) if record.kind in "be" and record.target in "dl"]
    chance, disk, images, bad = random.Random(7), Disk(), 0, set()
    chosen = set(chance.sample(moments, min(limit, len(moments))))
    for at, record in enumerate(records):
        disk.apply(record)
        if at not in chosen:
            continue
        moment = record.number if record.kind == "b" else next((r.number for r in records[at + 1 :] if r.kind == "e"), 1 << 63)
        images += 1
        is_sound, stored = read(disk.save(folder, chance if record.kind == "b" else None))
        bad.update(lost(stored, rows, moment) if is_sound else ["an image is not sound"])
    return bad, images, answers


@contextlib.contextmanager
def disturbed(shim, faults):
    """Lets the faults happen in turn, for some milliseconds each time."""
    stop = threading.Event()

    def disturb():
        for fault in itertools.cycle(faults):
            if stop.wait(0.01):
                return
            shim.fail(fault)
            stop.wait(0.01)
            shim.mend()

    disturber = threading.Thread(target=disturb)
    if faults:
        disturber.start()
    try:
        yield
    finally:
        stop.set()
        if faults:
            disturber.join()


def run(server, shim, rounds, faults=()):
    """Two crowds after each other, with a pause in which the log is moved into the database."""
    ledger = Ledger()
    for crowd in range(2):
        with disturbed(shim, faults):
            assert Crowd(server, [ledger.client(f"c{crowd}w{i}", rounds) for i in range(CLIENTS)]).run()
        time.sleep(0.7)
    server.kill()
    return shim.records(), ledger


@pytest.fixture(scope="module")
def good_run(serve_module, tmp_path_factory, size):
    shim = Shim(tmp_path_factory.mktemp("shim"))
    return run(serve_module(APP, env=shim.env), shim, size(7, 60))


def test_a_power_cut_at_any_sync_loses_nothing_acknowledged(good_run, tmp_path, size, figure):
    records, ledger = good_run
    bad, images, answers = cut_power(records, ledger, tmp_path, size(300, 20_000))
    assert ledger.creates >= 2000 and ledger.refused == 0 and not bad, list(bad)[:5]
    syncs = sum(record.kind == "e" and record.target in "dl" for record in records)
    figure(
        "P2",
        f"{answers:,} answers ({ledger.creates:,} rows created, others changed and deleted) over {syncs:,} syncs; "
        f"power cut {images:,} times, 0 acknowledged rows lost",
    )


def test_one_missing_sync_in_twenty_would_be_seen(good_run, tmp_path, size):
    records, ledger = good_run
    syncs = itertools.count()
    worse = [r._replace(kind="f") if r.kind == "e" and r.target == "l" and next(syncs) % 20 == 19 else r for r in records]
    assert cut_power(worse, ledger, tmp_path, 100)[0]


def test_a_sync_of_the_log_that_failed_is_not_made_up_for_by_a_later_one(serve, tmp_path, size, figure):
    shim = Shim(tmp_path)
    records, ledger = run(serve(APP, env=shim.env), shim, size(7, 60), faults=("5sl", "5wl"))
    bad, images, _ = cut_power(records, ledger, tmp_path, size(200, 20_000))
    failed = sum(record.kind == "f" for record in records)
    assert failed > 0 and ledger.refused > 0 and not bad, (failed, ledger.refused, list(bad)[:5])
    figure(
        "P2",
        f"{failed:,} syncs of the log failed, {ledger.refused:,} requests refused; "
        f"power cut {images:,} times, 0 acknowledged rows lost",
    )
