# SPDX-License-Identifier: Apache-2.0
"""Roles, rules and scopes over HTTP, for people who have signed in: the table of ruletest_test.py on both databases, and what a table
of single requests cannot show."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import sqlite3
import urllib.parse

import pytest

from ruletest_test import APP, TRUE

DATABASES = ("sqlite", "postgres")

SECRET = "a secret that is long enough for a signature"
PEOPLE = {"ada": "manager", "bob": "user", "cy": "admin"}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def narrowed(token, scopes):
    """The same token with scopes, signed again: what an issuer would give a program."""
    head, claims, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    text = f"{head}.{encode(json.dumps({**claims, 'scope': ' '.join(scopes)}).encode())}"
    return f"{text}.{encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"


class World:
    """A server with three people and, before each request that may rely on it, the same rows."""

    def __init__(self, server, sql):
        self.api, self.sql, self.ids, self.tokens, self.is_touched = server.client, sql, {}, {}, True
        for number, (name, role) in enumerate(PEOPLE.items(), 1):
            values = {"name": name, "email": f"row{number}@example.org", "role": role, "password": "correct horse battery"}
            answer = self.api.post("/auth/register", json=values)
            assert answer.status == 201, answer
            self.ids[name] = answer.json["account"]["id"]
            self.tokens[name] = answer.json["access_token"]

    def request(self, caller, method, path, **options):
        name, _, scopes = caller.partition(" [")
        headers = dict(options.pop("headers", {}))
        if name != "nobody":
            token = self.tokens[name]
            headers["Authorization"] = "Bearer " + (narrowed(token, scopes.rstrip("]").split()) if scopes else token)
        self.is_touched = self.is_touched or method != "GET"
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.api.request(method, urllib.parse.quote(path, safe="/?&=[],:@'\""), headers=headers, **options)

    def make(self, called, caller, path, **values):
        answer = self.request(caller, "POST", path, json=values)
        assert answer.status == 201, answer
        self.ids[called] = answer.headers["Location"].rsplit("/", 1)[1]

    def set_up(self):
        if not self.is_touched:
            return
        self.sql("DELETE FROM positions")
        self.sql("DELETE FROM markets")
        self.make("m1", "bob", "/markets", name="one", slug="s1", level=5, tags=["a", "1"], meta={"x": [1, True, None, "2"]})
        self.make("m2", "bob", "/markets", name="two", slug="s2", level=6, status="active", code="c2", fixed="f2")
        self.make("m3", "cy", "/markets", name="six", slug="s3", level=7, status="closed")
        self.make("p1", "cy", "/positions", market=self.ids["m1"], owner=self.ids["bob"], size=1)
        self.make("p2", "cy", "/positions", market=self.ids["m2"], owner=self.ids["ada"], size=2)
        self.is_touched = False

    def named(self, text):
        return re.sub(r"\b(m[123]|p[12]|ada|bob|cy)\b", lambda match: self.ids[match[1]], text)


def serve_world(serve_module, request):
    server = serve_module(f"auth: {{password: {{memory: 64KiB, iterations: 1}}, keys: [{{secret: {SECRET}}}]}}" + APP)

    def sql(text):
        if server.database.startswith("postgres"):
            request.getfixturevalue("postgres").sql(server.database, text)
            return
        with contextlib.closing(sqlite3.connect(server.directory / "data/app.db")) as connection:
            connection.execute(text)
            connection.commit()

    return World(server, sql)


@pytest.fixture(scope="module")
def world(serve_module, request):
    return serve_world(serve_module, request)


def list_of(outcome, key):
    found = re.search(rf"{key}: \[(.*?)\]", outcome)
    return found and [item.strip() for item in found[1].split(",") if item.strip()]


@pytest.mark.parametrize("caller,request_text,outcome", TRUE)
def test_the_same_holds_over_http(world, caller, request_text, outcome):
    world.set_up()
    words = request_text.split(" ", 1) if not request_text.startswith("/") else ["GET", request_text]
    path, _, body = world.named(words[1]).partition(" {")
    answer = world.request(caller, words[0], path, json=json.loads("{" + body) if body else None)
    status = re.search(r"^(\d+)$|status: (\d+)", outcome)
    assert answer.status == int(status[1] or status[2] if status else 200), answer
    rows = answer.json if isinstance(answer.json if answer.body else None, list) else None
    if list_of(outcome, "rows") is not None:
        assert {str(row["id"]) for row in rows} == {world.ids[name] for name in list_of(outcome, "rows")}
        assert len(rows) == len(list_of(outcome, "rows"))
    if list_of(outcome, "fields"):
        assert set(rows[0] if rows else answer.json) == set(list_of(outcome, "fields"))
    if "total" in outcome:
        assert int(answer.headers["X-Total-Count"]) == int(re.search(r"total: (\d+)", outcome)[1])


def test_a_put_leaves_what_its_caller_cannot_see(world):
    world.set_up()
    path = world.named("/markets/m2")
    before = world.request("bob", "GET", path).json
    answer = world.request("ada", "PUT", path, json={"name": "new", "status": "active"})
    assert answer.status == 200 and set(answer.json) == {"id", "name", "status"}
    after = world.request("bob", "GET", path).json
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"name", "version", "updatedAt"}, (before, after)


def test_a_conflict_names_no_field_that_its_caller_cannot_see(world):
    world.set_up()
    taken = {"code": "c2"}
    world.make("m4", "bob", "/markets", name="four", slug="s4", level=8, status="active")
    assert world.request("cy", "POST", "/markets", json={"name": "other", "slug": "s2", "level": 5}).json["errors"][0]["pointer"] == "#/slug"
    answer = world.request("ada", "PATCH", world.named("/markets/") + world.ids["m4"], json=taken)
    assert answer.status == 409 and "errors" not in answer.json and "code" not in answer.json["detail"], answer


def test_a_batch_shows_and_takes_only_what_its_caller_may_read(world):
    world.set_up()
    path = world.named("/markets/m2")
    operations = [{"method": "PATCH", "path": path, "body": {"name": "new"}, "id": "m"}]
    answer = world.request("ada", "POST", "/batch", json={"operations": operations})
    assert answer.status == 200 and set(answer.json[0]["data"]) == {"id", "name", "status"}, answer
    taking = [*operations, {"method": "PATCH", "path": path, "body": {"name": "$m.slug"}}]
    answer = world.request("ada", "POST", "/batch", json={"operations": taking})
    assert answer.status == 400 and "has not" in answer.text, answer
    answer = world.request("ada", "POST", "/batch", json={"operations": [{"method": "PATCH", "path": world.named("/markets/m1"), "body": {"name": "new"}}]})
    assert answer.status == 404, answer


def test_many_new_rows_are_shown_as_each_caller_may_see_them(world):
    world.set_up()
    rows = [{"name": f"many {i}", "slug": f"many{i}", "level": 5, "status": status} for i, status in enumerate(("draft", "active"))]
    answer = world.request("ada", "POST", "/markets", json=rows)
    assert answer.status == 201 and answer.json[0] is None and set(answer.json[1]) == {"id", "name", "status"}, answer


def test_a_row_behind_a_reference_is_shown_as_its_caller_may_see_it(world):
    world.set_up()
    for caller, fields in (("ada", {"id", "name", "status"}), ("cy", None), ("nobody", None)):
        row = world.request(caller, "GET", world.named("/positions/p2?expand=market")).json
        shown = row["market"] and set(row["market"])
        assert (shown == fields) if caller == "ada" else (shown is None if caller == "nobody" else "slug" in shown), (caller, row)
    row = world.request("ada", "GET", world.named("/positions/p1?expand=market")).json
    assert row["market"] is None
    assert world.request("cy [positions:read]", "GET", world.named("/positions/p2?expand=market")).json["market"] is None


def test_a_cursor_leads_no_further_than_its_callers_rows(world):
    world.set_up()
    page = world.request("cy", "GET", "/markets?limit=1&sort=slug")
    cursor = re.search(r"after=([^&>]*)", page.headers["Link"] or "")
    if cursor:
        assert world.request("ada", "GET", f"/markets?limit=1&sort=slug&after={cursor[1]}").status == 400  # slug is no field of hers
    assert len(world.request("ada", "GET", "/markets?limit=1&sort=name").json) == 1
