/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of an app file alone. */
#include "app/inspect.h"

#include "app/appschema.h"
#include "app/health.h"
#include "app/settings.h"
#include "app/version.h"
#include "http/method.h"
#include "http/site.h"
#include "svc/limiter.h"

struct outline {
    struct health health;
    generation_extend *extend;
    void *extend_state;
};

/* What an engine serves besides the resources, so that the list is whole. */
static enum error add_the_rest(void *state, struct generation *generation, struct diag *diag)
{
    struct outline *outline = state;
    TRY(health_add_public(&outline->health, generation->site, diag));
    return outline->extend ? outline->extend(outline->extend_state, generation, diag) : OK;
}

static enum error check_routes(const char *app_path, struct outline *outline, struct diag *diag, bool *has_tests)
{
    struct generation *generation;
    TRY(generation_load(app_path, diag, &generation));
    enum error error = generation_outline(generation, add_the_rest, outline, diag);
    if (error == OK && generation->limiter)
        limiter_check(generation->limiter, diag);
    *has_tests = !node_is_empty(node_find(generation->settings.root, "tests"));
    generation_destroy(generation);
    return error;
}

enum error inspect_check(const char *app_path, generation_extend *extend, void *extend_state, struct diag *diag,
                         struct ruletest_result *tests)
{
    struct generation *generation;
    struct diag said; /* again, when it is loaded again */
    bool has_tests;
    *tests = (struct ruletest_result){0};
    struct outline outline = {.extend = extend, .extend_state = extend_state};
    TRY(check_routes(app_path, &outline, diag, &has_tests));
    if (!has_tests)
        return OK;
    diag_init(&said, diag->arena);
    TRY(generation_load(app_path, &said, &generation));
    return ruletest_run(generation, extend, extend_state, diag, tests);
}

static enum error describe_limits(const struct limiter *limiter, size_t route, struct arena *arena,
                                  struct inspect_route *out)
{
    size_t count = 0;
    while (limiter && limiter_rule_at(limiter, route, count))
        count++;
    const char **names = arena_array(arena, count, sizeof *names);
    if (!names)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        names[i] = arena_text(arena, limiter_rule_at(limiter, route, i)->name);
        if (!names[i])
            return ERROR_MEMORY;
    }
    out->limits = names;
    out->limit_count = count;
    return OK;
}

static enum error describe(const struct http_site *site, const struct site_route *route, struct arena *arena,
                           struct inspect_route *out)
{
    struct middleware_chain chain = site_route_chain(site, route);
    const char **names = arena_array(arena, chain.count, sizeof *names);
    out->method = arena_text(arena, method_name(route->method));
    out->pattern = arena_text(arena, route->pattern);
    out->name = arena_text(arena, slice_from(route->name));
    if (!names || !out->method || !out->pattern || !out->name)
        return ERROR_MEMORY;
    for (size_t i = 0; i < chain.count; i++)
        names[i] = chain.items[i]->name;
    out->middleware = names;
    out->middleware_count = chain.count;
    return OK;
}

static enum error describe_all(const struct generation *generation, struct arena *arena,
                               const struct inspect_route **out, size_t *count)
{
    const struct http_site *site = generation->site;
    size_t routes = site_route_count(site);
    struct inspect_route *described = arena_array(arena, routes, sizeof *described);
    if (!described)
        return ERROR_MEMORY;
    for (size_t i = 0; i < routes; i++)
        TRY(describe(site, site_route_at(site, i), arena, &described[i]));
    for (size_t i = 0; i < routes; i++)
        TRY(describe_limits(generation->limiter, i, arena, &described[i]));
    *out = described;
    *count = routes;
    return OK;
}

enum error inspect_routes(const char *app_path, generation_extend *extend, void *extend_state, struct arena *arena,
                          struct diag *diag, const struct inspect_route **out, size_t *count)
{
    struct generation *generation;
    TRY(generation_load(app_path, diag, &generation));
    struct outline outline = {.extend = extend, .extend_state = extend_state};
    enum error error = generation_outline(generation, add_the_rest, &outline, diag);
    if (error == OK)
        error = describe_all(generation, arena, out, count);
    generation_destroy(generation);
    return error;
}

void inspect_schema(struct buf *out)
{
    appschema_write(out);
}

const char *inspect_version(void)
{
    return TENON_VERSION;
}
