/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SITE_H
#define HTTP_SITE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "http/exchange.h"
#include "http/http_settings.h"
#include "http/middleware.h"
#include "http/router.h"

struct http_guard;
struct http_metrics;
struct http_throttle;
struct offload;

/* Fills the answer for an error: body, content type, further headers. The status is set already and may be kept. */
typedef void site_render_error(struct exchange *x, enum error error, void *data);

/* One route, as its owner declares it. Slices and pointers live as long as the site. */
struct site_route {
    enum http_method method;
    struct slice pattern;
    http_handler *handler;
    void *data;
    const char *name;              /* for `tenon routes`: "markets.list" */
    struct middleware_chain chain; /* without items: the site's */
    bool is_always;                /* served by a closed site, too */
    bool is_open;                  /* the guard is not asked: it makes no difference who calls */
};

struct site_config {
    const struct http_settings *settings; /* copied; its slices live as long as the site */
    struct middleware_chain chain;        /* without items: middleware_standard() */
    site_render_error *render_error;      /* NULL: {"error":{"code","message"}} */
    void *render_data;
    struct offload *offload;      /* for compressing large answers; NULL: on the core */
    struct http_metrics *metrics; /* NULL: not counted */
    void (*release)(void *data);  /* when nothing uses the site any more, on any thread; NULL: none */
    void *release_data;
    const struct http_guard *guard; /* who finds out who asks; NULL: everybody is nobody. Lives as long as the site */
    const struct http_throttle *throttle; /* what limits requests; NULL: nothing. Lives as long as the site */
    bool is_closed;                       /* every route but those that are always served answers 503 */
};

/* What is served: routes, what stands around them, and the settings. Immutable once a server has it. */
struct http_site {
    struct site_config config;
    struct http_settings settings;
    struct router *router;
    struct arena arena;
    unsigned *series; /* of the metrics, by route (http/http_metrics.h) */
    atomic_uint holders;
};

/* Makes a site without routes, held once by the caller.
 * Owner:  the caller; site_unref().
 * Errors: ERROR_MEMORY. */
MUST_USE
enum error site_create(const struct site_config *config, struct http_site **out);
/* Adds a route; before any server has the site.
 * Errors: those of router_add(). */
MUST_USE
enum error site_add_route(struct http_site *site, const struct site_route *route, struct diag *diag);
/* Ends the list of routes: declares their metrics.
 * Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE
enum error site_seal(struct http_site *site);

ANY_CORE
void site_ref(struct http_site *site);
/* Accepts NULL. The last one releases it. */
ANY_CORE
void site_unref(struct http_site *site);

/* The declared routes in their order, and the chain that each runs in. */
size_t site_route_count(const struct http_site *site);
const struct site_route *site_route_at(const struct http_site *site, size_t index);
struct middleware_chain site_route_chain(const struct http_site *site, const struct site_route *route);

/* Serves one exchange: finds the route and runs chain and handler; afterwards the answer is complete. `refusal` other
 * than OK answers with that error instead. */
YIELDS
void site_serve(struct http_site *site, struct exchange *x, enum error refusal);

#endif
