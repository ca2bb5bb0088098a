# SPDX-License-Identifier: Apache-2.0
"""The reader of README transcripts, on a README of its own."""

import types

import pytest

import transcript

DATABASES = ("sqlite", "postgres")

README = """# An example

```console
$ echo one
one
$ printf '%s\\n' a \\
    b
a
b
$ echo '{"id": 7, "at": "2026-01-02"}'
{
  "id": 7,
  "at": "…"
}
```

```sh
$ echo not a transcript
```

```console
$ echo "http://127.0.0.1:8080/x"
http://127.0.0.1:9999/x
```
"""


@pytest.fixture
def server(tmp_path):
    return types.SimpleNamespace(port=9999, directory=tmp_path)


def test_each_command_is_found_and_run(tmp_path, server):
    path = tmp_path / "README.md"
    path.write_text(README)
    steps = transcript.steps(path)
    assert [step.line for step in steps] == [4, 6, 10, 22]
    for step in steps:
        step.check(server)


def test_a_difference_names_the_line_and_shows_both(tmp_path, server):
    path = tmp_path / "README.md"
    path.write_text("```console\n$ echo two\none\n```\n")
    with pytest.raises(AssertionError, match=r"(?s)README.md:2: \$ echo two.*says:\none.*printed:\ntwo"):
        transcript.steps(path)[0].check(server)


@pytest.mark.parametrize(
    "expected, printed, same",
    [
        ("HTTP/1.1 201 Created\nLocation: /x/…\n…\n\nbody", "HTTP/1.1 201 Created\nLocation: /x/7\nA: 1\nB: 2\n\nbody", True),
        ("a\n…", "a\nb\nc", True),
        ("a…", "ab", True),
        ("a…", "ab\nc", False),
        ("a", "a\nb", False),
        ("", "", True),
        ("", "x", False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', False),
        ('{"a": "…"}', '{"a": {"b": [1]}}', True),
        ('{"a": "x…"}', '{"a": "xy"}', True),
        ('{"a": 1}', '{"a": true}', False),
        ('[1, "…"]', "[1, 2, 3]", True),
        ("[1]", "[1, 2]", False),
    ],
)
def test_the_dots_stand_for_anything_and_nothing_else_does(expected, printed, same):
    assert transcript.agrees(expected, printed) is same
