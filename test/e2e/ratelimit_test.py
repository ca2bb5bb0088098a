# SPDX-License-Identifier: Apache-2.0
"""Limits: nobody takes more than their share, however many ask, by whatever spelling, from wherever they say they come."""

import socket
import signal
import struct
import time

import pytest

import oauth
from crowd import Crowd, request
from server import SCALE, run_tenon

DATABASES = ("sqlite", "postgres")

NOTES = "resources: {notes: {id: int, fields: {title: text(1..80)}, access: {all: {when: true}}}}\n"
PEOPLE = """
auth: {password: {memory: 64KiB, iterations: 1}}
roles: {user: ["notes:*"], admin: ["*"]}
resources:
  users:
    fields:
      email: email required unique
      team: text(1..20)
      role: enum(user, admin) = user
      password: password required
    access: {read: id == auth.id, create: true, write: false}
  notes:
    id: int
    fields: {title: text(1..80)}
    access: {all: {when: true}}
"""
FREE = '  - {for: "POST /auth/*", rate: 1000000/s}\n'
PASSWORD = "correct horse battery"


def app(*limits, rest=NOTES, more=""):
    return more + rest + "limits:\n" + "".join(f"  - {{{limit}}}\n" for limit in limits)


def statuses(api, count, method="GET", path="/api/v1/notes", **options):
    return [api.request(method, path, **options).status for _ in range(count)]


def sign_up(server, name, **values):
    answer = server.client.post("/auth/register", json={"email": f"{name}@example.org", "password": PASSWORD, **values})
    assert answer.status == 201, answer
    return server.new_client(headers={"Authorization": "Bearer " + answer.data["access_token"]})


def make_key(server, *options):
    done = run_tenon("key", "create", "--name", "k", *options, "app.yaml", directory=server.directory)
    assert done.returncode == 0, done.stderr
    return server.new_client(headers={"X-API-Key": done.stdout.strip()})


# Exact, however many ask


def most_within(spans, seconds):
    """The most requests that lie wholly within one stretch of time: what the server allowed there, it allowed at least."""
    most = 0
    for began, _ in spans:
        most = max(most, sum(1 for sent, received in spans if sent >= began and received <= began + seconds))
    return most


ALGORITHMS = [
    ("rate: 100/s, burst: 50", lambda spans, s: 50 + 100 * s + 1, None),
    ("algorithm: fixed_window, rate: 100/s", lambda spans, s: 100 * (int(s) + 1), 200),
    ("algorithm: sliding_window, rate: 100/s", lambda spans, s: 100 * (int(s) + 1), 100),
]


@pytest.mark.parametrize("limit, bound, in_a_second", ALGORITHMS, ids=["token_bucket", "fixed_window", "sliding_window"])
def test_sixty_four_clients_never_pass_a_limit(serve, size, limit, bound, in_a_second):
    server, spans, refused = serve(app(f'for: "*", {limit}', more="cores: 2\n")), [], 0
    end = time.monotonic() + size(2, 10)

    def asker():
        nonlocal refused
        while (sent := time.monotonic()) < end:
            reply = yield request("GET", "/api/v1/notes")
            if reply.status == 200:
                spans.append((sent, time.monotonic()))
            else:
                refused += 1
                assert reply.status == 429 and int(reply.header("Retry-After")) >= 1, reply

    assert Crowd(server, [asker() for _ in range(64)]).run(60 * SCALE)
    took = max(received for _, received in spans) - min(sent for sent, _ in spans)
    assert refused > 100
    assert 100 <= len(spans) <= bound(spans, took)
    assert in_a_second is None or most_within(spans, 1.0) <= in_a_second
    figures = server.metrics()
    assert figures['tenon_limit_refused_total{limit="*"}'] == refused
    assert figures["tenon_limit_keys"] == 1


# Concurrency: what is held


