/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one HTTP/1.1 connection.
 *
 * Idea: while nothing happens a connection is an event handler that owns a few hundred bytes; from a whole request head
 * to its answer it is a fiber, so everything that may wait there is straight-line code. The states and their moves are
 * the table below.
 *
 *     IDLE -> HEAD     bytes came, but no whole head
 *     IDLE, HEAD -> BUSY     a head (or a fault in it) is there: a fiber serves it, and what is pipelined behind it
 *     BUSY -> IDLE, HEAD     everything that was received is answered
 *     BUSY -> LINGER     the last answer is out; input is thrown away for a while, because closing a socket with unread
 *                        input makes the kernel destroy the answer too (RFC 9112 section 9.6)
 *     any -> CLOSED
 *
 * Who receives: heads are received by io callbacks and messages only, which a turn runs before its fibers; a fiber
 * answers what is in the buffer and ends, and if more may have come meanwhile it has the connection resumed in a later
 * turn. So whatever one turn's fibers read from the database is at least as new as every request they answer, and they
 * may share one read transaction.
 *
 * Who sends: an answer of an ordinary size leaves when the turn ends, together with those of the other connections
 * (conn_host.c): the sends of a turn in a row cost less than one behind each handler, and a client that waits for many
 * answers wakes up once. The connection stays BUSY until then, without a fiber.
 *
 * Who left: a client that ends its output (FIN) may still read, and nobody can tell whether it does; such a half-closed
 * connection gets its answers, and its handler runs on. A reset or a hang-up in both directions cancels the handler.
 *
 * Time: one timer per connection, armed lazily. `expires_us` says when the present state ends; a timer that fires
 * early is armed again for the rest. So a request stores a number and leaves the wheel alone. A busy connection has no
 * expiry here: its fiber's waits carry deadlines. A server that drains closes an idle connection only after
 * DRAIN_IDLE_MS: a request that was on its way is still answered, with the word that the connection closes behind it.
 * Expiry closes silently: idle and lingering connections have nothing to be told, and a head that takes too long is an
 * attack or a broken network.
 *
 * Invariants
 *   (1) a fiber exists in BUSY only: from its spawn until it ends or leaves its answers to the end of the turn
 *   (2) IDLE holds neither buffer nor request; HEAD and BUSY hold both
 *   (3) in IDLE, HEAD and LINGER is_readable is false, or the connection is to be resumed */
#include "http/conn.h"

#include <stdlib.h>

#include "base/check.h"
#include "http/conn_host.h"
#include "http/conn_read.h"
#include "http/conn_write.h"
#include "http/site.h"
#include "net/socket.h"
#include "rt/fiber.h"

enum { LINGER_BYTES = 256 * 1024, LINGER_MS = 1000, LINGER_STEP_BYTES = 1024, DRAIN_IDLE_MS = 500 };

static void take_input(struct conn *conn);
static void notice_while_busy(struct conn *conn, unsigned ready);
static void discard_input(struct conn *conn);

#define TO(state) (1u << CONN_##state)

static const unsigned allowed_moves[CONN_STATE_COUNT] = {
    [CONN_IDLE] = TO(HEAD) | TO(BUSY) | TO(LINGER) | TO(CLOSED),
    [CONN_HEAD] = TO(IDLE) | TO(BUSY) | TO(CLOSED),
    [CONN_BUSY] = TO(IDLE) | TO(HEAD) | TO(LINGER) | TO(CLOSED),
    [CONN_LINGER] = TO(CLOSED),
};

static void move(struct conn *conn, enum conn_state state)
{
    CHECK(allowed_moves[conn->state] & 1u << state, "a connection moves as its table says");
    conn->state = state;
}

/* The present state ends in `after_ms`. */
static void expect(struct conn *conn, int64_t after_ms)
{
    struct core *core = conn->host->core;
    conn->expires_us = deadline_after(core_now_us(core), after_ms).at_us;
    if (!timer_is_armed(&conn->timer) || conn->timer.at_us > conn->expires_us)
        core_arm(core, &conn->timer, conn->expires_us);
}

static const struct http_timeouts *timeouts_of(const struct conn *conn)
{
    return &conn->host->site->site->settings.timeouts;
}

