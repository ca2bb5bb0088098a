# SPDX-License-Identifier: Apache-2.0
"""Tenon as an OAuth 2.0 server: codes with PKCE, consent, refresh, client credentials, introspection, revocation."""

import base64
import concurrent.futures
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import urllib.parse

import pytest

from browser import Browser
from server import ROOT, SCALE, Client, run_tenon

DATABASES = ("sqlite", "postgres")

PASSWORD = "correct horse battery"
SECRET = "a-secret-of-a-client-that-nobody-guesses"
WEB, NATIVE, ROBOT = ("web", SECRET), ("native", None), ("robot", SECRET)
CALLBACK = "https://app.example.org/callback"
PROBE = """<script>alert("x")</script>'&"""
APP = """
auth:
  issuer: http://127.0.0.1:${PORT}
  when: active
  password: {memory: 64KiB, iterations: 1}
  lockout: {failures: 5}
oauth:
  clients:
    - {id: web, name: Web, redirects: ["https://app.example.org/callback", "https://app.example.org/other?page=1"], scopes: ["notes:*"], secret: "${CLIENT_SECRET}"}
    - {id: native, name: Native, redirects: ["http://127.0.0.1/callback", "http://[::1]:1/callback", "org.example.app:/callback"], scopes: ["notes:read", "notes:create"]}
    - {id: other, name: Other, redirects: ["https://other.example.org/callback"], scopes: ["notes:*"], secret: "${CLIENT_SECRET}"}
    - {id: brief, name: Brief, redirects: ["https://brief.example.org/callback"], scopes: ["notes:read"], grants: [code], secret: "${CLIENT_SECRET}"}
    - {id: robot, name: Robot, scopes: ["notes:read", "users:read"], secret: "${CLIENT_SECRET}", grants: [client_credentials], role: auditor}
    - {id: probe, name: '<script>alert("x")</script>''&', redirects: ["https://app.example.org/callback"], scopes: ["notes:read"]}
roles:
  admin: ["*"]
  user: ["notes:*"]
  guest: ["notes:read"]
  auditor: ["notes:read", "notes:delete"]
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, admin, guest) = user
      active: bool required = true
      password: password required
    access:
      read: id == auth.id || can("users:read")
      create: true
      update: id == auth.id || role("admin")
      delete: role("admin")
  notes:
    fields:
      title: text(1..200) required
      owner: users readonly on_delete(cascade) = auth.id
    access: {read: owner == auth.id || role("auditor"), create: can("notes:create"), update: owner == auth.id, delete: owner == auth.id || role("auditor")}
"""


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP, env={"CLIENT_SECRET": SECRET})


@pytest.fixture(scope="module")
def api(server):
    return server.client


@pytest.fixture(scope="module")
def issuer(server):
    return f"http://127.0.0.1:{server.port}"


class Person:
    """An account that has just signed up."""

    count = 0

    def __init__(self, server, **values):
        Person.count += 1
        self.email = f"person{Person.count}@example.org"
        answer = server.client.post("/auth/register", json={"name": "Person", "email": self.email, "password": PASSWORD, **values})
        assert answer.status == 201, answer
        self.id, self.access = answer.data["account"]["id"], answer.data["access_token"]
        self.headers = {"Authorization": "Bearer " + self.access}
        self.browser = Browser(server.port)


class Pkce:
    def __init__(self, verifier=None):
        self.verifier = verifier or secrets.token_urlsafe(32)
        self.challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def asks(pkce, client="web", redirect=CALLBACK, **changes):
    """The query of an authorization request; a change to None leaves a parameter out."""
    query = {
        "response_type": "code", "client_id": client, "redirect_uri": redirect, "scope": "notes:read", "state": "st",
        "code_challenge": pkce.challenge, "code_challenge_method": "S256", **changes,
    }
    return {name: value for name, value in query.items() if value is not None}


def allow(person, query):
    """Goes through the pages, whichever come, and says where it ended."""
    page = person.browser.open("/oauth/authorize", query)
    if page.heading and page.heading.startswith("Sign in"):
        page = person.browser.sign_in(page, person.email, PASSWORD)
    if page.heading:
        page = person.browser.send(page, press="Allow")
    assert page.status == 303, page
    return page


def code_for(person, pkce, **changes):
    return allow(person, asks(pkce, **changes)).back()[1]["code"]


def post(api, path, client, form, basic=False):
    name, secret = client
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    form = [pair for pair in (form.items() if isinstance(form, dict) else form) if pair[1] is not None]
    if basic:
        pair = f"{urllib.parse.quote_plus(name)}:{urllib.parse.quote_plus(secret or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form += [("client_id", name)] + ([("client_secret", secret)] if secret else [])
    return api.request("POST", path, body=urllib.parse.urlencode(form), headers=headers)


def redeem(api, code, pkce, client=WEB, redirect=CALLBACK, basic=False, **changes):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": pkce.verifier, **changes}
    return post(api, "/oauth/token", client, form, basic)


def refresh(api, token, client=WEB, **more):
    return post(api, "/oauth/token", client, {"grant_type": "refresh_token", "refresh_token": token, **more})


def sign_in(server, person=None, scope="notes:*", client=WEB, redirect=CALLBACK):
    """The tokens of a client that somebody has let in."""
    person, pkce = person or Person(server), Pkce()
    answer = redeem(server.client, code_for(person, pkce, scope=scope, client=client[0], redirect=redirect), pkce, client, redirect)
    assert answer.status == 200, answer
    return answer.json


def bearer(token):
    return {"Authorization": "Bearer " + token}


def is_good(api, token):
    answer = api.get("/auth/me", headers=bearer(token))
    assert answer.status in (200, 401), answer
    return answer.status == 200


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_error(answer, status, code):
    assert answer.status == status and answer.json["error"] == code, answer
    assert set(answer.json) <= {"error", "error_description"} and answer.headers["Cache-Control"] == "no-store"
    return True


# The flow


