# SPDX-License-Identifier: Apache-2.0
"""Real data: the Chinook store, loaded through the API and checked against its source.

15,607 rows in 11 tables. Ids are sequences here and the rows are sent in the order of their keys, so each gets the id it
has in the source; the one table without a key of its own (PlaylistTrack) gets ids of its own."""

import decimal
import threading

import pytest

DATABASES = ("sqlite", "postgres")

BASE = "/api/v1"
APP = """
api: {page: {default: 20, max: 500}}
http: {body: 4MiB}
resources:
  genres:      {id: int, fields: {name: "text(1..120) required"}, access: {all: true}}
  mediatypes:  {id: int, fields: {name: "text(1..120) required"}, access: {all: true}}
  artists:     {id: int, fields: {name: "text(1..120) required"}, search: [name], access: {all: true}}
  albums:
    id: int
    fields: {title: "text(1..160) required", artist: artists required}
    access: {all: true}
  tracks:
    id: int
    fields:
      name: text(1..200) required
      album: albums required
      media_type: mediatypes required
      genre: genres
      composer: text(0..220)
      milliseconds: int(0..) required
      bytes: int(0..)
      unit_price: decimal(10,2) required
    indexes:
      - genre, -milliseconds
    search: [name, composer]
    access: {all: true}
  employees:
    id: int
    fields:
      last_name: text(1..20) required
      first_name: text(1..20) required
      title: text(1..30)
      reports_to: employees
      birth_date: datetime
      hire_date: datetime
      city: text
      country: text
      email: email unique
    access: {all: true}
  customers:
    id: int
    fields:
      first_name: text(1..40) required
      last_name: text(1..20) required
      company: text
      address: text
      city: text
      country: text
      email: email required
      support_rep: employees
    access: {all: true}
  invoices:
    id: int
    fields:
      customer: customers required
      invoice_date: datetime required
      billing_country: text
      total: decimal(10,2) required
    access: {all: true}
  lines:
    id: int
    fields: {invoice: invoices required, track: tracks required, unit_price: "decimal(10,2) required", quantity: int required}
    access: {all: true}
  playlists:   {id: int, fields: {name: "text(1..120) required"}, access: {all: true}}
  entries:
    id: int
    fields: {playlist: playlists required, track: tracks required}
    access: {all: true}
"""

NAMES = {"MediaTypeId": "media_type", "SupportRepId": "support_rep", "ReportsTo": "reports_to"}
REFERENCES = {"ArtistId": "artist", "AlbumId": "album", "GenreId": "genre", "CustomerId": "customer", "InvoiceId": "invoice", "TrackId": "track", "PlaylistId": "playlist"}
TABLES = [
    ("Genre", "genres", "GenreId"),
    ("MediaType", "mediatypes", "MediaTypeId"),
    ("Artist", "artists", "ArtistId"),
    ("Album", "albums", "AlbumId"),
    ("Track", "tracks", "TrackId"),
    ("Employee", "employees", "EmployeeId"),
    ("Customer", "customers", "CustomerId"),
    ("Invoice", "invoices", "InvoiceId"),
    ("InvoiceLine", "lines", "InvoiceLineId"),
    ("Playlist", "playlists", "PlaylistId"),
    ("PlaylistTrack", "entries", None),
]
FIELDS = {
    "employees": {"last_name", "first_name", "title", "reports_to", "birth_date", "hire_date", "city", "country", "email"},
    "customers": {"first_name", "last_name", "company", "address", "city", "country", "email", "support_rep"},
    "invoices": {"customer", "invoice_date", "billing_country", "total"},
}


def snake(name):
    if name in NAMES:
        return NAMES[name]
    if name in REFERENCES:
        return REFERENCES[name]
    return "".join("_" + letter.lower() if letter.isupper() and at else letter.lower() for at, letter in enumerate(name))


def as_row(resource, key, source):
    row = {snake(name): value for name, value in source.items() if name != key}
    wanted = FIELDS.get(resource)
    row = {name: value for name, value in row.items() if value is not None and (wanted is None or name in wanted)}
    for name in ("birth_date", "hire_date", "invoice_date"):
        if name in row:
            row[name] = row[name].replace(" ", "T").rstrip("Z") + "Z"
    for name in ("unit_price", "total"):
        if name in row:
            row[name] = str(decimal.Decimal(str(row[name])))
    return row


@pytest.fixture(scope="module")
def source(shared):
    import json

    path = shared / "chinook/ChinookData.json"
    return json.loads(path.read_text(encoding="utf-8-sig"))


@pytest.fixture(scope="module")
def store(source, serve_module):
    server = serve_module(APP)
    for table, resource, key in TABLES:
        rows = sorted(source[table], key=lambda row: row[key] if key else 0)
        if key:
            assert [row[key] for row in rows] == list(range(1, len(rows) + 1)), f"the keys of {table} have gaps"
        for at in range(0, len(rows), 1000):
            part = [as_row(resource, key, row) for row in rows[at : at + 1000]]
            answer = server.client.post(f"{BASE}/{resource}", json=part, headers={"Prefer": "return=minimal"})
            assert answer.status == 201, (table, at, answer.text[:500])
    return server


def total(api, resource, **query):
    return api.get(f"{BASE}/{resource}", query={**query, "limit": 1}).json["pagination"]["total"]


def test_every_row_is_there(store, source):
    counts = {resource: total(store.client, resource) for _, resource, _ in TABLES}
    assert counts == {resource: len(source[table]) for table, resource, _ in TABLES}
    assert counts["tracks"] == 3503 and counts["invoices"] == 412
    assert sum(counts.values()) == 15607


