# SPDX-License-Identifier: Apache-2.0
"""tenon migrate, as a person uses it: the app file changes, files are written and looked at, the database follows.

After every change the server must take the database as the app file's own, and every row must be what it was.
"""

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess

import pytest

from server import run_tenon

DATABASES = ("sqlite", "postgres")

BEFORE = """
  items:
    fields:
      name:  text(1..80) required unique
      price: decimal(10,2) = 1
      note:  text(0..200)
      state: enum(new, old) required = new
      owner: owners on_delete(set_null) index
    indexes: [{fields: "state, -price", include: [name]}]
    search: [name]
    access: {all: true}
  owners:
    id: int
    fields:
      email: email required unique
      rank: int
    access: {all: true}
"""


class App:
    """An app file in a folder of its own, and its database."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url or f"sqlite:{folder}/shop.db"
        self.is_sqlite = self.url.startswith("sqlite:")
        self.kind = "sqlite" if self.is_sqlite else "postgres"

    def write(self, resources, more=""):
        self.text = f"name: shop\ndatabase: {self.url}\n{more}resources:{resources}"
        (self.folder / "app.yaml").write_text(self.text)
        return self

    def run(self, *args, code=0, **options):
        done = run_tenon(*args, directory=self.folder, **options)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def migrate(self, *args, **options):
        return self.run("migrate", *args, **options)

    def change(self, resources, *, names=None, contract=True):
        """The app file changes: diff, check, up. Returns the names of the migrations that are for this database."""
        before = self.pending()
        written = self.write(resources).migrate("diff").stdout.split()
        self.migrate("check")
        self.migrate("up")
        if contract:
            self.migrate("up", "--contract")
        assert before == []
        found = [re.sub(r".*\d{4}_(\w+)\..*", r"\1", path) for path in written if path.endswith(f"{self.kind}.up.sql")]
        assert names is None or found == names
        return found

    def status(self):
        return {entry["id"]: entry["state"] for entry in json.loads(self.migrate("status", "--json").stdout)}

    def pending(self):
        return [name for name, state in self.status().items() if state != "applied"]

    def file(self, name, way="up"):
        (path,) = self.folder.glob(f"migrations/*_{name}.{self.kind}.{way}.sql")
        return path

    def sql(self, text):
        """The rows of a statement as tuples; or one that changes something."""
        if not self.is_sqlite:
            done = subprocess.run(["psql", "-XAtq", "-F\t", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", text], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
        with contextlib.closing(sqlite3.connect(self.folder / "shop.db")) as db:
            db.execute("pragma foreign_keys=on")
            rows = [tuple("" if value is None else str(value) for value in row) for row in db.execute(text)]
            db.commit()
            return rows


@pytest.fixture
def app(tmp_path, database):
    return App(tmp_path, database())


@pytest.fixture(scope="module")
def filled(tmp_path_factory, database, serve_module):
    """An app with rows, whose first migration is applied: what each test begins with a copy of."""
    app = App(tmp_path_factory.mktemp("filled"), database()).write(BEFORE)
    app.migrate("diff")
    app.migrate("up")
    server = start(app, serve_module)
    owners = [server.client.post("/api/v1/owners", json={"email": f"o{i}@example.org", "rank": i}).data["id"] for i in range(3)]
    for i in range(30):
        body = {"name": f"item {i}", "price": f"{i}.25", "note": None if i % 5 == 0 else f"note {i}", "owner": owners[i % 3]}
        assert server.client.post("/api/v1/items", json=body).status == 201
    server.stop()
    return app


@pytest.fixture
def shop(tmp_path, filled, request):
    shutil.copytree(filled.folder, tmp_path, dirs_exist_ok=True)
    if filled.is_sqlite:
        return App(tmp_path, None).write(BEFORE)
    cluster = request.getfixturevalue("postgres")
    return App(tmp_path, cluster.create_database(template=re.search(r"/(\w+)\?", filled.url)[1])).write(BEFORE)


def files_of(app):
    return {f"migrations/{path.name}": path.read_text() for path in app.folder.glob("migrations/*")}


def start(app, serve, **options):
    return serve(app.text, database=app.url, files=files_of(app), **options)


def answers(app, serve, path):
    """What a new server says of all rows of a resource; it must take the database as it is."""
    server = start(app, serve)
    rows = [row for page in server.client.pages(path, sort="id") for row in page]
    server.stop()
    return rows


def without(rows, *names):
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


# Writing them


def test_the_first_migration_makes_everything_and_nothing_follows_while_nothing_changes(app, serve):
    app.write(BEFORE)
    written = app.migrate("diff").stdout.split()
    assert written == [
        *(f"migrations/0001_initial.{kind}.{way}.sql" for kind in ("sqlite", "postgres") for way in ("up", "down")),
        "migrations/schema.yaml",
    ]
    assert app.status() == {"0001_initial": "pending"}
    app.migrate("check")
    assert "applied 0001_initial" in app.migrate("up").stdout
    assert app.migrate("up").stdout == "nothing is pending\n"
    assert app.migrate("diff").stdout == "nothing has changed that a database would see\n"
    app.write(BEFORE.replace("access: {all: true}", "access: {read: true}").replace("text(0..200)", "text(0..100)"))
    assert app.migrate("diff").stdout == "nothing has changed that a database would see\n"
    assert answers(app, serve, "/api/v1/items") == []


def test_rows_survive_every_change_of_a_table(shop, serve):
    before = answers(shop, serve, "/api/v1/items")
    assert len(before) == 30
    changed = (
        BEFORE.replace("note:  text(0..200)", "note:  text(0..200)\n      stock: int required = 7")
        .replace('indexes: [{fields: "state, -price", include: [name]}]', "indexes: [\"note, name\"]")
        .replace("search: [name]", "search: [name, note]")
        .replace("price: decimal(10,2) = 1", "price: decimal(12,3) required = 1")
        .replace("name:  text(1..80) required unique", "name:  text(1..80) required index")
        .replace("state: enum(new, old) required = new", "state: enum(new, old)")
        .replace("on_delete(set_null)", "on_delete(cascade)")
    )
    shop.change(changed)
    after = answers(shop, serve, "/api/v1/items")
    assert without(after, "stock", "price") == without(before, "price")
    assert all(row["stock"] == 7 for row in after)
    assert [row["price"] for row in after] == [row["price"] + "0" for row in before]
    shop.sql("delete from owners where rank = 1")
    assert len(answers(shop, serve, "/api/v1/items")) == 20
    shop.change(BEFORE)
    assert without(answers(shop, serve, "/api/v1/items"), "updated_at") == without(
        [row for row in before if row["owner"] != before[1]["owner"]], "updated_at"
    )


def test_a_name_that_is_asked_for_is_given_to_the_column_with_all_it_holds(shop, serve):
    before = answers(shop, serve, "/api/v1/items")
    renamed = BEFORE.replace("name:  text(1..80) required unique", "title: {type: text(1..80) required unique, renamed_from: name}")
    renamed = renamed.replace("include: [name]", "include: [title]").replace("search: [name]", "search: [title]")
    names = shop.change(renamed)
    if shop.is_sqlite:
        assert names == ["change_items"]
    else:
        assert names[:3] == ["add_items_title", "fill_items_title", "require_items_title"] and names[-1] == "drop_items_name"
    after = answers(shop, serve, "/api/v1/items")
    assert [row["title"] for row in after] == [row["name"] for row in before]
    assert without(after, "title") == without(before, "name")
    assert shop.migrate("diff").stdout.startswith("nothing has changed")  # `renamed_from:` may stay


def test_a_name_that_is_not_asked_for_is_a_column_that_goes_and_one_that_comes(shop):
    shop.write(BEFORE.replace("note:", "text:"))
    shop.migrate("diff")
    scripts = "".join(path.read_text() for path in shop.folder.glob(f"migrations/*.{shop.kind}.up.sql") if "0001" not in path.name)
    assert re.search(r'DROP COLUMN (IF EXISTS )?"note"', scripts) and 'ADD COLUMN "text"' in scripts
    done = shop.migrate("lint", code=1)
    assert "destructive" in done.stdout and "ban-drop-column" in done.stdout


def test_a_table_can_be_renamed(shop, serve):
    before = answers(shop, serve, "/api/v1/items")
    people = answers(shop, serve, "/api/v1/owners")
    renamed = (
        BEFORE.replace("  items:", "  goods:\n    renamed_from: items")
        .replace("  owners:\n    id: int", "  people:\n    renamed_from: owners\n    id: int")
        .replace("owner: owners on", "owner: people on")
    )
    shop.change(renamed)
    assert answers(shop, serve, "/api/v1/goods") == before
    assert answers(shop, serve, "/api/v1/people") == people
    shop.change(BEFORE.replace("  items:", "  items:\n    renamed_from: goods").replace("  owners:", "  owners:\n    renamed_from: people"))
    assert answers(shop, serve, "/api/v1/items") == before


@pytest.mark.parametrize(
    "old, new, column, values",
    [
        ("rank: int", "rank: text", "rank", ["0", "1", "2"]),
        ("rank: int", "rank: decimal(6,2)", "rank", ["0.00", "1.00", "2.00"]),
        ("rank: int", "rank: float", "rank", [0, 1, 2]),
    ],
)
def test_a_type_can_be_changed_where_every_value_can_be_turned(shop, serve, old, new, column, values):
    before = answers(shop, serve, "/api/v1/owners")
    shop.change(BEFORE.replace(old, new))
    after = answers(shop, serve, "/api/v1/owners")
    assert [row[column] for row in after] == values
    assert without(after, column) == without(before, column)
    shop.change(BEFORE)
    assert answers(shop, serve, "/api/v1/owners") == before


def test_tables_come_and_go(shop, serve):
    more = BEFORE + "  tags:\n    fields: {label: text required unique, of: items required on_delete(cascade) index, next: tags}\n    access: {all: true}\n"
    shop.change(more, names=["create_tags"])
    assert answers(shop, serve, "/api/v1/tags") == []
    shop.change(BEFORE, names=["drop_tags"])
    assert len(answers(shop, serve, "/api/v1/items")) == 30


def test_an_id_is_not_given_twice_after_a_table_was_made_anew(shop, serve):
    shop.sql("delete from items")
    shop.sql("delete from owners where id = (select max(id) from owners)")
    shop.change(BEFORE.replace("rank: int", "rank: text"))
    server = start(shop, serve)
    assert server.client.post("/api/v1/owners", json={"email": "new@example.org"}).data["id"] == 4


# What cannot be


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("rank: int", "rank: int\n      size: int required", 'field "size": rows that are there already would have nothing in it'),
        ("rank: int", "rank: date", 'field "rank": its values cannot be turned into the new type by themselves'),
        ("id: int\n", "id: uuid\n", 'resource "owners": the kind of its ids cannot be changed'),
    ],
)
def test_a_change_that_cannot_be_planned_is_told_at_its_place(shop, old, new, told):
    before = sorted(shop.folder.glob("migrations/*"))
    done = shop.write(BEFORE.replace(old, new)).migrate("diff", code=1)
    assert told in done.stderr and "app.yaml:" in done.stderr and "hint:" in done.stderr
    assert sorted(shop.folder.glob("migrations/*")) == before


def test_what_the_rows_do_not_allow_is_undone_and_told(shop):
    shop.write(BEFORE.replace("note:  text(0..200)", "note:  text(0..200) required"))
    shop.migrate("diff")
    done = shop.migrate("up", code=1)
    assert "note" in done.stderr and ".up.sql:" in done.stderr
    assert shop.sql("select count(*) from items")[0][0] == "30"
    shop.sql("update items set note = 'filled' where note is null")
    shop.migrate("up")
    assert shop.pending() == []


def test_an_edited_a_missing_and_a_late_file_are_refused(shop, serve):
    shop.change(BEFORE.replace("rank: int", "rank: int\n      size: int"))
    path = shop.file("change_owners" if shop.is_sqlite else "add_owners_size")
    text = path.read_text()
    path.write_text(text + "-- a comment\n")
    assert "its file was edited since" in shop.migrate("up", code=1).stderr
    path.rename(path.with_suffix(".away"))
    down = shop.file("change_owners" if shop.is_sqlite else "add_owners_size", "down")
    down.rename(down.with_suffix(".away"))
    assert "its file is missing" in shop.migrate("up", code=1).stderr
    path.with_suffix(".away").rename(path)
    path.write_text(text)
    (shop.folder / "migrations/0000_early.up.sql").write_text("select 1;\n")
    assert "later ones are" in shop.migrate("up", code=1).stderr
    (shop.folder / "migrations/0000_early.up.sql").unlink()
    assert shop.migrate("up").stdout == "nothing is pending\n"


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("2_short.up.sql", "select 1", "this is no name of a migration"),
        ("0002_x.mysql.up.sql", "select 1", "this is no name of a migration"),
        ("0001_other.up.sql", "select 1", "another migration has this number"),
        ("0002_x.down.sql", "select 1", "there is no up to this down"),
        ("0002_x.up.sql", "-- tenon: hurry\nselect 1", "unknown directive"),
    ],
)
def test_a_file_that_is_no_migration_is_told(shop, name, text, told):
    (shop.folder / "migrations" / name).write_text(text)
    done = shop.migrate("status", code=1)
    assert told in done.stderr and name in done.stderr


def test_a_statement_that_fails_leaves_nothing_behind_and_is_told_at_its_line(shop):
    (shop.folder / "migrations/0002_bad.up.sql").write_text(
        "-- Makes a mistake.\nalter table items add column extra text;\n\ninsert into nowhere\nvalues (1);\n"
    )
    done = shop.migrate("up", code=1)
    assert "migrations/0002_bad.up.sql:4:1" in done.stderr and "nowhere" in done.stderr and "nothing of it was done" in done.stderr
    assert shop.status() == {"0001_initial": "applied", "0002_bad": "pending"}
    (shop.folder / "migrations/0002_bad.up.sql").write_text("alter table items add column extra text;\n")
    shop.migrate("up")


@pytest.mark.parametrize("word", ["begin", "BEGIN IMMEDIATE", "commit", "rollback", "end"])
def test_a_migration_is_a_transaction_already(shop, word):
    (shop.folder / "migrations/0002_bad.up.sql").write_text(f"update items set note = 'x';\n{word};\n")
    done = shop.migrate("up", code=1)
    assert "0002_bad.up.sql:2:1: a migration is a transaction already" in done.stderr
    assert shop.sql("select count(*) from items where note = 'x'")[0][0] == "0"


def test_one_that_is_on_its_way_may_be_mended(shop):
    up = shop.folder / "migrations/0002_mended.up.sql"
    up.write_text("-- tenon: no transaction\nupdate items set version = version + 1;\nupdate nowhere set x = 1;\n")
    shop.migrate("up", code=1)
    up.write_text("-- tenon: no transaction\nupdate items set version = version + 1;\nupdate owners set rank = 9;\n")
    shop.migrate("up")
    assert shop.sql("select distinct version from items") == [("2",)] and shop.sql("select distinct rank from owners") == [("9",)]
    assert shop.status()["0002_mended"] == "applied"


def test_what_is_not_closed_is_told_before_anything_is_run(shop):
    (shop.folder / "migrations/0002_bad.up.sql").write_text("create table zzz (a text);\nselect 'open;\n")
    assert "0002_bad.up.sql:2" in shop.migrate("up", code=1).stderr
    (shop.folder / "migrations/0002_bad.up.sql").write_text("create table zzz (a text);\n")
    shop.migrate("up")


# By hand


def test_a_migration_of_ones_own_goes_in_batches_and_is_gone_on_with(shop, serve):
    assert shop.migrate("new", "fill_notes").stdout.split() == ["migrations/0002_fill_notes.up.sql", "migrations/0002_fill_notes.down.sql"]
    up = shop.folder / "migrations/0002_fill_notes.up.sql"
    check = "1 / (select case when count(*) > 20 then 0 else 1 end from items where note = 'filled')"
    if shop.is_sqlite:
        check = "(select case when count(*) > 20 then abs(-9223372036854775808) else 1 end from items where note = 'filled')"
    up.write_text(
        "-- tenon: no transaction\n-- tenon: batch items 4\n"
        "update items set note = 'filled', version = version + 1 where id > :after and id <= :upto;\n"
        "update owners set rank = rank + 1;\n"
        f"update owners set rank = rank + {check};\n"
    )
    done = shop.migrate("up", code=1)
    assert "0002_fill_notes.up.sql:5" in done.stderr and "the statements before it are done" in done.stderr
    assert shop.status()["0002_fill_notes"] == "applying"
    assert shop.sql("select count(*) from items where note = 'filled' and version = 2")[0][0] == "30"
    assert [row[0] for row in shop.sql("select rank from owners order by id")] == ["1", "2", "3"]
    shop.sql("update items set note = 'other'")
    shop.migrate("up")  # only what was left
    assert [row[0] for row in shop.sql("select rank from owners order by id")] == ["2", "3", "4"]
    assert shop.sql("select count(*) from items where version = 2")[0][0] == "30"


@pytest.mark.parametrize("name", ["", "Fill", "fill-notes", "x" * 81])
def test_a_name_that_is_none_is_refused(shop, name):
    shop.migrate("new", name, code=1)
    shop.migrate("new", code=2)


# Taking back


def test_down_takes_back_the_last_and_asks_before_it_loses_anything(shop, serve):
    before = answers(shop, serve, "/api/v1/items")
    shop.change(BEFORE.replace("note:  text(0..200)", "note:  text(0..200)\n      stock: int"))
    done = shop.migrate("down", code=1)
    assert "would lose what is stored" in done.stderr and "--yes" in done.stderr
    shop.migrate("down", "--yes")
    assert len(shop.pending()) == 1
    shop.write(BEFORE)
    for path in shop.folder.glob("migrations/000[23]*"):
        path.unlink()
    assert answers(shop, serve, "/api/v1/items") == before


def test_forward_only_is_not_taken_back(shop):
    shop.write(BEFORE, more="migrations: forward_only\n")
    assert "forward_only" in shop.migrate("down", "--yes", code=1).stderr
    assert "up goes" in shop.migrate("check").stdout


def test_check_finds_a_down_that_does_not_take_back(shop):
    (shop.folder / "migrations/0002_more.up.sql").write_text("alter table items add column extra text;\n")
    (shop.folder / "migrations/0002_more.down.sql").write_text("update items set note = 'oops';\n")
    done = shop.migrate("check", code=1)
    assert "now column items.extra" in done.stderr and "rows of items" in done.stderr
    assert shop.status()["0002_more"] == "pending"
    assert shop.sql("select count(*) from items where note = 'oops'")[0][0] == "0"


# Servers


def test_a_server_refuses_what_is_pending_and_says_what_to_do(app, serve):
    app.write(BEFORE).migrate("diff")
    done = app.run("serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", code=1)
    assert "0001_initial (pending)" in done.stderr and "tenon migrate up" in done.stderr


def test_what_serve_has_made_is_recorded_as_applied(app, serve):
    app.write(BEFORE)
    server = start(app, serve)
    server.client.post("/api/v1/owners", json={"email": "a@example.org"})
    server.stop()
    app.migrate("diff")
    assert app.pending() == ["0001_initial"]
    app.migrate("up")
    assert app.pending() == []
    app.write(BEFORE.replace("rank: int", "rank: int\n      size: int")).migrate("diff")
    app.migrate("up")
    assert app.sql("select email from owners") == [("a@example.org",)]


def test_a_first_migration_that_did_not_make_the_database_is_refused(app, serve):
    app.write(BEFORE)
    start(app, serve).stop()
    app.write(BEFORE.replace("rank: int", "rank: int index")).migrate("diff")
    assert "was made from another app file" in app.migrate("up", code=1).stderr
    assert app.pending() == ["0001_initial"]
    for path in app.folder.glob("migrations/*"):
        path.unlink()
    app.write(BEFORE).migrate("diff")
    app.migrate("up")
    app.change(BEFORE.replace("rank: int", "rank: int index"))


def test_up_tells_how_the_database_differs_in_the_end(shop):
    shop.write(BEFORE.replace("rank: int", "rank: int index"))
    done = shop.migrate("up", code=1)
    assert 'index "owners_rank" is missing' in done.stderr and "tenon migrate diff" in done.stderr


def test_dev_applies_what_only_adds(shop, serve):
    shop.write(BEFORE.replace("rank: int", "rank: int\n      size: int")).migrate("diff")
    server = start(shop, serve, command="dev")
    assert server.client.get("/api/v1/owners").data[0]["size"] is None
    server.stop()
    assert shop.pending() == []
