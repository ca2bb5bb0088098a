# SPDX-License-Identifier: Apache-2.0
"""P23: nobody learns of a row or a field that is not theirs to read: no id, no byte, no bit of it.

Two ways of asking. The matrix: every caller sends every kind of request about every row and field, and what must come back
was worked out before by a model of the rules in Python, which knows nothing of the engine. The worlds: what a caller may not
see is changed, deleted and added to in the database, and every answer to that caller must stay the same, byte for byte."""

import dataclasses
import functools
import itertools
import json
import random
import re
import uuid

import jwt
import pytest

from server import run_tenon
from signin_test import CHEAP, FREE, PASSWORD
from token_test import KEYS, declared, issuer_of, now

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
APP = """
roles:
  admin: ["*"]
  editor: ["docs:*", "comments:*", "teams:*", "users:*", "actions:*"]
  user: ["docs:*", "comments:*", "teams:read", "users:*", "actions:publish"]
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: text(1..20) required = 'user'
      level: int
      phone: text hidden unique
      password: password required
    access:
      read:
        - for: role("admin")
        - for: role("editor")
          fields: [name, role, version]
        - when: id == auth.id
          fields: [name, email, role, version]
      create: true
      update: {when: id == auth.id, fields: [name, level]}
      delete: false
  teams:
    fields:
      name: text(1..80) required
      open: bool required = true
      code: text hidden unique
      budget: int unique
    access:
      read:
        - for: role("admin") || role("editor")
        - for: can("teams:read")
          when: open
          fields: [name, version]
      write: role("admin")
  docs:
    fields:
      title: text(1..80) required
      state: enum(draft, live) required = draft
      owner: users readonly = auth.id
      team: teams
      grade: int
      serial: text unique
      note: text hidden
      score: int
    search: [title]
    access:
      read:
        - for: role("admin")
        - for: role("editor")
          when: state == 'live' || owner == auth.id
          fields: [title, state, owner, team, grade, score, version]
        - for: role("user")
          when: state == 'live' || owner == auth.id
          fields: [title, state, owner, team, score, version]
        - when: state == 'live'
          fields: [title, state, version]
      create: can("docs:create")
      update:
        - for: role("admin")
        - for: can("docs:update")
          when: owner == auth.id
          fields: [title, state, team, score, serial, note]
      delete: role("admin") || owner == auth.id
  comments:
    id: int
    fields:
      text: text(1..80) required
      doc: docs required
      author: users readonly = auth.id
      above: comments
      mood: text
    search: [text, mood]
    access:
      read:
        - for: role("admin")
        - when: author == auth.id || doc.state == 'live'
          fields: [text, doc, author, above, version]
      create: can("comments:create")
      update: {when: author == auth.id, fields: [text, doc, above]}
      delete: author == auth.id
actions:
  publish:
    route: POST /docs/:id/publish
    access: can("docs:update")
    isolation: read_committed
    input: {id: docs required}
    steps:
      - sql: update docs set note = note where id = :id and owner = :auth.id
        expect: 1
        else: 409 NOT_YOURS this is somebody else's
    result: []
"""

# The same rules once more, for a reader and for Python: (for whom, which rows, which fields)

SYSTEM = ("id", "created_at", "updated_at", "version")
FIELDS = {
    "users": {"name": "text", "email": "text", "role": "text", "level": "int", "phone": "hidden", "password": "hidden"},
    "teams": {"name": "text", "open": "bool", "code": "hidden", "budget": "int"},
    "docs": {"title": "text", "state": "enum", "owner": "users", "team": "teams", "grade": "int", "serial": "text", "note": "hidden", "score": "int"},
    "comments": {"text": "text", "doc": "docs", "author": "users", "above": "comments", "mood": "text"},
}
SEARCH = {"docs": ["title"], "comments": ["text", "mood"]}
REQUIRED = {"users": ["name"], "teams": ["name", "open"], "docs": ["title", "state"], "comments": ["text", "doc"]}
READONLY = ("owner", "author")
GRANTS = {
    "admin": ["*"],
    "editor": ["docs:*", "comments:*", "teams:*", "users:*", "actions:*"],
    "user": ["docs:*", "comments:*", "teams:read", "users:*", "actions:publish"],
}


def holds(patterns, name):
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) for pattern in patterns)


@dataclasses.dataclass(eq=False)
class Caller:
    name: str
    id: str = None
    role: str = None
    scopes: list = None
    headers: dict = dataclasses.field(default_factory=dict)
    is_program: bool = False  # a key that is nobody's

    def is_a(self, role):
        return self.role == role

    def can(self, name):
        return (self.is_program or holds(GRANTS.get(self.role, []), name)) and self.reaches(name)

    def reaches(self, name):
        return self.scopes is None or holds(self.scopes, name)

    @property
    def denial(self):
        return 403 if self.id or self.is_program else 401


@dataclasses.dataclass
class Rule:
    whose: object = lambda c: True
    when: object = None  # over (caller, row, world); None: every row
    fields: tuple = None


def is_own(field):
    return lambda c, row, world: c.id is not None and row[field] == c.id


def live_or(field):
    return lambda c, row, world: row["state"] == "live" or is_own(field)(c, row, world)


