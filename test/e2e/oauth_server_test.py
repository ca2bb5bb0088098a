# SPDX-License-Identifier: Apache-2.0
"""Tenon as an OAuth 2.0 server: codes with PKCE, refresh, client credentials, introspection, revocation; clients in the app
file.

A number that a docstring begins with is a line of the security checklist, as in security_test.py."""

import base64
import concurrent.futures
import json
import re
import secrets
import signal
import urllib.parse

import pytest

from browser import Browser
from oauth import APP, CALLBACK, FREE, NATIVE, PASSWORD, ROBOT, SECRET, WEB, Person, Pkce, allow, asks, bearer, claims, code_for, is_error, is_good, post, redeem, refresh, sign_in
from server import Client, run_tenon

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(FREE + APP, env={"CLIENT_SECRET": SECRET})


@pytest.fixture(scope="module")
def api(server):
    return server.client


@pytest.fixture(scope="module")
def issuer(server):
    return f"http://127.0.0.1:{server.port}"


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


# Redirects


@pytest.mark.parametrize("redirect", [
    CALLBACK + "/", CALLBACK + "x", CALLBACK + "?a=b", CALLBACK + "#a", "https://app.example.org/", "https://app.example.org",
    "https://app.example.org:443/callback", "https://app.example.org:8443/callback", "https://APP.example.org/callback",
    "http://app.example.org/callback", "https://app.example.org@evil.example/callback", "https://evil@app.example.org/callback",
    "https://app.example.org.evil.example/callback", "https://app.example.org/%63allback", "https://app.example.org/a/../callback",
    "https://app.example.org\\@evil.example/callback", "//app.example.org/callback", "/callback", "javascript:alert(1)",
    "https://app.example.org/other", "https://app.example.org/other?page=2", CALLBACK + "\n", " " + CALLBACK, "", None,
])
def test_a_redirect_is_one_of_the_clients_byte_for_byte(server, redirect):
    """18. Another suffix, path, port, user or scheme is another address; nobody is sent to it."""
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
def test_only_the_port_of_a_loopback_address_may_be_another(server, redirect, is_good):
    """18. A program listens where it can (RFC 8252 section 7.3)."""
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client="native", redirect=redirect))
    assert page.heading == ("Sign in to test" if is_good else "This cannot go on")


def test_tokens_are_given_for_the_redirect_that_was_asked_for(server, api):
    """18. A code that was sent to one address is nothing at another."""
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


# Codes


def test_a_code_works_once_and_a_second_use_ends_its_tokens(server, api):
    """19. One of the two is a thief, and nobody can say which."""
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    first = redeem(api, code, pkce)
    assert first.status == 200 and is_good(api, first.json["access_token"])
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant")
    assert not is_good(api, first.json["access_token"])
    assert is_error(refresh(api, first.json["refresh_token"]), 400, "invalid_grant")
    assert is_good(api, person.access)
    server.wait_log(event="code_replayed", subject=person.id)


def test_of_20_at_once_exactly_one_gets_tokens(server, api):
    """19. And those are void, for 19 others had the code, too."""
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


# PKCE


@pytest.mark.parametrize("changes", [
    {"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": "s256"},
    {"code_challenge": "x" * 42}, {"code_challenge": "x" * 44}, {"code_challenge": "=" * 43}, {"code_challenge": None, "code_challenge_method": None},
])
@pytest.mark.parametrize("client, redirect", [("web", CALLBACK), ("native", "http://127.0.0.1/callback")])
def test_without_pkce_nobody_gets_a_code(server, client, redirect, changes):
    """20. Neither public nor confidential clients, nor with `plain`."""
    page = Browser(server.port).open("/oauth/authorize", asks(Pkce(), client=client, redirect=redirect, **changes))
    assert page.back()[1]["error"] == "invalid_request" and "code" not in page.back()[1]


def test_a_code_without_its_verifier_is_nothing(server, api):
    """20. Wrong, missing or malformed; a wrong one uses the code up."""
    person, pkce = Person(server), Pkce()
    code = code_for(person, pkce)
    for verifier in (None, "", "short", "x" * 129, "ä" * 43):
        assert is_error(redeem(api, code, pkce, code_verifier=verifier), 400, "invalid_request")
    assert is_error(redeem(api, code, pkce, code_verifier=pkce.challenge), 400, "invalid_grant")
    assert is_error(redeem(api, code, pkce), 400, "invalid_grant"), "a wrong verifier uses the code up"
    assert redeem(api, code_for(person, pkce), pkce).status == 200


# Refreshing


def test_a_refresh_token_that_is_used_twice_ends_the_family(server, api):
    """21. Every token of that sign-in, and of no other."""
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


def test_a_client_that_may_change_accounts_changes_no_way_in(serve):
    """Who can set one without knowing it has the account, whatever becomes of the consent."""
    server = serve(APP.replace('scopes: ["notes:*"], secret', 'scopes: ["*"], secret'), env={"CLIENT_SECRET": SECRET})
    api, person = server.client, Person(server)
    tokens = sign_in(server, person, "*")
    client, path, password = bearer(tokens["access_token"]), f"/api/v1/users/{person.id}", {"password": "another good password"}
    row = {"name": "x", "email": person.email, "role": "user", "active": True}
    operation = {"method": "PATCH", "path": f"/users/{person.id}", "body": password}
    for answer in (
        api.patch(path, json=password, headers=client), api.put(path, json={**row, **password}, headers=client),
        api.post("/api/v1/batch", json={"operations": [operation]}, headers=client),
    ):
        assert answer.status == 403 and "program" in answer.error["message"], answer
    answer = api.patch(path, json={"email": "thief@example.org"}, headers=client)  # and have a password mailed there
    assert answer.status == 403 and "program" in answer.error["message"], answer
    assert api.patch(path, json={"name": "Another"}, headers=client).status == 200, "the rest of the row is as its scope says"
    assert is_good(api, tokens["access_token"]) and is_good(api, person.access)
    assert api.post("/auth/login", json={"email": person.email, "password": PASSWORD}).status == 200
    assert api.patch(path, json=password, headers=person.headers).status == 200


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


def test_no_token_names_a_scope_that_its_client_may_not_ask_for_any_more(serve):
    """What others read of a token, in its claims or by introspection, is what holds here."""
    server = serve(APP, env={"CLIENT_SECRET": SECRET})
    api, person, pkce = server.client, Person(server), Pkce()
    tokens, code = sign_in(server, person), code_for(person, pkce, scope="notes:*")
    lost = sign_in(server, Person(server), "notes:create")
    server.app_path.write_text(server.app_path.read_text().replace('scopes: ["notes:*"], secret', 'scopes: ["notes:read"], secret'))
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    for kind in ("access_token", "refresh_token"):
        assert post(api, "/oauth/introspect", WEB, {"token": tokens[kind]}).json["scope"] == "notes:read"
    for answer in (refresh(api, tokens["refresh_token"]), redeem(api, code, pkce)):
        assert answer.status == 200 and answer.json["scope"] == claims(answer.json["access_token"])["scope"] == "notes:read", answer
    assert is_error(refresh(api, lost["refresh_token"]), 400, "invalid_scope"), "nothing is left of it"


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
