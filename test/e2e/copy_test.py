# SPDX-License-Identifier: Apache-2.0
"""`tenon copy`: an app moves from SQLite to PostgreSQL, and back, and nobody can tell by its answers."""

import contextlib
import json
import os
import pathlib
import pty
import random
import re
import signal
import sqlite3
import subprocess

import pytest

from server import BINARY, SCALE, WRAP, run_tenon

URL = "/api/v1"
ROWS = 50_000
APP = """
api: {page: {max: 100}}
timeouts: {handler: 1s}
resources:
  people:
    id: int
    fields:
      name: text(1..80) required
      email: email required unique
      secret: password
      boss: people on_delete(set_null)
      favourite: things on_delete(set_null)
    search: [name]
    access: {all: true}
  things:
    fields:
      number: int
      ratio: float
      price: decimal(12,2)
      fine: decimal(18,6)
      flag: bool
      title: text
      mail: email
      kind: enum(cat, dog, eel)
      day: date
      at: datetime
      ref: uuid
      link: url
      note: text hidden
      tags: list(text)
      counts: list(int)
      extra: json
      owner: people index
      parent: things on_delete(cascade)
    indexes:
      - kind, -at
      - {fields: title, where: "flag == true", unique: true}
      - {fields: number, include: [title]}
    search: [title, link]
    access: {all: true}
  events:
    id: int
    fields:
      kind: enum(a, b, c) = a
      amount: decimal(18,2) required = 0
      at: datetime required
      person: people required index
      thing: things
    access: {all: true}
"""
TITLES = ["rain", "Rain", "Žluť", "ÄRGER", "Σίσυφος", "", "100%", "a_b", "it's", '"q"', "\\", "日本", "naïve", "e\u0301", "🦔", "tab\tline\n", "x" * 2000]
VALUES = {
    "number": [0, 1, -1, 2**53, -(2**63), 2**63 - 1],
    "ratio": [0.0, 1.5, -1.7976931348623157e308, 5e-324, 0.1],
    "price": ["0.00", "-0.01", "1.50", "9999999999.99", "-9999999999.99"],
    "fine": ["0.000001", "-999999999999.999999", "7"],
    "flag": [False],
    "title": TITLES,
    "mail": ["a@x.org", "A@X.ORG"],
    "kind": ["cat", "dog", "eel"],
    "day": ["2026-01-02", "0001-01-01", "9999-12-31", "2024-02-29"],
    "at": ["2026-01-02T03:04:05.678901Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z"],
    "ref": ["01890a5d-ac96-774b-bcce-b302099a8057", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "link": ["http://x.org/Rain"],
    "note": ["unseen"],
    "tags": [[], ["a", "ä", "it's"]],
    "counts": [[], [2**63 - 1, -5]],
    "extra": [{"z": 1, "a": [1, 2.50, None, "é"], "n": {}}, [], "text", 1e2, True],
}
LISTS = [
    "things?sort=title,id&limit=100",
    "things?sort=-price,id&limit=50",
    "things?fields=id,title,tags,counts,extra&sort=id",
    "things?expand=owner,parent.owner&sort=id&limit=40",
    "things?where=price > 1 || title ~ 'RAIN'&sort=id",
    "things?kind=cat&sort=-at,id",
    "things?number=-9223372036854775808",
    "things?at=0001-01-01T00:00:00Z",
    "things?mail=a@x.org&sort=id",
    "things?search=rain",
    "things?search=nai",
    "things?where=owner.boss.name ~ 'PERSÓN'&sort=id",
    "people?sort=id&expand=boss,favourite&limit=100",
    "people?search=person",
    "events?limit=100",
    "events?sort=-at,id&person=7",
    "events?where=amount > 4999.5&sort=-amount,id&limit=100",
    "events?kind=b&expand=person&limit=5&page=3",
]


def seed(server):
    """Rows of every kind through the API, and many events past it."""
    dice, client = random.Random(5), server.client
    people = [{"name": f"Persón {i}", "email": f"P{i}@x.org", "secret": "open sesame"[: 11 if i < 2 else 0] or None} for i in range(1, 21)]
    assert client.post(f"{URL}/people", json=people).status == 201
    things = [{name: dice.choice(values) for name, values in VALUES.items() if dice.random() < 0.7} for _ in range(200)]
    things = [{**thing, "owner": dice.randint(1, 20)} for thing in things] + [{}, {"flag": True, "title": "only one"}]
    ids = [row["id"] for at in range(0, len(things), 100) for row in client.post(f"{URL}/things", json=things[at : at + 100]).data]
    for i, name in enumerate(ids[:20]):  # cycles: a boss of a boss, a parent of itself, people and things in a ring
        assert client.patch(f"{URL}/things/{name}", json={"parent": ids[(i * 7) % 20]}).status == 200
        assert client.patch(f"{URL}/people/{i + 1}", json={"boss": (i + 7) % 20 + 1, "favourite": name}).status == 200
    now = "2026-01-02T03:04:05.{:06d}Z"
    rows = [(i, "abc"[i % 3], dice.randint(-500000, 500000), now.format(i), i % 20 + 1, ids[i % 200] if i % 5 else None, now.format(0), now.format(1)) for i in range(1, ROWS + 1)]
    with contextlib.closing(sqlite3.connect(server.directory / "data/app.db")) as db:
        db.executemany("insert into events (id, kind, amount, at, person, thing, created_at, updated_at, version) values (?, ?, ?, ?, ?, ?, ?, ?, 3)", rows)
        db.commit()


def copy(server, *arguments, **options):
    """Runs the command in the server's folder."""
    return run_tenon("copy", *arguments, directory=server.directory, timeout=60, **options)


def copied(server, *arguments):
    done = copy(server, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def moved(serve_module, postgres):
    """The same app four times: the one that was filled, its copy on PostgreSQL, that one's copies on either."""
    old = serve_module(APP, database=None)
    seed(old)
    key = {"Idempotency-Key": "first-try-00001"}
    old.answer = old.client.post(f"{URL}/events", json={"at": "2026-05-05T00:00:00Z", "person": 1}, headers=key)
    last = old.client.post(f"{URL}/people", json={"name": "gone", "email": "gone@x.org"}).data["id"]
    assert old.client.delete(f"{URL}/people/{last}").status == 204
    old.next_id = last + 1
    urls = [postgres.create_database(), f"sqlite:{old.directory}/back.db", postgres.create_database()]
    old.report = copied(old, "sqlite:data/app.db", urls[0])
    back, again = copied(old, urls[0], urls[1]), copied(old, urls[0], urls[2])
    assert sums(back) == sums(again) == sums(old.report)
    return [old] + [serve_module(APP, database=url) for url in urls]


def sums(report):
    return {table["name"]: (table["rows"], table["checksum"]) for table in report["tables"]}


def test_the_report_has_every_table_with_its_rows(moved):
    rows = {table["name"]: table["rows"] for table in moved[0].report["tables"]}
    own = {name: count for name, count in rows.items() if name.startswith("_tenon_")}
    assert {name: count for name, count in rows.items() if name not in own} == {"people": 20, "things": 202, "events": ROWS + 1}
    assert own.pop("_tenon_idempotency") == 1 and own.pop("_tenon_secret") >= 3  # of cursors, of tokens, of what is signed
    assert {"_tenon_grants", "_tenon_keys", "_tenon_resets", "_tenon_attempts", "_tenon_codes", "_tenon_consents", "_tenon_identities", "_tenon_states"} <= set(own)
    assert moved[0].report["rows"] == sum(rows.values())


@pytest.mark.parametrize("path", LISTS)
def test_every_copy_answers_byte_by_byte_like_its_source(moved, path):
    resource, _, query = path.partition("?")
    pairs = [tuple(part.split("=", 1)) for part in query.split("&")]
    answers = [server.client.get(f"{URL}/{resource}", query=pairs) for server in moved]
    assert answers[0].status == 200 and answers[0].data, answers[0]
    for answer in answers[1:]:
        assert answer.body == answers[0].body


def test_single_rows_have_the_same_bodies_and_entity_tags(moved):
    for row in moved[0].client.get(f"{URL}/things", query={"limit": 100}).data:
        first, *others = [server.client.get(f"{URL}/things/{row['id']}") for server in moved]
        assert {(answer.status, answer.body, answer.etag) for answer in others} == {(200, first.body, first.etag)}


def test_a_cursor_of_the_old_server_goes_on_at_the_new_one(moved):
    first = moved[0].client.get(f"{URL}/events", query={"limit": 7, "sort": "-at"})
    query = {"limit": 7, "sort": "-at", "after": first.json["pagination"]["nextCursor"]}
    expected, *others = [server.client.get(f"{URL}/events", query=query) for server in moved]
    assert expected.status == 200
    for answer in others:
        assert answer.body == expected.body


def test_an_idempotency_key_is_answered_as_before(moved):
    event, key = {"at": "2026-05-05T00:00:00Z", "person": 1}, {"Idempotency-Key": "first-try-00001"}
    assert moved[0].answer.status == 201
    for server in moved:
        answer = server.client.post(f"{URL}/events", json=event, headers=key)
        assert (answer.status, answer.body, answer.headers["Idempotency-Replayed"]) == (201, moved[0].answer.body, "true")


def test_ids_go_on_where_they_were_and_none_is_given_twice(moved):
    for server in moved:
        person = server.client.post(f"{URL}/people", json={"name": "new", "email": "new@x.org"}).data["id"]
        event = server.client.post(f"{URL}/events", json={"at": "2026-05-05T00:00:00Z", "person": person}).data["id"]
        assert (person, event) == (moved[0].next_id, ROWS + 2)


def test_a_copy_has_the_rules_of_its_source(moved):
    for server in moved:
        client = server.client
        assert client.post(f"{URL}/people", json={"name": "x", "email": "p1@X.org"}).status == 409
        assert client.post(f"{URL}/things", json={"flag": True, "title": "only one"}).status == 409
        assert client.post(f"{URL}/events", json={"at": "2026-01-01T00:00:00Z", "person": 999}).status in (400, 409)
        person = client.post(f"{URL}/people", json={"name": "b", "email": "b@x.org"}).data["id"]
        under = client.post(f"{URL}/people", json={"name": "c", "email": "c@x.org", "boss": person}).data
        assert client.delete(f"{URL}/people/{person}").status == 204
        after = client.get(f"{URL}/people/{under['id']}").data
        assert after["boss"] is None and after["version"] == under["version"] + 1


def test_migrations_go_on_behind_a_move_on_either_database(serve, postgres):
    server, url = serve(SMALL), postgres.create_database()
    migrate = lambda *arguments: run_tenon("migrate", *arguments, directory=server.directory)  # noqa: E731
    grown = SMALL.replace("title: text", "title: text\n      more: int = 7")
    assert migrate("diff").returncode == 0
    server.app_path.write_text(server.app_path.read_text().replace("title: text", "title: text\n      more: int = 7"))
    assert migrate("diff").returncode == 0
    done = copy(server, "sqlite:data/app.db", url)
    assert done.returncode == 1 and "the database lacks migrations" in done.stderr and is_untouched(postgres, url)
    assert migrate("up").returncode == 0
    server.app_text = grown
    assert server.restart().client.post(f"{URL}/notes", json={"title": "rain"}).data["more"] == 7
    copied(server, "sqlite:data/app.db", url)
    copied(server, url, "sqlite:data/back.db")
    for database in (url, "sqlite:data/back.db"):
        rows = migrate("status", "--database", database).stdout.splitlines()
        assert len(rows) == 2 and all("applied" in row for row in rows), rows
    files = {f"migrations/{path.name}": path.read_text() for path in (server.directory / "migrations").iterdir()}
    assert serve(grown, database=url, files=files).client.get(f"{URL}/notes").data[0]["more"] == 7


# What is refused

SMALL = """
resources:
  notes:
    fields:
      title: text
      price: decimal(6,2)
      day: date
      at: datetime
      done: bool
      code: uuid
      extra: json
      parent: notes
    indexes: [title]
    access: {all: true}
"""


@pytest.fixture
def small(serve):
    server = serve(SMALL)
    assert server.client.post(f"{URL}/notes", json={"title": "rain", "price": "1.50"}).status == 201
    return server


def is_untouched(postgres, url):
    return postgres.sql(url, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == "0"


def test_a_target_that_is_not_empty_is_left_alone(small, postgres):
    url = postgres.create_database()
    copied(small, "sqlite:data/app.db", url)
    postgres.sql(url, "update notes set title = 'kept'")
    done = copy(small, "sqlite:data/app.db", url)
    assert done.returncode == 1 and 'the target has a table "notes" already' in done.stderr and "hint:" in done.stderr
    assert postgres.sql(url, "select title from notes") == "kept"


def test_a_table_of_somebody_else_is_neither_copied_nor_touched(small, postgres):
    url = postgres.create_database()
    postgres.sql(url, "create table other (a int)")
    small.execute("create table legacy (a)")
    done = copy(small, "sqlite:data/app.db", url)
    assert done.returncode == 0, done.stderr
    assert 'warning: the table "legacy" is not in the app file: it is not copied' in done.stderr
    assert postgres.sql(url, "select count(*) from other") == "0"


WRONG = [
    (["sqlite:data/app.db"], 2, "say what to copy from and to"),
    (["sqlite:data/nothing.db", "sqlite:data/to.db"], 1, "the source: there is no database at data/nothing.db"),
    (["mysql://x", "sqlite:data/to.db"], 1, "the source: "),
    (["sqlite:data/app.db", "mysql://x"], 1, "the target: "),
    (["sqlite:data/app.db", "sqlite:data/app.db"], 1, "the source and the target are one"),
    (["sqlite:data/app.db", "sqlite:./data/app.db"], 1, 'the target has a table "notes" already'),
    (["sqlite:data/app.db", "postgres://127.0.0.1:1/x"], 1, "the target: the database cannot be connected to: "),
    (["sqlite:data/app.db", "sqlite:data/to.db", "none.yaml"], 1, "none.yaml"),
    (["sqlite:data/app.db", "sqlite:data/to.db", "app.yaml", "more"], 2, "one argument too many"),
]


@pytest.mark.parametrize("arguments, code, words", WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_what_cannot_be_begun_is_said(small, arguments, code, words):
    done = copy(small, *arguments)
    assert (done.returncode, done.stdout) == (code, "") and words in done.stderr
    assert not (small.directory / "data/nothing.db").exists()


def test_a_source_that_differs_from_the_app_file_is_refused(small, postgres):
    url = postgres.create_database()
    small.app_path.write_text(small.app_path.read_text().replace("day: date", "day: date\n      more: int"))
    done = copy(small, "sqlite:data/app.db", url)
    assert done.returncode == 1 and 'table "notes": column "more" is missing' in done.stderr
    assert is_untouched(postgres, url)


BAD = [
    ("title", "'a' || char(0) || 'b'", "holds a NUL byte"),
    ("title", "cast(x'fffe' as text)", "is not valid UTF-8"),
    ("price", "1000000", "has more digits"),
    ("day", "'2026-02-30'", "is not a date"),
    ("at", "'10000-01-01T00:00:00Z'", "is not a date and time"),
    ("done", "7", "is neither 0 nor 1"),
    ("code", "'1'", "is not a uuid"),
    ("extra", "'{oops'", "is not JSON"),
    ("parent", "'01890a5d-ac96-774b-bcce-b302099a8057'", "refers to"),
]


@pytest.mark.parametrize("column, value, words", BAD, ids=[f"{row[0]} {row[2]}" for row in BAD])
def test_a_value_that_postgresql_cannot_hold_is_told_with_its_row(small, postgres, column, value, words):
    url, name = postgres.create_database(), small.client.post(f"{URL}/notes", json={}).data["id"]
    small.execute(f"update notes set {column} = {value} where id = '{name}'")
    done = copy(small, "sqlite:data/app.db", url, "--json")
    items = json.loads(done.stdout)
    assert done.returncode == 1 and is_untouched(postgres, url)
    told = [item["message"] for item in items if words in item["message"]]
    assert len(told) == 1 and told[0].startswith('table "notes", id ') and name in told[0] and f'column "{column}"' in told[0]
    assert items[-1]["message"].endswith("nothing was copied") and items[-1]["hint"]


def test_all_bad_values_are_told_at_once_and_mended_rows_are_copied(small, postgres):
    url = postgres.create_database()
    for column, value, _ in BAD[:-1]:
        small.client.post(f"{URL}/notes", json={})
        small.execute(f"update notes set {column} = {value} where rowid = (select max(rowid) from notes)")
    done = copy(small, "sqlite:data/app.db", url)
    assert done.returncode == 1 and f"{len(BAD) - 1} values cannot be stored" in done.stderr
    for column, _, words in BAD[:-1]:
        assert f'column "{column}" {words}' in done.stderr
    small.execute("delete from notes where rowid > 1")
    assert copied(small, "sqlite:data/app.db", url)["tables"][0]["rows"] == 1


def test_what_only_the_server_refuses_undoes_everything(small, postgres):
    url = postgres.create_database()
    dice = random.Random(3)
    small.execute(f"update notes set title = '{''.join(chr(dice.randint(0x4E00, 0x9F00)) for _ in range(3000))}'")
    done = copy(small, "sqlite:data/app.db", url)
    assert done.returncode == 1 and "index row" in done.stderr and "hint: PostgreSQL indexes values" in done.stderr
    assert is_untouched(postgres, url)


# What happens meanwhile


@contextlib.contextmanager
def held(postgres, url, index):
    """The copy stops when it has come to this index, with all rows loaded, until the block ends."""
    holder = subprocess.Popen(["psql", "-XAtq", "-d", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write(f'begin; create table hold (a int); create index "{index}" on hold (a); select 1;\n')
    holder.stdin.flush()
    assert holder.stdout.readline() == "1\n"
    try:
        yield
    finally:
        holder.communicate("rollback;\n")


def begin_copy(server, *arguments):
    """Begins a copy and returns when it has loaded the last table."""
    command = [*WRAP, BINARY, "copy", *arguments]
    process = subprocess.Popen(command, cwd=server.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("copied _tenon_secret"):
            return process
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_copy_that_is_killed_leaves_nothing_and_can_be_run_again(small, postgres, number):
    url = postgres.create_database()
    with held(postgres, url, "notes_title"):
        process = begin_copy(small, "sqlite:data/app.db", url)
        process.send_signal(number)
        process.communicate(timeout=20 * SCALE)
        assert process.returncode == -number
    assert copied(small, "sqlite:data/app.db", url)["tables"][0]["rows"] == 1


def test_a_server_that_goes_away_meanwhile_is_told_and_leaves_nothing(small, postgres):
    url = postgres.create_database()
    with held(postgres, url, "notes_title"):
        process = begin_copy(small, "sqlite:data/app.db", url)
        end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tenon copy' and datname = current_database()"
        assert postgres.sql(url, end) == "t"
        printed, told = process.communicate(timeout=20 * SCALE)
    assert (process.returncode, printed) == (1, "") and re.match("error: the target could not be made: .*connection", told)
    assert is_untouched(postgres, url)
    assert copied(small, "sqlite:data/app.db", url)["tables"][0]["rows"] == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_copy_that_is_killed_at_any_moment_is_whole_or_nothing(small, postgres, kind, size):
    small.execute("insert into notes (id, title, created_at, updated_at, version) with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) "
                  "select printf('01890a5d-ac96-774b-bcce-%012x', i), i, '2026-01-02T03:04:05.000000Z', '2026-01-02T03:04:05.000000Z', 1 from n")  # fmt: skip
    dice, ends = random.Random(8), []
    url = postgres.create_database() if kind == "postgres" else f"sqlite:{small.directory}/data/to0.db"
    for number in range(size(8, 200)):
        process = subprocess.Popen([*WRAP, BINARY, "copy", "sqlite:data/app.db", url], cwd=small.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.random() * 0.25 * SCALE)
        process.kill()
        ends.append(process.wait())
        rows = count_notes(small, postgres, url)
        assert rows == 10001 if process.returncode == 0 else rows in (None, 10001)
        if rows:
            url = postgres.create_database() if kind == "postgres" else f"sqlite:{small.directory}/data/to{number + 1}.db"
    assert copied(small, "sqlite:data/app.db", url)["tables"][0]["rows"] == 10001
    assert -signal.SIGKILL in ends


def count_notes(server, postgres, url):
    """The rows of the copy; None: there is no table."""
    if url.startswith("postgres"):
        postgres.sql(url, "select pg_advisory_lock(500068215662)")  # the transaction of who was killed has ended
        there = postgres.sql(url, "select to_regclass('notes') is not null") == "t"
        return int(postgres.sql(url, "select count(*) from notes")) if there else None
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:"))) as db:
        there = db.execute("select count(*) from sqlite_schema where name = 'notes'").fetchone()[0]
        return db.execute("select count(*) from notes").fetchone()[0] if there else None


def test_nobody_writes_to_the_source_while_it_is_copied(serve, postgres):
    server, url = serve(SMALL + "timeouts: {handler: 1s}\n"), postgres.create_database()
    with held(postgres, url, "notes_title"):
        process = begin_copy(server, "sqlite:data/app.db", url)
        assert server.client.post(f"{URL}/notes", json={"title": "late"}).status in (503, 504)
        assert server.client.get(f"{URL}/notes").data == []
    assert process.wait(20 * SCALE) == 0
    assert server.client.post(f"{URL}/notes", json={"title": "later"}).status == 201
    assert postgres.sql(url, "select count(*) from notes") == "0"
    process.communicate()


def test_unlocked_the_source_is_written_to_and_the_copy_is_one_moment_of_it(serve, postgres):
    server, url = serve(SMALL), postgres.create_database()
    assert server.client.post(f"{URL}/notes", json={"title": "before"}).status == 201
    with held(postgres, url, "notes_title"):
        process = begin_copy(server, "sqlite:data/app.db", url, "--unlocked")
        assert server.client.post(f"{URL}/notes", json={"title": "meanwhile"}).status == 201
    assert process.wait(20 * SCALE) == 0
    assert postgres.sql(url, "select title from notes") == "before"
    process.communicate()


def test_a_postgresql_source_is_kept_from_being_written_to(serve, postgres):
    server = serve(SMALL + "timeouts: {handler: 1s}\n", database=postgres.create_database())
    name = server.client.post(f"{URL}/notes", json={"title": "before"}).data["id"]
    url = postgres.create_database()
    with held(postgres, url, "notes_title"):
        process = begin_copy(server, server.database, url)
        assert server.client.patch(f"{URL}/notes/{name}", json={"title": "late"}).status in (503, 504)
    assert process.wait(20 * SCALE) == 0
    assert postgres.sql(url, "select title from notes") == "before"
    process.communicate()


# How it is done


@pytest.mark.skipif(bool(WRAP) or SCALE > 1, reason="the memory of what watches it would count, too")
def test_memory_does_not_grow_with_the_rows(small, postgres):
    small.execute("insert into notes (id, title, extra, created_at, updated_at, version) with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500) "
                  "select printf('01890a5d-ac96-774b-bcce-%012x', i), i, '\"' || hex(zeroblob(40000)) || '\"', '2026-01-02T03:04:05.000000Z', '2026-01-02T03:04:05.000000Z', 1 from n")  # fmt: skip
    assert (small.directory / "data/app.db").stat().st_size + (small.directory / "data/app.db-wal").stat().st_size > 100e6
    process = subprocess.Popen([BINARY, "copy", "sqlite:data/app.db", postgres.create_database()], cwd=small.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most_kb = 0
    while process.poll() is None:  # what wait4() tells counts this process, too, from before the exec
        with contextlib.suppress(OSError, IndexError, subprocess.TimeoutExpired):
            most_kb = int(pathlib.Path(f"/proc/{process.pid}/status").read_text().split("VmHWM:")[1].split()[0])
            process.wait(0.01)
    assert process.returncode == 0 and 0 < most_kb < 64 * 1024, most_kb


def test_a_terminal_sees_how_far_it_is(small, postgres):
    leader, follower = pty.openpty()
    process = subprocess.Popen([BINARY, "copy", "sqlite:data/app.db", postgres.create_database()], cwd=small.directory, stdout=subprocess.PIPE, stderr=follower)
    os.close(follower)
    seen = b""
    with contextlib.suppress(OSError):  # the end, as a terminal says it
        while part := os.read(leader, 4096):
            seen += part
    os.close(leader)
    printed, _ = process.communicate()
    assert process.returncode == 0
    for words in (b"\rcopying notes  [", b"\rfinishing notes_", b"\rverifying notes  [", b"rows", b"statements"):
        assert words in seen
    assert printed.splitlines()[0].startswith(b"table ") and printed.splitlines()[1].startswith(b"notes ")
