# SPDX-License-Identifier: Apache-2.0
"""`tenon adopt`: the app file of a database that somebody else made, and the engine on it."""

import contextlib
import datetime
import decimal
import json
import os
import re
import types
import sqlite3
import struct
import subprocess
import urllib.parse

import pytest
import yaml
import transcript
from server import BINARY, ROOT, run_tenon

DATABASES = ("sqlite", "postgres")

BASE = "/api/v1"


class Source:
    """A database that is not the engine's."""

    def __init__(self, url, script):
        self.url = url
        self.is_sqlite = url.startswith("sqlite:")
        if self.is_sqlite:
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:"))) as db:
                db.executescript(script)
                db.commit()
        else:
            done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url], input=script, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

    def adopt(self, *options):
        done = run_tenon("adopt", self.url, *options)
        assert done.returncode == 0, done.stderr
        self.notes = done.stderr
        self.app = done.stdout
        self.resources = yaml.safe_load(done.stdout)["resources"]
        return self


def same(served, stored):
    """A value of the API is the value that SQL tells: decimals are texts there, and every time is UTC."""
    if isinstance(served, str) and isinstance(stored, (int, float)) and re.fullmatch(r"-?[0-9.]+", served):
        return decimal.Decimal(served) == decimal.Decimal(str(stored))
    if isinstance(served, str) and isinstance(stored, str) and re.fullmatch(r".{10}T.{15}Z", served):
        as_time = datetime.datetime.fromisoformat(stored.replace(" ", "T").removesuffix("Z").removesuffix("+00:00"))
        return datetime.datetime.fromisoformat(served[:-1]) == as_time
    if isinstance(stored, str) and isinstance(served, str) and len(stored) == 5 and served != stored:
        return served == stored.rstrip(" ")  # what pads a char(n) is not part of it
    if isinstance(stored, str) and not isinstance(served, str):
        return served == json.loads(stored)  # SQLite keeps documents as texts
    if isinstance(served, float) and served != stored:
        return struct.unpack("f", struct.pack("f", stored))[0] == served  # a real of PostgreSQL's, as the double that it is
    return served == stored and isinstance(served, bool) <= isinstance(stored, (bool, int))


def columns_of(resource):
    """The column of each field."""
    return {name: line["column"].replace("$$", "$") if isinstance(line, dict) else name for name, line in resource["fields"].items()}


def path_of(name, resource, row):
    keys = resource["key"] if isinstance(resource["key"], list) else [resource["key"]]
    return f"{BASE}/{name}/" + ",".join(urllib.parse.quote(str(row[key]), safe="") for key in keys)


def walk(client, name, resource):
    """Every row, by cursors; by pages where there is no key."""
    if "key" in resource:
        return [row for page in client.pages(f"{BASE}/{name}") for row in page]
    rows, page = [], 1
    while True:
        answer = client.get(f"{BASE}/{name}?limit=100&page={page}")
        assert answer.status == 200, answer
        rows += answer.data
        if page >= answer.json["pagination"]["totalPages"]:
            return rows
        page += 1


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def check_all(server, source):
    """Each table is served, and each row is read back value by value. How many rows that were."""
    total = 0
    for name, resource in source.resources.items():
        columns = columns_of(resource)
        table = quoted(resource.get("table", name).replace("$$", "$"))
        stored = server.rows(f"select {', '.join(quoted(column) for column in columns.values())} from {table}")
        served = walk(server.client, name, resource)
        assert len(served) == len(stored), name

        def order(row, names):
            return [(row[name] is not None, str(row[name])) for name in names]

        keys = resource.get("key", list(columns))
        keys = keys if isinstance(keys, list) else [keys]
        served.sort(key=lambda row: order(row, keys))
        stored.sort(key=lambda row: order(row, [columns[key] for key in keys]))
        for row, truth in zip(served, stored):
            for field, column in columns.items():
                assert same(row[field], truth[column]), (name, field, row, truth)
        total += len(served)
    return total


@pytest.fixture
def make(tmp_path, database):
    """make(script) is a database with what a script for it makes; script() takes whether it is SQLite."""

    def make(script):
        url = database() or f"sqlite:{tmp_path / 'source.db'}"
        return Source(url, script(url.startswith("sqlite:")))

    return make


@pytest.fixture
def adopted(make, serve):
    """adopted(script) serves an adopted database: the server and its source."""

    def adopted(script, access="all"):
        source = make(script).adopt("--access", access)
        return serve(source.app, database=source.url), source

    return adopted


# Chinook: a store's database, as its authors wrote it