RULES = {
    ("users", "read"): [
        Rule(lambda c: c.is_a("admin")),
        Rule(lambda c: c.is_a("editor"), None, ("name", "role", "version")),
        Rule(when=is_own("id"), fields=("name", "email", "role", "version")),
    ],
    ("users", "update"): [Rule(when=is_own("id"), fields=("name", "level"))],
    ("users", "delete"): [],
    ("teams", "read"): [
        Rule(lambda c: c.is_a("admin") or c.is_a("editor")),
        Rule(lambda c: c.can("teams:read"), lambda c, row, world: row["open"], ("name", "version")),
    ],
    **{("teams", action): [Rule(lambda c: c.is_a("admin"))] for action in ("create", "update", "delete")},
    ("docs", "read"): [
        Rule(lambda c: c.is_a("admin")),
        Rule(lambda c: c.is_a("editor"), live_or("owner"), ("title", "state", "owner", "team", "grade", "score", "version")),
        Rule(lambda c: c.is_a("user"), live_or("owner"), ("title", "state", "owner", "team", "score", "version")),
        Rule(when=lambda c, row, world: row["state"] == "live", fields=("title", "state", "version")),
    ],
    ("docs", "create"): [Rule(lambda c: c.can("docs:create"))],
    ("docs", "update"): [
        Rule(lambda c: c.is_a("admin")),
        Rule(lambda c: c.can("docs:update"), is_own("owner"), ("title", "state", "team", "score", "serial", "note")),
    ],
    ("docs", "delete"): [Rule(lambda c: c.is_a("admin")), Rule(when=is_own("owner"))],
    ("comments", "read"): [
        Rule(lambda c: c.is_a("admin")),
        Rule(
            when=lambda c, row, world: is_own("author")(c, row, world) or world["docs"][row["doc"]]["state"] == "live",
            fields=("text", "doc", "author", "above", "version"),
        ),
    ],
    ("comments", "create"): [Rule(lambda c: c.can("comments:create"))],
    ("comments", "update"): [Rule(when=is_own("author"), fields=("text", "doc", "above"))],
    ("comments", "delete"): [Rule(when=is_own("author"))],
}


class Model:
    """What each caller may do with the rows of a world: {resource: {id: row}}."""

    def __init__(self, world):
        self.world = world

    def rule(self, c, resource, action):
        return next((rule for rule in RULES[resource, action] if rule.whose(c)), None)

    def is_denied(self, c, resource, action):
        return not c.reaches(f"{resource}:{action}") or self.rule(c, resource, action) is None

    def may(self, c, resource, action, row):
        if row is None or self.is_denied(c, resource, action):
            return False
        when = self.rule(c, resource, action).when
        return when is None or bool(when(c, row, self.world))

    def reads(self, c, resource, key):
        return self.may(c, resource, "read", self.world[resource].get(key))

    def shows(self, c, resource, field):
        """Whether a field may be asked about; where there is no rule at all nothing is told of any."""
        rule = self.rule(c, resource, "read")
        is_hidden = FIELDS[resource].get(field) == "hidden"
        return not is_hidden and (field == "id" or rule is None or rule.fields is None or field in rule.fields)

    def writes(self, c, resource, field):
        fields = self.rule(c, resource, "update").fields
        return fields is None or field in fields

    def names(self, resource):
        return [*SYSTEM, *FIELDS[resource]]

    def shown(self, c, resource, row, expand=()):
        """The row as this caller gets it; `expand` is a tree of references: {"doc": {"owner": {}}}."""
        out = {}
        for field in self.names(resource):
            if not self.shows(c, resource, field):
                continue
            out[field] = row[field]
            if field in expand:
                target = FIELDS[resource][field]
                found = self.world[target].get(row[field])
                out[field] = self.shown(c, target, found, expand[field]) if self.may(c, target, "read", found) else None
        return out

    def rows(self, c, resource):
        return [row for row in self.world[resource].values() if self.may(c, resource, "read", row)]

    def knows(self, c, resource, path):
        """Whether every step of "doc.owner.name" is a field that this caller may ask about."""
        for name in path.split("."):
            if not self.shows(c, resource, name):
                return False
            resource = FIELDS[resource].get(name)
        return True

    def value(self, c, resource, row, path):
        """What a path leads to; null behind a row that is not to be read. `c` may be None: what is there."""
        first, _, rest = path.partition(".")
        if not rest:
            return row[first]
        target = FIELDS[resource][first]
        if row[first] is None or (c and not self.reads(c, target, row[first])):
            return None
        return self.value(c, target, self.world[target][row[first]], rest)


OPERATORS = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "gt": lambda a, b: a > b, "lte": lambda a, b: a <= b, "in": lambda a, b: a == b,
    "nin": lambda a, b: a != b, "like": lambda a, b: b.rstrip("*").lower() in a.lower()[: len(b.rstrip("*"))],
}  # fmt: skip


def in_order(rows, value, is_descending):
    """Nulls last ascending, first descending; then by id."""
    rows = sorted(rows, key=lambda row: row["id"])
    known = sorted((row for row in rows if value(row) is not None), key=value, reverse=is_descending)
    if is_descending:  # reverse kept equal ones in their order, as sorted() promises
        return [row for row in rows if value(row) is None] + known
    return known + [row for row in rows if value(row) is None]


# A world


