# SPDX-License-Identifier: Apache-2.0
"""A C program against the installed library: the header, the pkg-config file and the shared object are all it has."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import server as harness

DATABASES = ("sqlite", "postgres")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(harness.BINARY).parents[2]
EXAMPLE = ROOT / "examples/depth"


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not (BUILD / "build.ninja").exists():
        pytest.skip("the binary under test does not lie in a build folder")
    folder = tmp_path_factory.mktemp("install")
    run("meson", "install", "-C", BUILD, "--destdir", folder, "--no-rebuild")
    return folder


def build(source, installed, folder):
    """A program, built as the example's Makefile says, and the folder of its libraries."""
    shutil.copy(EXAMPLE / "Makefile", folder)
    (folder / "depth.c").write_text(source)
    pkgconfig = next(installed.glob("**/pkgconfig"))
    options = {row["name"]: row["value"] for row in json.loads((BUILD / "meson-info/intro-buildoptions.json").read_text())}
    flags = "-Werror" if options["b_sanitize"] == "none" else f"-Werror -fsanitize={options['b_sanitize']}"
    run("make", f"CFLAGS={flags}", cwd=folder, env={**os.environ, "PKG_CONFIG_PATH": str(pkgconfig), "PKG_CONFIG_SYSROOT_DIR": str(installed)})
    return folder / "depth", pkgconfig.parent


@pytest.fixture(scope="module")
def depth(installed, tmp_path_factory):
    return build((EXAMPLE / "depth.c").read_text(), installed, tmp_path_factory.mktemp("depth"))


@pytest.fixture
def api(depth, serve, monkeypatch):
    program, libraries = depth
    monkeypatch.setattr(harness, "BINARY", str(program))
    return serve((EXAMPLE / "app.yaml").read_text(), env={"LD_LIBRARY_PATH": str(libraries)})


def new_market(client, status="active"):
    answer = client.post("/api/v1/markets", json={"name": "Rain tomorrow", "status": status})
    assert answer.status == 201, answer
    return answer.data["id"]


def test_nothing_but_the_public_names_leaves_the_library(depth):
    symbols = run("nm", "-D", "--defined-only", depth[1] / "libtenon.so")
    names = [line.split()[-1] for line in symbols.splitlines()]
    assert "tn_app_main" in names
    assert [name for name in names if not name.startswith(("tn_", "__odr_asan"))] == []


def test_a_route_in_c_answers_rows_in_the_envelope(api):
    market = new_market(api.client)
    for size in (5, 7, 5):
        assert api.client.post("/api/v1/positions", json={"market": market, "size": size}).status == 201
    answer = api.client.get(f"/api/v1/markets/{market}/depth")
    assert answer.status == 200
    assert answer.json == {"data": [{"size": 5, "holders": 2}, {"size": 7, "holders": 1}]}
    api.wait_log(route="/api/v1/markets/:id/depth", status=200)


def test_a_domain_error_has_its_status_code_and_sentence(api):
    draft = new_market(api.client, "draft")
    answer = api.client.get(f"/api/v1/markets/{draft}/depth")
    assert answer.status == 422
    assert answer.error == {"code": "UNPROCESSABLE", "message": "market is not active"}
    assert api.client.get("/api/v1/markets/01890a5d-ac96-774b-bcce-b302099a8057/depth").status == 404
    is_postgres = api.database.startswith("postgres:")  # which compares uuids with uuids only
    assert api.client.get("/api/v1/markets/none/depth").status == (400 if is_postgres else 404)


def test_a_hook_refuses_a_change_also_in_a_batch(api):
    for _ in range(3):
        new_market(api.client)
    answer = api.client.post("/api/v1/markets", json={"name": "One too many"})
    assert answer.status == 422 and answer.error["message"] == "there are 3 open markets already"
    batch = {"operations": [{"method": "POST", "path": "/markets", "body": {"name": "One too many"}}]}
    assert api.client.post("/api/v1/batch", json=batch).status == 422
    assert api.client.get("/api/v1/markets").json["pagination"]["total"] == 3


