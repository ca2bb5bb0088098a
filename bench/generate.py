#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the tables of bench/app.yaml with 100,000 rows each, the same ones every time: generate.py FILE.db [rows]

The tables are those that Tenon has created in that file; where there are none yet, they are created as Tenon would.
"""

import argparse
import datetime
import random
import sqlite3
import subprocess

TABLES = [
    """create table if not exists markets (
      id integer primary key autoincrement, name text not null, status text, volume integer, creator integer,
      created_at text not null, updated_at text not null, version integer not null
    ) strict""",
    """create table if not exists positions (
      id integer primary key autoincrement, holder integer not null, market integer not null references markets(id),
      shares integer not null, created_at text not null, updated_at text not null, version integer not null
    ) strict""",
]
INDEXES = [
    ("markets", "status", "create index markets_status_created_at on markets (status, created_at desc)"),
    ("positions", "holder", "create index positions_holder_created_at on positions (holder, created_at desc)"),
]
HOLDERS = 2000
STATUSES = ["active", "closed", "draft", "resolved"]
START = datetime.datetime(2025, 1, 1)


def moment(choose, number):
    offset = datetime.timedelta(seconds=number * 200 + choose.randrange(200), microseconds=choose.randrange(10**6))
    return (START + offset).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def markets(count):
    choose = random.Random(42)
    for number in range(1, count + 1):
        at = moment(choose, number)
        name = f"Will event {choose.randint(1, 10**6)} resolve to yes before the deadline?"
        yield number, name, choose.choice(STATUSES), choose.randrange(10**8), choose.randint(1, 5000), at, at, 1


def positions(count):
    choose = random.Random(43)
    for number in range(1, count + 1):
        at = moment(choose, number)
        yield number, choose.randint(1, HOLDERS), choose.randint(1, count), choose.randrange(10**6), at, at, 1


def as_csv(rows, money):
    """Rows for COPY: the names hold no quotes, and the sums are hundredths."""
    for row in rows:
        yield ",".join(f"{value / 100:.2f}" if i == money else str(value) for i, value in enumerate(row)) + "\n"


def fill_postgres(url, count):
    """Fills the tables that Tenon has made in a PostgreSQL database."""
    tables = [
        ("markets", "id, name, status, volume, creator, created_at, updated_at, version", as_csv(markets(count), 3)),
        ("positions", "id, holder, market, shares, created_at, updated_at, version", as_csv(positions(count), 3)),
    ]
    for table, columns, lines in tables:
        copy = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", f"copy {table} ({columns}) from stdin with (format csv)"]
        subprocess.run(copy, input="".join(lines), text=True, check=True)
        last = f"select setval(pg_get_serial_sequence('{table}', 'id'), {count})"
        subprocess.run(["psql", "-Xq", "-d", url, "-c", last, "-c", "vacuum analyze"], check=True, stdout=subprocess.DEVNULL)


def has_index(db, table, column):
    query = f"select id from {table} where {column} = 1 order by created_at desc, id"
    plan = db.execute(f"explain query plan {query}").fetchall()
    return "USING" in str(plan) and "INDEX" in str(plan) and "TEMP B-TREE" not in str(plan)


def fill(path, count):
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = wal")
    with db:
        for table in TABLES:
            db.execute(table)
        for table, column, index in INDEXES:
            if not has_index(db, table, column):
                db.execute(index)
        db.execute("delete from positions")
        db.execute("delete from markets")
        columns = "id, name, status, volume, creator, created_at, updated_at, version"
        db.executemany(f"insert into markets ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)", markets(count))
        columns = "id, holder, market, shares, created_at, updated_at, version"
        db.executemany(f"insert into positions ({columns}) values (?, ?, ?, ?, ?, ?, ?)", positions(count))
        db.execute("analyze")
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="the database file")
    parser.add_argument("count", nargs="?", type=int, default=100_000, help="how many rows (100,000)")
    options = parser.parse_args()
    fill(options.path, options.count)
