# SPDX-License-Identifier: Apache-2.0
"""P25: the metrics are clean under promtool, and no client can add a series."""

import os
import random
import re
import shutil
import subprocess
import urllib.parse

import pytest

from server import ROOT

URL = "/api/v1/things"
APP = "resources: {things: {id: int, fields: {title: text}, access: {all: true}}}"
LABELS = {
    "method": "DELETE|GET|HEAD|OPTIONS|OTHER|PATCH|POST|PUT|TRACE",
    "route": "/api/v1/batch|/api/v1/things|/api/v1/things/:id|/health|/health/ready|unmatched",
    "status": "[1-5][0-9][0-9]",
    "le": r"[0-9.]+|[+]Inf",
    "version": r"[0-9.]+",
}
MARK = "zq9"  # in every place of a request that its sender fills
HEADERS = ["Host", "User-Agent", "X-Request-Id", "Origin", MARK]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "PROPFIND", f"X{MARK}"]


def series(server):
    return {line.rsplit(" ", 1)[0] for line in server.admin.get("/metrics").text.splitlines() if not line.startswith("#")}


def use_everything(client):
    client.post(URL, {"title": "a"})
    client.post(URL, {"title": 1})
    for path in (URL, f"{URL}/1", f"{URL}/99", f"{URL}?nope=1", "/health", "/health/ready", "/nothing"):
        client.get(path)
        client.head(path)
    client.patch(f"{URL}/1", {"title": "b"})
    client.put(f"{URL}/1", {"title": "b"})
    client.post("/api/v1/batch", {"operations": []})
    client.delete(f"{URL}/1")


def random_request(choose):
    text = MARK + "".join(choose.choice("abc/%?&=.;:@é\x7f~'\" ") for _ in range(choose.randint(1, 40)))
    begin = choose.choice(["/", "/api/v1/", URL + "/", URL + "?", "/metrics", "/health/"])
    return choose.choice(METHODS), begin + urllib.parse.quote(text, safe="/&=?;:@.~")


def send_random(server, choose, count):
    with server.raw() as connection:
        for _ in range(count // 100):
            requests = [random_request(choose) for _ in range(100)]
            sent = "".join(f"{name}: {MARK}{choose.randint(1, 10**9)}\r\n" for name in HEADERS)
            head = f" HTTP/1.1\r\n{sent}Content-Length: 0\r\n\r\n"
            connection.send("".join(f"{method} {path}{head}" for method, path in requests))
            for method, _ in requests:
                connection.answer(method)


def test_ten_thousand_random_requests_add_no_series(serve, figure):
    server = serve(APP, args=["--cores", "2"])
    use_everything(server.client)
    choose = random.Random(25)
    send_random(server, choose, 2_000)  # every method has met every route, and every refusal has happened
    before = series(server)
    send_random(server, choose, 10_000)
    after = series(server)
    counted = sum(value for name, value in server.metrics().items() if name.startswith("http_requests_total"))
    assert counted > 10_000
    assert after - before == set()
    labels = {label for name in after for label in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', name)}
    assert [label for label in labels if not re.fullmatch(LABELS[label[0]], label[1])] == []
    assert MARK not in server.admin.get("/metrics").text
    figure("P25", f"10,000 requests: {len(before)} series before, {len(after)} after; {len(labels)} values of labels, all ours")


def test_promtool_finds_nothing(serve, figure):
    tool = shutil.which("promtool", path=f"{ROOT}/build/tools{os.pathsep}{os.environ['PATH']}")
    if not tool:
        pytest.skip("no promtool")
    server = serve(APP)
    use_everything(server.client)
    answer = server.admin.get("/metrics")
    checked = subprocess.run([tool, "check", "metrics"], input=answer.text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    figure("P25", f"promtool finds nothing in {len(answer.text.splitlines())} lines of metrics")
