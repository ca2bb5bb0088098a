/* SPDX-License-Identifier: Apache-2.0 */
/* Request ids: 64 random bits per core and start, then 64 bits of a splitmix64 walk, which visits every value once. So
 * ids of one core never repeat, and those of two collide only if their prefixes do. */
#include "http/request_id.h"

#include <sys/random.h>
#include <time.h>

#include "http/http1.h"
#include "http/middleware.h"

void request_id_source_init(struct request_id_source *source)
{
    if (getrandom(source, sizeof(*source), 0) == (ssize_t)sizeof(*source))
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    source->prefix = (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)source;
    source->state = (uint64_t)now.tv_sec;
}

static uint64_t next(struct request_id_source *source)
{
    uint64_t mixed = source->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static void put_hex(char *at, uint64_t bits)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, bits >>= 4)
        at[i] = digits[bits & 15];
}

void request_id_make(struct request_id_source *source, char text[REQUEST_ID_BYTES])
{
    put_hex(text, source->prefix);
    put_hex(text + 16, next(source));
}

static bool is_sane_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-';
}

bool request_id_is_sane(struct slice id)
{
    if (id.len == 0 || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_sane_byte(id.ptr[i]))
            return false;
    return true;
}

static enum error request_id_enter(struct exchange *x)
{
    struct slice sent = exchange_header(x, HTTP1_HEADER_X_REQUEST_ID);
    if (request_id_is_sane(sent)) {
        x->request_id = sent;
        return OK;
    }
    char *text = arena_alloc(x->arena, REQUEST_ID_BYTES);
    if (!text)
        return ERROR_MEMORY;
    request_id_make(&x->local->request_ids, text);
    x->request_id = slice_of(text, REQUEST_ID_BYTES);
    return OK;
}

static void request_id_leave(struct exchange *x)
{
    buf_put_literal(&x->server_headers, "X-Request-Id: ");
    buf_put_slice(&x->server_headers, x->request_id);
    buf_put_literal(&x->server_headers, "\r\n");
}

const struct middleware request_id_middleware = {
    .name = "request id", .enter = request_id_enter, .leave = request_id_leave};
