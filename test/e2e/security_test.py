# SPDX-License-Identifier: Apache-2.0
"""The security checklist (OWASP API Security Top 10, ASVS 5), as far as it applies without identities.

Each docstring begins with the number of its line. What needs many inputs is elsewhere: bombs, slow clients, patterns, logs,
metrics and the protocol itself are promises (test/promises p13 to p25)."""

import json

import pytest

from server import run_tenon

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
APP = """
cors: {origins: ["https://app.example.org"], credentials: true}
api: {page: {max: 50}}
resources:
  teams:
    id: int
    fields: {name: text required, budget: int hidden}
    access: {all: true}
  people:
    id: int
    fields:
      name: text(1..80) required unique
      pin: text hidden unique
      salary: int
      level: int readonly = 1
      score: float
      big: int
      data: json
      team: teams
    access:
      read: {when: true, fields: [name, level, score, big, data, team]}
      create: true
      update: true
      delete: true
"""
ANN = {"name": "ann", "pin": "4711", "salary": 9000, "team": 1}


@pytest.fixture(scope="module")
def api(serve_module):
    server = serve_module(APP)
    server.client.post(f"{URL}/teams", {"name": "red", "budget": 5})
    assert server.client.post(f"{URL}/people", ANN).status == 201
    server.client.server = server
    return server.client


SECRET_QUERIES = [
    "pin=4711", "pin[like]=4*", "pin[gt]=0", "salary[gte]=1", "sort=pin", "sort=-salary", "fields=pin", "fields=name,salary", "where=pin%3D%3D'4711'",
    "where=salary%20%3E%201", "where=team.budget%20%3E%201", "team.budget=5", "sort=team.budget", "fields=team.budget", "expand=pin", "search=4711", "pin[null]=true",
]  # fmt: skip


@pytest.mark.parametrize("query", SECRET_QUERIES)
def test_what_may_not_be_read_cannot_be_asked_about(api, query):
    """4. Neither a filter nor a sort, a path, a choice of fields or a search tells anything of a hidden or unreadable field."""
    answer = api.get(f"{URL}/people?{query}")
    assert answer.status == 400 and "4711" not in answer.text and "9000" not in answer.text, answer
    unknown = api.get(f"{URL}/people?{query.replace('pin', 'nil').replace('salary', 'solary').replace('budget', 'badget')}")
    assert unknown.status == 400, "a hidden field is refused like one that is not there"


def test_a_conflict_on_a_hidden_field_does_not_name_it(api):
    """4. That a value is taken is told, but not of which field."""
    answer = api.post(f"{URL}/people", {"name": "bob", "pin": "4711"})
    assert answer.status == 409 and "pin" not in answer.text and "4711" not in answer.text


@pytest.mark.parametrize("body", [{"level": 9}, {"id": 7}, {"version": 9}, {"created_at": "2020-01-01T00:00:00Z"}, {"owner_id": 1}, {"__proto__": {}}])
def test_what_the_server_sets_cannot_be_sent(api, body):
    """5. Mass assignment is refused, on create and on change, and nothing of it is stored."""
    assert api.post(f"{URL}/people", {"name": "mallory", **body}).status == 400
    before = api.get(f"{URL}/people/1").data
    answer = api.patch(f"{URL}/people/1", body)
    assert answer.status == 400 or body == {"id": before["id"]}
    assert api.get(f"{URL}/people/1").data == before
    assert api.get(f"{URL}/people?name=mallory").data == []


def test_an_answer_shows_declared_readable_fields_only(api):
    """6. Also behind a create, a change, an expansion, a batch."""
    shown = {"id", "name", "level", "score", "big", "data", "team"}
    created = api.post(f"{URL}/people", {"name": "carl", "pin": "1", "salary": 1}).data
    batch = api.post(f"{URL}/batch", {"operations": [{"method": "PATCH", "path": f"/people/{created['id']}", "body": {"salary": 2}}]})
    for row in (created, api.get(f"{URL}/people/1").data, api.get(f"{URL}/people").data[0], batch.data[0]["data"]):
        assert set(row) == shown
    assert "budget" not in api.get(f"{URL}/people/1?expand=team").data["team"]


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_cannot_be_overridden(api, header):
    """8. Neither by a header nor by a parameter; HEAD obeys what GET obeys."""
    assert api.get(f"{URL}/people/1", headers={header: "DELETE"}).status == 200
    assert api.post(f"{URL}/teams?_method=DELETE", {"name": "x"}).status == 400
    assert api.get(f"{URL}/people/1").status == 200
    assert api.head(f"{URL}/people?pin=1").status == 400


