# SPDX-License-Identifier: Apache-2.0
"""What a server spends, read from /proc."""

import pathlib
import time


def cpu_ns(server):
    """Time on a CPU of all threads, once they rest: what is left to do after an answer counts, and the kernel adds what
    a thread has used when it leaves the CPU. (The clock of /proc/PID/stat ticks too seldom for one request.)"""
    last = None
    for _ in range(1000):
        tasks = pathlib.Path(f"/proc/{server.pid}/task").iterdir()
        used = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        if used == last:
            return used
        last = used
        time.sleep(0.001)
    return last


def memory_kb(server):
    """What it has allocated and is resident; which pages of mapped files are resident is the kernel's choice."""
    lines = pathlib.Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))
