# SPDX-License-Identifier: Apache-2.0
"""Reading over REST: filters, order, paging, search, shapes, tags."""

import pathlib
import urllib.parse

import pytest

DATABASES = ("sqlite", "postgres")

URL = "/api/v1"
APP = """
api: {page: {default: 3, max: 5}}
resources:
  teams:
    fields: {name: text required, level: int}
    access: {all: true}
  people:
    fields:
      name: text required
      team: teams
      boss: people
      age: int
      born: date
      score: decimal(6,2)
      kind: enum(cat, dog)
      alive: bool = true
      mail: email
      tags: list(text)
      data: json
      secret: text hidden
    search: [name]
    access: {all: true}
"""
PEOPLE = [
    {"name": "Ann Lee", "team": "red", "age": 30, "born": "1996-01-02", "score": "1.50", "kind": "cat", "mail": "Ann@x.org", "tags": ["a", "b"]},
    {"name": "Bob Ray", "team": "red", "age": 25, "score": "-2.00", "kind": "dog", "boss": "Ann Lee", "alive": False, "tags": ["b"]},
    {"name": "cleo", "team": "blue", "age": 25, "born": "2001-05-05", "score": "10.00", "boss": "Bob Ray"},
    {"name": "Étienne, jr", "age": 40, "kind": "cat", "boss": "cleo"},
    {"name": "Dan 100%", "team": "blue", "born": "1990-12-31", "data": {"x": 1}, "secret": "s"},
    {"name": "emma lee", "age": 30, "score": "1.5"},
]


@pytest.fixture(scope="module")
def api(serve_module):
    client = serve_module(APP).client
    ids = {name: client.post(f"{URL}/teams", json={"name": name, "level": level}).data["id"] for name, level in [("red", 1), ("blue", 2)]}
    for person in PEOPLE:
        row = {**person, **{key: ids[person[key]] for key in ("team", "boss") if key in person}}
        answer = client.post(f"{URL}/people", json=row)
        assert answer.status == 201, answer
        ids[person["name"]] = answer.data["id"]
    client.ids = ids
    return client


def names(api, query, status=200):
    answer = api.get(f"{URL}/people?limit=5&fields=name&" + query)
    assert answer.status == status, answer
    return [row["name"] for row in answer.data]


def encode(text):
    return urllib.parse.quote(text)


FILTERS = [
    ("age=25", {"Bob Ray", "cleo"}),
    ("age[eq]=25", {"Bob Ray", "cleo"}),
    ("age[ne]=25", {"Ann Lee", "Étienne, jr", "emma lee"}),
    ("age[gt]=30", {"Étienne, jr"}),
    ("age[gte]=30", {"Ann Lee", "Étienne, jr", "emma lee"}),
    ("age[lt]=30", {"Bob Ray", "cleo"}),
    ("age[lte]=25&alive=true", {"cleo"}),
    ("age[in]=40,25", {"Bob Ray", "cleo", "Étienne, jr"}),
    ("age[nin]=40,25", {"Ann Lee", "emma lee"}),
    ("age[null]=true", {"Dan 100%"}),
    ("age[gte]=25&age[lt]=40", {"Ann Lee", "Bob Ray", "cleo", "emma lee"}),
    ("name[in]=" + encode('cleo,"Étienne, jr"'), {"cleo", "Étienne, jr"}),
    ("name[like]=*lee", {"Ann Lee", "emma lee"}),
    ("name[like]=" + encode("ÉTIENNE*"), {"Étienne, jr"}),
    ("name[like]=" + encode("*100%"), {"Dan 100%"}),
    ("score=1.5", {"Ann Lee", "emma lee"}),
    ("score[lt]=0", {"Bob Ray"}),
    ("score[gt]=9.99", {"cleo"}),
    ("born[lt]=1996-01-03", {"Ann Lee", "Dan 100%"}),
    ("kind=cat", {"Ann Lee", "Étienne, jr"}),
    ("alive=false", {"Bob Ray"}),
    ("mail=ann@X.org", {"Ann Lee"}),
    ("team.name=blue", {"cleo", "Dan 100%"}),
    ("team.level[lt]=2", {"Ann Lee", "Bob Ray"}),
    ("boss.boss.name=" + encode("Ann Lee"), {"cleo"}),
    ("boss.team.name=red", {"Bob Ray", "cleo"}),
    ("where=" + encode("age == 25 || name ~ 'LEE' && score > 0"), {"Ann Lee", "Bob Ray", "cleo", "emma lee"}),
    ("where=" + encode("!(age == 25) && !(kind == 'cat')"), {"Dan 100%", "emma lee"}),
    ("where=" + encode("tags ~ 'b' && alive"), {"Ann Lee"}),
    ("where=" + encode("team == null && boss != null"), {"Étienne, jr"}),
    ("where=" + encode("kind in ['dog']") + "&age=25", {"Bob Ray"}),
    ("where=" + encode("name == 'x\\' OR 1=1 --'"), set()),
    ("search=lee", {"Ann Lee", "emma lee"}),
    ("search=" + encode("le an"), set()),
    ("search=" + encode("lee an"), {"Ann Lee"}),
    ("search=etien", {"Étienne, jr"}),
    ("search=" + encode('lee OR "ray'), set()),
]


