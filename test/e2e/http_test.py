# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on the wire: limits, refusals, pipelining, bodies, compression, CORS."""

import gzip
import json
import time

import pytest

APP = """
http: {body: 2KiB, in_flight: 1000}
timeouts: {header: 1s, body: 1s, idle: 30s}
cors: {origins: ["https://app.example.org"]}
resources:
  notes:
    fields: {title: text required}
    access: {all: true}
"""
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def server(serve_module):
    server = serve_module(APP)
    rows = [{"title": f"a title that is long enough, number {i}"} for i in range(15)]
    for row in rows:
        assert server.client.post("/api/v1/notes", json=row).status == 201
    return server


REFUSED = [
    ("two lengths", b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    ("a length and chunks", b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("a length that is none", b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", 400),
    ("another coding", b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ("chunks in 1.0", b"POST /api/v1/notes HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("two hosts", GET + b"Host: y\r\n\r\n", 400),
    ("a space before a colon", GET + b"A : b\r\n\r\n", 400),
    ("a folded line", GET + b"A: b\r\n c\r\n\r\n", 400),
    ("a bare LF", b"GET /health HTTP/1.1\nHost: x\n\n", 400),
    ("a bare CR", GET + b"A: b\rc\r\n\r\n", 400),
    ("a NUL", GET + b"A: b\0c\r\n\r\n", 400),
    ("a control byte in the target", b"GET /he\x01alth HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("HTTP/2.0", b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("a long request line", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("large headers", GET + b"A: " + b"b" * 33000 + b"\r\n\r\n", 431),
    ("many headers", GET + b"A: b\r\n" * 101 + b"\r\n", 431),
    ("a large body", b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n", 413),
]


@pytest.mark.parametrize("request_bytes, status", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_could_be_read_two_ways_or_is_too_much_is_refused_and_closed(server, request_bytes, status):
    with server.raw(request_bytes) as connection:
        answer = connection.answer()
        assert answer.status == status and answer.json["error"]["code"]
        assert answer.headers["Connection"] == "close"
        assert connection.is_closed()


def test_pipelined_requests_are_answered_in_order(server):
    with server.raw(b"".join(b"GET /api/v1/notes?limit=%d&fields=title HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(1, 6))) as connection:
        assert [len(connection.answer().data) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_chunks_and_single_bytes_are_a_body_like_any_other(server):
    head = b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server.raw() as connection:
        connection.send_slowly(head + b"8;a=b\r\n{\"title\"\r\n9\r\n:\"chunk\"}\r\n0\r\nX: y\r\n\r\n")
        assert connection.answer().data["title"] == "chunk"
    body = b'{"title":"chunked"}'
    with server.raw(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)) as connection:
        assert connection.answer().data["title"] == "chunked"


def test_a_body_is_asked_for_before_it_is_sent(server):
    head = b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\nExpect: 100-continue\r\n\r\n"
    with server.raw(head) as connection:
        assert connection.stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        connection.stream.readline()
        connection.send(b'{"title":"wait"}')
        assert connection.answer().data["title"] == "wait"


def test_old_clients_and_methods(server):
    with server.raw(b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert connection.answer().status == 200 and connection.is_closed()
    with server.raw(b"\r\nGET /health HTTP/1.2\r\nHost: x\r\n\r\n") as connection:
        assert connection.answer().status == 200
    options = server.client.options("/api/v1/notes")
    assert options.status == 204 and options.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    everything = server.client.options("*")
    assert everything.status == 204 and everything.headers["Allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    for method in ("TRACE", "PUT"):
        refused = server.client.request(method, "/api/v1/notes")
        assert refused.status == 405 and "POST" in refused.headers["Allow"]
    assert server.client.request("BREW", "/api/v1/notes").status == 501
    assert server.client.post("/api/v1/notes", json={"title": "x"}, headers={"X-HTTP-Method-Override": "DELETE"}).status == 201


@pytest.mark.parametrize("path", ["/%2e%2e/health", "//health", "/health;x", "/health%2f", "/health/", "/api/v1/../v1/notes", "/api%2fv1/notes", "/\\health"])
def test_tricks_with_paths_lead_nowhere(server, path):
    with server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        assert connection.answer().status in (400, 404)


def test_large_answers_are_compressed_for_who_asks_and_has_no_cookie(server):
    plain = server.client.get("/api/v1/notes")
    packed = server.client.get("/api/v1/notes", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed.headers["Vary"]
    assert json.loads(gzip.decompress(packed.body)) == plain.json and len(packed.body) < len(plain.body) / 2
    for headers in ({}, {"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "gzip", "Cookie": "a=b"}):
        assert "Content-Encoding" not in server.client.get("/api/v1/notes", headers=headers).headers
    assert "Content-Encoding" not in server.client.get("/health", headers={"Accept-Encoding": "gzip"}).headers


def test_cors_lets_the_listed_origin_in_and_no_other(server):
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "content-type, if-match"}
    preflight = server.client.options("/api/v1/notes/x", headers=asked)
    assert preflight.status == 204 and preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"] and "if-match" in preflight.headers["Access-Control-Allow-Headers"].lower()
    answer = server.client.get("/api/v1/notes", headers={"Origin": "https://app.example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org" and "Origin" in answer.headers.get_all("Vary")
    for origin in ("https://evil.example.org", "null", "https://app.example.org.evil.org", "http://app.example.org"):
        answer = server.client.get("/api/v1/notes", headers={"Origin": origin})
        assert answer.status == 200 and "Access-Control-Allow-Origin" not in answer.headers


def test_a_head_and_a_body_that_do_not_come_are_not_waited_for(server):
    began = time.monotonic()
    slow = [server.raw(b"GET /health HTTP/1.1\r\nHos"), server.raw(b"POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{")]
    for connection in slow:
        connection.rest()
        connection.close()
    assert 0.9 < time.monotonic() - began < 6


def test_many_parameters_and_terms_are_refused_quickly(server):
    began = time.monotonic()
    assert server.client.get("/api/v1/notes?" + "&".join(f"a{i}=1" for i in range(1000))).status == 400
    assert server.client.get("/api/v1/notes", query={"where": "||".join(["title=='a'"] * 100)}).status == 400
    assert server.client.get("/api/v1/notes", query={"where": "(" * 2000}).status == 400
    assert time.monotonic() - began < 2


def test_bodies_together_are_held_to_their_limit(serve):
    server = serve("cores: 1\nhttp: {body: 1MiB, bodies: 1MiB}\n" + APP.replace("http: {body: 2KiB, in_flight: 1000}\n", ""))
    head = "POST /api/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
    with server.raw(head + " " * 1000) as first, server.raw(head + " " * 1000) as second:
        refused = second.answer()
        assert (refused.status, refused.headers["Retry-After"], refused.error["code"]) == (503, "1", "UNAVAILABLE")
        assert server.client.post("/api/v1/notes", json={"title": "small"}).status == 201
        assert first.is_closed()
    with server.raw(head + '{"title": "large"' + " " * (900000 - 18) + "}") as again:
        assert again.answer().status == 201
