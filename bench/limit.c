/* SPDX-License-Identifier: Apache-2.0 */
/* The limit: what the hardware, the kernel and SQLite leave to a server that knows one resource by heart.
 *
 * Tenon is measured against this program (bench.py), so it must be hard to beat: no framework, no schema, no rules, no
 * log. It does the same work on the same table, durably, and sends the same bytes.
 *
 * Idea: one thread with epoll and prepared statements. Reads that one turn of the loop brings share a read transaction.
 * A second thread inserts: whatever has queued up while one COMMIT was on its way to the disk is the next transaction,
 * so the more clients wait, the more of them share an fsync. It hands a whole batch back through one eventfd.
 *
 * Invariants
 *   (1) a 201 is sent after the COMMIT of its row (synchronous=FULL)
 *   (2) a connection has one insert at most, embedded in it; while that is queued nothing more of it is answered
 *   (3) a connection that closes while its insert is queued is freed when the insert comes back
 *
 * Left out on purpose: the signature of a list's cursor, which is as long as Tenon's but says only where it stands;
 * and, refused with 400: \u escapes, and any query parameter but those of the workloads.
 *
 * usage: limit PORT DATABASE */
#include <stdlib.h>
#include <sys/epoll.h>

#include "limit_http.h"
#include "limit_position.h"
#include "limit_writer.h"

struct sqlite {
    struct writer *writer;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *one, *list, *count;
    struct positions positions;
    bool is_reading; /* a read transaction is open */
};

static void begin_reading(struct sqlite *sqlite)
{
    if (!sqlite->is_reading)
        sqlite->is_reading = run(sqlite->begin);
}

static void end_reading(struct loop *loop)
{
    struct sqlite *sqlite = loop->storage;
    if (sqlite->is_reading)
        sqlite->is_reading = !run(sqlite->commit);
}

/* The routes */

static void get_market(struct loop *loop, struct text id_text)
{
    struct sqlite *sqlite = loop->storage;
    struct cursor cursor = {id_text.ptr, id_text.ptr + id_text.len};
    int64_t id;
    begin_reading(sqlite);
    bool is_id = parse_digits(&cursor, &id) && cursor.at == cursor.end;
    sqlite3_bind_int64(sqlite->one, 1, is_id ? id : 0);
    if (sqlite3_step(sqlite->one) == SQLITE_ROW) {
        char headers[40];
        char *end = PUT_TEXT(headers, "ETag: \"");
        end = PUT_TEXT(put_int(end, sqlite3_column_int64(sqlite->one, 7)), "\"\r\n");
        struct text extra = {headers, (size_t)(end - headers)};
        struct reply reply = reply_begin(loop, "200 OK", extra, RECORD_DIGITS);
        reply.at = PUT_TEXT(reply.at, "{\"data\":");
        reply.at = put_row(reply.at, sqlite->one);
        *reply.at++ = '}';
        reply_end(loop, &reply);
    } else {
        reply_error(loop, "404 Not Found", "NOT_FOUND", "not found");
    }
    sqlite3_reset(sqlite->one);
}

static char *put_pagination(char *at, struct loop *loop, const struct list_query *query)
{
    struct sqlite *sqlite = loop->storage;
    at = PUT_TEXT(at, "],\"pagination\":{\"page\":1,\"limit\":");
    at = put_int(at, query->limit);
    if (query->is_counted) {
        sqlite3_bind_text(sqlite->count, 1, query->status.ptr, (int)query->status.len, SQLITE_STATIC);
        at = PUT_TEXT(at, ",\"total\":");
        int64_t total = sqlite3_step(sqlite->count) == SQLITE_ROW ? sqlite3_column_int64(sqlite->count, 0) : 0;
        sqlite3_reset(sqlite->count);
        at = put_int(at, total);
        at = PUT_TEXT(at, ",\"totalPages\":");
        at = put_int(at, (total + query->limit - 1) / query->limit);
    }
    return PUT_TEXT(at, ",\"nextCursor\":");
}