SMUGGLED = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"Content-Length: 2\r\ncontent-length: 02\r\n\r\n{}", b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", b"X: y\rTransfer-Encoding: chunked\r\n\r\n", b"X: y\nContent-Length: 2\r\n\r\n{}", b"Content-Length : 2\r\n\r\n{}",
    b"Content-Length: 0x2\r\n\r\n{}", b"Content-Length: 2 3\r\n\r\n{}", b"Content-Length: 99999999999999999999\r\n\r\n", b"X\x00: y\r\n\r\n", b" X: y\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n", b"Transfer-Encoding: chunked\r\n\r\n2;\n\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
]  # fmt: skip


@pytest.mark.parametrize("rest", SMUGGLED)
def test_a_request_of_two_readings_is_refused_and_closes(api, rest):
    """36. What another server might read as two requests is 400, and the connection ends."""
    head = b"POST /api/v1/people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with api.server.raw(head + rest + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        received = connection.rest()
    assert received.startswith(b"HTTP/1.1 400 ") and received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "json", "application/json; charset=latin-1"])
def test_a_body_of_another_type_is_415(api, kind):
    """37. And every answer says its own type exactly, and that it is not to be guessed at."""
    answer = api.request("POST", f"{URL}/people", body='{"name": "typed"}', headers={"Content-Type": kind} if kind else {})
    assert answer.status == 415, answer
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\x00b", b"\\ud800", b"\\udc00x", b"\\u0000"])
def test_text_that_is_none_is_refused(api, text):
    """38. Invalid UTF-8, NUL, overlong forms, lone surrogates; in a body and in a query."""
    answer = api.request("POST", f"{URL}/people", body=b'{"name": "' + text + b'"}', headers={"Content-Type": "application/json"})
    assert answer.status == 400, answer
    escaped = "".join(f"%{byte:02x}" for byte in text)
    if not text.startswith(b"\\"):
        assert api.get(f"{URL}/people?name={escaped}").status == 400


DOUBLED = ['{"name": "a", "name": "b"}', '{"name": "a", "data": {"k": 1, "k": 2}}', '{"name": "a", "data": [{"x": {"k": 1, "k": 1}}]}', '{"name": "a", "\\u006eame": "b"}']


