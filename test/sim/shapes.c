/* SPDX-License-Identifier: Apache-2.0 */
#include "shapes.h"

#include "base/attr.h"

static const char app[] =
    "name: sim\n"
    "database: sqlite:/sim.db\n"
    "cors: {origins: ['https://app.example.org']}\n"
    "http: {in_flight: 100}\n"
    "resources:\n"
    "  teams: {id: int, fields: {name: text required unique}, access: {all: true}}\n"
    "  people:\n"
    "    id: int\n"
    "    fields:\n"
    "      name: text(1..80) required unique\n"
    "      mail: email\n"
    "      level: enum(junior, senior) = junior\n"
    "      age: int(0..150)\n"
    "      pay: decimal(12,2)\n"
    "      score: float\n"
    "      born: date\n"
    "      seen: datetime = now\n"
    "      open: bool = true\n"
    "      data: json\n"
    "      tags: list(text)\n"
    "      code: {type: 'text', pattern: '^[a-z]+$'}\n"
    "      secret: text hidden\n"
    "      team: teams\n"
    "    search: [name, code]\n"
    "    indexes: [age, 'level, -age']\n"
    "    access: {all: true}\n"
    "  notes:\n"
    "    id: uuid\n"
    "    fields: {text: text, author: people on_delete(cascade), about: people on_delete(set_null)}\n"
    "    access: {read: \"about == null || text != ''\", create: \"input.text != 'no'\", update: \"text != 'fixed'\", "
    "delete: true}\n"
    "actions:\n"
    "  grow:\n"
    "    access: true\n"
    "    input: {name: text required, lines: {list: {person: people required, by: int(1..99) required}, max: 5}}\n"
    "    steps:\n"
    "      - as: made\n"
    "        sql: insert into notes (id, text, created_at, updated_at, version) values (:uuid, :name, :now, :now, 1) "
    "returning id, text\n"
    "        expect: 1\n"
    "      - each: lines\n"
    "        as: people\n"
    "        sql: update people set age = coalesce(age, 0) + :lines.by where id = :lines.person and coalesce(age, 0) + "
    ":lines.by < 100 returning id, age\n"
    "        expect: 1\n"
    "        else: 409 TOO_OLD nobody gets that old\n"
    "    result: made, people\n";

static const char *const rows[] = {
    "POST /api/v1/teams\n\n{\"name\":\"red\"}",
    "POST "
    "/api/v1/"
    "people\n\n{\"name\":\"ann\",\"age\":30,\"pay\":\"12.50\",\"team\":1,\"code\":\"abc\",\"tags\":[\"a\",\"b\"],"
    "\"data\":{\"a\":[1]}}",
    "POST /api/v1/people\n\n{\"name\":\"bob\",\"age\":40,\"level\":\"senior\",\"team\":1}",
    "POST /api/v1/people\n\n{\"name\":\"cleo\",\"mail\":\"cleo@example.org\"}",
};

#define NEW_PERSON  "POST /api/v1/people\n\n{\"name\":\"p-%N\",\"data\":{\"a\":1}}"
#define PEOPLE_OF_N "SELECT count(*) FROM people WHERE name LIKE '%%-%N'"

