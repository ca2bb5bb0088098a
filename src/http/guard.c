/* SPDX-License-Identifier: Apache-2.0 */
/* The item "authenticate" of the chain. It stands innermost, behind everything that a refused caller is to see, too
 * (CORS, security headers). */
#include "http/guard.h"

#include "http/middleware.h"
#include "http/site.h"

static const struct http_guard *guard_of(const struct exchange *x)
{
    const struct site_route *route = x->route ? x->route->data : NULL;
    return route && !route->is_open ? x->site->config.guard : NULL;
}

static enum error guard_enter(struct exchange *x)
{
    const struct http_guard *guard = guard_of(x);
    return guard ? guard->enter(x, guard->state) : OK;
}

static void guard_leave(struct exchange *x)
{
    const struct http_guard *guard = guard_of(x);
    if (guard)
        guard->leave(x, guard->state);
}

const struct middleware guard_middleware = {.name = "authenticate", .enter = guard_enter, .leave = guard_leave};
