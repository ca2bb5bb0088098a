/* SPDX-License-Identifier: Apache-2.0 */
/* What a client knows of a row of its own is the value it was told last, and values that it asked for without hearing
 * back: each of those may come true until the server restarts. Every value is written once in a world, so what is found
 * says which request it came from.
 *
 * Beside its own rows each client adds one to a counter that all share, by reading it and writing under If-Match: its
 * value and its version grow together, or an update was lost. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/jsonread.h"
#include "network.h"
#include "world.h"

enum {
    CLIENTS_MAX = 20,
    ROWS_MAX = 64, /* per client */
    MAYBES_MAX = 16,
    ABSENT = 0,
    PATIENCE_US = 120 * 1000 * 1000,
    THINK_US = 20 * 1000,
    ANSWER_BYTES = 64 * 1024,
};

enum kind { CREATE, CREATE_KEYED, CREATE_BATCH, REPLACE, REMOVE, READ, LIST, COUNTER_READ, COUNTER_WRITE, KIND_COUNT };

struct row {
    long long id; /* 0: not known */
    int known;    /* the value told last; ABSENT */
    int maybes[MAYBES_MAX];
    unsigned maybe_count;
    bool is_batch;
};

struct client {
    struct link *link;
    enum kind kind;
    struct row rows[ROWS_MAX];
    unsigned row_count, row; /* the one that is written */
    int value;               /* that is written */
    unsigned left;
    bool is_waiting, repeats; /* repeats: the same keyed request once more */
    int64_t at_us;            /* when it acts; of one that waits: when its patience ends */
    long long counter, version;
    size_t answer_len;
    char answer[ANSWER_BYTES];
};

static struct {
    struct client clients[CLIENTS_MAX];
    unsigned count;
    int next_value;
    int counter_sure, counter_maybe;
    long long counter_id;
    bool is_excused;
    struct client_figures figures;
} all;

void clients_begin(unsigned count, unsigned operations)
{
    memset(&all, 0, sizeof all);
    all.count = count;
    for (unsigned i = 0; i < count; i++)
        all.clients[i] = (struct client){.left = operations, .at_us = (int64_t)world_random(THINK_US)};
}

void clients_end(void)
{
    memset(&all, 0, sizeof all);
}

struct client_figures clients_figures(void)
{
    return all.figures;
}

static unsigned number_of(const struct client *client)
{
    return (unsigned)(client - all.clients);
}

static void think(struct client *client)
{
    client->is_waiting = false;
    client->at_us = world_now_us() + 1 + (int64_t)world_random(THINK_US);
}

/* What may be so */

static void row_learn(struct row *row, int value)
{
    for (unsigned i = 0; i < row->maybe_count; i++)
        if (row->maybes[i] == value)
            row->maybes[i--] = row->maybes[--row->maybe_count];
    row->known = value;
}

static bool row_may_be(const struct row *row, int value)
{
    for (unsigned i = 0; i < row->maybe_count; i++)
        if (row->maybes[i] == value)
            return true;
    return row->known == value;
}

static void row_doubt(struct row *row, int value)
{
    if (row->maybe_count == MAYBES_MAX)
        world_fail("too many requests of one row were lost");
    row->maybes[row->maybe_count++] = value;
}

/* Requests */

static int put_request(char *out, size_t size, const char *method, const char *path, const char *header,
                       const char *body)
{
    return snprintf(
        out, size,
        "%s /api/v1/%s HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
        method, path, header, strlen(body), body);
}

static void pick_row(struct client *client)
{
    for (unsigned tries = 0; tries < 4 && client->row_count > 0; tries++) {
        client->row = (unsigned)world_random(client->row_count);
        if (client->rows[client->row].id > 0)
            return;
    }
    client->kind = LIST;
}

static void choose(struct client *client)
{
    static const enum kind kinds[] = {CREATE, CREATE_KEYED, CREATE_BATCH, REPLACE,      REPLACE,     REMOVE,
                                      READ,   READ,         LIST,         COUNTER_READ, COUNTER_READ};
    client->kind = kinds[world_random(sizeof kinds / sizeof *kinds)];
    client->value = ++all.next_value;
    bool is_new = client->kind == CREATE || client->kind == CREATE_KEYED || client->kind == CREATE_BATCH;
    if (is_new && client->row_count == ROWS_MAX)
        client->kind = READ;
    else if (is_new)
        client->rows[client->row = client->row_count++] = (struct row){.is_batch = client->kind == CREATE_BATCH};
    if (client->kind == REPLACE || client->kind == REMOVE || client->kind == READ)
        pick_row(client);
}

