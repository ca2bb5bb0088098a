#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what ran: `tally.py FILE...` prints `N passed, N failed, N skipped` and exits 1 when anything failed.

FILE is a testlog.json of meson (one JSON object per executable; its stdout is the TAP of cmocka, where each test of a table
counts) or a JUnit file of pytest. An executable that died, lied about its plan, or failed with no failing test to show for
it counts as one more failure. A FILE that is missing is a failure too: a run that left no result did not pass.

A promise that was measured leaves a figure: a line `# figure P3: ...` of an executable, or a property "figure" of a pytest
test. They are printed above the sum.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

TAP_PLAN = re.compile(r"^1\.\.(\d+)", re.M)
TAP_LINE = re.compile(r"^(not )?ok \d+\b(.*)$", re.M)
TAP_FIGURE = re.compile(r"^# figure (P\d+: .*)$", re.M)
TAP_SKIP = re.compile(r"#\s*skip", re.I)
GOOD = {"OK", "SKIP", "EXPECTEDFAIL"}


def tally_executable(entry):
    """(passed, failed, skipped) of one executable. cmocka writes a skipped test as `not ok 3 # SKIP name`."""
    output = entry.get("stdout") or ""
    plan = TAP_PLAN.search(output)
    if not plan:
        return {"OK": (1, 0, 0), "SKIP": (0, 0, 1)}.get(entry["result"], (0, 1, 0))
    passed = failed = skipped = 0
    for line in TAP_LINE.finditer(output):
        if TAP_SKIP.search(line[2]):
            skipped += 1
        elif line[1]:
            failed += 1
        else:
            passed += 1
    planned = int(plan[1])
    if failed == 0 and (entry["result"] not in GOOD or passed + skipped != planned):
        failed = 1
    return passed, failed, skipped


def tally_meson(text):
    """The counts of each executable, and the figures of all."""
    entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    figures = [figure for entry in entries for figure in TAP_FIGURE.findall(entry.get("stdout") or "")]
    return [tally_executable(entry) for entry in entries], figures


def tally_junit(text):
    counts = []
    root = ElementTree.fromstring(text)
    figures = [item.get("value") for item in root.iter("property") if item.get("name") == "figure"]
    for suite in root.iter("testsuite"):
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        counts.append((max(tests - failed - skipped, 0), failed, skipped))
    return counts, figures


def tally_file(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        return tally_meson(text) if path.endswith(".json") else tally_junit(text)
    except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
        print(f"tally: {path}: {error}", file=sys.stderr)
        return [(0, 1, 0)], []


def main(paths):
    results = [tally_file(path) for path in paths]
    counts = [count for file_counts, _ in results for count in file_counts]
    figures = [figure for _, file_figures in results for figure in file_figures]
    for figure in sorted(figures, key=lambda figure: int(figure[1:].split(":")[0])):
        print(figure)
    passed, failed, skipped = (sum(count[i] for count in counts) for i in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
