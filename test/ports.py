# SPDX-License-Identifier: Apache-2.0
"""Ports for the servers of tests.

They lie below those that the kernel gives to clients, and each worker of a run has a range of its own: a port that one worker
has found free is not taken by another's server, which would answer in its place, before its own server listens.
"""

import os
import random
import socket

FIRST, EACH, WORKERS = 10000, 2500, 8

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_next = random.Random(os.getpid()).randrange(EACH)  # other runs on this machine begin elsewhere


def free_port():
    """A port that is free now, and that nobody of this run is given again soon."""
    global _next
    for _ in range(EACH):
        port = FIRST + _worker * EACH + _next
        _next = (_next + 1) % EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no port is free")
