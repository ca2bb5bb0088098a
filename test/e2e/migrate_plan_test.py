# SPDX-License-Identifier: Apache-2.0
"""What `tenon migrate diff` writes for each kind of change, and that its own verdicts find nothing in it.

Nothing here asks a database: that the statements do what they say is migrate_test.py's.
"""

import json
import re

import pytest

from server import run_tenon

BEFORE = """
  items:
    fields:
      name:  text(1..80) required unique
      price: decimal(10,2) = 1
      note:  text(0..200)
      size:  int required
      owner: owners on_delete(set_null) index
    indexes: [{fields: "name, -price"}]
    search: [name]
    access: {all: true}
  owners:
    id: int
    fields:
      email: email required
    access: {all: true}
"""
NOWHERE = "postgres://127.0.0.1:1/none"  # nobody answers there: everything is pending

# what changes: [(from, to)], the parts for PostgreSQL, what SQLite does
CHANGES = {
    "a column": ([("note:", "more: text\n      note:")], ["add_items_more"], "ADD COLUMN"),
    "a column with a default": ([("note:", "more: int required = 3\n      note:")], ["add_items_more"], "ADD COLUMN"),
    "a unique column": ([("note:", "more: int unique\n      note:")], ["add_items_more", "create_items_more_key"], "ADD COLUMN"),
    "a reference": ([("note:", "next: items\n      note:")], ["add_items_next", "refer_items_next", "create_items_next"], "ADD COLUMN"),
    "required, with a default": ([("decimal(10,2) = 1", "decimal(10,2) required = 1")], ["require_items_price"], "_tenon_new"),
    "required, without one": ([("text(0..200)", "text(0..200) required")], ["require_items_note"], "_tenon_new"),
    "not required": ([("size:  int required", "size:  int")], ["relax_items_size"], "_tenon_new"),
    "an index": ([("text(0..200)", "text(0..200) index")], ["create_items_note"], "CREATE INDEX"),
    "no index": ([('    indexes: [{fields: "name, -price"}]\n', "")], ["drop_items_name_price"], "DROP INDEX"),
    "another index of that name": (
        [('"name, -price"', '"name, price"')],
        ["replace_items_name_price"],
        "CREATE INDEX",
    ),
    "what deleting does": ([("on_delete(set_null)", "on_delete(cascade)")], ["refer_items_owner", "drop_items__tenon_null_items_owner"], "_tenon_new"),
    "search": ([("search: [name]", "search: [name, note]")], ["replace_items__tenon_search_items"], "CREATE VIRTUAL TABLE"),
    "a name": (
        [("size:  int", "width: {type: int required, renamed_from: size}\n      was:  int"), ("\n      was:  int required", "")],
        ["add_items_width", "fill_items_width", "require_items_width", "drop_items_size"],
        "RENAME COLUMN",
    ),
    "a table's name": (
        [("  owners:\n", "  people:\n    renamed_from: owners\n"), ("owner: owners", "owner: people")],
        ["rename_to_people", "drop_view_owners"],
        "RENAME TO",
    ),
    "a table": ([("  owners:\n", "  tags:\n    fields: {label: text, of: items}\n    access: {all: true}\n  owners:\n")], ["create_tags"], "CREATE TABLE"),
    "a smaller type": ([("text(1..80)", "text(1..40)")], [], None),
    "more digits": ([("decimal(10,2)", "decimal(12,2)")], ["change_items_price"], None),
}
DESTRUCTIVE = {
    "a column that goes": ([("      note:  text(0..200)\n", "")], ["drop_items_note"], "DROP COLUMN"),
    "a required column that goes": ([("      size:  int required\n", "")], ["relax_items_size", "drop_items_size"], "DROP COLUMN"),
    "another type": ([("note:  text(0..200)", "note:  text(0..200)"), ("size:  int", "size:  float")], ["change_items_size"], "_tenon_new"),
}


def replaced(changes):
    text = BEFORE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def diff(tmp_path):
    def run(changes):
        for text in (BEFORE, replaced(changes)):
            (tmp_path / "app.yaml").write_text(f"resources:{text}")
            done = run_tenon("migrate", "diff", directory=tmp_path)
            assert done.returncode == 0, done.stderr
        return {
            kind: {
                re.sub(r".*?\d{4}_(\w+)\..*", r"\1", path.name): path.read_text()
                for path in sorted(tmp_path.glob(f"migrations/*.{kind}.up.sql"))
                if not path.name.startswith("0001")
            }
            for kind in ("sqlite", "postgres")
        }

    return run


def lint(folder, *args):
    done = run_tenon("migrate", "lint", "--json", *args, directory=folder)
    assert done.stdout, done.stderr
    return [statement for statement in json.loads(done.stdout) if "/0001_" not in statement["file"]]


@pytest.mark.parametrize("name", [*CHANGES, *DESTRUCTIVE])
def test_a_change_is_these_parts(diff, name):
    changes, parts, on_sqlite = {**CHANGES, **DESTRUCTIVE}[name]
    written = diff(changes)
    kept = [part for part in written["postgres"] if not part.startswith("create_items") or part in parts or name not in ("a name",)]
    assert [part for part in kept if part in parts] == parts and (parts or not written["postgres"])
    assert bool(written["sqlite"]) == bool(on_sqlite)
    if on_sqlite:
        (text,) = written["sqlite"].values()
        assert on_sqlite in text
        assert ("_tenon_new" in text) == (on_sqlite == "_tenon_new")


@pytest.mark.parametrize("name", CHANGES)
def test_the_verdicts_find_nothing_in_what_is_planned_for_postgresql(diff, tmp_path, name):
    diff(CHANGES[name][0])
    found = [
        (statement["statement"], finding["rule"])
        for statement in lint(tmp_path, "--database", NOWHERE)
        for finding in statement["findings"]
        if finding["level"] != "safe" and not finding["allowed"] and "-- tenon: contract" not in (tmp_path / statement["file"]).read_text()
    ]
    assert found == []


@pytest.mark.parametrize("name", DESTRUCTIVE)
def test_the_verdicts_find_what_loses_or_writes_anew(diff, tmp_path, name):
    diff(DESTRUCTIVE[name][0])
    assert {statement["level"] for statement in lint(tmp_path, "--database", NOWHERE)} & {"destructive", "rewrites"}
    assert run_tenon("migrate", "lint", "--database", NOWHERE, directory=tmp_path).returncode == 1


def test_a_finding_that_is_known_is_allowed_by_a_line(diff, tmp_path):
    diff(DESTRUCTIVE["a column that goes"][0])
    (path,) = tmp_path.glob("migrations/*drop_items_note.postgres.up.sql")
    rules = {finding["rule"] for statement in lint(tmp_path, "--database", NOWHERE) for finding in statement["findings"] if finding["level"] != "safe"}
    path.write_text(path.read_text().replace("ALTER TABLE", f"-- tenon: allow {', '.join(sorted(rules))}\nALTER TABLE"))
    done = run_tenon("migrate", "lint", "--database", NOWHERE, directory=tmp_path)
    assert done.returncode == 0 and "(allowed)" in done.stdout, done.stdout
