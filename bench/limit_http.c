/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP part of a limit server: one epoll loop, one out buffer. */
#include "limit_http.h"

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

/* Replies. The length stands before the body and is known after it: its place is kept for as many digits as it will
 * very probably have, and the body moves only when that was wrong. */

static char *put_request_id(char *at, struct loop *loop)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t number = ++loop->request_count * UINT64_C(0x9E3779B97F4A7C15);
    at = PUT_TEXT(at, "X-Request-Id: 0000000000000000");
    for (int i = 0; i < 16; i++)
        *at++ = hex[number >> (i * 4) & 15];
    return PUT_TEXT(at, "\r\n");
}

struct reply reply_begin(struct loop *loop, const char *status, struct text headers, int digits)
{
    char *at = loop->out_at;
    at = PUT_TEXT(at, "HTTP/1.1 ");
    at = put_bytes(at, status, strlen(status));
    at = PUT_TEXT(at, "\r\n");
    at = put_bytes(at, loop->date, DATE_BYTES);
    at = PUT_TEXT(at, "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                      "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n");
    at = put_request_id(at, loop);
    at = put_bytes(at, headers.ptr, headers.len);
    at = PUT_TEXT(at, "Content-Length: ");
    char *body = at + digits + 4;
    return (struct reply){.length = at, .body = body, .at = body};
}

void reply_end(struct loop *loop, struct reply *reply)
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

void reply_text(struct loop *loop, const char *status, const char *body)
{
    struct reply reply = reply_begin(loop, status, (struct text){"", 0}, ERROR_DIGITS);
    reply.at = put_bytes(reply.at, body, strlen(body));
    reply_end(loop, &reply);
}

void reply_error(struct loop *loop, const char *status, const char *code, const char *message)
{
    struct reply reply = reply_begin(loop, status, (struct text){"", 0}, ERROR_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"error\":{\"code\":");
    reply.at = put_string(reply.at, code, strlen(code));
    reply.at = PUT_TEXT(reply.at, ",\"message\":");
    reply.at = put_string(reply.at, message, strlen(message));
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

void reply_created(struct loop *loop, const struct market *market)
{
    char headers[96];
    char *at = PUT_TEXT(headers, "ETag: \"1\"\r\nLocation: /api/v1/markets/");
    at = put_int(at, market->id);
    at = PUT_TEXT(at, "\r\n");
    struct text extra = {headers, (size_t)(at - headers)};
    struct reply reply = reply_begin(loop, "201 Created", extra, RECORD_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":");
    reply.at = put_market(reply.at, market);
    *reply.at++ = '}';
    reply_end(loop, &reply);
}

void put_digits(char *at, unsigned number, int width)
{
    while (width-- > 0) {
        at[width] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* The seconds are worked out once each, the microseconds every time. */
void read_clock(struct loop *loop, char *out)
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

/* The request */

bool starts_with(struct text text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

bool equals(struct text text, const char *other)
{
    return text.len == strlen(other) && starts_with(text, other);
}

bool parse_query(struct text query, struct list_query *out)
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
char *put_cursor(char *at, const char *created_at, int64_t id)
{
    *at++ = '"';
    memset(at, '0', CURSOR_BYTES);
    put_bytes(at, created_at, DATETIME_BYTES);
    put_uint(at + DATETIME_BYTES + 1, (uint64_t)id);
    at[CURSOR_BYTES] = '"';
    return at + CURSOR_BYTES + 1;
}

bool parse_positions(struct text query, int64_t *holder)
{
    static const char rest[] = "&sort=-created_at&limit=20&count=none&expand=market";
    struct cursor at = {query.ptr, query.ptr + query.len};
    return parse_digits(&at, holder) && equals((struct text){at.at, (size_t)(at.end - at.at)}, rest);
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
    loop->answer(loop, conn, line, (struct text){blank + 4, body_len});
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
        struct conn *conn = calloc(1, sizeof *conn + loop->job_bytes);
        if (!conn)
            die("accept");
        conn->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

void conn_done(struct loop *loop, struct conn *conn, void (*reply)(struct loop *loop, struct conn *conn))
{
    conn->is_waiting = false;
    if (conn->is_gone) {
        free(conn);
        return;
    }
    make_room(loop);
    const char *begin = loop->out_at;
    reply(loop, conn);
    conn_reply(loop, conn, begin);
    conn_answer(loop, conn);
}

void loop_watch(struct loop *loop, int fd, unsigned events, void *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll");
}

void loop_listen(struct loop *loop, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loop->out_at = loop->out;
    loop->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(loop->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(loop->listen_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(loop->listen_fd, BACKLOG) != 0)
        die("listen");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop_watch(loop, loop->listen_fd, EPOLLIN, &loop->listen_fd);
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

void loop_run(struct loop *loop)
{
    for (;;) {
        struct epoll_event events[TURN_EVENTS];
        int count = epoll_wait(loop->epoll_fd, events, TURN_EVENTS, -1);
        loop_tick(loop);
        for (int i = 0; i < count; i++) {
            void *source = events[i].data.ptr;
            if (source == &loop->listen_fd)
                loop_accept(loop);
            else if (!loop->on_storage(loop, source, events[i].events))
                conn_read(loop, source);
        }
        loop->end_turn(loop);
        loop_send(loop);
    }
}

void die(const char *what)
{
    perror(what);
    exit(1);
}

long port_of(int argc, char **argv)
{
    long port = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    if (port >= 1 && port <= 65535)
        return port;
    fprintf(stderr, "usage: %s PORT DATABASE\n", argv[0]);
    exit(2);
}