class Site:
    """A server with rows in it, the model of them, and everybody who asks."""

    def __init__(self, serve, issuer):
        settings = json.dumps([declared(issuer, subject="email", field="email")])
        self.server = serve(f"auth: {{{CHEAP}, lockout: {{failures: 1000}}, issuers: {settings}}}\n" + FREE + APP)
        self.api, self.issuer, self.choose = self.server.client, issuer, random.Random(23)
        self.requests, self.cases, self.unseen = 0, 0, {}
        self.world = {resource: {} for resource in FIELDS}
        self.model = Model(self.world)
        self.callers = [Caller("nobody")]
        self.make_people()
        self.make_rows()
        self.missing = str(uuid.UUID(int=self.choose.getrandbits(128), version=4))

    def word(self):
        return "".join(self.choose.choice("bcdfghjkmpqrtvwxz") for _ in range(10))

    def number(self):
        return self.choose.randrange(10_000_000, 99_999_999)

    def make_people(self):
        people = [("root", "admin"), ("eddy", "editor"), ("ann", "user"), ("bob", "user"), ("gus", "ghost"), ("zoe", "user")]
        for name, role in people:
            hidden = {"phone": self.word(), "level": self.number()}
            body = {"name": self.word(), "email": f"{name}{self.word()}@x.org", "password": PASSWORD, **hidden}
            made = self.api.post("/auth/register", body)
            assert made.status == 201, made
            caller = Caller(name, made.data["account"]["id"], role, headers={"Authorization": "Bearer " + made.data["access_token"]})
            self.callers.append(caller)
            self.world["users"][caller.id] = {"id": caller.id, "email": body["email"], **hidden}
        cases = " ".join(f"when '{c.id}' then '{c.role}'" for c in self.callers if c.id)
        self.server.execute(f"update users set role = case id {cases} end")
        self.narrow("ann, reading docs", "ann", ["docs:read", "comments:read"])
        self.narrow("ann, docs only", "ann", ["docs:*", "actions:publish"])
        self.narrow("eddy, comments only", "eddy", ["comments:*"])
        self.narrow("root, reading", "root", ["*:read"])
        self.hand_out_key("a key of bob's", "bob", ["docs:*", "comments:read", "users:read"])
        self.hand_out_key("a key of nobody's", None, ["docs:read", "docs:create", "teams:*", "comments:*"])

    def by_name(self, name):
        return next(caller for caller in self.callers if caller.name == name)

    def narrow(self, name, of, scopes):
        """The same person with a token that reaches less."""
        person = self.by_name(of)
        email = self.world["users"][person.id]["email"]
        said = {"iss": self.issuer.url, "aud": "shop", "sub": "x", "email": email, "email_verified": True, "scope": " ".join(scopes), "exp": now(3000), "iat": now(0)}
        token = jwt.encode(said, KEYS["ES256"], algorithm="ES256", headers={"kid": "k1"})
        self.callers.append(Caller(name, person.id, person.role, scopes, {"Authorization": "Bearer " + token}))

    def hand_out_key(self, name, of, scopes):
        """A program's key: somebody's, narrowed; or its own, with no rights but those that it is given."""
        person = self.by_name(of) if of else Caller(name, role=None)
        options = ["--name", "x", "--scopes", " ".join(scopes), *(["--owner", person.id] if of else [])]
        made = run_tenon("key", "create", "app.yaml", *options, directory=self.server.directory)
        assert made.returncode == 0, made.stderr
        key = re.search(r"tk_\S+", made.stdout).group()
        self.callers.append(Caller(name, person.id, person.role, scopes, {"X-API-Key": key}, is_program=not of))

    def create(self, by, resource, rows):
        before = set(self.world[resource])
        made = self.api.post(f"{URL}/{resource}", rows, headers=self.by_name(by).headers)
        assert made.status == 201, made
        self.learn(resource)
        fresh = sorted(set(self.world[resource]) - before)
        for key, row in zip(fresh, rows):
            self.world[resource][key].update({field: row.get(field) for field, kind in FIELDS[resource].items() if kind == "hidden"})
        return fresh

    def learn(self, resource):
        """Takes over the rows as the one who may read all of them sees them."""
        answer = self.api.get(f"{URL}/{resource}?limit=100", headers=self.by_name("root").headers)
        for row in answer.data:
            self.world[resource].setdefault(row["id"], {}).update(row)

    def make_rows(self):
        self.learn("users")
        teams = self.create("root", "teams", [{"name": self.word(), "open": i % 2 == 0, "code": self.word(), "budget": self.number()} for i in range(4)])
        docs = []
        for name in ("ann", "bob", "eddy"):
            rows = [{"title": self.word(), "state": state, "grade": self.number(), "serial": self.word(), "note": self.word(), "score": self.number()}
                    for state in ("draft", "live", "draft", "live")]  # fmt: skip
            rows[3].update(score=None, grade=None)
            made = self.create(name, "docs", rows)
            for doc, team in zip(made, (teams[0], teams[1], None, teams[0])):  # not all of them may be read by the owner
                assert self.api.patch(f"{URL}/docs/{doc}", {"team": team}, headers=self.by_name("root").headers).status == 200
            docs += made
        self.learn("docs")
        for name in ("ann", "bob", "eddy"):
            mine = [key for key in docs if self.world["docs"][key]["owner"] == self.by_name(name).id]
            live = next(key for key in docs if key not in mine and self.world["docs"][key]["state"] == "live")
            sent = [{"text": self.word(), "doc": doc, "mood": self.word()} for doc in (mine[0], mine[1], live)]
            first = self.create(name, "comments", sent)
            self.create(name, "comments", [{"text": self.word(), "doc": mine[1], "above": first[0], "mood": self.word()}])

    # What must not be seen

    def unseen_by(self, c):
        """What a caller may not read, of all there is; worked out again when something has changed."""
        if c.name not in self.unseen:
            seen, all_there_is = {c.id}, set()
            for resource, rows in self.world.items():
                for row in rows.values():
                    all_there_is.update(map(str, row.values()))
                    if self.model.may(c, resource, "read", row):
                        seen.update(str(row[field]) for field in self.model.shown(c, resource, row))
            self.unseen[c.name] = [value for value in all_there_is - seen if len(value) >= 8]
        return self.unseen[c.name]

    def ask(self, c, method, path, body=None, headers=None, query=None):
        """One request; whatever it answers must not hold a value that this caller may not read and did not send."""
        self.requests += 1
        answer = self.api.request(method, URL + path, json=body, query=query, headers={**c.headers, **(headers or {})})
        said = answer.text + "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        sent = path + json.dumps([body, headers, query], ensure_ascii=False)
        for value in self.unseen_by(c):
            assert value not in said or value in sent, (c.name, method, path, query, body, value, answer)
        return answer

    def check(self, expected, answer, *what):
        self.cases += 1
        assert answer == expected, what