static void release_memory(struct conn *conn)
{
    conn_memory_release_buffer(&conn->host->memory, &conn->in);
    conn_memory_release_request(&conn->host->memory, conn->request);
    conn->request = NULL;
}

static void close_now(struct conn *conn)
{
    move(conn, CONN_CLOSED);
    release_memory(conn);
    core_disarm(conn->host->core, &conn->timer);
    core_unwatch(conn->host->core, &conn->io);
    socket_close(conn->io.fd);
    conn_host_remove(conn->host, conn);
}

static void fire(struct core *core, struct timer *timer)
{
    struct conn *conn = CONTAINER_OF(timer, struct conn, timer);
    if (conn->state == CONN_BUSY)
        return;
    if (core_now_us(core) < conn->expires_us)
        core_arm(core, timer, conn->expires_us);
    else
        close_now(conn);
}

static void on_ready(struct io *io, unsigned ready)
{
    struct conn *conn = CONTAINER_OF(io, struct conn, io);
    conn->is_readable = conn->is_readable || (ready & IO_READABLE);
    conn->is_ended = conn->is_ended || (ready & IO_ENDED);
    conn->is_broken = conn->is_broken || (ready & IO_HANGUP);
    if (conn->state == CONN_BUSY)
        notice_while_busy(conn, ready);
    else if (conn->is_broken)
        close_now(conn);
    else if (conn->is_readable)
        conn_resume(conn);
}

void conn_resume(struct conn *conn)
{
    if (conn->state == CONN_LINGER)
        discard_input(conn);
    else if (conn->state != CONN_BUSY)
        take_input(conn);
}

static enum error open_watched(struct conn *conn)
{
    enum error error = core_watch(conn->host->core, &conn->io);
    if (error != OK) {
        socket_close(conn->io.fd);
        free(conn);
        return error;
    }
    conn_host_add(conn->host, conn);
    return OK;
}

static enum error make(struct conn_host *host, int fd, const struct address *peer, struct conn **out)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        socket_close(fd);
        return ERROR_MEMORY;
    }
    conn->io = (struct io){.fd = fd, .on_ready = on_ready};
    conn->timer.fire = fire;
    conn->host = host;
    conn->peer = *peer;
    TRY(open_watched(conn));
    *out = conn;
    return OK;
}

enum error conn_open(struct conn_host *host, int fd, const struct address *peer)
{
    struct conn *conn;
    TRY(make(host, fd, peer, &conn));
    socket_set_patience(fd, timeouts_of(conn)->body_ms);
    expect(conn, timeouts_of(conn)->idle_ms);
    return OK;
}

/* Ends the output and throws input away until the client has closed too. */
static void linger(struct conn *conn)
{
    release_memory(conn);
    move(conn, CONN_LINGER);
    socket_end_output(conn->io.fd);
    expect(conn, LINGER_MS);
    if (conn->is_readable)
        conn_host_resume_later(conn->host, conn);
}

/* Says 503 without a fiber, and for the last time. */
static void refuse(struct conn *conn)
{
    char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                    "Connection: close\r\n\r\n";
    struct iovec vector = {answer, sizeof(answer) - 1};
    size_t sent;
    if (socket_send(conn->io.fd, &vector, 1, &sent) == SOCKET_DONE)
        linger(conn);
    else
        close_now(conn);
}

void conn_refuse(struct conn_host *host, int fd, const struct address *peer)
{
    struct conn *conn;
    if (make(host, fd, peer, &conn) == OK)
        refuse(conn);
}

static void discard_input(struct conn *conn)
{
    char scratch[LINGER_STEP_BYTES];
    while (conn->lingered_bytes < LINGER_BYTES) {
        size_t count;
        enum socket_result result = socket_recv(conn->io.fd, scratch, sizeof(scratch), &count);
        if (result == SOCKET_AGAIN) {
            conn->is_readable = false;
            return;
        }
        if (result != SOCKET_DONE)
            break;
        conn->lingered_bytes += count;
    }
    close_now(conn);
}

