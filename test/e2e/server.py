# SPDX-License-Identifier: Apache-2.0
"""A real `tenon serve` under test, and clients to drive it.

    with Server(APP, directory=tmp_path) as server:
        answer = server.client.post("/api/v1/notes", json={"title": "rain"})
        assert answer.status == 201 and answer.data["title"] == "rain"

The app text, where ${PORT} is the server's own, is completed with what a test rarely cares about: a name, a database (in the test's directory, or `database=`,
a URL, which also replaces one in the text) and an admin port. What the text says itself is left alone. Tests normally use the fixtures of conftest.py instead of this class.

Environment
    TENON_BIN         the binary under test (default build/src/cli/tenon)
    TENON_WRAP        a command put before it, such as "valgrind -q --error-exitcode=99"
    TENON_TIME_SCALE  multiplies every wait of the harness (sanitizer and valgrind runs)
"""

import contextlib
import http.client
import json as json_module
import os
import pathlib
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.parse

from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("TENON_BIN") or ROOT / "build/src/cli/tenon")
WRAP = shlex.split(os.environ.get("TENON_WRAP", ""))
SCALE = float(os.environ.get("TENON_TIME_SCALE", "1"))
SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")


class ServerFailed(Exception):
    """The server did not come up, or did not stop as it must; the message holds all that it printed."""


