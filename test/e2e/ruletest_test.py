# SPDX-License-Identifier: Apache-2.0
"""`tests:` in the app file, run by `tenon check`: they pass when the rules do what they say, and fail when they do not.

They are also how the rules themselves are tested here, for callers of every kind: on each way to a row or a field."""

import json
import re

import pytest

from server import run_tenon

APP = """
database: sqlite:data/app.db
api: {naming: camel, envelope: problem}
roles:
  admin: ["*"]
  manager: ["markets:*"]
  user: []
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, manager, admin) = user
      secret: text hidden
      password: password required
    access: {read: id == auth.id || role("admin"), create: true, update: false, delete: false}
  markets:
    fields:
      name: text(3..120) required
      slug: text(1..80) required unique
      status: enum(draft, active, closed) = draft
      tags: list(text)
      meta: json
      level: int(5..9) required
      code: text unique
      fixed: text immutable
      creator: users required readonly = auth.id
      opened_at: datetime
    search: [name, slug]
    access:
      read:
        - {for: role("admin")}
        - {for: role("manager"), when: status != 'draft', fields: [name, status]}
        - {when: creator == auth.id}
      create: auth.id != null
      update:
        - {for: role("manager"), when: status == 'active', fields: [name, status, code, fixed]}
        - {when: creator == auth.id, fields: [name, status]}
      delete: role("admin")
  positions:
    id: int
    fields: {market: markets required, owner: users, size: int required}
    access: {read: true, create: true, update: owner == auth.id, delete: "market.creator == auth.id"}
actions:
  close:
    access: can("markets:close")
    input: {market: markets required}
    steps: [{sql: "UPDATE markets SET status = 'closed' WHERE id = :market", expect: 1}]
tests:
"""

ROWS = """
    rows:
      users: [{id: ada, role: manager}, {id: bob}, {id: cy, role: admin}]
      markets:
        - {id: m1, creator: bob, tags: [a, "1"], meta: {x: [1, true, null, "2"]}, name: one}
        - {id: m2, creator: bob, status: active, name: two, code: c2, fixed: f2}
        - {id: m3, creator: cy, status: closed, name: six}
      positions: [{id: p1, market: m1, owner: bob}, {id: p2, market: m2, owner: ada}]
"""