static void notice_while_busy(struct conn *conn, unsigned ready)
{
    if (!conn->fiber)
        return; /* it has not begun, or has ended; who goes on with the connection will look */
    if (conn->is_broken)
        fiber_cancel(conn->fiber);
    else if (conn->awaits & ready)
        fiber_wake(conn->fiber);
}

enum error conn_wait(struct conn *conn, unsigned awaits, struct deadline deadline)
{
    if (conn->is_broken)
        return ERROR_CANCELLED;
    /* A request that waits for its client is not at work: slow clients must not use up what the others need. */
    size_t counted = conn->request->site ? 1 : 0;
    conn->awaits = (uint8_t)awaits;
    conn->host->in_flight -= counted;
    enum error error = fiber_park(conn->fiber, deadline);
    conn->host->in_flight += counted;
    conn->awaits = 0;
    return error;
}

static void serve(struct fiber *self, void *argument);

static void start_serving(struct conn *conn, enum http1_result result)
{
    conn->request->refusal = result == HTTP1_REFUSED ? conn->request->parser.error : OK;
    move(conn, CONN_BUSY);
    if (fiber_spawn(conn->host->core, serve, conn) != OK)
        refuse(conn); /* out of fibers or memory */
}

static bool has_request(struct conn *conn)
{
    if (conn->request)
        return true;
    conn->request = conn_memory_acquire_request(&conn->host->memory, &conn->host->site->site->settings.limits);
    if (!conn->request)
        return false;
    conn->request->conn = conn;
    return true;
}

/* The buffer holds a part of a head, or nothing. */
static void rest(struct conn *conn)
{
    if (conn->in.end > conn->in.begin) {
        if (conn->state == CONN_HEAD)
            return; /* the time of this head is running already */
        move(conn, CONN_HEAD);
        expect(conn, timeouts_of(conn)->header_ms);
        return;
    }
    release_memory(conn);
    if (conn->is_ended) {
        close_now(conn);
        return;
    }
    if (conn->state != CONN_IDLE)
        move(conn, CONN_IDLE);
    expect(conn, conn->host->is_draining ? DRAIN_IDLE_MS : timeouts_of(conn)->idle_ms);
}

/* Receives and parses until a head is whole or nothing more is there. */
static void take_input(struct conn *conn)
{
    enum conn_input input;
    do {
        input = has_request(conn) ? conn_read_input(conn) : CONN_INPUT_ENDED;
        if (input != CONN_INPUT_TAKEN)
            break;
        enum http1_result result = conn_read_head(conn);
        if (result != HTTP1_NEED_MORE) {
            start_serving(conn, result);
            return;
        }
    } while (conn->is_readable);
    if (input == CONN_INPUT_ENDED)
        close_now(conn);
    else
        rest(conn);
}

static void reset_exchange(struct conn *conn)
{
    struct conn_request *request = conn->request;
    struct exchange *x = &request->x;
    struct core *core = conn->host->core;
    *x = (struct exchange){
        .head = &request->head,
        .deadline = DEADLINE_NEVER,
        .now_us = core_wall_us(core),
        .core = core,
        .fiber = conn->fiber,
        .arena = &request->arena,
        .site = request->site->site,
        .log = conn->host->log,
        .peer = &conn->peer,
        .local = &conn->host->local,
        .started_us = core_now_us(core),
        .read_body = conn_read_body,
        .body = x->body,
        .headers = x->headers,
        .server_headers = x->server_headers,
        .content_type = SLICE("application/json"),
    };
    diag_init(&x->diag, &request->arena);
}

/* What is refused before a handler is asked. */
static void examine(struct conn *conn)
{
    struct conn_request *request = conn->request;
    const struct http_limits *limits = &request->x.site->settings.limits;
    if (request->refusal != OK) {
        diag_say(&request->x.diag, NULL, "%s", request->parser.sentence);
        request->head = (struct http1_head){.method = HTTP_OTHER, .content_length = -1, .minor_version = 1};
        request->body = CONN_BODY_BROKEN;
        return;
    }
    conn_read_begin_body(conn);
    if (request->head.content_length > 0 && (uint64_t)request->head.content_length > limits->body_bytes) {
        request->refusal = ERROR_PAYLOAD_TOO_LARGE;
        request->body = CONN_BODY_BROKEN;
    } else if (conn->host->in_flight > conn->host->in_flight_limit) {
        request->refusal = ERROR_UNAVAILABLE;
    }
}

