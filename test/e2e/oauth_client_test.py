# SPDX-License-Identifier: Apache-2.0
"""The OAuth server as clients see it that nobody here wrote: npm's oauth4webapi and openid-client."""

import json
import os
import shutil
import subprocess
import threading

import pytest

from oauth import APP, CALLBACK, PASSWORD, SECRET, Person
from server import ROOT, SCALE

DATABASES = ("sqlite", "postgres")


def drive(script, person, settings, tmp_path):
    """Runs a driver of oauth_clients/, plays its browser, and says what it saw."""
    packages = ROOT / "build/tools/oauth_clients/node_modules"
    if not shutil.which("node") or not packages.is_dir():
        pytest.skip("no Node.js, or no OAuth clients: ./dev test fetches them")
    for file in (ROOT / "test/e2e/oauth_clients").glob("*.mjs"):
        shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(packages)
    seen = {}
    command = ["node", "--no-warnings", script]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "SETTINGS": json.dumps(settings)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60 * SCALE, process.kill)
        watchdog.start()
        for line in process.stdout:
            message = json.loads(line)
            if "visit" in message:
                process.stdin.write(end_of(person, message["visit"].removeprefix(settings["issuer"]), message["press"]) + "\n")
                process.stdin.flush()
            elif "say" in message:
                seen[message["say"]] = message["value"]
            else:
                assert message == {"done": True}, (message, seen)
        watchdog.cancel()
        assert process.wait() == 0, seen
    return seen


def end_of(person, url, press):
    page = person.browser.open(url)
    if page.heading and page.heading.startswith("Sign in"):
        page = person.browser.sign_in(page, person.email, PASSWORD)
    if page.heading:
        page = person.browser.send(page, press=press)
    return page.location


@pytest.fixture(scope="module")
def signing_server(serve_module):
    """The same with a key of its own, so that clients can check access tokens themselves (RFC 9068)."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True, text=True, check=True).stdout
    app = APP.replace("  when: active\n", '  when: active\n  audience: https://api.example.org\n  keys: [{private: "${file:key.pem}"}]\n')
    return serve_module(app, env={"CLIENT_SECRET": SECRET}, files={"key.pem": key})


@pytest.fixture
def driven(signing_server, tmp_path):
    person = Person(signing_server)
    settings = {"issuer": f"http://127.0.0.1:{signing_server.port}", "audience": "https://api.example.org", "secret": SECRET, "web": CALLBACK,
                "native": "http://127.0.0.1:41234/callback"}
    return person, settings, lambda script: drive(script, person, settings, tmp_path)


def test_oauth4webapi_finds_nothing_wrong(driven):
    person, settings, run = driven
    seen = run("oauth4webapi.mjs")
    assert seen.pop("discovered") == settings["issuer"]
    for kind in ("post", "basic"):
        assert seen.pop(f"{kind}: scope") == "notes:read notes:create" and seen.pop(f"{kind}: subject") == person.id
        assert set(seen.pop(f"{kind}: me")) == {"notes:read", "notes:create"}
        assert seen.pop(f"{kind}: refreshed") and seen.pop(f"{kind}: active") and seen.pop(f"{kind}: revoked")
        assert seen.pop(f"{kind}: replayed") == "invalid_grant"
        assert seen.pop(f"{kind}: denied") == "access_denied" and seen.pop(f"{kind}: scope refused") == "invalid_scope"
    assert seen == {"native: scope": "notes:read", "robot: scope": "notes:read", "robot: wrong secret": "invalid_client"}


def test_openid_client_finds_nothing_wrong(driven):
    person, settings, run = driven
    seen = run("openid-client.mjs")
    assert seen.pop("discovered") == settings["issuer"]
    for kind in ("client_secret_post", "client_secret_basic"):
        assert seen.pop(f"{kind}: scope") == "notes:read notes:create" and set(seen.pop(f"{kind}: me")) == {"notes:read", "notes:create"}
        assert seen.pop(f"{kind}: refreshed") and seen.pop(f"{kind}: active") and seen.pop(f"{kind}: revoked")
        assert seen.pop(f"{kind}: replayed") == "invalid_grant" and seen.pop(f"{kind}: denied") == "access_denied"
    assert seen == {"native: scope": "notes:read", "robot: scope": "notes:read", "robot: wrong secret": "invalid_client"}