@pytest.fixture
def chinook(shared):
    def script(is_sqlite):
        name = "Chinook_Sqlite.sql" if is_sqlite else "Chinook_PostgreSql.sql"
        text = (shared / "chinook" / name).read_text(encoding="utf-8-sig")
        text = re.sub(r"^(DROP|CREATE) DATABASE .*;$|^\\c .*$", "", text, flags=re.M)
        return text + (
            'CREATE VIEW "Long Tracks" AS SELECT "Name" AS title, "Milliseconds" / 60000 AS minutes FROM "Track" WHERE "Milliseconds" > 1000000;'
            if is_sqlite
            else 'CREATE VIEW "Long Tracks" AS SELECT name AS title, milliseconds / 60000 AS minutes FROM track WHERE milliseconds > 1000000;'
        )

    return script


def test_every_row_of_chinook_is_read_back_as_sql_tells_it(adopted, chinook):
    server, source = adopted(chinook)
    names = {name.lower().replace("_", "") for name in source.resources}
    assert names == {
        "album", "artist", "customer", "employee", "genre", "invoice", "invoiceline", "mediatype", "playlist", "playlisttrack",
        "track", "longtracks",
    }  # fmt: skip
    total = check_all(server, source)  # 15,607 rows of tables, and the view's
    views = server.rows('select count(*) as n from "Long Tracks"')[0]["n"]
    assert total == 15607 + views


def test_chinook_is_written_expanded_and_filtered(adopted, chinook):
    server, source = adopted(chinook)
    client = server.client
    track, album, artist, entry, long = (
        ("Track", "Album", "Artist", "PlaylistTrack", "Long_Tracks") if source.is_sqlite else ("track", "album", "artist", "playlist_track", "Long_Tracks")
    )
    id_, album_id, artist_id, name = ("TrackId", "AlbumId", "ArtistId", "Name") if source.is_sqlite else ("track_id", "album_id", "artist_id", "name")

    answer = client.get(f"{BASE}/{track}/1?expand={album_id}.{artist_id}")
    assert answer.status == 200 and answer.data[album_id][artist_id][name] == "AC/DC"
    answer = client.get(f"{BASE}/{track}?{album_id}.{artist_id}.{name}=AC/DC&sort=-{name}")
    assert answer.json["pagination"]["total"] == 18
    assert client.get(f"{BASE}/{artist}/99999999999").status == 404

    pair = client.get(f"{BASE}/{entry}/1,3402")
    assert pair.status == 200 and sorted(pair.data.values()) == [1, 3402]
    for odd in ("1", "1,", "1,2,3", ",1", "1,x"):
        assert client.get(f"{BASE}/{entry}/{odd}").status == 404, odd
    assert client.delete(f"{BASE}/{entry}/1,3402").status == 204
    assert client.get(f"{BASE}/{entry}/1,3402").status == 404
    made = client.post(f"{BASE}/{entry}", json=pair.data)
    assert made.status == 201 and made.headers["Location"] == f"{BASE}/{entry}/1,3402" and made.data == pair.data
    assert client.post(f"{BASE}/{entry}", json=pair.data).status == 409
    many = client.post(f"{BASE}/{entry}", json=[{**pair.data, id_: 1}, {**pair.data, id_: 99999}])
    assert many.status in (400, 409)

    new = {name: "A New One"} if source.is_sqlite else {artist_id: 5000, name: "A New One"}
    made = client.post(f"{BASE}/{artist}", json=new)
    assert made.status == 201 and made.data[name] == "A New One"
    path = made.headers["Location"]
    assert path == f"{BASE}/{artist}/{made.data[artist_id]}"
    assert client.patch(path, json={name: "Another"}).data[name] == "Another"
    assert client.patch(path, json={artist_id: 1}).status == 400
    assert client.delete(f"{BASE}/{artist}/1").status == 409
    assert client.delete(path).status == 204

    for method in ("post", "put", "patch", "delete"):
        answer = getattr(client, method)(f"{BASE}/{long}", **({} if method == "delete" else {"json": {}}))
        assert answer.status == 405 and answer.headers["Allow"].startswith("GET"), method
    answer = client.post(f"{BASE}/batch", json={"operations": [{"method": "POST", "path": f"/{long}", "body": {}}]})
    assert answer.status == 400 and "view" in str(answer.error)


# Names, keys and types that are not ours


