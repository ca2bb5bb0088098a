# SPDX-License-Identifier: Apache-2.0
"""A script that is cut here and run piece by piece does what it does when psql, or SQLite, cuts it."""

import json
import sqlite3
import subprocess

import pytest

from postgres import programs
from server import ROOT

PRINT = ROOT / "build/test/data/verdict_print"

POSTGRES = {
    "strings": "SELECT 'a;''b'; SELECT E'a\\';b', 'c\\'; SELECT 3",
    "strings that go on": "SELECT E'a'\n \n 'b;'; SELECT 'a'\n'\\'; SELECT 3",
    "unicode and bit strings": "SELECT U&'d\\0061t\\+000061;', U&'!0061;' UESCAPE '!'; SELECT B'01', X'1F', N'a;'",
    "names": 'SELECT 1 AS "a;""b", 2 AS c$d$; SELECT 3 AS é$;',
    "dollar quotes": "SELECT $$a;$b$;$$, $b$;$$;$b$; SELECT $é$;$é$; SELECT 3",
    "comments": "SELECT 1 /* /* ; */ ; */ -- ;\n; -- SELECT 9;\n/* SELECT 9; */ SELECT 2;;",
    "a body": "CREATE FUNCTION f(a int) RETURNS text BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN 'p;' ELSE 'n' END; SELECT 'q'; END;\nSELECT f(1)",
    "a procedure": "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC; END; CALL p(); SELECT 1",
    "a function's text": "CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF true THEN RETURN 1; END IF; END; $$; SELECT g()",
    "a rule": "CREATE TABLE t (a int); CREATE TABLE l (a int);\nCREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO l VALUES (1); INSERT INTO l VALUES (2));\n"
    "INSERT INTO t VALUES (5); SELECT a FROM l ORDER BY a",
    "a transaction": "BEGIN; SELECT 1; END; BEGIN; SELECT 2; ROLLBACK",
    "operators": "SELECT 5 - -3, 8 / 2 * 3, (ARRAY[1,2])[1]; SELECT 1::text || ';'",
}

SQLITE = {
    "strings and names": "CREATE TABLE t (\"a;\" TEXT, [b;'c] TEXT, `d;``e` TEXT); INSERT INTO t VALUES (';', 'it''s;', 'E\\'); SELECT * FROM t",
    "comments": "CREATE TABLE t (a) /* /* ; */; -- ;\nINSERT INTO t VALUES (1); /* SELECT; */ INSERT INTO t VALUES (2);;",
    "a trigger": "CREATE TABLE t (a); CREATE TABLE l (a);\nCREATE TRIGGER g AFTER INSERT ON t BEGIN\n INSERT INTO l VALUES (CASE WHEN new.a THEN ';' ELSE 'n' END);"
    "\n INSERT INTO l SELECT 2; -- END;\n END ; INSERT INTO t VALUES (1)",
    "a temporary trigger": "CREATE TABLE t (a); create temp trigger if not exists g insert on t begin select 1; end; INSERT INTO t VALUES (1)",
    "words of triggers": "CREATE TABLE \"trigger\" (\"end\"); CREATE TABLE begin_end (a); INSERT INTO begin_end VALUES (1)",
}


def pieces(dialect, script):
    done = subprocess.run([PRINT, dialect], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list({found["statement"]: found["text"] for found in map(json.loads, done.stdout.splitlines())}.values())


def psql(url, *arguments, text=""):
    done = subprocess.run([programs() / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", POSTGRES)
def test_psql_cuts_the_same(postgres, name):
    script = POSTGRES[name]
    whole = psql(postgres.create_database(), "-f", "-", text=script)
    url = postgres.create_database()
    session = [part for piece in pieces("postgres", script) for part in ("-c", piece)]  # each -c is sent as one piece
    assert psql(url, *session) == whole
    assert whole.strip()


def test_the_server_lets_an_escape_string_go_on_behind_a_comment(postgres):
    """With an escaped quote in the next line psql does not: it reads a line at a time. What counts is what the server makes of a piece."""
    (piece, last) = pieces("postgres", "SELECT E'a' -- it's\n  '\\';b'; SELECT 3")
    assert psql(postgres.url("postgres"), "-c", piece) == "a';b\n"
    assert last == "SELECT 3"


def dump(connection):
    return list(connection.iterdump())


@pytest.mark.parametrize("name", SQLITE)
def test_sqlite_cuts_the_same(name):
    whole, cut = sqlite3.connect(":memory:", isolation_level=None), sqlite3.connect(":memory:", isolation_level=None)
    whole.executescript(SQLITE[name])
    for piece in pieces("sqlite", SQLITE[name]):
        assert sqlite3.complete_statement(piece + ";")
        cut.execute(piece)  # which refuses more than one statement
    assert dump(cut) == dump(whole)
    assert len(dump(cut)) > 3


def test_a_whole_database_is_cut_and_understood(shared):
    """Chinook as it is published: what psql's own commands do (\\c) is all that is not known of it."""
    script = (shared / "chinook/Chinook_Sqlite.sql").read_text(encoding="utf-8-sig")
    whole, cut = sqlite3.connect(":memory:", isolation_level=None), sqlite3.connect(":memory:", isolation_level=None)
    whole.executescript(script)
    for piece in pieces("sqlite", script):
        cut.execute(piece)
    assert dump(cut) == dump(whole)
    script = (shared / "chinook/Chinook_PostgreSql.sql").read_text(encoding="utf-8")
    done = subprocess.run([PRINT, "postgres"], input=script.replace("\\c chinook;", ""), capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {verdict["level"] for verdict in found} == {"safe", "destructive"}
    assert [verdict["rule"] for verdict in found if verdict["level"] == "destructive"] == ["ban-drop-database"]
    assert {verdict["table"] for verdict in found if verdict["rule"] == "creating-table"} >= {"album", "track", "playlist_track"}
