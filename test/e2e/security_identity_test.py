# SPDX-License-Identifier: Apache-2.0
"""The security checklist, the lines about who asks (security_test.py has those that apply to anybody).

Each docstring begins with the number of its line. More of them are where their subject is: 1, 2, 21, 23, 24, 25, 26, 27, 28, 29, 32 in
signin_test.py, 13 to 17 in token_test.py, 18 to 21 in oauth_server_test.py, 33 and 34 in provider_test.py, 12 and 28 under load in
signin_race_test.py, 1, 2, 3, 4, 8, 10 and 11 for every caller, row and field in test/promises/p23, 29 by its time in p21."""

import json
import re
import time

import pytest

from server import SCALE, run_tenon
from signin_test import CHEAP, PASSWORD, RESOURCES, Person, bearer, cookie_of, is_somebody, wait_for_mail

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
MISSING = "01890a5d-ac96-774b-bcce-b302099a8057"
CORS = 'cors: {origins: ["https://app.example.org"], credentials: true}\n'
MAIL = "mail: {url: 'file:mail', from: a@example.org}\n"
APP = CORS + MAIL + f"auth: {{when: active, {CHEAP}, lockout: {{failures: 1000}}}}" + RESOURCES
READONLY = APP.replace("role: enum(user, admin) = user", "role: enum(user, admin) readonly = user\n      verified: bool readonly = false")


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(READONLY)


@pytest.fixture(scope="module")
def api(server):
    return server.client


def make_key(server, scopes, *options):
    """The key, and its id."""
    made = run_tenon("key", "create", "app.yaml", "--name", "a test", "--scopes", scopes, "--json", *options, directory=server.directory)
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    key = next(value for value in said.values() if isinstance(value, str) and value.startswith("tk_"))
    return key, key.split("_")[1]


def holder(key):
    return {"X-API-Key": key}


# Authorization


@pytest.mark.parametrize("body", [{"role": "admin"}, {"verified": True}, {"id": MISSING}, {"version": 9}, {"created_at": "2020-01-01T00:00:00Z"}, {"is_admin": True}])
def test_nobody_gives_themselves_what_the_server_sets(api, body):
    """5. Not when they sign up, not through the resource, by PATCH, PUT or in a batch; and a row's owner stays its owner."""
    person, other = Person(api), Person(api)
    path = f"{URL}/users/{person.id}"
    before = api.get(path, headers=person.headers).data
    assert api.post("/auth/register", {"name": "x", "email": "m@example.org", "password": PASSWORD, **body}).status == 400
    assert api.post(f"{URL}/users", {"name": "x", "email": "m@example.org", "password": PASSWORD, **body}).status == 400
    assert api.patch(path, json=body, headers=person.headers).status == 400
    assert api.put(path, json={**{name: before[name] for name in ("name", "email", "active")}, **body}, headers=person.headers).status == 400
    batch = {"operations": [{"method": "PATCH", "path": f"/users/{person.id}", "body": body}]}
    assert api.post(f"{URL}/batch", batch, headers=person.headers).status == 400
    assert api.get(path, headers=person.headers).data == before
    note = api.post(f"{URL}/notes", {"title": "x"}, headers=person.headers)
    assert api.post(f"{URL}/notes", {"title": "x", "owner": other.id}, headers=person.headers).status == 400
    assert api.patch(note.headers["Location"], json={"owner": other.id}, headers=person.headers).status == 400
    assert api.get(note.headers["Location"], headers=person.headers).data["owner"] == person.id


def test_what_is_for_operators_is_not_on_the_public_port(server, api):
    """7. Neither for strangers nor for people; and nothing of the app is on the other port."""
    person = Person(api)
    for headers in ({}, person.headers):
        for path in ("/metrics", "/debug", "/admin", "/_/", "/.well-known/openid-configuration", "/auth", "/auth/users", f"{URL}/_tenon_grants", f"{URL}/_tenon_keys"):
            assert api.get(path, headers=headers).status == 404, path
        for path in (f"{URL}/users", "/auth/me", "/auth/login"):
            assert server.admin.get(path, headers=headers).status == 404
    assert server.admin.get("/metrics").status == 200


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
def test_no_header_makes_another_request_of_one(api, header):
    """8. And HEAD shows what GET shows, to whom GET shows it."""
    person, other = Person(api), Person(api)
    note = api.post(f"{URL}/notes", {"title": "x"}, headers=person.headers).headers["Location"]
    for value in ("DELETE", f"{URL}/users/{other.id}", "/metrics"):
        assert api.get(note, headers={**person.headers, header: value}).data["title"] == "x"
    assert [api.head(note, headers=who.headers).status for who in (person, other)] == [200, 404]
    assert api.get(note, headers=person.headers).status == 200


