# SPDX-License-Identifier: Apache-2.0
"""API keys and accounts made at the command line: what they open, what they are held to, what ends them."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
import types

import pytest

import transcript
from server import BINARY, ROOT, SCALE, run_tenon

DATABASES = ("sqlite", "postgres")

PASSWORD = "correct horse battery"
APP = """
cores: 2
auth: {when: active, password: {memory: 64KiB, iterations: 1}, lockout: {failures: 3}}
roles:
  user: ["notes:*", "open:*"]
  admin: ["*"]
resources:
  users:
    fields:
      name: text(1..80) required
      email: email required unique
      role: enum(user, admin) readonly = user
      active: bool required = true
      age: int
      password: password required
    access:
      read: id == auth.id || role("admin")
      create: true
      update: role("admin")
      delete: role("admin")
  notes:
    fields:
      title: text(1..200) required
      owner: users readonly on_delete(cascade) = auth.id
    access: {read: owner == auth.id || owner == null, create: can("notes:create"), update: owner == auth.id, delete: owner == auth.id}
  reports:
    fields: {title: text required}
    access: {read: role("admin"), create: can("reports:create"), update: role("admin"), delete: can("reports:delete")}
  open:
    fields: {title: text required}
    access: {all: true}
actions:
  ping:
    route: POST /ping
    access: true
    steps: [{sql: "UPDATE reports SET title = 'pinged' WHERE title = 'nothing'"}]
"""
KEY = re.compile(r"tk_([0-9a-f]{16})_[\w-]{43}\n")


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP)


@pytest.fixture(scope="module")
def api(server):
    return server.client


def tenon(server, *args, text_in=None, fails=None):
    """A run in the server's directory; `fails` is the exit code that it must have."""
    done = run_tenon(*args, directory=server.directory, text_in=text_in)
    assert done.returncode == (fails or 0), (done.returncode, done.stdout, done.stderr)
    return done


def tenon_json(server, *args, **options):
    return json.loads(tenon(server, *args, "--json", **options).stdout)


def add(server, login, role="user", **fields):
    """An account, and its id."""
    sets = [part for name, value in {"name": "Somebody", **fields}.items() for part in ("--set", f"{name}={value}")]
    return tenon_json(server, "account", "add", login, "--role", role, *sets, text_in=PASSWORD + "\n")["id"]


class Key:
    def __init__(self, server, scopes="*", owner=None, name="a key", **options):
        options |= {"owner": owner} if owner else {}
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        self.made = tenon_json(server, "key", "create", "--name", name, "--scopes", scopes, *words)
        self.id, self.text = self.made["id"], self.made["key"]

    @property
    def headers(self):
        return {"X-API-Key": self.text}


def listed(server, key):
    return next((row for row in tenon_json(server, "key", "list") if row["id"] == key), None)


def is_good(api, headers):
    answer = api.get("/api/v1/notes", headers=headers)
    assert answer.status in (200, 401), answer
    return answer.status == 200


def wait_until(is_so, within_s=1):
    """A server that runs asks the database again each second: no request that begins later than that may be answered as before."""
    since = begun = time.monotonic()
    while not is_so():
        assert begun - since < within_s + 0.3 * SCALE, "still as it was"
        time.sleep(0.02)
        begun = time.monotonic()


def wait_until_refused(api, headers, within_s=1):
    wait_until(lambda: not is_good(api, headers), within_s)


@pytest.fixture(scope="module")
def ada(server):
    return add(server, "ada@example.org", role="admin")


@pytest.fixture(scope="module")
def bob(server):
    return add(server, "bob@example.org")


# Making one


def test_a_key_is_shown_once_and_stored_hashed(server, api, ada):
    done = tenon(server, "key", "create", "--name", "nightly export", "--scopes", " reports:read   notes:* ", "--owner", "ada@example.org",
                 "--expires", "90d", "--rate", "100/m")
    assert KEY.fullmatch(done.stdout), done.stdout
    text = done.stdout.strip()
    id, secret = text.split("_", 2)[1:]
    assert secret not in done.stderr and "shown this once" in done.stderr
    assert api.get("/api/v1/reports", headers={"X-API-Key": text}).status == 200
    assert id in server.dump() and secret not in server.dump()
    row = listed(server, id)
    assert row | {"createdAt": 0, "expiresAt": 0, "lastUsedAt": 0} == {
        "id": id, "name": "nightly export", "owner": ada, "scopes": "reports:read notes:*", "rate": "100/m", "createdAt": 0,
        "lastUsedAt": 0, "expiresAt": 0, "expired": False}
    people = tenon(server, "key", "list").stdout
    assert "nightly export" in people and ada in people and secret not in people and text not in people


