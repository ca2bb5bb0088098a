# SPDX-License-Identifier: Apache-2.0
"""Declared actions: typed input, steps of one transaction, expectations with failures that have names, and what is answered."""

import concurrent.futures
import re
import signal

import pytest

from server import ROOT, run_tenon

DATABASES = ("sqlite", "postgres")

APP = (ROOT / "examples/orders/app.yaml").read_text()
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def shop(serve_module):
    return serve_module(APP).client


def stock_item(api, stock, name=None):
    stock_item.number += 1
    row = {"name": name or f"item {stock_item.number}", "price": "9.50", "stock": stock}
    answer = api.post("/api/v1/inventory", json=row)
    assert answer.status == 201, answer
    return answer.data["id"]


stock_item.number = 0


def stock_of(api, item):
    return api.get(f"/api/v1/inventory/{item}").data["stock"]


def place(api, *lines, **more):
    body = {"lines": [{"item": item, "quantity": quantity} for item, quantity in lines], **more.pop("json", {})}
    return api.post("/api/v1/orders/place", json=body, **more)


def total(api, path, **query):
    return api.get(path, query={**query, "limit": 1}).json["pagination"]["total"]


# Running


def test_an_action_does_all_its_steps_and_answers_those_that_have_a_name(shop):
    hat, cap = stock_item(shop, 3), stock_item(shop, 5)
    answer = place(shop, (hat, 2), (cap, 1), json={"note": "no hurry"})
    assert answer.status == 200 and list(answer.data) == ["order", "items"]
    order = answer.data["order"]
    assert order == {"id": order["id"], "status": "placed", "note": "no hurry"}
    assert answer.data["items"] == [{"item": hat, "quantity": 2}, {"item": cap, "quantity": 1}]
    assert (stock_of(shop, hat), stock_of(shop, cap)) == (1, 4)
    stored = shop.get(f"/api/v1/orders/{order['id']}").data
    assert stored["status"] == "placed" and stored["version"] == 1 and stored["created_at"] == stored["updated_at"]
    assert total(shop, "/api/v1/order_items", order=order["id"]) == 2


def test_an_expectation_that_fails_takes_all_steps_back_and_names_its_failure(shop):
    hat, cap = stock_item(shop, 3), stock_item(shop, 5)
    orders, items = total(shop, "/api/v1/orders"), total(shop, "/api/v1/order_items")
    answer = place(shop, (cap, 1), (hat, 4))
    assert (answer.status, answer.error) == (409, {"code": "OUT_OF_STOCK", "message": "not enough in stock"})
    assert (stock_of(shop, hat), stock_of(shop, cap)) == (3, 5)
    assert (total(shop, "/api/v1/orders"), total(shop, "/api/v1/order_items")) == (orders, items)


def test_an_input_in_the_path_needs_no_body(shop):
    hat = stock_item(shop, 3)
    order = place(shop, (hat, 2)).data["order"]["id"]
    answer = shop.post(f"/api/v1/orders/{order}/cancel")
    assert answer.status == 200 and answer.data == {"order": {"id": order, "status": "cancelled"}}
    assert stock_of(shop, hat) == 3
    again = shop.post(f"/api/v1/orders/{order}/cancel", json={})
    assert (again.status, again.error["code"]) == (409, "NOT_OPEN")
    assert stock_of(shop, hat) == 3


def test_an_action_with_a_key_is_done_once(shop):
    hat = stock_item(shop, 9)
    for key, quantity, status in (("sold", 2, 200), ("refused", 10, 409)):
        first = place(shop, (hat, quantity), headers={"Idempotency-Key": key})
        again = place(shop, (hat, quantity), headers={"Idempotency-Key": key})
        other = place(shop, (hat, 1), headers={"Idempotency-Key": key})
        assert (first.status, again.status, other.status) == (status, status, 422)
        assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
        assert first.headers["Idempotency-Replayed"] is None
    assert stock_of(shop, hat) == 7


