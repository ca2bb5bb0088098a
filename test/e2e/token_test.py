# SPDX-License-Identifier: Apache-2.0
"""Access tokens: keys of every kind, rotated; forged ones of every kind; tokens of other issuers.

A number that a docstring begins with is a line of the security checklist, as in security_test.py."""

import base64
import contextlib
import http.server
import json
import threading
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from server import SCALE, run_tenon
from signin_test import CHEAP, PASSWORD, RESOURCES, Person, bearer, claims, is_somebody

DATABASES = ("sqlite", "postgres")
SECRET = "a secret of more than thirty-two bytes"


def make_key(algorithm):
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


KEYS = {algorithm: make_key(algorithm) for algorithm in ("RS256", "ES256", "EdDSA")}


def auth(**settings):
    return "auth: " + json.dumps({"password": {"memory": "64KiB", "iterations": 1}, "lockout": {"failures": 1000}, **settings}) + RESOURCES


def key_setting(key, algorithm, kid, part="private"):
    return {part: private_pem(key) if part == "private" else public_pem(key), "algorithm": algorithm, "kid": kid}


# Our own


@pytest.mark.parametrize("algorithm", KEYS)
def test_others_can_verify_our_tokens_with_the_published_keys(serve, algorithm):
    api = serve(auth(keys=[key_setting(KEYS[algorithm], algorithm, "now")], issuer="https://api.example.org", audience="shop")).client
    person = Person(api)
    assert is_somebody(api, person.headers)
    published = api.get("/.well-known/jwks.json")
    assert published.headers["Content-Type"] == "application/jwk-set+json" and len(published.json["keys"]) == 1
    key = jwt.PyJWK(published.json["keys"][0], algorithm=algorithm)
    assert published.json["keys"][0]["kid"] == "now" and "d" not in published.json["keys"][0]
    assert jwt.get_unverified_header(person.access) == {"alg": algorithm, "typ": "at+jwt", "kid": "now"}
    said = jwt.decode(person.access, key.key, algorithms=[algorithm], issuer="https://api.example.org", audience="shop")
    assert said["sub"] == person.id


def test_a_shared_secret_is_not_published(serve):
    api = serve(auth(secret=SECRET)).client
    assert api.get("/.well-known/jwks.json").json == {"keys": []}
    assert jwt.decode(Person(api).access, SECRET, algorithms=["HS256"], audience="test")["iss"] == "test"


def test_keys_are_replaced_while_old_tokens_are_still_good(serve):
    old, new = key_setting(KEYS["ES256"], "ES256", "old"), key_setting(KEYS["EdDSA"], "EdDSA", "new")
    server = serve(auth(keys=[old]))
    person = Person(server.client)
    for keys, old_is_good in [([new, key_setting(KEYS["ES256"], "ES256", "old", "public")], True), ([new], False)]:
        server.app_text = auth(keys=keys)
        server.restart()
        person.api = server.client
        assert is_somebody(server.client, person.headers) == old_is_good
        fresh = person.login()
        assert jwt.get_unverified_header(fresh.data["access_token"])["kid"] == "new" and is_somebody(server.client, bearer(fresh))


def test_without_a_key_every_start_has_the_same_one(serve):
    server = serve(auth())
    person = Person(server.client)
    server.restart()
    assert is_somebody(server.client, person.headers)


# Forged


@pytest.fixture(scope="module")
def target(serve_module):
    keys = [key_setting(KEYS["RS256"], "RS256", "rsa"), {"secret": SECRET, "kid": "mac"}, key_setting(KEYS["ES256"], "ES256", "ec")]
    server = serve_module(auth(keys=keys))
    server.person = Person(server.client)
    return server


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def signed(target, key=None, algorithm="RS256", header=None, **changes):
    """A token like that of the person, but for what is changed; None leaves a claim out."""
    said = {**claims(target.person.access), **changes}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, key or KEYS["RS256"], algorithm=algorithm, headers={"kid": "rsa", "typ": "at+jwt", **(header or {})})