static void list_markets(struct loop *loop, struct text query_text)
{
    struct sqlite *sqlite = loop->storage;
    struct list_query query;
    if (!parse_query(query_text, &query)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    begin_reading(sqlite);
    sqlite3_bind_text(sqlite->list, 1, query.status.ptr, (int)query.status.len, SQLITE_STATIC);
    sqlite3_bind_int64(sqlite->list, 2, query.limit + 1);
    struct text vary = {"Vary: Accept-Encoding\r\n", sizeof "Vary: Accept-Encoding\r\n" - 1};
    struct reply reply = reply_begin(loop, "200 OK", vary, PAGE_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":[");
    char cursor[CURSOR_BYTES + 2];
    struct text next = {"null", 4};
    int64_t count = 0;
    while (sqlite3_step(sqlite->list) == SQLITE_ROW) {
        if (count == query.limit) {
            next = (struct text){cursor, sizeof cursor};
            break;
        }
        if (count++ > 0)
            *reply.at++ = ',';
        reply.at = put_row(reply.at, sqlite->list);
        if (count == query.limit)
            put_cursor(cursor, (const char *)sqlite3_column_text(sqlite->list, 5),
                       sqlite3_column_int64(sqlite->list, 0));
    }
    sqlite3_reset(sqlite->list);
    reply.at = put_pagination(reply.at, loop, &query);
    reply.at = put_bytes(reply.at, next.ptr, next.len);
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

static void list_positions(struct loop *loop, struct text query)
{
    struct sqlite *sqlite = loop->storage;
    struct positions *positions = &sqlite->positions;
    int64_t holder;
    if (!parse_positions(query, &holder)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    begin_reading(sqlite);
    positions_read(positions, holder);
    struct text vary = {"Vary: Accept-Encoding\r\n", sizeof "Vary: Accept-Encoding\r\n" - 1};
    struct reply reply = reply_begin(loop, "200 OK", vary, PAGE_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":[");
    reply.at = put_positions(reply.at, positions);
    reply.at = PUT_TEXT(reply.at, "],\"pagination\":{\"page\":1,\"limit\":20,\"nextCursor\":");
    if (positions->has_more) {
        const struct position *last = &positions->rows[POSITIONS_MAX - 1];
        reply.at = put_cursor(reply.at, last->created_at, last->id);
    } else {
        reply.at = PUT_TEXT(reply.at, "null");
    }
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

static void create_market(struct loop *loop, struct conn *conn, struct text body)
{
    struct sqlite *sqlite = loop->storage;
    struct insert *insert = (struct insert *)(void *)conn->job;
    if (!parse_market(body, &insert->market)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "the request is not valid");
        return;
    }
    read_clock(loop, insert->market.created_at);
    conn->is_waiting = true;
    writer_add(sqlite->writer, insert);
}

static void answer(struct loop *loop, struct conn *conn, struct text line, struct text body)
{
    static const char record[] = "GET /api/v1/markets/", list[] = "GET /api/v1/markets?";
    static const char positions[] = "GET /api/v1/positions?holder=";
    if (equals(line, "GET /health"))
        reply_text(loop, "200 OK", "{\"status\":\"ok\"}");
    else if (starts_with(line, record))
        get_market(loop, (struct text){line.ptr + sizeof record - 1, line.len - sizeof record + 1});
    else if (starts_with(line, list))
        list_markets(loop, (struct text){line.ptr + sizeof list - 1, line.len - sizeof list + 1});
    else if (starts_with(line, positions))
        list_positions(loop, (struct text){line.ptr + sizeof positions - 1, line.len - sizeof positions + 1});
    else if (equals(line, "POST /api/v1/markets"))
        create_market(loop, conn, body);
    else
        reply_error(loop, "404 Not Found", "NOT_FOUND", "not found");
}

static void reply_inserted(struct loop *loop, struct conn *conn)
{
    const struct insert *insert = (const struct insert *)(const void *)conn->job;
    if (insert->failed)
        reply_error(loop, "500 Internal Server Error", "INTERNAL_ERROR", "something went wrong");
    else
        reply_created(loop, &insert->market);
}

static bool collect(struct loop *loop, void *source, unsigned events)
{
    struct sqlite *sqlite = loop->storage;
    struct insert *next;
    if (source != sqlite->writer)
        return false;
    for (struct insert *insert = writer_collect(sqlite->writer); insert; insert = next) {
        next = insert->next;
        conn_done(loop, (struct conn *)(void *)((char *)insert - offsetof(struct conn, job)), reply_inserted);
    }
    return true;
}

int main(int argc, char **argv)
{
    long port = port_of(argc, argv);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct writer writer = {0};
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop || !sqlite)
        die("loop");
    sqlite->writer = &writer;
    writer_start(&writer, argv[2]);
    sqlite->db = open_database(argv[2]);
    sqlite->begin = prepare(sqlite->db, "begin");
    sqlite->commit = prepare(sqlite->db, "commit");
    sqlite->one = prepare(sqlite->db, "select " COLUMNS " from markets where id = ?1");
    sqlite->list = prepare(sqlite->db, "select " COLUMNS " from markets where status = ?1 "
                                       "order by created_at desc, id limit ?2");
    sqlite->count = prepare(sqlite->db, "select count(*) from markets where status = ?1");
    positions_prepare(&sqlite->positions, sqlite->db);
    loop->answer = answer;
    loop->on_storage = collect;
    loop->end_turn = end_reading;
    loop->storage = sqlite;
    loop->job_bytes = sizeof(struct insert);
    loop_listen(loop, (int)port);
    loop_watch(loop, writer.done_fd, EPOLLIN, &writer);
    loop_run(loop);
}
