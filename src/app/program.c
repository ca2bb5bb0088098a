/* SPDX-License-Identifier: Apache-2.0 */
/* A C program's routes and hooks, joined to each generation of its app file. The handlers are the program's; what wraps
 * them here gives each a session, as the engine's own handlers have. */
#include "app/program.h"

#include <stdlib.h>

#include "api/rest.h"
#include "http/exchange.h"
#include "http/method.h"
#include "http/router.h"
#include "http/site.h"
#include "model/action.h"
#include "model/model.h"
#include "rt/core.h"

/* The errors of the public header are ours by number. */
_Static_assert((int)TN_OK == (int)OK && (int)TN_PARSE == (int)ERROR_PARSE, "the public errors begin as ours");
_Static_assert((int)TN_UNPROCESSABLE == (int)ERROR_UNPROCESSABLE, "the public errors go on as ours");
_Static_assert((int)TN_INSUFFICIENT_STORAGE == (int)ERROR_INSUFFICIENT_STORAGE, "the public errors go on as ours");
_Static_assert((int)TN_LIMIT == (int)ERROR_LIMIT && (int)ERROR_LIMIT + 1 == (int)ERROR_COUNT, "and end as ours");
_Static_assert((int)TN_NULL == (int)VALUE_NULL && (int)TN_BLOB == (int)VALUE_BLOB, "the public kinds are ours");

void program_clear_answer(struct exchange *x)
{
    x->status = 0;
    x->etag = SLICE("");
    x->etag_is_weak = false;
    x->content_type = SLICE("application/json");
    buf_clear(&x->body);
}

bool program_is_in_unit(const struct tn_request *request)
{
    const struct session *session = &request->session;
    return session->is_in_unit;
}

/* What a route of the program needs when it is served. */
struct served {
    struct rest *rest;
    tn_handler *handler;
};

static enum error call(struct exchange *x, struct rest *rest, tn_handler *handler)
{
    struct tn_request request = {.x = x, .rest = rest};
    session_init(&request.session, rest->model, x->fiber, core_index(x->core));
    request.session.deadline = x->deadline;
    request.session.now_us = x->now_us;
    request.session.arena = x->arena;
    request.session.diag = &x->diag;
    tn_error error = handler(&request);
    session_fini(&request.session);
    return (unsigned)error < ERROR_COUNT ? (enum error)error : ERROR_INTERNAL;
}

static enum error serve(struct exchange *x, void *data)
{
    const struct served *served = data;
    return call(x, served->rest, served->handler);
}

static enum error add_route(const struct program_route *route, struct generation *generation, struct diag *diag)
{
    struct slice pattern = slice_from(route->spec);
    struct slice method;
    slice_split(&pattern, ' ', &method);
    struct served *served = arena_alloc(&generation->arena, sizeof *served);
    if (!served)
        return ERROR_MEMORY;
    *served = (struct served){generation->rest, route->handler};
    const struct site_route added = {
        .method = method_parse(method), .pattern = pattern, .handler = serve, .data = served, .name = "program"};
    if (added.method != HTTP_OTHER && pattern.ptr)
        return site_add_route(generation->site, &added, diag);
    diag_say(diag, "write it as GET /api/v1/markets/:id/depth", "the route \"%s\" has no method and path", route->spec);
    return ERROR_VALIDATION;
}

static enum error run_hooks_of(const struct generation *generation, struct exchange *x, struct slice event)
{
    for (const struct program_hook *hook = generation->program->hooks; hook; hook = hook->next)
        if (slice_eq(hook->event, event))
            TRY(call(x, generation->rest, hook->handler));
    program_clear_answer(x);
    return OK;
}

static enum error run_hooks(void *state, struct exchange *x, const struct resource *resource, enum action action)
{
    static const char *const verbs[] = {"read", "create", "update", "delete"};
    const char *event = arena_printf(x->arena, "%.*s.%s", SLICE_ARG(resource->name), verbs[action]);
    return event ? run_hooks_of(state, x, slice_from(event)) : ERROR_MEMORY;
}

static enum error run_action_hooks(void *state, struct exchange *x, struct slice action)
{
    return run_hooks_of(state, x, action);
}

static bool is_event_of(const struct schema *schema, struct slice event)
{
    struct slice rest = event;
    struct slice name;
    slice_split(&rest, '.', &name);
    bool is_verb = slice_eq_text(rest, "create") || slice_eq_text(rest, "update") || slice_eq_text(rest, "delete");
    for (size_t i = 0; i < schema->action_count; i++)
        if (slice_eq(schema->actions[i].name, event))
            return true;
    return is_verb && schema_find(schema, name);
}

enum error program_extend(void *state, struct generation *generation, struct diag *diag)
{
    struct tn_app *app = state;
    if (app->is_out_of_memory)
        return ERROR_MEMORY;
    for (const struct program_route *route = app->routes; route; route = route->next)
        TRY(add_route(route, generation, diag));
    for (const struct program_hook *hook = app->hooks; hook; hook = hook->next) {
        if (is_event_of(generation->settings.schema, hook->event))
            continue;
        diag_say(diag, "write it as markets.create, markets.update, markets.delete, or the name of an action",
                 "there is no event \"%.*s\" to run before", SLICE_ARG(hook->event));
        return ERROR_VALIDATION;
    }
    generation->program = app;
    if (app->hooks) {
        generation->rest->before = run_hooks;
        generation->rest->before_action = run_action_hooks;
        generation->rest->before_state = generation;
    }
    return OK;
}

void program_destroy(struct tn_app *app)
{
    arena_fini(&app->arena);
    free(app);
}
