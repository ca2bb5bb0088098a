# SPDX-License-Identifier: Apache-2.0
"""An app that signs people in with a provider, lets clients of OAuth act for them, and limits both: each as if it were alone."""

import json
import urllib.parse

import pytest

import browser
from oauth import APP as OAUTH_APP
from oauth import CALLBACK, FREE, SECRET, Pkce, allow, asks, bearer, code_for, is_error, is_good, redeem
from oauth import Person as Somebody
from oauth import sign_in as let_in
from provider_test import Browser, Provider, app, refusal, somebody_new  # noqa: F401
from server import run_tenon

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="module")
def provider():
    with Provider() as server:
        yield server
        server.shutdown()


def both(provider, limits=FREE):
    """The app of the OAuth tests, with a provider."""
    declared = {"name": "fake", "issuer": provider.url, "client": "the-client", "secret": "the secret: of 100% + more"}
    return limits + OAUTH_APP.replace("  when: active\n", f"  when: active\n  providers: [{json.dumps(declared)}]\n", 1)


@pytest.fixture(scope="module")
def server(serve_module, provider):
    return serve_module(both(provider), env={"CLIENT_SECRET": SECRET})


def test_consents_codes_and_tokens_of_whoever_made_the_account_go_when_it_is_reclaimed(server, provider):
    """33. A client that they have let in would be their way back."""
    attacker, pkce = Somebody(server), Pkce()
    tokens = let_in(server, attacker)
    code = code_for(attacker, pkce)
    assert is_good(server.client, tokens["access_token"])
    provider.user = {"sub": "owner-of-the-address", "email": attacker.email, "email_verified": True}
    answer = Browser(server).sign_in(provider)
    assert answer.status == 200 and answer.data["account"]["id"] == attacker.id, answer
    assert not is_good(server.client, tokens["access_token"]) and is_error(redeem(server.client, code, pkce), 400, "invalid_grant")
    for table in ("_tenon_consents", "_tenon_codes"):
        assert server.rows(f"SELECT 1 AS x FROM {table} WHERE account = '{attacker.id}'") == []
    assert is_good(server.client, answer.data["access_token"])


def test_a_client_that_acts_for_somebody_neither_sees_nor_removes_their_providers(server, provider):
    owner = Somebody(server)
    tokens = let_in(server, owner)
    for method in ("GET", "DELETE"):
        path = "/auth/identities" + ("/fake" if method == "DELETE" else "")
        assert server.client.request(method, path, headers=bearer(tokens["access_token"])).status == 403
    assert server.client.get("/auth/identities", headers=owner.headers).data == []


def test_whoever_came_with_a_provider_lets_a_client_in_without_a_password(server, provider):
    with_provider, pkce = Browser(server), Pkce()
    assert with_provider.sign_in(provider, "").status == 303
    pages = browser.Browser(server.port)
    pages.cookies = dict(with_provider.cookies)
    page = pages.open("/oauth/authorize", asks(pkce))
    assert page.heading == "Allow Web to act for you?" and provider.user["email"] in page.text
    address, sent = pages.send(page, press="Allow").back()
    tokens = redeem(server.client, sent["code"], pkce).json
    assert address == CALLBACK and is_good(server.client, tokens["access_token"])


def test_an_account_that_is_deleted_takes_links_and_consents_with_it(server, provider):
    account = Browser(server).sign_in(provider).data["account"]["id"]
    server.execute(f"UPDATE users SET role = 'admin' WHERE id = '{account}'")
    admin = Browser(server).sign_in(provider)
    provider.user = {**provider.user, "sub": "to-be-deleted", "email": "to-be-deleted@example.org"}
    there = Browser(server)
    assert there.sign_in(provider, "").status == 303
    person = type("", (), {"browser": browser.Browser(server.port)})
    person.browser.cookies = dict(there.cookies)
    allow(person, asks(Pkce()))
    gone = server.client.get("/auth/me", headers=there.session).data["account"]["id"]
    tables = ("_tenon_identities", "_tenon_consents", "_tenon_codes", "_tenon_grants")
    assert all(server.rows(f"SELECT 1 AS x FROM {table} WHERE account = '{gone}'") for table in tables)
    assert server.client.delete(f"/api/v1/users/{gone}", headers=bearer(admin.data["access_token"])).status == 204
    assert not any(server.rows(f"SELECT 1 AS x FROM {table} WHERE account = '{gone}'") for table in tables)


def test_a_declared_limit_holds_for_the_way_to_a_provider_and_back(serve, provider):
    server = serve(app(provider, limits='limits: [{name: there, for: "GET /auth/provider/:name", algorithm: fixed_window, rate: 2/h}, '
                                        '{name: back, for: "GET /auth/provider/:name/callback", algorithm: fixed_window, rate: 1/h}]\n'))
    visitor = Browser(server)
    way = provider.authorize(visitor.begin("?session=token"))
    assert visitor.get("/auth/provider/fake").status == 302 and '"there"' in refusal(visitor.get("/auth/provider/fake"), 429)
    assert server.client.get("/auth/provider/fake/callback?state=x&code=y").status == 403
    used = len(provider.asked)
    assert '"back"' in refusal(visitor.get("/auth/provider/fake/callback?" + urllib.parse.urlencode(way)), 429)
    assert len(provider.asked) == used and server.rows("SELECT * FROM _tenon_states") == []


def test_callbacks_of_providers_count_as_sign_ins_where_nothing_is_said_of_them(serve, provider):
    server = serve(app(provider, limits=""))
    answers = [server.client.get("/auth/provider/fake/callback?state=x&code=y") for _ in range(62)]
    assert {answer.status for answer in answers} == {403, 429} and answers[-1].status == 429
    assert server.client.post("/auth/login", json={"email": "ada@example.org", "password": "x"}).status == 429
    assert server.client.get("/auth/provider/fake").status == 302 and server.client.get("/auth/providers").status == 200


