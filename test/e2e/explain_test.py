# SPDX-License-Identifier: Apache-2.0
"""`tenon explain`: what a request asks of the database, and the index that it misses.

The advice is taken at its word: its patch is applied, the index is made, and the same request must then use it and read
hardly more rows than it returns."""

import contextlib
import json
import sqlite3
import subprocess

import pytest

from server import run_tenon

DATABASES = ("sqlite", "postgres")

APP = """
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, admin) = user
      password: password required
    access: {all: true}
  markets:
    fields:
      name: text(1..80) required
      status: enum(draft, active, closed) required
      volume: decimal(18,2)
      closes_on: date
      creator: users
      tags: list(text)
      level: int
    search: [name]
    access: {all: true}
  drafts:
    fields:
      title: text required
      # who wrote it
      author: users readonly = auth.id

    # what else
    access: {create: true, read: author == auth.id || role("admin")}
  few:
    fields: {kind: text}
    access: {all: true}
"""
ROWS = 3000


@pytest.fixture(scope="module")
def served(serve_module, request):
    server = serve_module(APP)
    server.sql = (lambda text: request.getfixturevalue("postgres").sql(server.database, text)) if server.database.startswith("postgres") else lambda text: sqlite(server, text)
    client = server.client
    users = client.post("/api/v1/users", json=[{"name": f"u{i}", "email": f"u{i}@example.org", "password": "long enough", "role": "user"} for i in range(3)]).data
    server.users = [user["id"] for user in users]
    for begin in range(0, ROWS, 1000):
        rows = [
            {
                "name": f"market {i}",
                "status": ("draft", "active", "closed")[i % 3],
                "volume": f"{i * 7919 % ROWS}.00" if i % 50 else None,
                "closes_on": f"20{i % 30 + 10}-01-01",
                "creator": server.users[i // 3 % 3],
                "tags": [f"tag{i % 500}"],
                "level": i % 5,
            }
            for i in range(begin, begin + 1000)
        ]
        assert client.post("/api/v1/markets", json=rows).status == 201
    assert client.post("/api/v1/few", json=[{"kind": "a"}, {"kind": "b"}]).status == 201
    if server.database.startswith("postgres"):
        server.sql("ANALYZE")  # as the server itself does after a while
    return server


def sqlite(server, text):
    with contextlib.closing(sqlite3.connect(server.directory / "data/app.db")) as connection:
        connection.execute(text)
        connection.commit()


def run(server, request, *options):
    return run_tenon("explain", request, "app.yaml", *options, directory=server.directory)


def explain(server, request, *options):
    done = run(server, request, "--json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def statement_of(report, resource="markets", is_count=False):
    found = [statement for statement in report["statements"] if statement["resource"] == resource and statement["isCount"] == is_count]
    assert len(found) == 1, report
    return found[0]


def apply(server, patch):
    """The patch, as a person applies it, and what `tenon dev` makes of it; returns the directory with the new app file."""
    done = subprocess.run(["patch", "-p1"], cwd=server.directory, input=patch, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + patch
    run_tenon("dev", "app.yaml", "--listen", "256.0.0.1:1", directory=server.directory)  # it adds the index, and cannot listen


# Each request lacks an index; the advice is this one.
LACKING = [
    ("status=active&sort=-volume&limit=20", "status, -volume"),
    ("status=active&closes_on=2012-01-01", "status, closes_on"),
    ("sort=name&limit=10", "name"),
    ("sort=-volume,name&limit=10", "-volume, name"),
    ("volume[gte]=2990&sort=volume", "volume"),
    ("name[in]=market 5,market 6", "name"),
    ("where=volume == null && status == 'draft'&sort=closes_on&limit=5&count=none", "volume, status, closes_on"),
    ("closes_on=2012-01-01&sort=-name&limit=5&expand=creator", "closes_on, -name"),
]


@pytest.mark.parametrize("query,index", LACKING)
def test_the_index_that_is_advised_is_used_and_reads_only_what_is_returned(served, query, index):
    before = (served.directory / "app.yaml").read_text()
    request = f"GET /api/v1/markets?{query}"
    report = explain(served, request)
    assert [advice["index"].removesuffix(", id") for advice in report["advice"]] == [index], report
    scanned = statement_of(report)["scanned"]
    name = "markets_" + report["advice"][0]["index"].replace("-", "").replace(", ", "_")
    try:
        apply(served, report["advice"][0]["patch"])
        after = explain(served, request)
        rows = statement_of(after)
        assert name in "".join(rows["plan"]), rows
        assert rows["scanned"] <= 2 * rows["returned"] + 100 and rows["scanned"] < scanned, rows
        assert after["advice"] == []
    finally:
        (served.directory / "app.yaml").write_text(before)
        served.sql(f'DROP INDEX IF EXISTS "{name}"')


def test_an_index_of_what_lists_hold_is_advised_where_there_is_one(served):
    before = (served.directory / "app.yaml").read_text()
    request = "GET /api/v1/markets?where=tags ~ 'tag77'"
    report = explain(served, request)
    if not served.database.startswith("postgres"):
        assert report["advice"] == []
        return
    assert [advice["index"] for advice in report["advice"]] == ["{fields: tags, using: gin}"]
    try:
        apply(served, report["advice"][0]["patch"])
        after = explain(served, request)
        rows = statement_of(after)
        assert "markets_tags" in "".join(rows["plan"]) and rows["returned"] == rows["scanned"] == 6 and after["advice"] == []
    finally:
        (served.directory / "app.yaml").write_text(before)
        served.sql('DROP INDEX "markets_tags"')


def test_many_equal_rows_are_worth_the_id_in_the_index(served):
    """On SQLite, whose indexes end with a row's number; those that the engine makes on PostgreSQL end with the id."""
    before = (served.directory / "app.yaml").read_text()
    request = "GET /api/v1/markets?sort=-level&limit=5&count=none"
    expected = ["-level"] if served.database.startswith("postgres") else ["-level", "-level, id"]
    try:
        for index in expected:
            report = explain(served, request)
            assert [advice["index"] for advice in report["advice"]] == [index]
            apply(served, report["advice"][0]["patch"])
        after = explain(served, request)
        assert after["advice"] == [] and statement_of(after)["scanned"] <= 20, after
    finally:
        (served.directory / "app.yaml").write_text(before)
        served.sql('DROP INDEX IF EXISTS "markets_level"')
        served.sql('DROP INDEX IF EXISTS "markets_level_id"')


def test_rows_that_are_passed_over_are_wanted_too(served):
    rows = statement_of(explain(served, "GET /api/v1/markets?sort=id&limit=5&offset=1000&count=none"))
    assert 1000 <= rows["scanned"] <= 1010 and rows["note"] is None


def test_a_count_alone_is_reason_enough_for_an_index(served):
    before = (served.directory / "app.yaml").read_text()
    request = "GET /api/v1/markets?volume[gte]=2990"
    report = explain(served, request)
    assert [advice["index"] for advice in report["advice"]] == ["volume"] and statement_of(report, is_count=True)["scanned"] >= ROWS
    try:
        apply(served, report["advice"][0]["patch"])
        count = statement_of(explain(served, request), is_count=True)
        assert "markets_volume" in "".join(count["plan"]) and count["returned"] == 10 and count["scanned"] <= 20, count
    finally:
        (served.directory / "app.yaml").write_text(before)
        served.sql('DROP INDEX "markets_volume"')


def test_a_statement_is_shown_with_its_arguments_its_plan_and_its_rows(served):
    report = explain(served, "GET /api/v1/markets?status=closed&volume[gt]=100.50&limit=7&expand=creator")
    count, rows, creators = report["statements"]
    assert report["status"] == 200 and count["isCount"] and count["sql"].startswith("SELECT count(*)")
    assert "closed" in rows["arguments"] and rows["returned"] == 8 and rows["scanned"] >= 8 and rows["plan"]
    assert creators["resource"] == "users" and creators["returned"] == 3
    assert all(statement["ms"] >= 0 for statement in report["statements"])


@pytest.mark.parametrize("query", ["limit=20", "sort=id&limit=20", "search=market&limit=3&count=none", "creator={user}&limit=3&count=none"])
def test_what_needs_no_index_is_given_no_advice(served, query):
    report = explain(served, f"GET /api/v1/markets?{query.format(user=served.users[0])}")
    assert report["advice"] == [] or report["advice"][0]["index"] == "creator, id", report


def test_a_row_is_found_by_its_key(served):
    one = served.client.get("/api/v1/markets?limit=1").data[0]
    report = explain(served, f"GET /api/v1/markets/{one['id']}?expand=creator")
    assert [statement["returned"] for statement in report["statements"]] == [1, 1] and report["advice"] == []


def test_a_small_table_is_told_to_be_small(served):
    report = explain(served, "GET /api/v1/few?kind=a")
    assert report["advice"] == []
    assert statement_of(report, "few")["note"] == 'too small to matter: "few" has 2 rows'


def test_the_caller_decides_what_the_rule_asks(served):
    nobody = explain(served, "GET /api/v1/drafts")
    somebody = explain(served, "GET /api/v1/drafts", "--as", served.users[0])
    assert served.users[0] in statement_of(somebody, "drafts")["arguments"]
    assert served.users[0] not in statement_of(nobody, "drafts")["arguments"]


@pytest.mark.parametrize(
    "request_text,status,words",
    [
        ("GET /api/v1/markets?stats=active", 400, 'unknown field \\"stats\\"'),
        ("/api/v1/market", 404, "NOT_FOUND"),
        ("GET /api/v1/markets/0000", 404, "NOT_FOUND"),
        ("GET /api/v1/markets?limit=0", 400, "limit"),
    ],
)
def test_a_mistake_is_told_as_the_server_tells_it(served, request_text, status, words):
    done = run(served, request_text)
    assert done.returncode == 1 and f"answer: {status}" in done.stdout and words in done.stdout
    path = request_text.removeprefix("GET ")
    assert served.client.get(path).text in done.stdout


@pytest.mark.parametrize(
    "arguments,code,words",
    [
        (["POST /api/v1/markets", "app.yaml"], 2, "only GET can be explained"),
        (["", "app.yaml"], 2, "there is no request"),
        (["api/v1/markets", "app.yaml"], 2, "a method and a path"),
        (["GET", "/api/v1/markets"], 2, "in quotes"),
        ([], 2, "say which request"),
        (["GET /api/v1/markets", "app.yaml", "--as", "nobody"], 1, "--as names no account"),
        (["GET /api/v1/markets", "app.yaml", "--as", "00000000-0000-7000-8000-000000000000"], 1, "there is none with that id"),
        (["GET /api/v1/markets", "other.yaml"], 1, "other.yaml"),
    ],
)
def test_what_cannot_be_explained_is_told(served, arguments, code, words):
    done = run_tenon("explain", *arguments, directory=served.directory)
    assert done.returncode == code and words in done.stderr, (done.stdout, done.stderr)


def test_a_cursor_of_the_server_is_understood(served):
    cursor = served.client.get("/api/v1/markets?sort=name&limit=5").json["pagination"]["nextCursor"]
    report = explain(served, f"GET /api/v1/markets?sort=name&limit=5&after={cursor}")
    assert len(report["statements"]) == 1 and report["statements"][0]["returned"] == 6


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/auth/me"])
def test_signing_in_is_not_part_of_what_is_explained(served, path):
    done = run(served, f"GET {path}")
    assert done.returncode == 1 and done.stdout.startswith("answer: 404"), done.stdout


def test_a_role_that_may_only_read_is_enough(postgres, tmp_path):
    url = postgres.create_database()
    app = tmp_path / "app.yaml"
    app.write_text(f"database: {url}\nresources:\n  notes:\n    fields: {{title: text}}\n    access: {{all: true}}\n")
    run_tenon("serve", "app.yaml", "--listen", "256.0.0.1:1", directory=tmp_path)  # it makes the tables, and cannot listen
    postgres.sql(url, "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    try:
        app.write_text(app.read_text().replace("user=tenon", "user=reader"))
        done = run_tenon("explain", "/api/v1/notes", directory=tmp_path)
        assert "user=reader" in app.read_text() and done.returncode == 0 and "0 returned" in done.stdout, done.stderr
    finally:
        postgres.sql(url, "DROP OWNED BY reader; DROP ROLE reader")


def test_people_are_shown_the_same(served):
    done = run(served, "GET /api/v1/markets?status=active&sort=-volume&limit=20")
    assert done.returncode == 0
    for words in ("answer: 200", "count of markets", "plan:", "21 returned", "an index of markets would help", "   - status, -volume", "+      - status, -volume"):
        assert words in done.stdout, done.stdout


def test_a_database_that_differs_is_refused(served, tmp_path):
    app = (served.directory / "app.yaml").read_text().replace("name: text(1..80) required", "name: text(1..80) required\n      more: int", 1)
    (served.directory / "other.yaml").write_text(app)
    done = run_tenon("explain", "/api/v1/users", "other.yaml", directory=served.directory)
    assert done.returncode == 1 and 'column "more" is missing' in done.stderr


def test_explaining_makes_no_database(tmp_path):
    (tmp_path / "app.yaml").write_text("database: sqlite:data/app.db\n" + APP)
    done = run_tenon("explain", "/api/v1/users", "app.yaml", directory=tmp_path)
    assert done.returncode == 1 and "there is no database yet" in done.stderr and not (tmp_path / "data").exists()
