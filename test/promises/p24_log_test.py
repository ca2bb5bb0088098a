# SPDX-License-Identifier: Apache-2.0
"""P24: one JSON line per request, whatever its bytes; no secret in any line, metric or error."""

import json
import pathlib
import random
import time

from server import SCALE, Server, run_tenon

URL = "/api/v1/users"
APP = """
log: {redact: [nickname]}
resources:
  users:
    id: int
    fields:
      email: email required unique
      nickname: text
      password: password
      note: text hidden
    access: {all: true}
"""
NASTY = [
    b"\r\n", b"\n", b"\r", b"\0", b"\x1b[31m", b"\x7f", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x80\xa8", b'"', b'"}\n{"level":"error"',
    b"\\", b"\\u0000", b"%0d%0a", b"%00", b"%s%n%x%p", b"\t", b"{{", b"${jndi:ldap://x}", b"<script>", b"\xf0\x9f\x92\xa3", b"a" * 3000, b"'; DROP TABLE users; --",
]  # fmt: skip


def nasty(choose):
    return b"".join(choose.choice(NASTY) for _ in range(choose.randint(1, 3)))


def without_line_ends(data):
    return data.replace(b"\r", b"").replace(b"\n", b"")


def nasty_request(choose, number):
    """Each place of a request takes its turn: path, query, header, request id, host, method, body."""
    path, headers, method, body = b"/api/v1/users", [b"Host: x"], b"GET", b""
    junk = nasty(choose)
    place = number % 8
    if place == 0:
        path += b"/" + without_line_ends(junk).replace(b" ", b"")
    elif place == 1:
        path += b"?where=" + without_line_ends(junk).replace(b" ", b"")
    elif place == 2:
        headers.append(b"User-Agent: " + without_line_ends(junk))
    elif place == 3:
        headers.append(b"X-Request-Id: " + without_line_ends(junk))
    elif place == 4:
        headers[0] = b"Host: " + without_line_ends(junk)
    elif place == 5:
        method = without_line_ends(junk)[:20].replace(b" ", b"") or b"GET"
    elif place == 6:
        headers.append(without_line_ends(junk) + b": " + junk)
    else:
        method, body = b"POST", b'{"email": "' + junk + b'"}'
        headers.append(b"Content-Type: application/json")
    headers += [b"Connection: close", b"Content-Length: %d" % len(body)]
    return method + b" " + path + b" HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + body


class KeptLines(Server):
    """Keeps what its log says, byte for byte."""

    def __init__(self, *args, **options):
        self.lines = []
        super().__init__(*args, **options)

    def _take_log(self, line):
        self.lines.append(line)
        super()._take_log(line)

    def wait_requests(self, count):
        """The lines of at least so many requests: each core writes its own, at the end of its turn."""
        end = time.monotonic() + 5 * SCALE
        while len(self.logs(message="request")) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.logs(message="request")


def test_a_thousand_nasty_requests_are_as_many_json_lines(tmp_path, size, figure):
    count, choose, answers = size(1000, 100_000), random.Random(24), 0
    with KeptLines(APP, tmp_path) as server:
        server.client.get("/health", headers={"X-Request-Id": "the-first"})
        server.wait_log(request_id="the-first")
        before = len(server.wait_requests(2))  # the harness has asked for it too
        for number in range(count):
            with server.raw(nasty_request(choose, number)) as connection:
                received = connection.rest()
            assert received.startswith(b"HTTP/1.1 ")
            answers += received.count(b"HTTP/1.1 ")  # a header with CRLF in it may well be two requests
        server.client.get("/health", headers={"X-Request-Id": "the-last"})
        server.wait_log(request_id="the-last")
        lines = server.wait_requests(before + answers + 1)
    assert server.stray == [], server.stray[:3]  # what is no JSON, as a line with a control byte is not
    assert [line for line in server.lines if not (line.endswith("\n") and line.isascii() and line[:-1].isprintable())] == []
    assert len(server.logs(message="request")) == len(lines) == before + answers + 1
    figure("P24", f"{count:,} nasty requests, {answers:,} answers, {len(lines) - before - 1:,} lines of JSON, all of printable ASCII")


def test_a_path_too_long_for_a_line_hides_nothing_else(serve):
    server = serve("http: {request_line: 64KiB}\n" + APP)
    for number, character in enumerate(b"a\"\\'%<"):
        with server.raw(b"GET /%s HTTP/1.1\r\nHost: x\r\n" % (bytes([character]) * 65_000)) as connection:
            connection.send(f"X-Request-Id: long-{number}\r\nConnection: close\r\n\r\n")
            answer = connection.answer()
        assert answer.status in (400, 404)
        record = server.wait_log(request_id=answer.headers["X-Request-Id"])
        assert record["status"] == answer.status and record["remote"] == "127.0.0.1"
    assert server.stray == []


