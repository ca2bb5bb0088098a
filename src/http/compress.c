/* SPDX-License-Identifier: Apache-2.0 */
/* gzip answers (RFC 1952, RFC 9110 section 8.4).
 *
 * Worth it: text of 1 KiB or more, for a client that says it takes gzip. Never for a request with a cookie: a page that
 * can make a browser send requests, and sees the length of the compressed answers, would guess secrets in them
 * (BREACH). Level 1: on rows of JSON it takes about half the time of level 6, for a result that is 2 to 20 % larger.
 * What is larger than OFFLOAD_BYTES would hold the core's other requests up for half a millisecond or more and goes to
 * the offload pool when the site has one.
 *
 * A compressed body is another representation, so the strong tag becomes weak (the design, section 3); the answer says
 * that it depends on Accept-Encoding also when this one is not compressed. */
#include "http/compress.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/attr.h"
#include "http/http1.h"
#include "http/middleware.h"
#include "http/negotiate.h"
#include "http/site.h"
#include "rt/core.h"
#include "rt/offload.h"

enum {
    WORTH_BYTES = 1024,
    OFFLOAD_BYTES = 64 * 1024,
    LEVEL = 1,
    GZIP_WINDOW_BITS = 15 + 16, /* zlib's way to ask for a gzip wrapper */
    MEMORY_LEVEL = 8,
    KEPT = 4,
    TRIM_US = 10 * 1000 * 1000,
};

struct compressor {
    z_stream stream;
    struct compressor *next;
};

static void destroy(struct compressor *compressor)
{
    deflateEnd(&compressor->stream);
    free(compressor);
}

static void empty(struct compress_pool *pool)
{
    while (pool->free) {
        struct compressor *compressor = pool->free;
        pool->free = compressor->next;
        destroy(compressor);
    }
    pool->count = 0;
}

static void trim(struct core *core, struct timer *timer)
{
    empty(CONTAINER_OF(timer, struct compress_pool, trim));
}

void compress_pool_init(struct compress_pool *pool, struct core *core)
{
    *pool = (struct compress_pool){.core = core, .trim.fire = trim};
}

void compress_pool_fini(struct compress_pool *pool)
{
    core_disarm(pool->core, &pool->trim);
    empty(pool);
}

static struct compressor *acquire(struct compress_pool *pool)
{
    struct compressor *compressor = pool->free;
    if (compressor) {
        pool->free = compressor->next;
        pool->count--;
        return compressor;
    }
    compressor = calloc(1, sizeof(*compressor));
    if (compressor && deflateInit2(&compressor->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL,
                                   Z_DEFAULT_STRATEGY) != Z_OK) {
        free(compressor);
        return NULL;
    }
    return compressor;
}

static void release(struct compress_pool *pool, struct compressor *compressor)
{
    if (pool->count >= KEPT || deflateReset(&compressor->stream) != Z_OK) {
        destroy(compressor);
        return;
    }
    compressor->next = pool->free;
    pool->free = compressor;
    pool->count++;
    if (!timer_is_armed(&pool->trim))
        core_arm(pool->core, &pool->trim, core_now_us(pool->core) + TRIM_US);
}

/* One body to compress, wherever that runs. */
struct job {
    struct compressor *compressor;
    const struct buf *in;
    struct buf *out; /* with the memory that the result may need */
    bool is_done;
};

static void run(void *argument)
{
    struct job *job = argument;
    z_stream *stream = &job->compressor->stream;
    stream->next_in = (unsigned char *)job->in->ptr;
    stream->avail_in = (unsigned)job->in->len;
    stream->next_out = (unsigned char *)job->out->ptr;
    stream->avail_out = (unsigned)job->out->cap;
    job->is_done = deflate(stream, Z_FINISH) == Z_STREAM_END;
    job->out->len = job->out->cap - stream->avail_out;
}

static bool run_somewhere(struct exchange *x, struct job *job)
{
    struct offload *offload = x->site->config.offload;
    if (!offload || job->in->len < OFFLOAD_BYTES) {
        run(job);
        return job->is_done;
    }
    return offload_run(offload, x->fiber, x->deadline, run, job) == OK && job->is_done;
}

static bool compress_body(struct exchange *x, struct buf *out)
{
    struct compressor *compressor = acquire(&x->local->compressors);
    if (!compressor)
        return false;
    struct job job = {.compressor = compressor, .in = &x->body, .out = out};
    bool is_done = x->body.len < UINT32_MAX / 2 && buf_reserve(out, deflateBound(&compressor->stream, x->body.len)) &&
                   run_somewhere(x, &job) && out->len < x->body.len;
    release(&x->local->compressors, compressor);
    return is_done;
}

static bool is_compressible(struct slice content_type)
{
    static const struct slice starts[] = {SLICE_INIT("application/json"),         SLICE_INIT("text/"),
                                          SLICE_INIT("application/problem+json"), SLICE_INIT("application/xml"),
                                          SLICE_INIT("application/javascript"),   SLICE_INIT("image/svg+xml")};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (slice_starts(content_type, starts[i]))
            return true;
    return false;
}

static bool is_wanted(const struct exchange *x)
{
    struct slice accept = exchange_header(x, HTTP1_HEADER_ACCEPT_ENCODING);
    return accept.len > 0 && !http1_head_has(x->head, HTTP1_HEADER_COOKIE) &&
           negotiate_accept_encoding(accept) == NEGOTIATE_GZIP;
}

static void compress_leave(struct exchange *x)
{
    if (!x->site->settings.compress || x->error != OK || x->status == 204 || x->body.len < WORTH_BYTES ||
        buf_failed(&x->body) || !is_compressible(x->content_type))
        return;
    buf_put_literal(&x->server_headers, "Vary: Accept-Encoding\r\n");
    if (x->status == 304 || !is_wanted(x))
        return;
    struct buf compressed;
    buf_init(&compressed, x->body.limit_bytes);
    if (!compress_body(x, &compressed)) {
        buf_fini(&compressed);
        return;
    }
    buf_fini(&x->body);
    x->body = compressed;
    x->etag_is_weak = true;
    buf_put_literal(&x->server_headers, "Content-Encoding: gzip\r\n");
}

const struct middleware compress_middleware = {.name = "compress", .leave = compress_leave};