def test_a_scope_that_nothing_asks_for_is_warned_of(server):
    done = tenon(server, "key", "create", "--name", "x", "--scopes", "notes:read report:read *:delete")
    assert re.findall(r"asks for \"(.*?)\"", done.stderr) == ["report:read"] and KEY.fullmatch(done.stdout)


def test_a_key_of_an_account_that_may_not_sign_in_is_warned_of(server):
    add(server, "asleep@example.org", active="false")
    done = tenon(server, "key", "create", "--name", "x", "--scopes", "*", "--owner", "asleep@example.org")
    assert "may not sign in" in done.stderr


# What it opens


SEES = [  # owner, scopes, method, path, status
    ("ada", "*", "GET", "/api/v1/reports", 200),
    ("ada", "reports:read", "GET", "/api/v1/reports", 200),
    ("ada", "notes:read", "GET", "/api/v1/reports", 403),       # role("admin") holds, the scopes do not
    ("ada", "reports:create", "GET", "/api/v1/reports", 403),
    ("ada", "*:read", "POST", "/api/v1/reports", 403),
    ("ada", "reports:create reports:read", "POST", "/api/v1/reports", 201),
    ("ada", "notes:*", "GET", "/api/v1/open", 403),             # open to everybody, but not to this key
    ("ada", "open:read", "GET", "/api/v1/open", 200),
    ("ada", "notes:*", "POST", "/api/v1/ping", 403),
    ("ada", "actions:ping", "POST", "/api/v1/ping", 204),
    ("bob", "*", "GET", "/api/v1/reports", 403),                # no more than its owner
    ("bob", "*", "POST", "/api/v1/reports", 403),
    ("bob", "*", "POST", "/api/v1/notes", 201),
    ("bob", "notes:read", "POST", "/api/v1/notes", 403),
    (None, "reports:create", "POST", "/api/v1/reports", 201),   # nobody's: its scopes by themselves
    (None, "*", "GET", "/api/v1/reports", 403),                 # and no role
    (None, "notes:create notes:read", "POST", "/api/v1/notes", 201),
    (None, "notes:read", "POST", "/api/v1/notes", 403),
]


def test_a_key_opens_what_both_its_owner_and_its_scopes_do(server, api, ada, bob):
    keys = {}
    for owner, scopes, method, path, status in SEES:
        if (owner, scopes) not in keys:
            keys[owner, scopes] = Key(server, scopes, owner=owner and f"{owner}@example.org")
        answer = api.request(method, path, json=None if method == "GET" else {} if path.endswith("ping") else {"title": "x"},
                             headers=keys[owner, scopes].headers)
        assert answer.status == status, (owner, scopes, method, path, answer)
    assert api.get("/api/v1/open").status == 200


def test_a_key_of_somebody_is_them_and_one_of_nobody_is_nobody(server, api, bob):
    note = api.post("/api/v1/notes", json={"title": "mine"}, headers=Key(server, owner="bob@example.org").headers)
    assert note.data["owner"] == bob
    alone = Key(server, "*")
    nobodys = api.post("/api/v1/notes", json={"title": "nobody's"}, headers=alone.headers)
    assert nobodys.status == 201 and nobodys.data["owner"] is None
    assert note.data["id"] not in [row["id"] for row in api.get("/api/v1/notes", headers=alone.headers).data]
    me = api.get("/auth/me", headers=alone.headers)
    assert me.status == 200 and me.data["name"] == f"key:{alone.id}" and me.data.get("account") is None


def test_a_key_is_taken_from_its_header_alone(server, api):
    key = Key(server)
    assert is_good(api, key.headers)
    for name in ("api_key", "x-api-key", "X-API-Key", "key"):
        assert api.get("/api/v1/notes", query={name: key.text}).status == 400
        assert api.get("/api/v1/reports", query={name: key.text}).status in (400, 401)
    assert not is_good(api, {"Authorization": f"Bearer {key.text}"})
    assert api.get("/auth/me", headers={"Cookie": f"X-API-Key={key.text}; __Host-session={key.text}"}).status == 401
    assert key.text.split("_", 2)[2] not in server.log_text()


