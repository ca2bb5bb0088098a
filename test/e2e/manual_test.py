# SPDX-License-Identifier: Apache-2.0
"""Every transcript of the documents does what it says."""

import contextlib
import os
import pathlib
import re
import secrets
import signal
import sqlite3
import subprocess
import types
import urllib.parse

import pytest

import transcript
from provider_test import Provider
from server import BINARY, free_port, run_tenon

DATABASES = ("sqlite", "postgres")
ROOT = pathlib.Path(__file__).resolve().parents[2]
README_APP = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[1]


def check_all(document, server):
    steps = transcript.steps(document)
    assert steps, f"{document} holds no transcript"
    for step in steps:
        step.check(server)


def test_the_first_api_of_the_readme(serve):
    check_all(ROOT / "README.md", serve(README_APP))


def test_the_example_todo(serve):
    check_all(ROOT / "examples/todo/README.md", serve((ROOT / "examples/todo/app.yaml").read_text()))


def test_the_example_orders(serve):
    check_all(ROOT / "examples/orders/README.md", serve((ROOT / "examples/orders/app.yaml").read_text()))


def suggestions():
    """What ./dev run says to try next; `$1` is the address."""
    text = re.search(r"Try next:\n(.*?)^TEXT$", (ROOT / "dev").read_text(encoding="utf-8"), re.S | re.M)[1]
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_example_markets_with_its_data(serve, monkeypatch):
    server = serve((ROOT / "examples/markets/app.yaml").read_text())
    address, app = f"http://127.0.0.1:{server.port}", server.directory / "app.yaml"
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    for number, said in enumerate(["users: 500\nmarkets: 4500\npositions: 5000\n", "users: 500 already\nmarkets: 4500 already\npositions: 5000 already\n"]):
        seeded = subprocess.run([ROOT / "examples/markets/seed.sh", address, app], env={**os.environ, "TENON": BINARY}, capture_output=True, text=True)
        assert (seeded.returncode, seeded.stdout) == (0, said), (number, seeded)
    assert run_tenon("key", "list", "--json", "app.yaml", directory=server.directory).stdout.strip() == "[]"
    check_all(ROOT / "examples/markets/README.md", server)
    assert len(suggestions()) >= 3
    for command in suggestions():
        command = command.replace("$1", address).replace("examples/markets/app.yaml", str(app)).replace("build/src/cli/tenon", BINARY)
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and done.stdout and '"error"' not in done.stdout, (command, done)


@pytest.mark.parametrize("name", ["rest", "transactions"])
def test_the_manual_of(serve, name):
    manual = ROOT / f"docs/manual/{name}.md"
    app = re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1]
    check_all(manual, serve(app))


def check_with_files(manual, server, monkeypatch):
    """A block of YAML that has a name is a file beside the app's."""
    for name, text in re.findall(r"```yaml (\S+)\n(.*?)```", manual.read_text(encoding="utf-8"), re.S):
        (server.directory / name).write_text(text)
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    check_all(manual, server)


def test_the_manual_of_signing_in(serve, monkeypatch):
    manual = ROOT / "docs/manual/sign-in.md"
    check_with_files(manual, serve(re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1]), monkeypatch)


class SignedInThere(Provider):
    """A provider where somebody is signed in already: it sends browsers straight back."""

    port = None

    def special(self, handler):
        if not handler.path.startswith("/authorize?"):
            return None
        query = self.authorize(handler.path)
        location = self.codes[query["code"]]["redirect_uri"].replace(":8080", f":{self.port}")
        return (302, {"Location": location + "?" + urllib.parse.urlencode(query)}, b"")


def test_the_manual_of_providers(serve):
    text = (ROOT / "docs/manual/providers.md").read_text(encoding="utf-8")
    with SignedInThere() as provider:
        app = re.search(r"```yaml\n(.*?)```", text, re.S)[1].replace("https://login.example.org", provider.url)
        provider.client_id = "markets"
        server = serve(app, env={"EXAMPLE_SECRET": "a secret"})
        provider.port = server.port
        check_all(ROOT / "docs/manual/providers.md", server)
        provider.shutdown()


def test_the_manual_of_limits(serve, monkeypatch):
    manual = ROOT / "docs/manual/limits.md"
    check_with_files(manual, serve(re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1]), monkeypatch)


def test_the_manual_of_oauth(serve):
    manual = ROOT / "docs/manual/oauth.md"
    app = re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1].replace("127.0.0.1:8080", "127.0.0.1:${PORT}")
    check_all(manual, serve(app, files={"billing.secret": secrets.token_hex(32) + "\n"}))


def test_the_manual_of_security(serve, monkeypatch):
    check_with_files(ROOT / "docs/manual/security.md", serve(README_APP), monkeypatch)


def test_the_manual_of_migrations(tmp_path, monkeypatch):
    manual = ROOT / "docs/manual/migrations.md"
    (tmp_path / "app.yaml").write_text(re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1])
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    check_all(manual, types.SimpleNamespace(port=0, directory=tmp_path))


def test_the_move_to_postgresql(tmp_path, postgres, monkeypatch):
    manual, port = ROOT / "docs/manual/moving.md", free_port()
    app = re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1]
    (tmp_path / "app.yaml").write_text(app.replace("8080", str(port)))
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    monkeypatch.setenv("NEW", postgres.create_database())
    try:
        check_all(manual, types.SimpleNamespace(port=port, directory=tmp_path))
    finally:
        with contextlib.suppress(OSError):
            os.kill(int((tmp_path / "serve.pid").read_text()), signal.SIGTERM)


def test_the_manual_of_permissions(serve, request, monkeypatch):
    manual = ROOT / "docs/manual/permissions.md"
    server = serve(re.search(r"```yaml\n(.*?)```", manual.read_text(encoding="utf-8"), re.S)[1])
    rows = [
        f"INSERT INTO {table}({columns}, created_at, updated_at, version) VALUES({values}, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', 1)"
        for table, columns, values in [
            ("users", "id, name, email, role, password", "1, 'Ada', 'ada@example.org', 'manager', 'x'"),
            ("users", "id, name, email, role, password", "2, 'Bob', 'bob@example.org', 'user', 'x'"),
            ("markets", "id, name, status, creator", "7, 'Rain', 'draft', 2"),
        ]
    ]
    if server.database.startswith("postgres"):
        for row in rows:
            request.getfixturevalue("postgres").sql(server.database, row.replace(") VALUES", ") OVERRIDING SYSTEM VALUE VALUES"))
    else:
        with contextlib.closing(sqlite3.connect(server.directory / "data/app.db")) as connection:
            connection.executescript(";".join(rows))
            connection.commit()
    check_with_files(manual, server, monkeypatch)
