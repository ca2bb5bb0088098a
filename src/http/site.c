/* SPDX-License-Identifier: Apache-2.0 */
/* What is served, and the way of one exchange through it.
 *
 * A site is built once (create, add routes, seal) and does not change afterwards, so that any number of cores read it
 * without a lock. A reload builds another site and hands it to the servers; each core counts its own requests on the
 * old one (http/server.h) and lets go of it when the last has ended. */
#include "http/site.h"

#include <stdlib.h>

#include "base/check.h"
#include "http/forwarded.h"
#include "http/http1.h"
#include "http/http_metrics.h"

enum { SITE_MEMORY_MAX = 64 * 1024 * 1024 };

static void render_plainly(struct exchange *x, enum error error, void *data)
{
    buf_put_literal(&x->body, "{\"error\":{\"code\":\"");
    buf_put_text(&x->body, error_code(error));
    buf_put_literal(&x->body, "\",\"message\":\"");
    buf_put_text(&x->body, error_sentence(error));
    buf_put_literal(&x->body, "\"}}");
}

enum error site_create(const struct site_config *config, struct http_site **out)
{
    struct http_site *site = calloc(1, sizeof(*site));
    if (!site)
        return ERROR_MEMORY;
    site->config = *config;
    site->settings = *config->settings;
    if (!site->config.chain.items)
        site->config.chain = middleware_standard();
    if (!site->config.render_error)
        site->config.render_error = render_plainly;
    arena_init(&site->arena, SITE_MEMORY_MAX);
    atomic_init(&site->holders, 1);
    enum error error = router_create(&site->router);
    if (error != OK) {
        free(site);
        return error;
    }
    *out = site;
    return OK;
}

enum error site_add_route(struct http_site *site, const struct site_route *route, struct diag *diag)
{
    struct site_route *copy = arena_alloc(&site->arena, sizeof(*copy));
    if (!copy)
        return ERROR_MEMORY;
    *copy = *route;
    return router_add(site->router, route->method, route->pattern, copy, diag);
}

enum error site_seal(struct http_site *site)
{
    if (!site->config.metrics)
        return OK;
    return http_metrics_add_routes(site->config.metrics, site->router, &site->arena, &site->series);
}

void site_ref(struct http_site *site)
{
    atomic_fetch_add_explicit(&site->holders, 1, memory_order_relaxed);
}

void site_unref(struct http_site *site)
{
    if (!site || atomic_fetch_sub_explicit(&site->holders, 1, memory_order_acq_rel) != 1)
        return;
    if (site->config.release)
        site->config.release(site->config.release_data);
    router_destroy(site->router);
    arena_fini(&site->arena);
    free(site);
}

size_t site_route_count(const struct http_site *site)
{
    return router_count(site->router);
}

const struct site_route *site_route_at(const struct http_site *site, size_t index)
{
    return router_at(site->router, index)->data;
}

struct middleware_chain site_route_chain(const struct http_site *site, const struct site_route *route)
{
    return route && route->chain.items ? route->chain : site->config.chain;
}

static enum error fail(struct exchange *x, void *data)
{
    const enum error *error = data;
    return *error;
}

static enum error answer_options(struct exchange *x, void *data)
{
    x->status = 204;
    return OK;
}

/* Methods that nothing here can have are told apart from those that this path merely lacks (RFC 9110 section 9.1). */
static bool is_foreign(enum http_method method)
{
    return method == HTTP_OTHER || method == HTTP_CONNECT;
}

static enum error find_route(const struct http_site *site, struct exchange *x)
{
    struct router_hit hit;
    if (is_foreign(x->head->method))
        return ERROR_NOT_IMPLEMENTED;
    enum error error = router_find(site->router, x->head->method, x->head->path, x->arena, &hit);
    x->allow = hit.allow;
    x->route = hit.route;
    x->param_count = hit.param_count;
    for (unsigned i = 0; i < hit.param_count; i++)
        x->params[i] = hit.params[i];
    return error;
}

void site_serve(struct http_site *site, struct exchange *x, enum error refusal)
{
    const struct http_settings *settings = &site->settings;
    if (settings->proxy_count > 0)
        x->peer = forwarded_find(x->head, x->peer, settings->proxies, settings->proxy_count, x->arena);
    enum error error = refusal == OK ? find_route(site, x) : refusal;
    const struct site_route *route = x->route ? x->route->data : NULL;
    struct middleware_chain chain = site_route_chain(site, route);
    if (error == OK && site->config.is_closed && !route->is_always)
        error = ERROR_UNAVAILABLE;
    if (error == OK)
        middleware_run(chain, x, route->handler, route->data);
    else if (error == ERROR_METHOD_NOT_ALLOWED && x->head->method == HTTP_OPTIONS)
        middleware_run(chain, x, answer_options, NULL);
    else
        middleware_run(chain, x, fail, &error);
    CHECK(x->status != 0, "an answer has a status");
}
