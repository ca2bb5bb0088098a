# SPDX-License-Identifier: Apache-2.0
"""The command line: what it prints, what it returns, and how a running server takes its signals."""

import json
import signal
import sqlite3
import time

import pytest

from server import run_tenon

NOTES = """
resources:
  notes:
    fields:
      title: text(1..80) required
    access: {all: true}
"""
BROKEN = NOTES.replace("required", "requird")


def test_help_lists_every_command_and_each_has_its_own():
    whole = run_tenon("--help")
    assert whole.returncode == 0
    for command in ["init", "check", "serve", "dev", "routes", "schema", "version"]:
        assert f"\n  {command} " in whole.stdout
        own = run_tenon(command, "--help")
        assert own.returncode == 0 and own.stdout.startswith(f"usage: tenon {command}")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["serv"], 'unknown command "serv"; did you mean "serve"?'),
        (["serve", "--lisen", "x"], 'unknown option "--lisen"; did you mean "--listen"?'),
        (["serve", "--listen"], "--listen needs a value"),
        (["check", "--json=1"], "--json takes no value"),
        (["check", "a.yaml", "b.yaml"], '"b.yaml" is one argument too many'),
        (["serve", "--cores", "many"], "--cores must be a whole number"),
        (["schema"], "say of what; there is: app"),
        ([], ""),
    ],
)
def test_a_wrong_command_line_exits_2_and_says_why(arguments, words):
    done = run_tenon(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_version():
    assert run_tenon("version").stdout.startswith("tenon 0.")
    assert run_tenon("--version").stdout == run_tenon("version").stdout
    assert json.loads(run_tenon("version", "--json").stdout)["name"] == "tenon"


def test_what_init_writes_is_right_and_is_never_overwritten(tmp_path):
    folder = tmp_path / "shop"
    assert run_tenon("init", folder).returncode == 0
    assert run_tenon("check", folder / "app.yaml").returncode == 0
    text = (folder / "app.yaml").read_text()
    again = run_tenon("init", folder)
    assert again.returncode == 1 and "File exists" in again.stderr
    assert (folder / "app.yaml").read_text() == text


def test_what_init_writes_serves(serve, tmp_path):
    run_tenon("init", tmp_path)
    text = "\n".join(line for line in (tmp_path / "app.yaml").read_text().splitlines() if not line.startswith("listen:"))
    api = serve(text).client
    assert api.post("/api/v1/notes", json={"title": "rain"}).status == 201
    assert len(api.get("/api/v1/notes?search=rai").data) == 1


def test_check_reports_every_mistake_with_its_place(tmp_path):
    (tmp_path / "app.yaml").write_text(BROKEN.replace("access", "acess"))
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 1
    assert 'app.yaml:5:26: unknown modifier "requird"; did you mean "required"?' in done.stderr
    assert 'app.yaml:6:5: unknown key "acess"; did you mean "access"?' in done.stderr
    as_json = json.loads(run_tenon("check", "--json", directory=tmp_path).stdout)
    assert {(item["line"], item["column"], item["severity"]) for item in as_json} >= {(5, 26, "error"), (6, 5, "error")}


def test_check_exits_0_on_warnings(tmp_path):
    (tmp_path / "app.yaml").write_text(NOTES.replace("    access: {all: true}\n", ""))
    done = run_tenon("check", directory=tmp_path)
    assert done.returncode == 0 and "warning" in done.stderr


def test_a_missing_app_file_is_told(tmp_path):
    done = run_tenon("serve", directory=tmp_path)
    assert done.returncode == 1 and "app.yaml" in done.stderr


def test_routes_shows_each_route_with_its_middleware(tmp_path):
    (tmp_path / "app.yaml").write_text(NOTES)
    routes = json.loads(run_tenon("routes", "--json", directory=tmp_path).stdout)
    assert [(route["method"], route["path"], route["name"]) for route in routes][:2] == [
        ("GET", "/api/v1/notes", "notes.list"),
        ("POST", "/api/v1/notes", "notes.create"),
    ]
    assert {"/api/v1/batch", "/health", "/health/ready"} <= {route["path"] for route in routes}
    assert routes[0]["middleware"][:4] == ["request id", "access log", "recover", "timeout"]
    assert "notes.list" in run_tenon("routes", directory=tmp_path).stdout


def test_schema_app_is_a_json_schema():
    schema = json.loads(run_tenon("schema", "app").stdout)
    assert schema["$schema"].endswith("2020-12/schema") and "resources" in schema["properties"]


def test_serve_refuses_an_address_that_is_taken(serve):
    server = serve(NOTES)
    done = run_tenon("serve", "app.yaml", "--listen", f"127.0.0.1:{server.port}", directory=server.directory)
    assert done.returncode == 1 and "the address is taken" in done.stderr


def test_serve_refuses_a_database_that_differs_and_says_how(serve):
    server = serve(NOTES)
    server.stop()
    (server.directory / "app.yaml").write_text((server.directory / "app.yaml").read_text().replace("title:", "name:"))
    done = run_tenon("serve", "app.yaml", directory=server.directory)
    assert done.returncode == 1
    assert 'table "notes"' in done.stderr and "name" in done.stderr


def test_sigterm_answers_what_was_asked_and_exits_0(serve):
    server = serve(NOTES)
    connection = server.raw("POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n")
    time.sleep(0.2)
    server.signal(signal.SIGTERM)
    time.sleep(0.2)
    connection.send('{"title":"last"}'[:15])
    connection.send("")
    answer = connection.answer()
    assert answer.status in (201, 400)  # 15 of 16 bytes are no JSON: what counts is that it was answered
    assert answer.headers["Connection"] == "close"
    assert server.process.wait(10) == 0


def test_a_second_signal_ends_it_at_once(serve):
    server = serve(NOTES + "\ntimeouts: {shutdown: 20s, body: 20s}\n")
    busy = server.raw("POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n")
    time.sleep(0.2)
    server.was_killed = True  # it does not exit with 0
    server.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.process.poll() is None
    server.signal(signal.SIGTERM)
    assert server.process.wait(12) == 1
    busy.close()


def test_sighup_reloads_the_app_file_or_keeps_the_old_one(serve):
    server = serve(NOTES)
    app = server.directory / "app.yaml"
    good = app.read_text()
    app.write_text(good.replace("text(1..80)", "text(1..3)"))
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    assert server.client.post("/api/v1/notes", json={"title": "long"}).status == 400
    app.write_text(good.replace("required", "requird"))
    server.signal(signal.SIGHUP)
    assert server.wait_log(message="a mistake in the app file")["reason"].startswith('unknown modifier "requird"')
    assert server.client.post("/api/v1/notes", json={"title": "abc"}).status == 201


def test_what_needs_a_restart_is_told_at_a_reload(serve):
    server = serve(NOTES)
    app = server.directory / "app.yaml"
    app.write_text(app.read_text() + "cores: 1\nmail: {url: 'file:mail', from: a@example.org}\nlog: {redact: [title]}\n")
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    assert [record["key"] for record in server.logs(message="a change of the app file needs a restart")] == ["cores", "log"]
    app.write_text(app.read_text().replace("a@example.org", "b@example.org"))
    server.signal(signal.SIGHUP)
    server.wait_log(message="a change of the app file needs a restart", key="mail")


def test_dev_adds_what_is_new_and_reloads_by_itself(serve):
    server = serve(NOTES, command="dev")
    app = server.directory / "app.yaml"
    assert server.client.post("/api/v1/notes", json={"title": "rain"}).status == 201
    app.write_text(app.read_text().replace("required", "required\n      done: bool = false"))
    server.wait_log(message="the app file was reloaded")
    assert server.client.get("/api/v1/notes").data[0]["done"] is False
    database = next(server.directory.glob("**/*.db"))
    with sqlite3.connect(database) as connection:
        assert "done" in [row[1] for row in connection.execute("PRAGMA table_info(notes)")]