def odd(is_sqlite):
    kind = {
        "serial": "INTEGER" if is_sqlite else "integer GENERATED BY DEFAULT AS IDENTITY",
        "bytes": "BLOB" if is_sqlite else "bytea",
        "no": "0" if is_sqlite else "false",
    }
    return """
CREATE TABLE "Orders" ("OrderID" {serial} PRIMARY KEY, "Ship To" VARCHAR(80) DEFAULT 'no''where', "count" INT, paid BOOLEAN NOT NULL DEFAULT {no},
  weight REAL, parent INTEGER REFERENCES "Orders" ("OrderID") ON DELETE SET NULL);
CREATE TABLE "Order Details" ("OrderID" INTEGER NOT NULL REFERENCES "Orders" ("OrderID") ON DELETE CASCADE, "Product ID" INTEGER NOT NULL,
  "select" VARCHAR(20), "Größe" REAL, "unit price" NUMERIC(10,2) NOT NULL DEFAULT 0, PRIMARY KEY ("OrderID", "Product ID"));
CREATE TABLE codes (code VARCHAR(40) PRIMARY KEY NOT NULL, label VARCHAR(40) UNIQUE, photo {bytes});
CREATE TABLE pairs (b VARCHAR(20) NOT NULL, a VARCHAR(20) NOT NULL, n INTEGER, PRIMARY KEY (a, b));
CREATE TABLE uses (id {serial} PRIMARY KEY, code VARCHAR(40) NOT NULL REFERENCES codes (code), version INTEGER, created_at VARCHAR(10));
CREATE TABLE details (id INTEGER PRIMARY KEY REFERENCES uses (id), note VARCHAR(20));
CREATE TABLE loose (v INTEGER, w VARCHAR(20));
CREATE TABLE "text" (n INTEGER NOT NULL UNIQUE, "1st" VARCHAR(5), "_x" VARCHAR(5), "a b" VARCHAR(5), "a-b" VARCHAR(5));
CREATE VIEW "Order Totals" AS SELECT "OrderID" AS id, count(*) AS parts FROM "Order Details" GROUP BY "OrderID";
CREATE INDEX orders_by_count ON "Orders" (paid, "count" DESC);
CREATE UNIQUE INDEX pairs_n ON pairs (n, a);
CREATE INDEX codes_some ON codes (label) WHERE label > 'm';
CREATE INDEX codes_odd ON codes (label) WHERE label > 'm' OR length(code) = 3;
CREATE INDEX orders_open ON "Orders" (parent DESC, "Ship To") WHERE "count" IS NOT NULL AND ("Ship To" <> 'it''s' AND "count" >= -5) AND NOT paid;
INSERT INTO "Orders" ("OrderID", "Ship To", "count", paid, weight) VALUES (1, 'Köln', 3, {no}, 1.5), (2, NULL, NULL, {no}, 0.1);
INSERT INTO "Orders" ("OrderID", parent) VALUES (3, 1);
INSERT INTO "Order Details" VALUES (1, 10, 'from', 1.25, 9.99), (1, 11, NULL, NULL, 5), (2, 10, 'x', 3, 0.5);
INSERT INTO codes (code, label) VALUES ('a,b', 'comma'), ('a/b', 'slash'), ('100%', 'percent'), ('a b?c#d', 'odd'), ('%2C', 'escaped'), ('ä', 'letter'), ('$x', NULL);
INSERT INTO pairs VALUES ('x', 'a,b', 1), ('b,x', 'a', 2), ('100%', '/', 3), ('ü', '"\\', NULL), ('}}', '{{', 4);
INSERT INTO uses (id, code, version, created_at) VALUES (1, 'a,b', 7, 'long ago'), (2, '100%', NULL, NULL);
INSERT INTO details VALUES (2, 'of two');
INSERT INTO loose VALUES (1, 'a'), (1, 'a'), (NULL, NULL), (3, 'c');
INSERT INTO "text" VALUES (7, 'a', 'b', 'c', 'd');
""".replace("{{", "\0").replace("}}", "\1").format(**kind).replace("\0", "{").replace("\1", "}") + (
        '' if is_sqlite else """SELECT setval(pg_get_serial_sequence('"Orders"', 'OrderID'), 10), setval(pg_get_serial_sequence('uses', 'id'), 10);"""
    )


