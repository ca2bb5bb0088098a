# SPDX-License-Identifier: Apache-2.0
"""What only a database server can do to its clients: be away, be slow, be busy, refuse, freeze."""

import concurrent.futures
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from postgres import Cluster
from server import BINARY, SCALE, run_tenon

URL = "/api/v1"
APP = """
cores: 1
database:
  url: {url}
  pool: {{max: 2, acquire: 500ms}}
  statement_timeout: 1s
timeouts: {{handler: 3s}}
resources:
  notes:
    fields: {{title: text required, number: int}}
    access: {{all: true}}
actions:
  sleep:
    access: true
    isolation: read_committed
    input: {{seconds: float required}}
    steps:
      - sql: "insert into notes (id, title, created_at, updated_at, version) values (:uuid, 'slept', :now, :now, 1)"
      - as: slept
        sql: "select 1 as done from pg_sleep(:seconds)"
"""


@pytest.fixture
def cluster():
    """A server of the test's own, to be killed."""
    with Cluster(durable=True) as own:
        yield own


def app(cluster):
    return APP.format(url=cluster.create_database())


def url_of(server):
    return re.search(r"url: (\S+)", server.app_text)[1]


def sleep(server, seconds):
    with server.new_client() as client:
        began = time.monotonic()
        answer = client.post(f"{URL}/actions/sleep", {"seconds": seconds})
        return answer, time.monotonic() - began


def test_requests_get_503_while_the_server_is_away_and_are_served_again_without_a_restart(serve, cluster):
    server = serve(app(cluster))
    created = server.client.post(f"{URL}/notes", {"title": "kept"}).data
    cluster.kill()
    for method, path in [("GET", f"{URL}/notes"), ("POST", f"{URL}/notes"), ("GET", f"{URL}/notes/{created['id']}")]:
        began = time.monotonic()
        answer = server.client.request(method, path, json={"title": "lost"} if method == "POST" else None)
        assert answer.status == 503 and answer.error["code"] == "UNAVAILABLE" and "Retry-After" in answer.headers, answer
        assert time.monotonic() - began < 2 * SCALE
    assert server.client.get("/health").status == 200
    ready = server.client.get("/health/ready")
    assert ready.status == 503 and ready.json == {"status": "unready"}
    detail = server.admin.get("/health/ready").json
    assert detail["status"] == "unhealthy" and detail["dependencies"]["database"]["status"] == "unhealthy"
    cluster.start()
    end = time.monotonic() + 5 * SCALE
    while server.client.get("/health/ready").status != 200:
        assert time.monotonic() < end, "it has not come back"
        time.sleep(0.02)
    assert server.client.get(f"{URL}/notes").data == [created]
    assert server.client.post(f"{URL}/notes", {"title": "again"}).status == 201


def test_a_read_whose_connection_breaks_is_sent_again(serve, cluster):
    server = serve(app(cluster))
    server.client.post(f"{URL}/notes", {"title": "kept"})
    for _ in range(5):
        cluster.sql(cluster.url("postgres"), "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'test'")
        assert server.client.get(f"{URL}/notes").status == 200


def test_a_server_that_does_not_answer_is_given_up(serve, cluster):
    server = serve(app(cluster))
    assert server.client.get(f"{URL}/notes").status == 200
    cluster.freeze()
    try:
        began = time.monotonic()
        answer = server.client.get(f"{URL}/notes")
        assert answer.status in (503, 504) and time.monotonic() - began < 4 * SCALE
        assert server.client.get("/health").status == 200
    finally:
        cluster.freeze(False)
    end = time.monotonic() + 5 * SCALE
    while server.client.get(f"{URL}/notes").status != 200:
        assert time.monotonic() < end, "it has not come back"


