# SPDX-License-Identifier: Apache-2.0
"""The pages of the OAuth server: signing in, allowing and denying, and what was allowed."""

import base64
import concurrent.futures
import hashlib
import re
import threading
import time
import urllib.parse

import pytest

from browser import Browser
from oauth import APP, CALLBACK, FREE, PASSWORD, SECRET, Person, Pkce, allow, asks, bearer, code_for, is_error, is_good, post, redeem, refresh, sign_in

DATABASES = ("sqlite", "postgres")
PROBE = """<script>alert("x")</script>'&"""


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(FREE + APP, env={"CLIENT_SECRET": SECRET})


@pytest.fixture(scope="module")
def api(server):
    return server.client


# Consent


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


def all_at_once(server, requests):
    """The answers to (method, path, headers, body), each over a connection of its own; the last one begins a little later."""
    ready = threading.Barrier(len(requests))

    def send(number, method, path, headers, body=None):
        with server.new_client() as client:
            ready.wait()
            time.sleep(0.002 if number == len(requests) - 1 else 0)
            return client.request(method, path, headers=headers, body=body)

    with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
        return [future.result() for future in [pool.submit(send, number, *request) for number, request in enumerate(requests)]]


def cookies(person):
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())}


def test_of_what_was_taken_back_no_code_is_left_however_many_are_asked_for_meanwhile(server):
    person = Person(server)
    for _ in range(40):
        page = allow(person, asks(Pkce()))
        asking = ("GET", "/oauth/authorize?" + urllib.parse.urlencode(asks(Pkce())), cookies(person))
        answers = all_at_once(server, [asking] * 8 + [("DELETE", "/auth/consents/web", person.headers)])
        assert answers[-1].status == 204 and {answer.status for answer in answers[:-1]} <= {200, 303}, page
        assert server.rows(f"SELECT redirect FROM _tenon_codes WHERE account = '{person.id}'") == []


def test_of_an_account_that_is_deleted_nothing_is_left_however_many_it_lets_in_meanwhile(server):
    admin = Person(server, role="admin")
    for _ in range(8):
        person, query = Person(server), asks(Pkce())
        page = person.browser.sign_in(person.browser.open("/oauth/authorize", query), person.email, PASSWORD)
        form = urllib.parse.urlencode({"form": page.fields["form"], "decision": "allow"})
        allowing = ("POST", page.all("form")[0][1]["action"], {**cookies(person), "Content-Type": "application/x-www-form-urlencoded"}, form)
        answers = all_at_once(server, [allowing] * 8 + [("DELETE", f"/api/v1/users/{person.id}", admin.headers)])
        assert answers[-1].status == 204 and {answer.status for answer in answers[:-1]} <= {200, 303}, answers
        for table in ("_tenon_codes", "_tenon_consents", "_tenon_grants"):
            assert server.rows(f"SELECT 1 AS x FROM {table} WHERE account = '{person.id}'") == [], table


# Pages


def test_no_script_of_another_site_reads_a_page_whoever_cors_names(serve):
    """RFC 9700 section 2.6: one that could would press "Allow" with the form that it has read."""
    cors = "cors: {origins: [https://front.example.org], credentials: true}\n"
    server = serve(FREE + cors + APP, env={"CLIENT_SECRET": SECRET})
    person, query = Person(server), asks(Pkce())
    person.browser.sign_in(person.browser.open("/oauth/authorize", query), person.email, PASSWORD)
    origin = {"Origin": "https://front.example.org"}
    for method, url, headers in (("GET", "/oauth/authorize?" + urllib.parse.urlencode(query), cookies(person)), ("GET", "/oauth/authorize", {}), ("POST", "/oauth/authorize", {})):
        answer = server.client.request(method, url, headers={**headers, **origin})
        assert answer.headers["Content-Type"].startswith("text/html") and not [name for name in answer.headers if name.startswith("Access-Control-")], answer
    for answer in (server.client.get("/.well-known/oauth-authorization-server", headers=origin), server.client.post("/oauth/token", headers=origin)):
        assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"], answer


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