def hold(server, path="/api/v1/notes"):
    """A request whose body does not come: it is at work until it does."""
    return server.raw(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n")


def hold_all(server, count):
    """Nobody asks before all of them have come: whoever asks takes a place, too."""
    held = [hold(server) for _ in range(count)]
    time.sleep(0.5 * SCALE)
    return held


def wait_until(api, is_there):
    """Posts until an answer is what it is waited for."""
    end = time.monotonic() + 5 * SCALE
    while not is_there(answer := api.post("/api/v1/notes", json={"title": "a"})):
        assert time.monotonic() < end, answer
        time.sleep(0.01)
    return answer


def wait_until_held(api):
    wait_until(api, lambda answer: answer.status == 429)


def wait_until_free(api, count=1):
    """So many places, of which the one that asks takes one."""
    wait_until(api, lambda answer: answer.status == 201 and f'r={count - 1}' in answer.headers["RateLimit"])


def test_what_is_held_is_given_back_however_a_request_ends(serve):
    server = serve(app('for: "POST /api/v1/notes", algorithm: concurrency, max: 3, name: writing', more="cores: 2\n"))
    api = server.client
    held = hold_all(server, 3)
    wait_until_held(api)
    assert api.get("/api/v1/notes").status == 200  # another method
    assert held[0].send('{"title":"x"}').answer().status == 201  # its end
    wait_until_free(api)
    held[1].finish()  # half of it, and no more
    wait_until_free(api, 2)
    held[2].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held[2].close()  # the client is gone
    wait_until_free(api, 3)
    assert statuses(api, 4, "POST", json={"nope": 1}) == [400] * 4  # an error gives back, too
    with server.raw("POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2097152\r\n\r\n") as connection:
        assert connection.answer().status == 413
    answer = api.post("/api/v1/notes", json={"title": "a"})
    assert answer.headers["RateLimit-Policy"] == '"writing";q=3;qu="concurrent-requests"'
    assert answer.headers["RateLimit"] == '"writing";r=2'


def test_what_is_held_too_long_is_given_back(serve):
    server = serve(app('for: "POST /api/v1/notes", algorithm: concurrency, max: 1', more="timeouts: {body: 3s}\n"))
    with hold_all(server, 1)[0] as connection:
        wait_until_held(server.client)
        assert connection.is_closed()
    wait_until_free(server.client)


# What the answer says


def test_headers_say_what_remains_of_each_limit_that_holds(serve):
    """47. RateLimit-Policy, RateLimit, and Retry-After with a 429."""
    limits = ('for: "*", rate: 600/m, burst: 10', 'for: "GET /api/v1/notes", algorithm: fixed_window, rate: 3/h, name: listing')
    api = serve(app(*limits)).client
    for left in (2, 1, 0):
        answer = api.get("/api/v1/notes")
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"*";q=10;w=1, "listing";q=3;w=3600'
        assert answer.headers["RateLimit"].endswith(f'"listing";r={left};t=3600')
    answer = api.get("/api/v1/notes")
    assert answer.status == 429 and answer.headers["Retry-After"] == "3600"
    assert answer.error["code"] == "RATE_LIMITED" and answer.error["message"] == 'the limit "listing" is reached'
    assert answer.headers["RateLimit"].startswith('"*";r=') and '"listing";r=0' in answer.headers["RateLimit"]
    answer = api.get("/api/v1/notes/7")
    assert answer.status == 404 and answer.headers["RateLimit-Policy"] == '"*";q=10;w=1'
    assert "RateLimit" not in api.get("/health").headers


def test_an_app_without_limits_says_nothing_of_them(serve):
    server = serve(NOTES)
    assert "RateLimit" not in server.client.get("/api/v1/notes").headers
    assert server.metrics()["tenon_limit_keys"] == 0


def test_costs_are_by_method_and_nought_is_not_counted(serve):
    api = serve(app('for: "*", algorithm: fixed_window, rate: 10/h, cost: {GET: 0, POST: 4}')).client
    assert statuses(api, 20) == [200] * 20
    assert statuses(api, 3, "POST", json={"title": "a"}) == [201, 201, 429]
    assert statuses(api, 3, "DELETE", "/api/v1/notes/99") == [404, 404, 429]


# What stands for several requests


def batch(*operations):
    return {"operations": [{"method": method, "path": path, **({"body": body} if body else {})} for method, path, body in operations]}


def test_each_operation_of_a_batch_takes_its_share_or_none_is_run(serve):
    """47. A batch is as many requests as it holds."""
    api = serve(app('for: "POST /api/v1/notes", algorithm: fixed_window, rate: 5/h, name: writing')).client
    create = ("POST", "/notes", {"title": "a"})
    answer = api.post("/api/v1/batch", json=batch(create, create, create))
    assert answer.status == 200 and '"writing";r=2' in answer.headers["RateLimit"]
    answer = api.post("/api/v1/batch", json=batch(create, create, create))
    assert answer.status == 429 and '"writing";r=2' in answer.headers["RateLimit"]
    assert api.get("/api/v1/notes").json["pagination"]["total"] == 3
    assert api.post("/api/v1/batch", json=batch(("DELETE", "/notes/1", None))).status == 200  # another method
    answer = api.post("/api/v1/batch", json=batch(*[create] * 6))
    assert answer.status == 429 and "Retry-After" not in answer.headers and "ask for less" in answer.error["hint"]
    assert statuses(api, 3, "POST", json={"title": "a"}) == [201, 201, 429]


def test_the_batch_itself_counts_where_a_limit_holds_for_both(serve):
    api = serve(app('for: "*", algorithm: fixed_window, rate: 3/h', 'for: "POST /api/v1/batch", algorithm: fixed_window, rate: 9/h, name: batch')).client
    create = ("POST", "/notes", {"title": "a"})
    answer = api.post("/api/v1/batch", json=batch(create, create))
    assert answer.status == 200 and '"*";r=1' in answer.headers["RateLimit"] and '"batch";r=8' in answer.headers["RateLimit"]
    answer = api.post("/api/v1/batch", json=batch(create, create))
    assert answer.status == 429 and '"*";r=0' in answer.headers["RateLimit"]


def test_an_array_counts_as_its_rows(serve):
    api = serve(app('for: "POST /api/v1/notes", algorithm: fixed_window, rate: 5/h, name: writing')).client
    assert api.post("/api/v1/notes", json=[{"title": "a"}] * 3).status == 201
    assert api.post("/api/v1/notes", json=[{"title": "a"}] * 3).status == 429
    assert api.get("/api/v1/notes").json["pagination"]["total"] == 3


def test_a_batch_holds_a_place_once(serve):
    api = serve(app('for: "POST *", algorithm: concurrency, max: 1')).client
    create = ("POST", "/notes", {"title": "a"})
    for _ in range(3):
        assert api.post("/api/v1/batch", json=batch(create, create)).status == 200


# No way of writing a request leads past


DODGES = [
    ("GET", "/api/v1/notes?x=1"),
    ("GET", "/api/v1/notes?limit=1"),
    ("GET", "/api/v1/%6Eotes"),
    ("GET", "/%61pi/v1/note%73"),
    ("HEAD", "/api/v1/notes"),
]
NOT_THERE = ["/api/v1/notes/", "/API/v1/notes", "/api/v1/Notes", "//api/v1/notes", "/api/v1/./notes", "/api/v1/x/../notes", "/api/v1/notes;x", "/api/v1/notes%2F"]


def test_no_spelling_of_a_path_leads_past_a_limit(serve):
    """47. Path case, a trailing slash, escapes, dots."""
    api = serve(app('for: "GET /api/v1/notes", algorithm: fixed_window, rate: 2/h')).client
    assert statuses(api, 2) == [200, 200]
    for method, path in DODGES:
        assert api.request(method, path).status == 429, path
    for path in NOT_THERE:  # whoever finds no route finds no handler
        assert api.get(path).status in (400, 404), path


def test_what_finds_no_route_counts_where_everything_is_limited(serve):
    api = serve(app('for: "*", algorithm: fixed_window, rate: 8/h')).client
    assert statuses(api, 8, path="/api/v1/nothing") == [404] * 8
    assert api.get("/api/v1/notes").status == 429
    assert api.get("/api/v1/nothing").status == 429
    assert api.request("PATCH", "/api/v1/notes").status == 429
    assert api.get("/health").status == 200


LIES = [
    {"X-Forwarded-For": "192.0.2.1"},
    {"Forwarded": "for=192.0.2.2"},
    {"X-Real-IP": "192.0.2.3"},
    {"X-Client-IP": "192.0.2.4"},
    {"True-Client-IP": "192.0.2.5"},
    {"X-Forwarded-Host": "elsewhere", "X-Original-URL": "/health", "X-HTTP-Method-Override": "POST"},
]


def test_a_stranger_cannot_say_that_they_are_somebody_else(serve):
    """47. X-Forwarded-For and its like, without a proxy that is declared."""
    server = serve(app('for: "*", algorithm: fixed_window, rate: 2/h'))
    assert statuses(server.client, 2) == [200, 200]
    for headers in LIES:
        assert server.client.get("/api/v1/notes", headers=headers).status == 429, headers
    warning = server.wait_log(level="warn", remote="127.0.0.1")
    assert "no proxy is trusted" in warning["message"] and "http.proxies" in warning["hint"]
    assert len(server.logs(level="warn", remote="127.0.0.1")) == 1
    assert {record["remote"] for record in server.logs(message="request")} == {"127.0.0.1"}


def test_behind_a_proxy_each_client_has_its_own_share(serve):
    server = serve(app('for: "*", algorithm: fixed_window, rate: 2/h', more="http: {proxies: [127.0.0.1, 10.0.0.0/8]}\n"))
    api = server.client

    def ask(value, name="X-Forwarded-For"):
        return api.get("/api/v1/notes", headers={name: value}).status

    assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert ask("198.51.100.9, 192.0.2.1") == 429  # what the client wrote itself is not heeded
    assert ask("192.0.2.1, 10.1.1.1") == 429  # a second proxy
    assert ask("for=192.0.2.1", "Forwarded") == 429
    assert ask('for="[2001:db8:1:2::1]:80"', "Forwarded") == 200
    assert ask("2001:db8:1:2:ffff::1") == 200  # the same customer: its first 64 bits
    assert ask("2001:db8:1:2::9") == 429
    assert ask("2001:db8:1:3::9") == 200
    assert [ask("nobody") for _ in range(3)] == [200, 200, 429]  # the proxy's own
    assert server.wait_log(route="/api/v1/notes")["remote"] == "192.0.2.1"


# Whose share


def test_by_user_each_account_has_its_own_and_nobody_that_of_the_address(serve):
    """47. Per principal."""
    server = serve(app('for: "GET /api/v1/notes", algorithm: fixed_window, rate: 2/h, by: user', rest=PEOPLE) + FREE)
    ada, bob = sign_up(server, "ada"), sign_up(server, "bob")
    assert statuses(ada, 3) == [200, 200, 429]
    assert statuses(bob, 2) == [200, 200]
    again = server.client.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD}).data["access_token"]
    assert server.client.get("/api/v1/notes", headers={"Authorization": f"Bearer {again}"}).status == 429  # another sign-in
    assert statuses(server.client, 1) == [200]
    assert statuses(server.client, 1, headers={"Authorization": "Bearer x"}) == [401]  # shown, and not good: nobody
    assert statuses(server.client, 1) == [429]
    assert statuses(server.client, 1, headers={"Authorization": "Bearer x"}) == [429]


