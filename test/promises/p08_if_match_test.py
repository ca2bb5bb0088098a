# SPDX-License-Identifier: Apache-2.0
"""P8: conditional writes are linearizable: If-Match loses no update, whoever else writes and whenever the server dies."""

import collections
import math
import random
import time

import pytest

from crowd import Crowd, Lost, request

APP = """
log: {level: warn}
resources:
  counters:
    fields: {value: int required = 0, by: text}
    access: {all: true}
"""
REGISTERS = 4
WRITERS = 32

# kind      "read", "write" or "refused" (a 412)
# version   what was read or written; of a refused write, the least that must have been there: one above the If-Match
# end       infinite where the answer was lost
Operation = collections.namedtuple("Operation", "kind start end version")


def violation(history):
    """What of one register's history no order of single steps can explain, or None.

    The versions order the writes, and each read belongs behind the write of its version. So the history is linearizable if
    and only if time agrees with that order: nothing that began after another had ended may come before it.
    """
    ended, passed, floor = sorted(history, key=lambda operation: operation.end), 0, 0
    versions = [operation.version for operation in history if operation.kind == "write"]
    if len(set(versions)) < len(versions):
        return "two writes have one version"
    for operation in sorted(history, key=lambda operation: operation.start):
        while ended[passed].end < operation.start:
            floor = max(floor, ended[passed].version)
            passed += 1
        if operation.kind == "read" and operation.version < floor:
            return f"{operation} reads below {floor}, which was there before"
        if operation.kind == "write" and operation.version <= floor:
            return f"{operation} writes at or below {floor}, which was there before"
    return None


@pytest.mark.parametrize(
    "what, history",
    [
        ("two writers from one version", [("write", 0, 2, 2), ("write", 1, 3, 2)]),
        ("a read of what was overwritten", [("write", 0, 1, 2), ("write", 2, 3, 3), ("read", 4, 5, 2)]),
        ("a read of what is written later", [("read", 0, 1, 2), ("write", 2, 3, 2)]),
        ("two reads that go back", [("write", 0, 9, 2), ("read", 1, 2, 2), ("read", 3, 4, 1)]),
        ("a later write below an earlier one", [("write", 0, 1, 3), ("write", 2, 3, 2)]),
        ("an acknowledged write that was undone", [("write", 0, 1, 2), ("read", 2, 3, 1)]),
        ("a lost write that was seen and undone", [("write", 0, math.inf, 2), ("read", 1, 2, 2), ("read", 3, 4, 1)]),
        ("a refusal for nothing", [("refused", 0, 1, 2), ("read", 2, 3, 1)]),
        ("a refusal for a write to come", [("refused", 0, 1, 2), ("write", 2, 3, 2)]),
    ],
)
def test_the_check_sees(what, history):
    assert violation([Operation(*row) for row in history]), what


def test_the_check_accepts_what_overlaps():
    rows = [("write", 0, 5, 2), ("read", 1, 2, 2), ("read", 1, 6, 1), ("refused", 3, 4, 2), ("write", 3, math.inf, 3)]
    assert violation([Operation(*row) for row in [*rows, ("read", 7, 8, 3), ("read", 9, 10, 3)]]) is None


class Register:
    """One row, and all that its clients have seen of it."""

    def __init__(self, url):
        self.url = url
        self.history, self.attempts = [], []
        self.writer_of = {1: None}  # version: the mark of who wrote it
        self.acknowledged = 0

    def see(self, row, etag):
        """Each version holds one value for ever: the count of the writes before it."""
        assert etag == f'"{row["version"]}"' and row["value"] == row["version"] - 1, row
        known = self.writer_of.setdefault(row["version"], row["by"])
        assert known == row["by"], f"version {row['version']} was written by {known} and by {row['by']}"

    def note(self, kind, start, version):
        self.history.append(Operation(kind, start, time.monotonic_ns(), version))

    def settle(self, row):
        """At the end, with the row as it is then: which of the writes without an answer were done?"""
        version_of = {mark: version for version, mark in self.writer_of.items()}
        unseen = set(range(2, row["version"] + 1)) - set(self.writer_of)
        for start, expected, mark in sorted(self.attempts):
            version = version_of.get(mark) or (expected + 1 if expected + 1 in unseen else None)
            if version:
                assert version == expected + 1, f"{mark} was to follow {expected} and became {version}"
                unseen.discard(version)
                self.history.append(Operation("write", start, math.inf, version))
        assert not unseen, f"nobody has written the versions {sorted(unseen)}"
        assert self.acknowledged <= row["value"] <= self.acknowledged + len(self.attempts), row
        writes = sum(operation.kind == "write" for operation in self.history)
        assert writes == row["value"], f"{writes} increments were done, and the counter says {row['value']}"


def incrementer(name, registers, times):
    """Reads, adds one, writes if nobody else has written in between; tries again until it was told so often that it did."""
    attempt = 0
    while times > 0:
        register, attempt = random.choice(registers), attempt + 1
        start = time.monotonic_ns()
        try:
            reply = yield request("GET", register.url)
        except Lost:
            continue
        row, etag, mark = reply.data, reply.header("ETag"), f"{name}.{attempt}"
        register.see(row, etag)
        register.note("read", start, row["version"])
        start = time.monotonic_ns()
        body = {"value": row["value"] + 1, "by": mark}
        try:
            reply = yield request("PATCH", register.url, body, f"If-Match: {etag}\r\n")
        except Lost:
            register.attempts.append((start, row["version"], mark))
            continue
        if reply.status == 412:
            register.note("refused", start, row["version"] + 1)
            continue
        assert reply.status == 200 and reply.data["by"] == mark and reply.data["version"] == row["version"] + 1, reply
        register.see(reply.data, reply.header("ETag"))
        register.note("write", start, reply.data["version"])
        register.acknowledged += 1
        times -= 1


def test_if_match_loses_no_update_of_32_writers_under_kills(serve, size, figure, progress):
    times = size(500, 10_000)
    server = serve(APP)
    registers = [Register(server.client.post("/api/v1/counters", json={}).headers["Location"]) for _ in range(REGISTERS)]
    crowd = Crowd(server, [incrementer(f"w{i}", registers, times) for i in range(WRITERS)])
    while not crowd.run(random.uniform(0.005, 0.5)):
        crowd.crash()
        acknowledged = sum(register.acknowledged for register in registers)
        progress(f"P8: {acknowledged} of {WRITERS * times} increments, {len(crowd.restarts_s)} kills")

    for register in registers:
        start = time.monotonic_ns()
        last = server.client.get(register.url)
        register.see(last.data, last.etag)
        register.note("read", start, last.data["version"])
        register.settle(last.data)
        assert violation(register.history) is None
    history = [operation for register in registers for operation in register.history]
    lost = [operation for operation in history if operation.end == math.inf]
    refused = sum(operation.kind == "refused" for operation in history)
    assert sum(register.acknowledged for register in registers) == WRITERS * times and refused > 0 and crowd.restarts_s
    figure(
        "P8",
        f"{WRITERS} writers, {len(crowd.restarts_s)} kill -9: {WRITERS * times:,} increments acknowledged, {len(lost)} done "
        f"without an answer, {refused:,} refused, 0 lost; a history of {len(history):,} operations is linearizable",
    )