static bool must_close(const struct conn *conn)
{
    const struct conn_request *request = conn->request;
    return !request->head.keep_alive || request->x.close_after || conn->host->is_draining ||
           request->body == CONN_BODY_BROKEN || (request->body == CONN_BODY_WAITING && request->is_continue_owed);
}

/* Sends, or prepares to send, the answer; false when the connection must close. */
static bool answer(struct conn *conn)
{
    if (conn->request->x.is_cut || conn->is_broken || conn->request->x.error == ERROR_CANCELLED)
        return false;
    bool closes = must_close(conn);
    if (conn_write_answer(conn, closes ? CONN_WRITE_CLOSE : CONN_WRITE_KEEP) != OK || closes)
        return false;
    if (conn->request->body != CONN_BODY_WAITING)
        return true;
    return conn_write_flush(conn) == OK && conn_read_skip_body(conn);
}

static bool serve_one(struct conn *conn)
{
    struct conn_request *request = conn->request;
    request->site = conn_host_acquire_site(conn->host);
    reset_exchange(conn);
    examine(conn);
    site_serve(request->x.site, &request->x, request->refusal);
    bool stays = answer(conn);
    conn_memory_reset_request(request);
    conn->host->bodies_bytes -= request->body_charged;
    request->body_charged = 0;
    conn_host_release_site(conn->host, request->site);
    request->site = NULL;
    return stays;
}

/* Whether the next request has been received already, as a whole head or as a fault. */
static bool find_next(struct conn *conn)
{
    conn_read_next_head(conn);
    if (conn->in.begin == conn->in.end)
        return false;
    enum http1_result result = conn_read_head(conn);
    if (result == HTTP1_NEED_MORE)
        return false;
    conn->request->refusal = result == HTTP1_REFUSED ? conn->request->parser.error : OK;
    if (conn->request->out.len > 0)
        conn_host_send_later(conn->host, conn);
    return true;
}

static void finish(struct conn *conn, bool stays)
{
    bool is_clean = conn->in.begin == conn->in.end && !conn->is_readable && conn->request->body != CONN_BODY_BROKEN;
    conn->fiber = NULL;
    if (conn->is_broken || (!stays && is_clean)) {
        close_now(conn);
    } else if (!stays) {
        linger(conn);
    } else {
        rest(conn);
        if (conn->state != CONN_CLOSED && conn->is_readable)
            conn_host_resume_later(conn->host, conn);
    }
}

static void flush(struct fiber *self, void *argument)
{
    struct conn *conn = argument;
    conn->fiber = self;
    conn->is_broken = conn_write_flush(conn) != OK || conn->is_broken;
    finish(conn, true);
}

void conn_send(struct conn *conn)
{
    conn_write_try(conn);
    if (conn->fiber)
        return; /* it serves the next request, and sends the rest */
    if (conn->is_broken || conn->request->out.len == 0)
        finish(conn, true);
    else if (fiber_spawn(conn->host->core, flush, conn) != OK)
        close_now(conn);
}

static void serve(struct fiber *self, void *argument)
{
    struct conn *conn = argument;
    bool stays = true;
    conn->fiber = self;
    while (!conn->is_broken && (stays = serve_one(conn)) && find_next(conn))
        continue;
    if (stays && !conn->is_broken && conn->request->out.len > 0) {
        conn->fiber = NULL;
        conn_host_send_later(conn->host, conn);
        return;
    }
    if (!conn->is_broken)
        conn->is_broken = conn_write_flush(conn) != OK;
    finish(conn, stays);
}

void conn_drain(struct conn *conn)
{
    if (conn->state == CONN_IDLE)
        expect(conn, DRAIN_IDLE_MS);
}

void conn_abort(struct conn *conn)
{
    if (conn->state != CONN_BUSY) {
        close_now(conn);
        return;
    }
    conn->is_broken = true;
    if (conn->fiber)
        fiber_cancel(conn->fiber);
}