def test_by_key_each_key_has_its_own(serve):
    server = serve(app('for: "GET /api/v1/notes", algorithm: fixed_window, rate: 2/h, by: key', rest=PEOPLE) + FREE)
    first, second = make_key(server, "--scopes", "notes:*"), make_key(server, "--scopes", "notes:*")
    ada = sign_up(server, "ada")
    for caller in (first, second, ada, server.client):
        assert statuses(caller, 3) == [200, 200, 429]


def test_by_an_expression_those_of_one_value_share(serve):
    server = serve(app('for: "GET /api/v1/notes", algorithm: fixed_window, rate: 2/h, by: auth.team', rest=PEOPLE) + FREE)
    ada, bob = sign_up(server, "ada", team="red"), sign_up(server, "bob", team="red")
    cy, dee = sign_up(server, "cy", team="blue"), sign_up(server, "dee")
    assert [ada.get("/api/v1/notes").status, bob.get("/api/v1/notes").status] == [200, 200]
    assert [ada.get("/api/v1/notes").status, bob.get("/api/v1/notes").status] == [429, 429]
    assert statuses(cy, 3) == [200, 200, 429]
    assert [dee.get("/api/v1/notes").status, server.client.get("/api/v1/notes").status] == [200, 200]  # no team: the address
    assert dee.get("/api/v1/notes").status == 429


