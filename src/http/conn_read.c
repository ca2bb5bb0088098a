/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and bodies on their way in.
 *
 * A head is received on the loop, into a buffer of the connection: conn_read_input() is called from io callbacks and
 * messages, which a turn runs before its fibers. A body is received by the fiber that asks for it, and never a byte
 * beyond it when its length is known, so the fiber does not receive the next head.
 *
 * A body that came whole with its head is not copied: the handler gets the bytes in the receive buffer. One that is
 * still coming is received straight into the request's arena. A chunked body is received into the receive buffer,
 * behind the head (whose bytes the exchange still uses), and its data collected in the arena; bytes behind its end
 * belong to the next head and stay.
 *
 * Invariants
 *   (1) while an exchange runs its head's bytes do not move: the buffer neither grows nor shifts below `begin`
 *   (2) [begin, end) of the buffer follows, on the wire, everything that was taken off
 *   (3) CHUNK_ROOM bytes behind every head stay free for reading chunks */
#include "http/conn_read.h"

#include <string.h>

#include "http/conn.h"
#include "http/conn_host.h"
#include "http/conn_write.h"
#include "http/site.h"
#include "net/socket.h"

enum { CHUNK_ROOM = 1024, SKIP_STEP_BYTES = 1024 };

static const struct http_settings *settings_of(const struct conn *conn)
{
    return &conn->request->x.site->settings;
}

/* Receives once and keeps track of whether more may be there. */
static enum socket_result receive(struct conn *conn, char *bytes, size_t size, size_t *count)
{
    enum socket_result result = socket_recv(conn->io.fd, bytes, size, count);
    if (result == SOCKET_AGAIN || (result == SOCKET_DONE && *count < size && !conn->is_ended))
        conn->is_readable = false;
    if (result == SOCKET_FAILED)
        conn->is_broken = true;
    return result;
}

static size_t buffer_limit(const struct http_limits *limits)
{
    return limits->request_line_bytes + limits->header_bytes + 16 + CHUNK_ROOM;
}

static bool make_room(struct conn *conn)
{
    struct conn_buffer *in = &conn->in;
    if (!in->bytes && !conn_memory_acquire_buffer(&conn->host->memory, in))
        return false;
    if (in->cap - in->end > CHUNK_ROOM)
        return true;
    /* Settings with tiny limits still have the first buffer; the parser enforces them. */
    return conn_memory_grow_buffer(in, buffer_limit(&conn->host->site->site->settings.limits)) &&
           in->cap - in->end > CHUNK_ROOM;
}

enum conn_input conn_read_input(struct conn *conn)
{
    size_t count;
    if (!make_room(conn))
        return CONN_INPUT_ENDED;
    struct conn_buffer *in = &conn->in;
    switch (receive(conn, in->bytes + in->end, in->cap - in->end - CHUNK_ROOM, &count)) {
    case SOCKET_DONE: in->end += count; return CONN_INPUT_TAKEN;
    case SOCKET_AGAIN: return CONN_INPUT_EMPTY;
    default: return CONN_INPUT_ENDED;
    }
}

void conn_read_next_head(struct conn *conn)
{
    struct conn_buffer *in = &conn->in;
    http1_init(&conn->request->parser, &conn->request->limits);
    if (in->end <= in->cap - CHUNK_ROOM)
        return;
    /* A body has used the room: at most CHUNK_ROOM bytes of this head are there. */
    memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
}

enum http1_result conn_read_head(struct conn *conn)
{
    struct conn_buffer *in = &conn->in;
    struct conn_request *request = conn->request;
    struct slice buffered = slice_of(in->bytes + in->begin, in->end - in->begin);
    enum http1_result result = http1_parse_head(&request->parser, buffered, &request->head);
    if (result == HTTP1_DONE)
        in->begin += request->parser.consumed;
    return result;
}