# Who asks, what, and what must come of it.
TRUE = [
    ("nobody", "GET /markets", "{rows: []}"),
    ("nobody", "GET /markets/m2", "404"),
    ("nobody", "POST /markets {}", "401"),
    ("nobody", "GET /users", "{rows: []}"),
    ("nobody", "GET /nonsense", "404"),
    ("nobody", "/api/v1/positions?count=exact", "{status: 200, total: 2, rows: [p1, p2]}"),
    # a caller's own rows, and what of them
    ("bob", "GET /markets?sort=-name&count=exact", "{total: 2, rows: [m1, m2]}"),
    ("bob", "GET /markets/m1", "{fields: [id, name, slug, status, tags, meta, level, code, fixed, creator, openedAt, createdAt, updatedAt, version]}"),
    ("bob", "GET /markets/m3", "404"),
    ("bob", "GET /markets?search=one", "{rows: [m1]}"),
    ("bob", "GET /markets?creator=bob", "{rows: [m1, m2]}"),
    ("bob", "PATCH /markets/m1 {\"name\": \"new\"}", "200"),
    ("bob", "PATCH /markets/m1 {\"level\": 6}", "403"),
    ("bob", "PATCH /markets/m3 {\"name\": \"new\"}", "404"),
    ("bob", "DELETE /markets/m1", "403"),
    ("bob", "DELETE /markets/m3", "403"),
    # fields that a rule does not name do not exist, whatever the way
    ("ada", "GET /markets?count=exact", "{total: 2, rows: [m2, m3], fields: [id, name, status]}"),
    ("ada", "GET /markets/m2", "{fields: [id, name, status]}"),
    ("ada", "GET /markets/m1", "404"),
    ("ada", "GET /markets?creator=bob", "400"),
    ("ada", "GET /markets?where=level > 1", "400"),
    ("ada", "GET /markets?where=creator.name == 'x'", "400"),
    ("ada", "GET /markets?sort=slug", "400"),
    ("ada", "GET /markets?sort=createdAt", "400"),
    ("ada", "GET /markets?fields=slug", "400"),
    ("ada", "GET /markets?expand=creator", "400"),
    ("ada", "GET /markets?search=two", "400"),
    ("ada", "GET /markets?status=active", "{rows: [m2]}"),
    ("ada", "GET /positions?market.slug=x", "400"),
    ("ada", "GET /positions?fields=market.slug", "400"),
    ("ada", "GET /positions?sort=market.level", "400"),
    ("ada", "GET /positions?market.name=two", "{rows: [p2]}"),
    ("ada", "GET /positions?market.name=one", "{rows: []}"),  # the row behind it may not be read
    ("ada", "PATCH /markets/m2 {\"name\": \"new\"}", "{fields: [id, name, status]}"),
    ("ada", "PATCH /markets/m2 {\"level\": 6}", "403"),
    ("ada", "PATCH /markets/m3 {\"name\": \"new\"}", "403"),
    ("ada", "PATCH /markets/m2 {\"status\": \"draft\"}", "403"),  # the new row would not satisfy the rule
    # a guess of what may not be read is never confirmed
    ("ada", "PATCH /markets/m2 {\"fixed\": \"f2\"}", "400"),
    ("ada", "PATCH /markets/m2 {\"fixed\": \"no\"}", "400"),
    ("cy", "GET /markets?sort=name", "{rows: [m1, m2, m3]}"),
    ("cy", "GET /users?where=secret == null", "400"),
    ("bob", "GET /users?where=auth.secret == null", "400"),
    ("bob", "GET /users?where=auth.role == 'user'", "{rows: [bob]}"),
    # rows behind references
    ("bob", "POST /positions {\"market\": \"m1\", \"size\": 1}", "201"),
    ("bob", "POST /positions {\"market\": \"m3\", \"size\": 1}", "400"),
    ("bob", "PATCH /positions/p1 {\"size\": 2}", "200"),
    ("bob", "PATCH /positions/p2 {\"size\": 2}", "403"),
    ("bob", "DELETE /positions/p2", "204"),
    ("ada", "DELETE /positions/p2", "403"),
    # actions
    ("cy", "POST /actions/close {\"market\": \"m1\"}", "204"),
    ("ada", "POST /actions/close {\"market\": \"m2\"}", "204"),
    ("bob", "POST /actions/close {\"market\": \"m1\"}", "403"),
    # what a token is narrowed to
    ("cy [markets:read]", "GET /markets/m1", "200"),
    ("cy [markets:read]", "GET /users", "403"),
    ("cy [markets:read]", "DELETE /markets/m1", "403"),
    ("cy [markets:read]", "POST /actions/close {\"market\": \"m1\"}", "403"),
    ("cy [markets:read actions:close]", "POST /actions/close {\"market\": \"m1\"}", "403"),  # can() holds for no more than the scopes
    ("cy [markets:read markets:close]", "POST /actions/close {\"market\": \"m1\"}", "403"),
    ("cy [markets:* actions:close]", "POST /actions/close {\"market\": \"m1\"}", "204"),
    ("cy [markets:delete]", "DELETE /markets/m1", "404"),
    ("cy [positions:*]", "GET /positions?market.name=one", "{rows: []}"),
    ("cy [positions:* markets:read]", "GET /positions?market.name=one", "{rows: [p1]}"),
    ("cy [positions:*]", "GET /positions?where=market.name == null", "{rows: [p1, p2]}"),
    ("cy [positions:*]", "POST /positions {\"market\": \"m1\", \"size\": 1}", "400"),
    ("cy [*:read]", "GET /users?email=row1@example.org", "{rows: [ada]}"),
]


def as_text(caller):
    name, _, scopes = caller.partition(" [")
    return name if not scopes else f"{{account: {name}, scopes: {json.dumps(scopes.rstrip(']').split())}}}"


def written(caller, request, outcome):
    return f"  - name: {json.dumps(f'{caller}: {request}')}{ROWS}    as: {as_text(caller)}\n    expect: [{{{json.dumps(request)}: {outcome}}}]\n"


def check(tmp_path, app, *options):
    (tmp_path / "app.yaml").write_text(app)
    return run_tenon("check", "app.yaml", *options, directory=tmp_path)


def test_rules_hold_on_every_way_to_a_row_or_a_field(tmp_path):
    done = check(tmp_path, APP + "".join(written(*row) for row in TRUE))
    assert done.returncode == 0, done.stderr
    assert f"{len(TRUE)} of {len(TRUE)} tests passed" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["app.yaml"]  # the app's own database is not touched