def comes_by_link(server, provider, query):
    """Opens the page to sign in, and follows its link to the provider and back."""
    pages = browser.Browser(server.port)
    page = pages.open("/oauth/authorize", query)
    (link,) = [attributes["href"] for tag, attributes, text in page.all("a") if text == "Sign in with Fake"]
    there = pages.open(link)
    assert there.status == 302 and there.location.startswith(provider.url), there
    return pages, pages.open("/auth/provider/fake/callback", provider.authorize(there.location))


def test_the_page_to_sign_in_leads_to_providers_and_back(server, provider):
    pkce = Pkce()
    pages, page = comes_by_link(server, provider, asks(pkce, state="a&b=c d/é", prompt="consent"))
    assert page.heading == "Allow Web to act for you?" and provider.user["email"] in page.text
    assert page.url.startswith("/oauth/authorize?") and "prompt=consent" in page.url
    address, sent = pages.send(page, press="Allow").back()
    assert address == CALLBACK and sent["state"] == "a&b=c d/é" and is_good(server.client, redeem(server.client, sent["code"], pkce).json["access_token"])


def test_a_client_that_wants_another_sign_in_gets_one_from_a_provider_too(server, provider):
    """`prompt=login` would hold whoever has no password for ever."""
    pages, page = comes_by_link(server, provider, asks(Pkce(), prompt="login"))
    assert page.heading == "Allow Web to act for you?" and provider.user["email"] in page.text
    assert pages.open("/oauth/authorize", asks(Pkce(), prompt="login")).heading == "Sign in to test"


def test_the_pages_are_here_wherever_the_app_sends_people_otherwise(serve, provider):
    """`auth.after` may be another site; it has no page to let a client in."""
    text = both(provider).replace("  providers: [", "  after: https://front.example.org/welcome\n  providers: [", 1) + "cors: {origins: [https://front.example.org]}\n"
    server = serve(text, env={"CLIENT_SECRET": SECRET})
    _, page = comes_by_link(server, provider, asks(Pkce()))
    assert page.heading == "Allow Web to act for you?"
    other = Browser(server)
    assert other.sign_in(provider, "?return=/oauth/authorized?x").headers["Location"] == "https://front.example.org/oauth/authorized?x"


def test_a_request_that_is_too_long_for_the_way_to_a_provider_and_back_offers_none(server):
    page = browser.Browser(server.port).open("/oauth/authorize", asks(Pkce(), state="s" * 900))
    assert len(page.all("a")) == 1
    page = browser.Browser(server.port).open("/oauth/authorize", asks(Pkce(), state="s" * 3000))
    assert page.heading == "Sign in to test" and page.all("a") == []


@pytest.mark.parametrize("url, is_told", [("https://elsewhere.example.org", True), (None, False)])
def test_one_url_says_where_the_server_is(tmp_path, provider, url, is_told):
    text = both(provider).replace("  providers: [", f"  url: {url}\n  providers: [" if url else "  providers: [", 1)
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:app.db\n" + text)
    done = run_tenon("check", "app.yaml", directory=tmp_path, env={"CLIENT_SECRET": SECRET, "PORT": "8080"})
    said = done.stdout + done.stderr
    assert done.returncode == 0 and ("both are the URL that people come by" in said) == is_told, said


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_refusal_is_a_page_for_people_and_leads_back_to_where_it_began(server, provider):
    """Somebody says no at the provider, or it cannot be trusted: they see why, and can try again."""
    for returns in ("?return=/notes%3Fa%3D1%26b%3D%252F", "", "?session=token"):
        there = Browser(server)
        state = provider.authorize(there.begin(returns))["state"]
        answer = there.get("/auth/provider/fake/callback?" + urllib.parse.urlencode({"error": "access_denied", "error_description": "<b>", "state": state, "iss": provider.url}), headers=BROWSER)
        page = browser.Page("", answer)
        assert page.status == 403 and page.heading == "Signing in did not work" and "access_denied" in page.problem, page
        assert urllib.parse.unquote(page.all("a")[0][1]["href"]) == "/auth/provider/fake" + urllib.parse.unquote(returns) and page.all("b") == []
        assert "form-action 'self'; base-uri 'none'" in answer.headers["Content-Security-Policy"] and answer.headers["Cache-Control"] == "no-store"
    answer = Browser(server).get("/auth/provider/fake/callback?state=x&code=y", headers={"Accept": "text/html"})
    assert answer.status == 403 and "was not begun in this browser" in browser.Page("", answer).problem
    assert Browser(server).get("/auth/provider/fake/callback?state=x&code=y").error["code"] == "FORBIDDEN"


def test_a_page_for_nobody_names_a_scheme_as_every_401_does(server, provider):
    """RFC 9110 section 15.5.2."""
    provider.sign = lambda said: "not.a.token"
    there = Browser(server)
    answer = there.get("/auth/provider/fake/callback?" + urllib.parse.urlencode(provider.authorize(there.begin())), headers=BROWSER)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer" and "has not proven" in browser.Page("", answer).problem


def test_a_provider_that_is_away_is_a_page_too(serve, provider):
    server = serve(both(provider).replace(provider.url, "http://127.0.0.1:9"), env={"CLIENT_SECRET": SECRET})
    answer = Browser(server).get("/auth/provider/fake", headers=BROWSER)
    assert answer.status == 503 and answer.headers["Retry-After"] and "The provider cannot be reached, or does not answer as it should." in browser.Page("", answer).problem
    assert Browser(server).get("/auth/provider/fake").error["code"] == "UNAVAILABLE"