class Answer:
    """One response: status, headers (any case), body, and its JSON."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json_module.loads(self.body)

    @property
    def data(self):
        return self.json["data"]

    @property
    def error(self):
        return self.json["error"]

    @property
    def etag(self):
        return self.headers["ETag"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One keep-alive connection. It never retries: a connection that the server drops is an exception."""

    def __init__(self, port, host="127.0.0.1", timeout=10, headers=None):
        self.port = port
        self.headers = dict(headers or {})
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout * SCALE)

    def request(self, method, path, *, json=None, body=None, query=None, headers=None):
        """`json` is sent as application/json, `body` (bytes or str) as it is; `query` is a dict or a list of pairs."""
        sent = dict(self.headers)
        if json is not None:
            body = json_module.dumps(json, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        elif isinstance(body, str):
            body = body.encode()
        sent.update(headers or {})
        if query:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(query)
        try:
            self.connection.request(method, path, body=body, headers=sent)
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except Exception:
            self.connection.close()
            raise

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def head(self, path, **options):
        return self.request("HEAD", path, **options)

    def options(self, path, **options):
        return self.request("OPTIONS", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def put(self, path, json=None, **options):
        return self.request("PUT", path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self.request("PATCH", path, json=json, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def pages(self, path, limit=100, **query):
        """Walks a list by cursor from its first page to its last, one page of rows at a time."""
        cursor = None
        while True:
            step = {**query, "limit": limit, **({"after": cursor} if cursor else {})}
            answer = self.get(path, query=step)
            assert answer.status == 200, answer
            yield answer.data
            cursor = answer.json["pagination"]["nextCursor"]
            if cursor is None:
                return

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class RawConnection:
    """A socket for the bytes that a well-behaved client would not send."""

    def __init__(self, port, host="127.0.0.1", timeout=10):
        self.socket = socket.create_connection((host, port), timeout=timeout * SCALE)
        self.stream = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def send_slowly(self, data, pause_s=0.0):
        """One byte per segment, so that the server sees every split."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            self.send(data[at : at + 1])
            time.sleep(pause_s)
        return self

    def finish(self):
        """No more bytes from us; the answer can still be read."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def answer(self, method="GET"):
        """The next response on the connection; `method` says whether one to HEAD, which has no body."""
        response = http.client.HTTPResponse(_Unclosable(self.stream), method=method)
        response.begin()
        return Answer(response.status, response.headers, response.read())

    def rest(self):
        """All bytes until the server closes."""
        return self.stream.read()

    def is_closed(self):
        """Waits for the server to close; false when more bytes come instead."""
        try:
            return self.stream.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class _Unclosable:
    """Lets several HTTPResponse objects read one stream in turn: each closes its own view only."""

    def __init__(self, stream):
        self.stream = stream

    def makefile(self, mode):
        return self

    def close(self):
        pass

    def __getattr__(self, name):
        return getattr(self.stream, name)


def run_tenon(*args, directory=None, env=None, text_in=None, timeout=30):
    """One run of the command line to its end: returncode, stdout, stderr."""
    return subprocess.run(
        [*WRAP, BINARY, *map(str, args)],
        cwd=directory,
        env={**os.environ, **(env or {})},
        input=text_in if text_in is not None else "",
        capture_output=True,
        text=True,
        timeout=timeout * SCALE,
    )


class Server:
    """`tenon <command> app.yaml` in a directory of its own."""

    def __init__(self, app, directory, *, files=None, args=(), env=None, command="serve", database=None):
        self.directory = pathlib.Path(directory)
        self.app_text = app
        self.files = dict(files or {})
        self.args, self.command = list(args), command
        self.database = database or "sqlite:data/app.db"
        if database and re.search(r"^database: *\S", app, re.M):
            self.app_text = re.sub(r"^database: *\S.*$", f"database: {database}", app, flags=re.M)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.was_killed = False
        self.records, self.stray, self.stderr_lines = [], [], []
        self._changed = threading.Condition()

    # Life

    def start(self):
        """Returns once /health answers. A port lost to another process is replaced, five times at most."""
        for _ in range(5):
            self.port, self.admin_port = free_port(), free_port()
            self._write_files()
            self._spawn()
            if self._wait_until_up():
                self.client = self.new_client()
                self.admin = Client(self.admin_port)
                return self
            if not re.search(r"is taken|in use", self.output()):
                break
        raise ServerFailed(f"{self.command} ended with {self.process.returncode} before it was ready:\n{self.output()}")

    def stop(self, timeout_s=15):
        """SIGTERM, and the exit code; a server that does not leave in time is killed, and that is a failure."""
        if self.process is None:
            return None
        self._close_clients()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout_s * SCALE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"still running {timeout_s * SCALE:g} s after SIGTERM:\n{self.output()}") from None
        self._join_readers()
        return code

    def kill(self):
        """SIGKILL: what a power cut leaves behind, as far as one process can show it."""
        self.was_killed = True
        self._close_clients()
        self.process.kill()
        self.process.wait()
        self._join_readers()

    def restart(self):
        """Stops it if it runs, and starts it again on the same files and a fresh port."""
        self.stop()
        self.was_killed = False
        return self.start()

    def signal(self, number):
        self.process.send_signal(number)

    def judge(self):
        """What must hold when a test is over: a clean end and no word from a sanitizer."""
        if SANITIZER.search("".join(self.stderr_lines)):
            raise ServerFailed(f"a sanitizer spoke:\n{self.output()}")
        if not self.was_killed and self.process is not None and self.process.returncode != 0:
            raise ServerFailed(f"exit code {self.process.returncode}:\n{self.output()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *unused):
        self.stop()
        if kind is None:
            self.judge()

    # Clients

    def new_client(self, **options):
        return Client(self.port, **options)

    def raw(self, data=None, **options):
        connection = RawConnection(self.port, **options)
        return connection.send(data) if data is not None else connection

    # What it says

    def logs(self, **wanted):
        """The JSON log records so far that carry all of these fields and values."""
        with self._changed:
            return [record for record in self.records if _matches(record, wanted)]

    def wait_log(self, timeout_s=5, **wanted):
        """The first record that matches, waiting for it."""
        end = time.monotonic() + timeout_s * SCALE
        with self._changed:
            while True:
                for record in self.records:
                    if _matches(record, wanted):
                        return record
                left = end - time.monotonic()
                assert left > 0, f"no log record with {wanted}:\n{self.output()}"
                self._changed.wait(left)

    def metrics(self):
        """{'name{label="x"}': number} from the admin port."""
        lines = self.admin.get("/metrics").text.splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
        return {name: float(number) for name, number in pairs}

    def log_text(self):
        """Everything that it has said so far."""
        with self._changed:
            return "".join(self.stderr_lines + self.stray + [json_module.dumps(record) + "\n" for record in self.records])

    def output(self):
        with self._changed:
            logs = [json_module.dumps(record) + "\n" for record in self.records[-20:]]
            return "".join(self.stderr_lines + self.stray + logs)

    @property
    def app_path(self):
        return self.directory / "app.yaml"

    @property
    def pid(self):
        return self.process.pid

    def rows(self, sql):
        """The rows of a statement, past the server, as a list of dicts."""
        if not self.database.startswith("sqlite:"):
            text = f"select coalesce(json_agg(x), '[]') from ({sql}) as x"
            done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-c", text], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return json_module.loads(done.stdout)
        with contextlib.closing(sqlite3.connect(self.directory / self.database.removeprefix("sqlite:"))) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql)]

    def dump(self):
        """All that the database holds, as text."""
        if not self.database.startswith("sqlite:"):
            done = subprocess.run(["pg_dump", "--inserts", "-d", self.database], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout
        with contextlib.closing(sqlite3.connect(self.directory / self.database.removeprefix("sqlite:"))) as db:
            return "\n".join(db.iterdump())

    def execute(self, sql):
        """A statement past the server."""
        if not self.database.startswith("sqlite:"):
            done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-c", sql], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return
        with contextlib.closing(sqlite3.connect(self.directory / self.database.removeprefix("sqlite:"))) as db:
            db.execute(sql)
            db.commit()

    # Inside

    def _write_files(self):
        text = self.app_text
        defaults = {
            "name": "name: test\n",
            "database": f"database: {self.database}\n",
            "admin": f"admin: {{listen: 127.0.0.1:{self.admin_port}}}\n",
        }
        for key, line in defaults.items():
            if not re.search(rf"^{key}:", text, re.M):
                text = line + text
        self.directory.mkdir(parents=True, exist_ok=True)
        self.app_path.write_text(text, encoding="utf-8")
        for name, content in self.files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    def _spawn(self):
        if not os.access(BINARY, os.X_OK):
            raise ServerFailed(f"no server at {BINARY}: run ./dev build, or set TENON_BIN")
        command = [*WRAP, BINARY, self.command, "app.yaml", "--listen", f"127.0.0.1:{self.port}", *self.args]
        self.records, self.stray, self.stderr_lines = [], [], []
        self.process = subprocess.Popen(
            command,
            cwd=self.directory,
            env={**self.env, "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._take_log), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.stderr_lines.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, take):
        for line in stream:
            with self._changed:
                take(line.decode("utf-8", "backslashreplace"))
                self._changed.notify_all()
        stream.close()

    def _take_log(self, line):
        try:
            record = json_module.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            self.records.append(record)
        else:
            self.stray.append(line)

    def _wait_until_up(self, timeout_s=15):
        end = time.monotonic() + timeout_s * SCALE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self._join_readers()
                return False
            try:
                with Client(self.port, timeout=2) as probe:
                    probe.get("/health")
                    return True
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        self.kill()
        raise ServerFailed(f"not ready within {timeout_s * SCALE:g} s:\n{self.output()}")

    def _close_clients(self):
        for client in (getattr(self, "client", None), getattr(self, "admin", None)):
            if client:
                client.close()

    def _join_readers(self):
        for reader in self._readers:
            reader.join(5)


def _matches(record, wanted):
    return all(record.get(key) == value for key, value in wanted.items())
