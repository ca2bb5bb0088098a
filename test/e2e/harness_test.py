# SPDX-License-Identifier: Apache-2.0
"""The harness itself, against a stand-in server of a few lines: it must see what a test would rely on."""

import stat
import sys

import pytest

import server as harness

STAND_IN = f"""#!{sys.executable}
import http.server, json, os, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({{"data": self.path}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print(json.dumps({{"message": "request", "path": self.path}}), flush=True)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET() if self.headers.get("Content-Type") == "application/json" else self.send_error(415)

    def log_message(self, *unused):
        pass

app = open(sys.argv[2]).read()
if "broken" in app:
    sys.exit("app.yaml:1:1: broken")
if "taken-once" in app and not os.path.exists("tried"):
    open("tried", "w").close()
    sys.exit("listen: address in use")
signal.signal(signal.SIGTERM, lambda *unused: os._exit(3 if "unclean" in app else 0))
if "noisy" in app:
    print("x.c:1:1: runtime error: planted", file=sys.stderr, flush=True)
host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path, monkeypatch):
    path = tmp_path / "stand-in"
    path.write_text(STAND_IN)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(harness, "BINARY", str(path))
    monkeypatch.setattr(harness, "WRAP", [])


def test_a_server_is_started_asked_and_stopped(tmp_path):
    with harness.Server("resources: {}\n", tmp_path / "app") as server:
        answer = server.client.get("/api/v1/notes", query={"a": "ü b"})
        assert (answer.status, answer.data) == (200, "/api/v1/notes?a=%C3%BC+b")
        assert server.client.post("/p", json={"x": 1}).status == 200
        assert server.client.post("/p", body="x").status == 415
        assert server.wait_log(message="request", path="/p")
        text = server.app_path.read_text()
        assert "name: test" in text and "database: " in text and "admin: " in text
    assert server.process.returncode == 0


def test_raw_bytes_can_be_sent_in_any_pieces_and_several_answers_read(tmp_path):
    request = b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
    with harness.Server("", tmp_path / "app") as server, server.raw(request + request) as raw:
        assert raw.answer().data == "/one"
        assert raw.answer().data == "/one"
        assert raw.send_slowly(request).answer().status == 200
        raw.finish()
        assert raw.is_closed()


def test_a_taken_port_is_replaced(tmp_path):
    with harness.Server("# taken-once\n", tmp_path / "app") as server:
        assert server.client.get("/").status == 200


def test_a_restart_serves_again_from_the_same_directory(tmp_path):
    with harness.Server("", tmp_path / "app") as server:
        server.kill()
        assert server.restart().client.get("/").status == 200


@pytest.mark.parametrize("app, sentence", [("# broken", "app.yaml:1:1: broken")])
def test_a_server_that_does_not_come_up_says_why(tmp_path, app, sentence):
    with pytest.raises(harness.ServerFailed, match=sentence):
        harness.Server(app, tmp_path / "app").start()


@pytest.mark.parametrize("app, sentence", [("# unclean", "exit code 3"), ("# noisy", "a sanitizer spoke")])
def test_an_unclean_end_is_a_failure(tmp_path, app, sentence):
    with pytest.raises(harness.ServerFailed, match=sentence):
        with harness.Server(app, tmp_path / "app") as server:
            server.client.get("/")


def test_the_command_line_is_run_to_its_end(tmp_path):
    (tmp_path / "app.yaml").write_text("broken")
    done = harness.run_tenon("check", "app.yaml", directory=tmp_path)
    assert done.returncode == 1 and "broken" in done.stderr
