/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CONN_MEMORY_H
#define HTTP_CONN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/http1_chunks.h"
#include "http/http_settings.h"

struct conn;
struct conn_site;

/* Received bytes: [begin, end) is what has not been used up. */
struct conn_buffer {
    char *bytes; /* NULL: none lent */
    size_t cap;
    size_t begin;
    size_t end;
};

enum conn_body {
    CONN_BODY_NONE,
    CONN_BODY_WAITING, /* not touched yet */
    CONN_BODY_READ,    /* wholly taken off the connection */
    CONN_BODY_BROKEN,  /* where it ends is not known any more: the connection must close */
};

/* One request in progress, with all the memory that serving it takes. Recycled. */
struct conn_request {
    struct exchange x;
    struct arena arena;
    struct http_limits limits; /* the parser's: a site may go while a head is coming */
    struct http1 parser;
    struct http1_head head;
    struct http1_chunks chunks;
    struct buf out;  /* heads and small bodies that wait to be sent */
    size_t out_sent; /* of `out` */
    struct conn *conn;
    struct conn_site *site; /* while a request is served; else NULL */
    enum error refusal;     /* what to answer instead of asking a handler */
    enum conn_body body;
    size_t body_charged; /* to the host's bodies_bytes */
    int64_t body_left;   /* with a Content-Length: bytes still on the connection */
    bool is_continue_owed;
    struct conn_request *next; /* in the pool */
};

/* The free buffers and requests of one core. */
struct conn_memory {
    char *buffers; /* each begins with the pointer to the next */
    size_t buffer_count;
    struct conn_request *requests;
    size_t request_count;
};

enum { CONN_BUFFER_BYTES = 8 * 1024 };

void conn_memory_fini(struct conn_memory *memory);

/* Lends a buffer of CONN_BUFFER_BYTES. */
MUST_USE
bool conn_memory_acquire_buffer(struct conn_memory *memory, struct conn_buffer *out);
/* Gives it back; one that has grown is freed. Accepts one that is not lent. */
void conn_memory_release_buffer(struct conn_memory *memory, struct conn_buffer *buffer);
/* Makes room behind the bytes for at least one more, by moving or growing, up to `limit_bytes`; false when there is no
 * way. What points into the buffer is void afterwards. */
MUST_USE
bool conn_memory_grow_buffer(struct conn_buffer *buffer, size_t limit_bytes);

/* Lends a request; NULL when memory is exhausted. */
MUST_USE
struct conn_request *conn_memory_acquire_request(struct conn_memory *memory, const struct http_limits *limits);
/* Empties it for the next request of the same connection. */
void conn_memory_reset_request(struct conn_request *request);
/* Accepts NULL. */
void conn_memory_release_request(struct conn_memory *memory, struct conn_request *request);

#endif
