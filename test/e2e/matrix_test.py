# SPDX-License-Identifier: Apache-2.0
"""Every caller, every row, every field, every way to them: what the server answers is held against an evaluator of its own, which knows
the rules of the app as Python and nothing of the engine. A bit that leaks (a count, an order, a status, a name) is a difference."""

import pytest

from role_test import PEOPLE, serve_world

DATABASES = ("sqlite", "postgres")

# The rows that every request finds, as World.set_up() makes them.
ROWS = {
    "m1": {"name": "one", "slug": "s1", "status": "draft", "level": 5, "code": None, "fixed": None, "creator": "bob"},
    "m2": {"name": "two", "slug": "s2", "status": "active", "level": 6, "code": "c2", "fixed": "f2", "creator": "bob"},
    "m3": {"name": "six", "slug": "s3", "status": "closed", "level": 7, "code": None, "fixed": None, "creator": "cy"},
}
POSITIONS = {"p1": ("m1", "bob"), "p2": ("m2", "ada")}
SYSTEM = ("id", "createdAt", "updatedAt", "version")
OPAQUE = ("tags", "meta")
SHOWN = {"id", "name", "slug", "status", "tags", "meta", "level", "code", "fixed", "creator", "openedAt", "createdAt", "updatedAt", "version"}
HIDDEN = ("secret", "password", "nonsense")
CALLERS = ["nobody", *PEOPLE, "cy [markets:read]", "cy [positions:*]", "cy [*:update]", "ada [markets:*]", "bob [*:read]", "bob [markets:delete markets:read]"]


class Caller:
    """What the rules of the app say of one caller."""

    def __init__(self, text):
        self.name, _, scopes = text.partition(" [")
        self.role = PEOPLE.get(self.name)
        self.scopes = scopes.rstrip("]").split() if scopes else ["*"]
        self.denied = 403 if self.role else 401

    def reaches(self, resource, action):
        return any(pattern in ("*", f"{resource}:*", f"*:{action}", f"{resource}:{action}") for pattern in self.scopes)

    def fields(self):
        return {"id", "name", "status"} if self.role == "manager" else SHOWN

    def reads(self, row):
        if not self.reaches("markets", "read"):
            return False
        if self.role == "manager":
            return row["status"] != "draft"
        return self.role == "admin" or row["creator"] == self.name

    def updates(self, row):
        return row["status"] == "active" if self.role == "manager" else row["creator"] == self.name

    def writable(self):
        return {"name", "status"} | ({"code", "fixed"} if self.role == "manager" else set())

    def list(self, condition=lambda row: True):
        """The rows of a list; a status where the list is denied."""
        if not self.reaches("markets", "read"):
            return 403
        return {name for name, row in ROWS.items() if self.reads(row) and condition(row)}

    def update(self, row, field, value):
        """The status of a PATCH of one field."""
        if not self.reaches("markets", "update"):
            return 403
        is_servers = field in SYSTEM or field == "creator"
        if not is_servers and field not in self.writable():
            return 403
        if not self.reads(row):
            return 404
        if not self.updates(row):
            return self.denied
        if is_servers or field == "fixed":
            return 200 if field in self.fields() and row.get(field) == value else 400
        return 200 if self.updates({**row, field: value}) else self.denied

    def delete(self, row):
        if not self.reaches("markets", "delete") or self.role != "admin":
            return self.denied
        return 204 if self.reads(row) else 404


@pytest.fixture(scope="module")
def world(serve_module, request):
    return serve_world(serve_module, request)


@pytest.fixture(params=CALLERS)
def caller(request):
    caller = Caller(request.param)
    caller.text = request.param
    return caller


def names(world, rows):
    known = {id: name for name, id in world.ids.items()}
    return {known[str(row["id"])] for row in rows}


def check_list(world, caller, path, expected):
    """A list and its count; `expected` is a set of names or a status."""
    answer = world.request(caller.text, "GET", path + ("&" if "?" in path else "?") + "count=exact")
    if isinstance(expected, int):
        assert answer.status == expected, (path, answer)
        return
    assert answer.status == 200 and names(world, answer.json) == expected, (path, answer)
    assert len(answer.json) == len(expected) == int(answer.headers["X-Total-Count"]), (path, answer)


def test_one_row_and_its_fields(world, caller):
    world.set_up()
    for name, row in ROWS.items():
        answer = world.request(caller.text, "GET", world.named(f"/markets/{name}"))
        if not caller.reaches("markets", "read"):
            assert answer.status == 403
        elif caller.reads(row):
            assert answer.status == 200 and set(answer.json) == caller.fields()
            assert all(answer.json[field] == (world.ids[value] if field == "creator" else value) for field, value in row.items() if field in caller.fields())
        else:
            missing = world.request(caller.text, "GET", "/markets/01890a5d-ac96-774b-bcce-b302099a8057")
            assert answer.status == 404 and answer.body == missing.body


