# SPDX-License-Identifier: Apache-2.0
"""P4: a full or failing disk and a lack of descriptors degrade what they must, say why, and heal without a restart."""

import errno
import os
import resource
import sqlite3
import subprocess
import time

import pytest

from server import ROOT, SCALE

URL = "/api/v1/notes"
APP = """
resources:
  notes:
    id: int
    fields: {text: text required}
    access: {all: true}
"""
SHIM = ROOT / "build/test/promises/storage_shim.so"
NO_ROOM = "there is no room to store this"
needs_shim = pytest.mark.skipif(bool(os.environ.get("TENON_BIN")), reason="the shim is preloaded into the release build only")


def check_rows(server, acknowledged):
    """Everything acknowledged is there, and the file is sound."""
    with sqlite3.connect(server.directory / "data/app.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = dict(database.execute("SELECT id, text FROM notes"))
    assert {key: stored.get(key) for key in acknowledged} == acknowledged


def create(server, acknowledged, text):
    answer = server.client.post(URL, {"text": text})
    if answer.status == 201:
        acknowledged[answer.data["id"]] = text
    return answer


def check_degraded(server, acknowledged, reason):
    """Reads go on, so it stays ready to be asked; readiness in detail says what is wrong and why."""
    some = next(iter(acknowledged))
    assert server.client.get(f"{URL}/{some}").data["text"] == acknowledged[some]
    assert server.client.get(f"{URL}?limit=1").status == 200
    assert server.client.get("/health/ready").json == {"status": "ready"}
    detail = server.admin.get("/health/ready").json
    assert detail == {"status": "degraded", "dependencies": {"database": {"status": "degraded", "reason": reason}}}
    assert server.client.get("/health").status == 200


def wait_until_healed(server, acknowledged, text):
    """By itself: nobody has to write for it."""
    end = time.monotonic() + 10 * SCALE
    while server.admin.get("/health/ready").json["status"] != "healthy":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert create(server, acknowledged, text).status == 201
    assert server.admin.get("/health/ready").json["dependencies"]["database"] == {"status": "healthy"}


@pytest.fixture
def small_disk(tmp_path_factory):
    """4 MiB, and no more."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_and_heals(serve, small_disk, figure):
    server = serve(f"database: sqlite:{small_disk}/app.db\n" + APP)
    (server.directory / "data").mkdir()
    (server.directory / "data/app.db").symlink_to(small_disk / "app.db")
    acknowledged, refused = {}, 0
    for number in range(2000):
        answer = create(server, acknowledged, f"{number} " + "x" * 4000)
        if answer.status != 201:
            refused += 1
            assert (answer.status, answer.error["code"]) == (507, "INSUFFICIENT_STORAGE"), answer
        if refused == 20:
            break
    assert refused == 20
    check_degraded(server, acknowledged, NO_ROOM)
    assert any(name.startswith("http_requests_total") and 'status="507"' in name for name in server.metrics())
    for key in list(acknowledged)[:200]:
        answer = server.client.delete(f"{URL}/{key}")
        if answer.status == 204:
            del acknowledged[key]
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    wait_until_healed(server, acknowledged, "healed")
    server.stop()
    check_rows(server, acknowledged)
    figure("P4", f"full disk: {refused} writes refused with 507, {len(acknowledged)} acknowledged rows kept, healed without a restart")


@needs_shim
@pytest.mark.parametrize("number, status", [(errno.EIO, 503), (errno.ENOSPC, 507)], ids=["EIO", "ENOSPC"])
def test_a_failing_disk_is_told_and_heals(serve, tmp_path, figure, number, status):
    control = tmp_path / "fault"
    server = serve(APP, env={"LD_PRELOAD": str(SHIM), "TENON_SHIM_FAULT": str(control)})
    acknowledged = {}
    for i in range(200):
        assert create(server, acknowledged, f"before {i}").status == 201
    for turn in range(3):
        control.write_text(str(number))
        for i in range(20):
            answer = create(server, acknowledged, f"never {turn} {i}")
            assert answer.status == status and answer.error["code"] in ("UNAVAILABLE", "IO_ERROR", "INSUFFICIENT_STORAGE"), answer
        check_degraded(server, acknowledged, NO_ROOM if status == 507 else "input or output failed")
        control.unlink()
        wait_until_healed(server, acknowledged, f"after {turn}")
    server.stop()
    check_rows(server, acknowledged)
    with sqlite3.connect(server.directory / "data/app.db") as database:
        assert database.execute("SELECT count(*) FROM notes WHERE text LIKE 'never%'").fetchone() == (0,)
    figure("P4", f"{errno.errorcode[number]}: 60 writes refused with {status}, {len(acknowledged)} acknowledged rows kept, healed three times")


def test_a_lack_of_descriptors_is_survived(serve, figure):
    server = serve("cores: 1\n" + APP, args=["--cores", "1"])
    acknowledged = {}
    create(server, acknowledged, "one")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
    connections = []
    for _ in range(200):
        try:
            connections.append(server.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", timeout=2))
        except OSError:
            pass
    for _ in range(50):
        assert create(server, acknowledged, "more").status == 201
        assert server.client.get(f"{URL}?limit=1").status == 200
    for connection in connections:
        connection.close()
    end = time.monotonic() + 5 * SCALE
    while True:
        try:
            with server.new_client(timeout=1) as client:
                assert client.get("/health").status == 200
                break
        except OSError:
            assert time.monotonic() < end
    server.stop()
    check_rows(server, acknowledged)
    figure("P4", f"64 descriptors, 200 connections: those who were connected went on, {len(acknowledged)} rows kept, new ones served afterwards")
