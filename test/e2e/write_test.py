# SPDX-License-Identifier: Apache-2.0
"""Writing over REST: what is accepted, what is refused in which words, and what is stored."""

import pytest

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
APP = """
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, admin) readonly = user
      secret: text hidden
      password: password
    access: {all: true}
  things:
    fields:
      title: text(3..10) required
      slug: text unique
      status: enum(draft, active, closed) = draft
      amount: int(0..9)
      ratio: float
      price: decimal(6,2) = 1.5
      open: bool = true
      at: datetime
      day: date
      ref: uuid
      site: url
      mail: email
      data: json
      tags: list(text)
      marks: list(int)
      sums: list(decimal(6,2))
      refs: list(uuid)
      code: text(1..5) immutable
      owner: users
      made: datetime readonly = now
      born: date = now
    access: {all: true}
  children:
    fields:
      strict: things
      cascade: things on_delete(cascade)
      loose: things on_delete(set_null)
      note: {type: "text", pattern: "^[a-z]+$"}
    access: {all: true}
"""


@pytest.fixture(scope="module")
def api(serve_module):
    return serve_module(APP).client


def make(api, resource="things", **values):
    if resource == "things":
        values.setdefault("title", "thing")
    answer = api.post(f"{URL}/{resource}", json=values)
    assert answer.status == 201, answer
    return answer.data


def total(api, resource="things"):
    return api.get(f"{URL}/{resource}?limit=1").json["pagination"]["total"]


# Every type, in and out.

