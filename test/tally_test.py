# SPDX-License-Identifier: Apache-2.0
"""What the last line of ./dev test says must be what ran."""

import json

import pytest

import tally

EXECUTABLES = [
    ("all pass", "OK", "1..2\nok 1 - a\nok 2 - b\n# ok - tests\n", (2, 0, 0)),
    ("one fails", "FAIL", "1..2\nok 1 - a\nnot ok 2 - b\n# t.c:7: error\n# not ok - tests\n", (1, 1, 0)),
    ("cmocka's skip", "OK", "1..2\nok 1 - a\nnot ok 2 # SKIP b\n", (1, 0, 1)),
    ("TAP's skip", "OK", "1..1\nok 1 - a # SKIP no data\n", (0, 0, 1)),
    ("died half-way", "FAIL", "1..3\nok 1 - a\n", (1, 1, 0)),
    ("left early with 0", "OK", "1..3\nok 1 - a\n", (1, 1, 0)),
    ("a leak after the last test", "FAIL", "1..1\nok 1 - a\n", (1, 1, 0)),
    ("timed out", "TIMEOUT", "1..2\nok 1 - a\n", (1, 1, 0)),
    ("no TAP, good", "OK", "done\n", (1, 0, 0)),
    ("no TAP, bad", "FAIL", "", (0, 1, 0)),
    ("no TAP, skipped", "SKIP", "", (0, 0, 1)),
]


@pytest.mark.parametrize("result, stdout, expected", [row[1:] for row in EXECUTABLES], ids=[row[0] for row in EXECUTABLES])
def test_an_executable_counts_its_tests(result, stdout, expected):
    assert tally.tally_executable({"name": "x", "result": result, "stdout": stdout}) == expected


def test_files_add_up_and_a_failure_is_the_exit_code(tmp_path, capsys):
    meson = tmp_path / "testlog.json"
    meson.write_text(json.dumps({"name": "x", "result": "OK", "stdout": "1..2\nok 1 - a\nok 2 - b\n"}) + "\n")
    junit = tmp_path / "pytest.xml"
    junit.write_text('<testsuites><testsuite tests="6" failures="1" errors="1" skipped="1"/></testsuites>')
    assert tally.main([str(meson)]) == 0
    assert capsys.readouterr().out == "2 passed, 0 failed, 0 skipped\n"
    assert tally.main([str(meson), str(junit)]) == 1
    assert capsys.readouterr().out == "5 passed, 2 failed, 1 skipped\n"


@pytest.mark.parametrize("content", [None, "<half"])
def test_a_run_that_left_no_result_did_not_pass(tmp_path, capsys, content):
    path = tmp_path / "pytest.xml"
    if content:
        path.write_text(content)
    assert tally.main([str(path)]) == 1
    assert capsys.readouterr().out == "0 passed, 1 failed, 0 skipped\n"


def test_figures_are_printed_in_order_of_their_promises(tmp_path, capsys):
    meson = tmp_path / "testlog.json"
    meson.write_text(json.dumps({"name": "x", "result": "OK", "stdout": "1..1\n# figure P13: 9 of 9\nok 1 - a\n"}) + "\n")
    junit = tmp_path / "pytest.xml"
    properties = '<properties><property name="figure" value="P2: 3 of 3"/></properties>'
    junit.write_text(f'<testsuites><testsuite tests="1"><testcase name="b">{properties}</testcase></testsuite></testsuites>')
    assert tally.main([str(meson), str(junit)]) == 0
    assert capsys.readouterr().out == "P2: 3 of 3\nP13: 9 of 9\n2 passed, 0 failed, 0 skipped\n"
