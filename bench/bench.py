#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Tenon against the limit server, in turn: bench.py [--json] [--record] [--db postgres] [workloads] [rounds]

Each measurement starts a server of its own on one core, over a fresh copy of the same 100,000 rows on a real disk, warms it
up, and drives it from the other core by wrk with 64 connections. What counts is the server's CPU time per request: it hardly
depends on the neighbours, and it says what a machine full of such requests would carry. Numbers are medians over the rounds.

On PostgreSQL a private server is started for the whole run, and its CPU time counts with the server's; it runs on whichever
core is free, as both servers under measurement have it.
"""

import argparse
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.path.append(str(ROOT / "test"))

import generate  # noqa: E402
from postgres import Cluster  # noqa: E402

WORK = ROOT / "build/bench"
LIMITS = {"sqlite": ROOT / "build/bench/limit", "postgres": ROOT / "build/bench/limit_postgres"}
TENON = pathlib.Path(os.environ.get("TENON_BIN") or ROOT / "build/src/cli/tenon")
CONNECTIONS, WARM_UP_S, ROWS = 64, 1, 100_000
SERVER_CPU, CLIENT_CPU = "0", "1" if (os.cpu_count() or 1) > 1 else "0"

WORKLOADS = {
    "W0": "GET /health",
    "W1": "GET one record by id",
    "W2": "GET a list of 20, filtered and sorted",
    "W2C": "the same with its total",
    "W3": "POST a record, durable",
    "W4": "GET a list of 20, each with its reference expanded",
    "W5": "ten of which seven are W1, two W2 and one W3",
    "A1": "GET one record by id with an access token: a permission by role, and a rule that looks at the row",
    "A2": "the same with an API key",
    "A3": "GET one record by id under a token bucket by address",
}
SIGNED = ("A1", "A2")  # compared with Tenon itself, asked for the same without any of this
LIMITED = ("A3",)  # the same
BASES = ("limit", "plain")
COMPARED = {
    "W0": "/health",
    "W1": "/api/v1/markets/7",
    "W2": "/api/v1/markets?status=active&sort=-created_at&limit=20&count=none",
    "W2C": "/api/v1/markets?status=active&sort=-created_at&limit=20",
    "W4": "/api/v1/positions?holder=7&sort=-created_at&limit=20&count=none&expand=market",
}


def pinned(cpu, command):
    return ["taskset", "-c", cpu, *map(str, command)]


class Sqlite:
    """Each run has a fresh copy of a filled file; Tenon's is made by the Tenon under measurement."""

    name = "sqlite"

    def prepare(self, server):
        shutil.copy(BENCH / server.app, server.folder / "app.yaml")
        shutil.copy(self.pristine(server.name if server.name == "limit" else server.app), server.folder / "markets.db")
        return server.folder / "markets.db"

    def pristine(self, name):
        path = WORK / f"pristine-{name}.db"
        if not path.exists() or path.stat().st_mtime < TENON.stat().st_mtime:
            made = WORK / f"making-{name}" / "markets.db"
            shutil.rmtree(made.parent, ignore_errors=True)
            made.parent.mkdir(parents=True)
            if name != "limit":
                creator = Server("tenon", self)
                creator.folder = made.parent
                shutil.copy(BENCH / name, made.parent / "app.yaml")
                creator.launch()
                creator.stop()
            generate.fill(made, ROWS)
            made.rename(path)
            shutil.rmtree(made.parent)
        return path

    def cpu_s(self):
        return 0.0

    def close(self):
        pass


class Postgres:
    """Each run has a database of its own, copied from one that Tenon has made and that was filled once."""

    name = "postgres"

    def __init__(self):
        self.cluster = Cluster(durable=True, settings={"shared_buffers": "256MB"}).start()
        self.filled = self.cluster.create_database()
        creator = Server("tenon", self)
        shutil.rmtree(creator.folder, ignore_errors=True)
        creator.folder.mkdir(parents=True)
        self.write_app(creator, self.filled)
        creator.launch()
        creator.stop()
        generate.fill_postgres(self.filled, ROWS)
        self.number = 0

    def write_app(self, server, url):
        (server.folder / "app.yaml").write_text((BENCH / server.app).read_text().replace("sqlite:markets.db", url))

    def prepare(self, server):
        self.number += 1
        name = f"run{self.number}"
        template = self.filled.split("?")[0].rsplit("/", 1)[1]
        self.cluster.sql(self.cluster.url("postgres"), f"drop database if exists run{self.number - 1} with (force)")
        self.cluster.sql(self.cluster.url("postgres"), f"create database {name} template {template}")
        self.cluster.sql(self.cluster.url("postgres"), "checkpoint")
        self.write_app(server, self.cluster.url(name))
        return self.cluster.url(name)

    def cpu_s(self):
        return self.cluster.cpu_s()

    def close(self):
        self.cluster.remove()