def test_what_is_withdrawn_elsewhere_is_gone_here_within_a_second(serve):
    """12. By another node of the app, or past it: token, cookie, role, key."""
    server = serve(APP)
    api = server.client
    person, admin, browser = Person(api), Person(api, role="admin"), Person(api, cookie=True)
    key, key_id = make_key(server, "users:read")
    shown = f"{URL}/users/{person.id}"
    assert is_somebody(api, person.headers) and is_somebody(api, browser.cookie)
    assert api.get(shown, headers=admin.headers).status == 200 and api.get(f"{URL}/users", headers=holder(key)).status == 200
    server.execute(f"update users set active = false where id in ('{person.id}', '{browser.id}')")
    server.execute(f"update users set role = 'user' where id = '{admin.id}'")
    assert run_tenon("key", "revoke", key_id, "app.yaml", directory=server.directory).returncode == 0
    time.sleep(1.05)
    assert not is_somebody(api, person.headers) and not is_somebody(api, browser.cookie)
    assert api.get(shown, headers=admin.headers).status == 404 and api.get(f"{URL}/users", headers=holder(key)).status == 401


# Signing in


def test_a_new_sign_in_of_a_browser_takes_the_place_of_the_old_one(api):
    """22. Another id each time, and the one that the browser came with is good no more: nobody's is planted or kept."""
    person = Person(api, cookie=True)
    own = {**person.cookie, "X-CSRF-Token": person.csrf}
    body = {"email": person.email, "password": PASSWORD}
    again = api.post("/auth/login?session=cookie", json=body, headers=own)
    assert again.status == 200 and cookie_of(again) != person.cookie
    assert is_somebody(api, cookie_of(again)) and not is_somebody(api, person.cookie)
    planted = api.post("/auth/login?session=cookie", json=body, headers={"Cookie": "__Host-session=" + "A" * 22 + "." + "A" * 22})
    assert planted.status == 200 and "A" * 22 not in planted.headers["Set-Cookie"]
    other = Person(api, cookie=True)  # a cookie of somebody else, as a shared browser has
    taken_over = api.post("/auth/login?session=cookie", json=body, headers={**other.cookie, "X-CSRF-Token": other.csrf})
    assert taken_over.status == 200 and not is_somebody(api, other.cookie)
    assert api.get("/auth/me", headers=cookie_of(taken_over)).data["account"]["id"] == person.id


def test_reading_changes_nothing(server, api):
    """26. What another site can make a browser ask for, a GET, has no effect; and what has one takes no GET."""
    person = Person(api, cookie=True)
    note = api.post(f"{URL}/notes", {"title": "x"}, headers={**person.cookie, "X-CSRF-Token": person.csrf}).headers["Location"]
    before = server.rows("select id, version from notes order by id"), server.rows("select id, version from users order by id")
    for path in ("/auth/logout", "/auth/login", "/auth/register", "/auth/refresh", "/auth/password", "/auth/password/reset", "/auth/password/forgot", f"{URL}/batch"):
        assert api.get(path, headers=person.cookie).status == 405, path
    for path in (f"{note}?_method=DELETE", f"{URL}/notes?title=y", f"{URL}/users/{person.id}?role=admin", "/auth/me"):
        api.get(path, headers={**person.cookie, "Sec-Fetch-Site": "cross-site"})
    assert before == (server.rows("select id, version from notes order by id"), server.rows("select id, version from users order by id"))
    assert is_somebody(api, person.cookie)


def test_a_mailed_token_is_long_short_lived_used_once_and_somebodys(server, api, tmp_path):
    """30. 256 bits, of which the database has the digest; the next one ends it, and so does its time."""
    ada, bob = Person(api), Person(api)

    def ask(person, count):
        assert api.post("/auth/password/forgot", json={"email": person.email}).status == 204
        return max(wait_for_mail(server, count).get_payload(decode=True).decode().split(), key=len)

    def use(token, **more):
        return api.post("/auth/password/reset", json={"token": token, "new_password": "quite another one", **more}).status

    first, second, bobs = ask(ada, 1), ask(ada, 2), ask(bob, 3)
    assert all(re.fullmatch(r"[\w-]{43,}", token) and token not in server.dump() for token in (first, second, bobs)) and len({first, second, bobs}) == 3
    assert use(first) == 401 and use(bobs, email=ada.email) == 400 and use(second.swapcase()) == 401
    assert ada.login().status == 200
    server.execute("update _tenon_resets set expires_us = 1")
    assert use(second) == 401 and use(bobs) == 401
    third = ask(ada, 4)
    assert use(third) == 204 and use(third) == 401
    assert bob.login().status == 200 and ada.login().status == 401 and ada.login(password="quite another one").status == 200
    (tmp_path / "app.yaml").write_text(READONLY.replace("iterations: 1}", "iterations: 1, reset: 2h}"))
    longer = run_tenon("check", "app.yaml", directory=tmp_path)
    assert longer.returncode == 1 and "reset" in longer.stdout + longer.stderr