def test_a_unit_of_work_happens_whole_or_not_at_all(api):
    market = new_market(api.client)
    api.client.post("/api/v1/positions", json={"market": market, "size": 5})
    assert api.client.post(f"/api/v1/markets/{market}/settle").status == 204
    assert api.client.get(f"/api/v1/markets/{market}").data["status"] == "closed"
    assert api.client.get("/api/v1/positions").data[0]["size"] == 10
    again = api.client.post(f"/api/v1/markets/{market}/settle")
    assert again.status == 409 and again.error["message"] == "market is not active"
    assert api.client.get("/api/v1/positions").data[0]["size"] == 10


@pytest.mark.alone
def test_a_long_query_is_cut_with_504_and_delays_nobody(depth, serve, monkeypatch):
    program, libraries = depth
    monkeypatch.setattr(harness, "BINARY", str(program))
    text = (EXAMPLE / "app.yaml").read_text() + "\ntimeouts: {handler: 1s}\ncores: 1\n"
    server = serve(text, env={"LD_LIBRARY_PATH": str(libraries)})
    assert server.client.get("/api/v1/count?to=1000").data == {"n": 1000}

    def endless():
        with server.new_client() as client:
            began = time.monotonic()
            return client.get("/api/v1/count?to=9000000000").status, time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(endless)
        time.sleep(0.1)
        slowest = 0
        while not waiting.done():
            began = time.monotonic()
            assert server.client.get("/api/v1/markets").status == 200
            slowest = max(slowest, time.monotonic() - began)
        status, took = waiting.result()
    assert status == 504
    assert 0.9 < took < 3 * harness.SCALE
    assert slowest < 0.1 * harness.SCALE


