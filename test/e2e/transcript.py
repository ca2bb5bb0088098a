# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a README and compares what they print with what the README says.

A block marked `console` is a transcript: a line that starts with `$ ` is a command (a `\\` at its end continues it), the
lines up to the next command or the end of the block are what it prints. There, `…` stands for anything within a line, and a
line that is only `…` for any number of lines. A command that prints JSON may be shown wrapped: if both sides are JSON, they
are compared as values, where the string "…" stands for any value.

    for step in transcript.steps(README):
        step.check(server)           # in the server's directory, with the README's address replaced by the server's
"""

import json
import pathlib
import re
import subprocess

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
README_ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):8080\b")
ANY = "…"


class Step:
    """One command and what it must print."""

    def __init__(self, readme, line, command, expected):
        self.readme, self.line, self.command, self.expected = readme, line, command, expected

    def check(self, server):
        command = README_ADDRESS.sub(f"127.0.0.1:{server.port}", self.command)
        done = subprocess.run(["bash", "-c", command], cwd=server.directory, capture_output=True, text=True, timeout=30)
        printed = done.stdout.replace("\r\n", "\n").strip("\n")
        assert agrees(self.expected, printed), (
            f"{self.readme}:{self.line}: $ {self.command}\nthe README says:\n{self.expected}\nit printed:\n{printed}\n{done.stderr}"
        )

    def __repr__(self):
        return f"{self.readme}:{self.line}"


def steps(readme):
    """The commands of all transcripts in the file, in order."""
    readme = pathlib.Path(readme)
    text, found = readme.read_text(encoding="utf-8"), []
    for block in BLOCK.finditer(text):
        number = text.count("\n", 0, block.start(1)) + 1
        command, expected, start, continued = None, [], 0, False
        for line in block[1].splitlines():
            if line.startswith("$ ") or continued:
                if not continued:
                    if command is not None:
                        found.append(Step(readme.name, start, command, "\n".join(expected).strip("\n")))
                    command, expected, start = "", [], number
                    line = line[2:]
                continued = line.endswith("\\")
                command += line[:-1] + " " if continued else line
            else:
                expected.append(line)
            number += 1
        if command is not None:
            found.append(Step(readme.name, start, command, "\n".join(expected).strip("\n")))
    return found


def agrees(expected, printed):
    try:
        return _same_value(json.loads(expected), json.loads(printed))
    except ValueError:
        return re.fullmatch(_pattern(expected), printed, re.S) is not None


def _pattern(expected):
    lines = []
    for line in expected.splitlines():
        if line.strip() == ANY:
            lines.append("(?:[^\n]*\n)*")
        else:
            lines.append("[^\n]*".join(map(re.escape, line.split(ANY))) + "\n")
    pattern = "".join(lines)
    return re.sub(r"\n$", "", pattern) if not expected.endswith(ANY) else pattern.removesuffix("\n") + "[^\n]*"


def _same_value(expected, printed):
    if expected == ANY:
        return True
    if isinstance(expected, dict) and isinstance(printed, dict):
        return list(expected) == list(printed) and all(_same_value(expected[key], printed[key]) for key in expected)
    if isinstance(expected, list) and isinstance(printed, list):
        if expected and expected[-1] == ANY:
            printed, expected = printed[: len(expected) - 1], expected[:-1]
        return len(expected) == len(printed) and all(map(_same_value, expected, printed))
    if isinstance(expected, str) and isinstance(printed, str) and ANY in expected:
        return re.fullmatch(".*".join(map(re.escape, expected.split(ANY))), printed, re.S) is not None
    return type(expected) is type(printed) and expected == printed