# Keys of programs


def test_a_key_is_shown_once_and_stored_as_its_digest(server, api):
    """31. It says which it is, so that one row is looked at, and the secret behind that is compared with its digest."""
    key, key_id = make_key(server, "notes:read")
    assert re.fullmatch(r"tk_[0-9a-z]{8,}_[\w-]{43,}", key)
    secret = key.split("_", 2)[2]
    listed = run_tenon("key", "list", "app.yaml", "--json", directory=server.directory)
    assert key_id in listed.stdout and secret not in listed.stdout and key_id in server.dump() and secret not in server.dump()
    assert api.get(f"{URL}/notes", headers=holder(key)).status == 200
    other, _ = make_key(server, "notes:read")
    flipped = key[:-2] + ("A" if key[-2] != "A" else "B") + key[-1]
    for wrong in (flipped, key[:-1], key + "A", key.upper(), f"tk_{key_id}_{other.split('_', 2)[2]}", f"tk_{key_id}_", f"tk_{key_id}", key_id, f" {secret}", f"tk_{key_id}_{secret}_"):
        assert api.get(f"{URL}/notes", headers=holder(wrong)).status == 401, wrong
    assert secret not in server.log_text()


def test_a_key_is_not_taken_from_where_addresses_are_kept(server, api):
    """31. Not from a query string, nor a body, nor a cookie, nor as another kind of credential."""
    key, _ = make_key(server, "notes:read")
    for name in ("api_key", "key", "apikey", "access_token", "token", "X-API-Key"):
        assert api.get(f"{URL}/notes", query={name: key}).status == 400
    assert api.get(f"{URL}/notes", headers={"Authorization": f"Bearer {key}"}).status == 401
    assert api.get(f"{URL}/notes", headers={"Authorization": f"ApiKey {key}"}).status == 401
    assert not is_somebody(api, {"Cookie": f"__Host-session={key}; X-API-Key={key}; api_key={key}"})


def test_a_key_has_its_scopes_its_owners_role_and_its_time(serve):
    """31. Whatever its owner may do besides; and it ends when it is revoked, rotated or old, or when its owner is gone."""
    server = serve(APP)
    api = server.client
    person, admin = Person(api), Person(api, role="admin")
    reading, _ = make_key(server, "notes:read", "--owner", person.id)
    beyond, _ = make_key(server, "*", "--owner", person.email)
    note = api.post(f"{URL}/notes", {"title": "mine"}, headers=person.headers).data
    assert api.get(f"{URL}/notes", headers=holder(reading)).data == [note]
    refused = api.post(f"{URL}/notes", {"title": "x"}, headers=holder(reading))
    assert refused.status == 403 and api.delete(f"{URL}/notes/{note['id']}", headers=holder(reading)).status == 403
    assert api.get(f"{URL}/users/{person.id}", headers=holder(reading)).status == 403
    assert api.post(f"{URL}/notes", {"title": "x"}, headers=holder(beyond)).status == 201
    assert api.get(f"{URL}/users/{admin.id}", headers=holder(beyond)).status == 404  # no more than its owner
    for path, body in (("/auth/password", {"current_password": PASSWORD, "new_password": "quite another one"}), ("/auth/logout", None)):
        assert api.post(path, json=body, headers=holder(beyond)).status == 403
    short, _ = make_key(server, "notes:read", "--expires", "1s")
    old, old_id = make_key(server, "notes:read", "--owner", person.id)
    assert api.get(f"{URL}/notes", headers=holder(old)).status == 200
    rotated = run_tenon("key", "rotate", old_id, "app.yaml", "--overlap", "0", "--json", directory=server.directory)
    assert rotated.returncode == 0
    assert api.delete(f"{URL}/users/{person.id}", headers=admin.headers).status == 204
    time.sleep(1.05 * SCALE)
    for key in (short, old, reading, beyond):
        assert api.get(f"{URL}/notes", headers=holder(key)).status == 401


