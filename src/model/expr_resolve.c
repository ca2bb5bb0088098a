/* SPDX-License-Identifier: Apache-2.0 */
/* Names to fields: the one place that decides which fields exist for whom.
 *
 * Idea: a path is walked segment by segment; a segment is a field of the resource at hand, or else a relation (rows
 * of another resource that refer to this one). In EXPR_FILTER names are JSON names, and a field that is hidden, or
 * that the caller's read rule does not list, does not exist: it is neither found nor suggested. A password exists for
 * nobody.
 *
 * Invariant: a field that is found may be compared by whoever wrote the expression.
 */
#include "model/expr_resolve.h"

#include "model/policy.h"

struct walk {
    const struct resource *here;
    enum expr_use use;
    const struct expr_context *context; /* whose filter it is; NULL: the app file's, which sees everything */
    struct expr_problem *problem;
    struct expr_route *route;
};

static enum error refuse(struct expr_problem *problem, struct slice name, const char *after, const char *hint)
{
    problem->name = name;
    problem->before = "";
    problem->after = after;
    problem->hint = hint;
    return ERROR_VALIDATION;
}

static bool is_visible(const struct walk *walk, const struct resource *resource, const struct field *field)
{
    return !walk->context || policy_field(resource, ACTION_READ, walk->context, field);
}

static const struct field *find_field(const struct walk *walk, struct slice name)
{
    const struct field *field =
        walk->use == EXPR_FILTER ? resource_find_json(walk->here, name) : resource_find_field(walk->here, name);
    return field && is_visible(walk, walk->here, field) ? field : NULL;
}

/* A relation exists for whoever may compare the reference that it turns round. */
static bool is_relation_visible(const struct walk *walk, const struct relation *relation)
{
    return is_visible(walk, relation->from, relation->via);
}

static const struct relation *find_relation(const struct walk *walk, struct slice name)
{
    const struct resource *here = walk->here;
    for (size_t i = 0; i < here->relation_count; i++)
        if (slice_eq(here->relations[i].name, name) && is_relation_visible(walk, &here->relations[i]))
            return &here->relations[i];
    return NULL;
}

static enum error unknown(const struct walk *walk, struct slice name)
{
    struct expr_problem *problem = walk->problem;
    problem->before = "unknown field ";
    problem->after = "";
    problem->name = name;
    suggest_init(&problem->suggest, name);
    for (size_t i = 0; i < walk->here->field_count; i++) {
        const struct field *field = &walk->here->fields[i];
        if (field->type.kind != FIELD_PASSWORD && is_visible(walk, walk->here, field))
            suggest_offer(&problem->suggest, walk->use == EXPR_FILTER ? field->json_name : field->name);
    }
    for (size_t i = 0; i < walk->here->relation_count; i++)
        if (is_relation_visible(walk, &walk->here->relations[i]))
            suggest_offer(&problem->suggest, walk->here->relations[i].name);
    return ERROR_VALIDATION;
}

static enum error cross(struct walk *walk, struct slice name, struct expr_step step)
{
    struct expr_route *route = walk->route;
    if (route->step_count == EXPR_JOINS_MAX)
        return refuse(walk->problem, name, " is one reference too far: a path crosses 4 at most", NULL);
    route->steps[route->step_count++] = step;
    route->is_set = route->is_set || step.is_reverse;
    walk->here = step.to;
    return OK;
}

static const struct resource *refers_of(const struct resource *resource, const struct field *field)
{
    if (field->type.kind == FIELD_REFERENCE)
        return field->type.target;
    return field == resource->id ? resource : NULL;
}

static enum error arrive(const struct walk *walk, struct slice name, const struct field *field)
{
    if (field->type.kind == FIELD_PASSWORD)
        return refuse(walk->problem, name, " is a password: it cannot be compared", NULL);
    walk->route->field = field;
    walk->route->refers = refers_of(walk->here, field);
    return OK;
}