@pytest.mark.parametrize("change", [
    lambda text: text[:-1], lambda text: text + "A", lambda text: text.upper(), lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
    lambda text: "tk_0123456789abcdef" + text[19:], lambda text: text[:20] + "A" * 43, lambda text: text.replace("tk_", "TK_"),
])
def test_what_is_not_quite_a_key_is_refused(server, api, change):
    key = Key(server)
    answer = api.get("/api/v1/notes", headers={"X-API-Key": change(key.text)})
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert is_good(api, key.headers)


def test_when_it_was_last_used_is_noted(server, api):
    key = Key(server)
    assert listed(server, key.id)["lastUsedAt"] is None
    assert is_good(api, key.headers)
    assert listed(server, key.id)["lastUsedAt"] >= key.made["createdAt"]


# What ends it


def test_an_expired_key_is_refused_and_listed_so(server, api):
    key = Key(server, expires="1s")
    assert is_good(api, key.headers) and key.made["expiresAt"] > key.made["createdAt"]
    time.sleep(1.1)
    assert not is_good(api, key.headers)
    assert listed(server, key.id)["expired"] is True and "expired" in tenon(server, "key", "list").stdout


def test_a_revoked_key_is_refused_by_a_running_server_within_a_second(server, api):
    key, other = Key(server), Key(server)
    assert is_good(api, key.headers)
    assert key.id in tenon(server, "key", "revoke", key.id).stdout
    wait_until_refused(api, key.headers)
    assert is_good(api, other.headers) and listed(server, key.id) is None
    again = tenon(server, "key", "revoke", key.id, fails=1)
    assert "no key of that id" in again.stderr and "tenon key list" in again.stderr


def test_a_rotated_key_is_good_until_the_overlap_is_over(server, api, ada):
    key = Key(server, "reports:read notes:read", owner="ada@example.org", name="rotates", rate="50/s")
    new = tenon_json(server, "key", "rotate", key.id, "--overlap", "2s")
    assert new["id"] != key.id and new["key"] != key.text and new["oldExpiresAt"] > new["createdAt"]
    assert {name: new[name] for name in ("name", "owner", "scopes", "rate")} == {name: key.made[name] for name in ("name", "owner", "scopes", "rate")}
    assert is_good(api, key.headers) and is_good(api, {"X-API-Key": new["key"]})
    wait_until_refused(api, key.headers, within_s=2)
    assert is_good(api, {"X-API-Key": new["key"]})
    assert "has expired" in tenon(server, "key", "rotate", key.id, fails=1).stderr


def test_a_rotation_without_overlap_ends_the_old_key_at_once(server, api):
    key = Key(server)
    assert is_good(api, key.headers)
    done = tenon(server, "key", "rotate", key.id, "--overlap", "0")
    assert KEY.fullmatch(done.stdout) and "has ended" in done.stderr
    wait_until_refused(api, key.headers)
    assert is_good(api, {"X-API-Key": done.stdout.strip()}) and listed(server, key.id) is None


def test_a_rotation_does_not_make_a_key_last_longer(server):
    key = Key(server, expires="10d")
    new = tenon_json(server, "key", "rotate", key.id)
    assert new["expiresAt"][:10] == key.made["expiresAt"][:10] and listed(server, key.id)["expiresAt"][:10] == new["oldExpiresAt"][:10]
    assert tenon_json(server, "key", "rotate", new["id"], "--expires", "30d")["expiresAt"] > new["expiresAt"]
    short = Key(server, expires="1h")
    assert tenon_json(server, "key", "rotate", short.id)["oldExpiresAt"] == short.made["expiresAt"]