def test_who_waits_too_long_for_a_connection_gets_503(serve, cluster):
    server = serve(app(cluster))
    sleep(server, 0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sleeping = [pool.submit(sleep, server, 0.9) for _ in range(2)]
        time.sleep(0.2)
        refused = [pool.submit(sleep, server, 0) for _ in range(2)]
        for answer, seconds in [future.result() for future in refused]:
            assert answer.status == 503 and "Retry-After" in answer.headers and 0.4 < seconds < 0.9 * SCALE
        assert [future.result()[0].status for future in sleeping] == [200, 200]
    assert server.metrics()["tenon_db_waits_timed_out_total"] == 2


def test_who_waits_for_a_connection_gets_it_in_the_order_of_coming(serve, cluster):
    server = serve(app(cluster))
    sleep(server, 0)
    order = []

    def wait(number):
        answer, _ = sleep(server, 0.05)
        order.append(number)
        return answer.status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sleeping = [pool.submit(sleep, server, 0.35) for _ in range(2)]
        time.sleep(0.1)
        waiting = []
        for number in range(4):
            waiting.append(pool.submit(wait, number))
            time.sleep(0.03)
        assert [future.result() for future in waiting] == [200] * 4
        [future.result() for future in sleeping]
    assert sorted(order[:2]) == [0, 1] and sorted(order[2:]) == [2, 3]


def test_a_statement_that_takes_too_long_is_ended_by_the_server_with_504(serve, cluster):
    server = serve(app(cluster))
    answer, seconds = sleep(server, 30)
    assert answer.status == 504 and answer.error["code"] == "TIMEOUT" and 0.9 < seconds < 2 * SCALE
    assert server.client.get(f"{URL}/notes").data == []


def test_what_waits_for_a_lock_is_cut_at_the_deadline_of_its_request_and_nobody_elses(serve, cluster):
    server = serve(app(cluster).replace("statement_timeout: 1s", "statement_timeout: 20s").replace("handler: 3s", "handler: 700ms"))
    client = server.client
    row = client.post(f"{URL}/notes", {"title": "kept"}).data["id"]

    def write(number):
        with server.new_client() as own:
            began = time.monotonic()
            answer = own.post(f"{URL}/notes", {"title": "late"}) if number % 2 else own.patch(f"{URL}/notes/{row}", {"title": "late"})
            return answer.status, time.monotonic() - began

    for _ in range(3):
        holder = subprocess.Popen(["psql", "-Xq", "-d", url_of(server)], stdin=subprocess.PIPE, text=True)
        holder.stdin.write("begin; lock table notes in exclusive mode;\n")
        holder.stdin.flush()
        held = "select count(*) from pg_locks where mode = 'ExclusiveLock' and relation = 'notes'::regclass and granted"
        until(lambda: cluster.sql(url_of(server), held) == "1")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            writes = [pool.submit(write, number) for number in range(8)]
            while not all(future.done() for future in writes):
                answer = client.get(f"{URL}/notes/{row}")
                assert answer.status in (200, 503), answer  # 503: no connection was free for long
        assert all(status in (503, 504) and seconds < 2.5 * SCALE for status, seconds in (future.result() for future in writes))
        assert 504 in [future.result()[0] for future in writes]
        for _ in range(10):
            assert client.get(f"{URL}/notes/{row}").status == 200
        holder.communicate("rollback;\n")
        assert client.post(f"{URL}/notes", {"title": "on time"}).status == 201
    assert sorted(note["title"] for note in client.get(f"{URL}/notes").data) == ["kept"] + ["on time"] * 3


def test_a_reload_waits_for_nobody_who_is_signing_in(serve, postgres):
    """A client or a key that was taken out of the app file would be good until there is a quiet moment."""
    people = "resources: {users: {fields: {email: email required unique, password: password required}, access: {read: id == auth.id, create: true, write: false}}}\n"
    server = serve(people, database=postgres.create_database())
    tables = "_tenon_grants, _tenon_keys, _tenon_resets, _tenon_attempts, _tenon_codes, _tenon_consents, _tenon_identities, _tenon_states"
    holder = subprocess.Popen(["psql", "-Xq", "-d", server.database], stdin=subprocess.PIPE, text=True)
    holder.stdin.write(f"begin; lock table {tables} in row exclusive mode;\n")
    holder.stdin.flush()
    held = "select count(*) from pg_locks where mode = 'RowExclusiveLock' and relation = '_tenon_states'::regclass and granted"
    until(lambda: postgres.sql(server.database, held) == "1")
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    holder.communicate("rollback;\n")


def test_a_client_that_goes_away_undoes_its_transaction_and_frees_its_connection(serve, cluster):
    server = serve(app(cluster).replace("statement_timeout: 1s", "statement_timeout: 20s").replace("handler: 3s", "handler: 30s"))
    sleep(server, 0)
    before = server.client.get(f"{URL}/notes").json["pagination"]["total"]
    body = '{"seconds": 15}'
    head = f"POST {URL}/actions/sleep HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = server.raw(head + body)
    running = "select count(*) from pg_stat_activity where application_name = 'test' and state = 'active' and query like '%pg_sleep%'"
    until(lambda: cluster.sql(cluster.url("postgres"), running) == "1")
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    until(lambda: cluster.sql(cluster.url("postgres"), running) == "0")
    assert server.client.get(f"{URL}/notes").json["pagination"]["total"] == before
    until(lambda: server.metrics()["tenon_db_readers_lent"] == 0)


def until(condition, timeout_s=5):
    end = time.monotonic() + timeout_s * SCALE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "url, said",
    [
        ("postgres://tenon@127.0.0.1:{port}/nothing", 'database "nothing" does not exist'),
        ("postgres://tenon:hunter2@127.0.0.1:{port}/postgres?sslmode=require", "SSL"),
        ("postgres://nobody@127.0.0.1:{port}/postgres", 'role "nobody" does not exist'),
        ("postgres://tenon:hunter2@127.0.0.1:{port}x/postgres", "port"),
        ("postgres://tenon:hunter2@127.0.0.1:{port}/postgres?port=abc", "port"),
    ],
)
def test_a_url_that_cannot_work_ends_serve_at_once_and_says_why(postgres, tmp_path, url, said):
    (tmp_path / "app.yaml").write_text(f"database: {url.format(port=postgres.port)}\nresources: {{a: {{fields: {{b: text}}}}}}\n")
    began = time.monotonic()
    done = run_tenon("serve", "app.yaml", "--listen", "127.0.0.1:0", directory=tmp_path)
    assert done.returncode == 1 and said in done.stderr, done
    assert "hunter2" not in done.stdout + done.stderr and time.monotonic() - began < 5 * SCALE


