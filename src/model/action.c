/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the actions of an app file: what may be sent, who may send it, where; the steps are action_step.c's.
 *
 * The input comes first, because everything else names it: the path, the access rule, the parameters of statements. */
#include "model/action.h"

#include <string.h>

#include "base/suggest.h"
#include "model/action_draft.h"

static const char *const action_keys[] = {"description", "route", "access", "input", "isolation", "steps", "result"};
static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};

void action_draft_check_keys(const struct action_draft *draft, const struct node *map, const char *const *keys,
                             size_t count, const char *hint)
{
    for (const struct node *key = map->first; key; key = key->next) {
        struct suggest suggest;
        bool is_known = false;
        suggest_init(&suggest, key->key);
        for (size_t i = 0; i < count; i++) {
            is_known = is_known || slice_eq_text(key->key, keys[i]);
            suggest_offer_text(&suggest, keys[i]);
        }
        if (!is_known)
            suggest_report(&suggest, draft->diag, key->key_place, "unknown key", hint);
    }
}

bool action_draft_text(const struct action_draft *draft, const struct node *map, const char *key,
                       const struct node **out)
{
    const struct node *node = node_find(map, key);
    if (!node || node->is_broken)
        return false;
    *out = node;
    if (node->is_secret && strcmp(key, "access") != 0) {
        diag_at(draft->diag, node->place, "give it to the statement as a parameter", "\"%s\" cannot hold a variable",
                key);
        return false;
    }
    if (node->kind == NODE_SCALAR && !node_is_empty(node))
        return true;
    diag_at(draft->diag, node->place, NULL, "\"%s\" must be a text, this is %s", key, node_kind_name(node));
    return false;
}

static enum error read_description(struct action_draft *draft)
{
    const struct node *node;
    if (!action_draft_text(draft, draft->node, "description", &node))
        return OK;
    draft->action->description = arena_text(draft->arena, node->text);
    return draft->action->description ? OK : ERROR_MEMORY;
}

static enum error read_input(struct action_draft *draft)
{
    const struct node *node = node_find(draft->node, "input");
    if (node_is_empty(node))
        node = NULL;
    if (node && node->kind != NODE_MAP) {
        diag_at(draft->diag, node->place, "write one line for each: note: text(0..200)",
                "\"input\" must be a map, this is %s", node_kind_name(node));
        node = NULL;
    }
    return schema_input_build(draft->schema, draft->action->name, node, &draft->action->input);
}

static void refuse_parameter(const struct action_draft *draft, struct slice name, struct place place)
{
    const struct resource *input = draft->action->input;
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < input->field_count; i++)
        suggest_offer(&suggest, input->fields[i].name);
    suggest_report(&suggest, draft->diag, place, "unknown input", "declare it under `input:`");
}

static bool fits_a_path(const struct field *field)
{
    return field->type.kind != FIELD_JSON && field->type.kind != FIELD_LIST && field->type.kind != FIELD_PASSWORD;
}

/* The inputs that stand in the path as `:name`. */
static void read_path(struct action_draft *draft, const struct node *node, size_t begin)
{
    struct action_spec *action = draft->action;
    struct slice rest = action->path, part;
    while (slice_split(&rest, '/', &part)) {
        if (part.len < 2 || part.ptr[0] != ':')
            continue;
        struct slice name = slice_from_index(part, 1);
        struct place place = node_place_at(node, begin + (size_t)(name.ptr - action->path.ptr));
        const struct field *field = resource_find_field(action->input, name);
        if (!field)
            refuse_parameter(draft, name, place);
        else if (!fits_a_path(field))
            diag_at(draft->diag, place, NULL, "input \"%.*s\" cannot stand in a path", SLICE_ARG(name));
        else if (action->in_path_count == ACTION_PATH_MAX)
            diag_at(draft->diag, place, NULL, "a path holds at most %d parameters", ACTION_PATH_MAX);
        else
            action->in_path[action->in_path_count++] = field;
    }
}

static bool is_method(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (slice_eq_text(word, methods[i]))
            return true;
    return false;
}

