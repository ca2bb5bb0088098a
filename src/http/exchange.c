/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer, whatever protocol carries it.
 *
 * A handler never sees a connection: the protocol (http/conn.h today, others later) fills the request part, brings the
 * body through `read_body`, and sends what the answer part holds when the handler has returned. */
#include "http/exchange.h"

#include "http/http1.h"
#include "net/address.h"
#include "net/network.h"

struct slice exchange_header(const struct exchange *x, unsigned header)
{
    return http1_head_value(x->head, (enum http1_known)header);
}

struct slice exchange_remote(const struct exchange *x)
{
    char text[ADDRESS_TEXT_BYTES];
    size_t size = x->peer ? address_format_host(x->peer, text) : 0;
    struct slice remote = arena_slice(x->arena, slice_of(text, size));
    return remote.ptr ? remote : SLICE("");
}

size_t exchange_customer(const struct exchange *x, char out[EXCHANGE_CUSTOMER_BYTES])
{
    enum { IPV4_BYTES = 4 };
    unsigned char bytes[NETWORK_ADDRESS_BYTES];
    if (network_bytes(x->peer, bytes)) {
        memcpy(out, bytes + NETWORK_ADDRESS_BYTES - IPV4_BYTES, IPV4_BYTES);
        return IPV4_BYTES;
    }
    memcpy(out, bytes, EXCHANGE_CUSTOMER_BYTES);
    return EXCHANGE_CUSTOMER_BYTES;
}

enum error exchange_read_body(struct exchange *x, struct slice *out)
{
    if (!x->request_body_is_read) {
        TRY(x->read_body(x, &x->request_body));
        x->request_body_is_read = true;
    }
    *out = x->request_body;
    return OK;
}

void exchange_status(struct exchange *x, int status)
{
    x->status = status;
}

void exchange_add_header(struct exchange *x, const char *name, struct slice value)
{
    struct buf *headers = &x->headers;
    buf_put_text(headers, name);
    buf_put_literal(headers, ": ");
    char *room = buf_reserve(headers, value.len + 2);
    if (!room)
        return;
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        char byte = value.ptr[i];
        if (byte != '\r' && byte != '\n' && byte != 0)
            room[len++] = byte;
    }
    room[len++] = '\r';
    room[len++] = '\n';
    buf_advance(headers, len);
}

void exchange_challenge(struct exchange *x)
{
    exchange_add_header(x, "WWW-Authenticate", x->challenge.len > 0 ? x->challenge : SLICE("Bearer"));
}

void exchange_reset_answer(struct exchange *x)
{
    x->status = 0;
    x->etag = SLICE("");
    x->etag_is_weak = false;
    x->content_type = SLICE("application/json");
    buf_clear(&x->headers);
    buf_clear(&x->body);
}

struct exchange_mark exchange_mark(struct exchange *x)
{
    return (struct exchange_mark){x, x->headers.len, x->body.len};
}

void exchange_restart(void *state)
{
    const struct exchange_mark *mark = state;
    mark->x->status = 0;
    mark->x->etag = SLICE("");
    mark->x->etag_is_weak = false;
    mark->x->content_type = SLICE("application/json");
    buf_truncate(&mark->x->headers, mark->header_bytes);
    buf_truncate(&mark->x->body, mark->body_bytes);
}