def test_a_wrong_password_is_said_and_never_shown(tmp_path):
    with Cluster() as cluster:
        cluster.sql(cluster.url("postgres"), "create role app login password 'right'")
        (cluster.data / "pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
        cluster.sql(cluster.url("postgres"), "select pg_reload_conf()")
        url = cluster.url("postgres", tcp=True, user="app", password="hunter2")
        (tmp_path / "app.yaml").write_text(f"database: {url}\nresources: {{a: {{fields: {{b: text}}}}}}\n")
        done = run_tenon("serve", "app.yaml", "--listen", "127.0.0.1:0", directory=tmp_path)
        assert done.returncode == 1 and "password authentication failed" in done.stderr
        assert "hunter2" not in done.stdout + done.stderr


def test_serve_waits_for_a_server_that_is_away_and_says_so(serve, cluster):
    text = app(cluster)
    cluster.stop()
    server = serve(text)
    assert server.client.get("/health").status == 200
    assert server.client.get("/health/ready").status == 503
    answer = server.client.get(f"{URL}/notes")
    assert answer.status == 503 and "Retry-After" in answer.headers
    detail = server.admin.get("/health/ready").json
    assert detail["dependencies"]["database"]["status"] == "unhealthy"
    cluster.start()
    until(lambda: served(server))
    assert server.wait_log(message="serving")


def served(server):
    try:
        with server.new_client() as client:
            return client.post(f"{URL}/notes", {"title": "here"}).status == 201
    except OSError:
        return False


def test_serve_gives_up_after_a_setting(cluster, tmp_path):
    text = app(cluster).replace("  statement_timeout: 1s", "  start_timeout: 300ms")
    cluster.stop()
    (tmp_path / "app.yaml").write_text(text)
    began = time.monotonic()
    done = run_tenon("serve", "app.yaml", "--listen", "127.0.0.1:0", directory=tmp_path)
    assert done.returncode == 1 and "cannot be connected to" in done.stdout + done.stderr and time.monotonic() - began < 4 * SCALE


TWO = """
cores: 1
resources:
  teams:
    fields: {name: text required}
    access: {all: true}
  people:
    fields: {name: text required, team: teams, boss: people}
    access: {all: true}
"""


def test_a_request_takes_no_more_round_trips_than_it_must(serve, postgres):
    server = serve(TWO, database=postgres.create_database())
    client = server.client
    team = client.post(f"{URL}/teams", {"name": "red"}).data["id"]
    boss = client.post(f"{URL}/people", {"name": "boss", "team": team}).data["id"]
    one = client.post(f"{URL}/people", {"name": "one", "team": team, "boss": boss}).data["id"]
    new = {"name": "new", "team": team}
    for method, path, body, most in [
        ("GET", f"/people/{one}", None, 1),
        ("GET", "/people?limit=2&count=none", None, 1),
        ("GET", "/people?limit=2", None, 2),
        ("GET", "/people?limit=2&count=none&expand=team", None, 2),
        ("GET", "/people?limit=2&count=none&expand=team,boss", None, 3),
        ("GET", "/people?limit=3&count=none&expand=team,boss.team", None, 4),
        ("POST", "/people", new, 1),  # the foreign key asks what a look-up would
        ("POST", "/people", [new, new], 3),  # begins with its first statement; commits
        ("PATCH", f"/people/{one}", {"name": "two"}, 4),  # locked and judged, changed, shown, committed
    ]:
        client.request(method, URL + path, json=body)  # what it needs is prepared
        before = server.metrics()["tenon_db_round_trips_total"]
        assert client.request(method, URL + path, json=body).status in (200, 201)
        assert server.metrics()["tenon_db_round_trips_total"] - before == most, (method, path)


def test_a_commit_whose_outcome_is_not_known_is_reported_as_that_and_not_repeated(serve, cluster):
    server = serve(app(cluster).replace("statement_timeout: 1s", "statement_timeout: 20s").replace("handler: 3s", "handler: 30s"))
    server.client.post(f"{URL}/notes", {"title": "prepared"})
    slow = "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(10); return new; end $$;"
    cluster.sql(url_of(server), slow + "create trigger slow after insert on notes for each row execute function slow()")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        create = pool.submit(server.client.post, f"{URL}/notes", {"title": "perhaps"})
        end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'test' and wait_event = 'PgSleep'"
        until(lambda: cluster.sql(cluster.url("postgres"), end) == "1")
        answer = create.result()
    assert answer.status == 500 and answer.error["code"] == "OUTCOME_UNKNOWN" and "may have happened" in answer.error["message"]
    assert cluster.sql(url_of(server), "select count(*) from notes where title = 'perhaps'") == "0"


def test_connections_are_replaced_when_they_are_old_and_closed_when_nobody_needs_them(serve, cluster):
    text = app(cluster).replace("{max: 2, acquire: 500ms}", "{max: 4, idle: 1, idle_time: 1s, lifetime: 2s}")
    server = serve(text)
    rows = "select pid from pg_stat_activity where application_name = 'test' order by backend_start offset 1"  # the first is start-up's

    def connections():
        return set(cluster.sql(cluster.url("postgres"), rows).split())

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: sleep(server, 0.2), range(4)))
    before = connections()
    assert len(before) == 4
    until(lambda: len(connections()) == 1, 10)
    until(lambda: not before & connections(), 10)
    until(lambda: server.metrics()["tenon_db_readers_open"] == 1)
    assert server.client.get(f"{URL}/notes").status == 200


def test_tls_to_the_server_is_what_libpq_makes_of_it(serve):
    with Cluster() as cluster:
        certificate = ["openssl", "req", "-new", "-x509", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*certificate, "-out", cluster.folder / "server.crt", "-keyout", cluster.folder / "server.key"], check=True, capture_output=True)
        for name in ("server.crt", "server.key"):
            shutil.chown(cluster.folder / name, cluster.folder.owner())
            (cluster.folder / name).chmod(0o600)
        cluster.settings.update(ssl="on", ssl_cert_file=str(cluster.folder / "server.crt"), ssl_key_file=str(cluster.folder / "server.key"))
        cluster.restart()
        (cluster.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all all trust\n")
        cluster.restart()
        cluster.create_database()
        url = cluster.url("t1", tcp=True) + f"?sslmode=verify-full&sslrootcert={cluster.folder}/server.crt"
        server = serve(APP.format(url=url), database="")
        assert server.client.post(f"{URL}/notes", {"title": "secret"}).status == 201
        rows = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'test'"
        assert cluster.sql(cluster.url("t1"), rows) == "t"