@pytest.mark.parametrize("body", DOUBLED)
def test_a_key_that_stands_twice_is_refused(api, body):
    """39. At every depth, and however it is spelt."""
    assert api.request("POST", f"{URL}/people", body=body, headers={"Content-Type": "application/json"}).status == 400


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775808", "0", "-1"])
def test_whole_numbers_of_64_bits_are_exact(api, number):
    """39. And what is beyond them is refused."""
    body = '{"name": "big %s", "big": %s}' % (number, number)
    answer = api.request("POST", f"{URL}/people", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 201 and f'"big":{number}' in answer.text
    beyond = body.replace("big ", "beyond ").replace(f": {number}}}", ": 9223372036854775808}")
    assert api.request("POST", f"{URL}/people", body=beyond, headers={"Content-Type": "application/json"}).status == 400


@pytest.mark.parametrize("number", ["5e-324", "1.7976931348623157e308", "0.1", "1e23", "123456789.12345678"])
def test_floats_come_back_as_they_were(api, number):
    """39. The shortest text that reads as the same number."""
    answer = api.request("POST", f"{URL}/people", body='{"name": "f %s", "score": %s}' % (number, number), headers={"Content-Type": "application/json"})
    assert answer.status == 201 and answer.data["score"] == float(number)
    assert api.request("POST", f"{URL}/people", body='{"name": "inf", "score": 1e999}', headers={"Content-Type": "application/json"}).status == 400


@pytest.mark.parametrize("value", [{"$gt": 0}, {"$ne": None}, ["x"], True, {"like": "*"}, [[1]], 1.5])
def test_another_type_is_not_a_way_in(api, value):
    """39. An object or a list where a text or a number belongs is 400; in a query it is a text, and matches nothing."""
    assert api.post(f"{URL}/people", {"name": value}).status == 400
    assert api.post(f"{URL}/people", {"name": "typed", "team": value}).status == 400
    assert api.get(f"{URL}/people", query={"name": json.dumps(value)}).data == []
    assert api.get(f"{URL}/people/" + json.dumps(value).replace(" ", "%20").replace('"', "%22").replace("{", "%7B").replace("}", "%7D")).status == 404


@pytest.mark.parametrize("query", ["name=a&name=b", "limit=1&limit=2", "sort=name&sort=age", "where=1&where=2", "name=a&n%61me=b"])
def test_a_parameter_that_stands_twice_is_refused(api, query):
    """40."""
    assert api.get(f"{URL}/people?{query}").status == 400


PATHS = [
    "/api/v1//people/1", "//api/v1/people/1", "/api/v1/people/1/", "/api/v1/people//1", "/api/v1/./people/1", "/api/v1/x/../people/1", "/api/v1/%2e%2e/v1/people/1",
    "/api/v1/people%2f1", "/api/v1/people/1;x=y", "/api/v1/people/1%00", "/api/v1\\people\\1", "/api/v1/people/%31%2f", "/API/V1/people/1", "/api/v1/people/..%5c1",
    "/metrics", "/api/v1/_tenon_secret", "/api/v1/sqlite_master", "/api/v1/people/../../../../etc/passwd", "/.git/config", "/app.yaml", "/data/app.db",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_what_it_says_or_nothing(api, path):
    """41. No spelling of a path reaches another route, a file or a table of the engine."""
    with api.server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as connection:
        assert connection.answer().status in (400, 404)


@pytest.mark.parametrize("text", ["a%0d%0aSet-Cookie:%20x=1", "a\r\nSet-Cookie: x=1", "a%0d%0a%0d%0a<script>"])
def test_nothing_that_is_reflected_splits_an_answer(api, text):
    """42. Not in a header of the answer, not in an error's text."""
    for answer in (
        api.get(f"{URL}/people?nope={text if '%' in text else 'x'}"),
        api.post(f"{URL}/people", {"name": f"{text} {len(text)}"}),
        api.get("/health", headers={"X-Request-Id": text.replace("\r", "%0d").replace("\n", "%0a")}),
        api.options(f"{URL}/people", headers={"Origin": "https://x", "Access-Control-Request-Method": "GET"}),
    ):
        assert "Set-Cookie" not in answer.headers
        assert "\n" not in answer.headers.get("X-Request-Id", "") and "\r" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("text", ["%s%n%x%p", "%25s%25n", "%%%", "${7*7}", "{{7*7}}", "$(id)", "`id`", "'; DROP TABLE people; --", "\" OR 1=1 --", "1) UNION SELECT 1--", "\\"])
def test_text_is_text_everywhere(api, text):
    """45, 35. Formats, templates, shells and SQL have no effect, wherever they stand."""
    body = {"name": f"t {text}", "data": {text: text}}
    row = api.post(f"{URL}/people", body).data
    assert row["name"] == body["name"] and row["data"] == body["data"]
    assert [found["id"] for found in api.get(f"{URL}/people", query={"name": body["name"]}).data] == [row["id"]]
    for query in ({"sort": text}, {"fields": text}, {text: "x"}, {"where": text}, {"expand": text}, {"after": text}, {"limit": text}):
        assert api.get(f"{URL}/people", query=query).status == 400, query
    assert api.get(f"{URL}/people/1", headers={"If-None-Match": text, "Accept": text + ", */*", "Accept-Encoding": text}).status in (200, 400)
    assert api.get(f"{URL}/people/1").data["name"] == "ann"


def test_limits_hold(api):
    """46. Of a page, and of what a request may be (test/promises/p17 has the rest)."""
    for number in range(60):
        api.post(f"{URL}/teams", {"name": f"team {number}"})
    assert len(api.get(f"{URL}/teams?limit=1000000000").data) == 50
    assert api.get(f"{URL}/teams?limit=0").status == 400 and api.get(f"{URL}/teams?limit=-1").status == 400
    assert api.get("/" + "a" * 20_000).status == 414
    assert api.post(f"{URL}/people", {"name": "x", "data": "y" * (1 << 20)}).status == 413


def test_a_slow_header_is_cut(serve):
    """51. (test/promises/p15 has three thousand of them)"""
    server = serve("timeouts: {header: 300ms}\n" + APP)
    with server.raw(b"GET / HTTP/1.1\r\nHost") as connection:
        assert connection.is_closed()


def test_errors_tell_nothing_of_the_inside(api):
    """56. No SQL, no path, no version, no stack; TRACE is not allowed; no Server header."""
    for answer in (
        api.get("/nothing"), api.request("TRACE", "/health"), api.get(f"{URL}/people/99999999999999999999"), api.get(f"{URL}/people?where=((("),
        api.request("POST", f"{URL}/people", body="{", headers={"Content-Type": "application/json"}), api.post(f"{URL}/people", {"name": "ann"}),
        api.post(f"{URL}/people", {"name": "x", "team": 99}), api.delete(f"{URL}/teams/1"),
    ):  # fmt: skip
        assert 400 <= answer.status < 500
        assert not [word for word in ("SELECT", "INSERT", "sqlite", "UNIQUE", "FOREIGN KEY", "/work", "/tmp", ".c:", "tenon") if word in answer.text], answer
        assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
    assert api.request("TRACE", "/health").status == 405


@pytest.mark.parametrize("origin, allowed", [("https://app.example.org", True), ("https://evil.org", False), ("null", False), ("https://app.example.org.evil.org", False),
                                             ("http://app.example.org", False), ("https://app.example.org:8443", False), ("https://APP.example.org", False), ("*", False)])  # fmt: skip
def test_only_listed_origins_may_call(api, origin, allowed):
    """57. Exactly those; an answer never allows all of them together with credentials, and varies by the origin."""
    answer = api.get(f"{URL}/people/1", headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert answer.headers.get("Access-Control-Allow-Credentials") == ("true" if allowed else None)
    assert "Origin" in answer.headers["Vary"]


def test_credentials_for_all_origins_are_refused_by_the_check(tmp_path):
    """57."""
    (tmp_path / "app.yaml").write_text('cors: {origins: ["*"], credentials: true}\nresources: {}\n')
    checked = run_tenon("check", "app.yaml", directory=tmp_path)
    assert checked.returncode == 1 and "credentials" in checked.stderr + checked.stdout


def test_the_headers_that_browsers_obey_are_there(api):
    """57."""
    headers = api.get(f"{URL}/people/1").headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_nothing_is_open_that_was_not_opened(serve):
    """58, 7. A resource without access rules answers nobody, metrics are not public, and no secret stands in a command line."""
    server = serve("resources: {closed: {fields: {name: text}}}\n")
    assert server.client.get(f"{URL}/closed").status == 401
    assert server.client.post(f"{URL}/closed", {"name": "x"}).status == 401
    assert server.client.get("/metrics").status == 404
    assert b"secret" not in open(f"/proc/{server.pid}/cmdline", "rb").read()


def test_what_is_served_is_what_is_listed(api):
    """59. `tenon routes` and the Allow of each path say the same."""
    listed = json.loads(run_tenon("routes", "--json", "app.yaml", directory=api.server.directory).stdout)
    methods = {}
    for row in listed:
        methods.setdefault(row["path"], set()).add(row["method"])
    assert methods[f"{URL}/people/:id"] == {"GET", "PUT", "PATCH", "DELETE"}
    for path, expected in methods.items():
        allowed = set(api.options(path.replace(":id", "1")).headers["Allow"].split(", "))
        assert allowed - {"HEAD", "OPTIONS"} == expected, path