void conn_read_begin_body(struct conn *conn)
{
    struct conn_request *request = conn->request;
    const struct http1_head *head = &request->head;
    bool has_body = head->is_chunked || head->content_length > 0;
    request->body = has_body ? CONN_BODY_WAITING : CONN_BODY_NONE;
    request->body_left = head->content_length > 0 ? head->content_length : 0;
    request->is_continue_owed = has_body && head->expect_continue && head->minor_version > 0;
    if (head->is_chunked)
        http1_chunks_init(&request->chunks);
}

/* Takes at most what is left of the body off the receive buffer. */
static struct slice take_buffered(struct conn *conn)
{
    struct conn_buffer *in = &conn->in;
    size_t size = in->end - in->begin;
    if ((int64_t)size > conn->request->body_left)
        size = (size_t)conn->request->body_left;
    struct slice taken = slice_of(in->bytes + in->begin, size);
    in->begin += size;
    conn->request->body_left -= (int64_t)size;
    return taken;
}

static struct deadline body_deadline(struct conn *conn)
{
    return deadline_after(core_now_us(conn->host->core), settings_of(conn)->timeouts.body_ms);
}

/* Receives at least one byte of the body, waiting as long as the body may take altogether. */
static enum error receive_some(struct conn *conn, char *bytes, size_t size, struct deadline deadline, size_t *count)
{
    for (;;) {
        switch (receive(conn, bytes, size, count)) {
        case SOCKET_DONE: return OK;
        case SOCKET_AGAIN: TRY(conn_wait(conn, IO_READABLE, deadline)); break;
        default: return ERROR_CANCELLED; /* the client left in the middle of its request */
        }
    }
}

static enum error send_owed_continue(struct conn *conn)
{
    if (!conn->request->is_continue_owed)
        return OK;
    conn->request->is_continue_owed = false;
    if (conn->in.end > conn->in.begin)
        return OK; /* it did not wait (RFC 9110 section 10.1.1) */
    conn_write_continue(conn);
    return conn_write_flush(conn);
}

/* Takes a share of what bodies may hold together; one alone always may, be it as large as http.body. */
static enum error charge(struct conn *conn, size_t bytes)
{
    struct conn_host *host = conn->host;
    size_t others = host->bodies_bytes - conn->request->body_charged;
    if (others > 0 && host->bodies_bytes + bytes > host->bodies_limit)
        return ERROR_UNAVAILABLE;
    host->bodies_bytes += bytes;
    conn->request->body_charged += bytes;
    return OK;
}

static enum error read_known(struct conn *conn, struct slice *out)
{
    struct conn_request *request = conn->request;
    struct slice buffered = take_buffered(conn);
    *out = buffered;
    if (request->body_left == 0)
        return OK;
    TRY(charge(conn, (size_t)request->head.content_length));
    struct deadline deadline = body_deadline(conn);
    char *bytes = arena_alloc(&request->arena, (size_t)request->head.content_length);
    if (!bytes)
        return ERROR_MEMORY;
    memcpy(bytes, buffered.ptr, buffered.len);
    size_t len = buffered.len;
    while (request->body_left > 0) {
        size_t count;
        TRY(receive_some(conn, bytes + len, (size_t)request->body_left, deadline, &count));
        len += count;
        request->body_left -= (int64_t)count;
    }
    *out = slice_of(bytes, len);
    return OK;
}

/* Refills the empty receive buffer behind the head. */
static enum error refill(struct conn *conn, size_t floor, struct deadline deadline)
{
    struct conn_buffer *in = &conn->in;
    size_t count;
    size_t room = in->cap - CHUNK_ROOM - floor;
    in->begin = in->end = floor;
    TRY(receive_some(conn, in->bytes + floor, room > 0 ? room : CHUNK_ROOM, deadline, &count));
    in->end += count;
    return OK;
}