def now(seconds):
    return int(time.time()) + seconds


def test_what_these_tests_sign_is_good_unless_it_is_changed(target):
    assert is_somebody(target.client, {"Authorization": "Bearer " + signed(target)})
    assert is_somebody(target.client, {"Authorization": "Bearer " + signed(target, SECRET, "HS256", {"kid": "mac"})})
    assert is_somebody(target.client, {"Authorization": "Bearer " + signed(target, KEYS["ES256"], "ES256", {"kid": "ec"})})


CHANGED_CLAIMS = [
    {"exp": now(-3600)}, {"exp": None}, {"exp": "tomorrow"}, {"exp": -1}, {"nbf": now(3600)}, {"iat": now(3600)},
    {"iss": "somebody else"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": ["another"]}, {"aud": 7},
    {"sub": "01890a5d-ac96-774b-bcce-b302099a8057"}, {"sub": "' or 1=1 --"}, {"sub": None}, {"sub": ["a"]},
    {"sid": None}, {"sid": "AAAAAAAAAAAAAAAAAAAAAA"}, {"sid": "' or 1=1 --"}, {"sid": 1},
]


@pytest.mark.parametrize("changes", CHANGED_CLAIMS, ids=lambda c: "-".join(c))
def test_claims_that_do_not_hold_are_refused(target, changes):
    """16, 17."""
    assert not is_somebody(target.client, {"Authorization": "Bearer " + signed(target, **changes)})


CHANGED_HEADERS = [
    {"typ": "JWT"}, {"typ": "id+jwt"}, {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"kid": "unknown"}, {"kid": "mac"}, {"kid": "ec"},
    {"kid": "../../../../dev/null"}, {"kid": "' or 1=1 --"}, {"kid": "x" * 300}, {"zip": "DEF", "crit": ["zip"]},
]


@pytest.mark.parametrize("header", CHANGED_HEADERS, ids=lambda h: "-".join(h))
def test_headers_that_do_not_fit_are_refused(target, header):
    """15, 17."""
    assert not is_somebody(target.client, {"Authorization": "Bearer " + signed(target, header=header)})


def test_a_signature_of_another_kind_than_the_keys_is_refused(target):
    """13, 14."""
    person, rsa_key = target.person, KEYS["RS256"]
    body = person.access.split(".")[1]

    def unsigned(algorithm, signature=""):
        return f"{b64({'alg': algorithm, 'typ': 'at+jwt', 'kid': 'rsa'})}.{body}.{signature}"

    def mac_with(secret):
        import hashlib
        import hmac
        text = f"{b64({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'rsa'})}.{body}"
        return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    der = rsa_key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = public_pem(rsa_key).encode()
    tokens = [unsigned("none"), unsigned("None"), unsigned("nOnE"), unsigned("NONE", "AAAA"), unsigned("RS256"), unsigned(""), unsigned("HS256"),
              mac_with(pem), mac_with(pem.strip()), mac_with(der), mac_with(b""),
              signed(target, KEYS["EdDSA"], "EdDSA"), signed(target, make_key("RS256")), signed(target, make_key("ES256"), "ES256", {"kid": "ec"}),
              signed(target, rsa_key, "RS512"), signed(target, rsa_key, "PS256"), signed(target, ec.generate_private_key(ec.SECP384R1()), "ES384", {"kid": "ec"})]
    for token in tokens:
        assert not is_somebody(target.client, {"Authorization": "Bearer " + token}), jwt.get_unverified_header(token)


def test_a_token_is_whole_or_refused(target):
    token = target.person.access
    for cut in list(range(0, len(token), 7)) + [len(token) - 1]:
        answer = target.client.get("/auth/me", headers={"Authorization": "Bearer " + token[:cut]})
        assert answer.status == 401
    head, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    twice = json.dumps(said)[:-1] + ', "sub": "x"}'
    for changed in (f"{token}.", f".{token}", f"{token}.x", f"{head}.{body}.{signature}=", f"{head}.{body}.{signature}A", f"{head}.{body}..{signature}",
                    f"{head}.{b64(twice.encode())}.{signature}", f"{head} .{body}.{signature}", token + "A" * 20000):
        answer = target.client.get("/auth/me", headers={"Authorization": "Bearer " + changed})
        assert answer.status in (401, 431), (changed[:60], answer)
    assert is_somebody(target.client, {"Authorization": "Bearer " + token})


# Other issuers


class Issuer(http.server.ThreadingHTTPServer):
    """Publishes keys, and counts who comes for them."""

    def __init__(self, keys):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.keys, self.asked, self.paths = keys, 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked += 1
            body = json.dumps({"keys": self.server.keys}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *unused):
            pass


@contextlib.contextmanager
def issuer_of(**keys):
    published = [{**json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key())), "kid": kid, "alg": algorithm, "use": "sig"}
                 for kid, (algorithm, key) in keys.items()]
    server = Issuer(published)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def foreign(issuer, key, algorithm="ES256", kid="k1", **changes):
    said = {"iss": issuer.url, "aud": "shop", "sub": "somebody", "exp": now(300), "iat": now(0), "email_verified": True, **changes}
    return {"Authorization": "Bearer " + jwt.encode({k: v for k, v in said.items() if v is not None}, key, algorithm=algorithm, headers={"kid": kid})}


