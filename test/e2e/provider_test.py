# SPDX-License-Identifier: Apache-2.0
"""Signing in with a provider: whom it vouches for, which account that is, and everything a good provider never says.

A number that a docstring begins with is a line of the security checklist, as in security_test.py."""

import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.server
import json
import re
import threading
import time
import urllib.parse

import jwt
import pytest

from server import SCALE
from signin_test import FREE, PASSWORD, Person, is_somebody
from token_test import KEYS, make_key, now, public_pem

DATABASES = ("sqlite", "postgres")

RESOURCES = """
roles:
  user: ["notes:*"]
  admin: ["*"]
resources:
  users:
    fields:
      name: text(1..80) = "somebody"
      email: email required unique
      nickname: text(1..20)
      role: enum(user, admin) = user
      active: bool required = true
      password: password required
    access:
      read: id == auth.id || role("admin")
      create: true
      update: role("admin") || id == auth.id
      delete: role("admin") || id == auth.id
"""


class Provider(http.server.ThreadingHTTPServer):
    """A provider that says whatever a test wants it to."""

    daemon_threads = True

    def __init__(self, **options):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.key = KEYS["RS256"]
        self.options = options
        self.asked = []  # (path, form, headers)
        self.codes = {}  # code -> what the authorization request held
        self.user = {"sub": "person-1", "email": "ada@example.org", "email_verified": True, "name": "Ada"}
        self.claims = {}  # changes of the ID token's claims; None leaves one out
        self.sign = None  # (claims) -> token
        self.userinfo = None  # what the userinfo says
        self.client_id = "the-client"
        self.answers = {}  # path -> (status, headers, body) or a function that writes what it likes
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def document(self):
        return {"issuer": self.url, "authorization_endpoint": self.url + "/authorize", "token_endpoint": self.url + "/token",
                "jwks_uri": self.url + "/jwks", "userinfo_endpoint": self.url + "/userinfo", **self.options}

    def authorize(self, location):
        """What its login page does: takes the request, and gives a code for it."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query, strict_parsing=True))
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def special(self, handler):
        """What it answers to this request instead of what a provider would; None: nothing special."""
        return self.answers.get(handler.path)

    def token(self, form):
        query = self.codes.pop(form["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert query["code_challenge"] == challenge and query["code_challenge_method"] == "S256"
        assert form["redirect_uri"] == query["redirect_uri"] and form["grant_type"] == "authorization_code"
        said = {"iss": self.url, "aud": self.client_id, "exp": now(300), "iat": now(0), "nonce": query["nonce"], **self.user, **self.claims}
        said = {name: value for name, value in said.items() if value is not None}
        token = self.sign(said) if self.sign else jwt.encode(said, self.key, algorithm="RS256", headers={"kid": "k1"})
        return {"access_token": "the-access-token", "token_type": "Bearer", "expires_in": 300, "id_token": token}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.serve({})

        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.serve(dict(urllib.parse.parse_qsl(text, strict_parsing=True)))

        def serve(self, form):
            server, path = self.server, self.path
            server.asked.append((path, form, dict(self.headers)))
            special = server.special(self)
            if callable(special):
                return special(self)
            if special:
                return self.answer(*special)
            if path == "/.well-known/openid-configuration":
                return self.answer(200, {}, server.document())
            if path == "/jwks":
                key = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(server.key.public_key()))
                return self.answer(200, {}, {"keys": [{**key, "kid": "k1", "alg": "RS256", "use": "sig"}]})
            if path == "/token":
                if form.get("code") not in server.codes:
                    return self.answer(400, {}, {"error": "invalid_grant"})
                return self.answer(200, {}, server.token(form))
            if path == "/userinfo" and self.headers["Authorization"] == "Bearer the-access-token" and server.userinfo is not None:
                return self.answer(200, {}, server.userinfo)
            return self.answer(404, {}, {})

        def answer(self, status, headers, body):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *unused):
            pass


def app(provider, resources=RESOURCES, more=None, cors="", limits=FREE, **changes):
    """An app whose users sign in with that provider."""
    declared = {"name": "fake", "issuer": provider.url, "client": "the-client", "secret": "the secret: of 100% + more", **changes}
    auth = {"when": "active", "password": {"memory": "64KiB", "iterations": 1}, "lockout": {"failures": 1000},
            "url": "http://127.0.0.1:8080", "providers": [{k: v for k, v in declared.items() if v is not None}], **(more or {})}
    return f"auth: {json.dumps({k: v for k, v in auth.items() if v is not None})}\n{limits}{cors}{resources}"


class Browser:
    """Keeps cookies, and follows no redirect by itself."""

    def __init__(self, server):
        self.api = server.new_client()
        self.cookies = {}

    def get(self, path, **options):
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        answer = self.api.get(path, headers={**cookies, **options.pop("headers", {})}, **options)
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = re.match(r"([^=]+)=([^;]*)", line).groups()
            assert "Secure" in line and "HttpOnly" in line and "SameSite=Lax" in line and "Path=/;" in line + ";", line
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    def begin(self, query=""):
        answer = self.get("/auth/provider/fake" + query)
        assert answer.status == 302, answer
        return answer.headers["Location"]

    def come_back(self, **parameters):
        return self.get("/auth/provider/fake/callback?" + urllib.parse.urlencode(parameters))

    def sign_in(self, provider, query="?session=token", **more):
        return self.come_back(**{**provider.authorize(self.begin(query)), **more})

    @property
    def session(self):
        return {"Cookie": f"__Host-session={self.cookies['__Host-session']}"}



@pytest.fixture(scope="module")
def provider():
    with Provider() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def server(serve_module, provider):
    return serve_module(app(provider))


@pytest.fixture(autouse=True)
def somebody_new(provider):
    """Each test is about somebody whom the app has never seen."""
    somebody_new.count = getattr(somebody_new, "count", 0) + 1
    name = f"p{somebody_new.count}"
    provider.user = {"sub": name, "email": f"{name}@example.org", "email_verified": True, "name": "Ada"}
    provider.claims, provider.sign, provider.userinfo, provider.answers = {}, None, None, {}
    provider.asked.clear()


def bearer(answer):
    return {"Authorization": "Bearer " + answer.data["access_token"]}


def accounts(server, email):
    return server.rows(f"select * from users where email = '{email}'")


def refusal(answer, status):
    assert answer.status == status, answer
    assert "access_token" not in answer.text and "__Host-session=" not in str(answer.headers)
    return answer.error["message"]


# What a good provider and a good browser do


def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(server, provider):
    browser = Browser(server)
    first = browser.sign_in(provider)
    assert first.status == 201 and first.headers["Cache-Control"] == "no-store", first
    account = first.data["account"]
    assert account["email"] == provider.user["email"] and account["name"] == "Ada" and account["role"] == "user"
    assert is_somebody(server.client, bearer(first))
    provider.user["email"] = "elsewhere@example.org"  # it is the subject that counts
    again = Browser(server).sign_in(provider)
    assert again.status == 200 and again.data["account"] == account
    assert len(server.rows(f"select * from _tenon_identities where account = '{account['id']}'")) == 1
    server.wait_log(message="audit", event="sign_in", request_id=again.headers["X-Request-Id"])
    events = [record["event"] for record in server.logs(message="audit") if record.get("subject") == account["id"]]
    assert events == ["registered", "identity_linked", "sign_in", "sign_in"]


def test_a_cookie_is_given_and_the_browser_goes_where_the_app_says(server, provider):
    browser = Browser(server)
    answer = browser.sign_in(provider, "")
    assert answer.status == 303 and answer.headers["Location"] == "/" and answer.body == b""
    assert set(browser.cookies) == {"__Host-session", "__Host-signin"} and is_somebody(server.client, browser.session)
    for path in ("/", "/welcome", "/a/b?c=d&e=%2F%2Fx#there", "/notes/.."):
        assert Browser(server).sign_in(provider, "?return=" + urllib.parse.quote(path, safe="")).headers["Location"] == path


def test_what_two_tabs_have_begun_ends_in_both(server, provider):
    browser = Browser(server)
    first, second = provider.authorize(browser.begin("?return=/first")), provider.authorize(browser.begin("?return=/second"))
    assert browser.come_back(**first).headers["Location"] == "/first"
    assert browser.come_back(**second).headers["Location"] == "/second"
    assert refusal(browser.come_back(**first), 403) == "this sign-in has been used already"
    browser.cookies["__Host-signin"] = 'x"y<z' + "A" * 17  # a secret that is none of ours is not taken over
    browser.begin()
    assert re.fullmatch(r"[\w-]{22}", browser.cookies["__Host-signin"])


def test_what_goes_to_the_provider_is_what_the_standards_ask_for(server, provider):
    browser = Browser(server)
    location = browser.begin()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert location.startswith(provider.url + "/authorize?")
    assert query["response_type"] == "code" and query["client_id"] == "the-client" and query["scope"] == "openid email"
    assert query["redirect_uri"] == "http://127.0.0.1:8080/auth/provider/fake/callback" and query["code_challenge_method"] == "S256"
    assert len(query["nonce"]) == 43 and len(query["code_challenge"]) == 43
    cookie = browser.cookies["__Host-signin"]
    assert cookie not in location
    assert browser.come_back(**provider.authorize(location)).status == 303
    path, form, headers = next(row for row in provider.asked if row[0] == "/token")
    basic = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert [urllib.parse.unquote(part) for part in basic.split(":")] == ["the-client", "the secret: of 100% + more"]
    assert "client_secret" not in form and len(form["code_verifier"]) == 43 and form["code_verifier"] not in location
    assert "the secret: of" not in server.log_text() and form["code_verifier"] not in server.log_text() and form["code"] not in server.log_text()
    other = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(Browser(server).begin()).query))
    assert all(other[name] != query[name] for name in ("state", "nonce", "code_challenge"))


def test_a_login_page_can_ask_which_providers_there_are(server):
    assert server.client.get("/auth/providers").data == [{"name": "fake", "url": "http://127.0.0.1:8080/auth/provider/fake"}]
    assert server.client.get("/auth/provider/nobody").status == 404 and server.client.get("/auth/provider/nobody/callback").status == 404


def test_the_userinfo_is_asked_only_for_what_the_id_token_does_not_say(server, provider):
    provider.userinfo = {**provider.user, "nickname": "ada"}
    Browser(server).sign_in(provider)
    assert "/userinfo" not in [row[0] for row in provider.asked]
    email = "info@example.org"
    provider.user = {"sub": "from-userinfo"}
    provider.userinfo = {"sub": "from-userinfo", "email": email, "email_verified": True, "nickname": "lovelace", "name": 7}
    answer = Browser(server).sign_in(provider)
    assert answer.status == 201 and answer.data["account"]["email"] == email and answer.data["account"]["nickname"] == "lovelace"
    assert answer.data["account"]["name"] == "somebody"


def test_claims_give_no_rights_and_what_does_not_fit_is_left_out(server, provider):
    provider.claims = {"role": "admin", "active": False, "id": "01890a5d-ac96-774b-bcce-b302099a8057", "password": PASSWORD,
                       "nickname": "n" * 21, "name": ""}
    account = Browser(server).sign_in(provider).data["account"]
    assert account["role"] == "user" and account["active"] is True and account["id"] != provider.claims["id"]
    assert account["nickname"] is None and account["name"] == "somebody"
    assert server.client.post("/auth/login", json={"email": account["email"], "password": PASSWORD}).status == 401


def test_an_account_that_came_with_a_provider_has_no_password(server, provider):
    account = Browser(server).sign_in(provider).data["account"]
    assert accounts(server, account["email"])[0]["password"] == "!"
    for password in ("!", "", PASSWORD):
        assert server.client.post("/auth/login", json={"email": account["email"], "password": password}).status in (400, 401)


def test_required_fields_that_the_provider_does_not_give_are_told(serve, provider):
    server = serve(app(provider, RESOURCES.replace("nickname: text(1..20)", "nickname: text(1..20) required\n      age: int required")))
    answer = Browser(server).sign_in(provider)
    assert refusal(answer, 422) == "an account needs what the provider does not give", answer
    assert set(answer.error["fields"]) == {"nickname", "age"} and server.rows("select * from users") == []


def test_where_nobody_may_make_an_account_the_provider_makes_none(serve, provider):
    server = serve(app(provider, RESOURCES.replace("create: true", 'create: role("admin")')))
    assert "none may be made" in refusal(Browser(server).sign_in(provider), 403)
    assert server.rows("select * from users") == [] and server.rows("select * from _tenon_identities") == []


def test_who_may_not_sign_in_does_not_do_so_with_a_provider(server, provider):
    first = Browser(server).sign_in(provider)
    server.execute(f"update users set active = false where id = '{first.data['account']['id']}'")
    assert "may not sign in" in refusal(Browser(server).sign_in(provider), 403)
    server.execute(f"update users set active = true where id = '{first.data['account']['id']}'")
    assert Browser(server).sign_in(provider).status == 200


def test_an_account_that_must_be_let_in_first_is_made_and_waits(serve, provider):
    server = serve(app(provider, RESOURCES.replace("active: bool required = true", "active: bool required = false")))
    for _ in range(2):
        assert "may not sign in" in refusal(Browser(server).sign_in(provider), 403)
    assert len(server.rows("select * from users")) == 1 and server.rows("select * from _tenon_grants") == []
    server.execute("update users set active = true")
    assert Browser(server).sign_in(provider).status == 200


def test_two_first_sign_ins_at_once_make_one_account(server, provider):
    browsers = [Browser(server) for _ in range(8)]
    ways = [provider.authorize(browser.begin("?session=token")) for browser in browsers]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda pair: pair[0].come_back(**pair[1]), zip(browsers, ways)))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201], answers
    assert len({answer.data["account"]["id"] for answer in answers}) == 1
    assert len(accounts(server, provider.user["email"])) == 1


def test_an_account_that_is_deleted_takes_its_links_with_it(server, provider):
    first = Browser(server).sign_in(provider)
    assert server.client.delete(f"/api/v1/users/{first.data['account']['id']}", headers=bearer(first)).status == 204
    assert server.rows(f"select * from _tenon_identities where subject = '{provider.user['sub']}'") == []
    again = Browser(server).sign_in(provider)
    assert again.status == 201 and again.data["account"]["id"] != first.data["account"]["id"]


def test_a_link_to_an_account_that_is_gone_leads_to_a_new_one(server, provider):
    first = Browser(server).sign_in(provider)
    server.execute(f"delete from users where id = '{first.data['account']['id']}'")
    again = Browser(server).sign_in(provider)
    assert again.status == 201 and again.data["account"]["id"] != first.data["account"]["id"]


def test_a_subject_is_of_one_issuer_whatever_the_provider_is_called(serve, provider):
    """Numbers and names of people mean others where another provider takes over the name."""
    server = serve(app(provider))
    first = Browser(server).sign_in(provider).data["account"]["id"]
    with Provider() as other:
        other.user = {**provider.user, "email": "somebody-else@example.org"}
        server.app_text = app(other)
        server.restart()
        answer = Browser(server).sign_in(other)
        assert answer.status == 201 and answer.data["account"]["id"] != first, answer
        assert Browser(server).sign_in(other).data["account"]["id"] == answer.data["account"]["id"]
        other.shutdown()
    server.app_text = app(provider)
    server.restart()
    assert Browser(server).sign_in(provider).data["account"]["id"] == first


def test_a_number_that_another_account_was_given_is_not_linked(serve, provider):
    server = serve(app(provider, RESOURCES.replace("  users:\n", "  users:\n    id: int\n", 1)))
    first = Browser(server).sign_in(provider)
    number = first.data["account"]["id"]
    server.execute("update _tenon_identities set created_us = created_us - 3600000000")
    server.execute(f"update users set email = 'other@example.org' where id = {number}")
    again = Browser(server).sign_in(provider)
    assert again.status == 201 and again.data["account"]["id"] != number
    assert Browser(server).sign_in(provider).data["account"]["id"] == again.data["account"]["id"]


# E-mail addresses


def test_a_pre_registered_account_loses_its_password_and_sign_ins_when_its_address_turns_out_anothers(server, provider):
    """33. Whoever was there first has shown nothing."""
    email = provider.user["email"]
    attacker = Person(server.client, email=email, password="the attacker's own password")
    cookie = Person(server.client, cookie=True, email="x" + email)
    assert is_somebody(server.client, attacker.headers)
    answer = Browser(server).sign_in(provider)
    assert answer.status == 200 and answer.data["account"]["id"] == attacker.id
    assert not is_somebody(server.client, attacker.headers) and attacker.login().status == 401
    assert server.client.post("/auth/refresh", json={"refresh_token": attacker.refresh}).status == 401
    assert is_somebody(server.client, cookie.cookie) and is_somebody(server.client, bearer(answer))
    server.wait_log(message="audit", event="account_reclaimed", subject=attacker.id)


def test_links_keys_and_tokens_of_whoever_made_the_account_go_too(server, provider):
    """33. Also where that was a provider, with another address."""
    attacker = Browser(server).sign_in(provider)
    victim = "victim-of-a-change@example.org"
    key = server.client.patch(f"/api/v1/users/{attacker.data['account']['id']}", json={"email": victim}, headers=bearer(attacker))
    assert key.status == 200, key
    own = dict(provider.user)
    provider.user = {"sub": "the-victim", "email": victim, "email_verified": True}
    answer = Browser(server).sign_in(provider)
    assert answer.status == 200 and answer.data["account"]["id"] == attacker.data["account"]["id"]
    assert not is_somebody(server.client, bearer(attacker))
    provider.user = own  # the attacker's way in is gone: this is another account now
    back = Browser(server).sign_in(provider)
    assert back.status == 201 and back.data["account"]["id"] != answer.data["account"]["id"]


def test_whoever_signs_in_while_the_account_is_reclaimed_is_out(server, provider):
    """33. However many of their requests are on their way."""
    attacker = Person(server.client, email=provider.user["email"])
    over, tokens, passwords = threading.Event(), [attacker.headers], [PASSWORD]

    def sign_in_again_and_again(number):
        failures = 0
        with server.new_client() as api:
            while not over.is_set() and failures < 100:  # far below what locks this address out
                answer = api.post("/auth/login", json={"email": attacker.email, "password": passwords[0]})
                failures += answer.status != 200
                if answer.status == 200:
                    tokens.append(bearer(answer))
                    if number == 0:
                        wanted = f"another password {len(tokens)}"
                        changed = api.patch(f"/api/v1/users/{attacker.id}", json={"password": wanted}, headers=tokens[-1])
                        passwords[0] = wanted if changed.status == 200 else passwords[0]
                    elif number == 1:
                        api.post("/auth/password", json={"current_password": passwords[0], "new_password": passwords[0]}, headers=tokens[-1])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(sign_in_again_and_again, number) for number in range(4)]
        time.sleep(0.3 * SCALE)
        answer = Browser(server).sign_in(provider)
        time.sleep(0.2 * SCALE)
        over.set()
        for future in running:
            future.result()
    assert answer.status == 200 and len(tokens) > 1, answer
    assert accounts(server, attacker.email)[0]["password"] == "!"
    assert not any(is_somebody(server.client, headers) for headers in tokens) and is_somebody(server.client, bearer(answer))


def test_an_account_whose_address_a_provider_has_proven_keeps_its_sign_ins(serve):
    with Provider() as one, Provider() as other:
        text = app(one).replace('"fake"', '"one"', 1)
        settings = json.loads(text.splitlines()[0].removeprefix("auth: "))
        settings["providers"].append({**settings["providers"][0], "name": "fake", "issuer": other.url})
        server = serve("auth: " + json.dumps(settings) + "\n" + "\n".join(text.splitlines()[1:]))
        browser = Browser(server)
        way = one.authorize(browser.get("/auth/provider/one?session=token").headers["Location"])
        first = browser.get("/auth/provider/one/callback?" + urllib.parse.urlencode(way))
        assert first.status == 201, first
        other.user = {**one.user, "sub": "elsewhere", "email": one.user["email"].upper()}
        second = Browser(server).sign_in(other)
        assert second.status == 200 and second.data["account"]["id"] == first.data["account"]["id"]
        assert is_somebody(server.client, bearer(first))
        # the same subject at another provider is somebody else, and a state of one is none of the other's
        other.user = {**one.user, "email": "another@example.org"}
        assert Browser(server).sign_in(other).data["account"]["id"] != first.data["account"]["id"]
        mixed = Browser(server)
        way = other.authorize(mixed.get("/auth/provider/one?session=token").headers["Location"])
        assert mixed.get("/auth/provider/fake/callback?" + urllib.parse.urlencode(way)).status == 403
        one.shutdown()
        other.shutdown()


VERIFIED = RESOURCES.replace("active:", "verified: bool readonly = false\n      active:").replace(
    'update: role("admin") || id == auth.id', 'update: [{for: role("admin")}, {when: id == auth.id, fields: [name, password]}]')


def test_an_account_that_the_app_says_is_verified_keeps_its_password(serve, provider):
    server = serve(app(provider, VERIFIED))
    person = Person(server.client, email=provider.user["email"])
    server.execute("update users set verified = true")
    answer = Browser(server).sign_in(provider)
    assert answer.status == 200 and answer.data["account"]["id"] == person.id
    assert is_somebody(server.client, person.headers) and person.login().status == 200


def test_an_account_that_is_not_verified_is_reclaimed_and_verified_then(serve, provider):
    """33. And whoever comes with the provider has proven it."""
    server = serve(app(provider, VERIFIED))
    person = Person(server.client, email=provider.user["email"])
    assert Browser(server).sign_in(provider).data["account"]["verified"] is True
    assert person.login().status == 401
    provider.user = {"sub": "new", "email": "new@example.org", "email_verified": True}
    assert Browser(server).sign_in(provider).data["account"]["verified"] is True


OWN = "{when: id == auth.id, fields: [name, password]}"


@pytest.mark.parametrize("resources, sent", [
    (VERIFIED.replace("bool readonly", "bool"), {"verified": True}),
    (VERIFIED.replace(OWN, "{when: id == auth.id, fields: [name, email]}"), {}),
    (VERIFIED.replace(OWN, "{for: role('user'), when: id == auth.id, fields: [name, email]}"), {}),
    (VERIFIED.replace(OWN, "{for: auth.id != null, when: id == auth.id}"), {}),
], ids=["verified", "email", "email of a role", "email of anybody"])
def test_verified_is_not_believed_where_whoever_signs_up_may_write_it_or_the_address(serve, provider, resources, sent):
    """33. They would vouch for themselves."""
    server = serve(app(provider, resources))
    person = Person(server.client, email=provider.user["email"], **sent)
    server.execute("update users set verified = true")
    assert "is not believed" in server.output()
    assert Browser(server).sign_in(provider).status == 200
    assert person.login().status == 401 and not is_somebody(server.client, person.headers)


@pytest.mark.parametrize("verified", [None, False, "false", "true", 1, "1", [True], {}], ids=repr)
@pytest.mark.parametrize("place", ["token", "userinfo"])
def test_an_address_that_is_not_verified_links_nothing_and_makes_nothing(server, provider, verified, place):
    """33. Whatever a provider says instead of true."""
    email = f"unverified{somebody_new.count}@example.org"
    said = {"email": email, "email_verified": verified}
    said = {k: v for k, v in said.items() if v is not None}
    provider.user = {"sub": provider.user["sub"], **(said if place == "token" else {})}
    provider.userinfo = {"sub": provider.user["sub"], **said}
    nobody = Browser(server).sign_in(provider)
    assert "not verified" in refusal(nobody, 409) and accounts(server, email) == []
    person = Person(server.client, email=email)
    somebody = Browser(server).sign_in(provider)
    refusal(somebody, 409)
    assert somebody.error["message"] == nobody.error["message"]  # and it does not say whether there is such an account
    assert is_somebody(server.client, person.headers) and person.login().status == 200
    assert server.rows(f"select * from _tenon_identities where subject = '{provider.user['sub']}'") == []


def test_where_links_are_off_an_account_is_not_found_by_its_address(serve, provider):
    """33. Not even a verified one."""
    server = serve(app(provider, link=False))
    person = Person(server.client, email=provider.user["email"])
    refusal(Browser(server).sign_in(provider), 409)
    assert is_somebody(server.client, person.headers) and person.login().status == 200
    provider.user = {"sub": "new", "email": "new@example.org", "email_verified": True}
    assert Browser(server).sign_in(provider).status == 201 and Browser(server).sign_in(provider).status == 200


@pytest.mark.parametrize("email", ["", "no address", "a@b@c", "ada@example.org\n", " ada@example.org", "x" * 400 + "@example.org", 7, ["ada@example.org"]], ids=lambda e: repr(e)[:20])
def test_what_is_no_address_makes_nothing(server, provider, email):
    """33. It is refused."""
    provider.claims = {"email": email}
    provider.userinfo = {"sub": provider.user["sub"]}
    refusal(Browser(server).sign_in(provider), 422)


def test_an_address_that_only_looks_like_another_is_not_it(server, provider):
    """33. It is somebody else."""
    person = Person(server.client, email=f"kate{somebody_new.count}@example.org")
    provider.user["email"] = f"\u212aate{somebody_new.count}@example.org"  # the Kelvin sign, which some databases fold to k
    answer = Browser(server).sign_in(provider)
    assert answer.status in (201, 409)
    assert answer.status == 409 or answer.data["account"]["id"] != person.id
    assert is_somebody(server.client, person.headers)


# Subjects


@pytest.mark.parametrize("subject", [None, "", 0, 7, False, True, [], ["p1"], {}, "x" * 256], ids=lambda s: repr(s)[:12])
def test_without_a_subject_nobody_signs_in(server, provider, subject):
    """34. None, empty, zero, or no text."""
    before = len(server.rows("select * from users"))
    provider.claims = {"sub": subject}
    refusal(Browser(server).sign_in(provider), 401)
    assert len(server.rows("select * from users")) == before


@pytest.mark.parametrize("body", [b"{}", b"", b"[]", b"null", b'"x"', b"<html>", {"error": "server_error"}, {"id_token": ""}, {"id_token": None},
                                  {"id_token": 7}, {"id_token": "a.b.c"}, {"access_token": "x"}, b'{"id_token": "a", "id_token": "b"}'], ids=repr)
def test_what_holds_no_token_signs_nobody_in_whatever_its_status(server, provider, body):
    """34. An error in an answer that says 200 is one."""
    provider.answers["/token"] = (200, {}, body)
    refusal(Browser(server).sign_in(provider), 401)


@pytest.mark.parametrize("subject", [None, "", "somebody else", 0, ["p1"]], ids=repr)
def test_userinfo_of_another_subject_is_refused(server, provider, subject):
    """34. It is somebody else."""
    email = provider.user["email"]
    provider.user = {"sub": provider.user["sub"]}
    provider.userinfo = {k: v for k, v in {"sub": subject, "email": email, "email_verified": True}.items() if v is not None}
    refusal(Browser(server).sign_in(provider), 401)
    assert accounts(server, email) == []


# ID tokens


def an_hour_ago():
    return now(-3600)


def in_an_hour():
    return now(3600)


CHANGED_CLAIMS = [
    {"nonce": "another"}, {"nonce": None}, {"nonce": ""}, {"nonce": 7},
    {"iss": "https://evil.example"}, {"iss": None}, {"iss": ""},
    {"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": ["another"]}, {"aud": ["the-client", "another"]}, {"aud": 7},
    {"azp": "another"}, {"azp": ""}, {"azp": 7}, {"azp": "another", "aud": ["the-client", "another"]},
    {"exp": an_hour_ago}, {"exp": None}, {"exp": "tomorrow"}, {"iat": None}, {"iat": in_an_hour}, {"nbf": in_an_hour},
    {"at_hash": "another"}, {"at_hash": ""}, {"at_hash": 7},
]


@pytest.mark.parametrize("changes", CHANGED_CLAIMS, ids=lambda c: "-".join(f"{k}_{getattr(v, '__name__', v)}" for k, v in c.items())[:40])
def test_an_id_token_whose_claims_do_not_hold_proves_nobody(server, provider, changes):
    provider.claims = {name: value() if callable(value) else value for name, value in changes.items()}
    assert refusal(Browser(server).sign_in(provider), 401) == "the provider has not proven who this is"


def test_an_id_token_may_say_more_that_holds(server, provider):
    half = hashlib.sha256(b"the-access-token").digest()[:16]
    for claims in ({"at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode()}, {"azp": "the-client"}, {"aud": ["the-client"]},
                   {"aud": ["another", "the-client"], "azp": "the-client"}, {"exp": now(-10)}, {"auth_time": now(-5), "amr": ["pwd"], "x": {"y": [1]}}):
        provider.claims = claims
        assert Browser(server).sign_in(provider).status in (200, 201), claims


def signed_otherwise(provider):
    key, other = provider.key, make_key("RS256")

    def b64(data):
        return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()

    def mac(secret):
        def sign(said):
            text = f"{b64({'alg': 'HS256', 'kid': 'k1'})}.{b64(said)}"
            return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
        return sign

    yield "none", lambda said: f"{b64({'alg': 'none'})}.{b64(said)}."
    yield "None", lambda said: f"{b64({'alg': 'None', 'kid': 'k1'})}.{b64(said)}.AAAA"
    yield "HS256 with the client's secret", mac(b"the secret: of 100% + more")
    yield "HS256 with the public key", mac(public_pem(key).encode())
    yield "another key", lambda said: jwt.encode(said, other, algorithm="RS256", headers={"kid": "k1"})
    yield "an unknown kid", lambda said: jwt.encode(said, other, algorithm="RS256", headers={"kid": "k2"})
    yield "RS512", lambda said: jwt.encode(said, key, algorithm="RS512", headers={"kid": "k1"})
    yield "PS256 with the RS256 key", lambda said: jwt.encode(said, key, algorithm="PS256", headers={"kid": "k1"})
    yield "its own key in the header", lambda said: jwt.encode(said, other, algorithm="RS256", headers={"kid": "k1", "jwk": json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(other.public_key()))})
    yield "changed behind the signature", lambda said: "{0}.{2}.{1}".format(*jwt.encode(said, key, algorithm="RS256", headers={"kid": "k1"}).split(".")[::2], b64({**said, "sub": "admin"}))


def test_an_id_token_that_the_providers_key_has_not_signed_proves_nobody(server, provider):
    for name, sign in signed_otherwise(provider):
        provider.sign = sign
        assert refusal(Browser(server).sign_in(provider), 401) == "the provider has not proven who this is", name
    provider.sign = None
    assert Browser(server).sign_in(provider).status == 201


# States


def test_a_state_belongs_to_the_browser_that_began(server, provider):
    attacker, victim = Browser(server), Browser(server)
    way = provider.authorize(attacker.begin("?session=token"))
    for browser in (victim, Browser(server)):
        assert "not begun in this browser" in refusal(browser.come_back(**way), 403)
        browser.begin()
        assert "not begun in this browser" in refusal(browser.come_back(**way), 403)
    assert attacker.come_back(**way).status == 201


def test_a_state_is_used_once(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin("?session=token"))
    assert browser.come_back(**way).status == 201
    assert "used already" in refusal(browser.come_back(**way), 403)
    another = provider.authorize(f"?state={way['state']}&" + Browser(server).begin().split("?")[1].replace("state=", "x="))
    assert "used already" in refusal(browser.come_back(code=another["code"], state=way["state"]), 403)


def test_of_twenty_callbacks_at_once_one_signs_in(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin("?session=token"))
    copies = [Browser(server) for _ in range(20)]
    for copy in copies:
        copy.cookies = dict(browser.cookies)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda copy: copy.come_back(**way), copies))
    assert sorted(answer.status for answer in answers) == [201] + [403] * 19
    assert [row[0] for row in provider.asked].count("/token") == 1
    assert len(server.rows(f"select * from _tenon_grants where account = (select account from _tenon_identities where subject = '{provider.user['sub']}')")) == 1


def test_a_state_that_was_changed_is_none(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin("?session=token&return=%2Fx".split("&")[0]))
    state = way["state"]
    parts = state.split(".")
    changed = [state[:-1], state + "A", state[:-1] + ("A" if state[-1] != "A" else "B"), "", ".", "....", ".".join(parts[:4]), "x" * 5000,
               ".".join([parts[0], str(int(parts[1]) + 1), *parts[2:]]), ".".join([*parts[:2], "c", *parts[3:]]),
               ".".join([*parts[:3], base64.urlsafe_b64encode(b"//evil.example").rstrip(b"=").decode(), parts[4]])]
    for text in changed:
        answer = browser.come_back(code=way["code"], state=text)
        assert answer.status == 403 and "/token" not in [row[0] for row in provider.asked], text
    assert browser.come_back(**way).status == 201


def test_a_head_request_uses_up_no_state(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin("?session=token"))
    path = "/auth/provider/fake/callback?" + urllib.parse.urlencode(way)
    assert server.client.head(path, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}).status == 405
    assert browser.come_back(**way).status == 201


# What comes back instead


def test_what_the_provider_says_is_shown_to_the_browser_that_began_and_to_no_other(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin())
    said = {"error": "access_denied", "error_description": "you have <b>pressed</b> no"}
    assert "access_denied" not in Browser(server).come_back(state=way["state"], **said).text
    message = refusal(browser.come_back(state=way["state"], **said), 403)
    assert "access_denied" in message and "<b>pressed</b>" in message
    assert browser.come_back(**way).status == 403  # it was used up


def test_a_code_that_the_provider_does_not_know_signs_nobody_in(server, provider):
    browser = Browser(server)
    way = provider.authorize(browser.begin())
    refusal(browser.come_back(code="made-up", state=way["state"]), 401)
    for parameters in ({}, {"code": ""}, {"code": "x" * 5000}):
        browser = Browser(server)
        way = provider.authorize(browser.begin())
        refusal(browser.come_back(state=way["state"], **parameters), 403)
    way = provider.authorize(browser.begin())
    assert browser.get("/auth/provider/fake/callback?" + urllib.parse.urlencode([*way.items(), ("code", "y")])).status == 400


def test_an_answer_of_another_issuer_is_refused(server, provider):
    assert Browser(server).sign_in(provider, iss=provider.url).status == 201
    for issuer in ("https://evil.example", "", provider.url + "/"):
        browser = Browser(server)
        assert "another provider" in refusal(browser.sign_in(provider, iss=issuer), 403)


def test_what_a_provider_adds_to_its_answer_is_not_minded(server, provider):
    assert Browser(server).sign_in(provider, session_state="x.y", scope="openid email", authuser="0", prompt="none").status == 201


# What an account has


def test_an_account_sees_and_removes_its_links_but_not_the_last_way_in(server, provider):
    assert server.client.get("/auth/identities").status == 401 and server.client.delete("/auth/identities/fake").status == 401
    first = Browser(server).sign_in(provider)
    listed = server.client.get("/auth/identities", headers=bearer(first))
    assert [(row["provider"], row["email"]) for row in listed.data] == [("fake", provider.user["email"])] and "sub" not in listed.text
    answer = server.client.delete("/auth/identities/fake", headers=bearer(first))
    assert answer.status == 409 and "only way" in answer.error["message"], answer
    gone = f"'gone', 'https://gone.example.org', 's', '{first.data['account']['id']}', 'x@example.org', 1"  # declared no more
    server.execute(f"insert into _tenon_identities(provider, issuer, subject, account, email, created_us) values ({gone})")
    assert server.client.delete("/auth/identities/fake", headers=bearer(first)).status == 409
    assert server.client.delete("/auth/identities/gone", headers=bearer(first)).status == 204
    assert server.client.delete("/auth/identities/other", headers=bearer(first)).status == 404
    person = Person(server.client)
    assert server.client.delete("/auth/identities/fake", headers=person.headers).status == 404
    assert server.client.get("/auth/identities", headers=person.headers).data == []


def test_an_account_with_a_password_may_remove_its_last_link(serve, provider):
    server = serve(app(provider, VERIFIED))
    person = Person(server.client, email=provider.user["email"])
    server.execute("update users set verified = true")
    assert Browser(server).sign_in(provider).status == 200
    assert server.client.delete("/auth/identities/fake", headers=person.headers).status == 204
    assert server.rows("select * from _tenon_identities") == [] and is_somebody(server.client, person.headers)
    server.wait_log(message="audit", event="identity_removed", subject="fake")
