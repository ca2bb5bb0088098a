# SPDX-License-Identifier: Apache-2.0
"""Seeing inside: one JSON line per request whatever its bytes, no secret in it, metrics that parse and stay few, health."""

import json
import re
import signal

import pytest

APP = """
log: {redact: [title]}
resources:
  notes:
    fields: {title: text required, password: password}
    access: {all: true}
"""
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+|[+-]Inf|NaN)$')


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP)


def samples(server):
    """Parses the text format 0.0.4 strictly: HELP and TYPE once and before the samples of their family."""
    found, types = {}, {}
    answer = server.admin.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            assert match, line
            family = re.sub(r"_(bucket|sum|count)$", "", match[1]) if match[1] not in types else match[1]
            assert family in types, line
            assert (match[1], match[2]) not in found
            found[(match[1], match[2])] = float(match[3])
    return found


def test_requests_are_counted_by_method_route_and_status(server):
    key = ("http_requests_total", '{method="GET",route="/api/v1/notes",status="200"}')
    before = samples(server).get(key, 0)
    for _ in range(3):
        server.client.get("/api/v1/notes")
    after = samples(server)
    assert after[key] - before == 3
    labels = '{method="GET",route="/api/v1/notes"}'
    assert after[("http_request_duration_seconds_count", labels)] == after[("http_request_duration_seconds_bucket", labels[:-1] + ',le="+Inf"}')]
    assert after[("tenon_build_info", '{version="0.1.0"}')] == 1
    assert after[("process_resident_memory_bytes", None)] > 1e6


def test_random_paths_add_no_series(server):
    server.client.get("/nothing")
    before = len(samples(server))
    for number in range(200):
        assert server.client.get(f"/nothing/{number}").status == 404
    assert len(samples(server)) == before


def test_metrics_are_not_on_the_public_port(server):
    assert server.client.get("/metrics").status == 404


def test_health(server):
    assert server.client.get("/health").json == {"status": "ok"}
    assert server.client.get("/health/ready").json == {"status": "ready"}
    assert server.admin.get("/health/ready").json == {"status": "healthy", "dependencies": {"database": {"status": "healthy"}}}


def test_a_request_is_one_log_line_with_its_fields(server):
    server.client.get("/api/v1/notes?limit=1", headers={"X-Request-Id": "abc-1"})
    record = server.wait_log(request_id="abc-1")
    assert {"timestamp", "level", "message", "request_id", "method", "route", "status", "duration_ms", "bytes"} <= set(record)
    assert (record["level"], record["method"], record["route"], record["status"]) == ("info", "GET", "/api/v1/notes", 200)
    assert record["timestamp"].endswith("Z") and record["duration_ms"] >= 0


def test_request_ids_are_taken_if_sane_and_else_made(server):
    assert server.client.get("/health", headers={"X-Request-Id": "abc.DEF_1-2"}).headers["X-Request-Id"] == "abc.DEF_1-2"
    for bad in ("a b", "x" * 129, 'a"b', "<script>"):
        made = server.client.get("/health", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made != bad and re.fullmatch(r"[\w.-]{16,}", made)


def test_no_bytes_forge_a_line_and_no_secret_is_logged(server):
    canaries = ["canary-password", "canary-token", "canary-cookie", "canary-query", "canary-title"]
    server.client.post("/api/v1/notes?x=canary-query", json={"title": "canary-title", "password": "canary-password"})
    server.client.post("/api/v1/notes", json={"title": "canary-title", "password": "canary-password"})
    server.client.get("/health", headers={"Authorization": "Bearer canary-token", "Cookie": "s=canary-cookie", "User-Agent": '"}\t{"x'})
    for path in (b"/%0a%0d%00", b"/%1b[31m", b'/"},{"level":"error', b"/\xff\xfe"):
        with server.raw(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as connection:
            connection.rest()
    server.client.get("/health", headers={"X-Request-Id": "the-last"})
    server.wait_log(request_id="the-last")
    assert server.stray == []  # every line of standard output was JSON
    text = json.dumps(server.logs())
    assert not [canary for canary in canaries if canary in text]


def test_a_reload_goes_on_redacting(serve):
    server = serve(APP.replace("[title]", "[path, ip]"))
    server.signal(signal.SIGHUP)
    server.wait_log(message="the app file was reloaded")
    for name in ("first", "last"):
        server.client.get("/health", headers={"X-Request-Id": name})
    assert server.wait_log(request_id="last")["path"] == "[redacted]"


def test_answers_carry_the_security_headers(server):
    headers = server.client.get("/api/v1/notes").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] and headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers and "X-Powered-By" not in headers
