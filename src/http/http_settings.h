/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_SETTINGS_H
#define HTTP_HTTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct network;

/* What the app file's `http:`, `timeouts:` and `cors:` say. Immutable while it is in use. */

struct http_limits {
    size_t request_line_bytes; /* 8 KiB; above: 414 */
    size_t header_bytes;       /* 32 KiB; above: 431 */
    unsigned header_count;     /* 100; above: 431 */
    size_t body_bytes;         /* 1 MiB; above: 413 */
    size_t bodies_bytes;       /* 256 MiB of bodies being received or worked on; above: 503 with Retry-After */
    unsigned connections;      /* 20,000 over all cores; above: closed with 503 */
    unsigned in_flight;        /* 1,000 requests over all cores; above: 503 with Retry-After */
};

struct http_timeouts {
    int64_t header_ms;   /* 10 s from the first byte of a request to the end of its head */
    int64_t body_ms;     /* 30 s for a whole body; also for the client to take an answer */
    int64_t idle_ms;     /* 75 s between requests */
    int64_t handler_ms;  /* 30 s from the end of the head to the answer; above: 504 */
    int64_t shutdown_ms; /* 30 s for draining */
};

struct http_cors {
    const struct slice *origins; /* exact, or the one entry "*" */
    size_t origin_count;         /* 0: no CORS headers at all */
    bool credentials;            /* never together with "*" */
    int64_t max_age_s;           /* of a preflight, 600 */
};

struct http_settings {
    struct http_limits limits;
    struct http_timeouts timeouts;
    struct http_cors cors;
    const struct network *proxies; /* whose word for the client's address is taken */
    size_t proxy_count;
    bool compress;  /* gzip answers when asked for and worthwhile */
    int64_t hsts_s; /* Strict-Transport-Security for so long; 0: it is not sent */
};

/* Every limit and timeout at its documented default, no CORS. */
struct http_settings http_settings_default(void);

#endif