static enum error take_segment(struct walk *walk, struct slice name, const char *rest)
{
    const struct field *field = find_field(walk, name);
    const struct relation *relation = field ? NULL : find_relation(walk, name);
    if (!field && !relation)
        return unknown(walk, name);
    if (relation) {
        TRY(cross(walk, name, (struct expr_step){.via = relation->via, .to = relation->from, .is_reverse = true}));
        return rest ? OK : arrive(walk, name, walk->here->id);
    }
    if (!rest)
        return arrive(walk, name, field);
    if (field->type.kind != FIELD_REFERENCE)
        return refuse(walk->problem, name, " is not a reference: a path ends there", NULL);
    return cross(walk, name, (struct expr_step){.via = field, .to = field->type.target});
}

/* Who asks, where a filter does not say. */
static const struct expr_context *asker_of(const struct expr_scope *scope)
{
    static const struct expr_context nobody = {.caller = NULL};
    if (scope->use != EXPR_FILTER)
        return NULL;
    return scope->context ? scope->context : &nobody;
}

enum error expr_resolve_route(const struct expr_scope *scope, struct slice path, struct expr_problem *problem,
                              struct expr_route *out)
{
    struct expr_route route = {.step_count = 0};
    struct walk walk = {
        .here = scope->resource, .use = scope->use, .context = asker_of(scope), .problem = problem, .route = &route};
    struct slice rest = path, name;
    *problem = (struct expr_problem){.before = ""};
    if (path.len == 0)
        return refuse(problem, path, " is no field", NULL);
    while (slice_split(&rest, '.', &name))
        TRY(take_segment(&walk, name, rest.ptr));
    *out = route;
    return OK;
}

enum error expr_resolve_single(const struct expr_scope *scope, const struct resource *resource, struct slice name,
                               const char *owner, struct expr_problem *problem, struct expr_route *out)
{
    struct expr_route route = {.step_count = 0};
    struct walk walk = {
        .here = resource, .use = EXPR_RULE, .context = asker_of(scope), .problem = problem, .route = &route};
    *problem = (struct expr_problem){.before = ""};
    size_t dot = slice_index(name, '.');
    if (dot < name.len)
        return refuse(problem, slice_from_index(name, dot + 1),
                      slice_eq_text(slice_from(owner), "auth") ? " is one level too far: auth.<field> is all there is"
                                                               : " is one level too far: input.<field> is all there is",
                      NULL);
    const struct field *field = find_field(&walk, name);
    if (!field)
        return unknown(&walk, name);
    TRY(arrive(&walk, name, field));
    *out = route;
    return OK;
}

const char *expr_resolve_hint(const struct expr_problem *problem, struct arena *arena)
{
    if (!problem->suggest.best.ptr)
        return problem->hint;
    return arena_printf(arena, "did you mean \"%.*s\"?", SLICE_ARG(problem->suggest.best));
}

enum error expr_resolve_path(const struct resource *root, const struct expr_context *context, struct slice path,
                             struct diag *diag, struct expr_path *out)
{
    const struct expr_scope scope = {.resource = root, .use = EXPR_FILTER, .context = context};
    struct expr_problem problem;
    struct expr_route route;
    enum error error = expr_resolve_route(&scope, path, &problem, &route);
    if (error == OK && route.is_set)
        error = refuse(&problem, path, " is a set of rows", "use it in where=, on the right of in");
    if (error != OK) {
        if (diag)
            diag_field(diag, path, expr_resolve_hint(&problem, diag->arena), "%s\"%.*s\"%s", problem.before,
                       SLICE_ARG(problem.name), problem.after);
        return error;
    }
    struct expr_path resolved = {.root = root, .hop_count = route.step_count, .field = route.field};
    for (size_t i = 0; i < route.step_count; i++)
        resolved.hops[i] = route.steps[i].via;
    *out = resolved;
    return OK;
}