def test_somebody_signs_in_allows_and_the_client_gets_tokens(server, api, issuer):
    person, pkce = Person(server), Pkce()
    page = person.browser.open("/oauth/authorize", asks(pkce, scope="notes:read notes:create", state="a b&c=d"))
    assert page.status == 200 and page.heading == "Sign in to test" and "Web" in page.text
    page = person.browser.sign_in(page, person.email, PASSWORD)
    assert page.status == 200 and page.heading == "Allow Web to act for you?" and person.email in page.text
    assert "Read notes (notes:read)" in page.text and "Add to notes (notes:create)" in page.text
    back = person.browser.send(page, press="Allow")
    address, sent = back.back()
    assert back.status == 303 and address == CALLBACK and set(sent) == {"code", "state", "iss"}
    assert sent["state"] == "a b&c=d" and sent["iss"] == issuer and re.fullmatch(r"[\w-]{43}", sent["code"])
    answer = redeem(api, sent["code"], pkce)
    tokens = answer.json
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store" and answer.headers["Content-Type"].startswith("application/json")
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 900 and tokens["scope"] == "notes:read notes:create"
    said = claims(tokens["access_token"])
    assert said["sub"] == person.id and said["iss"] == issuer and said["client_id"] == "web" and said["scope"] == tokens["scope"]
    me = api.get("/auth/me", headers=bearer(tokens["access_token"])).data
    assert me["name"] == f"user:{person.id}" and set(me["permissions"]) == {"notes:read", "notes:create"}


def test_pkce_is_as_the_example_of_rfc_7636(server, api, shared):
    example = json.loads((shared / "jose/pkce_rfc7636_appB.json").read_text())
    pkce = Pkce(example["code_verifier"])
    assert pkce.challenge == example["code_challenge"]
    code = code_for(Person(server), pkce)
    assert redeem(api, code, pkce).status == 200


def test_consent_is_asked_for_once_and_for_what_is_new(server):
    person, pkce = Person(server), Pkce()
    allow(person, asks(pkce, scope="notes:read notes:create"))
    for scope in ("notes:read", "notes:create", "notes:read notes:create"):
        assert person.browser.open("/oauth/authorize", asks(pkce, scope=scope)).back()[1]["code"]
    assert person.browser.open("/oauth/authorize", asks(pkce, scope="notes:delete")).heading == "Allow Web to act for you?"
    assert person.browser.open("/oauth/authorize", asks(pkce, prompt="consent")).heading == "Allow Web to act for you?"
    other = asks(pkce, client="other", redirect="https://other.example.org/callback")
    assert person.browser.open("/oauth/authorize", other).heading == "Allow Other to act for you?"
    allow(person, asks(pkce, scope="notes:delete"))
    assert person.browser.open("/oauth/authorize", asks(pkce, scope="notes:delete notes:read")).back()[1]["code"]
    assert server.rows(f"SELECT scopes FROM _tenon_consents WHERE account = '{person.id}'") == [{"scopes": "notes:read notes:create notes:delete"}]


def test_a_public_client_on_somebodys_machine_asks_each_time(server):
    """RFC 8252 section 8.6: nobody knows that it is the same program."""
    person, pkce = Person(server), Pkce()
    for redirect in ("http://127.0.0.1:50123/callback", "org.example.app:/callback"):
        query = asks(pkce, client="native", redirect=redirect)
        assert allow(person, query).back()[1]["code"]
        assert person.browser.open("/oauth/authorize", query).heading == "Allow Native to act for you?"
        assert person.browser.open("/oauth/authorize", {**query, "prompt": "none"}).back()[1]["error"] == "consent_required"


def test_who_denies_gives_nothing(server):
    person, pkce = Person(server), Pkce()
    page = person.browser.open("/oauth/authorize", asks(pkce))
    page = person.browser.sign_in(page, person.email, PASSWORD)
    address, sent = person.browser.send(page, press="Deny").back()
    assert address == CALLBACK and sent["error"] == "access_denied" and sent["state"] == "st" and sent["iss"]
    assert not server.rows(f"SELECT 1 AS x FROM _tenon_consents WHERE account = '{person.id}'")
    server.wait_log(event="consent_denied", subject="web")


def test_prompt_none_shows_no_page(server):
    person, pkce = Person(server), Pkce()
    quiet = asks(pkce, prompt="none")
    assert person.browser.open("/oauth/authorize", quiet).back()[1]["error"] == "login_required"
    page = person.browser.open("/oauth/authorize", asks(pkce))
    page = person.browser.sign_in(page, person.email, PASSWORD)
    assert person.browser.open("/oauth/authorize", quiet).back()[1]["error"] == "consent_required"
    person.browser.send(page, press="Allow")
    assert person.browser.open("/oauth/authorize", quiet).back()[1]["code"]


def test_prompt_login_asks_again_once(server):
    person, pkce = Person(server), Pkce()
    allow(person, asks(pkce))
    page = person.browser.open("/oauth/authorize", asks(pkce, prompt="login"))
    assert page.heading == "Sign in to test"
    assert person.browser.sign_in(page, person.email, PASSWORD).back()[1]["code"]
    page = person.browser.open("/oauth/authorize", asks(pkce, prompt="login consent"))
    assert person.browser.sign_in(page, person.email, PASSWORD).heading == "Allow Web to act for you?"


def test_somebody_else_can_sign_in_from_the_page(server):
    person, other, pkce = Person(server), Person(server), Pkce()
    page = person.browser.open("/oauth/authorize", asks(pkce))
    page = person.browser.sign_in(page, person.email, PASSWORD)
    page = person.browser.open(page.all("a")[0][1]["href"])
    page = person.browser.sign_in(page, other.email, PASSWORD)
    assert other.email in page.text and person.email not in page.text


def test_what_was_allowed_can_be_seen_and_taken_back(server, api):
    person, other = Person(server), Person(server)
    tokens, theirs = sign_in(server, person), sign_in(server, other)
    pending = code_for(person, pkce := Pkce())
    sign_in(server, person, "notes:read", ("other", SECRET), "https://other.example.org/callback")
    seen = api.get("/auth/consents", headers=person.headers).data
    assert [(consent["client"], consent["name"], consent["scope"]) for consent in seen] == [("other", "Other", "notes:read"), ("web", "Web", "notes:*")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", seen[0]["given_at"])
    for headers, status in ((bearer(tokens["access_token"]), 403), ({}, 401), ({"Cookie": f"__Host-session={person.browser.cookies['__Host-session']}"}, 403)):
        assert api.delete("/auth/consents/web", headers=headers).status == status
    assert api.get("/auth/consents", headers=bearer(tokens["access_token"])).status == 403
    assert api.delete("/auth/consents/nobody", headers=person.headers).status == 404
    assert api.delete("/auth/consents/web", headers=person.headers).status == 204
    assert not is_good(api, tokens["access_token"]) and is_good(api, theirs["access_token"]) and is_good(api, person.access)
    assert is_error(refresh(api, tokens["refresh_token"]), 400, "invalid_grant") and is_error(redeem(api, pending, pkce), 400, "invalid_grant")
    assert [consent["client"] for consent in api.get("/auth/consents", headers=person.headers).data] == ["other"]
    assert person.browser.open("/oauth/authorize", asks(Pkce())).heading == "Allow Web to act for you?"
    server.wait_log(event="consent_withdrawn", subject="web")


# Checklist 18: redirects


@pytest.mark.parametrize("redirect", [
    CALLBACK + "/", CALLBACK + "x", CALLBACK + "?a=b", CALLBACK + "#a", "https://app.example.org/", "https://app.example.org",
    "https://app.example.org:443/callback", "https://app.example.org:8443/callback", "https://APP.example.org/callback",
    "http://app.example.org/callback", "https://app.example.org@evil.example/callback", "https://evil@app.example.org/callback",
    "https://app.example.org.evil.example/callback", "https://app.example.org/%63allback", "https://app.example.org/a/../callback",
    "https://app.example.org\\@evil.example/callback", "//app.example.org/callback", "/callback", "javascript:alert(1)",
    "https://app.example.org/other", "https://app.example.org/other?page=2", CALLBACK + "\n", " " + CALLBACK, "", None,
])
def test_checklist_18_a_redirect_is_one_of_the_clients_byte_for_byte(server, redirect):
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), redirect=redirect))
    assert page.status == 400 and not page.location and page.heading == "This cannot go on"
    assert "redirect_uri" in page.problem and not page.all("form")