def test_the_program_has_the_whole_command_line(depth, tmp_path):
    program, libraries = depth
    shutil.copy(EXAMPLE / "app.yaml", tmp_path)
    routes = run(program, "routes", cwd=tmp_path, env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    assert "/api/v1/markets/:id/depth" in routes


CORNERS = r"""
#include <tenon/tenon.h>

static tn_error header(tn_request *r)
{
    tn_reply_header(r, "X-Early", "1");
    return tn_reply_json(r, 200, "1");
}

static tn_error no_status(tn_request *r)
{
    return tn_reply_json(r, 42, "1");
}

static tn_error comment(tn_request *r)
{
    tn_row row;
    TN_TRY(tn_db_one(r, &row, "select /* don't */ $2 as b, $1 as a", TN_ARGS("one", "two")));
    return tn_reply_row(r, 200, row);
}

static tn_error read_body(tn_request *r, void *unused)
{
    (void)unused;
    const char *body;
    size_t length;
    return tn_body(r, &body, &length);
}

static tn_error body_in_unit(tn_request *r)
{
    const char *body;
    size_t length;
    if (tn_query_param(r, "first"))
        TN_TRY(tn_body(r, &body, &length));
    TN_TRY(tn_db_tx(r, read_body, NULL));
    return tn_reply_status(r, 204);
}

static tn_error chatty(tn_request *r)
{
    tn_reply_header(r, "X-Quota", "7");
    return tn_reply_json(r, 202, "true");
}

static tn_error guard(tn_request *r)
{
    if (tn_header(r, "X-Stop"))
        return tn_fail(r, TN_UNPROCESSABLE, "stopped at %s", tn_param(r, "n"));
    return chatty(r);
}

int main(int argc, char **argv)
{
    tn_app *app = tn_app_open("app.yaml");
    tn_before(app, "echo", guard);
    tn_route(app, "GET /header", header);
    tn_route(app, "GET /no-status", no_status);
    tn_route(app, "GET /comment", comment);
    tn_route(app, "POST /body-in-unit", body_in_unit);
    tn_before(app, "markets.create", chatty);
    return tn_app_main(app, argc, argv);
}
"""


ECHO = """
actions:
  echo: {route: "POST /echo/:n", access: true, input: {n: int required}, steps: [{as: echo, sql: "select cast(:n as bigint) as n", expect: 1}]}
"""


@pytest.fixture(scope="module")
def corners(installed, tmp_path_factory):
    return build(CORNERS, installed, tmp_path_factory.mktemp("corners"))


@pytest.fixture
def odd(corners, serve, monkeypatch):
    program, libraries = corners
    monkeypatch.setattr(harness, "BINARY", str(program))
    return serve((EXAMPLE / "app.yaml").read_text() + ECHO, env={"LD_LIBRARY_PATH": str(libraries)})


def test_an_answer_keeps_the_headers_that_came_before_it(odd):
    assert odd.client.get("/header").headers["X-Early"] == "1"


def test_a_status_that_ends_no_request_is_an_internal_error(odd):
    assert odd.client.get("/no-status").status == 500


def test_a_quote_in_a_comment_hides_no_placeholder(odd):
    assert odd.client.get("/comment").data == {"a": "one", "b": "two"}


def test_a_body_is_read_before_a_unit_of_work_not_in_it(odd):
    with odd.raw("POST /body-in-unit HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo") as connection:
        assert connection.answer().status == 500
    with odd.raw("POST /body-in-unit?first=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo") as connection:
        assert connection.send("dy").answer().status == 204


def test_of_the_answer_of_a_hook_only_its_headers_are_left(odd):
    answer = odd.client.post("/api/v1/markets", json={"name": "Rain tomorrow"})
    assert answer.status == 201 and answer.data["name"] == "Rain tomorrow" and answer.headers["X-Quota"] == "7"


def test_a_hook_runs_before_an_action(odd):
    answer = odd.client.post("/api/v1/echo/5")
    assert answer.status == 200 and answer.data == {"echo": {"n": 5}} and answer.headers["X-Quota"] == "7"
    answer = odd.client.post("/api/v1/echo/5", headers={"X-Stop": "1"})
    assert answer.status == 422 and answer.error["message"] == "stopped at 5"


WHO = r"""
#include <tenon/tenon.h>

static tn_error who(tn_request *r)
{
    tn_row row;
    const char *name = tn_caller(r), *role = tn_caller_role(r);
    TN_TRY(tn_require(r, "reports:read"));
    TN_TRY(tn_db_one(r, &row, "select email from users where id = $1", TN_ARGS(tn_caller_id(r))));
    return tn_reply_json(r, 200, name && role && tn_can(r, "notes:create") ? "\"a writer\"" : "\"a reader\"");
}

static tn_error promote(tn_request *r)
{
    int64_t changes;
    TN_TRY(tn_require(r, "reports:read"));
    TN_TRY(tn_db_exec(r, &changes, "update users set role = 'writer' where id = $1", TN_ARGS(tn_caller_id(r))));
    return tn_reply_json(r, 200, "null");
}

int main(int argc, char **argv)
{
    tn_app *app = tn_app_open("app.yaml");
    tn_route(app, "GET /who", who);
    tn_route(app, "POST /promote", promote);
    return tn_app_main(app, argc, argv);
}
"""


def test_a_program_knows_who_asks_and_what_they_may(installed, serve, tmp_path, monkeypatch):
    import signin_test

    program, libraries = build(WHO, installed, tmp_path)
    monkeypatch.setattr(harness, "BINARY", str(program))
    app = f"auth: {{{signin_test.CHEAP}}}" + signin_test.RESOURCES.replace("enum(user, admin)", "enum(user, writer, admin)").replace(
        'user: ["notes:*"]', 'user: ["reports:read"]\n  writer: ["reports:*", "notes:*"]')
    server = serve(app, env={"LD_LIBRARY_PATH": str(libraries)})
    person = signin_test.Person(server.client)
    assert server.client.get("/who").status == 401
    assert server.client.get("/who", headers=person.headers).data == "a reader"
    assert server.client.post("/promote", headers=person.headers).status == 200
    assert server.client.get("/who", headers=person.headers).data == "a writer"
    assert server.client.get("/who", headers={"Authorization": "Bearer x"}).status == 401