static int write_request(const struct client *client, char *out, size_t size)
{
    const struct row *row = &client->rows[client->row];
    char path[64], header[96] = "", body[512];
    unsigned me = number_of(client);
    snprintf(path, sizeof path, "notes/%lld", row->id);
    snprintf(body, sizeof body, "{\"name\":\"%u-%u\",\"value\":%d}", me, client->row, client->value);
    switch (client->kind) {
    case CREATE: return put_request(out, size, "POST", "notes", "", body);
    case CREATE_KEYED:
        snprintf(header, sizeof header, "Idempotency-Key: key-%u-%u\r\n", me, client->row);
        return put_request(out, size, "POST", "notes", header, body);
    case CREATE_BATCH:
        snprintf(body, sizeof body,
                 "{\"operations\":[{\"method\":\"POST\",\"path\":\"/"
                 "notes\",\"id\":\"n\",\"body\":{\"name\":\"%u-%u\",\"value\":%d}},"
                 "{\"method\":\"POST\",\"path\":\"/lines\",\"body\":{\"note\":\"$n.id\",\"text\":\"a\"}},"
                 "{\"method\":\"POST\",\"path\":\"/lines\",\"body\":{\"note\":\"$n.id\",\"text\":\"b\"}}]}",
                 me, client->row, client->value);
        return put_request(out, size, "POST", "batch", "", body);
    case REPLACE:
        snprintf(body, sizeof body, "{\"value\":%d}", client->value);
        return put_request(out, size, "PATCH", path, "", body);
    case REMOVE: return put_request(out, size, "DELETE", path, "", "");
    case READ: return put_request(out, size, "GET", path, "", "");
    case COUNTER_READ: return put_request(out, size, "GET", "counters?limit=1", "", "");
    case COUNTER_WRITE:
        snprintf(path, sizeof path, "counters/%lld", all.counter_id);
        snprintf(header, sizeof header, "If-Match: \"%lld\"\r\n", client->version);
        snprintf(body, sizeof body, "{\"value\":%lld}", client->counter + 1);
        return put_request(out, size, "PATCH", path, header, body);
    default: return put_request(out, size, "GET", "notes?sort=-value&limit=5", "", "");
    }
}

/* What a request that got no answer may have done */
static void lose(struct client *client)
{
    struct row *row = &client->rows[client->row];
    all.figures.lost++;
    world_note("unheard", number_of(client), NULL, 0);
    client->repeats = client->kind == CREATE_KEYED; /* until it is heard of, and then it is sure */
    if (client->kind == CREATE || client->kind == CREATE_BATCH || client->kind == REPLACE)
        row_doubt(row, client->value);
    else if (client->kind == REMOVE)
        row_doubt(row, ABSENT);
    else if (client->kind == COUNTER_WRITE)
        all.counter_maybe++;
    think(client);
}

static void hang_up(struct client *client)
{
    if (client->link)
        link_close(client->link);
    client->link = NULL;
}

static void send_request(struct client *client)
{
    char request[2048];
    if (!client->repeats && client->kind != COUNTER_WRITE)
        choose(client);
    client->repeats = false;
    int size = write_request(client, request, sizeof request);
    if (!client->link || link_is_over(client->link)) {
        hang_up(client);
        client->link = link_open();
    }
    all.figures.requests++;
    client->is_waiting = true;
    client->answer_len = 0;
    client->at_us = world_now_us() + PATIENCE_US;
    world_note("request", number_of(client), request, (size_t)size);
    bool breaks = world_chance(30);
    link_send(client->link, request, breaks ? world_random((uint64_t)size + 1) : (size_t)size,
              1 + (unsigned)world_random(4));
    if (breaks) {
        hang_up(client);
        lose(client);
    } else if (world_chance(20)) {
        link_finish(client->link);
    }
}

/* Answers */

