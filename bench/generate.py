#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the markets of bench/app.yaml with 100,000 rows, the same ones every time: generate.py FILE.db [rows]

The table is the one that Tenon has created in that file; where there is none yet, it is created as Tenon would.
"""

import argparse
import datetime
import random
import sqlite3

TABLE = """
create table if not exists markets (
  id integer primary key autoincrement, name text not null, status text, volume integer, creator integer,
  created_at text not null, updated_at text not null, version integer not null
) strict
"""
INDEX = "create index markets_status_created_at on markets (status, created_at desc)"
STATUSES = ["active", "closed", "draft", "resolved"]
START = datetime.datetime(2025, 1, 1)


def rows(count):
    choose = random.Random(42)
    for number in range(1, count + 1):
        offset = datetime.timedelta(seconds=number * 200 + choose.randrange(200), microseconds=choose.randrange(10**6))
        at = (START + offset).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        name = f"Will event {choose.randint(1, 10**6)} resolve to yes before the deadline?"
        yield number, name, choose.choice(STATUSES), choose.randrange(10**8), choose.randint(1, 5000), at, at, 1


def has_index(db):
    plan = db.execute("explain query plan select id from markets where status = 'active' order by created_at desc, id").fetchall()
    return "USING" in str(plan) and "INDEX" in str(plan) and "TEMP B-TREE" not in str(plan)


def fill(path, count):
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = wal")
    with db:
        db.execute(TABLE)
        if not has_index(db):
            db.execute(INDEX)
        db.execute("delete from markets")
        columns = "id, name, status, volume, creator, created_at, updated_at, version"
        db.executemany(f"insert into markets ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)", rows(count))
        db.execute("analyze")
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="the database file")
    parser.add_argument("count", nargs="?", type=int, default=100_000, help="how many rows (100,000)")
    options = parser.parse_args()
    fill(options.path, options.count)