def test_a_key_ends_with_its_owner(server, api, ada):
    add(server, "gone@example.org")
    id = next(row["id"] for row in tenon_json(server, "account", "list") if row["login"] == "gone@example.org")
    key, root = Key(server, owner=id), Key(server, owner="ada@example.org")
    assert is_good(api, key.headers)
    assert api.patch(f"/api/v1/users/{id}", json={"active": False}, headers=root.headers).status == 200
    assert not is_good(api, key.headers)
    assert api.patch(f"/api/v1/users/{id}", json={"active": True}, headers=root.headers).status == 200
    assert is_good(api, key.headers)
    assert api.delete(f"/api/v1/users/{id}", headers=root.headers).status == 204
    assert not is_good(api, key.headers) and listed(server, key.id) is None


def test_a_key_loses_what_its_owner_loses(server, api):
    add(server, "demoted@example.org", role="admin")
    key = Key(server, owner="demoted@example.org")
    assert api.get("/api/v1/reports", headers=key.headers).status == 200
    tenon(server, "account", "role", "demoted@example.org", "user")
    wait_until(lambda: api.get("/api/v1/reports", headers=key.headers).status == 403)


# Its own limit


def test_a_key_has_a_limit_of_its_own_on_all_cores(server, api):
    key, free = Key(server, rate="6/h"), Key(server, rate="6/h")
    clients = [server.new_client() for _ in range(8)]  # the kernel spreads them over both cores
    answers = [client.get("/api/v1/notes", headers=key.headers) for client in clients]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 2
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"key";q=6;w=3600'] * 8
    assert [re.search(r'^"key";r=(\d+);t=\d+$', answer.headers["RateLimit"])[1] for answer in answers] == list("54321000")
    assert "Retry-After" not in answers[5].headers and 500 < int(answers[6].headers["Retry-After"]) <= 600
    assert answers[6].error["code"] == "RATE_LIMITED"
    assert api.get("/api/v1/notes", headers=free.headers).status == 200 and api.get("/api/v1/open").status == 200
    for client in clients:
        client.close()


def test_a_limit_cannot_be_dodged(server, api):
    key = Key(server, rate="1/h")
    assert api.get("/api/v1/notes", headers=key.headers).status == 200
    for extra in ({"X-Forwarded-For": "192.0.2.9"}, {"Forwarded": "for=192.0.2.9"}, {"X-Real-IP": "192.0.2.9"}, {"User-Agent": "another"},
                  {"Idempotency-Key": "k1"}, {"X-HTTP-Method-Override": "HEAD"}):
        assert api.get("/api/v1/notes", headers={**key.headers, **extra}).status == 429, extra
    for path in ("/api/v1/notes?limit=1", "/api/v1/notes/", "/API/v1/notes", "/api/v1/Notes", "//api/v1/notes", "/api/v1/./notes", "/api/v1/%6eotes", "/auth/me",
                 "/api/v1/open"):
        answer = api.get(path, headers=key.headers)
        assert answer.status in (429, 404, 400, 308), (path, answer)
        assert answer.status == 429 or "data" not in answer.text, (path, answer)
    for method in ("HEAD", "POST", "PATCH", "DELETE"):
        assert api.request(method, "/api/v1/notes" + ("" if method in ("HEAD", "POST") else "/1"), headers=key.headers).status == 429, method
    client = server.new_client(headers={"x-api-key": key.text})
    assert client.get("/api/v1/notes").status == 429
    client.close()


def batch(count):
    return {"operations": [{"method": "POST", "path": "/notes", "body": {"title": f"n{i}"}} for i in range(count)]}


def test_a_batch_counts_each_of_its_operations(server, api):
    key = Key(server, "notes:*", rate="10/h")
    first = api.post("/api/v1/batch", json=batch(7), headers=key.headers)
    assert first.status == 200 and 'r=3;' in first.headers["RateLimit"]
    before = len(server.rows("select id from notes"))
    second = api.post("/api/v1/batch", json=batch(4), headers=key.headers)
    assert second.status == 429 and int(second.headers["Retry-After"]) > 0 and 'r=2;' in second.headers["RateLimit"]
    assert len(server.rows("select id from notes")) == before
    third = api.post("/api/v1/batch", json=batch(2), headers=key.headers)
    assert third.status == 200 and 'r=0;' in third.headers["RateLimit"]
    assert api.get("/api/v1/notes", headers=key.headers).status == 429
    assert api.post("/api/v1/batch", json=batch(11), headers=Key(server, "notes:*", rate="10/h").headers).status == 429


# Mistakes