static long long member(const char *body, const char *name)
{
    const char *at = strstr(body, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static void check_json(const char *body, size_t size)
{
    struct arena arena;
    struct jsonread reader;
    struct json_value value;
    enum json_token token;
    arena_init(&arena, 1 << 24);
    jsonread_init(&reader, slice_of(body, size), &arena, JSONREAD_DEPTH_DEFAULT);
    do
        token = jsonread_next(&reader, &value);
    while (token != JSON_END && token != JSON_ERROR);
    arena_fini(&arena);
    if (token == JSON_ERROR)
        world_fail("an answer is no JSON: %.200s", body);
}

static void hear_created(struct client *client, int status, const char *body)
{
    struct row *row = &client->rows[client->row];
    bool is_batch = client->kind == CREATE_BATCH;
    if (status == 409 && client->kind == CREATE_KEYED && strstr(body, "is being worked on")) {
        client->repeats = true;
        return;
    }
    if (status != (is_batch ? 200 : 201))
        world_fail("a create was answered %d: %s", status, body);
    row->id = member(body, "\"id\":");
    row_learn(row, client->value);
    if (member(body, "\"value\":") != client->value)
        world_fail("a create of %d answered %s", client->value, body);
}

static void hear_of_row(struct client *client, int status, const char *body)
{
    struct row *row = &client->rows[client->row];
    int value = status == 404 ? ABSENT : (int)member(body, "\"value\":");
    if (status != 200 && status != 404)
        world_fail("a row was read with %d: %s", status, body);
    if (!row_may_be(row, value))
        world_fail("row %lld is %d, which nobody has made it", row->id, value);
    row_learn(row, value);
}

static void hear_of_change(struct client *client, int status, const char *body)
{
    struct row *row = &client->rows[client->row];
    if (status == 404) {
        if (!row_may_be(row, ABSENT))
            world_fail("row %lld is gone", row->id);
        row_learn(row, ABSENT);
    } else if (client->kind == REMOVE && status == 204) {
        row_learn(row, ABSENT);
    } else if (client->kind == REMOVE && status == 409 && row->is_batch) {
        return; /* its lines refer to it */
    } else if (client->kind == REPLACE && status == 200) {
        row_learn(row, client->value);
    } else {
        world_fail("a change was answered %d: %s", status, body);
    }
}

static void hear_of_counter(struct client *client, int status, const char *body)
{
    if (client->kind == COUNTER_READ) {
        client->counter = member(body, "\"value\":");
        client->version = member(body, "\"version\":");
        all.counter_id = member(body, "\"id\":");
        if (status != 200 || client->counter + 1 != client->version)
            world_fail("the counter is %lld in version %lld: %s", client->counter, client->version, body);
        client->kind = COUNTER_WRITE;
        return;
    }
    client->kind = LIST;
    if (status == 200)
        all.counter_sure++;
    else if (status != 412)
        world_fail("the counter was answered %d: %s", status, body);
}

static void hear(struct client *client, int status, const char *body, size_t size)
{
    all.figures.answers++;
    if (size > 0)
        check_json(body, size);
    world_note("answer", number_of(client), &status, sizeof status);
    if (status >= 500) {
        if (!all.is_excused)
            world_fail("%d for no reason: %.200s", status, body);
        lose(client);
        return;
    }
    switch (client->kind) {
    case CREATE:
    case CREATE_KEYED:
    case CREATE_BATCH: hear_created(client, status, body); break;
    case REPLACE:
    case REMOVE: hear_of_change(client, status, body); break;
    case READ: hear_of_row(client, status, body); break;
    case COUNTER_READ:
    case COUNTER_WRITE: hear_of_counter(client, status, body); break;
    default:
        if (status != 200)
            world_fail("a list was answered %d: %s", status, body);
    }
    if (client->left > 0)
        client->left--;
    think(client);
}

/* The whole answer, if it is there: how long it is, and 0 if not. */
static size_t whole_answer(struct client *client, int *status, const char **body, size_t *size)
{
    client->answer[client->answer_len] = '\0';
    const char *blank = strstr(client->answer, "\r\n\r\n");
    if (!blank)
        return 0;
    if (strncmp(client->answer, "HTTP/1.1 ", 9) != 0)
        world_fail("an answer begins with %.40s", client->answer);
    *status = atoi(client->answer + 9);
    const char *length = strstr(client->answer, "Content-Length: ");
    *size = length && length < blank ? strtoul(length + 16, NULL, 10) : 0;
    *body = blank + 4;
    size_t whole = (size_t)(*body - client->answer) + *size;
    return whole <= client->answer_len ? whole : 0;
}

static void listen_to_server(struct client *client)
{
    int status;
    const char *body;
    size_t size;
    if (world_chance(100))
        return; /* it looks away; the server's window stays full */
    client->answer_len +=
        link_take(client->link, client->answer + client->answer_len, ANSWER_BYTES - 1 - client->answer_len);
    size_t whole = whole_answer(client, &status, &body, &size);
    bool closes = strstr(client->answer, "Connection: close") != NULL;
    if (whole > 0) {
        if (whole < client->answer_len)
            world_fail("more came than one answer: %s", client->answer + whole);
        hear(client, status, body, size);
    } else if (link_is_over(client->link)) {
        lose(client);
        closes = true;
    }
    if (closes)
        hang_up(client);
}

int64_t clients_next_us(void)
{
    int64_t next_us = INT64_MAX;
    for (unsigned i = 0; i < all.count; i++) {
        const struct client *client = &all.clients[i];
        if (client->left > 0 && client->at_us < next_us)
            next_us = client->at_us;
    }
    return next_us;
}

void clients_act(void)
{
    for (unsigned i = 0; i < all.count; i++) {
        struct client *client = &all.clients[i];
        if (client->is_waiting && client->link)
            listen_to_server(client);
        if (client->left == 0 || client->at_us > world_now_us())
            continue;
        if (client->is_waiting)
            world_fail("client %u got neither an answer nor an end in two minutes", i);
        send_request(client);
    }
}

bool clients_are_done(void)
{
    for (unsigned i = 0; i < all.count; i++)
        if (all.clients[i].left > 0)
            return false;
    return true;
}

void clients_meet_server(void)
{
    all.is_excused = false;
    for (unsigned i = 0; i < all.count; i++)
        if (all.clients[i].at_us < world_now_us())
            think(&all.clients[i]);
}

void clients_lose_server(void)
{
    for (unsigned i = 0; i < all.count; i++) {
        all.clients[i].link = NULL;
        if (all.clients[i].is_waiting)
            lose(&all.clients[i]);
    }
}

void clients_excuse(void)
{
    all.is_excused = true;
}

/* The database itself */

static int one_int(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *statement;
    int value = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (text)
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void check_row(sqlite3 *db, unsigned client, unsigned i)
{
    struct row *row = &all.clients[client].rows[i];
    char name[32];
    snprintf(name, sizeof name, "%u-%u", client, i);
    int copies = one_int(db, "SELECT count(*) FROM notes WHERE name = ?1", name);
    int value = copies ? one_int(db, "SELECT value FROM notes WHERE name = ?1", name) : ABSENT;
    int lines = one_int(db, "SELECT count(*) FROM lines WHERE note = (SELECT id FROM notes WHERE name = ?1)", name);
    bool is_repeated = all.clients[client].repeats && all.clients[client].row == i;
    if (copies > 1)
        world_fail("%s was created %d times", name, copies);
    if (!row_may_be(row, value) && !(is_repeated && value == all.clients[client].value))
        world_fail("%s is %d, and was acknowledged as %d", name, value, row->known);
    if (lines != (row->is_batch && copies ? 2 : 0))
        world_fail("%s has %d lines: a unit of work was stored in part", name, lines);
    if (!is_repeated) {
        row->known = value;
        row->maybe_count = 0;
    }
}

void clients_check(sqlite3 *db)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW || strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        world_fail("the database is damaged: %s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    for (unsigned client = 0; client < all.count; client++)
        for (unsigned i = 0; i < all.clients[client].row_count; i++)
            check_row(db, client, i);
    int value = one_int(db, "SELECT value FROM counters", NULL),
        version = one_int(db, "SELECT version FROM counters", NULL);
    if (value == -1)
        return; /* it was not made yet */
    if (value + 1 != version || value < all.counter_sure || value > all.counter_sure + all.counter_maybe)
        world_fail("the counter is %d in version %d; %d additions were acknowledged, %d unheard of", value, version,
                   all.counter_sure, all.counter_maybe);
    all.counter_sure = value;
    all.counter_maybe = 0;
}
