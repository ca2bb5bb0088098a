/* SPDX-License-Identifier: Apache-2.0 */
/* Answers on their way out.
 *
 * Idea: one system call per answer, or fewer. The head is written into the request's `out` buffer, and a body of an
 * ordinary size behind it, to leave when the turn ends (conn.c); a large body is sent at once, from where the handler
 * wrote it. When the next request of the same connection has been received already, its answer joins this one in `out`;
 * should its handler wait, the end of the turn sends what is there, so no answer waits for a later one.
 *
 * Invariants
 *   (1) bytes leave in the order of the requests: `out` before a large body, and that before the next answer
 *   (2) out_sent <= out.len, and both are 0 when everything was sent */
#include "http/conn_write.h"

#include <time.h>

#include "base/check.h"
#include "http/conn.h"
#include "http/conn_host.h"
#include "http/site.h"
#include "http/status.h"
#include "net/socket.h"
#include "rt/fiber.h"

enum { COPIED_BODY_BYTES = 16 * 1024, OUT_FLUSH_BYTES = 64 * 1024 };

static void refresh_date(struct conn_host *host, int64_t now_s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)now_s;
    struct tm tm;
    struct buf text;
    gmtime_r(&seconds, &tm);
    buf_init(&text, sizeof(host->date));
    text.ptr = host->date;
    text.cap = sizeof(host->date);
    buf_put_literal(&text, "Date: ");
    buf_put(&text, days + (size_t)tm.tm_wday * 3, 3);
    buf_printf(&text, ", %02d ", tm.tm_mday);
    buf_put(&text, months + (size_t)tm.tm_mon * 3, 3);
    buf_printf(&text, " %04d %02d:%02d:%02d GMT", tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    buf_put_literal(&text, "\r\n");
    host->date_len = text.len;
    host->date_s = now_s;
}

static void put_date(struct conn_host *host, struct buf *out)
{
    int64_t now_s = core_wall_us(host->core) / 1000000;
    if (now_s != host->date_s)
        refresh_date(host, now_s);
    buf_put(out, host->date, host->date_len);
}

static void put_field(struct buf *out, struct slice name, struct slice value)
{
    buf_put_slice(out, name);
    buf_put_slice(out, value);
    buf_put_literal(out, "\r\n");
}

static void put_etag(struct buf *out, const struct exchange *x)
{
    if (x->etag.len == 0)
        return;
    if (x->etag_is_weak)
        buf_put_literal(out, "ETag: W/\"");
    else
        buf_put_literal(out, "ETag: \"");
    buf_put_slice(out, x->etag);
    buf_put_literal(out, "\"\r\n");
}

static bool has_allow(const struct exchange *x)
{
    return x->status == 405 || (x->status == 204 && x->head->method == HTTP_OPTIONS);
}

static void put_rare_fields(struct buf *out, const struct exchange *x)
{
    put_etag(out, x);
    if (has_allow(x)) {
        buf_put_literal(out, "Allow: ");
        method_format_set(x->allow, out);
        buf_put_literal(out, "\r\n");
    }
    if (x->retry_after_s > 0) {
        buf_put_literal(out, "Retry-After: ");
        buf_put_uint(out, x->retry_after_s);
        buf_put_literal(out, "\r\n");
    }
}

/* RFC 9110 sections 6.4.1 and 8.6: no body behind 1xx, 204 and 304; only HEAD and 304 may tell its length all the same.
 */
static bool is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void put_body_fields(struct buf *out, const struct exchange *x)
{
    if (is_bodiless(x->status))
        return;
    if (x->body.len > 0)
        put_field(out, SLICE("Content-Type: "), x->content_type);
    buf_put_literal(out, "Content-Length: ");
    buf_put_uint(out, x->body.len);
    buf_put_literal(out, "\r\n");
}

static void put_head(struct conn *conn, enum conn_write_end end)
{
    const struct exchange *x = &conn->request->x;
    struct buf *out = &conn->request->out;
    buf_put_slice(out, status_line(x->status));
    put_date(conn->host, out);
    put_body_fields(out, x);
    put_rare_fields(out, x);
    if (end == CONN_WRITE_CLOSE)
        buf_put_literal(out, "Connection: close\r\n");
    else if (x->head->minor_version == 0)
        buf_put_literal(out, "Connection: keep-alive\r\n");
    buf_put_slice(out, buf_slice(&x->server_headers));
    buf_put_slice(out, buf_slice(&x->headers));
    buf_put_literal(out, "\r\n");
}

/* Sends from the two pieces once; what was sent is taken off them. */
static enum socket_result send_once(struct conn *conn, struct slice *body)
{
    struct conn_request *request = conn->request;
    struct iovec vectors[2];
    size_t count = 0, sent;
    size_t left = request->out.len - request->out_sent;
    if (left > 0)
        vectors[count++] = (struct iovec){request->out.ptr + request->out_sent, left};
    if (body->len > 0)
        vectors[count++] = (struct iovec){request->x.body.ptr + (request->x.body.len - body->len), body->len};
    enum socket_result result = socket_send(conn->io.fd, vectors, count, &sent);
    if (result != SOCKET_DONE)
        return result;
    size_t from_out = sent < left ? sent : left;
    request->out_sent += from_out;
    *body = slice_from_index(*body, sent - from_out);
    if (request->out_sent == request->out.len) {
        buf_clear(&request->out);
        request->out_sent = 0;
    }
    return SOCKET_DONE;
}

static enum error send_all(struct conn *conn, struct slice body)
{
    const struct http_timeouts *timeouts = &conn->host->site->site->settings.timeouts;
    struct deadline deadline = {0};
    while (conn->request->out.len > 0 || body.len > 0) {
        if (conn->is_broken)
            return ERROR_CLOSED;
        enum socket_result result = send_once(conn, &body);
        if (result == SOCKET_DONE)
            continue;
        if (result != SOCKET_AGAIN)
            return ERROR_CLOSED;
        if (deadline.at_us == 0)
            deadline = deadline_after(core_now_us(conn->host->core), timeouts->body_ms);
        TRY(conn_wait(conn, IO_WRITABLE, deadline));
    }
    return OK;
}

enum error conn_write_flush(struct conn *conn)
{
    return send_all(conn, (struct slice){NULL, 0});
}

void conn_write_try(struct conn *conn)
{
    struct slice none = {NULL, 0};
    if (!conn->is_broken && conn->request->out.len > 0 && send_once(conn, &none) == SOCKET_FAILED)
        conn->is_broken = true;
}

enum error conn_write_answer(struct conn *conn, enum conn_write_end end)
{
    struct exchange *x = &conn->request->x;
    struct buf *out = &conn->request->out;
    size_t begin = out->len;
    put_head(conn, end);
    if (buf_failed(out)) { /* the answers before it are whole, and go */
        buf_truncate(out, begin);
        out->failed = false;
        return ERROR_MEMORY;
    }
    struct slice body = buf_slice(&x->body);
    if (x->head->method == HTTP_HEAD || is_bodiless(x->status))
        body.len = 0;
    if (body.len <= COPIED_BODY_BYTES) {
        buf_put_slice(out, body);
        body.len = buf_failed(out) ? body.len : 0;
        out->failed = false; /* without room for a copy it is sent from where it is */
    }
    return body.len > 0 || out->len > OUT_FLUSH_BYTES ? send_all(conn, body) : OK;
}

void conn_write_continue(struct conn *conn)
{
    buf_put_literal(&conn->request->out, "HTTP/1.1 100 Continue\r\n\r\n");
}