@pytest.mark.parametrize("query, expected", FILTERS)
def test_a_filter_finds(api, query, expected):
    assert set(names(api, query)) == expected


SORTS = [
    ("sort=age,name", ["Bob Ray", "cleo", "Ann Lee", "emma lee", "Étienne, jr", "Dan 100%"]),
    ("sort=-age,-name", ["Dan 100%", "Étienne, jr", "emma lee", "Ann Lee", "cleo", "Bob Ray"]),
    ("sort=score,-name", ["Bob Ray", "emma lee", "Ann Lee", "cleo", "Étienne, jr", "Dan 100%"]),
    ("sort=-team.level,name", ["emma lee", "Étienne, jr", "Dan 100%", "cleo", "Ann Lee", "Bob Ray"]),
    ("", [person["name"] for person in PEOPLE]),
]


@pytest.mark.parametrize("sort, expected", SORTS)
def test_an_order_is_total_with_nulls_last_ascending_and_first_descending(api, sort, expected):
    query = dict([sort.split("=")]) if sort else {}
    walked = [row["name"] for page in api.pages(f"{URL}/people", limit=2, fields="name", **query) for row in page]
    paged = [name for page in (1, 2, 3) for name in [row["name"] for row in api.get(f"{URL}/people?limit=2&page={page}&{sort}").data]]
    offset = [row["name"] for at in (0, 4) for row in api.get(f"{URL}/people?limit=4&offset={at}&{sort}").data]
    assert walked == paged == offset == expected


def test_paging_says_where_it_is(api):
    first = api.get(f"{URL}/people").json["pagination"]
    assert (first["page"], first["limit"], first["total"], first["totalPages"]) == (1, 3, 6, 2) and first["nextCursor"]
    last = api.get(f"{URL}/people?page=2").json["pagination"]
    assert last["nextCursor"] is None
    offset = api.get(f"{URL}/people?offset=4&limit=99").json["pagination"]
    assert offset == {"offset": 4, "limit": 5, "total": 6, "nextCursor": None}
    for huge in ("10000000000000", "9" * 30):
        assert api.get(f"{URL}/people?limit={huge}").json["pagination"]["limit"] == 5
    assert "total" not in api.get(f"{URL}/people?count=none").json["pagination"]
    after = api.get(f"{URL}/people?after={first['nextCursor']}").json["pagination"]
    assert after == {"limit": 3, "nextCursor": None}
    assert api.get(f"{URL}/people?after={first['nextCursor']}&count=exact").json["pagination"]["total"] == 6


def test_a_list_whose_cursor_would_be_too_long_says_so(serve):
    api = serve("resources: {logs: {fields: {line: text(1..9000) required}, access: {all: true}}}").client
    for letter in "abc":
        assert api.post(f"{URL}/logs", {"line": letter * 9000}).status == 201
    answer = api.get(f"{URL}/logs?sort=line&limit=2")
    assert answer.status == 422 and "too long for a cursor" in answer.error["message"]
    assert len(api.get(f"{URL}/logs?sort=line&limit=3").data) == 3


