# SPDX-License-Identifier: Apache-2.0
"""Access rules without identities: every caller is anonymous, so auth.* is null and roles are never held."""

import pytest

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
MISSING = "01890a5d-ac96-774b-bcce-b302099a8057"
APP = """
resources:
  closed:
    fields: {name: text}
  members:
    fields: {name: text, mine: members}
    access: {read: mine == auth.id, create: true, update: role("admin"), delete: can("members:delete")}
  posts:
    fields:
      title: text required
      status: enum(draft, live, locked) = draft
      note: text
      parent: posts
      score: int
    access:
      read: status != 'draft'
      create: "!(input.status == 'locked')"
      update: {when: status == 'live', fields: [title, status]}
      delete: status == 'live'
  peeks:
    fields: {name: text unique, inner: text}
    access: {read: {when: true, fields: [name]}, create: true}
  links:
    fields: {post: posts, name: text}
    access: {all: true}
"""


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP)


@pytest.fixture(scope="module")
def api(server):
    return server.client


def post(api, **values):
    answer = api.post(f"{URL}/posts", json={"title": "t", **values})
    assert answer.status == 201
    return answer.headers["Location"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_what_is_not_given_is_denied_before_anything_is_looked_at(api, method):
    path = f"{URL}/closed" + ("" if method in ("GET", "POST") else f"/{MISSING}")
    answer = api.request(method, path + "?nonsense=1", body="no json")
    assert answer.status == 401 and answer.error["code"] == "UNAUTHORIZED"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_rules_that_need_a_caller_hold_for_nobody(api):
    created = api.post(f"{URL}/members", json={"name": "x"})
    assert created.status == 201 and created.body == b"" and created.headers["Location"]
    assert api.get(f"{URL}/members").data == []
    assert api.get(created.headers["Location"]).status == 404
    assert api.patch(created.headers["Location"], json={"name": "y"}).status == 401
    assert api.delete(created.headers["Location"]).status == 401


def test_rows_that_a_rule_hides_are_missing_for_every_method(api):
    hidden, shown = post(api), post(api, status="live")
    assert [row["status"] for row in api.get(f"{URL}/posts").data if row["status"] == "draft"] == []
    missing = api.get(f"{URL}/posts/{MISSING}")
    for method, options in [("GET", {}), ("PUT", {"json": {"title": "x"}}), ("PATCH", {"json": {"title": "x"}}), ("DELETE", {})]:
        for headers in ({}, {"If-Match": '"1"'}, {"If-Match": '"9"'}):
            answer = api.request(method, hidden, headers=headers, **options)
            assert answer.status == 404 and answer.body == missing.body
    assert api.get(shown).status == 200


def test_a_created_row_that_cannot_be_read_back_has_no_body(api):
    answer = api.post(f"{URL}/posts", json={"title": "t"})
    assert answer.status == 201 and answer.body == b"" and answer.headers["Location"].startswith(f"{URL}/posts/")


def test_a_create_rule_sees_what_was_submitted(api):
    assert api.post(f"{URL}/posts", json={"title": "t", "status": "locked"}).status == 401
    assert api.post(f"{URL}/posts", json={"title": "t", "status": "live"}).status == 201


def test_an_update_rule_sees_the_old_row_and_the_new_one(api):
    live = post(api, status="live")
    assert api.patch(live, json={"title": "new"}).status == 200
    assert api.patch(live, json={"status": "locked"}).status == 401  # the new row would not satisfy the rule
    assert api.get(live).data["status"] == "live"


def test_fields_bound_what_may_be_written(api):
    live = post(api, status="live", note="kept")
    answer = api.patch(live, json={"note": "x", "title": "y"})
    assert answer.status == 403 and answer.error["fields"] == {"note": "may not be written"}
    assert api.put(live, json={"title": "y", "status": "live"}).data["note"] == "kept"


def test_fields_bound_what_may_be_read_filtered_sorted_and_named_in_conflicts(api):
    row = api.post(f"{URL}/peeks", json={"name": "a", "inner": "b"}).data
    assert set(row) == {"id", "name"}
    for query in ("inner=b", "sort=inner", "fields=inner", "where=inner%3D%3D'b'"):
        assert api.get(f"{URL}/peeks?{query}").status == 400


def test_a_path_through_an_unreadable_row_is_null(api):
    hidden, shown = post(api, score=1).split("/")[-1], post(api, status="live", score=2).split("/")[-1]
    refused = api.post(f"{URL}/links", json={"post": hidden, "name": "to hidden"})
    assert refused.status == 400 and refused.body == api.post(f"{URL}/links", json={"post": MISSING, "name": "x"}).body
    link = api.post(f"{URL}/links", json={"post": shown, "name": "to shown"}).data
    assert api.get(f"{URL}/links?post.score=2").data == [link]
    assert api.patch(f"{URL}/posts/{shown}", json={"status": "live"}).status == 200


def test_a_row_that_becomes_hidden_is_null_where_it_is_expanded_and_no_oracle_in_filters(serve):
    app = APP.replace("update: {when: status == 'live', fields: [title, status]}", "update: true")
    api = serve(app).client
    target = post(api, status="live", score=7)
    link = api.post(f"{URL}/links", json={"post": target.split("/")[-1], "name": "x"}).data
    assert api.get(f"{URL}/links?expand=post").data[0]["post"]["score"] == 7
    gone = api.patch(target, json={"status": "draft"})
    assert gone.status == 204 and gone.body == b""
    assert api.get(f"{URL}/links/{link['id']}?expand=post").data["post"] is None
    for query in ("post.score=7", "where=post.score%3D%3D7"):
        assert api.get(f"{URL}/links?{query}").data == []
    assert len(api.get(f"{URL}/links", query={"where": "post.score == null"}).data) == 1
    assert len(api.get(f"{URL}/links?sort=-post.score").data) == 1
