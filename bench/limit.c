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
 *   (4) a reply fits the loop's out buffer; replies leave when the turn ends or the buffer is full, each connection's
 * in one send and all sends in a row, so that a client of many connections wakes up once
 *
 * Left out on purpose: the signature of a list's cursor, which is as long as Tenon's but says only where it stands;
 * and, refused with 400: \u escapes, and any query parameter but those of the workloads. A client that does not take
 * its answers is cut off.
 *
 * usage: limit PORT DATABASE */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "limit_position.h"
#include "limit_writer.h"

enum {
    IN_BYTES = 8192,
    OUT_BYTES = 1 << 19,
    REPLY_BYTES_MAX = 1 << 17, /* PAGE_MAX rows of escaped names */
    TURN_EVENTS = 256,
    UNSENT_MAX = 256,
    PAGE_DEFAULT = 20,
    PAGE_MAX = 100,
    BACKLOG = 1024,
    DATE_BYTES = 37,   /* with its name and CRLF */
    CURSOR_BYTES = 84, /* what Tenon's have for this list */
};

struct conn {
    struct insert insert;
    int fd;
    bool is_waiting; /* for its insert */
    bool is_gone;
    size_t in_len;
    char in[IN_BYTES];
};

/* Replies to one connection, as they stand in the out buffer. */
struct unsent {
    struct conn *conn;
    const char *begin;
    size_t len;
};

struct loop {
    struct writer *writer;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *one, *list, *count;
    struct positions positions;
    bool is_reading; /* a read transaction is open */
    int epoll_fd;
    int listen_fd;
    uint64_t request_count;
    time_t second; /* what `clock` says */
    char clock[DATETIME_BYTES];
    time_t date_second; /* what `date` says */
    char date[DATE_BYTES];
    size_t unsent_count;
    struct unsent unsent[UNSENT_MAX];
    char *out_at;
    char out[OUT_BYTES];
};

/* Replies. The length stands before the body and is known after it: its place is kept for as many digits as it will
 * very probably have, and the body moves only when that was wrong. */

enum { ERROR_DIGITS = 2, RECORD_DIGITS = 3, PAGE_DIGITS = 4 };

struct reply {
    char *length; /* where the digits of the length go */
    char *body;
    char *at;
};

static char *put_request_id(char *at, struct loop *loop)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t number = ++loop->request_count * UINT64_C(0x9E3779B97F4A7C15);
    at = PUT_TEXT(at, "X-Request-Id: 0000000000000000");
    for (int i = 0; i < 16; i++)
        *at++ = hex[number >> (i * 4) & 15];
    return PUT_TEXT(at, "\r\n");
}