@pytest.fixture(scope="module")
def site(serve_module):
    with issuer_of(k1=("ES256", KEYS["ES256"])) as issuer:
        yield Site(serve_module, issuer)


def everybody(site):
    return itertools.product(site.callers, FIELDS)


def paths_of(resource, depth=2):
    """Every dotted path to a field, through at most so many references."""
    for field, kind in {**FIELDS[resource], "id": "id"}.items():
        yield field
        if kind in FIELDS and depth:
            yield from (f"{field}.{rest}" for rest in paths_of(kind, depth - 1))


def check_list(site, c, resource, query, expected, *, is_ordered=False):
    """`expected`: rows in order, or None for a request that must be refused."""
    answer = site.ask(c, "GET", f"/{resource}", query={"limit": "100", **query})
    if expected is None:
        return site.check(400, answer.status, c.name, resource, query, answer)
    site.check(200, answer.status, c.name, resource, query, answer)
    key = (lambda rows: rows) if is_ordered else functools.partial(sorted, key=lambda row: row["id"])
    wanted = [site.model.shown(c, resource, row) for row in expected]
    site.check(key(wanted), key(answer.data), c.name, resource, query)
    site.check(len(wanted), answer.json["pagination"]["total"], c.name, resource, query)
    return None


# The matrix: reading


def test_a_row_is_there_for_those_who_may_read_it(site):
    for c, resource in everybody(site):
        is_denied = site.model.is_denied(c, resource, "read")
        missing = site.ask(c, "GET", f"/{resource}/{999_999 if resource == 'comments' else site.missing}")
        site.check(c.denial if is_denied else 404, missing.status, c.name, resource)
        for key, row in site.world[resource].items():
            answer = site.ask(c, "GET", f"/{resource}/{key}")
            head = site.ask(c, "HEAD", f"/{resource}/{key}")
            cached = [site.ask(c, "GET", f"/{resource}/{key}", headers={"If-None-Match": tag}) for tag in (f'"{row["version"]}"', '"77"', "*")]
            site.check(answer.status, head.status, c.name, resource, key)
            if not site.model.may(c, resource, "read", row):
                for refused in (answer, *cached):
                    site.check((missing.status, missing.body), (refused.status, refused.body), c.name, resource, key)
                site.check(None, answer.headers.get("ETag"), c.name, resource, key)
                continue
            site.check((200, site.model.shown(c, resource, row)), (answer.status, answer.data), c.name, resource, key)
            site.check([304, 200, 304], [a.status for a in cached], c.name, resource, key)


def test_a_list_holds_and_counts_what_may_be_read(site):
    for c, resource in everybody(site):
        if site.model.is_denied(c, resource, "read"):
            for query in ({}, {"count": "exact"}, {"name": "x"}, {"after": "x"}, {"search": "x"}):
                site.check(c.denial, site.ask(c, "GET", f"/{resource}", query=query).status, c.name, resource, query)
            continue
        rows = in_order(site.model.rows(c, resource), lambda row: row["id"], False)
        check_list(site, c, resource, {}, rows, is_ordered=True)
        walked, cursor = [], None
        while True:
            step = {"limit": "2", "count": "exact", **({"after": cursor} if cursor else {})}
            answer = site.ask(c, "GET", f"/{resource}", query=step)
            walked += answer.data
            site.check(len(rows), answer.json["pagination"]["total"], c.name, resource)
            cursor = answer.json["pagination"]["nextCursor"]
            if not cursor:
                break
            for other in site.callers:  # somebody else goes on from there, and sees theirs
                stolen = site.ask(other, "GET", f"/{resource}", query={"limit": "2", "after": cursor})
                if not site.model.is_denied(other, resource, "read"):
                    later = [row for row in in_order(site.model.rows(other, resource), lambda row: row["id"], False) if row["id"] > answer.data[-1]["id"]]
                    site.check([site.model.shown(other, resource, row) for row in later[:2]], stolen.data, c.name, other.name, resource)
        site.check([site.model.shown(c, resource, row) for row in rows], walked, c.name, resource)


def values_to_ask(site, c, resource, path):
    """A value that the caller sees, one that they do not, and if there is none one that nobody has."""
    model, rows = site.model, site.world[resource].values()
    seen = {model.value(c, resource, row, path) for row in model.rows(c, resource)} - {None}
    unseen = {model.value(None, resource, row, path) for row in rows} - seen - {None}
    nobodys = {"int": 1, "text": "nobodys", "bool": False, "enum": "live"}.get(kind_of(resource, path))
    key = 1 if owner_of(resource, path) == "comments" else site.missing
    return [*sorted(seen, key=str)[:1], *sorted(unseen, key=str)[:1]] or [nobodys if nobodys is not None else key]


def owner_of(resource, path):
    """Whose ids a path leads to: comments have numbers."""
    *hops, last = path.split(".")
    for name in hops:
        resource = FIELDS[resource][name]
    return resource if last == "id" else FIELDS[resource].get(last)