def test_every_expectation_that_is_wrong_fails_at_its_place(tmp_path):
    """Each of them is turned round: what passed for any reason but the right one would still pass."""
    wrong = [(caller, request, "299" if outcome.isdigit() else re.sub(r"(rows|fields): \[", r"\1: [cy, ", outcome, count=1)) for caller, request, outcome in TRUE]
    app = APP + "".join(written(*row) for row in wrong)
    done = check(tmp_path, app, "--json")
    assert done.returncode == 1
    told = [item for item in json.loads(done.stdout) if item["severity"] == "error"]
    assert len(told) == len(TRUE)
    lines = app.splitlines()
    for (caller, request, _), item in zip(wrong, told):
        assert item["message"].startswith(f"{caller}: {request}: expected "), item
        assert json.dumps(request) in lines[item["line"] - 1], item


def test_what_the_rules_are_said_to_say_is_what_the_server_does(tmp_path):
    """The judgement of `tenon why`, which reads only, against the answer of the handlers, for each request that the rules decide."""
    decided = [row for row in TRUE if row[2] != "400" and row[1] != "GET /nonsense"]
    done = check(tmp_path, APP + "".join(written(caller, request, "299") for caller, request, _ in decided), "--json")
    told = [item for item in json.loads(done.stdout) if item["severity"] == "error"]
    assert len(told) == len(decided) > 40
    for item in told:
        came = re.search(r"and (\d+) came", item["message"])[1]
        if came != "400":  # a reference to a row that may not be read
            assert item["hint"].startswith(f"the rules say {came}: "), item


def test_a_failure_says_which_clause_decided(tmp_path):
    app = APP + written("bob", "GET /markets/m3", "200") + written("ada", "GET /markets", "{rows: [m1]}")
    done = check(tmp_path, app)
    assert done.returncode == 1 and "0 of 2 tests passed" in done.stderr
    assert re.search(r"app.yaml:\d+:\d+: bob: GET /markets/m3: expected 200, and 404 came\n  hint: the rules say 404: .*\(app.yaml:\d+\).*: creator == auth.id", done.stderr)
    assert "expected the rows [m1], and [m2, m3] came" in done.stderr


def test_requests_of_one_test_see_what_the_earlier_ones_did(tmp_path):
    app = APP + f"""
  - name: in order{ROWS}    as: bob
    expect:
      - 'PATCH /markets/m1 {{"status": "active"}}': 200
      - GET /markets?status=active: {{rows: [m1, m2]}}
      - 'POST /users {{"name": "x", "email": "x@example.org", "password": "a long password"}}': 201
      - GET /users?count=exact: {{total: 1}}
  - name: on rows of its own{ROWS}    as: bob
    expect:
      - GET /markets?status=active: {{rows: [m2]}}
"""
    done = check(tmp_path, app)
    assert done.returncode == 0, done.stderr


def test_what_a_row_leaves_out_is_made_up(tmp_path):
    app = """
resources:
  owners: {fields: {name: text required unique}, access: {read: true, write: false}}
  things:
    fields:
      owner: owners required
      a: text(3..5) required unique
      b: int(-9..-1) required
      c: decimal(5,2) required
      d: date required unique
      e: datetime required
      f: uuid required unique
      g: url required unique
      h: email required unique
      i: enum(x, y) required
      j: json required
      k: list(int) required
      l: bool required
      m: float required
      n: text
      o: text = 'kept'
    access: {read: n == null && o == 'kept', write: false}
tests:
  - name: rows of nothing
    rows: {things: [{}, {}, {id: z}, {id: 01890a5d-ac96-774b-bcce-b302099a8057}]}
    expect:
      - GET /things?count=exact: {total: 4}
      - GET /things/z: 200
      - GET /things/01890a5d-ac96-774b-bcce-b302099a8057: 200
      - GET /owners?count=exact: {total: 1}
"""
    done = check(tmp_path, app)
    assert done.returncode == 0, done.stderr


