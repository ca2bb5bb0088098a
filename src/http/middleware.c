/* SPDX-License-Identifier: Apache-2.0 */
/* The chain around every handler.
 *
 * The order is data: one table, printed by `tenon routes`. To add an item is to write a file with its `struct
 * middleware` and to name it here.
 *
 * Invariants
 *   (1) an item's `leave` runs if and only if its `enter` returned OK, in the reverse order
 *   (2) an error leaves through the same items as a success; the item "recover" turns it into an answer, so the items
 *       outside it (the log) see a status and the items inside it (CORS) see the error
 *   (3) items write headers into `server_headers`, which an error answer keeps */
#include "http/middleware.h"

#include "base/attr.h"
#include "http/access_log.h"
#include "http/cors.h"
#include "http/guard.h"
#include "http/recover.h"
#include "http/security_headers.h"
#include "http/throttle.h"
#include "http/time_limit.h"

static const struct middleware *const standard[] = {
    &request_id_middleware, &access_log_middleware, &recover_middleware,
    &time_limit_middleware, &cors_middleware,       &security_headers_middleware,
    &compress_middleware,   &throttle_middleware,   &guard_middleware,
};

static const struct middleware *const of_pages[] = {
    &request_id_middleware,       &access_log_middleware, &recover_middleware,  &time_limit_middleware,
    &security_headers_middleware, &compress_middleware,   &throttle_middleware, &guard_middleware,
};

struct middleware_chain middleware_standard(void)
{
    return (struct middleware_chain){standard, ARRAY_LEN(standard)};
}

struct middleware_chain middleware_of_pages(void)
{
    return (struct middleware_chain){of_pages, ARRAY_LEN(of_pages)};
}

void middleware_run(struct middleware_chain chain, struct exchange *x, http_handler *handler, void *data)
{
    size_t entered = 0;
    enum error error = OK;
    while (entered < chain.count && x->status == 0) {
        const struct middleware *item = chain.items[entered];
        error = item->enter ? item->enter(x) : OK;
        if (error != OK)
            break;
        entered++;
    }
    if (error == OK && x->status == 0)
        error = handler(x, data);
    if (error == OK && x->status == 0)
        x->status = 200;
    x->error = error;
    while (entered > 0) {
        const struct middleware *item = chain.items[--entered];
        if (item->leave)
            item->leave(x);
    }
    if (x->status == 0)
        x->status = error_http_status(x->error); /* an item outside "recover" failed */
}

void middleware_local_init(struct middleware_local *local, struct core *core)
{
    request_id_source_init(&local->request_ids);
    compress_pool_init(&local->compressors, core);
}

void middleware_local_fini(struct middleware_local *local)
{
    compress_pool_fini(&local->compressors);
}