COUNTS = """select (select count(*) from users) as users, (select sum(version) from users) as versions,
  (select count(*) from _tenon_keys) as keys, (select count(*) from _tenon_events) as events"""


@pytest.mark.parametrize("args, code, said", [
    (("key",), 2, "say what: create, list, rotate or revoke"),
    (("key", "crate"), 2, 'did you mean "create"?'),
    (("key", "create"), 2, "say --name and --scopes"),
    (("key", "create", "--name", "x"), 2, "say --name and --scopes"),
    (("key", "create", "--name", "", "--scopes", "*"), 2, "--name must be"),
    (("key", "create", "--name", "x" * 201, "--scopes", "*"), 2, "--name must be"),
    (("key", "create", "--name", "a\nb", "--scopes", "*"), 2, "--name must be"),
    (("key", "create", "--name", "x", "--scopes", " "), 2, "--scopes must name"),
    (("key", "create", "--name", "x", "--scopes", "notes"), 2, '"notes" is no permission'),
    (("key", "create", "--name", "x", "--scopes", "*:*:*"), 2, "is no permission"),
    (("key", "create", "--name", "x", "--scopes", "a:b " * 1500), 2, "--scopes must not be longer"),
    (("key", "create", "--name", "x", "--scopes", "*", "--rate", "often"), 2, "--rate must be"),
    (("key", "create", "--name", "x", "--scopes", "*", "--rate", "0/m"), 2, "--rate must be"),
    (("key", "create", "--name", "x", "--scopes", "*", "--expires", "soon"), 2, "--expires must be"),
    (("key", "create", "--name", "x", "--scopes", "*", "--expires", "0"), 2, "--expires must be"),
    (("key", "create", "--name", "x", "--scopes", "*", "--overlap", "1h"), 2, "takes no --overlap"),
    (("key", "create", "--name", "x", "--scopes", "*", "--owner", "nobody@example.org"), 1, 'no account "nobody@example.org"'),
    (("key", "create", "app.yaml", "more", "--name", "x", "--scopes", "*"), 2, "one argument too many"),
    (("key", "list", "none.yaml"), 1, "none.yaml"),
    (("key", "list", "--database", "sqlite:none.db"), 1, "none.db"),
    (("key", "list", "--rate", "1/m"), 2, "takes no --rate"),
    (("key", "rotate"), 2, "say ID"),
    (("key", "rotate", "0123456789abcdef"), 1, "no key of that id"),
    (("key", "rotate", "0123456789abcdef", "--overlap", "-1s"), 2, "--overlap must be"),
    (("key", "revoke"), 2, "say ID"),
    (("key", "revoke", "' OR 1=1 --"), 1, "no key of that id"),
    (("key", "revoke", "x", "--role", "admin"), 2, "unknown option"),
    (("account",), 2, "say what: add, list, role, signout or password"),
    (("account", "add"), 2, "say LOGIN"),
    (("account", "role", "ada@example.org"), 2, "say LOGIN ROLE"),
    (("account", "role", "nobody@example.org", "user"), 1, 'no account "nobody@example.org"'),
    (("account", "role", "ada@example.org", "emperor"), 1, "role must be one of user, admin"),
    (("account", "signout", "nobody@example.org"), 1, "no account"),
    (("account", "password", "nobody@example.org"), 1, "no account"),
    (("account", "list", "--role", "admin"), 2, "takes no --role"),
    (("account", "signout", "x", "--set", "name=Ada"), 2, "takes no --set"),
    (("account", "list", "none.yaml"), 1, "none.yaml"),
])
def test_a_mistake_is_told_and_changes_nothing(server, ada, args, code, said):
    before = server.rows(COUNTS)
    done = tenon(server, *args, fails=code)
    assert said in done.stderr and done.stdout == "", (done.stdout, done.stderr)
    assert server.rows(COUNTS) == before


PLAIN = """
name: plain
database: sqlite:data/app.db
resources:
  notes:
    fields: {title: text}
    access: {all: true}
"""