def test_a_limit_by_address_is_asked_before_anybody_is_looked_up(serve):
    server = serve(app('for: "GET /api/v1/notes", algorithm: fixed_window, rate: 1/h', rest=PEOPLE) + FREE)
    ada = sign_up(server, "ada")
    assert statuses(ada, 1) == [200]
    before = server.metrics()["tenon_db_queries_total"]
    assert statuses(server.client, 20, headers={"X-API-Key": "tn_x_y"}) == [429] * 20
    assert server.metrics()["tenon_db_queries_total"] == before


def test_signing_in_is_limited_where_nothing_is_said_of_it(serve):
    server = serve(app('for: "GET *", rate: 1000000/s', rest=PEOPLE, more="cores: 2\n"))
    answers = [server.client.post("/auth/login", json={"email": f"p{i}@example.org", "password": "x"}) for i in range(62)]
    assert [answer.status for answer in answers].count(429) >= 2
    assert 'RateLimit-Policy' in answers[0].headers and '"default auth";q=60;w=60' in answers[0].headers["RateLimit-Policy"]
    assert server.client.get("/auth/me").status == 401


@pytest.mark.parametrize("base, limit", [("/", "POST /authors"), ("/", "/authors/:id"), ("/authentic", "/authentic/*")], ids=["resource", "row", "base"])
def test_a_limit_of_what_only_begins_like_auth_leaves_sign_ins_limited(serve, base, limit):
    authors = "\n  authors:\n    fields: {name: text(1..80)}\n    access: {all: {when: true}}\n"
    server = serve(app(f'for: "{limit}", rate: 1000000/s', rest=PEOPLE.rstrip() + authors, more=f"api: {{base: {base}}}\n"))
    answer = server.client.post("/auth/login", json={"email": "p@example.org", "password": "x"})
    assert answer.headers["RateLimit-Policy"] == '"default auth";q=60;w=60'


