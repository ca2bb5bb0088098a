# SPDX-License-Identifier: Apache-2.0
"""An app with clients of OAuth, and what its tests share: people with a browser, clients with a verifier, endpoints."""

import base64
import hashlib
import json
import secrets
import urllib.parse

from browser import Browser

PASSWORD = "correct horse battery"
SECRET = "a-secret-of-a-client-that-nobody-guesses"
WEB, NATIVE, ROBOT = ("web", SECRET), ("native", None), ("robot", SECRET)
CALLBACK = "https://app.example.org/callback"
FREE = 'limits: [{for: ["/auth/*", "POST /oauth/authorize"], rate: 1000000/s}]\n'  # all of these people have one address
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