@pytest.mark.parametrize("redirect, is_good", [
    ("http://127.0.0.1/callback", True), ("http://127.0.0.1:1/callback", True), ("http://127.0.0.1:65535/callback", True),
    ("http://[::1]/callback", True), ("http://[::1]:2/callback", True), ("org.example.app:/callback", True),
    ("http://127.0.0.1:1/callback/", False), ("http://127.0.0.1:/callback", False), ("http://127.0.0.1:1@evil.example/callback", False),
    ("http://127.0.0.1:x/callback", False), ("http://127.0.0.1.evil.example/callback", False), ("http://127.0.0.2/callback", False),
    ("http://localhost/callback", False), ("https://127.0.0.1/callback", False), ("http://127.0.0.1:123456/callback", False),
    ("http://127.0.0.1:1?/callback", False), ("org.example.app:/callback/x", False), ("org.example.app://callback", False),
])
def test_checklist_18_only_the_port_of_a_loopback_address_may_be_another(server, redirect, is_good):
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client="native", redirect=redirect))
    assert page.heading == ("Sign in to test" if is_good else "This cannot go on")


def test_checklist_18_tokens_are_given_for_the_redirect_that_was_asked_for(server, api):
    person, pkce = Person(server), Pkce()
    other = "https://app.example.org/other?page=1"
    back = allow(person, asks(pkce, redirect=other))
    assert back.location.startswith(other + "&code=")
    assert is_error(redeem(api, back.back()[1]["code"], pkce), 400, "invalid_grant")
    code = code_for(person, pkce)
    assert is_error(redeem(api, code, pkce, redirect=CALLBACK + "/"), 400, "invalid_grant")
    assert is_error(redeem(api, code, pkce, redirect=None), 400, "invalid_request")


def test_an_unknown_client_sends_nobody_anywhere(server):
    for client in ("nobody", "", None, "WEB", "web\0"):
        page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client=client))
        assert page.status == 400 and not page.location and page.problem


@pytest.mark.parametrize("changes, error", [
    ({"response_type": None}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"), ({"response_mode": "fragment"}, "invalid_request"),
    ({"scope": "users:read"}, "invalid_scope"), ({"scope": "*"}, "invalid_scope"), ({"scope": "notes:read  notes:create"}, "invalid_scope"),
    ({"scope": "openid"}, "invalid_scope"), ({"scope": "notes:read\n"}, "invalid_scope"), ({"scope": "x" * 2000}, "invalid_scope"),
    ({"prompt": "none login"}, "invalid_request"), ({"prompt": "create"}, "invalid_request"),
    ({"request": "e30.e30."}, "request_not_supported"), ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
    ({"client": "robot", "redirect": CALLBACK}, None),
])
def test_what_is_asked_for_wrongly_is_told_to_the_client(server, issuer, changes, error):
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), **changes))
    if error is None:
        assert page.status == 400 and not page.location
        return
    address, sent = page.back()
    assert page.status == 303 and address == CALLBACK and sent["error"] == error and sent["state"] == "st" and sent["iss"] == issuer


@pytest.mark.parametrize("name", ["state", "scope", "response_type", "code_challenge", "client_id", "redirect_uri"])
def test_a_parameter_that_stands_twice_is_refused(server, name):
    query = urllib.parse.urlencode(list(asks(Pkce()).items()) + [(name, asks(Pkce())[name])])
    page = Browser(server.port).open("/oauth/authorize?" + query)
    if name in ("client_id", "redirect_uri"):
        assert page.status == 400 and not page.location
    else:
        assert page.back()[1]["error"] == "invalid_request"


# Checklist 19: codes


def test_checklist_19_a_code_works_once_and_a_second_use_ends_its_tokens(server, api):
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    first = redeem(api, code, pkce)
    assert first.status == 200 and is_good(api, first.json["access_token"])
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant")
    assert not is_good(api, first.json["access_token"])
    assert is_error(refresh(api, first.json["refresh_token"]), 400, "invalid_grant")
    assert is_good(api, person.access)
    server.wait_log(event="code_replayed", subject=person.id)


def test_checklist_19_of_20_at_once_exactly_one_gets_tokens(server, api, figure):
    for _ in range(3):
        person, pkce = Person(server), Pkce()
        code = code_for(person, pkce)

        def one(_):
            with Client(server.port) as client:
                return redeem(client, code, pkce)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(one, range(20)))
        good = [answer for answer in answers if answer.status == 200]
        assert len(good) == 1 and all(is_error(answer, 400, "invalid_grant") for answer in answers if answer.status != 200)
        assert not is_good(api, good[0].json["access_token"])
    figure("issue 7", "a code shown by 20 clients at once: 1 success, and its tokens are void")


def test_a_code_is_of_one_client_and_not_for_long(server, api, serve):
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    assert is_error(redeem(api, code, pkce, ("other", SECRET)), 400, "invalid_grant")
    assert redeem(api, code, pkce).status == 200
    assert is_error(redeem(api, "x" * 43, pkce), 400, "invalid_grant")
    brief = code_for(person, pkce)
    server.execute("UPDATE _tenon_codes SET expires_us = 1 WHERE signin = ''")
    assert is_error(redeem(api, brief, pkce), 400, "invalid_grant")
    code = code_for(person, pkce)
    assert code not in server.dump() and SECRET not in server.dump()


