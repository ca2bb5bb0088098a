# SPDX-License-Identifier: Apache-2.0
"""P13: HTTP/1.1 and JSON as their specifications have them, on a live port. The parsers alone are unit tests."""

import json
import re

import pytest

URL = "/api/v1/things"
APP = """
timeouts: {header: 1s, body: 1s}
resources:
  things:
    id: int
    fields: {data: json, list: list(text)}
    access: {all: true}
"""
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP)


def throw(server, data):
    """All that the server has to say to these bytes, behind which nothing comes."""
    with server.raw() as connection:
        try:
            connection.send(data)
            connection.finish()
            return connection.rest()
        except (BrokenPipeError, ConnectionResetError):
            return b""


def check_unharmed(server, good):
    assert good.get("/health").json == {"status": "ok"}
    assert server.process.poll() is None


def test_h2os_fuzzing_inputs_are_answered_or_refused(server, shared, figure):
    inputs = sorted((shared / "http/h2o-http1/http1-corpus").iterdir())
    answered = 0
    with server.new_client() as good:
        for path in inputs:
            answer = throw(server, path.read_bytes())
            assert answer == b"" or STATUS_LINE.match(answer), (path.name, answer[:80])
            assert not re.match(rb"HTTP/1\.1 50[0234]", answer), (path.name, answer[:300])
            answered += answer != b""
            check_unharmed(server, good)
    figure("P13", f"{len(inputs):,} inputs of h2o's corpus on a live port: {answered:,} answered, none with 500, a good client unharmed")


def llhttp_bytes(text):
    """The notation of llhttp's documents: a line break is CRLF, one behind a backslash is none; \\r \\n \\t \\f \\xNN."""
    text = text.replace("\\\n", "").replace("\n", "\r\n")
    escapes = {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}
    text = re.sub(r"\\(?:([rntf])|x([0-9a-fA-F]{2}))", lambda m: escapes[m[1]] if m[1] else chr(int(m[2], 16)), text)
    return text.encode("latin-1", "replace")


def test_llhttps_requests_are_answered_or_refused(server, shared, figure):
    """Which of them are refused, and where, is the unit test's (http1_corpus_test.c); here the server must outlive them."""
    cases = json.loads((shared / "http/llhttp/llhttp.json").read_text())["cases"]
    requests = [case for case in cases if "request" in case["meta"].get("type", "")]
    assert len(requests) > 100
    with server.new_client() as good:
        for case in requests:
            answer = throw(server, llhttp_bytes(case["input"]))
            assert answer == b"" or STATUS_LINE.match(answer), (case, answer[:80])
            assert not re.match(rb"HTTP/1\.1 50[0234]", answer), (case, answer[:300])
            check_unharmed(server, good)
    figure("P13", f"{len(requests)} cases of llhttp on a live port, a good client unharmed")


# Keys that stand twice: readers that take the first and readers that take the last would be told different things. And
# NUL, which no text of PostgreSQL can hold.
STRICTER = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
    "y_object_escaped_null_in_key.json",
    "y_string_null_escape.json",
}


def test_json_is_json(server, shared, figure):
    """y_ must be taken, n_ must not, i_ may be either, and none may be a 500. The values go through a json field."""
    counts = {"y": 0, "n": 0, "i": 0}
    for path in sorted((shared / "json/JSONTestSuite/test_parsing").glob("*.json")):
        body = b'{"data":' + path.read_bytes() + b"}"
        answer = server.client.request("POST", URL, body=body, headers={"Content-Type": "application/json"})
        kind = path.name[0]
        wanted = (400,) if path.name in STRICTER else {"y": (201,), "n": (400,), "i": (201, 400)}[kind]
        assert answer.status in wanted, (path.name, answer)
        counts[kind] += 1
        if answer.status == 201:
            assert server.client.get(f"{URL}/{answer.data['id']}").data["data"] == answer.data["data"]
    figure("P13", f"JSONTestSuite through POST: {counts['y'] - len(STRICTER)} of {counts['y']} taken, {len(STRICTER)} are refused for a key that stands twice or a NUL, {counts['n']} of {counts['n']} refused, {counts['i']} either")


HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# RFC 9112 (and 9110): section | what | bytes | status, and whether the connection closes behind the answer
MUSTS = [
    ("2.2", "a bare LF as the end of a line is refused", b"GET /health HTTP/1.1\nHost: x\n\n", 400, True),
    ("2.2", "a bare CR in a line is refused", b"GET /health HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 400, True),
    ("2.2", "an empty line before the request is ignored", b"\r\n" + HEAD + b"\r\n", 200, False),
    ("2.2", "white space before the first header is refused", b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n", 400, True),
    ("3", "two spaces in the request line are refused", b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n", 400, True),
    ("3", "a request line without a version is refused", b"GET /health\r\nHost: x\r\n\r\n", 505, True),
    ("3.1", "a method is case-sensitive", b"get /health HTTP/1.1\r\nHost: x\r\n\r\n", 501, False),
    ("3.1", "a method that is none is 501", b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n", 501, False),
    ("3.2", "no Host is 400", b"GET /health HTTP/1.1\r\n\r\n", 400, True),
    ("3.2", "two Hosts are 400", HEAD + b"Host: x\r\n\r\n", 400, True),
    ("3.2", "a Host that is none is 400", b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", 400, True),
    ("3.2.2", "the absolute form is understood", b"GET http://x/health HTTP/1.1\r\nHost: x\r\n\r\n", 200, False),
    ("2.3", "an unknown major version is 505", b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", 505, True),
    ("2.3", "a higher minor version is answered", b"GET /health HTTP/1.2\r\nHost: x\r\n\r\n", 200, False),
    ("5", "a field name with a space is refused", HEAD + b"A B: c\r\n\r\n", 400, True),
    ("5", "an empty field name is refused", HEAD + b": c\r\n\r\n", 400, True),
    ("5.1", "a space before the colon is refused", HEAD + b"A : b\r\n\r\n", 400, True),
    ("5.2", "a folded line is refused", HEAD + b"A: b\r\n c\r\n\r\n", 400, True),
    ("5.5", "a NUL in a value is refused", HEAD + b"A: b\x00c\r\n\r\n", 400, True),
    ("5", "a header without a colon is refused", HEAD + b"Abc\r\n\r\n", 400, True),
    ("6.1", "a length and chunks are refused", POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, True),
    ("6.1", "chunked must be last", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400, True),
    ("6.1", "chunked twice is refused", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, True),
    ("6.1", "an unknown coding is refused", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501), True),
    ("6.1", "chunks in HTTP/1.0 are refused", POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, True),
    ("6.2", "a negative length is refused", POST + b"Content-Length: -1\r\n\r\n", 400, True),
    ("6.2", "a length with a sign is refused", POST + b"Content-Length: +2\r\n\r\n{}", 400, True),
    ("6.2", "a hexadecimal length is refused", POST + b"Content-Length: 0x2\r\n\r\n{}", 400, True),
    ("6.2", "an empty length is refused", POST + b"Content-Length: \r\n\r\n", 400, True),
    ("6.2", "a length beyond 64 bits is refused", POST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, True),
    ("6.3", "two different lengths are refused", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, True),
    ("6.3", "a list of lengths is refused", POST + b"Content-Length: 2, 3\r\n\r\n{}", 400, True),
    ("6.3", "a GET may have a body, which is read past", HEAD + b"Content-Length: 2\r\n\r\nab", 200, False),
    ("7.1", "chunks are put together", POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 201, False),
    ("7.1", "a chunk size that is none is refused", POST + b"Transfer-Encoding: chunked\r\n\r\nz\r\n{}\r\n0\r\n\r\n", 400, True),
    ("7.1", "a chunk size beyond 64 bits is refused", POST + b"Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n{}\r\n", 400, True),
    ("7.1", "a chunk size with a sign is refused", POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n", 400, True),
    ("7.1", "a chunk longer than its size is refused", POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n", 400, True),
    ("7.1.1", "a chunk extension is ignored", POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\n{}\r\n0\r\n\r\n", 201, False),
    ("7.1.2", "trailers are not headers", POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: y\r\n\r\n", 201, False),
    ("9.3", "HTTP/1.0 closes", b"GET /health HTTP/1.0\r\n\r\n", 200, True),
    ("9.3", "HTTP/1.0 is kept when asked", b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, False),
    ("9.6", "Connection: close closes", HEAD + b"Connection: close\r\n\r\n", 200, True),
    ("9.6", "Connection: close in a list, in any case, closes", HEAD + b"Connection: a, CLOSE\r\n\r\n", 200, True),
    ("9110 10.1.1", "an expectation that is none is 417 or ignored", HEAD + b"Expect: tea\r\n\r\n", (200, 417), False),
    ("9110 9.3.2", "HEAD has no body", b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", 200, False),
    ("9110 9.3.8", "TRACE is not allowed", b"TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405, False),
]


@pytest.mark.parametrize("section, what, data, status, closes", MUSTS, ids=[f"{row[0]} {row[1]}" for row in MUSTS])
def test_a_must_of_http(server, section, what, data, status, closes):
    method = data.split(b" ", 1)[0].strip().decode("latin-1")
    with server.raw(data) as connection:
        answer = connection.answer(method)
        assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
        if closes:
            assert connection.is_closed()
        else:
            connection.send(HEAD + b"\r\n")
            assert connection.answer().json == {"status": "ok"}


def test_the_musts_are_counted(figure):
    figure("P13", f"{len(MUSTS)} requirements of RFC 9112 and 9110, each on a live port")