def declared(issuer, **more):
    return {"issuer": issuer.url, "audience": "shop", "jwks": issuer.url + "/jwks", **more}


def test_a_declared_issuer_speaks_for_accounts(serve):
    """16, 17. And for no other audience, time, key or issuer."""
    key = KEYS["ES256"]
    with issuer_of(k1=("ES256", key)) as issuer:
        api = serve(auth(issuers=[declared(issuer, subject="email", field="email")])).client
        person = Person(api, email="ada@example.org")
        me = api.get("/auth/me", headers=foreign(issuer, key, email="ADA@example.org"))
        assert me.status == 200 and me.data["account"]["id"] == person.id
        note = api.post("/api/v1/notes", json={"title": "x"}, headers=foreign(issuer, key, email="ada@example.org"))
        assert note.status == 201 and note.data["owner"] == person.id
        assert issuer.asked == 1
        narrowed = foreign(issuer, key, email="ada@example.org", scope="notes:read")
        assert api.get("/api/v1/notes", headers=narrowed).status == 200
        assert api.post("/api/v1/notes", json={"title": "x"}, headers=narrowed).status == 403
        for scope in ("", " ", "nothing:read"):  # a scope that says nothing reaches nothing
            headers = foreign(issuer, key, email="ada@example.org", scope=scope)
            assert is_somebody(api, headers) and api.get("/api/v1/notes", headers=headers).status == 403
        for headers in (foreign(issuer, key, email="ada@example.org", scope=["notes:read"]), foreign(issuer, key, email="nobody@example.org"), foreign(issuer, key), foreign(issuer, key, email=""),
                        foreign(issuer, key, email=["ada@example.org"]), foreign(issuer, key, email="ada@example.org", aud="other"),
                        foreign(issuer, key, email="ada@example.org", exp=now(-120)), foreign(issuer, key, email="ada@example.org", exp=None),
                        foreign(issuer, key, email="ada@example.org", iss="https://evil.example"),
                        foreign(issuer, key, email="ada@example.org", email_verified=None), foreign(issuer, key, email="ada@example.org", email_verified="true"),
                        foreign(issuer, make_key("ES256"), email="ada@example.org"), foreign(issuer, KEYS["EdDSA"], "EdDSA", email="ada@example.org")):
            assert not is_somebody(api, headers)
        assert is_somebody(api, foreign(issuer, key, email="ada@example.org", exp=now(-10)))
        assert api.post("/auth/logout", headers=foreign(issuer, key, email="ada@example.org")).status == 403