def test_a_code_ends_with_the_sign_in_that_allowed_it(server, api):
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    cookie = {"Cookie": f"__Host-session={person.browser.cookies['__Host-session']}"}
    token = api.get("/auth/me", headers=cookie).data["csrf_token"]
    assert api.post("/auth/logout", headers={**cookie, "X-CSRF-Token": token}).status == 204
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant")
    server.wait_log(event="code_refused", subject=person.id, reason="the sign-in that allowed it has ended")


# Checklist 20: PKCE


@pytest.mark.parametrize("changes", [
    {"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": "s256"},
    {"code_challenge": "x" * 42}, {"code_challenge": "x" * 44}, {"code_challenge": "=" * 43}, {"code_challenge": None, "code_challenge_method": None},
])
@pytest.mark.parametrize("client, redirect", [("web", CALLBACK), ("native", "http://127.0.0.1/callback")])
def test_checklist_20_without_pkce_nobody_gets_a_code(server, client, redirect, changes):
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client=client, redirect=redirect, **changes))
    assert page.back()[1]["error"] == "invalid_request" and "code" not in page.back()[1]


def test_checklist_20_a_code_without_its_verifier_is_nothing(server, api):
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    for verifier in (None, "", "short", "x" * 129, "ä" * 43):
        assert is_error(redeem(api, code, pkce, code_verifier=verifier), 400, "invalid_request")
    assert is_error(redeem(api, code, pkce, code_verifier=pkce.challenge), 400, "invalid_grant")
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant"), "a wrong verifier uses the code up"
    assert redeem(api, code_for(person, pkce), pkce).status == 200


# Checklist 21: refresh


def test_checklist_21_a_refresh_token_that_is_used_twice_ends_the_family(server, api):
    person = Person(server)
    first = sign_in(server, person)
    second = refresh(api, first["refresh_token"])
    assert second.status == 200 and second.json["scope"] == "notes:*" and second.json["refresh_token"] != first["refresh_token"]
    third = refresh(api, second.json["refresh_token"]).json
    assert is_good(api, third["access_token"])
    assert is_error(refresh(api, first["refresh_token"]), 400, "invalid_grant")
    assert is_error(refresh(api, third["refresh_token"]), 400, "invalid_grant")
    for tokens in (first, second.json, third):
        assert not is_good(api, tokens["access_token"])
    assert is_good(api, person.access)
    server.wait_log(event="token_reused", subject=person.id)


def test_a_refresh_token_is_of_its_client(server, api):
    tokens = sign_in(server)
    assert is_error(refresh(api, tokens["refresh_token"], ("other", SECRET)), 400, "invalid_grant")
    assert is_error(refresh(api, tokens["refresh_token"], NATIVE), 400, "invalid_grant")
    assert api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status == 401
    person = api.post("/auth/register", json={"name": "x", "email": f"{secrets.token_hex(4)}@example.org", "password": PASSWORD}).data
    assert is_error(refresh(api, person["refresh_token"]), 400, "invalid_grant")
    assert refresh(api, tokens["refresh_token"]).status == 200
    assert api.post("/auth/refresh", json={"refresh_token": person["refresh_token"]}).status == 200


def test_refreshing_narrows_and_never_widens(server, api):
    tokens = sign_in(server, scope="notes:read notes:create")
    assert is_error(refresh(api, tokens["refresh_token"], scope="notes:delete"), 400, "invalid_scope")
    narrow = refresh(api, tokens["refresh_token"], scope="notes:read").json
    assert narrow["scope"] == "notes:read"
    assert api.post("/api/v1/notes", json={"title": "x"}, headers=bearer(narrow["access_token"])).status == 403
    wide = refresh(api, narrow["refresh_token"]).json
    assert wide["scope"] == "notes:read notes:create"
    assert api.post("/api/v1/notes", json={"title": "x"}, headers=bearer(wide["access_token"])).status == 201


def test_a_client_that_may_not_refresh_gets_nothing_to_refresh_with(server, api):
    tokens = sign_in(server, scope="notes:read", client=("brief", SECRET), redirect="https://brief.example.org/callback")
    assert "refresh_token" not in tokens and is_good(api, tokens["access_token"])
    assert is_error(refresh(api, sign_in(server)["refresh_token"], ("brief", SECRET)), 400, "unauthorized_client")


# What tokens are good for


def test_a_token_never_has_more_than_its_account(server, api):
    guest = Person(server, role="guest")
    token = sign_in(server, guest, scope="notes:*")["access_token"]
    assert api.get("/api/v1/notes", headers=bearer(token)).status == 200
    assert api.post("/api/v1/notes", json={"title": "x"}, headers=bearer(token)).status == 403
    admin = Person(server, role="admin")
    token = sign_in(server, admin, scope="notes:read")["access_token"]
    assert api.get("/auth/me", headers=bearer(token)).data["permissions"] == ["notes:read"]
    assert api.get("/api/v1/notes", headers=bearer(token)).status == 200
    assert api.get("/api/v1/users", headers=bearer(token)).status == 403
    assert api.patch(f"/api/v1/users/{admin.id}", json={"name": "y"}, headers=bearer(token)).status == 403
    made = api.post("/api/v1/notes", json={"title": "mine"}, headers=admin.headers)
    assert api.delete(made.headers["Location"], headers=bearer(token)).status in (403, 404)


def test_a_client_changes_no_password_and_ends_no_other_sign_in(server, api):
    person = Person(server)
    token = sign_in(server, person)["access_token"]
    changed = api.post("/auth/password", json={"current_password": PASSWORD, "new_password": "another good password"}, headers=bearer(token))
    assert changed.status == 403
    assert api.post("/auth/logout?everywhere=true", headers=bearer(token)).status == 403 and is_good(api, person.access)
    assert api.post("/auth/logout", headers=bearer(token)).status == 204 and not is_good(api, token)


def test_what_happens_to_the_account_holds_for_its_clients(server, api):
    admin = Person(server, role="admin")
    person, pkce = Person(server), Pkce()
    tokens, code = sign_in(server, person), code_for(person, pkce)
    assert api.patch(f"/api/v1/users/{person.id}", json={"active": False}, headers=admin.headers).status == 200
    assert not is_good(api, tokens["access_token"])
    assert is_error(refresh(api, tokens["refresh_token"]), 400, "invalid_grant")
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant")
    person = Person(server)
    tokens, code = sign_in(server, person), code_for(person, pkce)
    changed = api.post("/auth/password", json={"current_password": PASSWORD, "new_password": "another good password"}, headers=person.headers)
    assert changed.status == 200 and not is_good(api, tokens["access_token"])
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant"), "codes that were on their way end, too"
    person = Person(server)
    tokens = sign_in(server, person)
    assert api.delete(f"/api/v1/users/{person.id}", headers=admin.headers).status == 204
    assert not is_good(api, tokens["access_token"])
    for table in ("_tenon_consents", "_tenon_grants", "_tenon_codes"):
        assert not server.rows(f"SELECT 1 AS x FROM {table} WHERE account = '{person.id}'")