def test_a_cursor_belongs_to_its_list(api):
    cursor = api.get(f"{URL}/people?sort=age&limit=2&count=none").json["pagination"]["nextCursor"]
    assert api.get(f"{URL}/people?sort=age&limit=5&fields=name&after={cursor}").status == 200
    for query in ("sort=name", "sort=-age", "sort=age&age=25", "sort=age&search=lee", ""):
        answer = api.get(f"{URL}/people?{query}&after={cursor}")
        assert answer.status == 400 and answer.error["fields"] == {"after": "is not a cursor of this list"}
    assert api.get(f"{URL}/people?sort=age&after={cursor[:-2]}AA").status == 400


MISTAKES = [
    ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("page=0", "page"), ("offset=-1", "offset"),
    ("count=some", "count"), ("nope=1", "nope"), ("age[xx]=1", "age[xx]"), ("age=1&age=2", "age"), ("age=1&age[eq]=2", "age[eq]"),
    ("age=x", "age"), ("kind=bird", "kind"), ("born=yesterday", "born"), ("alive=maybe", "alive"), ("age[null]=x", "age[null]"),
    ("sort=nope", "sort"), ("sort=data", "sort"), ("sort=age,-age", "sort"), ("secret=s", "secret"), ("sort=secret", "sort"), ("fields=secret", "fields"),
    ("fields=nope", "fields"), ("expand=name", "expand"), ("expand=nope", "expand"), ("expand=boss.boss.boss.boss", "expand"),
    ("where=nope==1", "where"), ("where=age%3D1", "where"), ("where=secret%3D%3D's'", "where"), ("team.nope=1", "team.nope"), ("data=1", "data"),
    ("search=%22", "search"), ("search=", "search"), ("version=1x", "version"),
]


@pytest.mark.parametrize("query, field", MISTAKES)
def test_a_mistake_in_a_query_is_a_400_that_names_it(api, query, field):
    answer = api.get(f"{URL}/people?{query}")
    assert answer.status == 400 and answer.error["code"] == "VALIDATION_ERROR"
    assert list(answer.error["fields"]) == [field]


def test_all_mistakes_are_told_at_once(api):
    assert set(api.get(f"{URL}/people?limit=0&nope=1&sort=x&kind=bird").error["fields"]) == {"limit", "nope", "sort", "kind"}


def test_one_kind_of_paging_at_a_time(api):
    assert api.get(f"{URL}/people?page=1&offset=0").status == 400


def test_a_resource_without_search_has_none(api):
    assert api.get(f"{URL}/teams?search=red").error["fields"] == {"search": "teams cannot be searched"}


def test_fields_choose_and_expand_opens_references(api):
    assert set(api.get(f"{URL}/people/{api.ids['cleo']}?fields=boss.name").data) == {"boss"}
    row = api.get(f"{URL}/people/{api.ids['cleo']}?fields=name,boss.name").data
    assert row == {"name": "cleo", "boss": {"name": "Bob Ray"}}
    row = api.get(f"{URL}/people/{api.ids['cleo']}?expand=boss.boss.team,team").data
    assert row["team"]["name"] == "blue" and row["boss"]["boss"]["team"]["name"] == "red" and row["boss"]["team"] == api.ids["red"]
    rows = api.get(f"{URL}/people?limit=5&expand=team").data
    assert [row["team"] and row["team"]["name"] for row in rows] == ["red", "red", "blue", None, "blue"]
    assert all("secret" not in row for row in rows)


