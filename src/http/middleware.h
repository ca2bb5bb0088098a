/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_MIDDLEWARE_H
#define HTTP_MIDDLEWARE_H

#include <stddef.h>

#include "base/error.h"
#include "http/compress.h"
#include "http/exchange.h"
#include "http/request_id.h"

/* What stands around the handlers: a table of items, run in order on the way in and backwards on the way out. */
struct middleware {
    const char *name; /* as `tenon routes` prints it */
    /* NULL: nothing to do on the way in. An item that decides the status answers itself: what is inside it and the
     * handler are not reached. */
    enum error (*enter)(struct exchange *x);
    /* NULL: nothing to do on the way out. Called, when `enter` was OK, with the status and the error decided so far. */
    void (*leave)(struct exchange *x);
};

struct middleware_chain {
    const struct middleware *const *items;
    size_t count;
};

/* What the middleware keeps per core. */
struct middleware_local {
    struct request_id_source request_ids;
    struct compress_pool compressors;
};

/* The order of the design, section 3: request id, access log, recover, timeout, CORS, security headers, compress,
 * limit, authenticate. */
struct middleware_chain middleware_standard(void);
/* The same without CORS: for what people are shown, which no script of another site may read. */
struct middleware_chain middleware_of_pages(void);

/* Runs the chain around the handler. Afterwards the status is decided. */
YIELDS
void middleware_run(struct middleware_chain chain, struct exchange *x, http_handler *handler, void *data);

/* Makes the per-core part of every item ready. Owner: the caller; middleware_local_fini() on the same core. */
void middleware_local_init(struct middleware_local *local, struct core *core);
void middleware_local_fini(struct middleware_local *local);

#endif