def test_a_program_signs_in_for_itself(server, api):
    answer = post(api, "/oauth/token", ROBOT, {"grant_type": "client_credentials"})
    tokens = answer.json
    assert answer.status == 200 and set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    assert tokens["scope"] == "notes:read users:read" and claims(tokens["access_token"])["sub"] == "client:robot"
    me = api.get("/auth/me", headers=bearer(tokens["access_token"])).data
    assert me["name"] == "client:robot" and me["role"] == "auditor" and me["permissions"] == ["notes:read"], "its role, as far as its scopes go"
    assert api.get("/api/v1/notes", headers=bearer(tokens["access_token"])).status == 200
    assert api.delete("/api/v1/notes/01890a5d-ac96-774b-bcce-b302099a8057", headers=bearer(tokens["access_token"])).status == 403
    assert api.get("/api/v1/users", headers=bearer(tokens["access_token"])).data == []
    narrow = post(api, "/oauth/token", ROBOT, {"grant_type": "client_credentials", "scope": "notes:read"}, basic=True).json
    assert narrow["scope"] == "notes:read"
    assert is_error(post(api, "/oauth/token", ROBOT, {"grant_type": "client_credentials", "scope": "notes:delete"}), 400, "invalid_scope")
    assert is_error(post(api, "/oauth/token", WEB, {"grant_type": "client_credentials"}), 400, "unauthorized_client")
    assert api.post("/auth/logout", headers=bearer(tokens["access_token"])).status == 403
    server.wait_log(event="client_sign_in", subject="robot")


def test_an_app_without_accounts_serves_programs(serve):
    app = """
auth: {issuer: "http://127.0.0.1:${PORT}"}
oauth: {clients: [{id: robot, name: Robot, scopes: ["notes:*"], secret: "${CLIENT_SECRET}", grants: [client_credentials]}]}
resources:
  notes: {fields: {title: text required}, access: {all: "can('notes:read')"}}
"""
    server = serve(app, env={"CLIENT_SECRET": SECRET})
    said = server.client.get("/.well-known/oauth-authorization-server").json
    assert "authorization_endpoint" not in said and said["response_types_supported"] == [] and said["grant_types_supported"] == ["client_credentials"]
    assert server.client.get("/oauth/authorize").status == 404
    token = post(server.client, "/oauth/token", ROBOT, {"grant_type": "client_credentials"}).json["access_token"]
    assert server.client.post("/api/v1/notes", json={"title": "x"}, headers=bearer(token)).status == 201
    narrow = post(server.client, "/oauth/token", ROBOT, {"grant_type": "client_credentials", "scope": "notes:create"}).json["access_token"]
    assert server.client.post("/api/v1/notes", json={"title": "x"}, headers=bearer(narrow)).status == 403
    assert server.client.post("/api/v1/notes", json={"title": "x"}).status == 401
    assert is_error(post(server.client, "/oauth/token", ROBOT, {"grant_type": "authorization_code"}), 400, "unsupported_grant_type")


def test_a_client_that_is_taken_out_of_the_file_is_out(serve):
    server = serve(APP, env={"CLIENT_SECRET": SECRET})
    token = post(server.client, "/oauth/token", ROBOT, {"grant_type": "client_credentials"}).json["access_token"]
    tokens = sign_in(server)
    assert is_good(server.client, token) and is_good(server.client, tokens["access_token"])
    server.app_text = "\n".join(line for line in APP.split("\n") if "id: robot" not in line).replace('scopes: ["notes:*"], secret', 'scopes: ["notes:read"], secret')
    server.restart()
    assert not is_good(server.client, token) and is_error(post(server.client, "/oauth/token", ROBOT, {"grant_type": "client_credentials"}), 401, "invalid_client")
    assert server.client.post("/api/v1/notes", json={"title": "x"}, headers=bearer(tokens["access_token"])).status in (401, 403), "what it may ask for now is all it has"


# The token endpoint


@pytest.mark.parametrize("form, error", [
    ({}, "invalid_request"), ({"grant_type": "password"}, "unsupported_grant_type"), ({"grant_type": "authorization_code"}, "invalid_request"),
    ({"grant_type": "refresh_token"}, "invalid_request"), ({"grant_type": "refresh_token", "refresh_token": "rt_x.1.y.z"}, "invalid_grant"),
    ([("grant_type", "refresh_token"), ("grant_type", "refresh_token")], "invalid_request"),
    ([("grant_type", "refresh_token"), ("scope", "notes:read"), ("scope", "notes:read"), ("refresh_token", "x")], "invalid_request"),
])
def test_the_token_endpoint_answers_as_rfc_6749_says(api, form, error):
    assert is_error(post(api, "/oauth/token", WEB, form), 400, error)


