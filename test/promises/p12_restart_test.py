# SPDX-License-Identifier: Apache-2.0
"""P12: a server is replaced and reloaded under load, and no client notices."""

import socket
import threading
import time

import pytest

from server import SCALE, Client, Server, free_port

pytestmark = pytest.mark.alone  # it measures how long things take

APP = """
resources:
  notes:
    id: int
    fields: {title: text(1..80) required}
    access: {all: true}
"""
KEPT, FRESH = 4, 2


class Instance(Server):
    """One more process on the port, the app file and the database of the first."""

    def __init__(self, first):
        self.admin_port = free_port()
        super().__init__(APP, first.directory, args=["--share-port", "--admin", f"127.0.0.1:{self.admin_port}"])
        self.port = first.port

    def start(self):
        self._spawn()
        end = time.monotonic() + 15 * SCALE
        while True:
            try:
                with Client(self.admin_port) as admin:
                    if admin.get("/health/ready").status == 200:
                        return self
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < end, self.output()
            time.sleep(0.02)


class Load(threading.Thread):
    """Creates and reads without a pause, on one connection as long as the server keeps it, or on a new one each time."""

    def __init__(self, port, is_fresh, stop):
        super().__init__(daemon=True)
        self.port, self.is_fresh, self.stop = port, is_fresh, stop
        self.answers, self.connections, self.failures = 0, 0, []

    def run(self):
        connection = None
        while not self.stop.is_set():
            try:
                if connection is None:
                    connection = Client(self.port, timeout=10)
                    self.connections += 1
                answer = connection.post("/api/v1/notes", {"title": "x"}) if self.answers % 2 else connection.get("/api/v1/notes?limit=1")
                assert answer.status in (200, 201), answer
                self.answers += 1
                ends = answer.headers.get("Connection") == "close" or self.is_fresh
            except Exception as failure:
                self.failures.append(repr(failure))
                ends = True
            if ends:
                connection.close()
                connection = None


def test_ten_restarts_and_ten_reloads_fail_no_request(serve, size, figure):
    server = serve(APP, args=["--share-port"])
    rounds, instances = size(10, 100), []
    stop = threading.Event()
    clients = [Load(server.port, i >= KEPT, stop) for i in range(KEPT + FRESH)]
    for client in clients:
        client.start()
    present = server
    for _ in range(rounds):
        successor = Instance(server).start()
        instances.append(successor)
        successor.signal(1)
        assert present.stop() == 0, present.output()
        present = successor
        time.sleep(0.1)
    stop.set()
    for client in clients:
        client.join(15)
    rows = present.new_client().get("/api/v1/notes?limit=1").json["pagination"]["total"]
    created = sum(client.answers // 2 for client in clients)
    for instance in instances:
        instance.stop()
        instance.judge()
    failures = [failure for client in clients for failure in client.failures]
    assert not failures, failures[:5]
    assert rows == created, "what was answered is what is there"
    answers, connections = sum(client.answers for client in clients), sum(client.connections for client in clients)
    figure("P12", f"{rounds} restarts and {rounds} reloads under load, {answers:,} requests on {connections:,} connections, 0 failed")


def test_a_second_server_is_refused_unless_both_share(serve):
    server = serve(APP, args=["--share-port"])
    intruder = Server(APP, server.directory)
    intruder.port, intruder.admin_port = server.port, free_port()
    intruder._spawn()
    assert intruder.process.wait(10) == 1
    intruder._join_readers()
    assert "is taken" in intruder.output()
    with socket.create_connection(("127.0.0.1", server.port)):
        pass
