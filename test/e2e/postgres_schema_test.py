# SPDX-License-Identifier: Apache-2.0
"""The tables of an app on PostgreSQL: made once, compared exactly, extended by dev, left alone by everything else."""

import concurrent.futures

import pytest

from server import Server, run_tenon

BASE = """
resources:
  users:
    fields: {mail: email required unique, name: text(1..80)}
    access: {all: true}
  notes:
    fields:
      title: text(1..200) required
      price: decimal(12,2) = 1.50
      flag: bool = true
      kind: enum(a, b) = a
      at: datetime
      tags: list(text)
      owner: users on_delete(set_null)
      a_name_as_long_as_names_may_be_so_that_its_indexes_are_cut: int
    indexes:
      - kind, -at
      - {fields: title, unique: true, where: "flag == true", include: [price]}
      - a_name_as_long_as_names_may_be_so_that_its_indexes_are_cut, kind
    search: [title]
    access: {all: true}
"""


@pytest.fixture
def url(postgres):
    return postgres.create_database()


def sql(postgres, url, text):
    return postgres.sql(url, text)


def check(tmp_path, app, url, command="serve"):
    """Runs it up to what it says of the database; the exit code and stderr."""
    (tmp_path / "app.yaml").write_text(f"database: {url}\n{app}")
    done = run_tenon(command, "app.yaml", "--listen", "256.0.0.1:1", directory=tmp_path)  # it cannot listen there, and so it ends
    return done.returncode, done.stderr


def test_what_serve_has_made_is_what_it_finds_the_next_time(serve, url):
    server = serve(BASE, database=url)
    assert server.client.post("/api/v1/notes", {"title": "kept"}).status == 201
    server.restart()
    assert [row["title"] for row in server.client.get("/api/v1/notes").data] == ["kept"]


def test_two_nodes_that_start_at_once_make_the_tables_once(tmp_path, url):
    servers = [Server(BASE, tmp_path / str(number), database=url) for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda server: server.start(), servers))
    for server in servers:
        assert server.client.post("/api/v1/notes", {"title": f"of {server.port}"}).status == 201
    assert servers[0].client.get("/api/v1/notes").json["pagination"]["total"] == 4
    cursor = servers[0].client.get("/api/v1/notes?limit=2").json["pagination"]["nextCursor"]
    assert len(servers[1].client.get(f"/api/v1/notes?limit=2&after={cursor}").data) == 2
    for server in servers:
        server.stop()
        server.judge()


@pytest.mark.parametrize(
    "before, after, said",
    [
        ("price: decimal(12,2) = 1.50", "price: decimal(12,3)", 'column "price" is numeric(12,2), in the app file numeric(12,3)'),
        ("at: datetime", "at: text", 'column "at" is timestamp with time zone, in the app file text COLLATE "C"'),
        ("at: datetime", "at: datetime required", 'column "at" may be null, in the app file it is required'),
        ("at: datetime", "at: datetime\n      more: text", 'column "more" is missing'),
        ("mail: email required unique, ", "", 'column "mail" is not in the app file, and may not be null'),
        ("on_delete(set_null)", "on_delete(cascade)", 'reference "notes_owner_fkey" is not as in the app file'),
        ("- kind, -at", "- kind, at", "index"),
        ("search: [title]", "search: [title, kind]", "is not as in the app file"),
    ],
)
def test_serve_refuses_what_differs_and_says_how(serve, tmp_path, url, before, after, said):
    serve(BASE, database=url).stop()
    assert before in BASE
    changed = BASE.replace(before, after)
    code, stderr = check(tmp_path, changed, url)
    assert code == 1 and "the database differs from the app file" in stderr and said in stderr, stderr


def test_a_column_without_which_rows_can_be_written_may_be_there(serve, postgres, url):
    server = serve(BASE, database=url)
    sql(postgres, url, "alter table notes add extra text unique, add count int not null default 3, add by uuid references users (id)")
    server.restart()
    assert server.client.post("/api/v1/notes", {"title": "a"}).status == 201


def test_dev_adds_what_is_new_and_remakes_what_is_derived(serve, url):
    server = serve(BASE, database=url)
    note = server.client.post("/api/v1/notes", {"title": "rain boots"}).data
    server.stop()
    more = BASE.replace("on_delete(set_null)", "on_delete(cascade)").replace("search: [title]", "search: [title, kind]")
    more = more.replace("at: datetime", "at: datetime\n      pages: int required = 7\n      seen: places")
    more += "  places:\n    fields: {name: text required unique}\n    access: {all: true}\n"
    server = serve(more, database=url, command="dev")
    client = server.client
    row = client.get(f"/api/v1/notes/{note['id']}").data
    assert row["pages"] == 7 and row["seen"] is None and row["title"] == "rain boots"
    assert client.get("/api/v1/notes", query={"search": "boots a"}).json["pagination"]["total"] == 1
    place = client.post("/api/v1/places", {"name": "here"}).data["id"]
    assert client.patch(f"/api/v1/notes/{note['id']}", {"seen": place}).status == 200
    assert client.delete(f"/api/v1/places/{place}").status == 409
    server.stop()
    server.judge()
    assert serve(more, database=url).client.get("/api/v1/notes").status == 200


def test_dev_refuses_what_would_touch_a_stored_value(serve, tmp_path, url):
    serve(BASE, database=url).stop()
    code, stderr = check(tmp_path, BASE.replace("decimal(12,2) = 1.50", "int"), url, "dev")
    assert code == 1 and "numeric(12,2)" in stderr


def test_other_tables_in_the_database_are_left_alone(serve, postgres, url):
    postgres.sql(url, "create table theirs (id int primary key, x text); insert into theirs values (1, 'kept'); create view v as select 1 as one")
    server = serve(BASE, database=url)
    server.restart()
    assert postgres.sql(url, "select x from theirs") == "kept"


def test_a_unique_conflict_names_its_field_whatever_the_index_is_called(serve, url):
    client = serve(BASE, database=url).client
    assert client.post("/api/v1/users", {"mail": "Ann@x.org"}).status == 201
    answer = client.post("/api/v1/users", {"mail": "ann@X.org"})
    assert answer.status == 409 and answer.error["fields"] == {"mail": "is already taken"}
    client.post("/api/v1/notes", {"title": "one"})
    answer = client.post("/api/v1/notes", {"title": "one"})
    assert answer.status == 409 and answer.error["fields"] == {"title": "is already taken"}
    assert client.post("/api/v1/notes", {"title": "one", "flag": False}).status == 201


def test_a_row_that_loses_its_reference_gets_a_new_version(serve, url):
    client = serve(BASE, database=url).client
    user = client.post("/api/v1/users", {"mail": "b@x.org"}).data["id"]
    note = client.post("/api/v1/notes", {"title": "owned", "owner": user})
    assert client.delete(f"/api/v1/users/{user}").status == 204
    after = client.get(note.headers["Location"])
    assert after.data["owner"] is None and after.data["version"] == 2 and after.etag == '"2"'
    assert after.data["updated_at"] > note.data["updated_at"]


def test_a_database_of_another_encoding_is_refused_with_the_reason(postgres, tmp_path):
    postgres.sql(postgres.url("postgres"), "create database latin encoding 'LATIN1' template template0 locale 'C'")
    code, stderr = check(tmp_path, BASE, postgres.url("latin"))
    assert code == 1 and "encoding is not UTF8" in stderr
