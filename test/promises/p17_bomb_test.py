# SPDX-License-Identifier: Apache-2.0
"""P17: a bomb is answered, not obeyed: in the right words, and for less than 50 ms of the server's CPU."""

import json
import zlib

import pytest

from cost import cpu_ns, memory_kb
from server import SCALE

URL = "/api/v1/things"
APP = """
http: {body: 4MiB}
resources:
  things:
    id: int
    fields:
      title: text(1..80)
      amount: int
      ratio: float
      price: decimal(18,2)
      data: json
      tags: list(text)
      owner: things
    search: [title]
    access: {all: true}
"""
CPU_LIMIT_MS = 50


def post(body, path=URL, headers=""):
    body = body if isinstance(body, bytes) else body.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(query, headers=""):
    return f"GET {URL}{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()


def chunked(chunks, trailer=b""):
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunks + b"0\r\n" + trailer + b"\r\n"


WHERE = "%20%7C%7C%20".join(f"amount%3D{i}" for i in range(10_000))
OPERATIONS = json.dumps({"operations": [{"method": "POST", "path": "/things", "body": {"title": "x"}}] * 10_000})

UNREAD = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n".encode()
FORM = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 120000\r\n\r\n"
ZEROS = zlib.compress(bytes(100 << 20), 9)

# What is refused, in which words.
CODES = {
    400: ("PARSE_ERROR", "VALIDATION_ERROR"),
    404: ("NOT_FOUND",),
    413: ("PAYLOAD_TOO_LARGE",),
    414: ("URI_TOO_LONG",),
    415: ("UNSUPPORTED_MEDIA_TYPE",),
    431: ("HEADERS_TOO_LARGE",),
}

# name | bytes | status
BOMBS = [
    ("a header of 64 KiB", get("", "X: " + "a" * 65536 + "\r\n"), 431),
    ("10,000 headers", get("", "X: a\r\n" * 10_000), 431),
    ("10,000 cookies", get("", "Cookie: " + "a=b; " * 10_000 + "\r\n"), 431),
    ("a URL of 16 KiB", get("?title=" + "a" * 16384), 414),
    ("a URL of 1 MiB", get("?title=" + "a" * (1 << 20)), 414),
    ("a request line without an end", b"G" * (1 << 20), 414),
    ("a body over the limit, announced", UNREAD + b"\r\n", 413),
    ("a body over the limit, asked for", UNREAD + b"Expect: 100-continue\r\n\r\n", 413),
    ("a body over the limit, in chunks", chunked((b"100000\r\n" + b" " * (1 << 20) + b"\r\n") * 5), 413),
    ("an array 100,000 deep", post("[" * 100_000), 400),
    ("an object 100,000 deep", post('{"data":' + '{"a":' * 100_000), 400),
    ("a closed array 100,000 deep in a json field", post('{"data":' + "[" * 100_000 + "]" * 100_000 + "}"), 400),
    ("an int of 1 MB", post('{"amount":' + "1" * (1 << 20) + "}"), 400),
    ("a float of 1 MB", post('{"ratio":0.' + "1" * (1 << 20) + "}"), 201),
    ("a decimal of 1 MB", post('{"price":"0.' + "1" * (1 << 20) + '"}'), 400),
    ("a number of 1 MB in a json field", post('{"data":' + "1" * (1 << 20) + "}"), 201),
    ("an exponent of 1 MB", post('{"ratio":1e' + "1" * (1 << 20) + "}"), 400),
    ("a title of 1 MB", post('{"title":"' + "a" * (1 << 20) + '"}'), 400),
    ("a title of 1 MB in escapes", post('{"title":"' + "\\u0061" * (1 << 17) + '"}'), 400),
    ("100,000 unknown members", post("{" + ",".join(f'"k{i}":1' for i in range(100_000)) + "}"), 400),
    ("one member 100,000 times", post("{" + ",".join(['"title":"a"'] * 100_000) + "}"), 400),
    ("an array of 100,000 rows", post("[" + ",".join(['{"title":"a"}'] * 100_000) + "]"), 400),
    ("a list of 100,000 tags", post('{"tags":[' + ",".join(['"a"'] * 100_000) + "]}"), 400),
    ("100,000 query parameters", get("?" + "a&" * 100_000), 414),
    ("2,000 query parameters", get("?" + "a&" * 2000), 400),
    ("a where of 10,000 terms", get("?where=" + WHERE), 414),
    ("a where of 7 KiB of brackets", get("?where=" + "(" * 7000), 400),
    ("a where of 7 KiB of nots", get("?where=" + "!" * 7000 + "amount"), 400),
    ("an Accept of 20 KiB", get("", "Accept: " + "text/html;q=0.1," * 1280 + "*/*\r\n"), 200),
    ("an If-None-Match of 20 KiB", get("/1", "If-None-Match: " + '"a",' * 5000 + '"b"\r\n'), 200),
    ("100,000 chunks of one byte", chunked(b"1\r\n \r\n" * 100_000), 400),
    ("a chunk extension of 1 MiB", chunked(b"1;" + b"a" * (1 << 20) + b"\r\n \r\n"), 400),
    ("trailers of 1 MiB", chunked(b"2\r\n{}\r\n", b"X: a\r\n" * 170_000), 400),
    ("100 MiB of zeros, deflated", post(ZEROS, headers="Content-Encoding: deflate\r\n"), 415),
    ("a form of 10,000 parts", FORM.encode() + b"--b\r\n\r\na\r\n\r\n" * 10_000, 415),
    ("a batch of 10,000 operations", post(OPERATIONS, "/api/v1/batch"), 400),
]

