# SPDX-License-Identifier: Apache-2.0
"""An app that signs people in with a provider, lets clients of OAuth act for them, and limits both: each as if it were alone."""

import json
import urllib.parse

import pytest

import browser
from oauth import APP as OAUTH_APP
from oauth import CALLBACK, SECRET, Pkce, allow, asks, bearer, code_for, is_error, is_good, redeem
from oauth import Person as Somebody
from oauth import sign_in as let_in
from provider_test import Browser, Provider, app, refusal, somebody_new  # noqa: F401
from signin_test import FREE

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="module")
def provider():
    with Provider() as server:
        yield server
        server.shutdown()


def both(provider, limits=FREE):
    """The app of the OAuth tests, with a provider."""
    declared = {"name": "fake", "issuer": provider.url, "client": "the-client", "secret": "the secret: of 100% + more"}
    return limits + OAUTH_APP.replace("  when: active\n", f"  when: active\n  url: http://127.0.0.1:8080\n  providers: [{json.dumps(declared)}]\n", 1)


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