def test_clients_of_oauth_are_limited_where_nothing_is_said_of_them(serve):
    clients = "auth: {secret: %s, issuer: 'http://127.0.0.1'}\nroles: {reader: ['notes:read']}\noauth: {clients: [{id: robot, name: Robot, secret: %s, grants: [client_credentials], scopes: ['notes:read'], role: reader}]}\n"
    server = serve(app('for: "GET *", rate: 1000000/s', more="cores: 2\n" + clients % ("s" * 40, "c" * 40)))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = [server.client.post("/oauth/token", body=b"grant_type=client_credentials&client_id=robot", headers=form) for _ in range(602)]
    assert [answer.status for answer in answers] == [401] * 600 + [429] * 2
    assert '"default oauth";q=600;w=60' in answers[0].headers["RateLimit-Policy"]


def test_an_entry_for_one_route_of_signing_in_leaves_the_others_limited(serve):
    """Whoever bounds guessing more strictly does not open the way to filling the table of accounts."""
    server = serve(app('for: "POST /auth/login", algorithm: fixed_window, rate: 3/h, name: auth', rest=PEOPLE))
    login = server.client.post("/auth/login", json={"email": "p@example.org", "password": "x"})
    assert login.headers["RateLimit-Policy"] == '"auth";q=3;w=3600'
    register = server.client.post("/auth/register", json={"email": "p@example.org"})
    assert register.status == 400 and register.headers["RateLimit-Policy"] == '"default auth";q=60;w=60'
    free = serve(app('for: "POST /auth/*", rate: 5/s, cost: {POST: 0}', rest=PEOPLE))
    assert "RateLimit" not in free.client.post("/auth/login", json={"email": "p@example.org", "password": "x"}).headers


def test_the_page_of_oauth_counts_as_signing_in_where_nothing_is_said_of_it(serve):
    server = serve("cores: 2\n" + oauth.APP, env={"CLIENT_SECRET": oauth.SECRET})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = [server.client.post("/oauth/authorize", body=b"login=a&password=b", headers=form) for _ in range(62)]
    assert [answer.status for answer in answers] == [400] * 60 + [429] * 2
    assert answers[0].headers["RateLimit-Policy"] == '"default auth";q=60;w=60, "default oauth";q=600;w=60'
    assert server.client.post("/auth/login", json={"email": "p@example.org", "password": "x"}).status == 429
    assert server.client.post("/oauth/token", body=b"grant_type=client_credentials&client_id=robot", headers=form).status == 401
    assert server.client.get("/oauth/authorize").status == 400


# A reload


def test_a_reload_forgets_nothing_of_the_limits_that_it_keeps(serve):
    listing = 'for: "GET /api/v1/notes", algorithm: fixed_window, rate: 3/h, name: listing'
    server = serve(app(listing, 'for: "POST /api/v1/notes", algorithm: sliding_window, rate: 2/h', more="cores: 2\n"))
    assert statuses(server.client, 2) == [200, 200]
    assert statuses(server.client, 3, "POST", json={"title": "a"}) == [201, 201, 429]
    server.app_path.write_text(
        server.app_path.read_text().replace("limits:\n", 'limits:\n  - {for: "DELETE *", rate: 1/d}\n').replace("rate: 2/h", "rate: 4/h")
    )
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    assert statuses(server.client, 2) == [200, 429]
    assert statuses(server.client, 5, "POST", json={"title": "a"}) == [201] * 4 + [429]  # it has changed: it begins anew
    assert statuses(server.client, 2, "DELETE", "/api/v1/notes/99") == [404, 429]
    assert server.metrics()['tenon_limit_refused_total{limit="added"}'] == 1