static enum error read_route(struct action_draft *draft)
{
    struct action_spec *action = draft->action;
    const struct node *node;
    action->method = SLICE("POST");
    action->route_place = action->place;
    if (!node_find(draft->node, "route")) {
        const char *path = arena_printf(draft->arena, "/actions/%.*s", SLICE_ARG(action->name));
        action->path = slice_from(path);
        return path ? OK : ERROR_MEMORY;
    }
    if (!action_draft_text(draft, draft->node, "route", &node))
        return OK;
    size_t space = slice_index(node->text, ' ');
    struct slice method = slice_of(node->text.ptr, space);
    struct slice path = slice_trim(slice_from_index(node->text, space));
    action->route_place = node->place;
    if (!is_method(method) || path.len == 0 || path.ptr[0] != '/') {
        diag_at(draft->diag, node->place, "write POST, PUT, PATCH or DELETE and a path, as in POST /orders/place",
                "route %s: not a method and a path", node_shown(node, draft->diag));
        return OK;
    }
    action->method = method;
    action->path = path;
    read_path(draft, node, (size_t)(path.ptr - node->text.ptr));
    return OK;
}

static enum error read_access(struct action_draft *draft)
{
    struct action_spec *action = draft->action;
    const struct node *node;
    struct expr *allow = NULL;
    const struct expr_scope scope = {.schema = draft->schema->schema,
                                     .resource = action->input,
                                     .use = EXPR_ACTION,
                                     .has_input = true,
                                     .asked = &draft->schema->permissions};
    if (!node_find(draft->node, "access")) {
        diag_warn(draft->diag, action->place,
                  "add `access:` with a condition; `true` is anyone, `false` says it is meant",
                  "action \"%.*s\": nobody may run it", SLICE_ARG(action->name));
        return OK;
    }
    if (!action_draft_text(draft, draft->node, "access", &node) || slice_eq_text(node->text, "false"))
        return OK;
    if (!slice_eq_text(node->text, "true"))
        TRY(schema_build_expr(draft->schema, node, &scope, &allow));
    action->allow = allow;
    action->is_secret = node->is_secret;
    action->is_allowed = true;
    return OK;
}

static void read_isolation(struct action_draft *draft)
{
    const struct node *node;
    if (!action_draft_text(draft, draft->node, "isolation", &node))
        return;
    if (slice_eq_text(node->text, "read_committed"))
        draft->action->isolation = DB_READ_COMMITTED;
    else if (!slice_eq_text(node->text, "serializable"))
        diag_at(draft->diag, node->place, NULL, "\"isolation\" must be serializable or read_committed, this is %s",
                node_shown(node, draft->diag));
}

static enum error build_one(struct schema_draft *schema, struct action_spec *action, const struct node *node)
{
    struct action_draft draft = {
        .schema = schema, .diag = schema->diag, .arena = schema->arena, .action = action, .node = node};
    action->name = node->key;
    action->place = node->key_place;
    (void)schema_name_check(schema, "action", node);
    if (node->kind != NODE_MAP) {
        diag_at(schema->diag, node->place, "write its steps under `steps:`",
                "action \"%.*s\" must be a map, this is %s", SLICE_ARG(node->key), node_kind_name(node));
        return OK;
    }
    action_draft_check_keys(&draft, node, action_keys, ARRAY_LEN(action_keys),
                            "an action has: description, route, access, input, isolation, steps, result");
    TRY(read_description(&draft));
    TRY(read_input(&draft));
    TRY(read_route(&draft));
    TRY(read_access(&draft));
    read_isolation(&draft);
    return action_step_build(&draft);
}

enum error action_build(struct schema_draft *draft, const struct node *actions)
{
    size_t count = actions ? actions->count : 0;
    struct action_spec *built = arena_array(draft->arena, count + 1, sizeof *built);
    if (!built)
        return ERROR_MEMORY;
    size_t number = 0;
    for (const struct node *node = actions ? actions->first : NULL; node; node = node->next)
        TRY(build_one(draft, &built[number++], node));
    draft->schema->actions = built;
    draft->schema->action_count = count;
    return OK;
}