static struct reply reply_begin(struct loop *loop, const char *status, struct text headers, int digits)
{
    char *at = loop->out_at;
    at = PUT_TEXT(at, "HTTP/1.1 ");
    at = put_bytes(at, status, strlen(status));
    at = PUT_TEXT(at, "\r\n");
    at = put_bytes(at, loop->date, DATE_BYTES);
    at = PUT_TEXT(at, "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    at = put_request_id(at, loop);
    at = put_bytes(at, headers.ptr, headers.len);
    at = PUT_TEXT(at, "Content-Length: ");
    char *body = at + digits + 4;
    return (struct reply){.length = at, .body = body, .at = body};
}

static void reply_end(struct loop *loop, struct reply *reply)
{
    char digits[24];
    size_t body_len = (size_t)(reply->at - reply->body);
    size_t digits_len = (size_t)(put_uint(digits, body_len) - digits);
    char *body = reply->length + digits_len + 4;
    if (body != reply->body)
        memmove(body, reply->body, body_len);
    put_bytes(put_bytes(reply->length, digits, digits_len), "\r\n\r\n", 4);
    loop->out_at = body + body_len;
}

static void reply_text(struct loop *loop, const char *status, const char *body)
{
    struct reply reply = reply_begin(loop, status, (struct text){"", 0}, ERROR_DIGITS);
    reply.at = put_bytes(reply.at, body, strlen(body));
    reply_end(loop, &reply);
}

static void reply_error(struct loop *loop, const char *status, const char *code, const char *message)
{
    struct reply reply = reply_begin(loop, status, (struct text){"", 0}, ERROR_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"error\":{\"code\":");
    reply.at = put_string(reply.at, code, strlen(code));
    reply.at = PUT_TEXT(reply.at, ",\"message\":");
    reply.at = put_string(reply.at, message, strlen(message));
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

static void reply_created(struct loop *loop, const struct insert *insert)
{
    if (insert->failed) {
        reply_error(loop, "500 Internal Server Error", "INTERNAL_ERROR", "something went wrong");
        return;
    }
    char headers[96];
    char *at = PUT_TEXT(headers, "ETag: \"1\"\r\nLocation: /api/v1/markets/");
    at = put_int(at, insert->market.id);
    at = PUT_TEXT(at, "\r\n");
    struct text extra = {headers, (size_t)(at - headers)};
    struct reply reply = reply_begin(loop, "201 Created", extra, RECORD_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":");
    reply.at = put_market(reply.at, &insert->market);
    *reply.at++ = '}';
    reply_end(loop, &reply);
}

static void put_digits(char *at, unsigned number, int width)
{
    while (width-- > 0) {
        at[width] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* The seconds are worked out once each, the microseconds every time. */
static void read_clock(struct loop *loop, char *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != loop->second) {
        struct tm parts;
        gmtime_r(&now.tv_sec, &parts);
        loop->second = now.tv_sec;
        memcpy(loop->clock, "0000-00-00T00:00:00.000000Z", DATETIME_BYTES);
        put_digits(loop->clock, (unsigned)parts.tm_year + 1900, 4);
        put_digits(loop->clock + 5, (unsigned)parts.tm_mon + 1, 2);
        put_digits(loop->clock + 8, (unsigned)parts.tm_mday, 2);
        put_digits(loop->clock + 11, (unsigned)parts.tm_hour, 2);
        put_digits(loop->clock + 14, (unsigned)parts.tm_min, 2);
        put_digits(loop->clock + 17, (unsigned)parts.tm_sec, 2);
    }
    memcpy(out, loop->clock, DATETIME_BYTES);
    put_digits(out + 20, (unsigned)(now.tv_nsec / 1000), 6);
}

static void begin_reading(struct loop *loop)
{
    if (!loop->is_reading)
        loop->is_reading = run(loop->begin);
}

static void end_reading(struct loop *loop)
{
    if (loop->is_reading)
        loop->is_reading = !run(loop->commit);
}

/* The routes */

static bool starts_with(struct text text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static bool equals(struct text text, const char *other)
{
    return text.len == strlen(other) && starts_with(text, other);
}

static void get_market(struct loop *loop, struct text id_text)
{
    struct cursor cursor = {id_text.ptr, id_text.ptr + id_text.len};
    int64_t id;
    begin_reading(loop);
    bool is_id = parse_digits(&cursor, &id) && cursor.at == cursor.end;
    sqlite3_bind_int64(loop->one, 1, is_id ? id : 0);
    if (sqlite3_step(loop->one) == SQLITE_ROW) {
        char headers[40];
        char *end = PUT_TEXT(headers, "ETag: \"");
        end = PUT_TEXT(put_int(end, sqlite3_column_int64(loop->one, 7)), "\"\r\n");
        struct text extra = {headers, (size_t)(end - headers)};
        struct reply reply = reply_begin(loop, "200 OK", extra, RECORD_DIGITS);
        reply.at = PUT_TEXT(reply.at, "{\"data\":");
        reply.at = put_row(reply.at, loop->one);
        *reply.at++ = '}';
        reply_end(loop, &reply);
    } else {
        reply_error(loop, "404 Not Found", "NOT_FOUND", "not found");
    }
    sqlite3_reset(loop->one);
}

struct list_query {
    struct text status;
    int64_t limit;
    bool is_counted;
};

static bool parse_query(struct text query, struct list_query *out)
{
    struct list_query parsed = {.limit = PAGE_DEFAULT, .is_counted = true};
    bool is_sorted = false;
    for (const char *at = query.ptr, *end = query.ptr + query.len; at < end;) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        struct text pair = {at, (size_t)((next ? next : end) - at)};
        at = next ? next + 1 : end;
        if (starts_with(pair, "status=")) {
            parsed.status = (struct text){pair.ptr + 7, pair.len - 7};
        } else if (starts_with(pair, "limit=")) {
            struct cursor cursor = {pair.ptr + 6, pair.ptr + pair.len};
            if (!parse_digits(&cursor, &parsed.limit) || cursor.at != cursor.end)
                return false;
        } else if (equals(pair, "count=none")) {
            parsed.is_counted = false;
        } else if (equals(pair, "sort=-created_at")) {
            is_sorted = true;
        } else {
            return false;
        }
    }
    *out = parsed;
    return is_sorted && parsed.status.len > 0 && parsed.limit >= 1 && parsed.limit <= PAGE_MAX;
}

/* Where the list goes on: the last row's datetime and id. */
static char *put_cursor(char *at, const char *created_at, int64_t id)
{
    *at++ = '"';
    memset(at, '0', CURSOR_BYTES);
    put_bytes(at, created_at, DATETIME_BYTES);
    put_uint(at + DATETIME_BYTES + 1, (uint64_t)id);
    at[CURSOR_BYTES] = '"';
    return at + CURSOR_BYTES + 1;
}

static char *put_pagination(char *at, struct loop *loop, const struct list_query *query)
{
    at = PUT_TEXT(at, "],\"pagination\":{\"page\":1,\"limit\":");
    at = put_int(at, query->limit);
    if (query->is_counted) {
        sqlite3_bind_text(loop->count, 1, query->status.ptr, (int)query->status.len, SQLITE_STATIC);
        at = PUT_TEXT(at, ",\"total\":");
        int64_t total = sqlite3_step(loop->count) == SQLITE_ROW ? sqlite3_column_int64(loop->count, 0) : 0;
        sqlite3_reset(loop->count);
        at = put_int(at, total);
        at = PUT_TEXT(at, ",\"totalPages\":");
        at = put_int(at, (total + query->limit - 1) / query->limit);
    }
    return PUT_TEXT(at, ",\"nextCursor\":");
}

static void list_markets(struct loop *loop, struct text query_text)
{
    struct list_query query;
    if (!parse_query(query_text, &query)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    begin_reading(loop);
    sqlite3_bind_text(loop->list, 1, query.status.ptr, (int)query.status.len, SQLITE_STATIC);
    sqlite3_bind_int64(loop->list, 2, query.limit + 1);
    struct text vary = {"Vary: Accept-Encoding\r\n", sizeof "Vary: Accept-Encoding\r\n" - 1};
    struct reply reply = reply_begin(loop, "200 OK", vary, PAGE_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":[");
    char cursor[CURSOR_BYTES + 2];
    struct text next = {"null", 4};
    int64_t count = 0;
    while (sqlite3_step(loop->list) == SQLITE_ROW) {
        if (count == query.limit) {
            next = (struct text){cursor, sizeof cursor};
            break;
        }
        if (count++ > 0)
            *reply.at++ = ',';
        reply.at = put_row(reply.at, loop->list);
        if (count == query.limit)
            put_cursor(cursor, (const char *)sqlite3_column_text(loop->list, 5), sqlite3_column_int64(loop->list, 0));
    }
    sqlite3_reset(loop->list);
    reply.at = put_pagination(reply.at, loop, &query);
    reply.at = put_bytes(reply.at, next.ptr, next.len);
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

/* Knows one shape of the query only: the holder comes first, and the rest is the workload's. */
static void list_positions(struct loop *loop, struct text query)
{
    static const char rest[] = "&sort=-created_at&limit=20&count=none&expand=market";
    struct positions *positions = &loop->positions;
    struct cursor holder_text = {query.ptr, query.ptr + query.len};
    int64_t holder;
    bool is_known = parse_digits(&holder_text, &holder) &&
                    equals((struct text){holder_text.at, (size_t)(holder_text.end - holder_text.at)}, rest);
    if (!is_known) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    begin_reading(loop);
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
    struct insert *insert = &conn->insert;
    if (!parse_market(body, &insert->market)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "the request is not valid");
        return;
    }
    read_clock(loop, insert->market.created_at);
    conn->is_waiting = true;
    writer_add(loop->writer, insert);
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

/* Connections */

static size_t content_length(struct text head)
{
    for (const char *at = head.ptr, *end = head.ptr + head.len; at && at + 18 < end;) {
        if (strncasecmp(at, "content-length:", 15) == 0) {
            struct cursor cursor = {at + 15, end};
            int64_t length;
            skip_space(&cursor);
            return parse_digits(&cursor, &length) && length < IN_BYTES ? (size_t)length : IN_BYTES;
        }
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    return 0;
}

/* Answers one whole request at `in`, if there is one; its size, or 0. */
static size_t answer_one(struct loop *loop, struct conn *conn, struct text in)
{
    const char *blank = memmem(in.ptr, in.len, "\r\n\r\n", 4);
    if (!blank)
        return 0;
    size_t head_len = (size_t)(blank - in.ptr) + 4;
    size_t body_len = *in.ptr == 'P' ? content_length((struct text){in.ptr, head_len}) : 0;
    if (in.len - head_len < body_len)
        return 0;
    const char *line_end = memchr(in.ptr, '\r', head_len);
    struct text line = {in.ptr, (size_t)(line_end - in.ptr)};
    if (line.len > 9 && memcmp(line_end - 9, " HTTP/1.1", 9) == 0)
        line.len -= 9;
    answer(loop, conn, line, (struct text){blank + 4, body_len});
    return head_len + body_len;
}

/* A client that does not take its answers is cut off: the next read of it ends, and closes it. */
static void loop_send(struct loop *loop)
{
    for (size_t i = 0; i < loop->unsent_count; i++) {
        const struct unsent *unsent = &loop->unsent[i];
        if (send(unsent->conn->fd, unsent->begin, unsent->len, MSG_NOSIGNAL) != (ssize_t)unsent->len)
            shutdown(unsent->conn->fd, SHUT_RDWR);
    }
    loop->unsent_count = 0;
    loop->out_at = loop->out;
}

static void conn_close(struct loop *loop, struct conn *conn)
{
    loop_send(loop);
    close(conn->fd);
    conn->is_gone = true;
    if (!conn->is_waiting)
        free(conn);
}

static void conn_reply(struct loop *loop, struct conn *conn, const char *begin)
{
    if (loop->out_at > begin)
        loop->unsent[loop->unsent_count++] = (struct unsent){conn, begin, (size_t)(loop->out_at - begin)};
}

static void make_room(struct loop *loop)
{
    if (loop->out + OUT_BYTES - loop->out_at < REPLY_BYTES_MAX || loop->unsent_count == UNSENT_MAX)
        loop_send(loop);
}

/* Answers what has arrived. */
static void conn_answer(struct loop *loop, struct conn *conn)
{
    size_t used = 0, size = 1;
    while (size > 0 && !conn->is_waiting) {
        make_room(loop);
        const char *begin = loop->out_at;
        while (!conn->is_waiting && loop->out + OUT_BYTES - loop->out_at >= REPLY_BYTES_MAX && size > 0) {
            size = answer_one(loop, conn, (struct text){conn->in + used, conn->in_len - used});
            used += size;
        }
        conn_reply(loop, conn, begin);
    }
    conn->in_len -= used;
    if (used > 0 && conn->in_len > 0)
        memmove(conn->in, conn->in + used, conn->in_len);
}

static void conn_read(struct loop *loop, struct conn *conn)
{
    ssize_t len = recv(conn->fd, conn->in + conn->in_len, IN_BYTES - conn->in_len, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) { /* closed, failed, or a request larger than IN_BYTES */
        conn_close(loop, conn);
        return;
    }
    conn->in_len += (size_t)len;
    conn_answer(loop, conn);
}

static void loop_accept(struct loop *loop)
{
    int fd;
    while ((fd = accept4(loop->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (!conn)
            die("accept");
        conn->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void loop_collect(struct loop *loop)
{
    struct insert *next;
    for (struct insert *insert = writer_collect(loop->writer); insert; insert = next) {
        next = insert->next;
        struct conn *conn = (struct conn *)(void *)insert; /* its first member */
        conn->is_waiting = false;
        if (conn->is_gone) {
            free(conn);
            continue;
        }
        make_room(loop);
        const char *begin = loop->out_at;
        reply_created(loop, insert);
        conn_reply(loop, conn, begin);
        conn_answer(loop, conn);
    }
}

static void loop_listen(struct loop *loop, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loop->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(loop->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(loop->listen_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(loop->listen_fd, BACKLOG) != 0)
        die("listen");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &loop->listen_fd};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->listen_fd, &event);
    event.data.ptr = loop->writer;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->writer->done_fd, &event);
}

static void loop_tick(struct loop *loop)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == loop->date_second)
        return;
    char text[DATE_BYTES + 1];
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    memcpy(loop->date, text, DATE_BYTES);
    loop->date_second = now.tv_sec;
}

static void loop_run(struct loop *loop)
{
    for (;;) {
        struct epoll_event events[TURN_EVENTS];
        int count = epoll_wait(loop->epoll_fd, events, TURN_EVENTS, -1);
        loop_tick(loop);
        for (int i = 0; i < count; i++) {
            void *source = events[i].data.ptr;
            if (source == &loop->listen_fd)
                loop_accept(loop);
            else if (source == loop->writer)
                loop_collect(loop);
            else
                conn_read(loop, source);
        }
        loop_send(loop);
        end_reading(loop);
    }
}

int main(int argc, char **argv)
{
    long port = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    if (port < 1 || port > 65535) {
        fprintf(stderr, "usage: %s PORT DATABASE\n", argv[0]);
        return 2;
    }
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct writer writer = {0};
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        die("loop");
    writer_start(&writer, argv[2]);
    loop->writer = &writer;
    loop->out_at = loop->out;
    loop->db = open_database(argv[2]);
    loop->begin = prepare(loop->db, "begin");
    loop->commit = prepare(loop->db, "commit");
    loop->one = prepare(loop->db, "select " COLUMNS " from markets where id = ?1");
    loop->list = prepare(loop->db, "select " COLUMNS " from markets where status = ?1 "
                                   "order by created_at desc, id limit ?2");
    loop->count = prepare(loop->db, "select count(*) from markets where status = ?1");
    positions_prepare(&loop->positions, loop->db);
    loop_listen(loop, (int)port);
    loop_run(loop);
}
