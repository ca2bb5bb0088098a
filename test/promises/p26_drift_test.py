# SPDX-License-Identifier: Apache-2.0
"""P26: after a warm-up, neither memory nor descriptors grow, however many requests come."""

import random
import socket

from cost import descriptors, memory_kb

URL = "/api/v1"
APP = """
http: {connections: 500}
resources:
  markets:
    id: int
    fields:
      name: text(3..120) required
      status: enum(active, closed) = active
      volume: decimal(18,2) = 0
      owner: markets
    access: {all: true}
  notes:
    fields: {text: text(1..200)}
    search: [text]
    access: {all: true}
"""
CONNECTIONS, PIPELINED = 8, 32
COME_AND_GO = (
    '{"operations":[{"method":"POST","path":"/markets","id":"a","body":{"name":"%s"}},'
    '{"method":"DELETE","path":"/markets/$a.id"}]}'
)


def write(method, path, body, extra=""):
    head = f"{method} {URL}{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def post(path, body, extra=""):
    return write("POST", path, body, extra)


def plain(method, path, extra=""):
    return f"{method} {URL}{path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode()


def any_request(choose):
    """One of what clients send: reads, writes, mistakes; the table stays at about a thousand rows."""
    row = choose.randint(1, 1000)
    name = "Will event %d resolve to yes?" % choose.randint(1, 10**6)
    return choose.choice(
        [
            lambda: plain("GET", f"/markets/{row}"),
            lambda: plain("GET", f"/markets/{row}", 'If-None-Match: "1"\r\n'),
            lambda: plain("GET", "/markets?status=active&sort=-created_at&limit=5&count=none"),
            lambda: plain("GET", f"/markets?where=volume%3E{row}&limit=3&expand=owner", "Accept-Encoding: gzip\r\n"),
            lambda: plain("GET", f"/notes?search=event&limit=2&count=none&fields=text&page={row % 7 + 1}"),
            lambda: plain("HEAD", f"/markets/{row}"),
            lambda: plain("GET", f"/nothing/{row}"),
            lambda: plain("GET", f"/markets?nope={row}"),
            lambda: write("PATCH", f"/markets/{row}", '{"name":"%s","volume":"%d.50"}' % (name, row)),
            lambda: write("PATCH", f"/markets/{row}", '{"name":"%s"}' % name, 'If-Match: "1"\r\n'),
            lambda: post("/markets", '{"name":"x","volume":[%d]}' % row),
            lambda: post("/markets", '{"name":"%s"' % name),
            lambda: post("/markets", '{"name":"%s"}' % name, f"Idempotency-Key: {choose.randint(1, 300)}\r\n"),
            lambda: post("/batch", COME_AND_GO % name),
            lambda: plain("DELETE", f"/markets/{choose.randint(2000, 10**6)}"),
        ]
    )()


def exchange(connection, requests):
    """Sends them in one go and waits for as many answers, and for the last body to be whole. No body holds "HTTP/1.1"."""
    connection.sendall(b"".join(requests) + plain("GET", "/markets/1"))
    received = bytearray()
    while received.count(b"HTTP/1.1 ") < len(requests) + 1 or not received.endswith(b"}"):
        piece = connection.recv(1 << 18)
        assert piece, "the server closed the connection"
        received += piece
    assert b"HTTP/1.1 5" not in received, received[received.index(b"HTTP/1.1 5") :][:600]


def run(server, connections, choose, count):
    for _ in range(count // (PIPELINED + 1) // len(connections) + 1):
        for connection in connections:
            exchange(connection, [any_request(choose) for _ in range(PIPELINED)])


def test_mixed_requests_leave_memory_and_descriptors_as_they_were(serve, size, figure):
    server = serve(APP, args=["--cores", "2"])
    count, choose = size(60_000, 2_000_000), random.Random(1)
    for first in range(0, 1000, 100):
        assert server.client.post(f"{URL}/markets", [{"name": f"Will event {first + i} end?"} for i in range(100)]).status == 201
    assert server.client.post(f"{URL}/notes", [{"text": f"event {i}"} for i in range(100)]).status == 201
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(CONNECTIONS)]
    run(server, connections, choose, count // 3)
    before = memory_kb(server), descriptors(server)
    run(server, connections, choose, count)
    after = memory_kb(server), descriptors(server)
    for connection in connections:
        connection.close()
    growth = (after[0] - before[0]) / before[0]
    figure("P26", f"{count:,} mixed requests after {count // 3:,}: memory {before[0]} to {after[0]} kB ({growth:+.2%}), descriptors {before[1]} to {after[1]}")
    assert after[1] <= before[1]
    assert growth < 0.01
