# SPDX-License-Identifier: Apache-2.0
"""Providers that are not well, or want it otherwise; where browsers may be sent; what `check` says of providers. None of it
depends on the database."""

import concurrent.futures
import json
import subprocess
import threading
import time
import urllib.parse

import pytest

from provider_test import RESOURCES, Browser, Provider, app, provider, refusal, server, somebody_new
from server import BINARY, SCALE
from signin_test import Person, is_somebody

assert provider and server and somebody_new  # fixtures


def test_the_secret_is_posted_where_the_provider_wants_that(serve):
    with Provider(token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"]) as provider:
        server = serve(app(provider))
        assert Browser(server).sign_in(provider).status == 201
        form, headers = next(row[1:] for row in provider.asked if row[0] == "/token")
        assert form["client_secret"] == "the secret: of 100% + more" and form["client_id"] == "the-client" and "Authorization" not in headers
        provider.shutdown()


def test_a_public_client_has_no_secret(serve):
    with Provider() as provider:
        server = serve(app(provider, secret=None))
        assert Browser(server).sign_in(provider).status == 201
        form, headers = next(row[1:] for row in provider.asked if row[0] == "/token")
        assert "client_secret" not in form and form["client_id"] == "the-client" and "Authorization" not in headers
        provider.shutdown()


def test_without_providers_there_is_nothing_of_it(serve):
    server = serve("auth: {password: {memory: 64KiB, iterations: 1}}" + RESOURCES)
    assert all(server.client.get(path).status == 404 for path in ("/auth/providers", "/auth/provider/fake", "/auth/identities"))


def test_the_document_and_the_keys_are_asked_for_once(serve):
    with Provider() as provider:
        server = serve(app(provider))
        slow = threading.Event()

        def wait(handler):
            slow.wait(2 * SCALE)
            handler.answer(200, {}, provider.document())

        provider.answers["/.well-known/openid-configuration"] = wait
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            coming = [pool.submit(Browser(server).begin) for _ in range(16)]
            time.sleep(0.2)
            slow.set()
            locations = [future.result() for future in coming]
        assert len({location for location in locations}) == 16
        for name in ("a", "b", "c"):
            provider.user = {"sub": name, "email": f"{name}@example.org", "email_verified": True}
            assert Browser(server).sign_in(provider).status == 201
        paths = [row[0] for row in provider.asked]
        assert paths.count("/.well-known/openid-configuration") == 1 and paths.count("/jwks") == 1
        provider.shutdown()


def test_nobody_is_sent_to_another_site(server, provider):
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "evil.example", "/\t/evil.example", "/x\r\nSet-Cookie: a=b",
                 "javascript:alert(1)", "/ x", "/\u00e9", "/x" * 1200, "///evil.example", "/%0", "@evil.example"):
        answer = server.client.get("/auth/provider/fake?return=" + urllib.parse.quote(path, safe=""))
        assert answer.status == (302 if path == "/%0" else 400), (path, answer)
    for query in ("session=both", "session=token&return=/x", "after=/x", "return=/a&return=/b", "redirect_uri=https://evil.example"):
        assert server.client.get("/auth/provider/fake?" + query).status == 400, query


@pytest.mark.parametrize("after, path, location", [("/home", None, "/home"), ("/home", "/x", "/x"), ("https://app.example.org/home?a=b", None, "https://app.example.org/home?a=b"),
                                                   ("https://app.example.org/home", "/x?y", "https://app.example.org/x?y"), ("https://app.example.org", "/x", "https://app.example.org/x")])
def test_a_browser_may_go_to_a_page_of_an_origin_that_the_app_names(serve, provider, after, path, location):
    server = serve(app(provider, more={"after": after}, cors="cors: {origins: [\"https://app.example.org\"]}\n"))
    assert Browser(server).sign_in(provider, f"?return={path}" if path else "").headers["Location"] == location


def test_a_provider_that_names_itself_must_do_so(serve):
    with Provider(authorization_response_iss_parameter_supported=True) as provider:
        server = serve(app(provider))
        assert "another provider" in refusal(Browser(server).sign_in(provider), 403)
        assert Browser(server).sign_in(provider, iss=provider.url).status == 201
        provider.shutdown()


# Providers that are not well


def unavailable(answer):
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, answer
    assert "__Host-session" not in str(answer.headers)


UNTRUSTED = {
    "another issuer": lambda p: {**p.document(), "issuer": "https://evil.example"},
    "its issuer and a slash": lambda p: {**p.document(), "issuer": p.url + "/"},
    "no issuer": lambda p: {**p.document(), "issuer": None},
    "tokens in the clear": lambda p: {**p.document(), "token_endpoint": "http://evil.example/token"},
    "tokens by FTP": lambda p: {**p.document(), "token_endpoint": "ftp://evil.example"},
    "a script for a page": lambda p: {**p.document(), "authorization_endpoint": "javascript:alert(1)"},
    "a page in the clear": lambda p: {**p.document(), "authorization_endpoint": "http://evil.example"},
    "no keys": lambda p: {**p.document(), "jwks_uri": None},
    "a name that begins as this machine's": lambda p: {**p.document(), "userinfo_endpoint": "http://127.0.0.1.evil.example/"},
    "a list": lambda p: [p.document()],
    "a page": lambda p: b"<html>",
    "nothing": lambda p: b"",
    "too much": lambda p: json.dumps(p.document()).encode() + b" " * 70000,
    "a member twice": lambda p: b'{"issuer": "a", "issuer": "b"}',
}