def test_an_app_that_asks_nobody_who_they_are_has_neither_keys_nor_accounts(tmp_path):
    (tmp_path / "app.yaml").write_text(PLAIN)
    key = run_tenon("key", "create", "--name", "x", "--scopes", "*", directory=tmp_path)
    account = run_tenon("account", "list", directory=tmp_path)
    assert key.returncode == account.returncode == 1 and "asks who somebody is" in key.stderr
    (tmp_path / "app.yaml").write_text(PLAIN + "roles: {reader: ['notes:read']}\n")
    account = run_tenon("account", "add", "ada", directory=tmp_path, text_in=PASSWORD)
    assert account.returncode == 1 and "has no accounts" in account.stderr and "no resource has a password" in account.stderr
    assert KEY.fullmatch(run_tenon("key", "create", "--name", "x", "--scopes", "*", directory=tmp_path).stdout)


def test_the_help_names_every_action_and_option():
    key, account = run_tenon("key", "--help").stdout, run_tenon("account", "--help").stdout
    for word in ("create", "list", "rotate", "revoke", "--name", "--scopes", "--owner", "--expires", "--rate", "--overlap", "--database", "--json"):
        assert word in key, word
    for word in ("add", "list", "role", "signout", "password", "--role", "--set", "--database", "--json"):
        assert word in account, word


# Accounts


def login(api, email, password=PASSWORD):
    return api.post("/auth/login", json={"email": email, "password": password})


def bearer(answer):
    return {"Authorization": "Bearer " + answer.data["access_token"]}


def test_the_first_administrator_is_made_before_the_first_start(tmp_path_factory, database):
    directory = tmp_path_factory.mktemp("first")
    url = database() or "sqlite:data/app.db"
    (directory / "app.yaml").write_text(f"name: test\ndatabase: {url}\n" + APP)
    done = run_tenon("account", "add", "root@example.org", "--role", "admin", "--set", "name=Root", "--set", "age=44", directory=directory, text_in=PASSWORD + "\n")
    assert done.returncode == 0 and re.match(r"added root@example.org, id [0-9a-f-]{36}\n", done.stdout), done
    assert PASSWORD not in done.stdout + done.stderr
    again = run_tenon("account", "list", "--json", directory=directory)
    assert [row["role"] for row in json.loads(again.stdout)] == ["admin"]


def test_an_account_that_was_added_signs_in_with_its_role(server, api, ada):
    answer = login(api, "ada@example.org")
    assert answer.status == 200 and answer.data["account"]["role"] == "admin" and answer.data["account"]["version"] == 1
    assert answer.data["account"]["createdAt"] if "createdAt" in answer.data["account"] else answer.data["account"]["created_at"]
    assert api.get("/api/v1/reports", headers=bearer(answer)).status == 200
    assert PASSWORD not in server.dump() and PASSWORD not in server.log_text()
    rows = {row["login"]: row for row in tenon_json(server, "account", "list")}
    assert rows["ada@example.org"] == {"id": ada, "login": "ada@example.org", "role": "admin", "signIns": 1}
    assert re.search(rf"^{ada}  ada@example.org, role admin, 1 sign-in$", tenon(server, "account", "list").stdout, re.M)


@pytest.mark.parametrize("args, password, said", [
    ((), PASSWORD, ["name is required"]),
    (("--set", "name=Ada"), "", ["there is no password"]),
    (("--set", "name=Ada"), "x" * 2000, ["longer than any is taken"]),
    (("--set", "name=Ada"), "short", ["password "]),
    (("--set", "name=Ada"), "password1", ["commonest"]),
    (("--set", "name=Ada"), "new.one@example.org", ["password "]),
    (("--set", "name=Ada", "--role", "root"), PASSWORD, ["role must be one of user, admin"]),
    (("--set", "nam=Ada"), PASSWORD, ['unknown field "nam"; did you mean "name"?', "name is required"]),
    (("--set", "name"), PASSWORD, ["--set must be FIELD=VALUE"]),
    (("--set", "name=Ada", "--set", "age=old", "--set", "active=perhaps"), PASSWORD, ["age must be", "active must be"]),
    (("--set", "name=Ada", "--set", "password=correct horse"), PASSWORD, ["password is not to be --set"]),
    (("--set", "name=Ada", "--set", "role=admin"), PASSWORD, ["role is not to be --set"]),
    (("--set", "name=Ada", "--set", "created_at=2026-01-01T00:00:00Z"), PASSWORD, ["is set by the server"]),
])
def test_an_account_that_is_not_right_is_not_added(server, args, password, said):
    before = server.rows("select id from users order by id")
    done = tenon(server, "account", "add", "new.one@example.org", *args, text_in=password and password + "\n", fails=1)
    for sentence in said:
        assert sentence in done.stderr, done.stderr
    assert not password or password == "new.one@example.org" or password not in done.stderr
    assert server.rows("select id from users order by id") == before


