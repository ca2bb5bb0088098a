# SPDX-License-Identifier: Apache-2.0
"""P7: however often a request with an Idempotency-Key is sent, it has one effect and one answer, also across kill -9."""

import collections
import random
import sqlite3
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest

from crowd import Crowd, Lost, request

APP = """
log: {level: warn}
resources:
  payments:
    id: int
    fields: {reference: text required, amount: "decimal(18,2) required"}
    access: {all: true}
"""
URL = "/api/v1/payments"
DUPLICATES = 100
RETRY_AFTER_OTHERS = 10
DAY_US = 24 * 3600 * 1_000_000


def payment(number, part=0):
    return {"reference": f"r{number}", "amount": f"{number}.{part:02}"}


def key_line(key):
    return f"Idempotency-Key: {key}\r\n"


def create(number):
    """The request with this key: one row, an array of two, or a batch of three; and how many rows it makes."""
    kind = number % 3
    if kind == 0:
        return request("POST", URL, payment(number), key_line(f"key-{number}")), 1
    if kind == 1:
        return request("POST", URL, [payment(number, i) for i in range(2)], key_line(f"key-{number}")), 2
    operations = [{"method": "POST", "path": "/payments", "body": payment(number, i)} for i in range(3)]
    return request("POST", "/api/v1/batch", {"operations": operations}, key_line(f"key-{number}")), 3


class Answers:
    """The answer of each key, which every later one must equal to the byte."""

    def __init__(self):
        self.of_key = {}
        self.first = collections.Counter()
        self.completed = self.in_flight = self.lost = 0

    def take(self, number, reply):
        answer = (reply.status, reply.body, reply.header("Location"), reply.header("ETag"))
        assert reply.status in (200, 201), reply
        assert self.of_key.setdefault(number, answer) == answer, f"key {number}: {self.of_key[number]}, then {answer}"
        if reply.header("Idempotency-Replayed") is None:
            self.first[number] += 1
            assert self.first[number] == 1, f"key {number} was worked on twice: {reply}"
        self.completed += 1


def sender(requests, answers):
    """Sends the request of every key until it is answered; one that is in flight is tried again after some others."""
    todo = collections.deque(enumerate(requests))
    while todo:
        number, data = todo.popleft()
        try:
            reply = yield data
        except Lost:
            answers.lost += 1
            todo.appendleft((number, data))
            continue
        if reply.status == 409:
            assert reply.header("Retry-After") == "1" and b'"CONFLICT"' in reply.body, reply
            answers.in_flight += 1
            todo.insert(RETRY_AFTER_OTHERS, (number, data))
        else:
            answers.take(number, reply)


def test_a_thousand_keys_sent_a_hundred_times_each_under_kills_have_one_effect_and_one_answer(serve, size, figure, progress):
    keys = size(1_000, 10_000)
    server, answers = serve(APP), Answers()
    created = [create(number) for number in range(keys)]
    requests = [data for data, _ in created]
    crowd = Crowd(server, [sender(requests, answers) for _ in range(DUPLICATES)])
    while not crowd.run(random.uniform(0.005, 0.3)):
        crowd.crash()
        progress(f"P7: {answers.completed} of {keys * DUPLICATES} answers, {len(crowd.restarts_s)} kills")
    assert answers.completed == keys * DUPLICATES and answers.in_flight > 0 and len(crowd.restarts_s) > 0

    with sqlite3.connect(next(server.directory.glob("**/*.db"))) as database:
        rows = dict(database.execute("SELECT reference, count(*) FROM payments GROUP BY reference"))
    database.close()
    assert rows == {f"r{number}": count for number, (_, count) in enumerate(created)}
    figure(
        "P7",
        f"{keys:,} keys x {DUPLICATES} parallel duplicates, {len(crowd.restarts_s)} kill -9: {len(rows):,} effects, "
        f"{answers.completed:,} answers identical to the byte ({answers.in_flight:,} times 409, {answers.lost:,} lost)",
    )


@pytest.fixture(scope="module")
def api(serve_module):
    return serve_module(APP)


def post(api, key, body, client=None):
    return (client or api.client).post(URL, json=body, headers={"Idempotency-Key": key})


def total(api, reference):
    return api.client.get(URL, query={"reference": reference}).json["pagination"]["total"]


def test_a_key_with_another_body_is_unprocessable_and_changes_nothing(api):
    first = post(api, "other-body", payment(1))
    other = post(api, "other-body", payment(2))
    assert (other.status, other.error["code"]) == (422, "UNPROCESSABLE") and "Location" not in other.headers
    assert (total(api, "r1"), total(api, "r2")) == (1, 0)
    assert post(api, "other-body", payment(1)).body == first.body


@pytest.mark.parametrize("bytes_", [256, 257, 4096])
def test_a_key_of_more_than_255_bytes_is_refused_and_changes_nothing(api, bytes_):
    reference = bytes_ + 10_000
    answer = post(api, "k" * bytes_, payment(reference))
    assert answer.status == 400 and "Idempotency-Key" in answer.error["message"]
    assert total(api, f"r{reference}") == 0
    assert post(api, "k" * 255, payment(20_000)).status == 201


def test_while_a_key_is_worked_on_its_duplicate_is_told_to_come_again(api):
    with sqlite3.connect(next(api.directory.glob("**/*.db")), isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        with api.new_client() as one, api.new_client() as two, ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(post, api, "held", payment(30), client) for client in (one, two)]
            done, working = wait(sent, return_when=FIRST_COMPLETED)
            database.execute("ROLLBACK")
            early, late = done.pop().result(), working.pop().result()
    database.close()
    assert (early.status, early.error["code"], early.headers["Retry-After"]) == (409, "CONFLICT", "1")
    again = post(api, "held", payment(30))
    assert late.status == 201 and again.body == late.body and total(api, "r30") == 1


def test_the_key_of_a_create_means_nothing_to_a_read_and_is_another_key_to_a_delete(api):
    key = {"Idempotency-Key": "shared"}
    url = post(api, "shared", payment(40)).headers["Location"]
    first = api.client.get(url, headers=key)
    changed = api.client.patch(url, json={"amount": "41.00"}, headers=key)
    second = api.client.get(url, headers=key)
    assert (first.data["amount"], changed.status, second.data["amount"]) == ("40.00", 200, "41.00")
    assert "Idempotency-Replayed" not in second.headers
    assert api.client.delete(url, headers=key).status == 204
    assert api.client.get(url, headers=key).status == 404


def test_an_answer_is_replayed_for_a_day(serve):
    server = serve(APP)
    references = ["young", "old"]
    bodies = {name: {"reference": name, "amount": "1.00"} for name in references}
    first = {name: post(server, name, bodies[name]).body for name in references}
    server.stop()
    with sqlite3.connect(next(server.directory.glob("**/*.db"))) as database:
        age = "UPDATE _tenon_idempotency SET created_us = created_us - ? WHERE key = ?"
        database.execute(age, (DAY_US - 60_000_000, "young"))
        database.execute(age, (DAY_US + 1, "old"))
    database.close()
    server.start()
    again = {name: post(server, name, bodies[name]) for name in references}
    assert again["young"].body == first["young"] and again["young"].headers["Idempotency-Replayed"] == "true"
    assert again["old"].status == 201 and "Idempotency-Replayed" not in again["old"].headers
    assert [total(server, name) for name in references] == [1, 2]
