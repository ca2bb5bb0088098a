# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that drive a real server: test/e2e, and test/promises with its figures.

    APP = '''
    resources:
      notes:
        fields:
          title: text(1..80) required
        access: {all: true}
    '''

    @pytest.fixture(scope="module")
    def api(serve_module):                    # one server for all tests of the file
        return serve_module(APP).client

    def test_a_note_needs_a_title(api):
        answer = api.post("/api/v1/notes", json={})
        assert answer.status == 400 and "title" in answer.error["fields"]

    def test_a_restart_keeps_the_rows(serve):  # a server of its own
        server = serve(APP)
        ...

Each server runs in a temporary directory, on ports of its own, is stopped by SIGTERM at the end, and must then exit with
0 and without a sanitizer's report. One that the test killed is judged on the report alone.

With DATABASES = ("sqlite", "postgres") in a file its tests run on both; TENON_DATABASES=sqlite limits a run for a moment.

A test of a promise says what it measured: figure("P1", "25 kills, 20,113 acknowledged, 0 lost") is printed before the last
line of ./dev test. Its amounts are size(suite, soak): the second one where TENON_SOAK is set, as ./dev soak does.
"""

import os
import pathlib
import signal
import sys

import pytest

from postgres import Cluster, programs
from server import ROOT, Server

# What a script has put into the background ignores SIGINT, and so would every program that it runs.
signal.signal(signal.SIGINT, signal.default_int_handler)

BOTH = ("sqlite", "postgres")
clusters = []  # the shared one, once there is one

# Tests ask psql often. What Debian has in /usr/bin is a script of Perl that looks for the program and takes four times as long.
os.environ["PATH"] = f"{programs()}:{os.environ['PATH']}"


# What takes longest begins first: a long file that begins last is waited for by all the others.
LONGEST = (
    "postgres_test", "signin_race_test", "nodes_test", "key_test", "ratelimit_test", "p23_isolation_test", "p08_if_match_test", "p11_migration_test",
    "copy_test", "migrate_test", "manual_test", "signin_test", "replica_test", "inventory_test", "p07_idempotency_test", "p26_drift_test",
    "adopt_test", "security_identity_test", "token_test", "provider_test", "provider_odd_test", "p02_power_test", "p04_fault_test",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_generate_tests(metafunc):
    """A file that says DATABASES = BOTH runs every test that serves on each of them."""
    kinds = getattr(metafunc.module, "DATABASES", None)
    wanted = os.environ.get("TENON_DATABASES", ",".join(BOTH)).split(",")
    if kinds and "database" in metafunc.fixturenames:
        metafunc.parametrize("database", [kind for kind in kinds if kind in wanted], indirect=True, scope="module")


@pytest.fixture(scope="session")
def postgres():
    """A private PostgreSQL server, shared by all tests of a run that do not stop it."""
    with Cluster() as cluster:
        clusters.append(cluster)
        yield cluster
        clusters.clear()


@pytest.fixture(scope="module", autouse=True)
def empty_clusters():
    """The databases of a file go with it; autouse, so that it is over behind the servers that use them."""
    yield
    for cluster in clusters:
        cluster.drop_databases()


@pytest.fixture(scope="module")
def database(request):
    """What makes a database for a new server: a function that returns its URL, or None for SQLite's file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return lambda: None
    return request.getfixturevalue("postgres").create_database


def _factory(new_directory, new_database):
    servers = []

    def serve(app, **options):
        options.setdefault("database", new_database())
        server = Server(app, new_directory(), **options)
        servers.append(server)
        return server.start()

    def finish():
        for server in servers:
            server.stop()
        for server in servers:
            server.judge()

    return serve, finish


@pytest.fixture
def serve(tmp_path_factory, database):
    """serve(app_text, files=, args=, env=, command=, database=) starts a server that lives as long as the test."""
    start, finish = _factory(lambda: tmp_path_factory.mktemp("app"), database)
    yield start
    finish()


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory, database):
    """The same, for a server that the tests of one file share."""
    start, finish = _factory(lambda: tmp_path_factory.mktemp("app"), database)
    yield start
    finish()


@pytest.fixture(scope="session")
def shared():
    """The folder of shared test data; where it is absent the test is skipped, and counted so."""
    folder = pathlib.Path(os.environ.get("TENON_SHARED") or ROOT.parent / "shared/data")
    if not folder.is_dir():
        pytest.skip("no shared test data beside the checkout")
    return folder


@pytest.fixture
def figure(record_property):
    """figure(promise, text): what a promise was measured at, for the end of the run and docs/PROMISES.md."""

    def record(promise, text):
        record_property("figure", f"{promise}: {text}")

    return record


@pytest.fixture(scope="session")
def size():
    """size(suite, soak): how much of something this run does."""
    return lambda suite, soak: soak if os.environ.get("TENON_SOAK") else suite


@pytest.fixture
def progress(request):
    """progress(text): one line on the terminal, each in place of the last; nothing where there is no terminal."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(text):
        with capture.global_and_fixture_disabled():
            if sys.stderr.isatty():
                print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)

    yield show
    show("")