def test_actions_that_meet_in_one_row_are_one_after_the_other(serve):
    server = serve(APP)
    hat = stock_item(server.client, 20)

    def buy(_):
        with server.new_client() as client:
            return [place(client, (hat, 1)).status for _ in range(3)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = [status for part in pool.map(buy, range(16)) for status in part]
    assert (statuses.count(200), statuses.count(409), len(statuses)) == (20, 28, 48)
    assert stock_of(server.client, hat) == 0


BOOKING = """
resources:
  seats:
    fields: {guest: text required}
    access: {all: true}
actions:
  book:
    access: true
    input: {guest: text required}
    result: []
    steps:
      - as: seen
        sql: select count(*) as seats from seats
        expect: 1
      - sql: with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select max(i) from n
      - sql: |
          insert into seats (id, guest, created_at, updated_at, version)
          select cast(:uuid as {uuid}), :guest, cast(:now as {datetime}), cast(:now as {datetime}), 1
          where cast(:seen.seats as bigint) < 5
        expect: 1
        else: 409 FULL all seats are taken
"""


def test_what_an_action_has_read_holds_until_it_is_committed(serve, database):
    """With `isolation: read_committed` six and more come to sit there."""
    types = ("uuid", "timestamptz") if database() else ("text", "text")
    server = serve(BOOKING.replace("{uuid}", types[0]).replace("{datetime}", types[1]))

    def book(number):
        with server.new_client(timeout=30) as client:
            while True:
                answer = client.post("/api/v1/actions/book", json={"guest": f"guest {number}"})
                if answer.status != 503:  # others were in the way each time
                    return answer.status

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(book, range(24)))
    assert (statuses.count(204), statuses.count(409)) == (5, 19)
    assert total(server.client, "/api/v1/seats") == 5


# Input


def test_a_list_is_sorted_as_its_action_says(shop):
    items = [stock_item(shop, 5) for _ in range(4)]
    answer = place(shop, *[(item, 1) for item in reversed(items)], (items[1], 2))
    assert [row["item"] for row in answer.data["items"]] == sorted([*items, items[1]])
    assert [row["quantity"] for row in answer.data["items"]] == [1, 1, 2, 1, 1]
    answer = place(shop, (items[0], 1), (items[1], 1), ("x", 1))
    assert set(answer.error["fields"]) == {"lines.2.item"}


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, {"lines": "is required"}),
        ({"lines": None}, {"lines": "is required"}),
        ({"lines": []}, {"lines": "holds too few elements"}),
        ({"lines": "x"}, {"lines": "must be a list of objects"}),
        ({"lines": {}}, {"lines": "must be a list of objects"}),
        ({"lines": [{"item": NOBODY, "quantity": 1}]}, {"lines.0.item": "refers to a row of inventory that does not exist"}),
        (
            {"note": 5, "lines": [{"item": "x", "quantity": 0}, 3, {"quantity": 101, "colour": "red"}], "hurry": True},
            {
                "note": "must be a text",
                "lines.0.item": "must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057",
                "lines.0.quantity": "must be at least 1",
                "lines.1": "must be an object",
                "lines.2.quantity": "must be at most 100",
                "lines.2.colour": "is not a field here",
                "hurry": "is not a field here",
                "lines.2.item": "is required",
            },
        ),
    ],
    ids=lambda value: None,
)
def test_all_mistakes_of_the_input_are_told_at_once(shop, body, fields):
    answer = shop.post("/api/v1/orders/place", json=body)
    assert (answer.status, answer.error["code"], answer.error["fields"]) == (400, "VALIDATION_ERROR", fields)


def test_a_list_of_objects_has_a_limit(shop):
    hat = stock_item(shop, 60)
    answer = place(shop, *[(hat, 1)] * 51)
    assert (answer.status, answer.error["fields"]) == (400, {"lines": "holds too many elements"})
    assert place(shop, *[(hat, 1)] * 50).status == 200 and stock_of(shop, hat) == 10


def test_every_reference_is_looked_up_before_anything_is_done(shop):
    hat = stock_item(shop, 3)
    answer = place(shop, (hat, 1), (NOBODY, 1), (NOBODY, 2))
    assert answer.status == 400 and set(answer.error["fields"]) == {"lines.1.item", "lines.2.item"}
    assert stock_of(shop, hat) == 3


