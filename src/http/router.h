/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/method.h"

enum {
    ROUTER_PARAMS_MAX = 8,
    ROUTER_SEGMENTS_MAX = 32 /* of a pattern or a path */
};

/* One route: a method and a pattern such as "/api/v1/markets/:id". */
struct http_route {
    enum http_method method;
    struct slice pattern;
    struct slice param_names[ROUTER_PARAMS_MAX]; /* "id" */
    unsigned param_count;
    unsigned id; /* 0, 1, 2 … in the order they were added; metrics count by it */
    void *data;  /* the caller's */
};

struct router;

/* What a path led to. */
struct router_hit {
    const struct http_route *route; /* NULL when the result is not OK */
    struct slice params[ROUTER_PARAMS_MAX];
    unsigned param_count;
    uint64_t allow; /* OK and ERROR_METHOD_NOT_ALLOWED: the methods of this path, with HEAD for GET, and OPTIONS */
};

/* Makes an empty router.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error router_create(struct router **out);
/* Frees it with its routes. NULL: does nothing. */
void router_destroy(struct router *router);

/* Adds a route. A pattern is '/' or segments that each begin with '/', are of unreserved characters (RFC 3986), or a
 * parameter ":name" of letters, digits and '_'. Two routes may not have the same method and the same paths. Added at
 * start-up only: a router in use does not change.
 * Errors: ERROR_VALIDATION (a bad pattern), ERROR_CONFLICT (declared twice), ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE enum error router_add(struct router *router, enum http_method method, struct slice pattern, void *data,
                               struct diag *diag);

/* Finds the route of a request by its raw path. Static segments win over parameters, from the left; a path whose most
 * static pattern lacks the method goes on to the next. HEAD falls back to GET. Parameters are decoded (into the arena
 * only where an escape stands; `%2F` stays data) and valid UTF-8 without NUL. The path "*" is the server as a whole.
 * Errors: ERROR_NOT_FOUND (also for empty, "." and ".." segments, encoded or not, and a trailing slash),
 *         ERROR_METHOD_NOT_ALLOWED (`out->allow` says which are; also for OPTIONS without a route of its own),
 *         ERROR_PARSE (bad escapes), ERROR_MEMORY. `out` is written in any case. */
MUST_USE ANY_CORE enum error router_find(const struct router *router, enum http_method method, struct slice path,
                                         struct arena *arena, struct router_hit *out);

/* How many routes there are, and each of them by its id. */
size_t router_count(const struct router *router);
const struct http_route *router_at(const struct router *router, size_t id);

#endif