def test_odd_names_become_names_and_every_row_is_read_back(adopted):
    server, source = adopted(odd)
    assert set(source.resources) == {"Orders", "Order_Details", "codes", "pairs", "uses", "details", "loose", "text_", "Order_Totals"}
    details = source.resources["Order_Details"]
    assert details["table"] == "Order Details" and details["key"] == ["OrderID", "Product_ID"]
    assert columns_of(details) == {"OrderID": "OrderID", "Product_ID": "Product ID", "select": "select", "Groesse": "Größe", "unit_price": "unit price"}
    assert columns_of(source.resources["text_"]) == {"n": "n", "x_1st": "1st", "x_x": "_x", "a_b": "a b", "a_b_2": "a-b"}
    assert columns_of(source.resources["Orders"])["count_"] == "count"
    assert "photo" not in source.resources["codes"]["fields"] and '"photo"' in source.notes and "left out" in source.app
    assert source.resources["loose"]["view"] is True and "no primary key" in source.notes
    assert source.resources["text_"]["key"] == "n"
    assert source.resources["Orders"]["fields"]["parent"] == "Orders on_delete(set_null)"
    assert source.resources["Orders"]["indexes"] == [
        "paid, -count_",
        {"fields": "-parent, Ship_To", "where": "count_ != null && Ship_To != 'it\\'s' && count_ >= -5 && !paid"},
    ]
    assert source.resources["codes"]["indexes"] == [{"fields": "label", "where": "label > 'm'"}] and "# index codes_odd" in source.app
    assert source.resources["pairs"]["key"] == ["a", "b"]
    assert source.resources["pairs"]["indexes"] == [{"unique": True, "fields": "n, a"}]
    assert check_all(server, source) == 28


def test_an_app_file_of_adopt_has_no_mistakes(make, tmp_path):
    for access, warnings in (("none", True), ("read", False), ("all", False)):
        path = tmp_path / f"{access}.yaml"
        source = make(odd) if access == "none" else source
        done = run_tenon("adopt", source.url, "--access", access, "--output", path)
        assert done.returncode == 0 and "tables and views served" in done.stderr
        checked = run_tenon("check", path)
        assert checked.returncode == 0 and ("nobody may" in checked.stderr) == warnings, checked.stderr
        again = run_tenon("adopt", source.url, "--output", path)
        assert again.returncode == 1 and "nothing is overwritten" in again.stderr


def test_keys_of_any_text_name_rows_in_paths(adopted):
    server, source = adopted(odd)
    client = server.client
    for name in ("codes", "pairs", "Order_Details", "uses", "text_"):
        for row in walk(client, name, source.resources[name]):
            answer = client.get(path_of(name, source.resources[name], row))
            assert answer.status == 200 and answer.data == row, (name, row)
    made = client.post(f"{BASE}/codes", json={"code": "x,y/z %", "label": "new"})
    assert made.status == 201 and client.get(made.headers["Location"]).data == made.data
    made = client.post(f"{BASE}/pairs", json={"a": ",", "b": "/%2F"})
    assert made.status == 201 and client.get(made.headers["Location"]).data == made.data
    assert client.put(made.headers["Location"], json={"n": 9}).data == {"a": ",", "b": "/%2F", "n": 9}
    assert client.post(f"{BASE}/pairs", json={"a": "only"}).error["fields"] == {"b": "is required"}
    assert client.get(f"{BASE}/uses/1?expand=code").data["code"]["label"] == "comma"
    assert client.get(f"{BASE}/details/2?expand=id.code").data["id"]["code"]["label"] == "percent"
    assert [row["id"] for row in client.get(f"{BASE}/uses?code.label=percent").data] == [2]
    assert client.post(f"{BASE}/uses", json={"code": "missing"}).error["fields"] == {"code": "refers to a row of codes that does not exist"}
    assert client.post(f"{BASE}/codes", json={"code": "ä"}).error["fields"] == {"code": "is already taken"}
    taken = client.post(f"{BASE}/codes", json={"code": "new one", "label": "comma"})
    assert taken.status == 409 and taken.error["fields"] == {"label": "is already taken"}


def test_writing_keeps_defaults_and_given_keys(adopted):
    server, source = adopted(odd)
    client = server.client
    made = client.post(f"{BASE}/Orders", json={})
    assert made.status == 201 and made.data["Ship_To"] == "no'where" and made.data["paid"] is False and made.data["OrderID"] > 3
    sent = client.post(f"{BASE}/Orders", json={"OrderID": 77, "paid": True, "parent": 1, "weight": 0.1})
    assert sent.headers["Location"] == f"{BASE}/Orders/77" and same(sent.data["weight"], 0.1) and sent.data["paid"] is True
    many = client.post(f"{BASE}/Order_Details", json=[{"OrderID": 77, "Product_ID": n, "unit_price": "1.50" if not source.is_sqlite else 1.5} for n in (3, 1)])
    assert many.status == 201 and [row["Product_ID"] for row in many.data] == [3, 1], many
    assert client.delete(f"{BASE}/Orders/77").status == 204
    assert client.get(f"{BASE}/Order_Details/77,1").status == 404
    answer = client.post(
        f"{BASE}/batch",
        json={
            "operations": [
                {"method": "POST", "path": "/codes", "id": "c", "body": {"code": "b,1"}},
                {"method": "POST", "path": "/uses", "id": "u", "body": {"code": "$c.code"}},
                {"method": "PATCH", "path": "/pairs/a%2Cb,x", "body": {"n": 100}},
                {"method": "PATCH", "path": "/codes/$c.code", "body": {"label": "of a batch"}},
                {"method": "DELETE", "path": "/pairs/a,b%2Cx"},
            ]
        },
    )
    assert answer.status == 200, answer
    assert [result["status"] for result in answer.data] == [201, 201, 200, 200, 204]
    assert answer.data[0]["location"] == f"{BASE}/codes/b,1" or answer.data[0]["location"] == f"{BASE}/codes/b%2C1"
    assert client.get(f"{BASE}/codes/b%2C1").data["label"] == "of a batch"
    assert client.get(f"{BASE}/pairs/a%2Cb,x").data["n"] == 100


