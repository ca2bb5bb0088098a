# SPDX-License-Identifier: Apache-2.0
"""Units of work in C: committed whole or undone whole, on error, deadline and disconnect; savepoints; effects after the commit."""

import socket
import threading
import time

import pytest

import server as harness
from depth_test import build, installed  # noqa: F401

DATABASES = ("sqlite", "postgres")

PROGRAM = r"""
#include <stdatomic.h>
#include <tenon/tenon.h>

static atomic_int effects, begun;

static void count_effect(void *weight)
{
    atomic_fetch_add(&effects, *(int *)weight);
}

static int one = 1, ten = 10, hundred = 100;

static tn_error add(tn_request *r, const char *name)
{
    return tn_db_exec(r, NULL, "insert into names (id, name) values ($1, $2)", TN_ARGS(name, name));
}

static tn_error inner(tn_request *r, void *fails)
{
    TN_TRY(add(r, "inner"));
    TN_TRY(tn_after_commit(r, count_effect, &ten));
    return fails ? TN_CONFLICT : TN_OK;
}

static tn_error outer(tn_request *r, void *unused)
{
    (void)unused;
    TN_TRY(add(r, "before"));
    TN_TRY(tn_after_commit(r, count_effect, &one));
    void *fails = tn_query_param(r, "inner_fails") ? r : NULL;
    if (tn_db_tx(r, inner, fails) != (fails ? TN_CONFLICT : TN_OK))
        return TN_INTERNAL;
    TN_TRY(add(r, "after"));
    TN_TRY(tn_after_commit(r, count_effect, &hundred));
    return tn_query_param(r, "fails") ? tn_fail(r, TN_UNPROCESSABLE, "as asked") : TN_OK;
}

static tn_error nest(tn_request *r)
{
    TN_TRY(tn_db_tx(r, outer, NULL));
    return tn_reply_status(r, 204);
}

static tn_error slow_body(tn_request *r, void *unused)
{
    (void)unused;
    tn_row row;
    TN_TRY(add(r, "slow"));
    atomic_fetch_add(&begun, 1);
    return tn_db_one(r, &row,
                     "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000000000) "
                     "select count(*) as n from c",
                     TN_NO_ARGS);
}

static tn_error slow(tn_request *r)
{
    TN_TRY(tn_db_tx(r, slow_body, NULL));
    return tn_reply_status(r, 204);
}

static tn_error twice_body(tn_request *r, void *unused)
{
    (void)unused;
    TN_TRY(add(r, "twice"));
    return add(r, "twice");
}

static tn_error twice(tn_request *r)
{
    TN_TRY(tn_db_tx(r, twice_body, NULL));
    return tn_reply_status(r, 204);
}

static tn_error state(tn_request *r)
{
    tn_row row;
    TN_TRY(tn_db_one(r, &row, "select count(*) as stored, cast($1 as bigint) as effects, cast($2 as bigint) as begun from names",
                     TN_ARGS(atomic_load(&effects), atomic_load(&begun))));
    return tn_reply_row(r, 200, row);
}

static tn_error early(tn_request *r)
{
    return tn_after_commit(r, count_effect, &one);
}

int main(int argc, char **argv)
{
    tn_app *app = tn_app_open("app.yaml");
    tn_route(app, "POST /nest", nest);
    tn_route(app, "POST /slow", slow);
    tn_route(app, "POST /twice", twice);
    tn_route(app, "POST /early", early);
    tn_route(app, "GET /state", state);
    return tn_app_main(app, argc, argv);
}
"""
# The table is the program's own: ids that are no uuids, and nothing that the engine adds.
APP = """
cores: 2
timeouts: {handler: 1s}
resources:
  others: {fields: {name: text}, access: {all: true}}
actions:
  make: {access: true, steps: [{sql: "insert into others (id, name, created_at, updated_at, version) values (:uuid, 'x', :now, :now, 1)"}]}
"""


@pytest.fixture(scope="module")
def program(installed, tmp_path_factory):  # noqa: F811
    return build(PROGRAM, installed, tmp_path_factory.mktemp("units"))


@pytest.fixture
def api(program, serve, monkeypatch):
    binary, libraries = program
    monkeypatch.setattr(harness, "BINARY", str(binary))
    server = serve(APP, env={"LD_LIBRARY_PATH": str(libraries)})
    server.execute("create table names (id text primary key, name text not null)")
    return server


def state(api):
    return api.client.get("/state").data


@pytest.mark.parametrize(
    "query, status, stored, effects",
    [
        ("", 204, 3, 111),
        ("inner_fails=1", 204, 2, 101),
        ("fails=1", 422, 0, 0),
        ("inner_fails=1&fails=1", 422, 0, 0),
    ],
)
def test_a_unit_and_its_savepoint_are_stored_and_have_effects_together(api, query, status, stored, effects):
    assert api.client.post(f"/nest?{query}").status == status
    assert state(api) == {"stored": stored, "effects": effects, "begun": 0}


def test_an_effect_needs_a_unit(api):
    assert api.client.post("/early").status == 500


def test_a_constraint_undoes_the_unit(api):
    assert api.client.post("/twice").status == 409
    assert state(api)["stored"] == 0


def test_a_unit_is_undone_at_the_deadline(api):
    began = time.monotonic()
    assert api.client.post("/slow").status == 504
    assert time.monotonic() - began < 3 * harness.SCALE
    assert state(api) == {"stored": 0, "effects": 0, "begun": 1}
    assert api.client.post("/nest").status == 204


def test_a_unit_is_undone_when_its_client_goes_away(program, serve, monkeypatch):
    binary, libraries = program
    monkeypatch.setattr(harness, "BINARY", str(binary))
    server = serve(APP.replace("handler: 1s", "handler: 1m"), env={"LD_LIBRARY_PATH": str(libraries)})
    server.execute("create table names (id text primary key, name text not null)")
    connection = server.raw("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    until(lambda: state(server)["begun"] == 1)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    waiting = threading.Thread(target=lambda: server.new_client().post("/nest"))
    waiting.start()
    waiting.join(10 * harness.SCALE)
    assert not waiting.is_alive() and state(server)["stored"] == 3  # and not the slow one


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s * harness.SCALE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