def test_tags_are_strong_for_the_plain_row_alone(api):
    url = f"{URL}/people/{api.ids['cleo']}"
    assert api.get(url).etag == '"1"'
    assert api.get(url + "?fields=name").etag == 'W/"1"' and api.get(url + "?expand=team").etag == 'W/"1"'
    for tag, status in [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"2"', 200), ('"2", "1"', 304)]:
        answer = api.get(url, headers={"If-None-Match": tag})
        assert answer.status == status and (status == 200 or answer.body == b"")
    assert api.get(url + "?expand=team", headers={"If-None-Match": 'W/"1"'}).status == 200


def test_a_single_record_takes_fields_and_expand_only(api):
    url = f"{URL}/people/{api.ids['cleo']}"
    for query in ("limit=1", "sort=name", "age=1", "where=age%3D%3D1", "fields=name&fields=age"):
        assert api.get(f"{url}?{query}").status == 400


LARGE = """
api: {page: {max: 10000}}
http: {body: 2MiB}
resources:
  leaves: {fields: {data: json}, access: {all: true}}
  twigs: {fields: {leaf: leaves}, access: {all: true}}
  boughs: {fields: {twig: twigs}, access: {all: true}}
"""


def test_a_page_of_10000_rows_is_expanded_with_one_query(serve):
    client = serve(LARGE).client
    for _ in range(10):
        twigs = client.post(f"{URL}/twigs", json=[{}] * 1000).data
        assert client.post(f"{URL}/boughs", json=[{"twig": twig["id"]} for twig in twigs]).status == 201
    answer = client.get(f"{URL}/boughs?limit=10000&expand=twig&fields=twig.id")
    assert answer.status == 200 and len({row["twig"]["id"] for row in answer.data}) == 10000


def test_an_expansion_that_grows_too_large_is_refused_not_cut(serve):
    client = serve(LARGE).client
    leaf = client.post(f"{URL}/leaves", json={"data": "x" * 2000000}).data["id"]
    twigs = client.post(f"{URL}/twigs", json=[{"leaf": leaf}] * 40).data
    client.post(f"{URL}/boughs", json=[{"twig": twig["id"]} for twig in twigs])
    assert client.get(f"{URL}/boughs?limit=40&expand=twig.leaf").status == 503
    assert len(client.get(f"{URL}/boughs?limit=10&expand=twig.leaf").data) == 10


def test_what_is_no_id_names_no_row(api):
    for row in ("x", "1", "01890a5d-ac96-774b-bcce-b302099a8057", "%20"):
        assert api.get(f"{URL}/people/{row}").status == 404


def test_head_is_get_without_a_body(api):
    got, head = api.get(f"{URL}/people"), api.head(f"{URL}/people")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == got.headers["Content-Length"]


def test_only_json_can_be_answered(api):
    assert api.get(f"{URL}/people", headers={"Accept": "text/html"}).status == 406
    assert api.get(f"{URL}/people", headers={"Accept": "text/html, */*;q=0.1"}).status == 200


@pytest.fixture(scope="module")
def ranked(serve_module):
    server = serve_module("""
api: {page: {max: 10000}}
resources:
  ranks:
    id: int
    fields: {place: int required, points: int}
    indexes: [place, points]
    access: {all: true}
""")
    for block in range(50):
        rows = [{"place": block * 1000 + i, "points": block * 1000 + i} for i in range(1000)]
        assert server.client.post(f"{URL}/ranks", json=rows).status == 201
    return server


def cpu_ns(server):
    """What the server has computed so far, over all its threads."""
    threads = pathlib.Path(f"/proc/{server.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


@pytest.mark.parametrize(
    "order, bound", [("id", "id[gt]=1"), ("-id", "id[lt]=1000000"), ("place", "place[gte]=1"), ("-points", "id[gt]=1")]
)
def test_a_late_page_costs_what_an_early_one_does_also_with_a_filter_on_its_order(ranked, order, bound):
    client, list_url = ranked.client, f"{URL}/ranks?sort={order}&{bound}&fields=id"
    early = client.get(f"{list_url}&limit=10&count=none").json["pagination"]["nextCursor"]
    late = early
    for _ in range(4):
        late = client.get(f"{list_url}&limit=10000&after={late}").json["pagination"]["nextCursor"]
    costs = []
    for cursor in (early, late):
        began = cpu_ns(ranked)
        for _ in range(50):
            assert len(client.get(f"{list_url}&limit=10&after={cursor}").data) == 10
        costs.append(cpu_ns(ranked) - began)
    assert costs[1] < 3 * costs[0]