def test_a_row_without_version_has_a_tag_of_its_content(adopted):
    server, _ = adopted(odd)
    client = server.client
    path = f"{BASE}/Orders/1"
    first = client.get(path)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"\d+"', tag) and client.get(path).headers["ETag"] == tag
    assert client.get(path, headers={"If-None-Match": tag}).status == 304
    assert client.get(f"{path}?fields=paid").headers["ETag"].startswith("W/")
    changed = client.patch(path, json={"weight": 2.5}, headers={"If-Match": tag})
    assert changed.status == 200 and changed.headers["ETag"] != tag
    assert client.get(path).headers["ETag"] == changed.headers["ETag"]
    assert client.patch(path, json={"weight": 3}, headers={"If-Match": tag}).status == 412
    assert client.delete(path, headers={"If-Match": tag}).status == 412
    back = client.patch(path, json={"weight": 1.5}, headers={"If-Match": changed.headers["ETag"]})
    assert back.headers["ETag"] == tag, "the same content has the same tag"


def test_a_list_without_key_has_stable_pages_and_no_cursor(adopted):
    server, _ = adopted(odd)
    client = server.client
    first = client.get(f"{BASE}/loose?limit=2")
    assert first.json["pagination"]["nextCursor"] is None and first.json["pagination"]["total"] == 4
    assert client.get(f"{BASE}/loose?limit=2&after=abc").error["fields"] == {"after": "loose has no key to go on from"}
    assert client.get(f"{BASE}/loose/1").status == 404
    assert [row["v"] for row in client.get(f"{BASE}/loose?sort=-v&v[null]=false").data] == [3, 1, 1]
    assert [row["parts"] for row in client.get(f"{BASE}/Order_Totals?sort=id").data] == [2, 1]


def test_a_changed_table_is_told_and_never_mended(adopted, tmp_path):
    server, source = adopted(odd)
    server.stop()
    drop = 'ALTER TABLE codes DROP COLUMN photo; ALTER TABLE "Orders" DROP COLUMN weight; ALTER TABLE loose RENAME TO lost'
    Source(source.url, drop)
    (tmp_path / "app.yaml").write_text(source.app)
    for command in ("serve", "dev"):
        failed = run_tenon(command, tmp_path / "app.yaml", "--listen", "127.0.0.1:0")
        told = failed.stderr
        assert failed.returncode == 1
        assert 'table "Orders": column "weight" is missing' in told and 'view "loose" is missing' in told and "photo" not in told
    assert not server.rows('select 1 as found from "Orders" where 1 = 0')


def test_the_engine_makes_its_own_tables_beside_adopted_ones(make, serve):
    source = make(odd).adopt("--access", "all")
    app = source.app + "  notes:\n    fields: {text: text required, order: Orders, code: codes required}\n    access: {all: true}\n"
    server = serve(app, database=source.url)
    made = server.client.post(f"{BASE}/notes", json={"text": "a", "order": 1, "code": "a,b"})
    assert made.status == 201 and made.data["version"] == 1, made
    assert server.client.get(f"{BASE}/notes?expand=order,code").data[0]["code"]["label"] == "comma"
    assert server.client.delete(f"{BASE}/codes/a%2Cb").status == 409


def test_what_cannot_be_adopted_is_told(tmp_path):
    missing = run_tenon("adopt", f"sqlite:{tmp_path / 'none.db'}")
    assert missing.returncode == 1 and "cannot be read" in missing.stderr and not (tmp_path / "none.db").exists()
    (tmp_path / "junk.db").write_bytes(b"not a database, but long enough to be taken for one" * 40)
    assert run_tenon("adopt", f"sqlite:{tmp_path / 'junk.db'}").returncode == 1
    assert run_tenon("adopt").returncode == 2
    assert run_tenon("adopt", "sqlite:x.db", "--access", "some").returncode == 2
    assert run_tenon("adopt", "mysql://x").returncode == 1
    away = run_tenon("adopt", "postgres://nobody@127.0.0.1:1/none")
    assert away.returncode == 1 and away.stderr


