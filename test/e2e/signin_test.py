# SPDX-License-Identifier: Apache-2.0
"""Signing up, in, on and out; cookies and tokens; passwords; what ends a sign-in.

A number that a docstring begins with is a line of the security checklist, as in security_test.py."""

import base64
import email
import json
import re
import time

import pytest

from server import SCALE

DATABASES = ("sqlite", "postgres")

CHEAP = "password: {memory: 64KiB, iterations: 1}"
FREE = 'limits: [{for: "/auth/*", rate: 1000000/s}]\n'  # all of these people have one address
RESOURCES = "\n" + FREE + """
roles:
  user: ["notes:*"]
  admin: ["*"]
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, admin) = user
      active: bool required = true
      password: password required
    access:
      read: id == auth.id || role("admin")
      create: true
      update: role("admin") || id == auth.id
      delete: role("admin")
  notes:
    fields:
      title: text(1..200) required
      owner: users readonly on_delete(cascade) = auth.id
    access: {read: owner == auth.id, create: can("notes:create"), update: owner == auth.id, delete: owner == auth.id}
"""
APP = f"auth: {{when: active, {CHEAP}, lockout: {{failures: 1000}}}}" + RESOURCES
PASSWORD = "correct horse battery"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP)


@pytest.fixture(scope="module")
def api(server):
    return server.client


class Person:
    """An account that has just signed up, with what it was given."""

    count = 0

    def __init__(self, api, cookie=False, **values):
        Person.count += 1
        self.api = api
        self.email = values.setdefault("email", f"person{Person.count}@example.org")
        self.password = values.setdefault("password", PASSWORD)
        answer = api.post("/auth/register" + ("?session=cookie" if cookie else ""), json={"name": "Person", **values})
        assert answer.status == 201, answer
        self.answer = answer
        self.id = answer.data["account"]["id"]
        if cookie:
            self.cookie, self.csrf = cookie_of(answer), answer.data["csrf_token"]
        else:
            self.access, self.refresh = answer.data["access_token"], answer.data["refresh_token"]

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.access}"}

    def login(self, query="", password=None):
        return self.api.post("/auth/login" + query, json={"email": self.email, "password": password or self.password})


def cookie_of(answer):
    """What a browser would send back."""
    return {"Cookie": re.match(r"(__Host-session=[^;]*)", answer.headers["Set-Cookie"]).group(1)}


def bearer(answer):
    return {"Authorization": "Bearer " + answer.data["access_token"]}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_somebody(api, headers):
    answer = api.get("/auth/me", headers=headers)
    assert answer.status in (200, 401), answer
    return answer.status == 200


# Signing up and in


def test_signing_up_makes_an_account_and_signs_it_in(api):
    person = Person(api, name="Ada", email="Ada@Example.org")
    data = person.answer.data
    assert data["token_type"] == "Bearer" and data["expires_in"] == 900
    assert data["account"]["name"] == "Ada" and data["account"]["role"] == "user" and "password" not in data["account"]
    assert person.answer.headers["Location"] == f"/api/v1/users/{person.id}"
    assert person.answer.headers["Cache-Control"] == "no-store"
    me = api.get("/auth/me", headers=person.headers)
    assert me.status == 200 and me.data["account"] == data["account"] and me.data["role"] == "user"
    assert me.data["name"] == f"user:{person.id}" and "notes:create" in me.data["permissions"]
    assert "users:delete" not in me.data["permissions"] and me.headers["Cache-Control"] == "no-store"


def test_signing_up_follows_the_rule_and_the_fields_of_the_resource(api):
    Person(api, email="twice@example.org")
    taken = api.post("/auth/register", json={"name": "x", "email": "TWICE@example.org", "password": PASSWORD})
    assert taken.status == 409
    lacking = api.post("/auth/register", json={"email": "nobody", "nonsense": 1})
    assert lacking.status == 400 and set(lacking.error["fields"]) == {"name", "email", "nonsense", "password"}
    assert api.post("/auth/register", json=[]).status == 400
    assert api.post("/auth/register?session=jar", json={}).status == 400
    assert api.post("/auth/register", body="{}").status == 415


