/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection needs only while something happens on it.
 *
 * Thousands of connections are idle while a few are served, so an idle one holds neither a receive buffer nor a request
 * (parser, head, arena, answer): both are lent from per-core pools and go back when the last byte has been answered.
 * The pools keep what a busy core turns over and free the rest, so a burst does not stay in memory; a buffer that one
 * large head or answer has blown up is not kept at its size either. */
#include "http/conn_memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUFFERS_KEPT = 64,
    REQUESTS_KEPT = 64,
    ANSWER_KEPT_BYTES = 64 * 1024,
    ANSWER_MAX_BYTES = 256 * 1024 * 1024,
    HEADERS_MAX_BYTES = 64 * 1024,
    SERVER_HEADERS_BYTES = 1024,
    HEAD_BYTES = 2048,
    ARENA_EXTRA_BYTES = 16 * 1024 * 1024, /* beside the body: parsed values, rows, texts */
};

void conn_memory_fini(struct conn_memory *memory)
{
    while (memory->buffers) {
        char *buffer = memory->buffers;
        memcpy(&memory->buffers, buffer, sizeof(memory->buffers));
        free(buffer);
    }
    struct conn_request *request;
    memory->request_count = REQUESTS_KEPT;
    while ((request = memory->requests)) {
        memory->requests = request->next;
        conn_memory_release_request(memory, request);
    }
    *memory = (struct conn_memory){0};
}

bool conn_memory_acquire_buffer(struct conn_memory *memory, struct conn_buffer *out)
{
    char *bytes = memory->buffers;
    if (bytes) {
        memcpy(&memory->buffers, bytes, sizeof(memory->buffers));
        memory->buffer_count--;
    } else if (!(bytes = malloc(CONN_BUFFER_BYTES))) {
        return false;
    }
    *out = (struct conn_buffer){.bytes = bytes, .cap = CONN_BUFFER_BYTES};
    return true;
}

void conn_memory_release_buffer(struct conn_memory *memory, struct conn_buffer *buffer)
{
    if (!buffer->bytes)
        return;
    if (buffer->cap == CONN_BUFFER_BYTES && memory->buffer_count < BUFFERS_KEPT) {
        memcpy(buffer->bytes, &memory->buffers, sizeof(memory->buffers));
        memory->buffers = buffer->bytes;
        memory->buffer_count++;
    } else {
        free(buffer->bytes);
    }
    *buffer = (struct conn_buffer){0};
}

bool conn_memory_grow_buffer(struct conn_buffer *buffer, size_t limit_bytes)
{
    if (buffer->begin > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->begin, buffer->end - buffer->begin);
        buffer->end -= buffer->begin;
        buffer->begin = 0;
        return true;
    }
    size_t cap = buffer->cap * 2 < limit_bytes ? buffer->cap * 2 : limit_bytes;
    if (cap <= buffer->cap)
        return false;
    char *bytes = realloc(buffer->bytes, cap);
    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->cap = cap;
    return true;
}

static void destroy_request(struct conn_request *request)
{
    buf_fini(&request->out);
    buf_fini(&request->x.body);
    buf_fini(&request->x.headers);
    buf_fini(&request->x.server_headers);
    arena_fini(&request->arena);
    free(request);
}

static struct conn_request *make_request(void)
{
    struct conn_request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    arena_init(&request->arena, ARENA_EXTRA_BYTES);
    buf_init(&request->out, ANSWER_MAX_BYTES);
    buf_init(&request->x.body, ANSWER_MAX_BYTES);
    buf_init(&request->x.headers, HEADERS_MAX_BYTES);
    buf_init(&request->x.server_headers, HEADERS_MAX_BYTES);
    /* What is written behind a handler finds its room made: a write that was committed is not to be denied. */
    if (buf_reserve(&request->x.server_headers, SERVER_HEADERS_BYTES) && buf_reserve(&request->out, HEAD_BYTES))
        return request;
    destroy_request(request);
    return NULL;
}

struct conn_request *conn_memory_acquire_request(struct conn_memory *memory, const struct http_limits *limits)
{
    struct conn_request *request = memory->requests;
    if (request) {
        memory->requests = request->next;
        memory->request_count--;
    } else if (!(request = make_request())) {
        return NULL;
    }
    request->limits = *limits;
    request->arena.limit_bytes = limits->body_bytes + ARENA_EXTRA_BYTES;
    http1_init(&request->parser, &request->limits);
    return request;
}

static void shrink(struct buf *buf)
{
    if (buf->cap > ANSWER_KEPT_BYTES)
        buf_fini(buf);
    buf_clear(buf);
}

void conn_memory_reset_request(struct conn_request *request)
{
    shrink(&request->x.body);
    buf_clear(&request->x.headers);
    buf_clear(&request->x.server_headers);
    arena_reset(&request->arena);
}

void conn_memory_release_request(struct conn_memory *memory, struct conn_request *request)
{
    if (!request)
        return;
    if (memory->request_count >= REQUESTS_KEPT) {
        destroy_request(request);
        return;
    }
    conn_memory_reset_request(request);
    shrink(&request->out);
    request->out_sent = 0;
    request->next = memory->requests;
    memory->requests = request;
    memory->request_count++;
}