/* Reads a chunked body up to its end, handing its data to `collected` (NULL: thrown away). */
static enum error read_chunks(struct conn *conn, struct buf *collected)
{
    struct conn_buffer *in = &conn->in;
    size_t floor = in->begin, total = 0, limit = settings_of(conn)->limits.body_bytes;
    struct deadline deadline = body_deadline(conn);
    for (;;) {
        struct slice data, rest = slice_of(in->bytes + in->begin, in->end - in->begin);
        size_t consumed;
        enum http1_result result = http1_chunks_feed(&conn->request->chunks, rest, &consumed, &data);
        in->begin += consumed;
        total += result == HTTP1_DATA ? data.len : 0;
        if (total > limit)
            return ERROR_PAYLOAD_TOO_LARGE;
        if (result == HTTP1_DATA && collected) {
            TRY(charge(conn, data.len));
            buf_put_slice(collected, data);
        }
        if (result == HTTP1_DONE)
            return OK;
        if (result == HTTP1_REFUSED) {
            diag_say(&conn->request->x.diag, NULL, "%s", conn->request->chunks.sentence);
            return ERROR_PARSE;
        }
        if (result == HTTP1_NEED_MORE)
            TRY(refill(conn, floor, deadline));
    }
}

static enum error read_chunked(struct conn *conn, struct slice *out)
{
    struct buf collected;
    buf_init(&collected, settings_of(conn)->limits.body_bytes);
    enum error error = read_chunks(conn, &collected);
    if (error == OK && buf_failed(&collected))
        error = ERROR_MEMORY;
    struct slice copy = {NULL, 0};
    if (error == OK && collected.len > 0) {
        copy = arena_slice(&conn->request->arena, buf_slice(&collected));
        error = copy.ptr ? OK : ERROR_MEMORY;
    }
    buf_fini(&collected);
    if (error == OK)
        *out = copy;
    return error;
}

enum error conn_read_body(struct exchange *x, struct slice *out)
{
    struct conn_request *request = CONTAINER_OF(x, struct conn_request, x);
    struct conn *conn = request->conn;
    if (request->body == CONN_BODY_NONE || request->body == CONN_BODY_READ) {
        *out = (struct slice){NULL, 0};
        return OK;
    }
    if (request->body == CONN_BODY_BROKEN)
        return ERROR_CLOSED;
    request->body = CONN_BODY_BROKEN;
    struct slice body;
    enum error error = send_owed_continue(conn);
    if (error == OK)
        error = request->head.is_chunked ? read_chunked(conn, &body) : read_known(conn, &body);
    if (error != OK) {
        x->is_cut = error == ERROR_TIMEOUT || error == ERROR_CANCELLED || error == ERROR_CLOSED;
        return error;
    }
    request->body = CONN_BODY_READ;
    if (conn->host->in_flight > conn->host->in_flight_limit)
        return ERROR_UNAVAILABLE; /* it was not counted while it waited, and many may end to wait together */
    *out = body;
    return OK;
}

static enum error skip_known(struct conn *conn)
{
    char scratch[SKIP_STEP_BYTES];
    struct deadline deadline = body_deadline(conn);
    (void)take_buffered(conn);
    while (conn->request->body_left > 0) {
        size_t count, size = sizeof(scratch);
        if ((int64_t)size > conn->request->body_left)
            size = (size_t)conn->request->body_left;
        TRY(receive_some(conn, scratch, size, deadline, &count));
        conn->request->body_left -= (int64_t)count;
    }
    return OK;
}

bool conn_read_skip_body(struct conn *conn)
{
    struct conn_request *request = conn->request;
    if (request->body == CONN_BODY_NONE || request->body == CONN_BODY_READ)
        return true;
    /* A client that was not told to go on may send the body or the next head: nobody can tell which. */
    if (request->body == CONN_BODY_BROKEN || request->is_continue_owed)
        return false;
    request->body = CONN_BODY_BROKEN;
    return (request->head.is_chunked ? read_chunks(conn, NULL) : skip_known(conn)) == OK;
}
