#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Tenon against the limit server, in turn: bench.py [--json] [--record] [--seconds N] [workloads] [rounds]

Each measurement starts a server of its own on one core, over a fresh copy of the same 100,000 rows on a real disk, warms it
up, and drives it from the other core by wrk with 64 connections. What counts is the server's CPU time per request: it hardly
depends on the neighbours, and it says what a machine full of such requests would carry. Numbers are medians over the rounds.
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
WORK = ROOT / "build/bench"
LIMIT = ROOT / "build/bench/limit"
TENON = pathlib.Path(os.environ.get("TENON_BIN") or ROOT / "build/src/cli/tenon")
CONNECTIONS, WARM_UP_S = 64, 1
SERVER_CPU, CLIENT_CPU = "0", "1" if (os.cpu_count() or 1) > 1 else "0"

WORKLOADS = {
    "W0": "GET /health",
    "W1": "GET one record by id",
    "W2": "GET a list of 20, filtered and sorted",
    "W2C": "the same with its total",
    "W3": "POST a record, durable",
    "W4": "GET a list of 20, each with its reference expanded",
    "W5": "ten of which seven are W1, two W2 and one W3",
}
COMPARED = {
    "W0": "/health",
    "W1": "/api/v1/markets/7",
    "W2": "/api/v1/markets?status=active&sort=-created_at&limit=20&count=none",
    "W2C": "/api/v1/markets?status=active&sort=-created_at&limit=20",
    "W4": "/api/v1/positions?holder=7&sort=-created_at&limit=20&count=none&expand=market",
}


def pinned(cpu, command):
    return ["taskset", "-c", cpu, *map(str, command)]


class Server:
    """A server under measurement; a context manager, so that none is left behind."""

    def __init__(self, name):
        self.name, self.folder = name, WORK / f"run-{name}"

    def command(self, port):
        if self.name == "limit":
            return [LIMIT, port, self.folder / "markets.db"]
        return [TENON, "serve", self.folder / "app.yaml", "--listen", f"127.0.0.1:{port}", "--cores", "1"]

    def __enter__(self):
        self.prepare()
        self.launch()
        return self

    def __exit__(self, *unused):
        self.stop()
        shutil.rmtree(self.folder)

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copy(BENCH / "app.yaml", self.folder)
        shutil.copy(pristine(self.name), self.folder / "markets.db")

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
            pinned(CLIENT_CPU, [*command, f"http://127.0.0.1:{self.port}"]), cwd=BENCH, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, workload, seconds):
        self.drive(workload, WARM_UP_S)
        before = self.cpu_s()
        result = self.drive(workload, seconds)
        spent = self.cpu_s() - before
        if result["refused"] or result["broken"] or not result["requests"]:
            sys.exit(f"bench: {workload} on {self.name}: {result}")
        return {
            "rps": result["requests"] / result["seconds"],
            "p50_ms": result["p50_us"] / 1000,
            "p99_ms": result["p99_us"] / 1000,
            "cpu_us": spent / result["requests"] * 1e6,
            "memory_mb": self.memory_mb(),
            "bytes": result["bytes"] / result["requests"],
        }


def pristine(name):
    """The filled database that each run of a server starts from; Tenon's is created by Tenon."""
    path = WORK / f"pristine-{name}.db"
    if not path.exists():
        made = WORK / f"making-{name}" / "markets.db"
        shutil.rmtree(made.parent, ignore_errors=True)
        made.parent.mkdir(parents=True)
        if name == "tenon":
            creator = Server(name)
            creator.folder = made.parent
            shutil.copy(BENCH / "app.yaml", made.parent)
            creator.launch()
            creator.stop()
        subprocess.run([sys.executable, BENCH / "generate.py", made], check=True)
        made.rename(path)
        shutil.rmtree(made.parent)
    return path


def differences(names, workloads):
    """Where the servers' answers are not the same bytes: then the comparison is not quite fair, and is said so."""
    answers, notes = {}, []
    for name in names:
        with Server(name) as server:
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


def measure_all(names, workloads, rounds, seconds, say):
    samples = {workload: {name: [] for name in names} for workload in workloads}
    for number in range(rounds):
        for workload in workloads:
            for name in names:
                with Server(name) as server:
                    sample = server.measure(workload, seconds)
                samples[workload][name].append(sample)
                say(f"round {number + 1} {workload:4} {name:6} {sample['rps']:9.0f}/s {sample['cpu_us']:8.2f} us")
    return {
        workload: {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in by_name.items()}
        for workload, by_name in samples.items()
    }


def machine():
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")] or [platform.machine()]
    release = platform.freedesktop_os_release()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {
        "cpu": cpu[0],
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", "Linux"),
        "sqlite": sqlite3.sqlite_version,
        "commit": commit,
        "date": datetime.date.today().isoformat(),
    }


def table(results):
    yield "| workload | server | requests/s | p50 ms | p99 ms | CPU us/request | to the limit | memory MB | bytes |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for workload, by_name in results.items():
        for name, r in by_name.items():
            ratio = f"{r['cpu_us'] / by_name['limit']['cpu_us']:.2f}" if "limit" in by_name else ""
            yield (
                f"| {workload} | {name} | {r['rps']:.0f} | {r['p50_ms']:.2f} | {r['p99_ms']:.2f} "
                f"| {r['cpu_us']:.2f} | {ratio} | {r['memory_mb']:.1f} | {r['bytes']:.0f} |"
            )


def record(report):
    m = report["machine"]
    lines = [
        "# What was measured",
        "",
        "Written by `./dev bench --record`; what is measured, and how, is in [README.md](README.md).",
        "",
        f"{m['date']}, commit {m['commit']}: {m['cpu']}, {m['cpus']} CPUs, {m['system']}, Linux {m['kernel']}, "
        f"SQLite {m['sqlite']}. Medians of {report['rounds']} rounds of {report['seconds']} s, one core per server, "
        f"{CONNECTIONS} connections.",
        "",
        *table(report["results"]),
        "",
        *(f"- {note}" for note in report["notes"]),
    ]
    (BENCH / "RESULTS.md").write_text("\n".join(lines).rstrip() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    parser.add_argument("--record", action="store_true", help="write bench/RESULTS.md")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--servers", default="limit,tenon", help="which to measure (limit,tenon)")
    parser.add_argument("workloads", nargs="?", default=",".join(WORKLOADS), help="such as W1,W3 (all)")
    parser.add_argument("rounds", nargs="?", type=int, default=5, help="of which the median is taken (5)")
    options = parser.parse_args()
    names, workloads = options.servers.split(","), options.workloads.upper().split(",")
    unknown = [word for word in workloads if word not in WORKLOADS] + [name for name in names if name not in ("limit", "tenon")]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; workloads are {', '.join(WORKLOADS)}")
    missing = [path for name, path in (("limit", LIMIT), ("tenon", TENON)) if name in names and not path.exists()]
    if missing:
        sys.exit(f"bench: not built: {', '.join(map(str, missing))}")

    def say(line):
        print(line, file=sys.stderr, flush=True)

    notes = differences(names, workloads)
    results = measure_all(names, workloads, options.rounds, options.seconds, say)
    report = {"machine": machine(), "rounds": options.rounds, "seconds": options.seconds, "notes": notes, "results": results}
    if options.record:
        record(report)
    print(json.dumps(report, indent=2) if options.json else "\n".join([*table(results), *notes]))


if __name__ == "__main__":
    main()
