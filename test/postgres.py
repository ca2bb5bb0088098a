# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL server for tests: in a temporary folder, on a socket and a port of its own, gone afterwards.

    with Cluster() as cluster:
        url = cluster.create_database()
        assert cluster.sql(url, "select 1") == "1"

Where nothing has to outlive a power cut, its folder is in memory, if there is room: most of what a new database costs on a disk is
finding places for its 300 files. The server is a child of this process and dies with it. PostgreSQL refuses root: run as root, it becomes the user `postgres`
that Debian's package makes. No cluster of the system is ever touched.
"""

import atexit
import contextlib
import ctypes
import functools
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from ports import free_port

USER = "tenon"
SCALE = float(os.environ.get("TENON_TIME_SCALE", "1"))
PR_SET_PDEATHSIG = 1
IN_MEMORY, ROOM_BYTES, OLD_S = pathlib.Path("/dev/shm"), 4 << 30, 3600


def programs():
    """The folder of the newest installed server's programs."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert found, "no PostgreSQL server in /usr/lib/postgresql: ./dev setup installs it"
    return found[-1].parent


def _as_child():
    """In the child, before exec: it ends when this process does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _new_folder(in_memory):
    """A folder of the user that the server runs as. Its name says who has made it."""
    has_room = in_memory and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tn-pg-{os.getpid()}-", dir=IN_MEMORY if has_room else None))
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def _sweep():
    """Removes what runs that were killed have left in memory; not what is new, for it may be that of another container's process."""
    for folder in IN_MEMORY.glob("tn-pg-*-*"):
        with contextlib.suppress(FileNotFoundError):  # another run sweeps, too
            is_old = time.time() - folder.stat().st_mtime > OLD_S
            if is_old and not pathlib.Path("/proc", folder.name.split("-")[2]).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _run(program, *arguments, folder):
    path = programs() / program
    done = subprocess.run(
        [path if path.exists() else program, *map(str, arguments)], cwd=folder, capture_output=True, text=True, preexec_fn=_as_child
    )
    assert done.returncode == 0, done.stderr


@functools.cache
def _empty_cluster():
    """What initdb makes, once for all servers of a run."""
    _sweep()
    folder = _new_folder(in_memory=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _run("initdb", "-D", folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-N", folder=folder)
    return folder / "data"


class Cluster:
    """`durable=False` leaves out fsync: quicker, and all that a test needs which does not cut the power."""

    def __init__(self, *, durable=False, settings=None, standby_of=None):
        self.folder, self.is_durable = _new_folder(in_memory=not durable), durable
        self.port = free_port()
        self.settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_min_messages": "fatal",
            "wal_level": "replica",
            "max_wal_senders": "4",
            **({} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
            **(settings or {}),
        }
        self.process = None
        self.numbers, self.databases = itertools.count(1), []
        if standby_of:
            self._run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", standby_of.url("postgres", tcp=True))
        else:
            self._run("cp", "-a", _empty_cluster(), self.data)

    @property
    def data(self):
        return self.folder / "data"

    def start(self):
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self.log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            [programs() / "postgres", "-D", self.data, *settings],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=_as_child,
        )
        self._wait_until_ready()
        return self

    def stop(self, how=signal.SIGINT, timeout_s=30):
        """SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGTERM waits for clients."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout_s * SCALE)
        self.process = None

    def kill(self):
        """kill -9 of the server and of everything it has started."""
        victims = [self.process.pid, *self._children()]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None
        while any(pathlib.Path(f"/proc/{pid}").exists() for pid in victims[1:]):
            time.sleep(0.01)

    def freeze(self, is_frozen=True):
        """Stops (or continues) every process of it: a server that neither answers nor closes."""
        for pid in [self.process.pid, *self._children()]:
            os.kill(pid, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        if self.process:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def standby(self, **options):
        """A hot standby that follows this server."""
        return Cluster(standby_of=self, **options)

    def url(self, database, tcp=False, user=USER, password=None):
        secret = f":{password}" if password else ""
        if tcp:
            return f"postgres://{user}{secret}@127.0.0.1:{self.port}/{database}"
        return f"postgres:///{database}?host={self.folder}&port={self.port}&user={user}"

    def create_database(self, template="template0", **options):
        name = f"t{next(self.numbers)}"
        strategy = "" if self.is_durable else "strategy file_copy"  # where a checkpoint costs nothing it beats writing a log of it
        self.sql(self.url("postgres"), f"create database {name} template {template} {strategy}")
        self.databases.append(name)
        return self.url(name, **options)

    def drop_databases(self):
        """All that create_database() has made; each that stays is vacuumed again and again, and has to be written to the disk."""
        if self.databases:
            self.sql(self.url("postgres"), *(f"drop database if exists {name} with (force)" for name in self.databases))
        self.databases.clear()

    def sql(self, url, *texts):
        """What psql prints for them: columns separated by |, a line for each row."""
        commands = [part for text in texts for part in ("-c", text)]
        done = subprocess.run([programs() / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, *commands], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def cpu_s(self):
        """User and system time of the server, of its processes, and of those that have ended."""
        ticks = sum(self._ticks(self.process.pid, with_ended=True) if pid == self.process.pid else self._ticks(pid) for pid in [self.process.pid, *self._children()])
        return ticks / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.remove()

    def _run(self, program, *arguments):
        _run(program, *arguments, folder=self.folder)

    def _wait_until_ready(self, timeout_s=30):
        end = time.monotonic() + timeout_s * SCALE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            done = subprocess.run([programs() / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)])
            if done.returncode == 0:
                return
            time.sleep(0.02)
        raise AssertionError(f"PostgreSQL did not start:\n{(self.folder / 'server.log').read_text()}")

    def _children(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def _ticks(self, pid, with_ended=False):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            return 0
        return sum(map(int, fields[11:15] if with_ended else fields[11:13]))
