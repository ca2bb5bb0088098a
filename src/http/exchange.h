/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

struct address;
struct caller;
struct core;
struct fiber;
struct http1_head;
struct http_route;
struct http_site;
struct log;
struct middleware_local;

/* One request and its answer. It belongs to the fiber that serves it and ends with it. Handlers read the request part,
 * fill the answer part, and return OK; or return an error, having said more in `diag`, and the site's error renderer
 * fills the answer. */
struct exchange {
    /* The request. */
    const struct http1_head *head; /* method, target, path, query, headers */
    struct slice request_id;
    const struct http_route *route; /* NULL: no route matched */
    struct slice params[8];         /* of the path, decoded, in the order of the pattern */
    unsigned param_count;
    struct deadline deadline; /* of the handler; every wait takes it */
    int64_t now_us;           /* wall clock when the head was complete; fixed for the request */
    struct core *core;
    struct fiber *fiber;
    struct arena *arena; /* freed when the exchange ends */
    struct http_site *site;
    struct log *log;
    const struct address *peer;     /* the client's; behind a trusted proxy what that says (http/forwarded.h) */
    struct middleware_local *local; /* what the middleware keeps per core */
    int64_t started_us;             /* core clock when the head was complete */
    const struct caller *caller;    /* who asks (model/caller.h), as the site's guard has found out; NULL: nobody */
    void *guarded;                  /* what the guard knows of them */
    void *throttled;                /* what the site's throttle has counted for it */
    /* How the protocol brings the body; exchange_read_body() keeps what it brought. */
    enum error (*read_body)(struct exchange *x, struct slice *out);
    struct slice request_body;
    bool request_body_is_read;

    /* The answer. */
    int status;                /* 0: not decided yet; set by exchange_status() or the server */
    struct buf body;           /* the answer's body; bytes stay when status is 304 or HEAD, but are not sent */
    struct buf headers;        /* ready lines "Name: value\r\n", without the ones the server makes */
    struct buf server_headers; /* the lines of the middleware: they stay when an error replaces the answer */
    struct slice content_type; /* default application/json */
    struct slice etag;         /* the opaque tag without quotes, empty: none; weakened by compression */
    bool etag_is_weak;
    bool close_after;         /* the connection closes when the answer is sent */
    bool is_cut;              /* the connection is lost, or its client too slow: the answer is only logged */
    uint64_t allow;           /* set of methods for a 405's Allow (http/method.h) */
    unsigned retry_after_s;   /* for 503 and 429 */
    struct slice page_policy; /* Content-Security-Policy of a page for people; empty: it may do nothing */
    struct slice challenge;   /* for a 401: what WWW-Authenticate says; empty: Bearer */
    struct diag diag;
    enum error error; /* what the handler returned, for the log */
};

/* What serves a route. */
typedef enum error http_handler(struct exchange *x, void *data);

/* The value of a request header, empty when it was not sent; `header` is a HTTP1_HEADER_… of http/http1.h. */
struct slice exchange_header(const struct exchange *x, unsigned header);

/* The address of the client without its port, as the log calls it; the arena's; empty when memory is exhausted. */
struct slice exchange_remote(const struct exchange *x);

/* What one customer of a network is given, as bytes: the client's IPv4 address, also where it comes as IPv6, or the
 * first 64 bits of its IPv6 address. Returns how many. */
enum { EXCHANGE_CUSTOMER_BYTES = 8 };
size_t exchange_customer(const struct exchange *x, char out[EXCHANGE_CUSTOMER_BYTES]);

/* Reads the whole body into contiguous memory that lives as long as the exchange; sends 100 Continue when the client
 * waits for it. A second call gives the same bytes.
 * Errors: ERROR_PAYLOAD_TOO_LARGE, ERROR_PARSE (bad chunks), ERROR_UNAVAILABLE (all bodies together are too large, or
 * too many requests are at work), ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS MUST_USE enum error exchange_read_body(struct exchange *x, struct slice *out);

/* Decides the status. */
void exchange_status(struct exchange *x, int status);
/* Adds a header to the answer. `name` is a literal of this program; CR, LF and NUL in the value are dropped. */
void exchange_add_header(struct exchange *x, const char *name, struct slice value);
/* What every 401 says: how to show who one is (RFC 9110 section 15.5.2). */
void exchange_challenge(struct exchange *x);
/* Empties status, headers, body and tag, to begin another answer (an error after half an answer). */
void exchange_reset_answer(struct exchange *x);

/* How much of an answer there is, and a way back to it: what is done again is answered once. */
struct exchange_mark {
    struct exchange *x;
    size_t header_bytes, body_bytes;
};
struct exchange_mark exchange_mark(struct exchange *x);
/* Takes a struct exchange_mark. */
void exchange_restart(void *mark);

#endif