# Types


SQLITE_KINDS = """
CREATE TABLE kinds (id INTEGER PRIMARY KEY, flag BOOLEAN, day DATE, instant DATETIME, other DATETIME, unix DATETIME, price NUMERIC(10,2), whole DECIMAL(10,0),
  ident UUID, doc JSON, word TEXT, long TEXT, bare, mixed, bytes BLOB, number TEXT, letters INT, size REAL, twice INT GENERATED ALWAYS AS (whole * 2), none DATE,
  stamp DATETIME DEFAULT CURRENT_TIMESTAMP, note TEXT NOT NULL DEFAULT (lower('X')));
INSERT INTO kinds (id, flag, day, instant, other, unix, price, whole, ident, doc, word, long, bare, mixed, bytes, number, letters, size, stamp, note) VALUES
  (1, 1, '2024-02-29', '2024-02-29T12:00:00.000001Z', '2024-02-29 12:00', 1700000000, 9.99, 7, '01890a5d-ac96-774b-bcce-b302099a8057', '{"a": [1, 2.50]}',
   'Zoë', printf('%20000c', 'x'), 12, 1, x'00', 'a', 'b', 1, '2024-01-01 00:00:00', 'x'),
  (2, 0, NULL, NULL, NULL, NULL, 5, NULL, NULL, 'null', '', NULL, NULL, 'a', NULL, NULL, NULL, 0.1, NULL, ''),
  (3, NULL, '1999-12-31', '1999-12-31T23:59:59.999999Z', 'soon', -1, -0.5, -7, NULL, NULL, NULL, NULL, -12, 2.5, NULL, NULL, NULL, -1e300, NULL, 'y');
"""
POSTGRES_KINDS = """
CREATE TYPE mood AS ENUM ('sad', 'so so', 'it''s ok');
CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE TABLE kinds (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, flag boolean DEFAULT true, day date DEFAULT CURRENT_DATE, instant timestamptz,
  local timestamp(3) DEFAULT now(), price numeric(10,2) DEFAULT 1.5, wide numeric(30,10), free numeric, small smallint, big bigint, single real, double double precision,
  ident uuid, doc jsonb, plain json, word varchar(20) DEFAULT 'it''s', fixed char(5), long text, tags text[], span interval, addr inet, bytes bytea,
  mood mood NOT NULL DEFAULT 'so so', size positive, twice integer GENERATED ALWAYS AS (small * 2) STORED, note text NOT NULL DEFAULT md5('x'));
INSERT INTO kinds (flag, day, instant, local, price, wide, free, small, big, single, double, ident, doc, plain, word, fixed, long, tags, mood, size, note) VALUES
  (false, '2024-02-29', '2024-02-29T12:00:00.000001+02', '2024-02-29 12:00:00.123', 9.99, 12345.6789, 0.25, -32768, 9223372036854775807, 0.1, 1e300,
   '01890a5d-ac96-774b-bcce-b302099a8057', '{"a": [1, 2.50]}', '{"b":null}', 'Zoë', 'ab', repeat('x', 20000), '{a,b}', 'it''s ok', 5, 'n'),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'sad', NULL, ''),
  (true, '1999-12-31', '1999-12-31T23:59:59Z', '1999-12-31 23:59:59', -0.01, 100, 1e3, 32767, 0, -2.5, 0, NULL, 'null', '[]', '', '', '', '{}', 'so so', 1, 'o');
CREATE TABLE moods (mood mood PRIMARY KEY, word text);
INSERT INTO moods VALUES ('it''s ok', 'fine'), ('sad', 'not');
"""


def kinds(is_sqlite):
    return SQLITE_KINDS if is_sqlite else POSTGRES_KINDS


def test_each_type_becomes_one_that_holds_its_values(adopted):
    server, source = adopted(kinds)
    fields = {name: line for name, line in source.resources["kinds"]["fields"].items()}
    if source.is_sqlite:
        assert fields == {
            "id": "int", "flag": "bool", "day": "date", "instant": "datetime", "other": "text", "unix": "int", "price": "float", "whole": "int",
            "ident": "uuid", "doc": "json", "word": "text", "long": "text(0..1000000)", "bare": "int", "number": "text", "size": "float", "twice": "int readonly", "none": "text",
            "stamp": "text", "note": "text required",
        }  # fmt: skip
        left_out = ("mixed", "bytes", "letters")
    else:
        big = "int(-2147483648..2147483647)"
        assert fields == {
            "id": big + " readonly", "flag": "bool = true", "day": "date = now", "instant": "datetime", "local": "datetime = now", "price": "decimal(10,2) = 1.5",
            "wide": "float", "free": "float", "small": "int(-32768..32767)", "big": "int", "single": "float", "double": "float", "ident": "uuid", "doc": "json",
            "plain": "json", "word": "text(0..20) = 'it\\'s'", "fixed": "text(0..5)", "long": "text(0..1000000)",
            "mood": "enum(sad, 'so so', 'it\\'s ok') required", "size": big, "twice": big + " readonly", "note": "text required",
        } | {"mood": fields["mood"]}  # fmt: skip
        left_out = ("tags", "span", "addr", "bytes")
    for name in left_out:
        assert name not in fields and f'column "{name}": left out' in source.notes and f"# {name}: left out" in source.app
    assert check_all(server, source) == (3 if source.is_sqlite else 5)