def test_a_login_is_somebodys_once(server, ada):
    done = tenon(server, "account", "add", "ADA@example.org", "--set", "name=Ada", text_in=PASSWORD, fails=1)
    assert "email is already taken" in done.stderr
    assert "must be an e-mail address" in tenon(server, "account", "add", "ada", "--set", "name=Ada", text_in=PASSWORD, fails=1).stderr


def test_another_role_counts_within_a_second(server, api):
    id = add(server, "climber@example.org")
    token = bearer(login(api, "climber@example.org"))
    assert api.get("/api/v1/reports", headers=token).status == 403
    tenon(server, "account", "role", id, "admin")  # by its id
    wait_until(lambda: api.get("/api/v1/reports", headers=token).status == 200)
    assert api.get("/auth/me", headers=token).data["account"]["version"] == 2


def test_signing_somebody_out_ends_every_sign_in(server, api):
    add(server, "leaver@example.org")
    first, second = login(api, "leaver@example.org"), login(api, "leaver@example.org")
    assert tenon(server, "account", "signout", "leaver@example.org").stdout == "2 sign-ins of leaver@example.org ended\n"
    wait_until_refused(api, bearer(first))
    assert not is_good(api, bearer(second))
    assert api.post("/auth/refresh", json={"refresh_token": first.data["refresh_token"]}).status == 401
    assert login(api, "leaver@example.org").status == 200


def test_another_password_ends_every_sign_in_and_every_lock(server, api):
    add(server, "forgetful@example.org")
    token = bearer(login(api, "forgetful@example.org"))
    assert "commonest" in tenon(server, "account", "password", "forgetful@example.org", text_in="password1\n", fails=1).stderr
    assert is_good(api, token)
    tenon(server, "account", "password", "forgetful@example.org", text_in="quite another one\r\n")
    wait_until_refused(api, token)
    assert login(api, "forgetful@example.org").status == 401
    assert login(api, "forgetful@example.org", "quite another one").status == 200
    assert "quite another one" not in server.dump()


NUMBERED = """
name: numbered
database: {url}
auth: {{password: {{memory: 64KiB, iterations: 1}}}}
roles: {{reader: ["people:read"], writer: ["people:*"]}}
resources:
  people:
    id: int
    fields:
      login: text(3..20) required unique
      role: text readonly = 'reader'
      password: password required
      inviter: people = auth.id
    access: {{read: can("people:read")}}
"""


def test_accounts_have_ids_and_roles_of_other_kinds_too(tmp_path, database):
    (tmp_path / "app.yaml").write_text(NUMBERED.format(url=database() or "sqlite:app.db"))

    def run(*args):
        return run_tenon(*args, directory=tmp_path, text_in=PASSWORD)

    assert run("account", "add", "ada", "--role", "writer").stdout == "added ada, id 1\n"
    assert run("account", "add", "bob").stdout == "added bob, id 2\n"
    assert run("account", "list").stdout == "1  ada, role writer, 0 sign-ins\n2  bob, role reader, 0 sign-ins\n"
    unknown = run("account", "role", "2", "writr")
    assert unknown.returncode == 1 and 'unknown role "writr"; did you mean "writer"?' in unknown.stderr
    assert run("account", "role", "2", "writer").returncode == 0
    assert [row["role"] for row in json.loads(run("account", "list", "--json").stdout)] == ["writer", "writer"]
    assert json.loads(run("key", "create", "--name", "x", "--scopes", "*", "--owner", "bob", "--json").stdout)["owner"] == "2"


# A password on a terminal