TYPES = [
    ("amount", 9, 9),
    ("amount", None, None),
    ("ratio", 1.25, 1.25),
    ("ratio", 3, 3),
    ("price", "12.5", "12.50"),
    ("price", 12.50, "12.50"),
    ("price", "-0.05", "-0.05"),
    ("open", False, False),
    ("at", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
    ("at", "2026-01-02T03:04:05.678901+02:00", "2026-01-02T01:04:05.678901Z"),
    ("day", "2024-02-29", "2024-02-29"),
    ("ref", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("site", "https://example.org/a?b=c", "https://example.org/a?b=c"),
    ("mail", "Ann@Example.org", "Ann@Example.org"),
    ("status", "closed", "closed"),
    ("data", {"a": [1, 2.5, "x", None, True, {"b": {}}]}, {"a": [1, 2.5, "x", None, True, {"b": {}}]}),
    ("data", "text", "text"),
    ("tags", ["a", "café", ""], ["a", "café", ""]),
    ("tags", [], []),
    ("marks", [1, -2], [1, -2]),
    ("sums", ["1.5", -2, 0.25], ["1.50", "-2.00", "0.25"]),
    ("refs", ["01890A5D-AC96-774B-BCCE-B302099A8057"], ["01890a5d-ac96-774b-bcce-b302099a8057"]),
    ("title", "naïve €", "naïve €"),
]


@pytest.mark.parametrize("field, sent, stored", TYPES)
def test_a_value_comes_back_as_documented(api, field, sent, stored):
    row = make(api, **{field: sent})
    assert row[field] == stored
    assert api.get(f"{URL}/things/{row['id']}").data == row


REFUSED = [
    ({"title": "ab"}, {"title": "must be at least 3 characters"}),
    ({"title": "x" * 11}, {"title": "must be at most 10 characters"}),
    ({"title": 5}, {"title": "must be a text"}),
    ({"title": None}, {"title": "is required"}),
    ({}, {"title": "is required"}),
    ({"title": "abc", "amount": 10}, {"amount": "must be at most 9"}),
    ({"title": "abc", "amount": -1}, {"amount": "must be at least 0"}),
    ({"title": "abc", "amount": 1.5}, {"amount": "must be a whole number"}),
    ({"title": "abc", "amount": "1"}, {"amount": "must be a whole number"}),
    ({"title": "abc", "price": "1.234"}, {"price": "is more exact than 2 decimals"}),
    ({"title": "abc", "open": "yes"}, {"open": "must be true or false"}),
    ({"title": "abc", "open": 1}, {"open": "must be true or false"}),
    ({"title": "abc", "status": "gone"}, {"status": "must be one of draft, active, closed"}),
    ({"title": "abc", "day": "2023-02-29"}, {"day": "must be a date as 2026-01-31"}),
    ({"title": "abc", "tags": "a"}, {"tags": "must be a list"}),
    ({"title": "abc", "tags": [1]}, {"tags": "must be a text"}),
    ({"title": "abc", "nope": 1}, {"nope": "is not a field here"}),
    ({"title": "abc", "id": "01890a5d-ac96-774b-bcce-b302099a8057"}, {"id": "is set by the server"}),
    ({"title": "abc", "made": "2026-01-02T03:04:05Z"}, {"made": "is set by the server"}),
    ({"title": "abc", "version": 7}, {"version": "is set by the server"}),
    (
        {"title": "abc", "owner": "01890a5d-ac96-774b-bcce-b302099a8057"},
        {"owner": "refers to a row of users that does not exist"},
    ),
    (
        {"title": "ab", "amount": 10, "nope": 1, "owner": "01890a5d-ac96-774b-bcce-b302099a8057"},
        {
            "title": "must be at least 3 characters",
            "amount": "must be at most 9",
            "nope": "is not a field here",
            "owner": "refers to a row of users that does not exist",
        },
    ),
]


@pytest.mark.parametrize("body, fields", REFUSED)
def test_every_mistake_is_named_at_once_and_nothing_is_stored(api, body, fields):
    before = total(api)
    answer = api.post(f"{URL}/things", json=body)
    assert answer.status == 400
    assert answer.error["code"] == "VALIDATION_ERROR"
    assert answer.error["fields"] == fields
    assert total(api) == before


def test_hints_name_what_was_meant(api):
    assert api.post(f"{URL}/things", json={"title": "abc", "stauts": "draft"}).error["hint"] == 'did you mean "status"?'


@pytest.mark.parametrize(
    "text, status, code",
    [
        ('{"title":"abc"', 400, "PARSE_ERROR"),
        ('{"title":"abc",}', 400, "PARSE_ERROR"),
        ('{"title":"\\ud800"}', 400, "PARSE_ERROR"),
        ('{"title":"a\\u0000b"}', 400, "PARSE_ERROR"),
        ('{"title":"abc"} x', 400, "PARSE_ERROR"),
        ("", 400, "PARSE_ERROR"),
        ('{"data":{"a":1,"a":2},"title":"abc"}', 400, "PARSE_ERROR"),
        ('{"data":' + "[" * 100000, 400, "PARSE_ERROR"),
        ("[" * 100000, 400, "VALIDATION_ERROR"),
        ('"text"', 400, "VALIDATION_ERROR"),
        ("[]", 400, "VALIDATION_ERROR"),
        ("[1]", 400, "VALIDATION_ERROR"),
        ('{"title":"abc","title":"abd"}', 400, "VALIDATION_ERROR"),
    ],
)
def test_bodies_that_could_be_read_two_ways_are_refused(api, text, status, code):
    answer = api.post(f"{URL}/things", body=text, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.error["code"]) == (status, code), answer


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/merge-patch+json"])
def test_another_media_type_is_a_415(api, kind):
    answer = api.post(f"{URL}/things", body='{"title":"abc"}', headers={"Content-Type": kind})
    assert answer.status == 415 and answer.error["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_merge_patch_is_taken_by_patch(api):
    row = make(api)
    answer = api.patch(f"{URL}/things/{row['id']}", body='{"title":"abc"}', headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status == 200 and answer.data["title"] == "abc"


# Create

def test_create_says_where_the_row_is(api):
    answer = api.post(f"{URL}/things", json={"title": "abc"})
    assert answer.headers["Location"] == f"{URL}/things/{answer.data['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.data["status"] == "draft" and answer.data["price"] == "1.50" and answer.data["made"]


def test_minimal_answers_have_no_body(api):
    answer = api.post(f"{URL}/things", json={"title": "abc"}, headers={"Prefer": "return=minimal"})
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["Preference-Applied"] == "return=minimal"
    changed = api.patch(answer.headers["Location"], json={"title": "abd"}, headers={"Prefer": "return=minimal"})
    assert (changed.status, changed.body) == (204, b"")


def test_an_array_creates_all_or_none(api):
    before = total(api)
    answer = api.post(f"{URL}/things", json=[{"title": "abc"}, {"title": "abd"}])
    assert answer.status == 201 and [row["title"] for row in answer.data] == ["abc", "abd"]
    broken = api.post(f"{URL}/things", json=[{"title": "abc"}, {"title": "x"}, {"amount": 99}])
    assert broken.status == 400
    assert broken.error["fields"] == {
        "1.title": "must be at least 3 characters",
        "2.amount": "must be at most 9",
        "2.title": "is required",
    }
    conflict = api.post(f"{URL}/things", json=[{"title": "abc", "slug": "one"}, {"title": "abc", "slug": "one"}])
    assert conflict.status == 409 and conflict.error["fields"] == {"1.slug": "is already taken"}
    assert total(api) == before + 2


def test_a_thousand_rows_are_the_most(api):
    rows = [{"note": "a"}] * 1000
    assert api.post(f"{URL}/children", json=rows, headers={"Prefer": "return=minimal"}).status == 201
    assert api.post(f"{URL}/children", json=rows + rows[:1]).status == 400


def test_a_pattern_is_held(api):
    assert api.post(f"{URL}/children", json={"note": "A1"}).error["fields"] == {"note": "does not match its pattern"}


def test_unique_values_conflict_without_case_for_email(api):
    make(api, "users", name="Ann", email="ann@x.org")
    answer = api.post(f"{URL}/users", json={"name": "Ann", "email": "ANN@x.org"})
    assert answer.status == 409
    assert answer.error == {"code": "CONFLICT", "message": answer.error["message"], "fields": {"email": "is already taken"}}


def test_passwords_and_hidden_fields_never_come_back(api):
    row = make(api, "users", name="Bob", email="bob@x.org", password="correct horse", secret="s")
    assert "password" not in row and "secret" not in row
    for query in ("?password=x", "?secret=s", "?sort=secret", "?fields=password", "?where=secret%3D%3D's'"):
        assert api.get(f"{URL}/users{query}").status == 400


# Replace, merge, delete

def test_put_replaces_and_what_is_missing_takes_its_default(api):
    row = make(api, status="active", amount=3, price="9.99", code="abc", tags=["x"])
    answer = api.put(f"{URL}/things/{row['id']}", json={"title": "other"})
    assert answer.status == 200 and answer.headers["ETag"] == '"2"'
    after = answer.data
    assert (after["title"], after["status"], after["amount"], after["price"], after["tags"]) == ("other", "draft", None, "1.50", None)
    assert after["code"] == "abc" and after["made"] == row["made"] and after["created_at"] == row["created_at"]
    assert after["updated_at"] >= row["updated_at"] and after["version"] == 2


def test_put_keeps_hidden_and_never_creates(api):
    missing = api.put(f"{URL}/things/01890a5d-ac96-774b-bcce-b302099a8057", json={"title": "other"})
    assert missing.status == 404
    assert api.put(f"{URL}/things/{make(api)['id']}", json={}).error["fields"] == {"title": "is required"}


def test_fixed_fields_may_be_repeated_but_not_changed(api):
    row = make(api, code="abc")
    same = {"title": "other", "id": row["id"], "version": 1, "code": "abc", "made": row["made"], "created_at": row["created_at"]}
    assert api.put(f"{URL}/things/{row['id']}", json=same).status == 200
    for field, value in [("code", "abd"), ("version", 9), ("made", "2020-01-01T00:00:00Z"), ("id", "01890a5d-ac96-774b-bcce-b302099a8057")]:
        answer = api.patch(f"{URL}/things/{row['id']}", json={field: value})
        assert answer.status == 400 and answer.error["fields"] == {field: "cannot be changed"}


def test_patch_merges_also_inside_json(api):
    row = make(api, data={"a": 1, "b": {"c": 2, "d": 3}}, amount=4)
    answer = api.patch(f"{URL}/things/{row['id']}", json={"data": {"b": {"c": None, "e": 5}, "f": [1]}})
    assert answer.data["data"] == {"a": 1, "b": {"d": 3, "e": 5}, "f": [1]}
    assert answer.data["amount"] == 4
    assert api.patch(f"{URL}/things/{row['id']}", json={"data": [1], "amount": None}).data["data"] == [1]
    assert api.patch(f"{URL}/things/{row['id']}", json={"data": {"x": 1}}).data["data"] == {"x": 1}
    assert api.patch(f"{URL}/things/{row['id']}", json={"data": None}).data["data"] is None


def test_delete_and_what_refers_to_the_row(api):
    row = make(api)
    strict = make(api, "children", strict=row["id"])
    refused = api.delete(f"{URL}/things/{row['id']}")
    assert refused.status == 409 and refused.error["message"] == "other rows refer to this one"
    assert api.delete(f"{URL}/children/{strict['id']}").status == 204
    cascade, loose = make(api, "children", cascade=row["id"]), make(api, "children", loose=row["id"])
    assert api.delete(f"{URL}/things/{row['id']}").status == 204
    assert api.get(f"{URL}/things/{row['id']}").status == 404
    assert api.delete(f"{URL}/things/{row['id']}").status == 404
    assert api.get(f"{URL}/children/{cascade['id']}").status == 404
    assert api.get(f"{URL}/children/{loose['id']}").data["loose"] is None


def test_a_row_whose_reference_is_set_to_null_has_another_version(api):
    row = make(api)
    url = f"{URL}/children/{make(api, 'children', loose=row['id'])['id']}"
    assert api.delete(f"{URL}/things/{row['id']}").status == 204
    after = api.get(url, headers={"If-None-Match": '"1"'})
    assert after.status == 200 and after.data["loose"] is None and after.etag == '"2"'
    assert after.data["updated_at"] >= after.data["created_at"] and len(after.data["updated_at"]) == 27
    assert api.patch(url, json={"note": "old"}, headers={"If-Match": '"1"'}).status == 412
    other = make(api)
    assert api.patch(url, json={"loose": other["id"]}).data["version"] == 3
    assert api.patch(url, json={"loose": None}).data["version"] == 4


# Preconditions and retries

def test_if_match_compares_versions(api):
    url = f"{URL}/things/{make(api)['id']}"
    for tags, status in [('"2"', 412), ('W/"1"', 412), ('"x"', 412), ('"7", "1"', 200), ('"1"', 412), ("*", 200), ("nonsense", 400)]:
        assert api.patch(url, json={"title": "abc"}, headers={"If-Match": tags}).status == status, tags
    assert api.delete(url, headers={"If-Match": '"1"'}).status == 412
    assert api.delete(url, headers={"If-Match": '"3"'}).status == 204
    assert api.delete(url, headers={"If-Match": "*"}).status == 404


def test_a_repeated_key_has_one_effect_and_one_answer(api):
    before = total(api)
    key = {"Idempotency-Key": '"order-1"'}
    first = api.post(f"{URL}/things", json={"title": "abc"}, headers=key)
    again = api.post(f"{URL}/things", json={"title": "abc"}, headers={"Idempotency-Key": "order-1"})
    assert (again.status, again.body, again.headers["Location"], again.headers["ETag"]) == (
        first.status,
        first.body,
        first.headers["Location"],
        first.headers["ETag"],
    )
    assert again.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    other = api.post(f"{URL}/things", json={"title": "abd"}, headers=key)
    assert other.status == 422 and other.error["code"] == "UNPROCESSABLE"
    assert total(api) == before + 1
    assert api.post(f"{URL}/children", json={"note": "a"}, headers=key).status == 201  # another path is another key


@pytest.mark.parametrize("key, status", [("k" * 255, 201), ("k" * 256, 400), ("a b", 400), ('""', 400), ("", 400)])
def test_keys_have_1_to_255_visible_characters(api, key, status):
    assert api.post(f"{URL}/things", json={"title": "abc"}, headers={"Idempotency-Key": key}).status == status


def test_business_failures_are_kept_and_mistakes_are_not(api):
    make(api, slug="taken")
    key = {"Idempotency-Key": "slug-1"}
    first = api.post(f"{URL}/things", json={"title": "abc", "slug": "taken"}, headers=key)
    again = api.post(f"{URL}/things", json={"title": "abc", "slug": "taken"}, headers=key)
    assert (first.status, again.status) == (409, 409) and first.body == again.body
    assert again.headers["Idempotency-Replayed"] == "true"
    key = {"Idempotency-Key": "mistake-1"}
    assert api.post(f"{URL}/things", json={"title": "x"}, headers=key).status == 400
    assert api.post(f"{URL}/things", json={"title": "xyz"}, headers=key).status == 201


# Batch

def test_a_batch_is_one_unit_of_work_and_later_operations_see_earlier_results(api):
    answer = api.post(
        f"{URL}/batch",
        json={
            "operations": [
                {"method": "POST", "path": "/users", "id": "u", "body": {"name": "$$Cash", "email": "cash@x.org"}},
                {"method": "POST", "path": "/things", "id": "t", "body": {"title": "batch", "owner": "$u.id"}},
                {"method": "PATCH", "path": "/things/$t.id", "ifMatch": '"1"', "body": {"status": "active"}},
                {"method": "PUT", "path": "/users/$1.owner", "body": {"name": "Cash", "email": "cash@x.org"}},
                {"method": "POST", "path": "/children", "id": "c", "body": {"cascade": "$t.id"}},
                {"method": "DELETE", "path": "/children/$c.id"},
            ]
        },
    )
    assert answer.status == 200, answer
    assert [result["status"] for result in answer.data] == [201, 201, 200, 200, 201, 204]
    user, thing = answer.data[0], answer.data[1]
    assert user["location"] == f"{URL}/users/{user['data']['id']}"
    assert thing["data"]["owner"] == user["data"]["id"]
    assert answer.data[2]["data"]["status"] == "active" and answer.data[3]["data"]["name"] == "Cash"


def test_an_array_is_answered_in_its_order_with_what_is_expanded(api):
    owner = api.post(f"{URL}/users", {"name": "Order", "email": "order@x.org"}).data
    rows = [{"title": f"row {i:03}", "owner": owner["id"] if i % 2 else None} for i in range(300)]
    answer = api.post(f"{URL}/things?expand=owner", rows)
    assert [row["title"] for row in answer.data] == [row["title"] for row in rows]
    assert answer.data[0]["owner"] is None and answer.data[1]["owner"]["name"] == "Order"


def test_a_request_brings_at_most_20_passwords(api):
    rows = [{"name": "x", "email": f"p{i}@x.org", "password": f"password {i}"} for i in range(21)]
    operations = [{"method": "POST", "path": "/users", "body": row} for row in rows]
    for answer in (api.post(f"{URL}/users", rows), api.post(f"{URL}/batch", {"operations": operations})):
        assert answer.status == 400 and answer.error["message"] == "more than 20 passwords"
    assert api.get(f"{URL}/users?email=p0@x.org").data == []


def test_a_null_of_an_earlier_result_does_not_fill_a_required_field(api):
    operations = [
        {"method": "POST", "path": "/things", "body": {"title": "blank"}},
        {"method": "POST", "path": "/things", "body": {"title": "$0.slug"}},
    ]
    answer = api.post(f"{URL}/batch", {"operations": operations})
    assert answer.status == 400 and answer.error["fields"] == {"operations.1.title": "is required"}


def test_a_date_that_is_now_is_today_and_a_float_has_no_negative_zero(api):
    thing = api.post(f"{URL}/things", body='{"title": "today", "ratio": -0.0}', headers={"Content-Type": "application/json"})
    assert thing.data["born"] == thing.data["made"][:10] and "-0" not in thing.text.split('"ratio"')[1][:4]
    assert api.get(f"{URL}/things?born={thing.data['born']}&id={thing.data['id']}").json["pagination"]["total"] == 1


def test_a_batch_that_fails_leaves_nothing(api):
    before = total(api)
    operations = [{"method": "POST", "path": "/things", "id": "a", "body": {"title": "batch"}}]
    for last, status, fields in [
        ({"method": "POST", "path": "/things", "body": {"title": "x"}}, 400, {"operations.1.title": "must be at least 3 characters"}),
        ({"method": "GET", "path": "/things"}, 400, {"operations.1.method": "must be POST, PUT, PATCH or DELETE"}),
        ({"method": "POST", "path": "/nope", "body": {}}, 400, None),
        ({"method": "POST", "path": "/things", "body": {"title": "$b.title"}}, 400, {"operations.1.title": "refers to no earlier operation"}),
        ({"method": "POST", "path": "/things", "body": {"title": "abc", "owner": "$a.id"}}, 400, {"operations.1.owner": "refers to a row of users that does not exist"}),
        ({"method": "PATCH", "path": "/things/01890a5d-ac96-774b-bcce-b302099a8057", "body": {}}, 404, None),
        ({"method": "PATCH", "path": "/things/$a.id", "ifMatch": '"9"', "body": {}}, 412, None),
        ({"method": "DELETE", "path": "/things/$a.id", "id": "a"}, 400, {"operations.1.id": "is the id of an earlier operation"}),
    ]:
        answer = api.post(f"{URL}/batch", json={"operations": operations + [last]})
        assert answer.status == status, answer
        if fields:
            assert answer.error["fields"] == fields
        assert total(api) == before


@pytest.mark.parametrize("body", [{}, {"operations": []}, {"operations": 1}, {"operations": [1]}, [], {"operations": [{"method": "DELETE", "path": "/things/x"}] * 101}])
def test_a_batch_is_a_list_of_1_to_100_operations(api, body):
    assert api.post(f"{URL}/batch", json=body).status == 400
