/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

/* Requests to other servers, for URLs that the app file declares; never for one that a client has sent: nothing here
 * keeps it from reaching the machine's own network. Over libcurl, on threads of their own, so that a slow server holds
 * up nothing but those.
 *
 * Always: http and https only, TLS 1.2 or later with certificate and name verified, no redirects, no cookies, no
 * .netrc, no proxy of the environment, no credentials in the URL, no compression, a bound for the answer and for its
 * heads. */

struct fetch;
struct fiber;
struct offload;

enum {
    FETCH_URL_BYTES_MAX = 2048,
    FETCH_HEAD_BYTES_MAX = 64 * 1024,
    FETCH_HEADERS_MAX = 32,
    FETCH_HEADER_BYTES_MAX = 8 * 1024,
};

struct fetch_config {
    unsigned threads;    /* requests at once */
    size_t queue_limit;  /* requests that wait for a thread */
    const char *ca_file; /* PEM of those who may sign servers' certificates; NULL: the system's. Copied */
};

struct fetch_header {
    struct slice name, value;
};

struct fetch_request {
    struct slice url;                   /* http or https; a fragment is not sent */
    const struct fetch_header *headers; /* NULL for none; `Accept` and `User-Agent` have defaults */
    size_t header_count;
    const struct slice *body; /* NULL: GET; otherwise POST, whose Content-Type is a header of the caller's */
    size_t answer_limit;      /* bytes of the answer's body that are taken */
};

struct fetch_answer {
    int status;                /* of any kind: 3xx, 4xx and 5xx are answers too */
    struct slice content_type; /* empty: none */
    struct slice body;
};

/* Begins to use libcurl and starts the threads. From the main thread, before others run; once is enough for a process,
 * more are counted. Owner: the caller; fetch_destroy(). Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error fetch_create(const struct fetch_config *config, struct fetch **out);
/* Waits for requests that run. Accepts NULL. From the main thread. */
void fetch_destroy(struct fetch *fetch);

/* Whether a URL is one that fetch_send() takes: http or https, a host, no credentials, no spaces or control bytes. */
ANY_CORE bool fetch_is_url(struct slice url);

/* Sends a request and waits for its answer, which lies in the arena. The arena is the request's alone until this
 * returns: one that has begun is waited for, until the deadline at the latest, also when the fiber is cancelled.
 * `reason` (NULL allowed) is a constant sentence for the log.
 * Errors: ERROR_VALIDATION (no URL, header or length that is sent), ERROR_UNAVAILABLE (not reached, TLS refused, broken
 *         off, or too many wait), ERROR_PAYLOAD_TOO_LARGE (the answer is larger than allowed), ERROR_TIMEOUT,
 *         ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS ANY_CORE MUST_USE enum error fetch_send(struct fetch *fetch, struct fiber *self, struct deadline deadline,
                                               const struct fetch_request *request, struct arena *arena,
                                               struct fetch_answer *out, const char **reason);

/* The same on the calling thread, which blocks for `timeout_ms` at most: for work that goes on with the answer on a
 * thread of the pool, given to offload_run() with fetch_pool(). */
MUST_USE enum error fetch_send_blocking(const struct fetch *fetch, int64_t timeout_ms,
                                        const struct fetch_request *request, struct arena *arena,
                                        struct fetch_answer *out, const char **reason);
ANY_CORE struct offload *fetch_pool(const struct fetch *fetch);

#endif
