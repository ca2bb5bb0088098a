# SPDX-License-Identifier: Apache-2.0
"""Many clients on one thread, against a server that is killed under them.

    def writer(log):                                   # a client: yields requests, receives replies
        try:
            reply = yield request("POST", "/api/v1/notes", {"title": "rain"})
        except Lost:                                   # the server died first: done or not, nobody knows
            reply = yield request("GET", "/api/v1/notes")
        log.append(reply.status)

    crowd = Crowd(server, [writer(log) for _ in range(100)])
    while not crowd.run(random.uniform(0.005, 0.5)):   # true once every client has ended
        crowd.crash()                                  # kill -9, and start again on the same files

Each client has one keep-alive connection and one request on it at a time. What the server had sent when it died is still
delivered; a client whose answer is missing then gets Lost. A request that had not left yet is sent after the restart. A
connection that a living server drops, and an answer that does not come, fail the test.

Several servers on one database are Crowd(first, clients, others=[second]): the clients are dealt out to them, and crash(1) kills
the second alone.
"""

import json
import re
import select
import socket
import time

from server import SCALE

PATIENCE_S = 30


class Lost(Exception):
    """The connection ended before the answer was complete."""


class Reply:
    """One answer, parsed no further than needed to know where it ends."""

    __slots__ = ("status", "head", "body")

    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def header(self, name):
        """Its text, or None."""
        found = re.search(rb"\r\n%s: *([^\r]*)" % re.escape(name.encode()), self.head, re.I)
        return found and found[1].decode("latin-1")

    @property
    def data(self):
        return json.loads(self.body)["data"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def request(method, path, body=None, headers=""):
    """The bytes of a request; `body` is sent as JSON, `headers` are ready lines that end in CRLF."""
    head = f"{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}"
    if body is None:
        return f"{head}\r\n".encode()
    text = json.dumps(body, ensure_ascii=False).encode()
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


class _Member:
    __slots__ = ("client", "server", "socket", "received", "request", "is_sent")

    def __init__(self, client, server):
        self.client, self.server, self.socket, self.received = client, server, None, b""
        self.request, self.is_sent = next(client), False


class Crowd:
    def __init__(self, server, clients, others=()):
        self.servers = [server, *others]
        self.members = [_Member(client, self.servers[i % len(self.servers)]) for i, client in enumerate(clients)]
        self.by_fd, self.poll = {}, None
        self.restarts_s = []

    def run(self, seconds=None):
        """Lets the clients work for so long, or to their end; says whether all have ended."""
        if self.poll is None:
            self.poll = select.epoll()
            self._connect(self.members)
        for member in self.by_fd.values():
            if not member.is_sent:
                self._send(member)
        began = heard = time.monotonic()
        while self.by_fd:
            now = time.monotonic()
            if seconds is not None and now - began >= seconds:
                return False
            wait_s = PATIENCE_S * SCALE if seconds is None else min(began + seconds - now, PATIENCE_S * SCALE)
            for fd, _ in self.poll.poll(wait_s):
                heard = time.monotonic()
                self._receive(self.by_fd[fd])
            assert time.monotonic() - heard < PATIENCE_S * SCALE, f"no answer for {PATIENCE_S} s: {self._output()}"
        return True

    def settle(self):
        """Waits for the answers to what is under way, and sends nothing; run() goes on."""
        while any(member.is_sent for member in self.by_fd.values()):
            for fd, _ in self.poll.poll(PATIENCE_S * SCALE):
                self._receive(self.by_fd[fd], goes_on=False)

    def crash(self, number=0):
        """kill -9 and a restart; how long it took to be ready again is noted in `restarts_s`."""
        server = self.servers[number]
        assert server.process.poll() is None, f"ended by itself:\n{server.output()}"
        server.kill()
        server.judge()
        victims = [member for member in self.by_fd.values() if member.server is server]
        for member in victims:
            del self.by_fd[member.socket.fileno()]
            self._drain(member)
        began = time.monotonic()
        server.was_killed = False
        server.start()
        self.restarts_s.append(time.monotonic() - began)
        self._connect(victims)

    # Inside

    def _output(self):
        return "".join(server.output() for server in self.servers)

    def _connect(self, members):
        members = [member for member in members if member.request is not None]
        for member in members:
            member.socket = socket.create_connection(("127.0.0.1", member.server.port), timeout=PATIENCE_S * SCALE)
            member.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            member.received = b""
            self.by_fd[member.socket.fileno()] = member
            self.poll.register(member.socket, select.EPOLLIN)

    def _send(self, member):
        member.socket.sendall(member.request)
        member.is_sent = True

    def _receive(self, member, goes_on=True):
        data = member.socket.recv(1 << 18)
        assert data, f"a living server dropped a connection:\n{member.server.output()}"
        member.received += data
        if self._deliver(member):
            if member.request is None:
                del self.by_fd[member.socket.fileno()]
                member.socket.close()
            elif goes_on:
                self._send(member)

    def _drain(self, member):
        try:
            while data := member.socket.recv(1 << 18):
                member.received += data
        except ConnectionError:
            pass
        member.socket.close()
        self._deliver(member)
        if member.is_sent:
            _advance(member, lambda: member.client.throw(Lost()))

    def _deliver(self, member):
        """Hands over the answer if it is there whole; the next request is then not sent yet."""
        reply = _take_reply(member)
        if reply is None:
            return False
        _advance(member, lambda: member.client.send(reply))
        return True


def _advance(member, step):
    try:
        member.request = step()
    except StopIteration:
        member.request = None
    member.is_sent = False


def _take_reply(member):
    received = member.received
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end]
    status = int(head[9:12])
    if status == 204:
        length = 0
    else:
        at = head.find(b"Content-Length: ")
        assert at > 0, f"an answer without a length: {head!r}"
        line_end = head.find(b"\r\n", at)
        length = int(head[at + 16 : line_end if line_end > 0 else None])
    whole = end + 4 + length
    if len(received) < whole:
        return None
    member.received = received[whole:]
    return Reply(status, head, received[end + 4 : whole])