def test_lists_filters_orders_and_shapes_by_every_field(world, caller):
    world.set_up()
    check_list(world, caller, "/markets", caller.list())
    for field in sorted(SHOWN | set(HIDDEN)):
        is_known = field in caller.fields()
        refusal = 400 if caller.reaches("markets", "read") else 403
        can_compare, can_sort = is_known and field not in OPAQUE, is_known and field not in OPAQUE
        check_list(world, caller, f"/markets?sort=-{field}", caller.list() if can_sort else refusal)
        check_list(world, caller, f"/markets?where={field} == null || id != null", caller.list() if is_known else refusal)
        check_list(world, caller, f"/markets?where=!({field} == null) || id != null", caller.list() if is_known else refusal)
        answer = world.request(caller.text, "GET", f"/markets?fields={field}")
        assert answer.status == (200 if is_known and refusal == 400 else refusal), (field, answer)
        assert answer.status != 200 or all(set(row) == {field} for row in answer.json)
        for value in {row[field] for row in ROWS.values()} - {None} if field in ROWS["m1"] else ():
            shown = world.ids[value] if field == "creator" else value
            expected = caller.list(lambda row: row[field] == value) if can_compare else refusal
            check_list(world, caller, f"/markets?{field}={shown}", expected)
            check_list(world, caller, f"/markets?{field}[in]={shown}", expected)


def test_an_order_is_that_of_the_rows_that_are_seen(world, caller):
    world.set_up()
    seen = caller.list()
    if isinstance(seen, int):
        return
    for field in ("name", "level", "slug"):
        if field in caller.fields():
            rows = world.request(caller.text, "GET", f"/markets?sort={field}").json
            assert [row[field] for row in rows] == sorted(ROWS[name][field] for name in seen)


def test_a_search_looks_only_where_its_caller_may(world, caller):
    world.set_up()
    for word, name in (("one", "m1"), ("s2", "m2"), ("six", "m3")):
        refusal = None if caller.reaches("markets", "read") else 403
        expected = refusal or (400 if caller.role == "manager" else caller.list() & {name})
        check_list(world, caller, f"/markets?search={word}", expected)


def test_rows_behind_references(world, caller):
    world.set_up()
    if not caller.reaches("positions", "read"):
        assert world.request(caller.text, "GET", "/positions?expand=market").status == 403
        return
    rows = world.request(caller.text, "GET", "/positions?expand=market").json
    for row in rows:
        [position] = names(world, [row])
        market = ROWS[POSITIONS[position][0]]
        assert (set(row["market"]) if row["market"] else None) == (caller.fields() if caller.reads(market) else None), row
    for field in sorted(SHOWN - set(OPAQUE) - set(SYSTEM) - {"openedAt", "creator"}):
        for value in {row[field] for row in ROWS.values()} - {None}:
            expected = {name for name, (market, _) in POSITIONS.items() if caller.reads(ROWS[market]) and ROWS[market][field] == value}
            check_list(world, caller, f"/positions?market.{field}={value}", expected if field in caller.fields() else 400)
    empty = {name for name, (market, _) in POSITIONS.items() if not caller.reads(ROWS[market])}
    check_list(world, caller, "/positions?where=market.name == null", empty)


NEW = {"name": "other", "slug": "snew", "status": "closed", "level": 9, "code": "cnew", "fixed": "fnew", "creator": "ada", "openedAt": "2026-01-01T00:00:00.000000Z"}


def test_writing_every_field_of_every_row(world, caller):
    for name, row in ROWS.items():
        for field, new in NEW.items():
            for value in {new, row.get(field)} - {None}:
                world.set_up()
                sent = world.ids[value] if field == "creator" else value
                answer = world.request(caller.text, "PATCH", world.named(f"/markets/{name}"), json={field: sent})
                assert answer.status == caller.update(row, field, value), (name, field, value, answer)
                if answer.status == 200 and answer.body:
                    assert set(answer.json) == caller.fields()
                if answer.status >= 400:
                    world.is_touched = False


def test_deleting_every_row(world, caller):
    for name, row in ROWS.items():
        world.set_up()
        world.sql("DELETE FROM positions")
        answer = world.request(caller.text, "DELETE", world.named(f"/markets/{name}"))
        assert answer.status == caller.delete(row), (name, answer)
