# SPDX-License-Identifier: Apache-2.0
"""The example orders under many clients: nothing is sold twice, and no order that was acknowledged is lost.

At any instant, stock + sold is for each item what it was in the beginning. A client that loses its answer to a kill sends
the request again under the same key, so that each order is placed once, whatever happened.
"""

import random

import pytest

from crowd import Crowd, Lost, request
from server import ROOT

DATABASES = ("sqlite", "postgres")

AUDIT = """
  audit:
    access: true
    steps:
      - as: items
        sql: >-
          select id, stock, cast(coalesce(sales.sum, 0) as bigint) as sold from inventory left join
          (select item, sum(quantity) as sum from order_items join orders on orders.id = order_items."order"
          where orders.status = 'placed' group by item) as sales on sales.item = inventory.id
"""
APP = "log: {level: warn}\n" + (ROOT / "examples/orders/app.yaml").read_text() + AUDIT
CLIENTS = 64
ITEMS = 8


class Shop:
    def __init__(self, client, stock):
        self.stock = stock  # of each item, in the beginning
        rows = [{"name": f"item {i}", "price": "1.00", "stock": stock} for i in range(ITEMS)]
        self.items = [row["id"] for row in client.post("/api/v1/inventory", json=rows).data]
        self.orders = {}  # id -> {item: quantity}, None when it was cancelled
        self.refused = self.lost = self.audits = 0

    def check_audit(self, items):
        assert {row["id"] for row in items} == set(self.items)
        for row in items:
            assert row["stock"] >= 0 and row["stock"] + row["sold"] == self.stock, row
        self.audits += 1


def insist(shop, path, body, key):
    """Sends until there is an answer that decides."""
    while True:
        try:
            reply = yield request("POST", path, body, f"Idempotency-Key: {key}\r\n")
        except Lost:
            shop.lost += 1
            continue
        if reply.status in (200, 409) and b"being worked on" not in reply.body:
            return reply
        assert reply.status == 503 or b"being worked on" in reply.body, reply


def buyer(shop, dice, number, requests):
    mine = []
    for i in range(requests):
        key, kind = f"{number}-{i}", dice.random()
        if kind < 0.1:
            try:
                reply = yield request("POST", "/api/v1/actions/audit")
                assert reply.status in (200, 503), reply
                if reply.status == 200:
                    shop.check_audit(reply.data["items"])
            except Lost:
                pass
        elif kind < 0.25 and mine:
            order = mine.pop(dice.randrange(len(mine)))
            reply = yield from insist(shop, f"/api/v1/orders/{order}/cancel", None, key)
            assert reply.status == 200, reply
            shop.orders[order] = None
        else:
            wanted = {item: dice.randint(1, 5) for item in dice.sample(shop.items, dice.randint(1, 3))}
            lines = [{"item": item, "quantity": quantity} for item, quantity in wanted.items()]
            reply = yield from insist(shop, "/api/v1/orders/place", {"lines": lines}, key)
            if reply.status == 409:
                assert b"OUT_OF_STOCK" in reply.body, reply
                shop.refused += 1
                continue
            assert reply.data["items"] == sorted(lines, key=lambda line: line["item"])
            order = reply.data["order"]["id"]
            assert order not in shop.orders
            shop.orders[order] = wanted
            mine.append(order)


def stored_orders(client):
    """What the database holds: id -> {item: quantity}, None when it is cancelled."""
    orders = {}
    for page in client.pages("/api/v1/orders", sort="id"):
        orders.update((row["id"], {} if row["status"] == "placed" else None) for row in page)
    for page in client.pages("/api/v1/order_items", sort="id"):
        for row in page:
            if orders[row["order"]] is not None:
                assert row["item"] not in orders[row["order"]]
                orders[row["order"]][row["item"]] = row["quantity"]
    return orders


@pytest.mark.parametrize("kills", [0, 3])
def test_an_inventory_never_oversells_and_never_loses_an_order(serve, size, kills):
    server, dice = serve(APP), random.Random(7)
    requests = size(100, 2000)
    shop = Shop(server.client, requests * 20)  # about half of what is asked for
    crowd = Crowd(server, [buyer(shop, random.Random(f"{kills} {i}"), i, requests) for i in range(CLIENTS)])
    for _ in range(kills):
        assert not crowd.run(dice.uniform(0.05, 0.2)), "the clients had ended before the kill"
        crowd.crash()
    crowd.run()

    placed = [lines for lines in shop.orders.values() if lines]
    sold = {item: sum(lines.get(item, 0) for lines in placed) for item in shop.items}
    audit = server.client.post("/api/v1/actions/audit").data["items"]
    shop.check_audit(audit)
    assert {row["id"]: row["sold"] for row in audit} == sold
    assert stored_orders(server.client) == shop.orders
    assert min(len(placed), shop.refused, shop.audits) >= requests, (len(placed), shop.refused, shop.audits)
    assert (shop.lost > 0) == (kills > 0)
