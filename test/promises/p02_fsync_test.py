# SPDX-License-Identifier: Apache-2.0
"""P2: nothing is acknowledged before the sync that covers it. What power loss leaves is p02_power_test.py, and test/sim."""

import concurrent.futures
import re
import struct

from disk import Shim, needs_shim

URL = "/api/v1/notes"
APP = """
resources:
  notes:
    id: int
    fields: {text: text required}
    access: {all: true}
"""
MARK = re.compile(rb"mark-\d+-\d+-")
FRAME_BYTES, LOG_HEADER_BYTES = 24 + 4096, 32
CLIENTS = 32

pytestmark = needs_shim


def is_header(offset, data):
    """Of a frame of the log; its page follows (SQLite's file format, section 4.1)."""
    return len(data) == 24 and (offset - LOG_HEADER_BYTES) % FRAME_BYTES == 0


def is_commit(header):
    """A second word that is not 0 ends a transaction."""
    return struct.unpack(">I", header[4:8])[0] != 0


def violations(found):
    """Marks that were acknowledged although no sync began after their commit frame was written, and ended before the answer."""
    written, acknowledged, commits, syncs, header = {}, {}, [], [], None
    for number, kind, target, offset, data in found:
        if kind == "w" and target == "l":
            if is_header(offset, data):
                header = number
                if is_commit(data):
                    commits.append(number)
            for mark in MARK.findall(data):
                written.setdefault(mark, header)
        elif kind == "e" and target == "l":
            syncs.append((offset, number))
        elif kind == "s" and re.match(rb"HTTP/1.1 20[01]", data):
            for mark in MARK.findall(data):
                acknowledged.setdefault(mark, number)
    bad = []
    for mark, answer in acknowledged.items():
        commit = next((c for c in commits if mark in written and c >= written[mark]), None)
        if commit is None or not any(begin > commit and end < answer for begin, end in syncs):
            bad.append(mark)
    return bad, len(acknowledged), len(syncs)


def write(server, worker, count):
    """Single, many, batch creates and changes in turn, each with marks that no other has."""
    with server.new_client() as client:
        for number in range(count):
            marks = [f"mark-{worker}-{number * 10 + i}-" for i in range(3)]
            rows = [{"text": mark} for mark in marks]
            if number % 4 == 0:
                answer = client.post(URL, rows)
            elif number % 4 == 1:
                answer = client.post("/api/v1/batch", {"operations": [{"method": "POST", "path": "/notes", "body": row} for row in rows]})
            elif number % 4 == 2:
                answer = client.post(URL, rows[0])
            else:
                answer = client.patch(f"{URL}/{answer.data['id']}", {"text": marks[0]})
            assert answer.status in (200, 201), answer


def run(serve, folder, **env):
    shim = Shim(folder, **env)
    server = serve(APP, env=shim.env)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(write, server, worker, 40) for worker in range(CLIENTS)]:
            done.result()
    server.stop()
    return violations(shim.records())


def test_no_write_is_acknowledged_before_its_sync(serve, tmp_path, figure):
    bad, acknowledged, syncs = run(serve, tmp_path)
    assert acknowledged == CLIENTS * 40 * 2 and not bad, bad[:5]
    figure("P2", f"{acknowledged:,} rows acknowledged by {syncs:,} syncs, each after the sync that covers it")


def test_a_missing_sync_would_be_seen(serve, tmp_path):
    bad, acknowledged, _ = run(serve, tmp_path, TENON_SHIM_BLIND="yes")
    assert acknowledged > 2000 and len(bad) == acknowledged