class Terminal:
    """A run whose standard input is a terminal."""

    def __init__(self, server, *args):
        self.master, self.slave = pty.openpty()
        self.process = subprocess.Popen([BINARY, *args], cwd=server.directory, stdin=self.slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = ""

    @property
    def is_shown(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait_for(self, text):
        end = time.monotonic() + 10 * SCALE
        while text not in self.said:
            assert time.monotonic() < end, self.said
            if select.select([self.process.stderr], [], [], 0.1)[0]:
                self.said += os.read(self.process.stderr.fileno(), 4096).decode()
        return self

    def type(self, text):
        assert not self.is_shown
        os.write(self.master, text.encode())
        return self

    def end(self):
        stdout, stderr = self.process.communicate(timeout=10 * SCALE)
        shown, echoed = self.is_shown, b""
        while select.select([self.master], [], [], 0)[0]:
            echoed += os.read(self.master, 4096)
        os.close(self.slave)
        os.close(self.master)
        return types.SimpleNamespace(code=self.process.returncode, said=self.said + stderr.decode(), echoed=echoed.decode(), shown=shown)


def test_a_password_that_is_typed_is_asked_for_twice_and_not_shown(server, api):
    add(server, "typist@example.org")
    terminal = Terminal(server, "account", "password", "typist@example.org")
    terminal.wait_for("password: ").type("quite another one\n").wait_for("once more: ").type("quite another one\n")
    done = terminal.end()
    assert done.code == 0 and done.shown and "quite" not in done.said + done.echoed
    assert login(api, "typist@example.org", "quite another one").status == 200
    terminal = Terminal(server, "account", "password", "typist@example.org")
    terminal.wait_for("password: ").type("one of these two\n").wait_for("once more: ").type("one of those two\n")
    done = terminal.end()
    assert done.code == 1 and done.shown and "these are two passwords" in done.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_shows_again_what_is_typed_when_the_program_is_ended(server, ada, number):
    terminal = Terminal(server, "account", "password", ada)
    terminal.wait_for("password: ").type("half a pass")
    terminal.process.send_signal(number)
    done = terminal.end()
    assert done.code == -number and done.shown


# The manual


def test_the_manual_of_the_command_line(tmp_path, monkeypatch, database):
    (tmp_path / "app.yaml").write_text(f"database: {database() or 'sqlite:app.db'}\nname: manual\n" + APP)
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    steps = transcript.steps(ROOT / "docs/manual/command-line.md")
    assert len(steps) >= 5
    for step in steps:
        step.check(types.SimpleNamespace(port=0, directory=tmp_path))


# The audit trail


def test_what_the_command_line_does_is_in_the_audit_trail(serve):
    server = serve(APP)
    server.stop()  # it looks for such events when it starts, and would write of those that come just then
    id = add(server, "ada@example.org", role="admin")
    key = Key(server, owner=id)
    new = tenon_json(server, "key", "rotate", key.id)["id"]
    tenon(server, "key", "revoke", new)
    tenon(server, "account", "role", id, "user")
    tenon(server, "account", "password", id, text_in="quite another one")
    tenon(server, "account", "signout", id)
    tenon(server, "key", "revoke", new, fails=1)
    wanted = [("registered", id), ("key_created", f"key:{key.id}"), ("key_rotated", f"key:{key.id}"), ("key_created", f"key:{new}"),
              ("key_revoked", f"key:{new}"), ("role_changed", id), ("password_changed", id), ("session_revoked", id)]
    assert len(server.rows("select id from _tenon_events")) == len(wanted)
    shared = server.database if server.database.startswith("postgres") else f"sqlite:{server.directory}/data/app.db"
    other = serve(APP, database=shared)  # each line is one server's, and no other's
    other.wait_log(event="session_revoked")
    server.restart()
    server.wait_log(message="serving")
    records = [record for record in other.logs(message="audit") if record["event"] != "chain_begun"]
    assert [(record["event"], record["subject"]) for record in records] == wanted
    for record in records:
        assert re.fullmatch(r"cli:\S+", record["actor"]) and record["outcome"] == "done"
        assert re.fullmatch(r"on the command line, at \d{4}-\d\d-\d\dT[\d:.]+Z", record["reason"])
    assert server.rows("select id from _tenon_events") == []
    other.stop()
    server.stop()
    assert server.logs(message="audit") == []
    log = "".join(json.dumps(record) + "\n" for record in other.records)
    done = run_tenon("audit", "--complete", "--json", directory=server.directory, text_in=log)
    assert done.returncode == 0 and json.loads(done.stdout)["verified"] == len(wanted) + 2, done