# The same with the widest limits that an app file may set, so that the parsers behind them see it all.
WIDE = APP.replace("{body: 4MiB}", "{body: 64MiB, request_line: 64KiB, headers: 1MiB, header_count: 1000}")
WIDE_BOMBS = [
    ("a where of 10,000 terms", get("?where=" + "id=1||" * 10_000 + "id=1"), 400),
    ("30,000 query parameters", get("?" + "a&" * 30_000), 400),
    ("10,000 fields to sort by", get("?sort=" + ",".join(f"k{i}" for i in range(10_000))), 400),
    ("one field to sort by 15,000 times", get("?sort=" + "id," * 15_000 + "id"), 400),
    ("10,000 fields to show", get("?fields=" + ",".join(f"k{i}" for i in range(10_000))), 400),
    ("10,000 references to expand", get("?expand=" + "owner," * 10_000 + "owner"), 200),
    ("10,000 levels to expand", get("?expand=" + "owner." * 10_000 + "owner"), 400),
    ("a filter 10,000 references away", get("?" + "owner." * 10_000 + "title=a"), 400),
    ("10,000 values to look for", get("?amount[in]=" + ",".join(str(i) for i in range(10_000))), 400),
    ("10,000 words to search for", get("?search=" + "+".join(f"a{i}" for i in range(9000))), 400),
    ("a like of 30,000 stars", get("?title[like]=" + "*a" * 30_000), 200),
    ("a number of 60 KB in a query", get("?ratio=0." + "1" * 60_000), 200),
    ("a cursor of 60 KB", get("?after=" + "A" * 60_000), 400),
    ("a path of 30,000 segments", f"GET {'/a' * 30_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 404),
    ("an Accept of 60,000 types", get("", "Accept: " + "text/html;q=0.1," * 60_000 + "*/*\r\n"), 200),
    ("an Accept-Encoding of 100,000 codings", get("", "Accept-Encoding: " + "br;q=0.1," * 100_000 + "gzip\r\n"), 200),
    ("an If-None-Match of 200,000 tags", get("/1", "If-None-Match: " + '"a",' * 200_000 + '"b"\r\n'), 200),
    ("a Cookie of 190,000 pairs", get("", "Cookie: " + "a=b; " * 190_000 + "\r\n"), 200),
    ("a Connection of 300,000 names", get("", "Connection: " + "a, " * 300_000 + "close\r\n"), 200),
    ("4 MB of blanks before a body", post(" " * (4 << 20) + "["), 400),
    ("a title of 4 MB", post('{"title":"' + "a" * (4 << 20) + '"}'), 400),
    ("an array 4,000,000 deep", post("[" * 4_000_000), 400),
]


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP, args=["--cores", "1"])


@pytest.fixture(scope="module")
def wide(serve_module):
    server = serve_module(WIDE, args=["--cores", "1"])
    assert server.client.post(URL, {"title": "a"}).status == 201
    return server


def throw(server, data):
    """Sends as much as the server takes, and returns its answer; it may well answer before the end, and close."""
    with server.raw() as connection:
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return connection.answer()


costs = {}


def judge(server, name, data, status):
    before = cpu_ns(server)
    answer = throw(server, data)
    costs[name] = (cpu_ns(server) - before) / 1e6
    assert answer.status == status, answer
    if status >= 400:
        assert answer.error["code"] in CODES[status] and len(answer.body) < len(data) + 20_000
    assert costs[name] < CPU_LIMIT_MS * SCALE
    assert server.client.get("/health").status == 200


@pytest.mark.parametrize("name, data, status", BOMBS, ids=[row[0] for row in BOMBS])
def test_a_bomb_is_refused_cheaply(server, name, data, status):
    judge(server, name, data, status)


@pytest.mark.parametrize("name, data, status", WIDE_BOMBS, ids=[row[0] for row in WIDE_BOMBS])
def test_a_bomb_is_cheap_under_the_widest_limits_too(wide, name, data, status):
    judge(wide, f"{name} under wide limits", data, status)


def test_no_bomb_leaves_memory_behind(server):
    refused = [data for _, data, status in BOMBS if status >= 400]
    memory = []
    for _ in range(4):
        for data in refused:
            throw(server, data)
        memory.append(memory_kb(server))
    assert memory[-1] - memory[0] < 1024


def test_the_bombs_together_cost_little(server, wide, figure):
    name = max(costs, key=costs.get)
    memory = max(memory_kb(server), memory_kb(wide))
    figure("P17", f"{len(costs)} bombs; the costliest, {name}: {costs[name]:.1f} ms of CPU; {memory / 1024:.0f} MB in the end")
    assert memory < 64 * 1024
