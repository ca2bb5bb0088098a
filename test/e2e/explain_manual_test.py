# SPDX-License-Identifier: Apache-2.0
"""The transcripts of docs/manual/explain.md do what they say, on SQLite, whose plans they show."""

import os
import pathlib
import re

import transcript
from server import BINARY

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs/manual/explain.md"


def test_the_manual_explains_what_is_seen(serve, monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(BINARY), prepend=os.pathsep)
    server = serve(re.search(r"```yaml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.S)[1])
    for begin in range(0, 3000, 1000):
        rows = [{"name": f"market {i}", "status": ("draft", "active", "closed")[i % 3], "volume": f"{i}.00"} for i in range(begin, begin + 1000)]
        assert server.client.post("/api/v1/markets", json=rows).status == 201
    steps = transcript.steps(MANUAL)
    assert len(steps) == 3
    for step in steps:
        step.check(server)