def test_whoever_signs_in_sees_and_changes_their_own_rows_only(api):
    """1, 2. What is another's is missing, for every method, and not in a list or its count."""
    ada, bob = Person(api), Person(api)
    note = api.post("/api/v1/notes", json={"title": "mine"}, headers=ada.headers)
    assert note.status == 201 and note.data["owner"] == ada.id
    path = note.headers["Location"]
    assert api.get(path, headers=ada.headers).status == 200
    missing = api.get(path.rsplit("/", 1)[0] + "/01890a5d-ac96-774b-bcce-b302099a8057", headers=bob.headers)
    for method in ("GET", "PATCH", "DELETE"):
        answer = api.request(method, path, json={"title": "x"} if method == "PATCH" else None, headers=bob.headers)
        assert answer.status == 404 and answer.body == missing.body
    assert api.get("/api/v1/notes", headers=bob.headers).data == []
    assert api.get("/api/v1/notes?count=exact&limit=1", headers=bob.headers).json["pagination"]["total"] == 0
    assert api.get("/api/v1/notes").data == [] and api.post("/api/v1/notes", json={"title": "x"}).status == 401


def test_a_sign_in_gives_tokens_that_say_who_and_until_when(api):
    person = Person(api)
    answer = person.login()
    assert answer.status == 200 and is_somebody(api, bearer(answer))
    said = claims(answer.data["access_token"])
    assert said["sub"] == person.id and said["exp"] - said["iat"] == 900 and said["role"] == "user"
    assert said["iss"] == said["aud"] and said["sid"] and said["jti"]
    assert person.login("", "another password").status == 401
    upper = api.post("/auth/login", json={"email": person.email.upper(), "password": person.password})
    assert upper.status == 200


def test_a_wrong_password_and_an_unknown_account_are_answered_alike(api):
    """29. (test/promises/p21 has their time)"""
    person = Person(api)
    wrong = person.login(password="not the password")
    unknown = api.post("/auth/login", json={"email": "nobody@example.org", "password": "not the password"})
    said = ("Date", "X-Request-Id")
    assert wrong.status == unknown.status == 401 and wrong.body == unknown.body
    assert [h for h in wrong.headers.items() if h[0] not in said] == [h for h in unknown.headers.items() if h[0] not in said]


@pytest.mark.parametrize("body, fields", [
    ({}, {"email", "password"}), ({"email": "a@b.org"}, {"password"}), ({"email": 1, "password": None}, {"email", "password"}),
    ({"email": {"$gt": ""}, "password": ["x"]}, {"email", "password"}), ({"email": "a@b.org", "password": "x", "role": "admin"}, {"role"}),
    ({"email": "a@b.org", "password": "x" * 1025}, {"password"}),
])
def test_a_sign_in_takes_two_texts_and_nothing_else(api, body, fields):
    answer = api.post("/auth/login", json=body)
    assert answer.status == 400 and set(answer.error["fields"]) == fields


def test_a_body_that_is_no_object_is_refused(api):
    assert api.post("/auth/login", json=[]).status == 400
    assert api.post("/auth/login", body='{"email":"a@b.org","email":"c@d.org","password":"x"}', headers={"Content-Type": "application/json"}).status == 400
    assert api.post("/auth/login", body="{", headers={"Content-Type": "application/json"}).status == 400
    assert api.post("/auth/login", body='{"email":"x","password":"' + "x" * 1_000_000 + '"}', headers={"Content-Type": "application/json"}).status in (400, 413)


# Tokens


def test_a_refresh_token_works_once_and_a_second_use_ends_the_sign_in(api):
    """21."""
    person = Person(api)
    first = api.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert first.status == 200 and first.data["refresh_token"] != person.refresh and is_somebody(api, bearer(first))
    second = api.post("/auth/refresh", json={"refresh_token": first.data["refresh_token"]})
    assert second.status == 200
    stolen = api.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert stolen.status == 401
    for token in (second.data["refresh_token"], first.data["refresh_token"]):
        assert api.post("/auth/refresh", json={"refresh_token": token}).status == 401
    for answer in (first, second):
        assert not is_somebody(api, bearer(answer))