def test_the_invoices_sum_up_to_the_cent(store):
    rows = [row for page in store.client.pages(f"{BASE}/invoices", limit=500) for row in page]
    assert sum(decimal.Decimal(row["total"]) for row in rows) == decimal.Decimal("2328.60")


def test_names_come_back_byte_for_byte(store, source):
    rows = {row["id"]: row for page in store.client.pages(f"{BASE}/artists", limit=500) for row in page}
    assert all(rows[artist["ArtistId"]]["name"] == artist["Name"] for artist in source["Artist"])
    tracks = {row["id"]: row for page in store.client.pages(f"{BASE}/tracks", limit=500, fields="id,name,composer") for row in page}
    for track in source["Track"]:
        assert tracks[track["TrackId"]]["name"] == track["Name"]
        assert tracks[track["TrackId"]]["composer"] == track.get("Composer")
    assert any(ord(letter) > 127 for row in tracks.values() for letter in row["name"])


def test_filters_agree_with_the_source(store, source):
    api, tracks = store.client, source["Track"]
    assert total(api, "tracks", genre=1) == sum(t["GenreId"] == 1 for t in tracks)
    assert total(api, "tracks", **{"milliseconds[gte]": 300000}) == sum(t["Milliseconds"] >= 300000 for t in tracks)
    assert total(api, "tracks", **{"unit_price": "1.99"}) == sum(str(t["UnitPrice"]) == "1.99" for t in tracks)
    assert total(api, "tracks", **{"composer[null]": "true"}) == sum(t.get("Composer") is None for t in tracks)
    assert total(api, "tracks", where="name ~ 'love' && milliseconds < 240000") == sum(
        "love" in t["Name"].lower() and t["Milliseconds"] < 240000 for t in tracks
    )
    albums = {a["AlbumId"]: a for a in source["Album"]}
    artists = {a["ArtistId"]: a["Name"] for a in source["Artist"]}
    assert total(api, "tracks", **{"album.artist.name": "Iron Maiden"}) == sum(
        artists[albums[t["AlbumId"]]["ArtistId"]] == "Iron Maiden" for t in tracks
    )
    assert total(api, "lines", **{"unit_price[in]": "0.99,1.99", "quantity": 1}) == len(source["InvoiceLine"])


def test_sorts_agree_with_the_source(store, source):
    rows = [row for page in store.client.pages(f"{BASE}/tracks", limit=500, sort="-milliseconds,name", fields="id,name,milliseconds") for row in page]
    expected = sorted(source["Track"], key=lambda t: (-t["Milliseconds"], t["Name"].encode(), t["TrackId"]))
    assert [row["id"] for row in rows] == [track["TrackId"] for track in expected]
    composers = [row["composer"] for page in store.client.pages(f"{BASE}/tracks", limit=500, sort="composer", fields="composer") for row in page]
    known = [name for name in composers if name is not None]
    assert composers == known + [None] * (len(composers) - len(known))
    assert known == sorted(known, key=str.encode)


def test_search_finds_words_and_prefixes(store):
    names = [row["name"] for row in store.client.get(f"{BASE}/artists", query={"search": "iron mai"}).data]
    assert names == ["Iron Maiden"]


def test_a_walk_visits_every_row_once_while_rows_are_inserted(store):
    stop, inserted = threading.Event(), []

    def insert():
        with store.new_client() as client:
            while not stop.is_set() and len(inserted) < 1000:  # behind the walk; more than it takes in would be no end
                answer = client.post(f"{BASE}/playlists", json={"name": f"Noise {len(inserted)}"})
                assert answer.status == 201
                inserted.append(answer.data["id"])

    before = [row["id"] for page in store.client.pages(f"{BASE}/entries", limit=500) for row in page]
    names = [row["id"] for page in store.client.pages(f"{BASE}/playlists", limit=3) for row in page]
    thread = threading.Thread(target=insert)
    thread.start()
    try:
        for sort in ("name", "-name", "-created_at,name"):
            seen = [row["id"] for page in store.client.pages(f"{BASE}/playlists", limit=3, sort=sort) for row in page]
            assert len(seen) == len(set(seen)), f"a row came twice by {sort}"
            assert set(names) <= set(seen), f"a row was missed by {sort}"
        walked = [row["id"] for page in store.client.pages(f"{BASE}/entries", limit=500, sort="-track,playlist") for row in page]
    finally:
        stop.set()
        thread.join()
        for row in inserted:
            store.client.delete(f"{BASE}/playlists/{row}")
    assert inserted
    assert sorted(walked) == sorted(before) and len(walked) == 8715


def queries(store):
    for line in store.admin.get("/metrics").text.splitlines():
        if line.startswith("tenon_db_queries_total "):
            return int(float(line.split()[1]))
    raise AssertionError("no tenon_db_queries_total")


def test_expanding_two_levels_takes_three_queries(store, source):
    before = queries(store)
    answer = store.client.get(f"{BASE}/tracks", query={"expand": "album.artist", "limit": 100, "count": "none", "sort": "-id"})
    assert queries(store) - before == 3
    albums = {a["AlbumId"]: a for a in source["Album"]}
    artists = {a["ArtistId"]: a["Name"] for a in source["Artist"]}
    tracks = {t["TrackId"]: t for t in source["Track"]}
    assert len(answer.data) == 100
    for row in answer.data:
        album = albums[tracks[row["id"]]["AlbumId"]]
        assert row["album"]["title"] == album["Title"]
        assert row["album"]["artist"]["name"] == artists[album["ArtistId"]]
