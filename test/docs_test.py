# SPDX-License-Identifier: Apache-2.0
"""The documents tell the truth about the tree, and stay short enough to be read."""

import pathlib
import re

import pytest

import layers

ROOT = pathlib.Path(__file__).resolve().parents[1]
README_LINES_MAX = 60
LAYER_README_LINES_MAX = 80
DECISION_LINES_MAX = 60

LAYER_READMES = [f"src/{layer}/README.md" for layer in layers.read_layers(ROOT)]
PENDING = set()
MUST_EXIST = ["README.md", "LICENSE", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/REQUEST.md", "docs/decisions/README.md"]
PLACE = re.compile(r"\b((?:src|include|test|bench|fuzz|examples)/[\w./-]+\.[chS]):(\w+)")
TEST = re.compile(r"\b(test/[\w./-]+\.py):(\w+)")
PATH = re.compile(r"`((?:src|include|test|bench|fuzz|examples|docs)/[\w./-]*\w)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
DECISION_PARTS = [r"# \d{4} — .+", r"Status: (proposed|accepted|superseded by \d{4})", "## Context", "## Decision", "## Consequences"]


def pending(name):
    """A row about a file that is not written yet is expected to fail."""
    return pytest.param(name, marks=[pytest.mark.xfail(name in PENDING, reason="to be written")])


def documents(root):
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "src").rglob("*.md"), *(root / "bench").glob("*.md")])


def dead_places(root, path):
    """`src/http/conn.c:conn_ready` names a file that is there and something that it defines or declares."""
    faults = []
    for name, symbol in PLACE.findall(layers.read(path)):
        target = root / name
        if not target.is_file():
            faults.append(f"{path.name}: no file {name}")
        elif not re.search(rf"^\S.*\b{symbol}\(|^#\s*define {symbol}\b|^(struct|enum) {symbol}\b", layers.read(target), re.M):
            faults.append(f"{path.name}: {name} holds no {symbol}")
    return faults


def dead_tests(root, path):
    """`test/e2e/list_test.py:test_a_filter_finds` names a test that is there."""
    faults = []
    for name, test in TEST.findall(layers.read(path)):
        if not (root / name).is_file() or not re.search(rf"^def {test}\(", layers.read(root / name), re.M):
            faults.append(f"{path.name}: no test {name}:{test}")
    return faults


def unproven_risks(path):
    """The rows of the Top 10 that are not there, or name no test."""
    rows = dict(re.findall(r"^\| (API\d+) (.*)$", layers.read(path), re.M))
    return [f"API{number}" for number in range(1, 11) if not (TEST.search(rows.get(f"API{number}", "")) or PLACE.search(rows.get(f"API{number}", "")))]


def dead_paths(root, path):
    return [f"{path.name}: no {name}" for name in PATH.findall(layers.read(path)) if not (root / name).exists()]


def dead_links(root, path):
    return [f"{path.name}: no {target}" for target in LINK.findall(layers.read(path)) if not (path.parent / target).exists()]


def too_long(path, most):
    lines = len(layers.read(path).splitlines())
    return [f"{path.name}: {lines} lines, {most} at most"] if lines > most else []


@pytest.mark.parametrize("name", map(pending, MUST_EXIST))
def test_there_is(name):
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("rule", [dead_places, dead_tests, dead_paths, dead_links], ids=lambda rule: rule.__name__)
def test_no_document_has(rule):
    assert [fault for path in documents(ROOT) for fault in rule(ROOT, path)] == []


@pytest.mark.parametrize("name", [pending("docs/REQUEST.md")])
def test_the_path_of_a_request_is_named_place_by_place(name):
    assert len(set(PLACE.findall(layers.read(ROOT / name)))) >= 10


@pytest.mark.parametrize("name", [pending("README.md")])
def test_the_readme_fits_a_screen(name):
    assert too_long(ROOT / name, README_LINES_MAX) == []


@pytest.mark.parametrize("name", map(pending, LAYER_READMES))
def test_a_layer_says_what_it_is_for(name):
    assert too_long(ROOT / name, LAYER_README_LINES_MAX) == []


def test_each_risk_of_the_top_10_has_a_test_that_proves_it():
    assert unproven_risks(ROOT / "docs/manual/security.md") == []


def decisions(root):
    return sorted(path for path in (root / "docs/decisions").glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("path", decisions(ROOT), ids=lambda path: path.stem)
def test_a_decision_has_the_form(path):
    text = layers.read(path)
    for part in DECISION_PARTS:
        assert re.search(rf"^{part}$", text, re.M), part
    assert text.startswith(f"# {path.name[:4]} — ")
    assert path.name in layers.read(path.parent / "README.md")
    assert too_long(path, DECISION_LINES_MAX) == []


def test_decisions_are_numbered_without_gap():
    assert [int(path.name[:4]) for path in decisions(ROOT)] == list(range(1, len(decisions(ROOT)) + 1))


# The rules notice a fault.


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "src/http").mkdir(parents=True)
    (tmp_path / "src/http/conn.c").write_text("static void conn_ready(int a)\n{\n    conn_used(a);\n}\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test/list_test.py").write_text("def test_a_filter_finds(api):\n    test_nothing()\n")
    return tmp_path


@pytest.mark.parametrize(
    "rule, text, fault",
    [
        (dead_tests, "`test/list_test.py:test_a_filter_finds`", None),
        (dead_tests, "test/list_test.py:test_nothing", "no test test/list_test.py:test_nothing"),
        (dead_tests, "test/gone_test.py:test_nothing", "no test test/gone_test.py:test_nothing"),
        (dead_places, "`src/http/conn.c:conn_ready`", None),
        (dead_places, "src/http/conn.c:conn_gone", "holds no conn_gone"),
        (dead_places, "src/http/conn.c:conn_used", "holds no conn_used"),
        (dead_places, "src/http/gone.c:conn_ready", "no file src/http/gone.c"),
        (dead_paths, "`src/http`", None),
        (dead_paths, "`src/grpc`", "no src/grpc"),
        (dead_links, "[x](src/http/conn.c) [y](https://example.org/z)", None),
        (dead_links, "[x](docs/gone.md)", "no docs/gone.md"),
    ],
)
def test_a_fault_is_noticed(tree, rule, text, fault):
    path = tree / "REQUEST.md"
    path.write_text(text)
    found = rule(tree, path)
    assert (found == []) if fault is None else (len(found) == 1 and fault in found[0])


def test_a_long_document_is_noticed(tree):
    path = tree / "README.md"
    path.write_text("x\n" * 61)
    assert too_long(path, 60) == ["README.md: 61 lines, 60 at most"]