def test_a_new_key_of_an_issuer_is_fetched_and_made_up_ones_are_not_asked_for_each_time(serve):
    old, new = KEYS["ES256"], make_key("ES256")
    with issuer_of(k1=("ES256", old)) as issuer, issuer_of(k2=("ES256", new)) as next_keys:
        api = serve(auth(issuers=[declared(issuer, subject="email", field="email")])).client
        Person(api, email="ada@example.org")
        assert is_somebody(api, foreign(issuer, old, email="ada@example.org"))
        issuer.keys = issuer.keys + next_keys.keys
        assert is_somebody(api, foreign(issuer, new, kid="k2", email="ada@example.org")) and issuer.asked == 2
        for i in range(20):
            assert not is_somebody(api, foreign(issuer, new, kid=f"made-up-{i}", email="ada@example.org"))
        assert issuer.asked <= 3


def test_an_issuer_that_is_away_is_no_reason_to_believe_anybody(serve):
    key = KEYS["ES256"]
    with issuer_of(k1=("ES256", key)) as issuer:
        url = declared(issuer, subject="email", field="email")
        token = foreign(issuer, key, email="ada@example.org")
    api = serve(auth(issuers=[url])).client
    Person(api, email="ada@example.org")
    assert api.get("/auth/me", headers=token).status == 503


def test_nothing_that_a_token_names_is_ever_fetched(serve):
    """15."""
    with issuer_of(k1=("ES256", KEYS["ES256"])) as issuer:
        api = serve(auth(keys=[key_setting(KEYS["RS256"], "RS256", "rsa")])).client
        person = Person(api)
        jwk = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(KEYS["ES256"].public_key()))
        for header in ({"jku": issuer.url + "/jwks"}, {"x5u": issuer.url + "/x"}, {"jwk": jwk}, {"kid": issuer.url + "/jwks"}):
            said = {**claims(person.access), "iss": issuer.url} if "jku" in header else claims(person.access)
            token = jwt.encode(said, KEYS["ES256"], algorithm="ES256", headers={"typ": "at+jwt", "kid": "k1", **header})
            assert not is_somebody(api, {"Authorization": "Bearer " + token})
        assert issuer.asked == 0


def test_without_accounts_a_token_brings_its_own_role(serve):
    app = """
roles: {editor: ["pages:*"], reader: ["pages:read"]}
resources:
  pages:
    fields: {title: text required}
    access: {read: can("pages:read"), write: can("pages:create")}
"""
    key = KEYS["ES256"]
    with issuer_of(k1=("ES256", key)) as issuer:
        api = serve("auth: " + json.dumps({"issuers": [declared(issuer, role="role")]}) + app).client
        for role, statuses in [("editor", (200, 201)), ("reader", (200, 403)), ("stranger", (403, 403)), (None, (403, 403))]:
            headers = foreign(issuer, key, role=role, sub=str(uuid.uuid4()))
            seen = (api.get("/api/v1/pages", headers=headers).status, api.post("/api/v1/pages", json={"title": "x"}, headers=headers).status)
            assert seen == statuses, role
        assert api.get("/api/v1/pages").status == 401 and api.post("/auth/login", json={}).status == 404


def test_two_issuers_without_accounts_are_warned_of(tmp_path):
    """One that names its people freely could name one of the other's."""
    issuers = [{"issuer": f"https://{name}.example.org", "audience": "shop", "jwks": f"https://{name}.example.org/jwks"} for name in "ab"]
    for count, accounts, is_warned in [(2, False, True), (1, False, False), (2, True, False)]:
        resources = RESOURCES if accounts else "\nresources: {pages: {fields: {title: text}, access: {read: auth.id != null, write: false}}}\n"
        (tmp_path / "app.yaml").write_text("name: x\nauth: " + json.dumps({"issuers": issuers[:count]}) + resources)
        checked = run_tenon("check", "app.yaml", directory=tmp_path)
        assert checked.returncode == 0 and ("is one caller" in checked.stdout + checked.stderr) == is_warned, checked