CANARY, NICKNAME = "canary-7f3a", "redacted-1b2c"
SECRETS = {
    "the password of a body": lambda api: api.post(URL, {"email": "a@x.org", "password": CANARY + "-long"}),
    "a redacted field": lambda api: api.post(URL, {"email": "b@x.org", "nickname": NICKNAME}),
    "a hidden field": lambda api: api.post(URL, {"email": "c@x.org", "note": CANARY}),
    "a password of the wrong type": lambda api: api.post(URL, {"email": "d@x.org", "password": [CANARY]}),
    "a body that is no JSON": lambda api: api.request("POST", URL, body='{"password": "' + CANARY, headers={"Content-Type": "application/json"}),
    "a password in a query": lambda api: api.get(f"{URL}?password={CANARY}"),
    "a token in a query": lambda api: api.get(f"{URL}?access_token={CANARY}"),
    "a where over a hidden field": lambda api: api.get(URL, query={"where": f"note == '{CANARY}'"}),
    "Authorization": lambda api: api.get(URL, headers={"Authorization": f"Bearer {CANARY}"}),
    "Cookie": lambda api: api.get(URL, headers={"Cookie": f"session={CANARY}"}),
    "X-API-Key": lambda api: api.get(URL, headers={"X-API-Key": CANARY}),
    "Proxy-Authorization": lambda api: api.get(URL, headers={"Proxy-Authorization": f"Basic {CANARY}"}),
    "X-Forwarded-For": lambda api: api.get(URL, headers={"X-Forwarded-For": CANARY}),
    "Idempotency-Key": lambda api: api.post(URL, {"email": "e@x.org"}, headers={"Idempotency-Key": CANARY}),
    "If-Match": lambda api: api.request("PATCH", f"{URL}/1", json={}, headers={"If-Match": CANARY}),
    "a password that is too long": lambda api: api.post(URL, {"email": "f@x.org", "password": CANARY * 20}),
    "a password of a batch that fails": lambda api: api.post(
        "/api/v1/batch", {"operations": [{"method": "POST", "path": "/users", "body": {"password": CANARY + "-long"}}]}
    ),
    "a filter by a password": lambda api: api.get(URL, query={"password[like]": CANARY + "*"}),
    "a where over a password": lambda api: api.get(URL, query={"where": f"password == '{CANARY}"}),
    "a cookie that is too large": lambda api: api.get(URL, headers={"Cookie": CANARY + "x" * 40_000}),
    "a token in a line that is too long": lambda api: api.get(f"{URL}?access_token={CANARY}{'x' * 10_000}"),
    "a taken e-mail, with its password": lambda api: api.post(URL, {"email": "a@x.org", "password": CANARY + "-long"}),
}


def test_no_secret_of_a_request_is_logged_counted_or_repeated(serve, figure):
    server = serve(APP)
    leaks = {}
    for name, send in SECRETS.items():
        answer = send(server.client)
        if CANARY in answer.text:
            leaks[name] = answer
    server.client.get("/health", headers={"X-Request-Id": "the-last"})
    server.wait_log(request_id="the-last")
    assert not leaks, leaks
    for secret in (CANARY, NICKNAME):
        assert secret not in json.dumps(server.logs()) and secret not in "".join(server.stderr_lines)
        assert secret not in server.admin.get("/metrics").text
    assert len(server.client.get(URL).data) == 4
    for path in (server.directory / "data").iterdir():
        assert (CANARY + "-long").encode() not in path.read_bytes(), f"a password is stored in clear in {path.name}"
    figure("P24", f"{len(SECRETS)} kinds of secrets, none in a log line, a metric or an answer")


def test_what_variables_and_files_of_an_app_hold_is_not_told(serve):
    app = APP + f"name: quiet\ncors: {{origins: ['https://${{HOST_OF_PAGES}}', 'https://${{file:page.txt}}']}}\n"
    hosts = {"HOST_OF_PAGES": CANARY + ".org"}
    server = serve(app, env=hosts, files={"page.txt": CANARY + ".net"})
    assert server.client.get(URL, headers={"Origin": f"https://{CANARY}.net"}).headers["Access-Control-Allow-Origin"]
    server.signal(1)
    server.wait_log(message="the app file was reloaded")
    assert CANARY not in server.output() and CANARY not in server.admin.get("/metrics").text
    wrong = run_tenon("check", "app.yaml", directory=server.directory, env={**hosts, "HOST_OF_PAGES": f"{CANARY} space"})
    assert wrong.returncode == 1 and CANARY not in wrong.stdout + wrong.stderr
    assert CANARY.encode() not in pathlib.Path(f"/proc/{server.pid}/cmdline").read_bytes()