def test_a_made_up_refresh_token_ends_nothing(api):
    person = Person(api)
    begin = person.refresh.rsplit(".", 2)
    for token in (person.refresh[:-1], person.refresh + "A", f"{begin[0]}.AAAAAAAAAAAAAAAAAAAAAA.{begin[2]}", "rt_x.1.y.z", "", "rt_", "x" * 1000):
        assert api.post("/auth/refresh", json={"refresh_token": token}).status in (400, 401)
    assert is_somebody(api, person.headers)
    assert api.post("/auth/refresh", json={"refresh_token": person.refresh}).status == 200


def test_signing_out_ends_the_access_token_at_once(api):
    """23."""
    person = Person(api)
    other = person.login()
    assert api.post("/auth/logout", headers=person.headers).status == 204
    assert not is_somebody(api, person.headers) and is_somebody(api, bearer(other))
    assert api.post("/auth/refresh", json={"refresh_token": person.refresh}).status == 401
    third = person.login()
    assert api.post("/auth/logout?everywhere=true", headers=bearer(other)).status == 204
    assert not is_somebody(api, bearer(other)) and not is_somebody(api, bearer(third))
    assert api.post("/auth/logout").status == 401
    assert api.post("/auth/logout?everywhere=maybe", headers=bearer(person.login())).status == 400