def test_a_key_with_a_limit_is_held_to_it_however_it_asks(serve):
    """47. Per key, by whatever address, path, method or batch; and it is told when to come again."""
    server = serve(APP)
    api = server.client
    key, _ = make_key(server, "notes:*", "--rate", "5/h")
    other, _ = make_key(server, "notes:*", "--rate", "5/h")
    ways = [("GET", f"{URL}/notes", {}), ("GET", f"{URL}/notes/{MISSING}", {}), ("GET", "/nothing", {}), ("HEAD", f"{URL}/notes", {}), ("GET", f"{URL}/notes/", {"X-Forwarded-For": "192.0.2.9"})]
    for _ in range(5):
        assert api.get(f"{URL}/notes", headers=holder(key)).status == 200
    for method, path, more in [*ways, ("GET", f"{URL}/NOTES", {}), ("POST", f"{URL}/batch", {}), ("GET", f"{URL}/notes", {"X-Forwarded-For": "192.0.2.77", "X-Real-IP": "192.0.2.77", "Forwarded": "for=192.0.2.77"})]:
        answer = api.request(method, path, headers={**holder(key), **more})
        if answer.status in (404, 405):
            assert path not in (f"{URL}/notes", f"{URL}/notes/{MISSING}"), answer  # what is no route is nobody's
            continue
        assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0, (method, path, answer)
        assert any(name.lower().startswith("ratelimit") for name in answer.headers)
    assert api.get(f"{URL}/notes", headers=holder(other)).status == 200


# Forms, errors, headers, logs


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login", "/auth/refresh", "/auth/password", "/auth/password/forgot", "/auth/password/reset"])
def test_a_body_of_another_type_signs_nobody_in(api, path):
    """37. What a form of another site can send is 415 here too, and every answer says its type and that it is to be believed."""
    person = Person(api)
    body = json.dumps({"email": person.email, "password": PASSWORD, "token": "x", "refresh_token": person.refresh})
    headers = person.headers if path == "/auth/password" else {}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        answer = api.post(path, body=body, headers={**headers, **({"Content-Type": kind} if kind else {})})
        assert answer.status == 415 and answer.headers["Content-Type"] == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_error_of_the_server_tells_nothing_of_it(serve):
    """56. Whoever asks, wherever it breaks: a sentence, and a number to find it in the log by."""
    server = serve(APP)
    api = server.client
    person, browser = Person(api), Person(api, cookie=True)
    server.execute("drop table _tenon_attempts")
    server.execute("alter table _tenon_grants rename to gone")
    time.sleep(1.05)
    for answer in (person.login(), api.get("/auth/me", headers=person.headers), api.get("/auth/me", headers=browser.cookie),
                   api.post("/auth/refresh", json={"refresh_token": person.refresh}), api.post("/auth/register", {"name": "x", "email": "y@example.org", "password": PASSWORD})):
        assert answer.status == 500 and answer.json == {"error": {"code": "INTERNAL_ERROR", "message": "something went wrong"}}, answer
        assert answer.headers["X-Request-Id"] and "Set-Cookie" not in answer.headers and "Server" not in answer.headers
    server.execute("alter table gone rename to _tenon_grants")
    assert is_somebody(api, person.headers)


