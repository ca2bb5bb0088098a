# SPDX-License-Identifier: Apache-2.0
"""The four envelopes, both namings, decimals as numbers."""

import pytest

DATABASES = ("sqlite", "postgres")

APP = """
api: {envelope: ENVELOPE, naming: NAMING, decimals: DECIMALS, base: /v1}
resources:
  things:
    fields:
      full_name: text(3..9) required
      unit_price: decimal(6,2) unique
      owned_by: things
    access: {all: true}
"""


@pytest.fixture(scope="module", params=["data", "success", "full", "problem"])
def enveloped(request, serve_module):
    app = APP.replace("ENVELOPE", request.param).replace("NAMING", "snake").replace("DECIMALS", "text")
    client = serve_module(app.replace(", decimals: text", "")).client
    for name in ("abc", "abd", "abe"):
        client.post("/v1/things", json={"full_name": name})
    return request.param, client


def test_a_record(enveloped):
    kind, api = enveloped
    body = api.post("/v1/things", json={"full_name": "one"}).json
    row = {"data": body.get("data"), "success": body.get("data"), "full": body.get("data"), "problem": body}[kind]
    assert row["full_name"] == "one"
    if kind == "data":
        assert set(body) == {"data"}
    if kind == "success":
        assert body == {"success": True, "data": row}
    if kind == "full":
        assert set(body) == {"data", "meta", "error"} and set(body["meta"]) == {"timestamp"} and body["error"] is None
    api.delete(f"/v1/things/{row['id']}")


def test_a_list(enveloped):
    kind, api = enveloped
    answer = api.get("/v1/things?limit=2&page=1&sort=full_name")
    body = answer.json
    paging = {"page": 1, "limit": 2, "total": 3, "totalPages": 2}
    if kind == "data":
        assert {**paging, "nextCursor": body["pagination"]["nextCursor"]} == body["pagination"]
    if kind == "success":
        assert set(body) == {"success", "data", "meta"} and set(body["meta"]) == {"total", "page", "limit", "nextCursor"}
    if kind == "full":
        assert body["meta"]["pagination"]["totalPages"] == 2 and body["meta"]["timestamp"].endswith("Z")
    if kind == "problem":
        assert [row["full_name"] for row in body] == ["abc", "abd"]
        assert answer.headers["X-Total-Count"] == "3"
        links = {part.split('rel="')[1].rstrip('"'): part.split(">")[0].lstrip("< ") for part in answer.headers["Link"].split(",")}
        assert set(links) == {"first", "next", "last"}
        assert [row["full_name"] for row in api.get(links["next"]).json] == ["abe"]
        assert links["last"] == links["next"]


def test_an_error(enveloped):
    kind, api = enveloped
    answer = api.post("/v1/things", json={"full_name": "x"})
    body = answer.json
    words = "must be at least 3 characters"
    assert answer.status == 400
    if kind == "data":
        assert body == {"error": {"code": "VALIDATION_ERROR", "message": "the request is not valid", "fields": {"full_name": words}}}
    if kind == "success":
        assert body == {"success": False, "error": "the request is not valid", "code": "VALIDATION_ERROR", "details": [{"field": "full_name", "message": words}]}
    if kind == "full":
        assert body["data"] is None and body["error"] == {
            "code": "VALIDATION_ERROR",
            "message": "the request is not valid",
            "details": [{"field": "full_name", "message": words}],
        }
    if kind == "problem":
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert body["status"] == 400 and body["code"] == "VALIDATION_ERROR" and body["type"] == "about:blank"
        assert body["errors"] == [{"pointer": "#/full_name", "detail": words}]


def test_errors_of_the_server_itself_wear_the_envelope_too(enveloped):
    kind, api = enveloped
    for method, path, status, code in [("GET", "/nope", 404, "NOT_FOUND"), ("PUT", "/v1/things", 405, "METHOD_NOT_ALLOWED")]:
        answer = api.request(method, path)
        assert answer.status == status and code in answer.text


def test_camel_names_hold_everywhere(serve):
    app = APP.replace("ENVELOPE", "data").replace("NAMING", "camel").replace("DECIMALS", "number")
    api = serve(app).client
    row = api.post("/v1/things", json={"fullName": "abc", "unitPrice": 1.5}).data
    assert set(row) == {"id", "fullName", "unitPrice", "ownedBy", "createdAt", "updatedAt", "version"}
    assert row["unitPrice"] == 1.5 and '"unitPrice":1.50' in api.get("/v1/things").text
    child = api.post("/v1/things", json={"fullName": "abd", "ownedBy": row["id"]}).data
    assert api.get("/v1/things?ownedBy.fullName=abc&sort=-createdAt&fields=fullName").data == [{"fullName": "abd"}]
    assert api.get("/v1/things", query={"where": "unitPrice > 1 && fullName == 'abc'"}).data[0]["id"] == row["id"]
    assert api.get(f"/v1/things/{child['id']}?expand=ownedBy").data["ownedBy"]["fullName"] == "abc"
    assert api.post("/v1/things", json={"full_name": "abc"}).error["fields"] == {"full_name": "is not a field here", "fullName": "is required"}
    assert api.post("/v1/things", json={"fullName": "abc", "unitPrice": "1.50"}).error["fields"] == {"unitPrice": "is already taken"}


def test_decimals_in_a_list_are_numbers_too_where_decimals_are(serve):
    app = APP.replace("ENVELOPE", "data").replace("NAMING", "snake").replace("DECIMALS", "number")
    client = serve(app.replace("      owned_by", "      sums: list(decimal(6,2))\n      owned_by")).client
    created = client.post("/v1/things", json={"full_name": "abc", "sums": ["1", -2.5, "0"]})
    assert created.status == 201 and '"sums":[1.00,-2.50,0.00]' in created.text
    assert '"sums":[1.00,-2.50,0.00]' in client.get("/v1/things").text