@pytest.mark.parametrize("document", UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_document_that_cannot_be_trusted_leads_nowhere(serve, document):
    with Provider() as provider:
        server = serve(app(provider))
        provider.answers["/.well-known/openid-configuration"] = (200, {}, document(provider))
        for _ in range(3):
            unavailable(server.client.get("/auth/provider/fake"))
        assert len(provider.asked) == 1  # and it is not asked again at once
        provider.shutdown()


@pytest.mark.parametrize("answer", [(302, {"Location": "/elsewhere"}, {}), (500, {}, {}), (404, {}, {})], ids=lambda a: str(a[0]))
def test_a_document_is_not_looked_for_elsewhere(serve, answer):
    with Provider() as provider:
        server = serve(app(provider))
        provider.answers["/.well-known/openid-configuration"] = answer
        unavailable(server.client.get("/auth/provider/fake"))
        assert [row[0] for row in provider.asked] == ["/.well-known/openid-configuration"]
        provider.shutdown()


def test_a_provider_that_is_down_is_told_and_found_again(serve):
    with Provider() as provider:
        server = serve(app(provider))
        provider.answers["/.well-known/openid-configuration"] = (503, {}, {})
        unavailable(server.client.get("/auth/provider/fake"))
        assert is_somebody(server.client, Person(server.client).headers)  # others sign in as ever
        provider.answers.clear()
        end = time.monotonic() + 10 * SCALE
        while server.client.get("/auth/provider/fake").status != 302:
            assert time.monotonic() < end
            time.sleep(0.2)
        provider.shutdown()


def test_a_provider_that_breaks_down_in_between_is_told(server, provider):
    for answer in ((500, {}, {}), (502, {}, b""), (429, {}, {}), (200, {}, b" " * 200000)):
        provider.answers["/token"] = answer
        unavailable(Browser(server).sign_in(provider))
    provider.answers["/token"] = (302, {"Location": provider.url + "/elsewhere"}, {})
    refusal(Browser(server).sign_in(provider), 401)
    assert "/elsewhere" not in [row[0] for row in provider.asked]
    provider.answers = {"/userinfo": (500, {}, {})}
    provider.user = {"sub": provider.user["sub"]}
    unavailable(Browser(server).sign_in(provider))


def test_a_provider_that_dawdles_holds_nobody_up_for_long(serve, server, provider):
    over = threading.Event()
    with Provider() as other, concurrent.futures.ThreadPoolExecutor(2) as pool:
        second = serve(app(other))
        provider.answers["/token"] = other.answers["/.well-known/openid-configuration"] = lambda handler: over.wait(30 * SCALE)
        began = time.monotonic()
        waiting = [pool.submit(Browser(server).sign_in, provider), pool.submit(second.client.get, "/auth/provider/fake")]
        assert is_somebody(server.client, Person(server.client).headers)
        for future in waiting:
            unavailable(future.result())
        over.set()
        assert time.monotonic() - began < 8 * SCALE and len(other.asked) == 1
        other.shutdown()


# The app file


WRONG = [
    ({"url": None}, {}, "auth.url"), ({"url": "http://api.example.org"}, {}, "auth.url"), ({"url": "https://api.example.org?x"}, {}, "auth.url"),
    ({"after": "//evil.example"}, {}, "auth.after"), ({"after": "https://evil.example/"}, {}, "auth.after"), ({"after": "javascript:alert(1)"}, {}, "auth.after"),
    ({}, {"issuer": "http://login.example.org"}, "issuer"), ({}, {"issuer": "login.example.org"}, "issuer"), ({}, {"issuer": None}, "issuer"),
    ({}, {"client": None}, "client"), ({}, {"name": "A B"}, "name"), ({}, {"link": "perhaps"}, "link"), ({}, {"scopes": "openid"}, "scopes"),
    ({}, {"scopes": ["a b"]}, "scope"), ({}, {"scope": "x"}, "scopes"),
]


@pytest.mark.parametrize("more, changes, word", WRONG, ids=lambda value: json.dumps(value)[:30])
def test_check_says_what_is_wrong_with_a_provider(tmp_path, provider, more, changes, word):
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:app.db\n" + app(provider, more=more, **changes))
    done = subprocess.run([BINARY, "check", "app.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and word in done.stdout + done.stderr, done


def test_check_wants_accounts_with_an_address(tmp_path, provider):
    text = app(provider, RESOURCES.replace("email: email required unique", "email: text required unique"))
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:app.db\n" + text)
    done = subprocess.run([BINARY, "check", "app.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "type email" in done.stdout + done.stderr, done