def literal(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_a_filter_finds_by_what_may_be_read_and_refuses_the_rest(site):
    for c, resource in everybody(site):
        if site.model.is_denied(c, resource, "read"):
            continue
        for path in paths_of(resource):
            kind = kind_of(resource, path)
            if kind == "hidden" or not site.model.knows(c, resource, path):
                for query in ({path: "1"}, {f"{path}[gt]": "0"}, {f"{path}[like]": "a*"}, {f"{path}[null]": "true"}, {f"{path}[in]": "1,2"}, {"where": f"{path} == null"}):
                    check_list(site, c, resource, query, None)
                continue
            for value in values_to_ask(site, c, resource, path):
                for operator in operators_of(kind) if path.count(".") < 2 else ("eq",):
                    asked = literal(value)[:4] + "*" if operator == "like" else literal(value)
                    compared = asked if operator == "like" else value
                    holds_for = OPERATORS[operator]
                    expected = [row for row in site.model.rows(c, resource)
                                if (at := site.model.value(c, resource, row, path)) is not None and holds_for(at, compared)]  # fmt: skip
                    check_list(site, c, resource, {f"{path}[{operator}]": asked}, expected)
            null = [row for row in site.model.rows(c, resource) if site.model.value(c, resource, row, path) is None]
            check_list(site, c, resource, {"where": f"{path} == null"}, null)


def kind_of(resource, path):
    for name in path.split("."):
        kind = FIELDS[resource].get(name, "id")
        resource = kind
    return kind


def operators_of(kind):
    if kind in ("text",):
        return ("eq", "ne", "gt", "in", "like")
    if kind == "int":
        return ("eq", "ne", "gt", "lte", "in")
    return ("eq",) if kind == "bool" else ("eq", "nin")


def test_an_order_is_by_what_may_be_read(site):
    for c, resource in everybody(site):
        if site.model.is_denied(c, resource, "read"):
            continue
        for path, sign in itertools.product(paths_of(resource), ("", "-")):
            if not site.model.knows(c, resource, path):
                check_list(site, c, resource, {"sort": sign + path}, None)
            elif kind_of(resource, path) != "enum":
                rows = in_order(site.model.rows(c, resource), lambda row: site.model.value(c, resource, row, path), sign == "-")
                check_list(site, c, resource, {"sort": sign + path}, rows, is_ordered=True)


def test_a_search_looks_into_what_may_be_read(site):
    for c, resource in itertools.product(site.callers, SEARCH):
        if site.model.is_denied(c, resource, "read"):
            continue
        may_search = all(site.model.shows(c, resource, field) for field in SEARCH[resource])
        for row, field in itertools.product(site.world[resource].values(), SEARCH[resource]):
            for word in (row[field], row[field][:5]):
                found = [other for other in site.model.rows(c, resource) if any(other[name].startswith(word) for name in SEARCH[resource])]
                check_list(site, c, resource, {"search": word}, found if may_search else None)


def tree(paths):
    out = {}
    for path in paths:
        at = out
        for name in path.split("."):
            at = at.setdefault(name, {})
    return out


def test_what_is_expanded_is_null_where_it_may_not_be_read(site):
    expansions = {
        "docs": [["owner"], ["team"], ["owner", "team"]], "comments": [["doc"], ["author"], ["doc.owner"], ["doc.team", "author"], ["above.doc.owner"], ["above.doc.team"]],
        "users": [["phone"]], "teams": [["code"]],
    }  # fmt: skip
    for c, resource in everybody(site):
        for expand in expansions[resource]:
            query = {"expand": ",".join(expand)}
            is_known = all(site.model.knows(c, resource, path) and kind_of(resource, path) in FIELDS for path in expand)
            for key, row in site.world[resource].items():
                answer = site.ask(c, "GET", f"/{resource}/{key}", query=query)
                if site.model.is_denied(c, resource, "read"):
                    site.check(c.denial, answer.status, c.name, resource, expand)
                elif not is_known:
                    site.check(400, answer.status, c.name, resource, expand, answer)
                elif not site.model.may(c, resource, "read", row):
                    site.check(404, answer.status, c.name, resource, expand)
                else:
                    site.check(site.model.shown(c, resource, row, tree(expand)), answer.data, c.name, resource, expand)
            if is_known and not site.model.is_denied(c, resource, "read"):
                answer = site.ask(c, "GET", f"/{resource}", query={**query, "limit": "100", "sort": "id"})
                rows = in_order(site.model.rows(c, resource), lambda row: row["id"], False)
                site.check([site.model.shown(c, resource, row, tree(expand)) for row in rows], answer.data, c.name, resource, expand)


def test_a_choice_of_fields_is_one_of_those_that_may_be_read(site):
    for c, resource in everybody(site):
        if site.model.is_denied(c, resource, "read"):
            continue
        for field in site.model.names(resource):
            answer = site.ask(c, "GET", f"/{resource}", query={"fields": field, "limit": "100", "sort": "id"})
            if not site.model.shows(c, resource, field):
                site.check(400, answer.status, c.name, resource, field)
                continue
            rows = in_order(site.model.rows(c, resource), lambda row: row["id"], False)
            site.check([{field: row[field]} for row in rows], [{field: row[field]} for row in answer.data], c.name, resource, field)


def test_a_field_that_may_not_be_read_is_refused_like_one_that_is_not_there(site):
    """But for its name, and the guess at what was meant."""
    def plain(answer, name):
        fields = {place.replace(name, "NAME"): sentence.replace(name, "NAME") for place, sentence in answer.error.get("fields", {}).items()}
        return answer.status, answer.error["code"], answer.error["message"].replace(name, "NAME"), fields

    for c, resource in everybody(site):
        if site.model.is_denied(c, resource, "read"):
            continue
        for field in site.model.names(resource):
            if site.model.shows(c, resource, field):
                continue
            other = "q" * len(field)
            for query in ("{}=1", "{}[gt]=1", "{}[null]=true", "sort={}", "sort=-{}", "fields={}", "expand={}", "where={}==1", "where=!({}==null)"):
                asked, unknown = (site.ask(c, "GET", f"/{resource}?" + query.format(name)) for name in (field, other))
                site.check(plain(unknown, other), plain(asked, field), c.name, resource, query)
                site.check(400, asked.status, c.name, resource, query)
            near = site.ask(c, "GET", f"/{resource}?{field[:-1]}=1")
            told = json.dumps(near.error["fields"]) + near.error.get("hint", "")
            site.check(None, re.search(rf"\b{field}\b", told), c.name, resource, field, near)


# The matrix: writing


def expected_change(site, c, resource, row, sent, *, if_match=None, replaces=False):
    """The status of a PUT or PATCH, and the row that it leaves; None: as it was."""
    model, rule = site.model, site.model.rule(c, resource, "update")
    if model.is_denied(c, resource, "update"):
        return c.denial, None
    if any(field not in READONLY and not model.writes(c, resource, field) for field in sent):
        return 403, None
    if not model.may(c, resource, "read", row):
        return 404, None
    if if_match not in (None, row["version"]):
        return 412, None
    if not model.may(c, resource, "update", row):
        return c.denial, None
    if any(field in READONLY and not (model.shows(c, resource, field) and row[field] == value) for field, value in sent.items()):
        return 400, None
    for field, value in sent.items():
        target = FIELDS[resource][field]
        if target in FIELDS and value is not None and field not in READONLY and value != row[field] and not model.reads(c, target, value):
            return 400, None
    after = {**row, **sent, "version": row["version"] + 1}
    for field, kind in FIELDS[resource].items():
        is_kept = field in sent or field in READONLY or kind == "hidden" or not model.writes(c, resource, field) or not model.shows(c, resource, field)
        if replaces and not is_kept:
            after[field] = {"state": "draft", "open": True}.get(field)
    for other in site.world[resource].values():
        if other["id"] != row["id"] and any(after.get(field) is not None and after.get(field) == other.get(field) for field in ("serial", "code", "budget")):
            return 409, None
    if rule.when and not rule.when(c, after, {**site.world, resource: {**site.world[resource], row["id"]: after}}):
        return c.denial, None
    return (200 if model.may(c, resource, "read", after) else 204), after


def change(site, c, method, resource, key, sent, **options):
    """Sends it, holds it against what is expected, and takes over what it has done."""
    row = site.world[resource].get(key)
    status, after = expected_change(site, c, resource, row, sent, replaces=method == "PUT", **options)
    version = options.get("if_match")
    answer = site.ask(c, method, f"/{resource}/{key}", sent, {"If-Match": f'"{version}"'} if version else None)
    site.check(status, answer.status, c.name, method, resource, key, sent, options, answer)
    if after:
        row.update(after)
        row["updated_at"] = stored_time(site, resource, key)
        site.unseen.clear()
        if status == 200:
            site.check(site.model.shown(c, resource, row), answer.data, c.name, method, resource, sent)
    return answer


def stored_time(site, resource, key):
    return site.api.get(f"{URL}/{resource}/{key}", headers=site.by_name("root").headers).data["updated_at"]


def changes_of(site, c, resource):
    """One change of each field: to something new, to what another row has, to a row that may not be read and to none."""
    world = site.world
    for field, kind in FIELDS[resource].items():
        if field == "password":
            continue
        if kind in FIELDS:
            targets = sorted(world[kind], key=str)
            seen = [key for key in targets if site.model.reads(c, kind, key)]
            unseen = [key for key in targets if key not in seen]
            for value in (seen[:1] + unseen[:2] + [999_999 if kind == "comments" else site.missing]) + ([None] if field in ("team", "above") else []):
                yield {field: value}
        elif kind == "int":
            yield {field: site.number()}
        elif kind == "bool":
            yield {field: True}
        elif kind == "enum":
            yield {field: "live"}
        elif field not in ("email", "role"):
            yield {field: site.word()}
    if resource == "docs":
        yield {"serial": max(filter(None, (row["serial"] for row in world["docs"].values())))}


def test_a_change_is_made_by_those_who_may_make_it(site):
    for c, resource in everybody(site):
        missing = 999_999 if resource == "comments" else site.missing
        for sent in changes_of(site, c, resource):
            if site.model.is_denied(c, resource, "update") and site.choose.random() < 0.7:
                continue  # nobody gets as far as the value
            absent = change(site, c, "PATCH", resource, missing, sent)
            for key, row in list(site.world[resource].items()):
                answer = change(site, c, "PATCH", resource, key, sent)
                if not site.model.reads(c, resource, key) and answer.status == 404:
                    site.check(absent.body, answer.body, c.name, resource, key)
        for key, row in list(site.world[resource].items()):
            name = next(iter(FIELDS[resource]))
            for version in (row["version"], row["version"] + 7):
                change(site, c, "PATCH", resource, key, {name: site.word()}, if_match=version)
                change(site, c, "PUT", resource, key, {field: row[field] for field in REQUIRED[resource]}, if_match=version)
            change(site, c, "PUT", resource, key, {field: row[field] for field in REQUIRED[resource]})


def test_what_may_not_be_read_is_not_told_by_a_conflict(site):
    """That a value is taken is told, but to nobody of which field, unless they may read it."""
    for c in site.callers:
        if site.model.is_denied(c, "docs", "create"):
            continue
        for row in [row for row in site.world["docs"].values() if row["serial"]]:
            answer = site.ask(c, "POST", "/docs", {"title": "x", "serial": row["serial"]})
            many = site.ask(c, "POST", "/docs", [{"title": "x", "serial": row["serial"]}])
            batch = site.ask(c, "POST", "/batch", {"operations": [{"method": "POST", "path": "/docs", "body": {"title": "x", "serial": row["serial"]}}]})
            tells = site.model.shows(c, "docs", "serial") and not site.model.is_denied(c, "docs", "read")
            for refused, prefix in ((answer, ""), (many, "0."), (batch, "operations.0.")):
                site.check((409, {f"{prefix}serial"} if tells else set()), (refused.status, set(refused.error.get("fields", {}))), c.name, refused)
    root = site.by_name("root")
    for field, names in (("code", set()), ("budget", {"budget"})):
        root_id = site.world["teams"][min(site.world["teams"])]["id"]
        change(site, root, "PATCH", "teams", root_id, {field: (value := site.number() if field == "budget" else site.word())})
        answer = site.ask(root, "POST", "/teams", {"name": "x", field: value})
        site.check((409, names), (answer.status, set(answer.error.get("fields", {}))), field)


def test_a_reference_to_a_row_that_may_not_be_read_is_one_to_no_row(site):
    sent = [("comments", "doc", {"text": "x"}), ("comments", "above", {"text": "x"}), ("docs", "team", {"title": "x"})]
    for c, (resource, field, body) in itertools.product(site.callers, sent):
        target = FIELDS[resource][field]
        missing = 999_999 if target == "comments" else site.missing
        if field == "above":
            readable = [key for key in site.world["docs"] if site.model.reads(c, "docs", key)]
            body = {**body, "doc": readable[0] if readable else site.missing}
        for key in [key for key in site.world[target] if not site.model.reads(c, target, key)]:
            for wrap in (lambda b: b, lambda b: [b]):
                asked, absent = (site.ask(c, "POST", f"/{resource}", wrap({**body, field: value})) for value in (key, missing))
                site.check((absent.status, absent.body), (asked.status, asked.body), c.name, resource, field)
                site.check(True, asked.status in (400, 401, 403), c.name, resource, field, asked)
            operation = {"method": "POST", "path": f"/{resource}"}
            asked, absent = (site.ask(c, "POST", "/batch", {"operations": [{**operation, "body": {**body, field: value}}]}) for value in (key, missing))
            site.check((absent.status, absent.body), (asked.status, asked.body), c.name, resource, field)


def test_a_batch_stops_at_what_is_forbidden_and_undoes_the_rest(site):
    """With one operation that is good before it, if there is one; the answer is that of the forbidden one alone."""
    for c, resource in everybody(site):
        first = next(iter(FIELDS[resource]))
        own = next((key for key in site.world["docs"] if site.model.may(c, "docs", "update", site.world["docs"][key]) and site.model.reads(c, "docs", key)), None)
        good = [] if own is None else [{"method": "PATCH", "path": f"/docs/{own}", "body": {"title": "undone"}}]
        missing = 999_999 if resource == "comments" else site.missing
        for method, key in itertools.product(("PATCH", "PUT", "DELETE"), site.world[resource]):
            if site.model.reads(c, resource, key):
                continue
            body = {} if method == "DELETE" else {"body": {field: "live" if field == "state" else site.missing if field == "doc" else True if field == "open" else "x" for field in (REQUIRED[resource] if method == "PUT" else [first])}}
            answers = [site.ask(c, "POST", "/batch", {"operations": [*good, {"method": method, "path": f"/{resource}/{at}", **body}]}) for at in (key, missing)]
            site.check((answers[1].status, answers[1].body), (answers[0].status, answers[0].body), c.name, method, resource)
            site.check(True, 400 <= answers[0].status < 500, c.name, method, resource, answers[0])
        if own is not None:
            answer = site.api.get(f"{URL}/docs/{own}", headers=site.by_name("root").headers)
            site.check(site.world["docs"][own]["title"], answer.data["title"], c.name)


def test_an_earlier_result_of_a_batch_lends_no_field_that_may_not_be_read(site):
    for c, field in itertools.product(site.callers, ("serial", "note", "grade", "created_at", "password")):
        own = next((key for key, row in site.world["docs"].items() if site.model.may(c, "docs", "update", row) and site.model.reads(c, "docs", key)), None)
        if own is None or site.model.shows(c, "docs", field):
            continue
        title = site.world["docs"][own]["title"]
        step = {"method": "PATCH", "path": f"/docs/{own}", "body": {"title": title}, "id": "d"}
        for name in ("d", "0"):
            operations = [step, {"method": "PATCH", "path": f"/docs/{own}", "body": {"title": f"${name}.{field}"}}]
            answer = site.ask(c, "POST", "/batch", {"operations": operations})
            site.check(True, answer.status in (400, 403), c.name, field, answer)
            path = site.ask(c, "POST", "/batch", {"operations": [step, {"method": "DELETE", "path": f"/docs/${name}.{field}"}]})
            site.check(True, path.status in (400, 403, 404), c.name, field, path)


def test_an_action_takes_no_row_that_may_not_be_read(site):
    for c in site.callers:
        may = c.can("docs:update") and c.reaches("actions:publish")
        missing = site.ask(c, "POST", f"/docs/{site.missing}/publish", {})
        site.check(404 if may else c.denial, missing.status, c.name, missing)
        for key, row in site.world["docs"].items():
            answer = site.ask(c, "POST", f"/docs/{key}/publish", {})
            if not may or not site.model.reads(c, "docs", key):
                site.check((missing.status, missing.body), (answer.status, answer.body), c.name, key)
            else:
                site.check(204 if row["owner"] == c.id else 409, answer.status, c.name, key, answer)


def test_an_answer_is_kept_for_the_caller_who_has_asked(site):
    """An Idempotency-Key is one of its caller's: to anybody else it is a new one, and brings them nothing."""
    ann, bob, eddy = (site.by_name(name) for name in ("ann", "bob", "eddy"))
    body, key = {"title": site.word(), "serial": site.word()}, {"Idempotency-Key": "the-same"}
    first = site.ask(ann, "POST", "/docs", body, key)
    again = site.ask(ann, "POST", "/docs", body, key)
    site.check((201, 201, "true", first.body), (first.status, again.status, again.headers["Idempotency-Replayed"], again.body))
    for other in (bob, eddy):
        answer = site.ask(other, "POST", "/docs", body, key)
        site.check((409, None), (answer.status, answer.headers.get("Idempotency-Replayed")), other.name, answer)
    for name in ("nobody", "gus", "ann, reading docs"):
        answer = site.ask(site.by_name(name), "POST", "/docs", body, key)
        site.check((site.by_name(name).denial, None), (answer.status, answer.headers.get("Idempotency-Replayed")), name)
    assert site.ask(ann, "DELETE", "/docs/" + first.data["id"]).status == 204


def test_a_row_is_deleted_by_those_who_may_delete_it(site):
    for resource in ("users", "teams", "comments", "docs"):
        missing = 999_999 if resource == "comments" else site.missing
        for c in reversed(site.callers):
            absent = site.ask(c, "DELETE", f"/{resource}/{missing}")
            is_denied = site.model.is_denied(c, resource, "delete")
            site.check(c.denial if is_denied else 404, absent.status, c.name, resource)
            for key, row in list(site.world[resource].items()):
                is_held = any(row[f] == key for other, fields in FIELDS.items() for f, kind in fields.items() if kind == resource for row in site.world[other].values())
                wrong = site.ask(c, "DELETE", f"/{resource}/{key}", headers={"If-Match": '"999"'})
                answer = site.ask(c, "DELETE", f"/{resource}/{key}")
                if is_denied or not site.model.reads(c, resource, key):
                    for refused in (wrong, answer):
                        site.check((absent.status, absent.body), (refused.status, refused.body), c.name, resource, key)
                    continue
                may = site.model.may(c, resource, "delete", row)
                site.check((412, c.denial if not may else 409 if is_held else 204), (wrong.status, answer.status), c.name, resource, key, answer)
                if answer.status == 204:
                    del site.world[resource][key]
                    site.unseen.clear()
    for resource, fields in FIELDS.items():  # nothing else has happened to any row
        stored = {row["id"]: row for row in site.server.rows(f"select * from {resource}")}
        site.check(set(site.world[resource]), set(stored), resource)
        for key, row in site.world[resource].items():
            for field, kind in fields.items():
                if field != "password" and kind != "bool":
                    site.check(row[field], stored[key][field], resource, field)


# The worlds

UNRULED = {  # what no rule looks at, so that it may be anything
    "users": ("name", "level", "phone"), "teams": ("name", "code", "budget"), "docs": ("title", "grade", "serial", "note", "score"), "comments": ("text", "mood"),
}  # fmt: skip


def questions(site, c):
    """What can be asked about every row and every field, readable or not."""
    for resource, fields in FIELDS.items():
        missing = 999_999 if resource == "comments" else site.missing
        for key in [*site.world[resource], missing]:
            yield "GET", f"/{resource}/{key}", None
            yield "PATCH", f"/{resource}/{key}", {"version": 77}
            yield "PATCH", f"/{resource}/{key}", {next(iter(fields)): None}
            yield "PUT", f"/{resource}/{key}", {}
            if not site.model.may(c, resource, "delete", site.world[resource].get(key)):
                yield "DELETE", f"/{resource}/{key}", None
        for query in ("", "?limit=1", "?limit=2&page=2", "?count=exact", "?expand=doc", "?expand=owner", "?expand=doc.owner,author"):
            yield "GET", f"/{resource}{query}", None
        for path in paths_of(resource, 1):
            for query in ("sort={}&limit=3", "sort=-{}&limit=3", "{}[null]=true", "{}[gt]=50000000", "{}[lte]=m", "{}[like]=m*", "where=!({}==null)", "fields={}"):
                yield "GET", f"/{resource}?" + query.format(path), None
        for word in ("b", "c", "d", "m", "z"):
            yield "GET", f"/{resource}?search={word}", None


def answers(site, c):
    said = {}
    for method, path, body in questions(site, c):
        answer = site.api.request(method, URL + path, json=body, headers=c.headers)
        site.requests += 1
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
        said[method, path, json.dumps(body)] = (answer.status, headers, answer.body)
    return said


def sql(value):
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def put_another_world(site, c):
    """Everything that `c` may not read becomes something else; rows that they may not read go, and others come."""
    for resource, rows in site.world.items():
        for field in UNRULED[resource]:
            others = [key for key, row in rows.items() if not (site.model.may(c, resource, "read", row) and site.model.shows(c, resource, field))]
            values = {key: site.number() if field in ("level", "grade", "budget", "score") else site.word() for key in others}
            if not values:
                continue
            cases = " ".join(f"when {sql(key)} then {sql(value)}" for key, value in values.items())
            site.server.execute(f"update {resource} set {field} = case id {cases} else {field} end")
            for key, value in values.items():
                rows[key][field] = value
    unseen = [key for key in site.world["docs"] if not site.model.reads(c, "docs", key)]
    held = {row["doc"] for row in site.world["comments"].values()}
    for key in [key for key in unseen if key not in held][:1]:
        site.server.execute(f"delete from docs where id = '{key}'")
        site.world["docs"][key] = None
    for key in [key for key in unseen if site.world["docs"][key]][:1]:
        copied = "'%s', title, state, owner, created_at, updated_at, version" % (key[:24] + f"{site.choose.getrandbits(48):012x}")
        site.server.execute(f"insert into docs (id, title, state, owner, created_at, updated_at, version) select {copied} from docs where id = '{key}'")
    site.world["docs"] = {key: row for key, row in site.world["docs"].items() if row}


def test_nothing_that_a_caller_may_not_read_makes_a_difference_to_them(serve, figure):
    """Not even which of the rows there are: two worlds that differ in that alone answer the same, byte for byte."""
    compared = 0
    with issuer_of(k1=("ES256", KEYS["ES256"])) as issuer:
        for name in ("nobody", "ann", "ann, docs only", "eddy"):
            site = site if compared else Site(serve, issuer)
            c = site.by_name(name)
            before = answers(site, c)
            put_another_world(site, c)
            for asked, said in answers(site, c).items():
                if asked in before:
                    assert said == before[asked], (name, asked, before[asked], said)
                    compared += 1
    figure("P23", f"{compared:,} answers, the same in two worlds that differ in what the caller may not read")


def test_the_figure(site, figure):
    figure("P23", f"{site.requests:,} requests over {site.cases:,} cases, 0 leaked ids, bytes or oracle bits")