def test_bodies_that_are_no_forms_are_refused(api):
    for body, kind in (("{}", "application/json"), ("grant_type=x", None), ("grant_type=%zz&client_id=web", "application/x-www-form-urlencoded"),
                       ("client_id=%ff", "application/x-www-form-urlencoded"), ("client_id=%00", "application/x-www-form-urlencoded"),
                       ("a=" + "x" * 20000, "application/x-www-form-urlencoded"), ("", "application/x-www-form-urlencoded")):
        answer = api.request("POST", "/oauth/token", body=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status in (400, 401) and answer.json["error"] in ("invalid_request", "invalid_client"), body


def test_a_client_must_show_that_it_is_itself(server, api):
    form = {"grant_type": "client_credentials"}
    for basic in (False, True):
        assert post(api, "/oauth/token", ROBOT, form, basic).status == 200
        for client in (("robot", SECRET + "x"), ("robot", None), ("nobody", SECRET), ("native", SECRET), ("robot", SECRET[:-1])):
            answer = post(api, "/oauth/token", client, form, basic)
            assert is_error(answer, 401, "invalid_client")
            assert (answer.headers["WWW-Authenticate"] or "").startswith("Basic ") == basic
    server.wait_log(event="client_refused", subject="robot", reason="wrong secret")
    header = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " + base64.b64encode(f"robot:{SECRET}".encode()).decode()}
    assert is_error(api.request("POST", "/oauth/token", body=f"grant_type=client_credentials&client_secret={SECRET}", headers=header), 400, "invalid_request")
    assert is_error(api.request("POST", "/oauth/token", body="grant_type=client_credentials&client_id=web", headers=header), 400, "invalid_request")
    for value in ("Basic", "Basic x", "Basic " + base64.b64encode(b"robot").decode(), "Bearer x", "Basic %%%"):
        answer = api.request("POST", "/oauth/token", body="grant_type=client_credentials", headers={**header, "Authorization": value})
        assert is_error(answer, 401, "invalid_client")
    assert SECRET not in server.log_text()


# Introspection and revocation


def look(api, token, client=WEB, basic=True):
    answer = post(api, "/oauth/introspect", client, {"token": token}, basic)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store", answer
    return answer.json


def test_a_client_can_ask_what_its_tokens_are_worth(server, api, issuer):
    person = Person(server)
    tokens = sign_in(server, person, scope="notes:read")
    said = look(api, tokens["access_token"])
    assert said["active"] and said["sub"] == person.id and said["scope"] == "notes:read" and said["client_id"] == "web" and said["iss"] == issuer
    assert said["token_type"] == "Bearer" and said["exp"] == claims(tokens["access_token"])["exp"]
    said = look(api, tokens["refresh_token"])
    assert said["active"] and said["sub"] == person.id and "token_type" not in said
    own = post(api, "/oauth/token", ROBOT, {"grant_type": "client_credentials"}).json["access_token"]
    assert look(api, own, ROBOT)["active"] and "sub" not in look(api, own, ROBOT)
    refresh(api, tokens["refresh_token"])
    assert look(api, tokens["refresh_token"]) == {"active": False}
    nothing = {"active": False}
    for token, client in ((tokens["access_token"], ("other", SECRET)), (person.access, WEB), ("x", WEB), ("rt_a.1.b.c", WEB), (own, WEB),
                          (tokens["access_token"][:-1], WEB), ("a.b.c", WEB)):
        assert look(api, token, client) == nothing
    assert is_error(post(api, "/oauth/introspect", NATIVE, {"token": own}), 401, "invalid_client")
    assert is_error(post(api, "/oauth/introspect", WEB, {}), 400, "invalid_request")
    assert is_error(post(api, "/oauth/introspect", ("web", "wrong"), {"token": own}), 401, "invalid_client")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("client, redirect", [(WEB, CALLBACK), (NATIVE, "http://127.0.0.1:5/callback")])
def test_a_client_ends_its_own_sign_in_and_no_other(server, api, which, client, redirect):
    person = Person(server)
    tokens = sign_in(server, person, scope="notes:read", client=client, redirect=redirect)
    for stranger in (("other", SECRET), ("robot", SECRET)):
        assert post(api, "/oauth/revoke", stranger, {"token": tokens[which]}).status == 200
    assert is_good(api, tokens["access_token"])
    assert is_error(post(api, "/oauth/revoke", ("web", "wrong"), {"token": tokens[which]}), 401, "invalid_client")
    answer = post(api, "/oauth/revoke", client, {"token": tokens[which], "token_type_hint": "nonsense"})
    assert answer.status == 200 and not answer.body
    assert not is_good(api, tokens["access_token"]) and is_good(api, person.access)
    assert is_error(refresh(api, tokens["refresh_token"], client), 400, "invalid_grant")
    for token in (tokens[which], "x", "rt_a.1.b.c", person.access):
        assert post(api, "/oauth/revoke", client, {"token": token}).status == 200
    assert is_good(api, person.access)


def test_a_programs_own_token_can_be_ended(server, api):
    token = post(api, "/oauth/token", ROBOT, {"grant_type": "client_credentials"}).json["access_token"]
    assert is_good(api, token)
    assert post(api, "/oauth/revoke", ROBOT, {"token": token}).status == 200 and not is_good(api, token)


# What is published


def test_the_metadata_says_what_is_true(api, issuer):
    answer = api.get("/.well-known/oauth-authorization-server")
    said = answer.json
    assert answer.status == 200 and said["issuer"] == issuer and answer.headers["Content-Type"].startswith("application/json")
    for name in ("authorization", "token", "revocation", "introspection"):
        path = said[name + "_endpoint"].removeprefix(issuer)
        assert api.options(path).headers["Allow"] or api.get(path).status in (400, 405)
    assert said["response_types_supported"] == ["code"] and said["code_challenge_methods_supported"] == ["S256"]
    assert said["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert said["authorization_response_iss_parameter_supported"] is True and "none" in said["token_endpoint_auth_methods_supported"]
    assert set(said["scopes_supported"]) == {"notes:*", "notes:read", "notes:create", "users:read"}


# With clients that nobody here wrote


def drive(script, person, settings, tmp_path):
    """Runs a driver of oauth_clients/, plays its browser, and says what it saw."""
    packages = ROOT / "build/tools/oauth_clients/node_modules"
    if not shutil.which("node") or not packages.is_dir():
        pytest.skip("no Node.js, or no OAuth clients: ./dev test fetches them")
    for file in (ROOT / "test/e2e/oauth_clients").glob("*.mjs"):
        shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(packages)
    seen = {}
    command = ["node", "--no-warnings", script]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "SETTINGS": json.dumps(settings)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60 * SCALE, process.kill)
        watchdog.start()
        for line in process.stdout:
            message = json.loads(line)
            if "visit" in message:
                process.stdin.write(end_of(person, message["visit"].removeprefix(settings["issuer"]), message["press"]) + "\n")
                process.stdin.flush()
            elif "say" in message:
                seen[message["say"]] = message["value"]
            else:
                assert message == {"done": True}, (message, seen)
        watchdog.cancel()
        assert process.wait() == 0, seen
    return seen


def end_of(person, url, press):
    page = person.browser.open(url)
    if page.heading and page.heading.startswith("Sign in"):
        page = person.browser.sign_in(page, person.email, PASSWORD)
    if page.heading:
        page = person.browser.send(page, press=press)
    return page.location


@pytest.fixture(scope="module")
def signing_server(serve_module):
    """The same with a key of its own, so that clients can check access tokens themselves (RFC 9068)."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True, text=True, check=True).stdout
    app = APP.replace("  when: active\n", '  when: active\n  audience: https://api.example.org\n  keys: [{private: "${file:key.pem}"}]\n')
    return serve_module(app, env={"CLIENT_SECRET": SECRET}, files={"key.pem": key})


@pytest.fixture
def driven(signing_server, tmp_path):
    person = Person(signing_server)
    settings = {"issuer": f"http://127.0.0.1:{signing_server.port}", "audience": "https://api.example.org", "secret": SECRET, "web": CALLBACK,
                "native": "http://127.0.0.1:41234/callback"}
    return person, settings, lambda script: drive(script, person, settings, tmp_path)


def test_oauth4webapi_finds_nothing_wrong(driven, figure):
    person, settings, run = driven
    seen = run("oauth4webapi.mjs")
    assert seen.pop("discovered") == settings["issuer"]
    for kind in ("post", "basic"):
        assert seen.pop(f"{kind}: scope") == "notes:read notes:create" and seen.pop(f"{kind}: subject") == person.id
        assert set(seen.pop(f"{kind}: me")) == {"notes:read", "notes:create"}
        assert seen.pop(f"{kind}: refreshed") and seen.pop(f"{kind}: active") and seen.pop(f"{kind}: revoked")
        assert seen.pop(f"{kind}: replayed") == "invalid_grant"
        assert seen.pop(f"{kind}: denied") == "access_denied" and seen.pop(f"{kind}: scope refused") == "invalid_scope"
    assert seen == {"native: scope": "notes:read", "robot: scope": "notes:read", "robot: wrong secret": "invalid_client"}
    figure("issue 7", "oauth4webapi runs every flow against Tenon")


def test_openid_client_finds_nothing_wrong(driven, figure):
    person, settings, run = driven
    seen = run("openid-client.mjs")
    assert seen.pop("discovered") == settings["issuer"]
    for kind in ("client_secret_post", "client_secret_basic"):
        assert seen.pop(f"{kind}: scope") == "notes:read notes:create" and set(seen.pop(f"{kind}: me")) == {"notes:read", "notes:create"}
        assert seen.pop(f"{kind}: refreshed") and seen.pop(f"{kind}: active") and seen.pop(f"{kind}: revoked")
        assert seen.pop(f"{kind}: replayed") == "invalid_grant" and seen.pop(f"{kind}: denied") == "access_denied"
    assert seen == {"native: scope": "notes:read", "robot: scope": "notes:read", "robot: wrong secret": "invalid_client"}
    figure("issue 7", "openid-client runs every flow against Tenon")


# Pages


def is_plain_and_accessible(page):
    """HTML that needs no script and that a screen reader can follow."""
    assert page.headers["Content-Type"] == "text/html; charset=utf-8" and page.headers["Cache-Control"] == "no-store"
    assert page.html.startswith("<!doctype html>") and page.all("html")[0][1]["lang"] == "en"
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1 and page.all("title")[0][2]
    assert page.all("meta")[1][1]["content"] == "width=device-width, initial-scale=1"
    tags = {tag for tag, _, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "img", "link", "base"}
    assert not [name for _, attributes, _ in page.elements for name in attributes if name.startswith("on") or name == "style"]
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    labels = {attributes["for"] for _, attributes, text in page.all("label") if text.strip()}
    assert len(ids) == len(set(ids))
    for _, attributes, _ in page.all("input"):
        assert attributes.get("type") == "hidden" or attributes["id"] in labels
        assert attributes.get("aria-describedby", ids[0] if ids else None) in ids + [None]
    assert all(text.strip() for _, _, text in page.all("button"))
    policy = page.headers["Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.all("style")[0][2].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'") and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Referrer-Policy"] == "same-origin"
    return True


def test_every_page_is_plain_and_accessible(server):
    person, pkce = Person(server), Pkce()
    signin = person.browser.open("/oauth/authorize", asks(pkce))
    wrong = person.browser.sign_in(signin, person.email, "wrong")
    consent = person.browser.sign_in(signin, person.email, PASSWORD)
    again = person.browser.send(consent, {"form": "x"}, press="Allow")
    broken = person.browser.open("/oauth/authorize", asks(pkce, client="nobody"))
    for page in (signin, wrong, consent, again, broken):
        assert is_plain_and_accessible(page)
    assert wrong.problem and again.problem and broken.problem and not signin.problem and not consent.problem


@pytest.mark.parametrize("redirect, source", [
    ("http://127.0.0.1:50001/callback", "http://127.0.0.1:50001"), ("http://[::1]:2/callback", "http:"), ("org.example.app:/callback", "org.example.app:"),
])
def test_the_policy_lets_the_form_end_at_the_redirect_and_nowhere_else(server, redirect, source):
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client="native", redirect=redirect))
    assert f"form-action 'self' {source};" in page.headers["Content-Security-Policy"]
    web = Browser(server.port).open("/oauth/authorize", asks(Pkce()))
    assert "form-action 'self' https://app.example.org;" in web.headers["Content-Security-Policy"]


def test_what_strangers_write_is_text_on_a_page(server):
    person, pkce = Person(server), Pkce()
    probe = """"><script>alert(1)</script><b a='"""
    page = person.browser.open("/oauth/authorize", asks(pkce, client="probe", state=probe, nonce=probe))
    assert PROBE in page.text and is_plain_and_accessible(page) and not page.all("b")
    wrong = person.browser.sign_in(page, probe, "wrong")
    assert is_plain_and_accessible(wrong) and wrong.fields["login"] == probe
    consent = person.browser.sign_in(page, person.email, PASSWORD)
    assert PROBE in consent.text and is_plain_and_accessible(consent)
    assert person.browser.send(consent, press="Allow").back()[1]["state"] == probe
    raw = "/oauth/authorize?client_id=web&redirect_uri=" + urllib.parse.quote(CALLBACK) + "&x=\"><script>"
    for path in (raw, "/oauth/authorize?client_id=%22%3E%3Cscript%3E", "/oauth/authorize?%ff", "/oauth/authorize", "/oauth/authorize?client_id=" + "x" * 7000, raw + "&state=" + "/" * 8050):
        page = Browser(server.port).open(path)
        assert page.status in (303, 400) and (page.status == 303 or is_plain_and_accessible(page))
    for state in ("\r\nX-Evil: 1", "a\x00b", "ü€"):
        back = person.browser.open("/oauth/authorize", asks(pkce, client="web", scope="*", state=state))
        assert back.headers["X-Evil"] is None and (back.status == 400 or back.back()[1]["state"] == state)


def test_a_wrong_password_is_said_without_saying_what_was_wrong(server):
    person, pkce = Person(server), Pkce()
    page = person.browser.open("/oauth/authorize", asks(pkce))
    wrong = person.browser.sign_in(page, person.email, "not the password")
    nobody = person.browser.sign_in(page, "nobody@example.org", "not the password")
    assert wrong.status == nobody.status == 403 and wrong.problem == nobody.problem and not person.browser.cookies
    assert person.browser.send(page, {"login": person.email}).status == 400
    assert person.browser.sign_in(wrong, person.email, PASSWORD).heading == "Allow Web to act for you?"


def test_wrong_passwords_lock_the_page_as_they_lock_signing_in(serve):
    server = serve(APP, env={"CLIENT_SECRET": SECRET})
    person, pkce = Person(server), Pkce()
    page = person.browser.open("/oauth/authorize", asks(pkce))
    statuses = [person.browser.sign_in(page, person.email, "wrong").status for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    locked = person.browser.sign_in(page, person.email, PASSWORD)
    assert locked.status == 429 and int(locked.headers["Retry-After"]) > 0 and "too many attempts" in locked.problem
    assert server.client.post("/auth/login", json={"email": person.email, "password": PASSWORD}).status == 429


def test_a_form_is_good_for_one_request_one_sign_in_and_not_from_elsewhere(server):
    ada, bob, pkce = Person(server), Person(server), Pkce()
    first, second = asks(pkce), asks(pkce, state="other")
    page = ada.browser.open("/oauth/authorize", first)
    other = ada.browser.open("/oauth/authorize", second)
    for form in ("", "x", other.fields["form"], "9999999999." + "A" * 22, page.fields["form"] + "A"):
        answer = ada.browser.send(page, {"form": form, "login": ada.email, "password": PASSWORD})
        assert answer.heading == "Sign in to test" and answer.status == 403 and not ada.browser.cookies
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}):
        answer = ada.browser.send(page, {"login": ada.email, "password": PASSWORD}, **headers)
        assert answer.status == 403 and not answer.location and not ada.browser.cookies
    mine = ada.browser.sign_in(page, ada.email, PASSWORD)
    theirs = bob.browser.sign_in(bob.browser.open("/oauth/authorize", first), bob.email, PASSWORD)
    assert mine.heading == theirs.heading == "Allow Web to act for you?"
    stolen = bob.browser.send(theirs, {"form": mine.fields["form"]}, press="Allow")
    assert stolen.status == 403 and not stolen.location and "open for too long" in stolen.problem
    assert bob.browser.send(theirs, {"form": page.fields["form"]}, press="Allow").status == 403
    assert bob.browser.send(theirs, press="Allow", Origin="https://evil.example").status == 403
    assert bob.browser.send(theirs, {"decision": "perhaps"}).status == 403
    assert not server.rows(f"SELECT 1 AS x FROM _tenon_consents WHERE account = '{bob.id}'")
    assert bob.browser.send(theirs, press="Allow").back()[1]["code"]


