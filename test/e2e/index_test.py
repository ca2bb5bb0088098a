# SPDX-License-Identifier: Apache-2.0
"""Every kind of index that an app file can ask for is made, is used by the request that it is for, and changes no answer."""

import hashlib
import json
import random
import urllib.parse

import pytest

from server import run_tenon

DATABASES = ("sqlite", "postgres")

FIELDS = """
    fields:
      code: text(1..40) required
      serial: int required
      kind: enum(a, b, c) required
      number: int
      day: date
      mail: email
      tags: list(text)
      sizes: list(int)
      days: list(date)
      title: text
      note: text
    access: {all: true}
"""
APP = f"""
api: {{page: {{default: 20, max: 3000}}}}
http: {{body: 16MiB}}
resources:
  plain:{FIELDS}
  items:{FIELDS}
    indexes:
      - number
      - kind, -day
      - {{fields: code, using: hash}}
      - {{fields: serial, unique: true, using: btree}}
      - {{fields: mail, where: "kind == 'c'"}}
      - {{fields: day, include: [kind]}}
      - {{fields: tags, using: gin}}
      - {{fields: sizes, using: gin}}
      - {{fields: days, using: gin}}
      - {{fields: title, using: gin}}
      - {{fields: note, using: gist}}
"""
ROWS = 3000
WORDS = ["rain", "Schnee", "50% off", "a_b", "back\\slash", "wind", "ΣΊΣΥΦΟΣ", "", 'say "no"', "star*"]


def digest(i):
    return hashlib.md5(str(i).encode()).hexdigest()


def row(random, i):
    return {
        "code": f"code-{i}",
        "serial": i,
        "kind": "abc"[i % 3],
        "number": random.randrange(300) if i % 7 else None,
        "day": f"20{i % 50 + 10}-0{i % 9 + 1}-15",
        "mail": f"m{i}@example.org",
        "tags": [random.choice(WORDS) + str(random.randrange(60)) for _ in range(i % 4)] + [f"M{i}@Example.org"] * (i % 97 == 0) if i % 11 else None,
        "sizes": [random.randrange(500) for _ in range(i % 4)],
        "days": [f"20{random.randrange(10, 60)}-0{random.randrange(1, 10)}-01" for _ in range(i % 3)],
        "title": f"{random.choice(WORDS)} {digest(i)}" if i % 13 else None,
        "note": f"{random.choice(WORDS)} / {digest(i)}",
    }


@pytest.fixture(scope="module")
def served(serve_module, database, request):
    url = database()
    server_sql = request.getfixturevalue("postgres").sql if url else None
    if url:
        server_sql(url, "CREATE EXTENSION pg_trgm")
    server = serve_module(APP, **({"database": url} if url else {}))
    source = random.Random(5)
    rows = [row(source, i) for i in range(ROWS)]
    for begin in range(0, ROWS, 1000):
        for name in ("plain", "items"):
            assert server.client.post(f"/api/v1/{name}", json=rows[begin : begin + 1000]).status == 201
    if url:
        server_sql(url, "VACUUM ANALYZE")  # as the server does by itself after a while
    server.is_postgres = bool(url)
    return server


def rows_of(served, query, path="items"):
    answer = served.client.get(f"/api/v1/{path}?limit=3000&{query}")
    assert answer.status == 200, answer
    return [row["serial"] for row in answer.data]


def plan_of(served, query):
    done = run_tenon("explain", f"GET /api/v1/items?count=none&{query}", "app.yaml", "--json", directory=served.directory)
    assert done.returncode == 0, done.stdout + done.stderr
    statements = json.loads(done.stdout)["statements"]
    return statements[0], "\n".join(statements[0]["plan"])


# what is asked, and the index that answers it on PostgreSQL and on SQLite (None: there is none of the kind)
ASKED = [
    ("number=17", "items_number", "items_number"),
    ("kind=b&sort=-day&limit=5", "items_kind_day", "items_kind_day"),
    ("code=code-77", "items_code", "items_code"),
    ("serial=1234", "items_serial", "items_serial"),
    ("kind=c&mail=M77@example.org", "items_mail", "items_mail"),
    ("fields=kind&day=2012-03-15", "items_day", "items_day"),
    ("where=tags ~ 'wind7'", "items_tags", None),
    ("where=tags ~ 'Schnee1' && kind == 'a'", "items_tags", None),
    ("where=sizes ~ 17", "items_sizes", None),
    ("where=days ~ '2012-03-01'", "items_days", None),
    (f"where=title ~ '{digest(77)[:9]}'", "items_title", None),
    (f"title[like]=*{digest(77)[3:12].upper()}*", "items_title", None),
    (f"where=note ~ '{digest(78)[:9]}'", "items_note", None),
]


@pytest.mark.parametrize("query,postgres_index,sqlite_index", ASKED)
def test_the_index_is_used_for_what_it_is_for(served, query, postgres_index, sqlite_index):
    statement, plan = plan_of(served, query)
    wanted = postgres_index if served.is_postgres else sqlite_index
    if wanted:
        assert wanted in plan.replace("items_serial_key", "items_serial"), plan
        assert statement["scanned"] <= 3 * statement["returned"] + 150, statement
    else:
        assert "SCAN" in plan


PARTS = [f"{field} ~ {json.dumps(part)}" for field in ("title", "note") for part in ("", "%", "_", "\\", "ς", "σίσυφος", "RAIN a", "50%", "a_b", "*", "é", "k\\s", '"no"')]
LISTS = [
    "tags ~ 'wind7'",
    "tags ~ 'WIND7'",
    "tags ~ ''",
    "!(tags ~ 'wind7')",
    "tags ~ title",
    "tags ~ code",
    "sizes ~ 17",
    "!(sizes ~ 17) && sizes != null",
    "sizes ~ number",
    "sizes ~ 17 || tags ~ 'rain3'",
    "days ~ '2012-03-01'",
    "days ~ day",
    "tags ~ null",
    "tags ~ mail",
]
LIKES = [f"title like {json.dumps(pattern)}" for pattern in ("*", "rain*", "*A12*", "50%*", "a_b*1", "back\\*", "*_*", "*\\*")]


@pytest.mark.parametrize("condition", PARTS + LISTS + LIKES)
def test_an_index_changes_no_answer(served, condition):
    query = "sort=serial&where=" + urllib.parse.quote(condition)
    plain = served.client.get(f"/api/v1/plain?limit=3000&{query}")
    items = served.client.get(f"/api/v1/items?limit=3000&{query}")
    assert plain.status == items.status
    if plain.status == 200:
        assert condition != "tags ~ mail" or len(plain.data) > 20
        assert [row["serial"] for row in plain.data] == [row["serial"] for row in items.data]
    else:
        assert plain.error == items.error


def test_an_index_of_texts_says_which_extension_it_needs(postgres, tmp_path):
    app = f"database: {postgres.create_database()}\nresources:\n  notes:\n    fields: {{title: text}}\n    indexes: [{{fields: title, using: gin}}]\n    access: {{all: true}}\n"
    (tmp_path / "app.yaml").write_text(app)
    done = run_tenon("serve", "app.yaml", "--listen", "256.0.0.1:1", directory=tmp_path)
    assert done.returncode == 1 and "gin_trgm_ops" in done.stderr and "CREATE EXTENSION pg_trgm" in done.stderr, done.stderr