class Server:
    """A server under measurement; a context manager, so that none is left behind."""

    def __init__(self, name, database, workload=None):
        self.name, self.database, self.workload, self.folder = name, database, workload, WORK / f"run-{name}"
        self.is_signed = workload in SIGNED and name == "tenon"
        is_limited = workload in LIMITED and name == "tenon"
        self.app = "app_auth.yaml" if self.is_signed else "app_limit.yaml" if is_limited else "app.yaml"
        self.header = None

    def command(self, port):
        if self.name == "limit":
            return [LIMITS[self.database.name], port, self.url]
        return [TENON, "serve", self.folder / "app.yaml", "--listen", f"127.0.0.1:{port}", "--cores", "1"]

    def __enter__(self):
        self.prepare()
        self.launch()
        if self.is_signed:
            self.sign_in()
        return self

    def __exit__(self, *unused):
        self.stop()
        shutil.rmtree(self.folder)

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.url = self.database.prepare(self)

    def launch(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with open(self.folder / "access.log", "wb") as log:
            self.process = subprocess.Popen(pinned(SERVER_CPU, self.command(self.port)), stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 10
        while True:
            try:
                if self.get("/health").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                said = (self.folder / "access.log").read_text(errors="replace")[-2000:]
                self.stop()
                sys.exit(f"bench: {self.name} does not answer:\n{said}")
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def sign_in(self):
        """The header that says who asks: a token, or a key that the account owns."""
        body = json.dumps({"email": "trader@example.org", "password": "correct horse battery"})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("POST", "/auth/register", body, {"Content-Type": "application/json"})
        data = json.loads(connection.getresponse().read())["data"]
        connection.close()
        if self.workload == "A1":
            self.header = "Authorization: Bearer " + data["access_token"]
            return
        create = ["key", "create", "--name", "bench", "--scopes", "markets:*", "--owner", str(data["account"]["id"]), "app.yaml"]
        done = subprocess.run([TENON, *create], cwd=self.folder, capture_output=True, text=True, check=True)
        self.header = "X-API-Key: " + done.stdout.strip()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.content = answer.read()
            return answer
        finally:
            connection.close()

    def cpu_s(self):
        """User and system time of all threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self):
        """Resident memory of its own: without the pages of the database file that it maps, which are the page cache's."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def drive(self, workload, seconds):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", f"{workload.lower()}.lua"]
        done = subprocess.run(
            pinned(CLIENT_CPU, [*command, f"http://127.0.0.1:{self.port}"]),
            cwd=BENCH,
            env={**os.environ, "BENCH_HEADER": self.header or ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, workload, seconds):
        self.drive(workload, WARM_UP_S)
        before, before_db = self.cpu_s(), self.database.cpu_s()
        result = self.drive(workload, seconds)
        spent, spent_db = self.cpu_s() - before, self.database.cpu_s() - before_db
        if result["refused"] or result["broken"] or not result["requests"]:
            sys.exit(f"bench: {workload} on {self.name}: {result}")
        return {
            "rps": result["requests"] / result["seconds"],
            "p50_ms": result["p50_us"] / 1000,
            "p99_ms": result["p99_us"] / 1000,
            "cpu_us": (spent + spent_db) / result["requests"] * 1e6,
            "db_us": spent_db / result["requests"] * 1e6,
            "memory_mb": self.memory_mb(),
            "bytes": result["bytes"] / result["requests"],
        }


def differences(names, workloads, database):
    """Where the servers' answers are not the same bytes: then the comparison is not quite fair, and is said so."""
    answers, notes = {}, []
    for name in names:
        with Server(name, database) as server:
            answers[name] = {workload: server.get(COMPARED[workload]) for workload in workloads if workload in COMPARED}
    for workload in answers[names[0]]:
        if len({comparable(answers[name][workload]) for name in names}) > 1:
            sizes = ", ".join(f"{name} {len(answers[name][workload].content)}" for name in names)
            notes.append(f"{workload}: the bodies are not the same bytes ({sizes})")
        heads = {name: len(str(answers[name][workload].headers)) for name in names}
        if len(set(heads.values())) > 1:
            notes.append(f"{workload}: the heads are not of one length ({', '.join(f'{name} {size}' for name, size in heads.items())})")
    return notes


def comparable(answer):
    """The body with each cursor as its length: Tenon signs them with a key of its own."""
    return re.sub(rb'("nextCursor":")([^"]*)', lambda match: match[1] + str(len(match[2])).encode(), answer.content)


def measured(names, workload):
    return ["plain", "tenon"] if workload in SIGNED + LIMITED else names


def measure_all(names, workloads, rounds, seconds, database, say):
    samples = {workload: {name: [] for name in measured(names, workload)} for workload in workloads}
    for number in range(rounds):
        for workload in workloads:
            for name in measured(names, workload):
                with Server(name, database, workload) as server:
                    sample = server.measure(workload, seconds)
                samples[workload][name].append(sample)
                say(f"round {number + 1} {workload:4} {name:6} {sample['rps']:9.0f}/s {sample['cpu_us']:8.2f} us")
    return {
        workload: {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in by_name.items()}
        for workload, by_name in samples.items()
    }


def postgres_version():
    return subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.split()[2]


def machine():
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")] or [platform.machine()]
    release = platform.freedesktop_os_release()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {
        "cpu": cpu[0],
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", "Linux"),
        "sqlite": f"SQLite {sqlite3.sqlite_version}",
        "postgres": f"PostgreSQL {postgres_version()}",
        "commit": commit,
        "date": datetime.date.today().isoformat(),
    }


def table(results, database):
    """On a database server: its part of the CPU time, too."""
    parts = ["of it server", "of it database"] if database == "postgres" else []
    head = ["workload", "server", "requests/s", "p50 ms", "p99 ms", "CPU us/request", *parts, "to the limit", "memory MB", "bytes"]
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|" + "--:|" * (len(head) - 2)
    for workload, by_name in results.items():
        for name, r in by_name.items():
            split = [f"{r['cpu_us'] - r['db_us']:.2f}", f"{r['db_us']:.2f}"] if parts else []
            base = next((by_name[base] for base in BASES if base in by_name), None)
            ratio = f"{r['cpu_us'] / base['cpu_us']:.2f}" if base else ""
            cells = [workload, name, f"{r['rps']:.0f}", f"{r['p50_ms']:.2f}", f"{r['p99_ms']:.2f}", f"{r['cpu_us']:.2f}", *split]
            yield "| " + " | ".join([*cells, ratio, f"{r['memory_mb']:.1f}", f"{r['bytes']:.0f}"]) + " |"


def record(report):
    m = report["machine"]
    lines = [
        "# What was measured",
        "",
        "Written by `./dev bench --record`; what is measured, and how, is in [README.md](README.md).",
        "",
        f"{m['date']}, commit {m['commit']}: {m['cpu']}, {m['cpus']} CPUs, {m['system']}, Linux {m['kernel']}, "
        f"{m[report['database']]}. Medians of {report['rounds']} rounds of {report['seconds']} s, one core per server, "
        f"{CONNECTIONS} connections.",
        "",
        *table(report["results"], report["database"]),
        "",
        *(f"- {note}" for note in report["notes"]),
    ]
    (BENCH / ("RESULTS.md" if report["database"] == "sqlite" else "RESULTS-postgres.md")).write_text("\n".join(lines).rstrip() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    parser.add_argument("--db", choices=tuple(LIMITS), default="sqlite", help="on which database (sqlite)")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--servers", default="limit,tenon", help="which to measure (limit,tenon)")
    parser.add_argument("workloads", nargs="?", default=",".join(WORKLOADS), help="such as W1,W3 (all)")
    parser.add_argument("rounds", nargs="?", type=int, default=5, help="of which the median is taken (5)")
    options = parser.parse_args()
    names, workloads = options.servers.split(","), options.workloads.upper().split(",")
    if options.db == "postgres" and options.workloads == ",".join(WORKLOADS):
        workloads.remove("W0")  # it asks no database
    unknown = [word for word in workloads if word not in WORKLOADS] + [name for name in names if name not in ("limit", "tenon")]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; workloads are {', '.join(WORKLOADS)}")
    programs = (("limit", LIMITS[options.db]), ("tenon", TENON))
    missing = [path for name, path in programs if name in names and not path.exists()]
    if missing:
        sys.exit(f"bench: not built: {', '.join(map(str, missing))}")

    def say(line):
        print(line, file=sys.stderr, flush=True)

    database = Postgres() if options.db == "postgres" else Sqlite()
    try:
        notes = differences(names, workloads, database)
        results = measure_all(names, workloads, options.rounds, options.seconds, database, say)
    finally:
        database.close()
    report = {
        "machine": machine(),
        "database": options.db,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "notes": notes,
        "results": results,
    }
    if options.record:
        record(report)
    print(json.dumps(report, indent=2) if options.json else "\n".join([*table(results, options.db), *notes]))


if __name__ == "__main__":
    main()