@pytest.mark.parametrize(
    "body, headers, status",
    [
        ("[]", {"Content-Type": "application/json"}, 400),
        ("{", {"Content-Type": "application/json"}, 400),
        ('{"lines": [}', {"Content-Type": "application/json"}, 400),
        ('{"lines": [], "lines": []}', {"Content-Type": "application/json"}, 400),
        ("lines=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ('{"lines": []}', {}, 415),
    ],
)
def test_the_body_must_be_one_json_object(shop, body, headers, status):
    assert shop.post("/api/v1/orders/place", body=body, headers=headers).status == status


@pytest.mark.parametrize("order", ["nonsense", NOBODY, "%00"])
def test_a_path_that_leads_to_no_row_is_not_found(shop, order):
    answer = shop.post(f"/api/v1/orders/{order}/cancel")
    assert answer.status in (400, 404) and answer.error.get("fields") is None
    assert answer.status == 404 or order == "%00"


def test_an_input_of_the_path_is_not_given_twice(shop):
    order = place(shop, (stock_item(shop, 1), 1)).data["order"]["id"]
    answer = shop.post(f"/api/v1/orders/{order}/cancel", json={"id": order})
    assert (answer.status, answer.error["fields"]) == (400, {"id": "is given in the path"})


def test_an_action_takes_no_parameters(shop):
    assert shop.post("/api/v1/orders/place?note=x", json={"lines": []}).status == 400


def test_an_action_has_its_method_only(shop):
    answer = shop.get(f"/api/v1/orders/{NOBODY}/cancel")
    assert answer.status == 405 and answer.headers["Allow"] == "POST, OPTIONS"
    assert shop.post("/api/v1/orders/placed", json={}).status == 405  # that is the path of one order
    assert shop.post("/api/v1/actions/place_order", json={}).status == 404  # it has a route of its own


# Forms of answers and failures

FORMS = """
resources:
  things:
    fields:
      name:    text(1..20) required unique
      price:   decimal(12,2) = 0
      weight:  float
      is_new:  bool = true
      made_on: date
      tags:    list(text)
      extra:   json
      part_of: things
      secret:  text hidden
    access: {all: true}
actions:
  show:
    route: POST /things/:name/show
    access: true
    input: {name: text required}
    steps:
      - as: thing
        sql: select name, price, weight, is_new, made_on, tags, extra, part_of, created_at from things where name = :name
        expect: 1
        else: 404 NO_SUCH_THING
      - as: counts
        sql: select count(*) as how_many from things
  rename:
    access: true
    input: {id: things required, name: text(1..20) required}
    steps:
      - sql: update things set name = :name where id = :id
        expect: 1
  rename_or_tell:
    access: true
    input: {id: things required, name: text(1..20) required}
    steps:
      - sql: update things set name = :name where id = :id
        expect: 1
        else: 422 NAME_TAKEN another thing has this name
  pay: {access: true, steps: [{sql: select 1 where 1 = 2, expect: 1.., else: 402 NO_MONEY pay first}]}
  rest: {access: true, steps: [{sql: select 1 where 1 = 2, expect: 1, else: 503 RESTING come back later}]}
  plain: {access: true, steps: [{sql: select 1 where 1 = 2, expect: 1}]}
  few: {access: true, steps: [{as: few, sql: select name from things where name < '', expect: ..2}]}
  chain:
    access: true
    input: {rows: {list: {name: text required, price: "decimal(12,2) = 1"}}}
    steps:
      - each: rows
        as: made_first
        sql: >-
          insert into things (id, name, price, created_at, updated_at, version)
          values (:uuid, :rows.name, :rows.price, :now, :now, 1) returning id, name
      - each: rows
        as: made_second
        sql: >-
          insert into things (id, name, part_of, created_at, updated_at, version)
          values (:uuid, 'of ' || :made_first.name, :made_first.id, :now, :now, 1) returning name, part_of
    result: [made_second]
  double:
    access: true
    input: {part_of: things required}
    steps:
      - as: found
        sql: select id, name from things where part_of = :part_of order by name
      - each: found
        as: made
        sql: >-
          insert into things (id, name, price, created_at, updated_at, version)
          values (:uuid, :found.name || '!', 1, :now, :now, 1) returning id, name
      - each: found
        as: linked
        sql: update things set part_of = :found.id where id = :made.id returning name, part_of
      - as: last
        sql: select name from things where id = :made.id
    result: [linked, last]
  quiet: {access: true, steps: [{as: quiet, sql: select 1 as one}], result: []}
  shut: {access: "false", steps: [{sql: select 1}]}
  signed: {access: auth.id != null, input: {x: int required}, steps: [{sql: select 1}]}
  small: {access: input.x < 10, input: {x: int required}, steps: [{sql: select 1}]}
  guarded: {access: "auth.id != null || input.code == 'x'", input: {code: text}, steps: [{sql: select 1}]}
"""


@pytest.fixture(scope="module")
def api(serve_module):
    return serve_module(FORMS).client


def new_thing(api, name, **more):
    answer = api.post("/api/v1/things", json={"name": name, **more})
    assert answer.status == 201, answer
    return answer.data


def test_columns_of_fields_are_answered_as_the_rows_of_a_resource_are(api):
    plain = {"price": "12.50", "weight": 0.5, "made_on": "2026-01-02", "tags": ["a", "b"], "extra": {"a": [1]}}
    thing = new_thing(api, "all", **plain, secret="s")
    answer = api.post("/api/v1/things/all/show")
    shown = answer.data["thing"]
    assert shown == {key: thing[key] for key in shown}
    assert list(shown) == ["name", "price", "weight", "is_new", "made_on", "tags", "extra", "part_of", "created_at"]
    assert answer.data["counts"] == [{"how_many": total(api, "/api/v1/things")}]


@pytest.mark.parametrize(
    "path, status, error",
    [
        ("things/nothing/show", 404, {"code": "NO_SUCH_THING", "message": "there is nothing here"}),
        ("actions/pay", 402, {"code": "NO_MONEY", "message": "pay first"}),
        ("actions/rest", 503, {"code": "RESTING", "message": "come back later"}),
        ("actions/plain", 409, {"code": "CONFLICT", "message": "the state of the rows does not allow this"}),
    ],
)
def test_a_failure_has_the_status_the_code_and_the_sentence_that_it_was_given(api, path, status, error):
    answer = api.post(f"/api/v1/{path}")
    assert (answer.status, answer.error) == (status, error)
    assert (answer.headers["Retry-After"] is not None) == (status == 503)


@pytest.mark.parametrize(
    "envelope, body",
    [
        ("success", {"success": False, "error": "pay first", "code": "NO_MONEY", "details": []}),
        ("problem", {"type": "about:blank", "status": 402, "detail": "pay first", "code": "NO_MONEY"}),
        ("full", {"data": None, "error": {"code": "NO_MONEY", "message": "pay first", "details": []}}),
    ],
)
def test_a_failure_fits_every_envelope(serve, envelope, body):
    client = serve(f"api: {{envelope: {envelope}}}\n" + FORMS).client
    answer = client.post("/api/v1/actions/pay")
    assert answer.status == 402 and {key: answer.json[key] for key in body} == body
    rows = client.post("/api/v1/actions/few")
    assert (rows.json if envelope == "problem" else rows.data) == {"few": []}


def test_a_constraint_is_a_conflict_or_the_failure_of_its_step(api):
    new_thing(api, "taken")
    thing = new_thing(api, "free")
    body = {"id": thing["id"], "name": "taken"}
    answer = api.post("/api/v1/actions/rename", json=body)
    assert (answer.status, answer.error["code"], answer.error["message"]) == (409, "CONFLICT", "a value is taken already")
    answer = api.post("/api/v1/actions/rename_or_tell", json=body)
    assert (answer.status, answer.error["code"]) == (422, "NAME_TAKEN")
    assert api.get(f"/api/v1/things/{thing['id']}").data["name"] == "free"


def test_a_step_without_name_or_without_mention_is_not_answered(api):
    assert api.post("/api/v1/actions/rename", json={"id": new_thing(api, "a")["id"], "name": "b"}).status == 204
    answer = api.post("/api/v1/actions/quiet")
    assert (answer.status, answer.body) == (204, b"")


def test_steps_over_one_list_see_each_others_rows_by_their_index(api):
    answer = api.post("/api/v1/actions/chain", json={"rows": [{"name": "x"}, {"name": "y", "price": "2.25"}]})
    assert answer.status == 200 and list(answer.data) == ["made_second"]
    for name, row, price in zip("xy", answer.data["made_second"], ("1.00", "2.25")):
        assert row["name"] == f"of {name}"
        parent = api.get(f"/api/v1/things/{row['part_of']}").data
        assert (parent["name"], parent["price"]) == (name, price)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_step_can_be_run_for_each_row_of_an_earlier_one(api, count):
    parent = new_thing(api, f"parent {count}")["id"]
    found = [new_thing(api, f"{count} part {i:02}", part_of=parent) for i in reversed(range(count))][::-1]
    answer = api.post("/api/v1/actions/double", json={"part_of": parent})
    assert answer.status == 200, answer
    assert answer.data["linked"] == [{"name": row["name"] + "!", "part_of": row["id"]} for row in found]
    assert answer.data["last"] == [{"name": row["name"] + "!"} for row in found[:1]]  # of a step it is the first row


def test_a_step_is_run_for_a_bounded_number_of_rows(serve):
    parts = "with recursive n(i) as (select 1 union all select i + 1 from n where i < :count) select i from n"
    client = serve(
        "actions: {each: {access: true, input: {count: int required}, steps: "
        f"[{{as: n, sql: '{parts}'}}, {{each: n, as: one, sql: 'select cast(:n.i as bigint) as i'}}], result: one}}}}"
    ).client
    answer = client.post("/api/v1/actions/each", json={"count": 10000})
    assert answer.status == 200 and [row["i"] for row in answer.data["one"]] == list(range(1, 10001))
    answer = client.post("/api/v1/actions/each", json={"count": 10001})
    assert answer.status == 422 and "a step has more than 10000 rows" in answer.text


def test_a_list_that_need_not_be_there_may_be_empty(api):
    for body in ({}, {"rows": []}, {"rows": None}):
        answer = api.post("/api/v1/actions/chain", json=body)
        assert (answer.status, answer.data) == (200, {"made_second": []})


def test_names_are_spelt_as_naming_says(serve):
    client = serve("api: {naming: camel}\n" + FORMS).client
    client.post("/api/v1/things", json={"name": "a"})
    answer = client.post("/api/v1/actions/chain", json={"rows": [{"name": "x"}]})
    assert list(answer.data) == ["madeSecond"] and set(answer.data["madeSecond"][0]) == {"name", "partOf"}
    assert client.post("/api/v1/things/a/show").data["counts"] == [{"howMany": 3}]


# Access


@pytest.mark.parametrize(
    "action, body, status",
    [
        ("shut", {}, 401),
        ("signed", {}, 401),  # access is asked before the input is looked at
        ("small", {"x": 3}, 204),
        ("small", {"x": 30}, 401),
        ("small", {"x": "y"}, 400),
        ("guarded", {"code": "x"}, 204),
        ("guarded", {"code": "y"}, 401),
        ("guarded", {}, 401),
    ],
)
def test_access_is_a_condition_over_the_caller_and_the_input(api, action, body, status):
    answer = api.post(f"/api/v1/actions/{action}", json=body)
    assert answer.status == status
    assert (answer.headers["WWW-Authenticate"] == "Bearer") == (status == 401)


# Start-up

BROKEN = """database: sqlite:broken.db
resources:
  users:
    fields: {name: text required unique, password: password required}
    access: {all: {when: true}}
actions:
  look:
    access: true
    steps:
      - as: user
        sql: |
          select *
          from users limit 1
      - sql: select nmae from users
      - sql: select :user.ide, @x
"""


def test_a_statement_that_the_database_refuses_is_told_at_its_place_before_anything_is_served(tmp_path):
    (tmp_path / "app.yaml").write_text(BROKEN)
    told = run_tenon("serve", "app.yaml", directory=tmp_path)
    assert told.returncode == 1 and told.stderr.splitlines() == [
        'app.yaml:11:14: field "password" is hidden and cannot be answered',
        "  hint: leave it out of what the statement returns",
        'app.yaml:14:14: action "look": the database says: no such column: nmae',
        "app.yaml:15:14: a parameter is written with a colon and its name",
        "  hint: as in :note",
        'app.yaml:15:21: that step returns no column "ide"; did you mean "id"?',
    ]


def test_a_hidden_field_that_no_name_shows_is_left_out_where_the_database_cannot_tell(serve, database):
    """SQLite tells at the start: see above."""
    if database() is None:
        return
    server = serve(re.sub(r"      - sql: .*\n", "", BROKEN).replace("database: sqlite:broken.db\n", ""))
    assert server.client.post("/api/v1/users", json={"name": "Ann", "password": "correct horse"}).status == 201
    answer = server.client.post("/api/v1/actions/look")
    assert answer.status == 200 and set(answer.data["user"][0]) == {"id", "name", "created_at", "updated_at", "version"}


def test_routes_show_actions_and_check_tells_of_those_that_cannot_be(tmp_path):
    (tmp_path / "app.yaml").write_text(APP)
    shown = run_tenon("routes", "app.yaml", directory=tmp_path)
    assert re.search(r"^POST +/api/v1/orders/:id/cancel +cancel_order ", shown.stdout, re.M)
    wrong = APP.replace("POST /orders/place", "POST /orders").replace("409 NOT_OPEN", "477 NOT_OPEN")
    (tmp_path / "app.yaml").write_text(wrong)
    told = run_tenon("check", "app.yaml", directory=tmp_path).stderr
    assert re.search(r'^app\.yaml:\d+:12: the route "POST /api/v1/orders" is declared twice', told, re.M), told
    assert re.search(r"^app\.yaml:\d+:14: there is no status 477 in HTTP$", told, re.M), told


def test_a_reload_brings_other_actions_and_keeps_the_old_ones_when_they_are_wrong(serve):
    server = serve(FORMS)
    text = (server.directory / "app.yaml").read_text()
    for old, new, message, code in [
        ("402 NO_MONEY", "451 NOT_YET", "the app file was reloaded", "NOT_YET"),
        ("select name from", "select nam from", "the old app file goes on being served", "NOT_YET"),
    ]:
        text = text.replace(old, new)
        (server.directory / "app.yaml").write_text(text)
        server.signal(signal.SIGHUP)
        server.wait_log(message=message)
        assert server.client.post("/api/v1/actions/pay").error["code"] == code