static const struct shape shapes[] = {
    {"one row", NULL, "GET /api/v1/people/1", 200},
    {"no such row", NULL, "GET /api/v1/people/999999", 404},
    {"no such route", NULL, "GET /nothing", 404},
    {"no such method", NULL, "DELETE /api/v1/people", 405},
    {"a list", NULL, "GET /api/v1/people", 200},
    {"a filtered list", NULL, "GET /api/v1/people?age[gte]=20&level=senior&team.name=red", 200},
    {"a list in", NULL, "GET /api/v1/people?age[in]=30,40&name[like]=*n*", 200},
    {"a sorted list", NULL, "GET /api/v1/people?sort=-age,team.name,name&limit=2", 200},
    {"where", NULL, "GET /api/v1/people?where=age%20%3E%2020%20%26%26%20(name%20~%20'a'%20%7C%7C%20open)", 200},
    {"a mistake in where", NULL, "GET /api/v1/people?where=age%20%3E%3E%20", 400},
    {"mistakes in parameters", NULL, "GET /api/v1/people?nope=1&limit=x&sort=nope", 400},
    {"search", NULL, "GET /api/v1/people?search=an&count=none", 200},
    {"a page by number", NULL, "GET /api/v1/people?page=2&limit=1", 200},
    {"a page by offset", NULL, "GET /api/v1/people?offset=1&limit=1&count=none", 200},
    {"a wrong cursor", NULL, "GET /api/v1/people?after=abc", 400},
    {"named fields", NULL, "GET /api/v1/people?fields=id,name,team.name", 200},
    {"an expanded row", NULL, "GET /api/v1/people/1?expand=team", 200},
    {"an expanded list", NULL, "GET /api/v1/people?expand=team&limit=3", 200},
    {"expanded twice", BEFORE("POST /api/v1/notes\n\n{\"text\":\"n\",\"author\":1}"),
     "GET /api/v1/notes?expand=author.team,about&limit=3", 200},
    {"a head", NULL, "HEAD /api/v1/people?limit=1", 200},
    {"options", NULL, "OPTIONS /api/v1/people", 204},
    {"a preflight", NULL,
     "OPTIONS /api/v1/people\nOrigin: https://app.example.org\nAccess-Control-Request-Method: POST\n", 204},
    {"from another origin", NULL, "GET /api/v1/people/1\nOrigin: https://app.example.org\n", 200},
    {"not modified", NULL, "GET /api/v1/people/1\nIf-None-Match: \"7\", \"1\"\n", 304},
    {"compressed", NULL, "GET /api/v1/people\nAccept-Encoding: gzip\n", 200},
    {"not acceptable", NULL, "GET /api/v1/people\nAccept: text/html\n", 406},
    {"a create", NULL,
     "POST "
     "/api/v1/"
     "people\n\n{\"name\":\"c-%N\",\"age\":1,\"pay\":1.5,\"tags\":[\"x\"],\"data\":{\"k\":\"v\\u00e9\"},\"team\":1}",
     201, PEOPLE_OF_N, 1, 0},
    {"a create in chunks", NULL,
     "POST /api/v1/people\nTransfer-Encoding: chunked\nContent-Type: application/json\n\n{\"name\":\"k-%N\"}", 201,
     PEOPLE_OF_N, 1, 0},
    {"a create without an answer", NULL, "POST /api/v1/people\nPrefer: return=minimal\n\n{\"name\":\"m-%N\"}", 201,
     PEOPLE_OF_N, 1, 0},
    {"a create that is expanded", NULL, "POST /api/v1/people?expand=team\n\n{\"name\":\"e-%N\",\"team\":1}", 201,
     PEOPLE_OF_N, 1, 0},
    {"a create under a rule", NULL, "POST /api/v1/notes\n\n{\"text\":\"r-%N\",\"author\":2}", 201,
     "SELECT count(*) FROM notes WHERE text = 'r-%N'", 1, 0},
    {"a create against a rule", NULL, "POST /api/v1/notes\n\n{\"text\":\"no\"}", 401,
     "SELECT count(*) FROM notes WHERE text = 'no'", 0, 0},
    {"mistakes in a body", NULL,
     "POST /api/v1/people\n\n{\"name\":\"\",\"age\":-1,\"nope\":1,\"team\":77,\"code\":\"A\"}", 400, PEOPLE_OF_N, 0, 0},
    {"no JSON", NULL, "POST /api/v1/people\n\n{\"name\":\"j-%N\",", 400, PEOPLE_OF_N, 0, 0},
    {"a taken name", NULL, "POST /api/v1/people\n\n{\"name\":\"ann\"}", 409,
     "SELECT count(*) FROM people WHERE name = 'ann'", 1, 1},
    {"a wrong reference", NULL, "POST /api/v1/people\n\n{\"name\":\"w-%N\",\"team\":77}", 400, PEOPLE_OF_N, 0, 0},
    {"an array", NULL, "POST /api/v1/people\n\n[{\"name\":\"a-%N\"},{\"name\":\"b-%N\",\"team\":1}]", 201, PEOPLE_OF_N,
     2, 0},
    {"an array with a mistake", NULL, "POST /api/v1/people\n\n[{\"name\":\"a-%N\"},{\"name\":\"ann\"}]", 409,
     PEOPLE_OF_N, 0, 0},
    {"a replacement", BEFORE(NEW_PERSON), "PUT /api/v1/people/%I\n\n{\"name\":\"p-%N\",\"age\":7}", 200,
     "SELECT coalesce(age, 0) FROM people WHERE id = %I", 7, 0},
    {"a merge", BEFORE(NEW_PERSON), "PATCH /api/v1/people/%I\nIf-Match: \"1\"\n\n{\"age\":8,\"data\":{\"b\":[2]}}", 200,
     "SELECT coalesce(age, 0) FROM people WHERE id = %I", 8, 0},
    {"another version", BEFORE(NEW_PERSON), "PATCH /api/v1/people/%I\nIf-Match: \"9\"\n\n{\"age\":8}", 412,
     "SELECT coalesce(age, 0) FROM people WHERE id = %I", 0, 0},
    {"a change of no row", NULL, "PATCH /api/v1/people/999999\n\n{\"age\":8}", 404},
    {"a deletion", BEFORE(NEW_PERSON), "DELETE /api/v1/people/%I", 204, "SELECT count(*) FROM people WHERE id = %I", 0,
     1},
    {"a deletion of what is referred to", NULL, "DELETE /api/v1/teams/1", 409,
     "SELECT count(*) FROM teams WHERE id = 1", 1, 1},
    {"a batch", NULL,
     "POST "
     "/api/v1/batch\n\n{\"operations\":[{\"method\":\"POST\",\"path\":\"/"
     "people\",\"id\":\"p\",\"body\":{\"name\":\"x-%N\"}},"
     "{\"method\":\"PATCH\",\"path\":\"/people/$p.id\",\"ifMatch\":\"\\\"1\\\"\",\"body\":{\"age\":3}},"
     "{\"method\":\"POST\",\"path\":\"/people\",\"body\":{\"name\":\"y-%N\",\"team\":1}}]}",
     200, PEOPLE_OF_N, 2, 0},
    {"a batch that fails", NULL,
     "POST /api/v1/batch\n\n{\"operations\":[{\"method\":\"POST\",\"path\":\"/people\",\"body\":{\"name\":\"x-%N\"}},"
     "{\"method\":\"POST\",\"path\":\"/people\",\"body\":{\"name\":\"ann\"}}]}",
     409, PEOPLE_OF_N, 0, 0},
    {"an action", BEFORE(NEW_PERSON),
     "POST /api/v1/actions/grow\n\n{\"name\":\"g-%N\",\"lines\":[{\"person\":%I,\"by\":2},{\"person\":%I,\"by\":1}]}",
     200, "SELECT coalesce(age, 0) FROM people WHERE id = %I", 3, 0},
    {"an action that fails", BEFORE(NEW_PERSON),
     "POST /api/v1/actions/grow\n\n{\"name\":\"g-%N\",\"lines\":[{\"person\":%I,\"by\":2},{\"person\":%I,\"by\":99}]}",
     409, "SELECT count(*) FROM notes WHERE text = 'g-%N'", 0, 0},
    {"mistakes in the input of an action", NULL,
     "POST /api/v1/actions/grow\n\n{\"nmae\":\"g-%N\",\"lines\":[{\"person\":0},{\"person\":\"x\",\"by\":0}]}", 400},
    {"a keyed action", BEFORE(NEW_PERSON),
     "POST /api/v1/actions/grow\nIdempotency-Key: act-%N\n\n{\"name\":\"g-%N\",\"lines\":[{\"person\":%I,\"by\":2}]}",
     200, "SELECT coalesce(age, 0) FROM people WHERE id = %I", 2, 0},
    {"a keyed create", NULL, "POST /api/v1/people\nIdempotency-Key: key-%N\n\n{\"name\":\"i-%N\"}", 201, PEOPLE_OF_N, 1,
     0},
    {"a keyed create once more", BEFORE("POST /api/v1/people\nIdempotency-Key: again-%N\n\n{\"name\":\"o-%N\"}"),
     "POST /api/v1/people\nIdempotency-Key: again-%N\n\n{\"name\":\"o-%N\"}", 201, PEOPLE_OF_N, 1, 1},
    {"another use of a key", BEFORE("POST /api/v1/people\nIdempotency-Key: other-%N\n\n{\"name\":\"o-%N\"}"),
     "POST /api/v1/people\nIdempotency-Key: other-%N\n\n{\"name\":\"q-%N\"}", 422, PEOPLE_OF_N, 1, 1},
};
const struct shape_set shapes_rest = {
    .app = app, .rows = rows, .row_count = ARRAY_LEN(rows), .shapes = shapes, .count = ARRAY_LEN(shapes)};
