# SPDX-License-Identifier: Apache-2.0
"""`tenon why`: the rule that decides, what its clauses come to, and the status that a client would get.

What it says is held against what the server does, for those who have not signed in."""

import contextlib
import json
import sqlite3

import pytest

from server import run_tenon

DATABASES = ("sqlite", "postgres")

APP = """
roles:
  admin: ["*"]
  manager: ["markets:*", "users:read"]
  user: ["markets:create"]
resources:
  users:
    id: int
    fields:
      name: text(1..80) required
      role: enum(user, manager, admin) = user
      secret: text hidden
      password: password required
    access: {read: id == auth.id || can("users:read"), create: true, update: role("admin"), delete: false}
  markets:
    id: int
    fields:
      name: text required
      status: enum(draft, active, closed) = draft
      creator: users
      note: text
    access:
      read:
        - {for: role("admin")}
        - {for: can("markets:update"), when: status != 'draft' || creator == auth.id, fields: [id, name, status]}
        - {when: status == 'active' || creator == auth.id}
      create: input.name != 'bad'
      update:
        - {for: role("admin")}
        - {when: "creator == auth.id && status != 'closed'", fields: [name, status]}
        - {when: status == 'active', fields: [name]}
      delete: role("admin")
  members:
    fields: {market: markets, user: users}
    access: {read: true, create: auth.id in market.members.user || user == auth.id, update: creator_of_market, delete: false}
actions:
  close:
    route: POST /markets/:id/close
    access: can("markets:update") && input.id > 3
    input: {id: int required}
    steps: [{sql: "UPDATE markets SET status = 'closed' WHERE id = :id"}]
""".replace("update: creator_of_market", "update: market.creator == auth.id && user != auth.id")

ADA, BOB, CY, DRAFT, ACTIVE, CLOSED = 1, 2, 3, 1, 2, 3


@pytest.fixture(scope="module")
def server(serve_module, request):
    server = serve_module(APP)
    client = server.client
    for name in ("ada", "bob", "cy"):
        assert client.post("/api/v1/users", json={"name": name, "password": "long enough", "secret": f"of {name}"}).status == 201
    for status in ("draft", "active", "closed"):
        assert client.post("/api/v1/markets", json={"name": status, "status": status}).status == 201
    texts = ["UPDATE users SET role = 'admin' WHERE id = 1", "UPDATE users SET role = 'manager' WHERE id = 3", "UPDATE markets SET creator = 2"]
    if server.database.startswith("postgres"):
        for text in texts:
            request.getfixturevalue("postgres").sql(server.database, text)
    else:
        with contextlib.closing(sqlite3.connect(server.directory / "data/app.db")) as connection:
            for text in texts:
                connection.execute(text)
            connection.commit()
    return server


def run(server, request, *options):
    return run_tenon("why", request, "app.yaml", *options, directory=server.directory)