def test_what_was_answered_to_somebody_is_kept_by_no_cache_and_read_by_no_other_page(api):
    """57. Not a row, not an error, not a token; HSTS for a year; and pages are those that are listed, for /auth too."""
    person, browser = Person(api), Person(api, cookie=True)
    key = {"X-API-Key": "tk_0123456789abcdef_" + "A" * 43}
    for answer in (api.get(f"{URL}/notes", headers=person.headers), api.get(f"{URL}/notes", headers=browser.cookie), api.get(f"{URL}/notes/{MISSING}", headers=person.headers),
                   api.get("/auth/me", headers=person.headers), person.login(), api.post("/auth/refresh", json={"refresh_token": person.refresh})):
        assert answer.headers["Cache-Control"] == "no-store", answer
        age, rest = re.fullmatch(r"max-age=(\d+)(.*)", answer.headers["Strict-Transport-Security"]).groups()
        assert int(age) >= 31_536_000 and "includeSubDomains" in rest
        assert answer.headers["Referrer-Policy"] == "no-referrer" and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for origin, is_listed in (("https://app.example.org", True), ("https://evil.example", False), ("null", False), ("https://app.example.org.evil.example", False)):
        for path, headers in (("/auth/me", person.headers), ("/auth/me", browser.cookie), ("/auth/login", {}), (f"{URL}/notes", key)):
            answer = api.get(path, headers={**headers, "Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if is_listed else None), (origin, path, answer)
            assert "Origin" in answer.headers["Vary"]


def test_a_new_app_has_no_account_no_key_and_a_secret_of_its_own(serve):
    """58. Nobody can sign in to what was just started, and no two of them believe each other's tokens."""
    first, second = serve(APP), serve(APP)
    for server in (first, second):
        assert server.rows("select count(*) as n from users")[0]["n"] == 0 and server.rows("select count(*) as n from _tenon_keys")[0]["n"] == 0
        for name in ("admin", "root", "admin@example.org", "admin@localhost.org"):
            assert server.client.post("/auth/login", json={"email": name, "password": "admin"}).status == 401
    person = Person(first.client)
    assert is_somebody(first.client, person.headers) and not is_somebody(second.client, person.headers)
    assert second.client.post("/auth/refresh", json={"refresh_token": person.refresh}).status == 401
    digits = "hex(value)" if first.database.startswith("sqlite:") else "encode(value, 'hex')"
    secrets = [{row["value"] for row in server.rows(f"select {digits} as value from _tenon_secret")} for server in (first, second)]
    assert len(secrets[0]) > 1 and not secrets[0] & secrets[1]
    assert PASSWORD.encode() not in open(f"/proc/{first.pid}/cmdline", "rb").read()


def test_who_did_what_is_told_with_actor_address_and_request(serve):
    """60. Once each, in UTC, with no secret, whatever stands in a name; and the trail shows that nothing of it is missing."""
    server = serve(APP)
    api = server.client
    person, admin = Person(api), Person(api, role="admin")
    forged = "eve@example.org\r\n{\"message\":\"audit\",\"event\":\"sign_in\"}"
    key, key_id = make_key(server, "notes:read")
    steps = {
        "sign_in": lambda: person.login(), "sign_in_failed": lambda: person.login(password="a wrong password"),
        "denied": lambda: api.delete(f"{URL}/users/{person.id}", headers=holder(key)),
        "token_refused": lambda: api.get(f"{URL}/notes", headers={"Authorization": "Bearer x.y.z"}), "key_refused": lambda: api.get(f"{URL}/notes", headers=holder(key[:-3] + "AAA")),
        "role_changed": lambda: api.patch(f"{URL}/users/{person.id}", json={"role": "admin"}, headers=admin.headers),
        "token_refreshed": lambda: api.post("/auth/refresh", json={"refresh_token": person.refresh}),
        "token_reused": lambda: api.post("/auth/refresh", json={"refresh_token": person.refresh}),
        "password_changed": lambda: api.post("/auth/password", json={"current_password": PASSWORD, "new_password": "quite another one"}, headers=bearer(person.login())),
        "sign_out": lambda: api.post("/auth/logout", headers=admin.headers), "registered": lambda: Person(api).answer,
    }  # fmt: skip
    for event, send in steps.items():
        request_id = send().headers["X-Request-Id"]
        told = server.wait_log(message="audit", event=event, request_id=request_id)
        assert told["remote"] == "127.0.0.1" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", told["timestamp"]), told
        assert told.get("actor") or told.get("subject") or event in ("token_refused", "key_refused"), told
    assert server.logs(message="audit", event="role_changed")[0]["actor"] == f"user:{admin.id}"
    assert server.logs(message="audit", event="role_changed")[0]["subject"] == person.id
    assert server.logs(message="audit", event="denied")[0]["actor"] == f"key:{key_id}"
    api.post("/auth/login", json={"email": forged, "password": "a wrong password"})
    api.get("/auth/me", headers={"X-Request-Id": "the-last"})
    server.wait_log(request_id="the-last")
    assert server.stray == [] and not server.logs(message="audit", event="sign_in", subject=None)
    text = server.log_text()
    assert not [secret for secret in (PASSWORD, key, key.split("_", 2)[2], person.access, person.refresh, "a wrong password", "quite another one") if secret in text]
    server.stop()
    log = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in server.records)
    whole = run_tenon("audit", "--app", server.app_path, "--json", directory=server.directory, text_in=log)
    assert whole.returncode == 0, whole.stdout
    cut = "".join(line + "\n" for line in log.splitlines() if '"token_reused"' not in line)
    assert run_tenon("audit", "--app", server.app_path, "--json", directory=server.directory, text_in=cut).returncode == 1