MISTAKES = """
resources:
  users: {fields: {name: text(1..3) required, code: {type: text required, pattern: "^[A-Z]{3}$"}, password: password}, access: {read: true, write: false}}
  notes: {fields: {by: users, n: int}, access: {read: true, write: false}}
tests:
  - {nmae: x, expect: []}
  - name: [a]
    rows: {user: [], users: 1, notes: [{id: a}, {id: a}, 3, {id: nobody}]}
    as: {acount: a, scopes: [x]}
    expect: [GET /notes, {GET /notes: 1, GET /users: 2}, {GET /notes: 99}, {GET /notes: {totl: 1, rows: a, total: x}}]
  - {name: b, rows: {users: [{id: ada}]}, as: adda, expect: [{GET /: 200}]}
  - 4
"""


def test_mistakes_of_tests_are_told_at_their_places(tmp_path):
    done = check(tmp_path, MISTAKES)
    assert done.returncode == 1
    told = re.findall(r"^app.yaml:(\d+):\d+: (?!warning)(.*)$", done.stderr, re.M)
    assert told == [
        ("6", "a test must have a name"),
        ("6", 'unknown key "nmae"; did you mean "name"?'),
        ("6", '"expect" must be a list of 1 to 200 requests'),
        ("7", "a test must have a name"),
        ("8", 'unknown resource "user"; did you mean "users"?'),
        ("8", "the rows of a resource must be a list, this is a text"),
        ("8", 'two rows are called "a"'),
        ("8", "a row must be a map, this is a text"),
        ("8", 'no row can be called "nobody"'),
        ("9", '"account" is missing'),
        ("9", 'unknown key "acount"; did you mean "account"?'),
        ("9", '"x" is no permission'),
        ("10", "a request and what is expected of it is missing, this is a text"),
        ("10", "a request and what is expected of it is missing, this is a map"),
        ("10", '"GET /notes" must be a number of 100 to 599'),
        ("10", 'unknown key "totl"; did you mean "total"?'),
        ("10", "names must be a list, this is a text"),
        ("10", '"total" must be a number of 0 to 2147483647'),
        ("11", 'no account among the rows is called "adda"; did you mean "ada"?'),
        ("12", "a test must be a map, this is a text"),
    ], done.stderr


def test_mistakes_of_rows_are_told_at_their_places(tmp_path):
    app = MISTAKES[: MISTAKES.index("tests:")] + """tests:
  - name: rows
    rows:
      users: [{id: ada, code: ABC, name: toolong}, {id: bob, nmae: x, code: abc}]
      notes: [{by: adda, n: x}]
    expect: [{GET /notes: 200}]
  - name: none made up
    rows: {users: [{id: ada}]}
    expect: [{GET /notes: 200}]
  - name: twice
    rows: {users: [{id: ada, code: ABC}, {id: 01890a5d-ac96-774b-bcce-b302099a8057, code: ABC}, {id: 01890A5D-ac96-774b-bcce-b302099a8057, code: ABC}]}
    expect: [{GET /notes: 200}]
"""
    done = check(tmp_path, app)
    told = re.findall(r"^app.yaml:(\d+):\d+: (?!warning)(.*)$", done.stderr, re.M)
    assert done.returncode == 1 and told == [
        ("8", 'field "name": must be at most 3 characters'),
        ("8", 'unknown field "nmae"; did you mean "name"?'),
        ("8", 'field "code": does not match its pattern'),
        ("9", 'no row of users is called "adda"; did you mean "ada"?'),
        ("9", 'field "n": must be a whole number'),
        ("12", 'field "code" needs a value, and none could be made up: does not match its pattern'),
        ("14", told[-1][1]),
    ], done.stderr
    assert told[-1][1].startswith("the rows of this test cannot be stored: ")


def test_an_app_with_adopted_tables_says_that_it_cannot_be_tested(tmp_path):
    app = """
resources:
  Customers: {table: Customers, key: CustomerID, timestamps: false, version: false, fields: {CustomerID: text required}, access: {read: true, write: false}}
tests:
  - {name: a, expect: [{GET /Customers: 200}]}
"""
    done = check(tmp_path, app)
    assert done.returncode == 1 and "cannot be tested" in done.stderr


def test_included_files_bring_tests_of_their_own(tmp_path):
    (tmp_path / "more.yaml").write_text("tests:\n  - {name: b, expect: [{GET /notes: 200}]}\n")
    done = check(tmp_path, "include: more.yaml\nresources:\n  notes: {fields: {a: text}, access: {all: true}}\ntests:\n  - {name: a, expect: [{GET /notes: 200}]}\n")
    assert done.returncode == 0 and "2 of 2 tests passed" in done.stdout, done.stderr
