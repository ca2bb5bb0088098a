# SPDX-License-Identifier: Apache-2.0
"""Signing in with a provider that nobody here wrote: npm's oidc-provider, which ./dev puts into build/tools. The test plays
the browser: it follows the redirects, keeps the cookies, and fills in the provider's login and consent pages."""

import http.cookiejar
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from provider_test import RESOURCES, Browser, app, bearer
from server import ROOT, SCALE
from signin_test import Person, is_somebody

DATABASES = ("sqlite", "postgres")
TOOLS = ROOT / "build/tools/oauth_provider"
HERE = ROOT / "test/e2e/oauth_provider"
CALLBACK = "http://127.0.0.1:8080/auth/provider/fake/callback"


class Node:
    """The provider, as provider_test.py's app() wants one."""

    def __init__(self):
        shutil.copy(HERE / "provider.mjs", TOOLS / "provider.mjs")
        self.process = subprocess.Popen(["node", "provider.mjs", CALLBACK], cwd=TOOLS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10 * SCALE)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def node():
    if not (TOOLS / "node_modules/oidc-provider").is_dir() or not shutil.which("node"):
        pytest.skip("no oidc-provider in build/tools: ./dev test gets it with npm")
    provider = Node()
    yield provider
    provider.stop()


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *unused):
        return None


class Visitor:
    """Somebody with an account at the provider, and a browser that remembers it."""

    def __init__(self, name):
        self.name = name
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), Stay)

    def open(self, url, form=None):
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            return self.opener.open(urllib.request.Request(url, data=data), timeout=10 * SCALE)
        except urllib.error.HTTPError as error:
            return error

    def authorize(self, location, presses="yes"):
        """From the authorization request to what comes back to the callback."""
        url, form = location, None
        for _ in range(20):
            answer = self.open(url, form)
            form, text = None, answer.read().decode()
            if answer.headers["Location"]:
                url = urllib.parse.urljoin(url, answer.headers["Location"])
                if url.startswith(CALLBACK):
                    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
                continue
            assert answer.status == 200, (answer.status, text)
            if presses == "no":
                url = urllib.parse.urljoin(url, re.search(r'href="([^"]*abort)"', text).group(1))
                continue
            url = urllib.parse.urljoin(url, re.search(r'action="([^"]*)"', text).group(1))
            kind = re.search(r'name="prompt" value="(\w+)"', text).group(1)
            form = {"prompt": kind, **({"login": self.name, "password": "any"} if kind == "login" else {})}
        raise AssertionError("the provider does not come to an end")


def served(serve, node, client, **changes):
    return serve(app(node, RESOURCES, client=client, secret=f"{client} secret: 100% + more", **changes))


@pytest.mark.parametrize("client", ["RS256", "PS256", "ES256", "EdDSA", "lean"])
def test_people_of_oidc_provider_sign_in(serve_module, node, client):
    server = served(serve_module, node, client, scopes=["openid", "email", "profile"])
    person = Visitor("ada")
    first = Browser(server).sign_in(person)
    assert first.status == 201, first
    account = first.data["account"]
    assert account["email"] == "ada@example.org" and account["name"] == "I am ada" and account["nickname"] == "ada"
    assert is_somebody(server.client, bearer(first))
    again = Browser(server).sign_in(person)  # who is signed in there already sees no page
    assert again.status == 200 and again.data["account"]["id"] == account["id"]
    browser = Browser(server)
    assert browser.sign_in(Visitor("ada"), "?return=/welcome").headers["Location"] == "/welcome"
    assert is_somebody(server.client, browser.session)
    # Lines 33 and 34, with a provider that means well.
    attacker = Person(server.client, email="eve@example.org")
    assert Browser(server).sign_in(Visitor("eve")).data["account"]["id"] == attacker.id
    assert not is_somebody(server.client, attacker.headers) and attacker.login().status == 401
    keeps = Person(server.client, email="ursula@example.org")
    assert Browser(server).sign_in(Visitor("ursula")).status == 409 and is_somebody(server.client, keeps.headers)
    refused = Browser(server)
    answer = refused.come_back(**Visitor("bob").authorize(refused.begin(), presses="no"))
    assert answer.status == 403 and "access_denied" in answer.error["message"]
    replayed = Browser(server)
    way = Visitor("carl").authorize(replayed.begin("?session=token"))
    assert way["iss"] == node.url and replayed.come_back(**way).status == 201 and replayed.come_back(**way).status == 403
    stolen, victim = Browser(server), Browser(server)
    code = Visitor("dora").authorize(stolen.begin())["code"]  # made for another challenge: the provider refuses it
    state = Visitor("dora").authorize(victim.begin())["state"]
    assert victim.come_back(code=code, state=state, iss=node.url).status == 401
    unsaid = Browser(server)
    way = Visitor("carl").authorize(unsaid.begin())
    way.pop("iss")
    assert unsaid.come_back(**way).status == 403


def test_a_wrong_secret_is_refused_by_the_provider(serve, node):
    server = serve(app(node, client="RS256", secret="another"))
    assert Browser(server).sign_in(Visitor("ada")).status == 401
    server.wait_log(message="a sign-in with a provider failed", reason="the provider does not know the client, or not with this secret")