def test_each_type_is_written_filtered_and_sorted(adopted):
    server, source = adopted(kinds)
    client = server.client
    first = client.get(f"{BASE}/kinds/1").data
    again = {name: value for name, value in first.items() if name not in ("id", "twice")}
    made = client.post(f"{BASE}/kinds", json=again)
    assert made.status == 201, made
    assert {name: value for name, value in made.data.items() if name != "id"} == {name: value for name, value in first.items() if name != "id"}
    assert client.put(made.headers["Location"], json={**again, "note": "changed"}).data["note"] == "changed"
    for name, value in first.items():
        assert client.patch(made.headers["Location"], json={name: value}).status == (200 if name != "id" else 400), name
        line = source.resources["kinds"]["fields"][name]
        if value is None or line.startswith("json") or len(str(value)) > 1000:
            continue
        wanted = str(value).lower() if isinstance(value, bool) else str(value)
        found = client.get(f"{BASE}/kinds", query={name: wanted})
        assert found.status == 200 and first["id"] in [row["id"] for row in found.data], (name, found)
        for sort in (name, "-" + name):
            rows = [row["id"] for page in client.pages(f"{BASE}/kinds", limit=1, sort=sort) for row in page]
            assert sorted(rows) == sorted(row["id"] for row in client.get(f"{BASE}/kinds?limit=100").data), (sort, rows)
    assert client.post(f"{BASE}/kinds", json={"note": "only"} if source.is_sqlite else {"note": "only", "mood": "sad"}).status == 201
    if not source.is_sqlite:
        assert client.post(f"{BASE}/kinds", json={"note": "x", "mood": "odd"}).status == 400
        assert client.get(f"{BASE}/moods/it's%20ok").data["word"] == "fine"
        assert client.patch(f"{BASE}/moods/sad", json={"word": "new"}).data["word"] == "new"
        assert len(client.get(f"{BASE}/kinds", query={"mood[in]": "sad,so so", "where": "mood like '*o*'"}).data) == 1
        assert client.post(f"{BASE}/kinds", json={"note": "x", "mood": "sad", "size": -1}).status == 409


# Beside the rest of the engine


def test_an_app_file_of_adopt_is_valid_for_editors(make):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    schema = jsonschema.Draft202012Validator(json.loads(run_tenon("schema", "app").stdout))
    for script in (odd, kinds):
        app = yaml.safe_load(make(script).adopt("--access", "read").app)
        assert [fault.message for fault in schema.iter_errors(app)] == []


def test_an_adopted_database_is_not_copied(make, tmp_path):
    source = make(odd).adopt("--access", "all")
    (tmp_path / "app.yaml").write_text(source.app)
    done = run_tenon("copy", source.url, f"sqlite:{tmp_path / 'copy.db'}", tmp_path / "app.yaml")
    assert done.returncode == 1 and "adopted table" in done.stderr, done.stderr


