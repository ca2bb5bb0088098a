# SPDX-License-Identifier: Apache-2.0
"""What a verdict says that SQLite refuses, loses or leaves alone is what SQLite does with a table that has a row."""

import json
import sqlite3
import subprocess

import pytest

from server import ROOT

PRINT = ROOT / "build/test/data/verdict_print"
SETUP = """
    PRAGMA foreign_keys = ON;
    CREATE TABLE u (id INTEGER PRIMARY KEY);
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
    INSERT INTO u VALUES (1);
    INSERT INTO t VALUES (1, -1, 'x');
    CREATE VIEW v AS SELECT a FROM t;
"""

# A statement, the rule that finds it, and what SQLite says of it: None is nothing, for it does it.
STATEMENTS = [
    ("ALTER TABLE t ADD COLUMN z TEXT", "adding-column", None),
    ("ALTER TABLE t ADD COLUMN z TEXT NOT NULL DEFAULT 'x'", "adding-column", None),
    ("ALTER TABLE t ADD COLUMN z INTEGER REFERENCES u", "adding-column", None),
    ("ALTER TABLE t ADD COLUMN z INTEGER AS (a + 1) VIRTUAL", "adding-column", None),
    ("ALTER TABLE t ADD COLUMN z TEXT NOT NULL", "adding-required-field", "NOT NULL column with default value NULL"),
    ("ALTER TABLE t ADD COLUMN z TEXT NOT NULL DEFAULT NULL", "adding-required-field", "NOT NULL column with default value NULL"),
    ("ALTER TABLE t ADD COLUMN z TEXT DEFAULT CURRENT_TIMESTAMP", "adding-field-with-default", "non-constant default"),
    ("ALTER TABLE t ADD COLUMN z TEXT DEFAULT (lower('A'))", "adding-field-with-default", "non-constant default"),
    ("ALTER TABLE t ADD COLUMN z TEXT UNIQUE", "refused-column", "UNIQUE column"),
    ("ALTER TABLE t ADD COLUMN z INTEGER PRIMARY KEY", "refused-column", "PRIMARY KEY column"),
    ("ALTER TABLE t ADD COLUMN z INTEGER AS (a + 1) STORED", "refused-column", "STORED column"),
    ("ALTER TABLE t ADD COLUMN z INTEGER CHECK (a > 0)", "adding-checked-column", "CHECK constraint failed"),
    ("ALTER TABLE t ADD COLUMN z INTEGER NOT NULL AS (nullif(a, -1))", "adding-checked-column", "NOT NULL constraint failed"),
    ("ALTER TABLE t DROP COLUMN b", "ban-drop-column", None),
    ("ALTER TABLE t RENAME COLUMN b TO c", "renaming-column", None),
    ("ALTER TABLE t RENAME TO w", "renaming-table", None),
    ("VACUUM", "ban-in-transaction", "VACUUM from within a transaction"),
    ("BEGIN", "transaction-nesting", "transaction within a transaction"),
]


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SETUP)
    connection.execute("BEGIN")
    yield connection
    connection.close()


def rules(script):
    done = subprocess.run([PRINT, "sqlite"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["rule"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("statement, rule, message", STATEMENTS, ids=lambda value: str(value))
def test_a_verdict_is_what_sqlite_does(database, statement, rule, message):
    assert rule in rules(f"BEGIN; {statement}")
    if message is None:
        database.execute(statement)
        return
    with pytest.raises(sqlite3.Error, match=message):
        database.execute(statement)


def test_foreign_keys_stay_on_inside_a_transaction(database):
    assert rules("BEGIN; PRAGMA foreign_keys = OFF; COMMIT")[1] == "pragma-in-transaction"
    database.execute("PRAGMA foreign_keys = OFF")
    assert database.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_rebuild_keeps_what_it_copies(database):
    rebuild = ["CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT)", "INSERT INTO n SELECT id, a FROM t", "DROP TABLE t", "ALTER TABLE n RENAME TO t"]
    assert rules(";".join(rebuild)) == ["creating-table", "new-table", "table-rebuild", "table-rebuild"]
    database.execute("DROP VIEW v")
    for statement in rebuild:
        database.execute(statement)
    assert database.execute("SELECT * FROM t").fetchall() == [(1, "-1")]