def test_who_has_signed_out_meanwhile_is_asked_again(server):
    person, pkce = Person(server), Pkce()
    consent = person.browser.sign_in(person.browser.open("/oauth/authorize", asks(pkce)), person.email, PASSWORD)
    person.browser.cookies.clear()
    assert person.browser.send(consent, press="Allow").heading == "Sign in to test"


def test_only_a_cookie_says_who_somebody_is_on_a_page(server, api):
    person = Person(server)
    page = api.get("/oauth/authorize", query=asks(Pkce()), headers=person.headers)
    assert page.status == 200 and b"Sign in to" in page.body


# The audit trail


def test_the_trail_says_who_let_whom_in(server, api):
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce, redirect="https://app.example.org/other?page=1")
    assert redeem(api, code, pkce, redirect="https://app.example.org/other?page=1").status == 200
    given = server.wait_log(event="consent_given", actor=f"user:{person.id}")
    assert given["subject"] == "web" and given["outcome"] == "done"
    assert server.wait_log(event="code_redeemed", subject=person.id)["outcome"] == "done"
    redeem(api, code_for(person, pkce), Pkce())
    assert server.wait_log(event="code_refused", subject=person.id)["reason"] == "the code verifier is wrong"
    assert code not in server.log_text() and pkce.verifier not in server.log_text()