def test_migrations_leave_adopted_tables_alone(make, tmp_path):
    source = make(odd).adopt("--access", "all")
    (tmp_path / "app.yaml").write_text(source.app + "  notes:\n    fields: {text: text required, order: Orders}\n    access: {all: true}\n")

    def migrate(*words):
        done = run_tenon("migrate", *words, directory=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    migrate("diff")
    for path in (tmp_path / "migrations").glob("0001_*.up.sql"):
        text = path.read_text()
        assert 'CREATE TABLE "notes"' in text and 'REFERENCES "Orders" ("OrderID")' in text
        assert 'TABLE "Orders"' not in text and "pairs" not in text
    assert "applied" in migrate("up")
    app = (tmp_path / "app.yaml").read_text()
    app = re.sub(r"^  codes:$.*?^$", "", app, flags=re.M | re.S).replace("code: codes required", "code: text(0..40) required")
    (tmp_path / "app.yaml").write_text(app)
    assert "migrations/0002" not in migrate("diff"), "what is no longer served stays"


# Odd cases


def circle(is_sqlite):
    return """
CREATE TABLE a (id INTEGER PRIMARY KEY, other INTEGER);
CREATE TABLE b (id INTEGER PRIMARY KEY REFERENCES a (id), a_id INTEGER NOT NULL REFERENCES a (id));
CREATE TABLE c (id INTEGER PRIMARY KEY REFERENCES b (id), p INTEGER, q INTEGER, UNIQUE (p, q));
CREATE TABLE d (p INTEGER, q INTEGER, "Ça ${HOME} $$" VARCHAR(20) DEFAULT '$${x}', FOREIGN KEY (p, q) REFERENCES c (p, q));
CREATE TABLE "e$${x}" (id INTEGER PRIMARY KEY, me INTEGER REFERENCES "e$${x}" (id));
CREATE TABLE f (key %s PRIMARY KEY, p INTEGER, "PasswordHash" VARCHAR(20));
INSERT INTO a VALUES (1, 1);
INSERT INTO b VALUES (1, 1);
INSERT INTO c VALUES (1, 1, 1);
INSERT INTO d VALUES (1, 1, '${y}');
INSERT INTO "e$${x}" VALUES (1, 1);
""" % ("BLOB" if is_sqlite else "bytea") + ("" if is_sqlite else "ALTER TABLE a ADD FOREIGN KEY (other) REFERENCES c (id);")


def test_circles_dollars_and_keys_that_cannot_be(adopted):
    server, source = adopted(circle)
    fields = {name: columns for name, columns in ((name, resource["fields"]) for name, resource in source.resources.items())}
    assert fields["b"]["id"] == "a required" and fields["b"]["a_id"] == "a required"
    assert fields["c"]["id"].startswith("int"), "a key may refer to a key, not to one that is a reference itself"
    assert source.resources["e_x"]["table"] == "e$$$${x}" and fields["e_x"]["me"] == "e_x"
    assert fields["d"]["p"].startswith("int") and "several columns" in source.notes
    assert "view" in source.resources["d"] and "view" in source.resources["f"] and "key" not in fields["f"]
    assert 'column "PasswordHash": it may be a secret' in source.notes
    assert check_all(server, source) == 5
    assert server.client.get(f"{BASE}/b/1?expand=id,a_id").data["a_id"]["id"] == 1
    assert server.client.get(f"{BASE}/e_x/1?expand=me").data["me"]["me"] == 1


def test_actions_work_on_adopted_tables_and_do_not_answer_what_is_hidden(make, serve, tmp_path):
    source = make(odd).adopt("--access", "all")
    app = source.app.replace('x_1st: {type: "text(0..5)"', 'x_1st: {type: "text(0..5) hidden"')
    assert app != source.app
    step = 'select n, * from "text" as t where n = :n'
    app += f"actions:\n  show:\n    access: true\n    input: {{n: int required}}\n    steps:\n      - as: found\n        sql: {step}\n"
    if source.is_sqlite:  # which says of each column where it comes from
        (tmp_path / "star.yaml").write_text(app)
        told = run_tenon("serve", tmp_path / "star.yaml", "--listen", "127.0.0.1:0")
        assert told.returncode == 1 and "hidden" in told.stderr, told.stderr
        app = app.replace("select n, *", "select n")
    server = serve(app, database=source.url)
    assert "x_1st" not in server.client.get(f"{BASE}/text_/7").data
    answer = server.client.post("/api/v1/actions/show", json={"n": 7})
    assert answer.status == 200 and answer.data["found"][0]["n"] == 7 and "1st" not in json.dumps(answer.json), answer
    (tmp_path / "secret.yaml").write_text(re.sub(r"select n(, \*)?", 'select "1st"', app))
    told = run_tenon("check", tmp_path / "secret.yaml")
    assert told.returncode == 1 and "hidden" in told.stderr, told.stderr


# The manual


def test_the_manual_adopts_what_it_shows(serve, tmp_path, monkeypatch, database):
    if database() is not None:
        return  # its transcripts are SQLite's
    monkeypatch.setenv("PATH", os.path.dirname(BINARY), prepend=os.pathsep)
    manual = ROOT / "docs/manual/adopting.md"
    (tmp_path / "shop.sql").write_text(re.search(r"```sql\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1])
    steps = transcript.steps(manual)
    assert len(steps) == 6
    for step in steps[:3]:
        step.check(types.SimpleNamespace(port=0, directory=tmp_path))
    opened = run_tenon("adopt", "sqlite:shop.db", "--access", "all", directory=tmp_path)
    server = serve(opened.stdout, database=f"sqlite:{tmp_path / 'shop.db'}")
    for step in steps[3:]:
        step.check(server)