def why(server, request, *options):
    done = run(server, request, "--json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def as_(caller):
    return [] if caller is None else ["--as", str(caller)]


# A request, who makes it, and the status; the subject of the rule that decides, and the clauses that it is false for.
CASES = [
    ("GET /api/v1/markets", None, 200, None, []),
    (f"GET /api/v1/markets/{ACTIVE}", None, 200, None, []),
    (f"GET /api/v1/markets/{DRAFT}", None, 404, "read of markets", ["status == 'active'", "creator == auth.id"]),
    (f"GET /api/v1/markets/{DRAFT}", BOB, 200, None, []),
    (f"GET /api/v1/markets/{DRAFT}", CY, 404, "read of markets", ["status != 'draft'", "creator == auth.id"]),
    (f"GET /api/v1/markets/{CLOSED}", CY, 200, None, []),
    (f"GET /api/v1/markets/{DRAFT}", ADA, 200, None, []),
    ("GET /api/v1/markets/99", ADA, 404, None, []),
    ("GET /api/v1/markets/none", None, 404, None, []),
    ("GET /api/v1/users", None, 200, "read of users", ["id == auth.id", "can('users:read')"]),
    (f"GET /api/v1/users/{BOB}", None, 404, "read of users", ["id == auth.id", "can('users:read')"]),
    (f"GET /api/v1/users/{BOB}", CY, 200, None, []),
    ('POST /api/v1/markets {"name": "x"}', None, 201, None, []),
    ('POST /api/v1/markets {"name": "bad"}', None, 401, "create of markets", ["input.name != 'bad'"]),
    ('POST /api/v1/markets {"name": "bad"}', BOB, 403, "create of markets", ["input.name != 'bad'"]),
    (f'PATCH /api/v1/markets/{ACTIVE} {{"name": "x"}}', CY, 403, "update of markets", ["creator == auth.id"]),
    (f'PATCH /api/v1/markets/{DRAFT} {{"name": "x"}}', None, 404, "read of markets", ["status == 'active'", "creator == auth.id"]),
    (f'PATCH /api/v1/markets/{DRAFT} {{"status": "closed"}}', BOB, 403, "update of markets", ["status != 'closed'"]),
    (f'PATCH /api/v1/markets/{DRAFT} {{"name": "x"}}', BOB, 200, None, []),
    (f'PATCH /api/v1/markets/{DRAFT} {{"note": "x"}}', BOB, 403, None, []),
    (f'PATCH /api/v1/markets/{DRAFT} {{"note": "x"}}', ADA, 200, None, []),
    (f'PATCH /api/v1/markets/{ACTIVE} {{"note": "x"}}', None, 403, None, []),
    (f"DELETE /api/v1/markets/{ACTIVE}", None, 401, "delete of markets", ["role('admin')"]),
    (f"DELETE /api/v1/markets/{ACTIVE}", BOB, 403, "delete of markets", ["role('admin')"]),
    (f"DELETE /api/v1/markets/{ACTIVE}", ADA, 204, None, []),
    (f"DELETE /api/v1/users/{BOB}", ADA, 403, "delete of users", []),
    ("POST /api/v1/markets/4/close", CY, 204, None, []),
    ("POST /api/v1/markets/2/close", CY, 403, "the action close", ["input.id > 3"]),
    ("POST /api/v1/markets/4/close", None, 401, "the action close", ["can('markets:update')"]),
]


@pytest.mark.parametrize("request_text,caller,status,subject,clauses", CASES)
def test_the_status_and_the_clauses_that_decide(server, request_text, caller, status, subject, clauses):
    report = why(server, request_text, *as_(caller))
    assert report["status"] == status, report
    false = [rule for rule in report["rules"] if rule["outcome"] == "false"]
    assert [rule["subject"] for rule in false] == ([subject] if subject else []), report
    if subject:
        assert [clause["text"] for clause in false[0]["clauses"] if clause["outcome"] == "false"] == clauses
        assert subject in report["reason"] and f"app.yaml:{false[0]['line']}" in report["reason"]


ANONYMOUS = [case[0] for case in CASES if case[1] is None and not case[0].startswith("POST /api/v1/markets {\"name\": \"x")]


@pytest.mark.parametrize("request_text", ANONYMOUS)
def test_it_says_what_the_server_does(server, request_text):
    method, path, *body = request_text.split(" ", 2)
    answer = server.client.request(method, path, json=json.loads(body[0]) if body else None)
    assert answer.status == why(server, request_text)["status"], answer


def test_the_values_that_decided_are_shown_and_hidden_ones_are_not(server):
    report = why(server, f"GET /api/v1/markets/{DRAFT}", *as_(CY))
    assert [clause["values"] for clause in report["rules"][0]["clauses"]] == [{"status": "draft"}, {"creator": BOB, "auth.id": CY}]
    assert [clause["decidedBy"] for clause in report["rules"][0]["clauses"]] == ["row", "row"]
    for caller in (ADA, BOB, CY):
        text = run(server, f"GET /api/v1/users/{BOB}", *as_(caller)).stdout
        assert "of bob" not in text and "argon2" not in text


def test_the_rule_that_is_the_callers_is_shown_with_those_that_are_for_others(server):
    lines = (server.directory / "app.yaml").read_text().splitlines()
    [rule] = why(server, "GET /api/v1/markets", *as_(BOB))["rules"]
    assert "status == 'active'" in lines[rule["line"] - 1] and rule["file"].endswith("app.yaml")
    assert [other["for"] for other in rule["others"]] == ["role('admin')", "can('markets:update')"]
    assert 'role("admin")' in lines[rule["others"][0]["line"] - 1]
    [rule] = why(server, "GET /api/v1/markets", *as_(CY))["rules"]
    assert rule["for"] == "can('markets:update')" and rule["join"] == "any"


def test_a_list_shows_the_condition_that_every_row_must_pass(server):
    report = why(server, "GET /api/v1/markets?status=draft", *as_(CY))
    [rule] = report["rules"]
    assert report["status"] == 200 and rule["outcome"] == "open" and rule["about"] == "each row"
    assert rule["arguments"] == ["draft", CY] and 't0."status"' in rule["sql"] and 't0."creator"' in rule["sql"]
    assert why(server, "GET /api/v1/markets", *as_(ADA))["rules"][0]["sql"] is None  # every row


def test_the_fields_that_may_be_read_and_written(server):
    report = why(server, f"PATCH /api/v1/markets/{CLOSED}", *as_(CY))
    assert report["mayRead"] == ["id", "name", "status"] and report["mayWrite"] == ["name", "status"]
    report = why(server, f"PATCH /api/v1/markets/{CLOSED}", *as_(ADA))
    assert report["mayWrite"] == ["name", "status", "creator", "note"] and "version" in report["mayRead"]
    assert why(server, "GET /api/v1/markets")["mayWrite"] is None


def test_scopes_narrow_what_a_role_holds(server):
    report = why(server, f"DELETE /api/v1/markets/{ACTIVE}", *as_(ADA), "--scopes", "markets:read users:*")
    assert report["status"] == 403 and report["reason"] == 'the scopes do not hold "markets:delete"'
    assert report["scopes"] == ["users:read", "users:create", "users:update", "users:delete", "markets:read"]
    assert why(server, f"GET /api/v1/markets/{ACTIVE}", *as_(ADA), "--scopes", "markets:read")["status"] == 200
    unreadable = why(server, f"DELETE /api/v1/markets/{ACTIVE}", *as_(ADA), "--scopes", "markets:delete")
    assert unreadable["status"] == 404 and unreadable["reason"] == 'the scopes do not hold "markets:read"'
    assert why(server, "POST /api/v1/markets/4/close", *as_(CY), "--scopes", "actions:* markets:update")["status"] == 204
    assert why(server, "POST /api/v1/markets/4/close", *as_(CY), "--scopes", "actions:*")["status"] == 403
    assert why(server, "POST /api/v1/markets/4/close", *as_(CY), "--scopes", "markets:*")["status"] == 403


def test_paths_and_sets_are_asked_in_the_database_and_in_new_rows_where_that_can_be(server):
    report = why(server, f'POST /api/v1/members {{"market": {ACTIVE}, "user": {BOB}}}', *as_(BOB))
    assert [clause["outcome"] for clause in report["rules"][0]["clauses"]] == ["open", "true"] and report["status"] == 201
    report = why(server, f'POST /api/v1/members {{"market": {ACTIVE}, "user": {CY}}}', *as_(BOB))
    assert report["rules"][0]["outcome"] == "open" and "before the row is stored" in report["reason"]


def test_the_text_names_everything(server):
    done = run(server, f"GET /markets/{DRAFT}", "--as", f"users:{CY}")  # the base of the API may be left out
    assert done.returncode == 0 and done.stderr == ""
    for part in ("by:        users:3, role manager", "holds:     users:read, markets:read", "not for this caller: role('admin') (app.yaml:", "any of",
                 'false  status != \'draft\'    [status = "draft"]', "SQL: (t0.\"status\" <> ", "argument 2: 3", "404: the rule for read of markets (app.yaml:", "may read:  id, name, status"):
        assert part in done.stdout, done.stdout


REFUSED = [
    (["nonsense"], 2, "a request is a method and a path"),
    (["GET /api/v1/lost"], 2, "no resource and no action answers this path"),
    (["POST /api/v1/markets/1"], 2, "nothing answers this method"),
    (['POST /api/v1/markets [{"name": "a"}]'], 2, "one object at a time"),
    (['POST /api/v1/markets {"name": 1}'], 1, '"name" must be a text'),
    (['POST /api/v1/markets {"nmae": 1}'], 1, '"nmae"'),
    (["POST /api/v1/markets {"], 2, "JSON"),
    (["GET /api/v1/markets", "--as", "99"], 1, "--as names no account"),
    (["GET /api/v1/markets", "--as", "x"], 1, "--as names no account"),
    (["GET /api/v1/markets", "--scopes", "markets:read"], 1, "scopes narrow somebody who is signed in"),
    (["GET /api/v1/markets", "--as", "1", "--scopes", "markets"], 1, '"markets" is no permission'),
    (["GET", "/api/v1/markets"], 2, "in quotes"),
]


@pytest.mark.parametrize("words,code,message", REFUSED)
def test_what_cannot_be_explained_is_refused_with_what_to_do(server, words, code, message):
    done = run_tenon("why", *words, directory=server.directory)
    assert done.returncode == code and message in done.stderr, done.stderr


def test_what_came_from_a_variable_is_never_shown(serve):
    app = """
resources:
  notes:
    fields: {code: text}
    access: {read: "code == '${CODE}'", create: true, write: false}
"""
    server = serve(app, env={"CODE": "open sesame"})
    done = run_tenon("why", "GET /api/v1/notes", "app.yaml", directory=server.directory, env={"CODE": "open sesame"})
    assert done.returncode == 0 and "(it holds a variable)" in done.stdout and "sesame" not in done.stdout + done.stderr
