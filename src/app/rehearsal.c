/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange without a connection: its head is parsed from bytes, as a server's is, its body is there already, and its
 * answer stays in memory. */
#include "app/rehearsal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/middleware.h"
#include "http/site.h"
#include "net/address.h"
#include "rt/core.h"

enum {
    REQUEST_BYTES_MAX = 64 * 1024,
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    HEADERS_BYTES_MAX = 64 * 1024,
};

/* Spaces, quotes, bytes of other alphabets and the && of an expression, as people type them. */
static void put_target(struct buf *out, struct slice target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char byte = (unsigned char)target.ptr[i];
        if (slice_starts(slice_from_index(target, i), SLICE(" && "))) {
            buf_put_literal(out, "%20%26%26");
            i += 2;
        } else if (byte <= ' ' || byte >= 0x7f || byte == '"')
            buf_printf(out, "%%%02X", byte);
        else
            buf_put_byte(out, (char)byte);
    }
}

static enum error parse(const struct generation *generation, struct slice bytes, struct diag *diag,
                        struct http1_head *out)
{
    struct http1 parser;
    http1_init(&parser, &generation->settings.http.limits);
    enum http1_result result = http1_parse_head(&parser, bytes, out);
    if (result == HTTP1_DONE)
        return OK;
    diag_say(diag, NULL, "%s",
             result == HTTP1_REFUSED && parser.sentence ? parser.sentence : "the request cannot be read");
    return ERROR_PARSE;
}

enum error rehearsal_head(const struct generation *generation, struct slice method, struct slice target, bool has_body,
                          struct arena *arena, struct diag *diag, const struct http1_head **out)
{
    struct buf text;
    buf_init(&text, REQUEST_BYTES_MAX);
    buf_put_slice(&text, method);
    buf_put_byte(&text, ' ');
    put_target(&text, target);
    buf_put_literal(&text, " HTTP/1.1\r\nHost: localhost\r\n");
    buf_put_text(&text, has_body ? "Content-Type: application/json\r\n\r\n" : "\r\n");
    struct slice bytes = arena_slice(arena, buf_slice(&text));
    bool failed = buf_failed(&text) || !bytes.ptr;
    buf_fini(&text);
    struct http1_head *head = arena_zalloc(arena, sizeof *head);
    if (failed || !head)
        return ERROR_MEMORY;
    TRY(parse(generation, bytes, diag, head));
    *out = head;
    return OK;
}

static void fill_exchange(struct exchange *x, const struct rehearsal *rehearsal, struct fiber *self,
                          const struct http1_head *head, struct slice body)
{
    struct core *core = rehearsal->worker->core;
    x->head = head;
    x->deadline = DEADLINE_NEVER;
    x->now_us = core_wall_us(core);
    x->core = core;
    x->fiber = self;
    x->site = rehearsal->generation->site;
    x->log = &rehearsal->worker->log;
    x->started_us = core_now_us(core);
    x->content_type = SLICE("application/json");
    x->request_body = body;
    x->request_body_is_read = true;
}

enum error rehearsal_serve(const struct rehearsal *rehearsal, struct fiber *self, const struct http1_head *head,
                           struct slice body, struct arena *arena, struct rehearsal_answer *out)
{
    struct middleware_local local;
    struct address peer;
    struct exchange *x = arena_zalloc(arena, sizeof *x);
    if (!x)
        return ERROR_MEMORY;
    TRY(address_parse(SLICE("127.0.0.1:0"), NULL, &peer));
    fill_exchange(x, rehearsal, self, head, body);
    x->arena = arena;
    x->peer = &peer;
    x->local = &local;
    buf_init(&x->body, ANSWER_BYTES_MAX);
    buf_init(&x->headers, HEADERS_BYTES_MAX);
    buf_init(&x->server_headers, HEADERS_BYTES_MAX);
    diag_init(&x->diag, arena);
    middleware_local_init(&local, rehearsal->worker->core);
    site_serve(rehearsal->generation->site, x, OK);
    middleware_local_fini(&local);
    *out = (struct rehearsal_answer){.status = x->status, .body = SLICE("")};
    if (x->body.len > 0)
        out->body = arena_slice(arena, buf_slice(&x->body));
    buf_fini(&x->body);
    buf_fini(&x->headers);
    buf_fini(&x->server_headers);
    return out->body.ptr ? OK : ERROR_MEMORY;
}