# What `check` and `routes` say


MISTAKES = [
    ('for: "*"', 'a limit needs "rate"'),
    ("rate: 1/s", 'a limit needs "for"'),
    ('for: "*", rate: 100', '"rate" must be a rate, not "100"'),
    ('for: "FETCH /x", rate: 1/s', '"for": "FETCH" is no method that is served'),
    ('for: "api", rate: 1/s', '"for" must be methods and a route, not "api"'),
    ('for: "*", rate: 1/s, algorithm: tokenbucket', "unknown algorithm"),
    ('for: "*", rate: 1/s, max: 3', '"max" is nothing for token_bucket'),
    ('for: "*", algorithm: concurrency', 'a limit of concurrency needs "max"'),
    ('for: "*", algorithm: concurrency, rate: 1/s, max: 2', '"rate" is nothing for concurrency'),
    ('for: "*", algorithm: fixed_window, rate: 1/s, burst: 2', '"burst" is nothing for fixed_window'),
    ('for: "*", rate: 5/s, cost: 6', '"cost" is more than the limit ever allows, which is 5'),
    ('for: "*", rate: 5/s, cost: {FETCH: 1}', '"cost": "FETCH" is no method'),
    ('for: "*", rate: 5/s, burst: 0', '"burst" must be a whole number of 1 to 1000000000, not "0"'),
    ('for: "*", rate: 5/s, by: auth.tean', 'unknown field "tean"'),
    ('for: "*", rate: 5/s, by: title', "there is no row here"),
    ('for: "*", rate: 5/s, limit: 5', "unknown key"),
    ('for: "*", rate: 5/s, name: "caf\u00e9"', '"name" must be a text of 1 to 60 printable ASCII characters'),
    ('for: "*", rate: 5/s, name: default auth', '"name" begins with "default "'),
]


@pytest.mark.parametrize("limit, sentence", MISTAKES, ids=[row[0] for row in MISTAKES])
def test_check_tells_what_is_wrong_with_a_limit(tmp_path, limit, sentence):
    (tmp_path / "app.yaml").write_text("database: sqlite:t.db\n" + app(limit, rest=PEOPLE), encoding="utf-8")
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 1 and sentence in done.stderr, done.stderr


def test_check_warns_of_a_limit_for_nothing(tmp_path):
    (tmp_path / "app.yaml").write_text("database: sqlite:t.db\n" + app('for: ["GET /api/v1/notes/:key", "GET /health", "POST /api/v2/notes"], rate: 1/s'))
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 0 and '"for": no route is like "/api/v2/notes"' in done.stderr
    assert done.stderr.count("no route is like") == 1
    (tmp_path / "app.yaml").write_text("database: sqlite:t.db\n" + app('for: "*", rate: 1/s', 'for: "*", rate: 2/s'))
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 1 and 'two limits are called "*"' in done.stderr


def test_routes_shows_what_limits_each(tmp_path):
    (tmp_path / "app.yaml").write_text("database: sqlite:t.db\n" + app('for: "*", rate: 1/s', 'for: "GET|PUT /api/v1/notes/:x", rate: 2/s, name: one'))
    lines = run_tenon("routes", directory=tmp_path).stdout.splitlines()
    ends = {tuple(line.split()[:2]): line.partition("limits: ")[2] for line in lines}
    assert ends["GET", "/api/v1/notes/:id"] == ends["PUT", "/api/v1/notes/:id"] == "*, one"
    assert ends["PATCH", "/api/v1/notes/:id"] == ends["GET", "/api/v1/notes"] == "*"
    assert ends["GET", "/health"] == ""


def test_a_proxy_is_an_address_or_a_network(tmp_path):
    (tmp_path / "app.yaml").write_text("database: sqlite:t.db\nhttp: {proxies: [10.0.0.1/8, lo]}\n" + NOTES)
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 1 and done.stderr.count('"http.proxies" must hold addresses and networks') == 2