@pytest.mark.parametrize("credential", [
    {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}, {"Authorization": "Basic dXNlcjpwYXNz"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, {"X-API-Key": "tk_0123456789abcdef_" + "A" * 43}, {"X-API-Key": "x"},
])
def test_a_credential_that_is_none_is_refused_even_where_nobody_needs_one(api, credential):
    answer = api.get("/api/v1/notes", headers=credential)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert api.get("/health", headers=credential).status == 200
    assert api.post("/auth/login", json={"email": "a@b.org", "password": "x"}, headers=credential).status == 401


def test_two_credentials_are_one_too_many(api):
    """31. And none stands in an address."""
    person = Person(api)
    both = {**person.headers, "X-API-Key": "tk_0123456789abcdef_" + "A" * 43}
    assert api.get("/auth/me", headers=both).status == 400
    for name in ("access_token", "api_key"):
        assert api.get("/api/v1/notes", query={name: person.access}).status == 400


# Cookies


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(api):
    """25."""
    person = Person(api, cookie=True)
    cookie = person.answer.headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-session=[\w-]{22}\.[\w-]{22}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+", cookie)
    assert "access_token" not in person.answer.data and is_somebody(api, person.cookie)
    again = person.login("?session=cookie")
    assert cookie_of(again) != person.cookie and is_somebody(api, person.cookie)


@pytest.mark.parametrize("method", UNSAFE)
def test_a_cookie_alone_changes_nothing(api, method):
    """26."""
    person = Person(api, cookie=True)
    with_token = {**person.cookie, "X-CSRF-Token": person.csrf}
    made = api.post("/api/v1/notes", json={"title": "mine"}, headers=with_token)
    assert made.status == 201
    path = "/api/v1/notes" if method == "POST" else made.headers["Location"]
    body = None if method == "DELETE" else {"title": "other"}
    other = Person(api, cookie=True)
    for headers in (person.cookie, {**person.cookie, "X-CSRF-Token": "x"}, {**person.cookie, "X-CSRF-Token": other.csrf},
                    {**with_token, "Origin": "https://evil.example"}, {**with_token, "Origin": "null"},
                    {**with_token, "Sec-Fetch-Site": "cross-site"}, {**with_token, "Sec-Fetch-Site": "same-site"}):
        answer = api.request(method, path, json=body, headers=headers)
        assert answer.status == 403, (headers, answer)
    plain = api.request(method, path, body=json.dumps(body), headers={**person.cookie, "Content-Type": "text/plain"})
    assert plain.status == 403
    own = {**with_token, "Origin": f"http://127.0.0.1:{api.port}", "Sec-Fetch-Site": "same-origin"}
    assert api.request(method, path, json=body, headers=own).status in (200, 201, 204)


def test_a_cookie_may_read_and_me_gives_the_token_for_writing(api):
    person = Person(api, cookie=True)
    assert api.get("/api/v1/notes", headers={**person.cookie, "Sec-Fetch-Site": "cross-site"}).status == 200
    token = api.get("/auth/me", headers=person.cookie).data["csrf_token"]
    assert token != person.csrf
    assert api.post("/api/v1/notes", json={"title": "x"}, headers={**person.cookie, "X-CSRF-Token": token}).status == 201


def test_another_site_cannot_sign_a_browser_in(api):
    """26."""
    person = Person(api)
    body = {"email": person.email, "password": person.password}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert api.post("/auth/login?session=cookie", json=body, headers=headers).status == 403
    assert api.post("/auth/login", json=body, headers={"Origin": "https://evil.example"}).status == 200


def test_signing_out_takes_the_cookie_away(api):
    """23."""
    person = Person(api, cookie=True)
    assert api.post("/auth/logout", headers=person.cookie).status == 403
    out = api.post("/auth/logout", headers={**person.cookie, "X-CSRF-Token": person.csrf})
    assert out.status == 204 and "Max-Age=0" in out.headers["Set-Cookie"]
    stale = api.get("/api/v1/notes", headers=person.cookie)
    assert stale.status == 200 and stale.data == [] and "Max-Age=0" in stale.headers["Set-Cookie"]
    assert not is_somebody(api, person.cookie)


def test_sign_ins_end_when_they_are_idle_and_when_they_are_old(serve):
    """24."""
    idle = serve(f"auth: {{{CHEAP}, session: {{idle: 2s, absolute: 1h}}}}" + RESOURCES).client
    person = Person(idle, cookie=True)
    for _ in range(3):
        time.sleep(0.8)
        assert is_somebody(idle, person.cookie)
    time.sleep(2.2)
    assert not is_somebody(idle, person.cookie)
    old = serve(f"auth: {{{CHEAP}, access: 1s, session: {{absolute: 2s}}}}" + RESOURCES).client
    person, tokens = Person(old, cookie=True), Person(old)
    time.sleep(1.2)
    assert is_somebody(old, person.cookie) and not is_somebody(old, tokens.headers)
    assert old.post("/auth/refresh", json={"refresh_token": tokens.refresh}).status == 200
    time.sleep(1.2)
    assert not is_somebody(old, person.cookie)


# Passwords


@pytest.mark.parametrize("password, is_taken", [
    ("short12", False), ("password1", False), ("Password1", False), ("iloveyou", False), ("", False), ("x" * 129, False),
    ("x" * 64 + " and more", True), ("пароль из многих букв", True), ("🐎🔋📎🐎🔋📎🐎🔋", True), ("        x        ", True),
])
def test_a_password_is_long_and_not_what_everybody_tries_first(api, password, is_taken):
    """27. And all of it counts, behind its 72nd byte too."""
    Person.count += 1
    answer = api.post("/auth/register", json={"name": "x", "email": f"pw{Person.count}@example.org", "password": password})
    assert answer.status == (201 if is_taken else 400), answer
    if not is_taken:
        assert "password" in answer.error["fields"]
        return
    login = {"email": f"pw{Person.count}@example.org"}
    assert api.post("/auth/login", json={**login, "password": password}).status == 200
    assert api.post("/auth/login", json={**login, "password": password[:72] if len(password) > 72 else password[:-1]}).status == 401


def test_a_password_is_not_the_login(api):
    answer = api.post("/auth/register", json={"name": "x", "email": "somebody.long@example.org", "password": "somebody.long@example.org"})
    assert answer.status == 400 and "password" in answer.error["fields"]


def test_changing_the_password_ends_every_other_sign_in(api):
    """23."""
    person = Person(api)
    cookie = cookie_of(person.login("?session=cookie"))
    other = person.login()
    change = {"current_password": person.password, "new_password": "quite another one"}
    assert api.post("/auth/password", json={**change, "current_password": "wrong one here"}, headers=person.headers).status == 401
    assert api.post("/auth/password", json={**change, "new_password": "password1"}, headers=person.headers).status == 400
    assert api.post("/auth/password", json=change).status == 401
    changed = api.post("/auth/password", json=change, headers=person.headers)
    assert changed.status == 200 and is_somebody(api, bearer(changed))
    assert not is_somebody(api, person.headers) and not is_somebody(api, bearer(other)) and not is_somebody(api, cookie)
    assert api.post("/auth/refresh", json={"refresh_token": person.refresh}).status == 401
    assert person.login().status == 401 and person.login(password="quite another one").status == 200


def test_a_password_set_through_the_resource_ends_every_sign_in_too(api):
    """23."""
    person = Person(api)
    path = f"/api/v1/users/{person.id}"
    assert api.patch(path, json={"name": "Renamed"}, headers=person.headers).status == 200 and is_somebody(api, person.headers)
    assert api.patch(path, json={"password": "iloveyou"}, headers=person.headers).status == 400
    assert api.patch(path, json={"password": "quite another one"}, headers=person.headers).status == 200
    assert not is_somebody(api, person.headers) and person.login(password="quite another one").status == 200


def test_a_changed_role_or_account_counts_for_the_next_request(api):
    """12, 23."""
    person, other = Person(api), Person(api)
    assert api.delete(f"/api/v1/users/{other.id}", headers=person.headers).status in (403, 404)
    assert api.patch(f"/api/v1/users/{person.id}", json={"role": "admin"}, headers=person.headers).status == 200
    assert api.get(f"/api/v1/users/{other.id}", headers=person.headers).status == 200
    assert api.patch(f"/api/v1/users/{other.id}", json={"active": False}, headers=person.headers).status == 200
    assert not is_somebody(api, other.headers) and other.login().status == 401
    assert api.post("/auth/refresh", json={"refresh_token": other.refresh}).status == 401
    assert api.patch(f"/api/v1/users/{other.id}", json={"active": True}, headers=person.headers).status == 200
    assert is_somebody(api, bearer(other.login()))
    assert api.delete(f"/api/v1/users/{other.id}", headers=person.headers).status == 204
    assert not is_somebody(api, other.headers) and other.login().status == 401


def test_another_role_ends_sign_ins_by_cookie(api):
    """22. What a cookie is good for does not grow while it is out."""
    person, admin = Person(api, cookie=True), Person(api)
    assert api.patch(f"/api/v1/users/{admin.id}", json={"role": "admin"}, headers=admin.headers).status == 200
    tokens = person.login()
    assert api.patch(f"/api/v1/users/{person.id}", json={"name": "Renamed"}, headers=admin.headers).status == 200
    assert is_somebody(api, person.cookie)
    assert api.patch(f"/api/v1/users/{person.id}", json={"role": "admin"}, headers=admin.headers).status == 200
    assert not is_somebody(api, person.cookie) and is_somebody(api, bearer(tokens))
    assert api.get("/auth/me", headers=bearer(tokens)).data["role"] == "admin"
    assert is_somebody(api, cookie_of(person.login("?session=cookie")))


# Too many wrong ones


LOCKING = f"auth: {{{CHEAP}, lockout: {{failures: 5, wait: 2s, longest: 4s}}}}" + RESOURCES


def test_the_sixth_wrong_password_of_an_account_is_not_even_tried(serve):
    """28."""
    api = serve(LOCKING).client
    person = Person(api)
    for _ in range(5):
        assert person.login(password="wrong password").status == 401
    locked = person.login()
    assert locked.status == 429 and 1 <= int(locked.headers["Retry-After"]) <= 2 and locked.error["code"] == "RATE_LIMITED"
    time.sleep(2.1 * SCALE)
    assert person.login(password="wrong password").status == 401
    assert int(person.login().headers["Retry-After"]) in (3, 4)


def test_an_address_is_locked_whatever_accounts_it_tries(serve):
    """28."""
    server = serve(LOCKING)
    api = server.client
    person = Person(api)
    for i in range(5):
        assert api.post("/auth/login", json={"email": f"guess{i}@example.org", "password": "wrong password"}).status == 401
    assert person.login().status == 429
    server.restart()
    assert server.client.post("/auth/login", json={"email": person.email, "password": PASSWORD}).status == 429


def test_the_right_password_forgets_the_wrong_ones(serve):
    api = serve(f"auth: {{{CHEAP}, lockout: {{failures: 3, wait: 1h, longest: 1h}}}}" + RESOURCES).client
    for _ in range(2):
        person = Person(api)
        assert person.login(password="wrong password").status == 401
        assert person.login().status == 200
    assert person.login(password="wrong password").status == 401
    assert person.login().status == 429


# A forgotten password


def mails(server):
    return [email.message_from_bytes(path.read_bytes()) for path in sorted((server.directory / "mail").glob("*.eml"))]


def wait_for_mail(server, count):
    for _ in range(int(100 * SCALE)):
        if len(mails(server)) >= count:
            return mails(server)[-1]
        time.sleep(0.05)
    raise AssertionError("no mail came")


def test_a_forgotten_password_is_set_anew_by_mail_once(serve):
    """30."""
    mail = "mail: {url: 'file:mail', from: 'Shop <no-reply@example.org>', reset: 'https://app.example.org/reset?token={token}'}\n"
    server = serve(mail + f"auth: {{{CHEAP}}}" + RESOURCES)
    api = server.client
    person = Person(api, email="ada@example.org")
    asked = api.post("/auth/password/forgot", json={"email": "ADA@example.org"})
    unknown = api.post("/auth/password/forgot", json={"email": "nobody@example.org"})
    assert asked.status == unknown.status == 204 and asked.body == unknown.body == b""
    message = wait_for_mail(server, 1)
    assert "ada@example.org" in message["To"] and len(mails(server)) == 1
    token = re.search(r"token=([\w-]+)", message.get_payload(decode=True).decode()).group(1)
    assert len(token) >= 22 and token not in server.dump()
    use = {"token": token, "new_password": "quite another one"}
    assert api.post("/auth/password/reset", json={**use, "token": token[:-1] + "x"}).status == 401
    assert api.post("/auth/password/reset", json={**use, "new_password": "password1"}).status == 400
    assert api.post("/auth/password/reset", json=use).status == 204
    assert not is_somebody(api, person.headers)
    assert api.post("/auth/password/reset", json=use).status == 401
    assert person.login().status == 401 and person.login(password="quite another one").status == 200
    assert token not in server.log_text() and "quite another one" not in server.log_text()


def test_mails_for_one_account_are_few(serve):
    server = serve("mail: {url: 'file:mail', from: a@example.org}\n" + f"auth: {{{CHEAP}}}" + RESOURCES)
    answers = [server.client.post("/auth/password/forgot", json={"email": "x@example.org"}) for _ in range(4)]
    assert [a.status for a in answers] == [204, 204, 204, 429] and int(answers[3].headers["Retry-After"]) > 0


def test_without_mail_it_is_said(api):
    assert api.post("/auth/password/forgot", json={"email": "x@example.org"}).status == 501


# What is stored


def test_no_secret_is_stored_or_logged(serve):
    """30, 58."""
    server = serve(f"auth: {{{CHEAP}}}" + RESOURCES)
    api = server.client
    person, other = Person(api), Person(api, cookie=True)
    secrets = [PASSWORD, person.refresh, person.refresh.split(".")[2], person.access, other.cookie["Cookie"].split(".")[1], other.csrf]
    dump = server.dump()
    assert person.email in dump
    for secret in secrets:
        assert secret not in dump and secret not in server.log_text()


def test_hashes_are_argon2id_and_follow_the_settings_at_the_next_sign_in(serve):
    """32."""
    server = serve("auth: {}" + RESOURCES)
    person = Person(server.client)

    def stored():
        return server.rows(f"select password from users where id = '{person.id}'")[0]["password"]

    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", stored())
    server.app_text = "auth: {password: {memory: 24MiB, iterations: 3}}" + RESOURCES
    server.restart()
    person.api = server.client
    assert stored().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert person.login().status == 200
    assert stored().startswith("$argon2id$v=19$m=24576,t=3,p=1$") and person.login().status == 200