# The app file


@pytest.mark.parametrize("change, told", [
    (("https://app.example.org/callback\", \"https", "https://app.example.org/callback#x\", \"https"), "it has a fragment"),
    (("https://app.example.org/callback\"", "http://app.example.org/callback\""), "http is for http://127.0.0.1"),
    (("org.example.app:/callback", "app:/callback"), "has a dot in it"), (("org.example.app:/callback", "callback"), "not an absolute URI"),
    (("https://app.example.org/callback\"", "https://a@app.example.org/callback\""), "it names no host"),
    (("id: other,", "id: web,"), "it stands here twice"), (("id: other,", "id: \"o t\","), "\"id\" must be 1 to 100 letters"),
    (("id: robot, name: Robot, scopes: [\"notes:read\", \"users:read\"], secret: \"${CLIENT_SECRET}\",", "id: robot, name: Robot, scopes: [\"notes:read\"],"), "without a secret anybody"),
    (("grants: [code]", "grants: [implicit]"), "holds code, refresh and client_credentials"), (("grants: [code]", "grants: [refresh]"), "nothing to refresh"),
    (("role: auditor", "role: auditer"), "no such role"), (("grants: [code]", "grants: [code], role: user"), "never acts for itself"),
    (("\"users:read\"]", "\"users:raed\"]"), "unknown permission"), (("\"users:read\"]", "\"read\"]"), "must be a permission"),
    (("http://127.0.0.1:${PORT}", "markets"), "must be the URL"), (("http://127.0.0.1:${PORT}", "https://a.example/path"), "must be the URL"),
    (("${CLIENT_SECRET}", "short"), "can be guessed"), (("redirects: [\"https://brief.example.org/callback\"], ", ""), "it needs \"redirects\""),
    (("name: Other,", "nmae: Other,"), "unknown key"), (("      password: password required\n", ""), "there are no accounts"),
])
def test_check_tells_what_is_wrong_with_clients(tmp_path, change, told):
    assert change[0] in APP
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:app.db\n" + APP.replace(*change))
    done = run_tenon("check", "app.yaml", directory=tmp_path, env={"CLIENT_SECRET": SECRET, "PORT": "8080"})
    assert done.returncode == 1 and told in done.stdout + done.stderr, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_the_app_of_these_tests_is_right(tmp_path):
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:app.db\n" + APP)
    done = run_tenon("check", "app.yaml", directory=tmp_path, env={"CLIENT_SECRET": SECRET, "PORT": "8080"})
    assert done.returncode == 0, done.stdout + done.stderr
