/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a schema from the `resources:` and the `actions:` of an app file.
 *
 * Names may be used before they are declared, so it goes in rounds over all resources, each of which may rely on the
 * ones before it:
 *   1. declare   resources and fields exist by name; every field's line is read          (schema_field.c)
 *                which fields are the key, what an adopted table is called                 (schema_key.c)
 *   2. resolve   types, references, defaults                     (schema_type.c, schema_default.c)
 *   3. relate    the reverse of each reference                                         (schema_relation.c)
 *   4. index     indexes, partial conditions                                              (schema_index.c)
 *   5. allow     access rules                                                            (schema_access.c)
 *   6. search    full text, of what may be read                                           (schema_index.c)
 *   7. act       the actions of the app, which are of no resource                                (action.c)
 *   8. hold      what each role holds of all that was asked for                             (schema_role.c)
 *
 * A mistake is told and the rest goes on with what is certain. A field whose line is wrong stays, as a text without
 * limits, so that what names it is not told as well; expressions are only parsed, not checked, once a type is unknown,
 * because they could but complain about the consequences.
 *
 * Invariants
 *   (1) resource.fields is id, the declared ones in order, created_at, updated_at, version, as far as the resource has
 *       them; field.index is its position
 *   (2) no pointer into the document tree stays in the schema but texts of the same arena */
#include "model/schema_build.h"

#include "base/regex.h"
#include "base/suggest.h"
#include "model/expr.h"
#include "model/schema_draft.h"

static const struct schema_section sections[] = {
    {"id", "the kind of its ids: uuid (the default) or int"},
    {"fields", "its fields, one line each"},
    {"indexes", "indexes over several fields, or with a condition"},
    {"search", "the fields that ?search= looks into"},
    {"access", "who may read, create, update and delete"},
    {"table", "the table, where that has another name; the engine neither makes nor alters it"},
    {"key", "the fields that identify a row of an adopted table, instead of id"},
    {"view", "true: read only, and no table of the engine's"},
    {"timestamps", "false: an adopted table without created_at and updated_at"},
    {"version", "false: an adopted table without version"},
    {"description", "what it is, for people"},
    {"renamed_from", "what it was called: `tenon migrate diff` keeps its rows"},
    {"cache", NULL},
    {"events", NULL},
    {"actions", NULL},
    {"limits", NULL},
    {"webhooks", NULL},
    {"versions", NULL},
    {"validations", NULL},
    {"jobs", NULL},
    {"realtime", NULL},
    {"graphql", NULL},
    {"grpc", NULL},
    {NULL, NULL},
};

const struct schema_section *schema_build_sections(void)
{
    return sections;
}

enum error schema_build_expr(struct schema_draft *draft, const struct node *node, const struct expr_scope *scope,
                             struct expr **out)
{
    struct diag scratch;
    struct diag *diag = draft->diag;
    struct expr *expr = NULL;
    if (node->is_broken)
        return OK;
    if (node->is_secret) { /* its messages would quote what variables hold */
        diag_init(&scratch, draft->arena);
        diag = &scratch;
    }
    enum error error = expr_parse(node->text, node->text_place, draft->arena, diag, &expr);
    if (error == OK)
        error = expr_check(expr, scope, diag);
    if (error == OK)
        *out = expr;
    else if (error == ERROR_VALIDATION && node->is_secret)
        diag_at(draft->diag, node->place, NULL, "expression %s is not valid once its variables are replaced",
                node_shown(node, draft->diag));
    return error == ERROR_MEMORY ? error : OK;
}

static void check_section(struct schema_draft *draft, const struct node *node)
{
    struct suggest suggest;
    suggest_init(&suggest, node->key);
    for (const struct schema_section *section = sections; section->name; section++) {
        if (section->help)
            suggest_offer_text(&suggest, section->name);
        if (!slice_eq_text(node->key, section->name))
            continue;
        if (!section->help)
            diag_at(draft->diag, node->key_place,
                    "a resource has: id, fields, indexes, search, access, description, renamed_from and, for an "
                    "adopted table, "
                    "table, key, "
                    "view, timestamps, version",
                    "\"%s\" is not available yet", section->name);
        return;
    }
    suggest_report(&suggest, draft->diag, node->key_place, "unknown key", NULL);
}

static void read_id_kind(struct schema_draft *draft, struct resource *resource, const struct node *node)
{
    resource->id_kind = ID_UUID;
    if (!node)
        return;
    if (node->kind == NODE_SCALAR && slice_eq_text(node->text, "int"))
        resource->id_kind = ID_INT;
    else if (node->kind != NODE_SCALAR || !slice_eq_text(node->text, "uuid"))
        diag_at(draft->diag, node->place, NULL, "\"id\" must be int or uuid");
}

static enum error read_description(struct schema_draft *draft, struct resource *resource, const struct node *node)
{
    if (!node)
        return OK;
    if (node->kind != NODE_SCALAR) {
        diag_at(draft->diag, node->place, NULL, "\"description\" must be a text, this is %s", node_kind_name(node));
        return OK;
    }
    resource->description = arena_text(draft->arena, node->text);
    return resource->description ? OK : ERROR_MEMORY;
}

static enum error declare_resource(struct schema_draft *draft, const struct node *node, size_t number)
{
    struct resource_draft *own = &draft->resources[number];
    struct resource *resource = &draft->schema->resources[number];
    own->resource = resource;
    own->node = node->kind == NODE_MAP ? node : NULL;
    resource->name = resource->table = node->key;
    resource->index = (unsigned)number;
    resource->place = node->key_place;
    schema_key_read(draft, own);
    draft->has_capitals = resource->is_adopted;
    (void)schema_name_check(draft, "resource", node);
    if (!own->node)
        diag_at(draft->diag, node->place, "write its fields under `fields:`",
                "resource \"%.*s\" must be a map, this is %s", SLICE_ARG(node->key), node_kind_name(node));
    else
        for (const struct node *section = node->first; section; section = section->next)
            check_section(draft, section);
    read_id_kind(draft, resource, node_find(own->node, "id"));
    TRY(read_description(draft, resource, node_find(own->node, "description")));
    resource->renamed_from = schema_name_before(draft, own->node, resource->name);
    enum error error = schema_field_declare(draft, own);
    draft->has_capitals = false;
    return error;
}

static enum error declare(struct schema_draft *draft, const struct node *resources)
{
    size_t count = resources ? resources->count : 0;
    draft->schema->resources = arena_array(draft->arena, count + 1, sizeof *draft->schema->resources);
    draft->resources = arena_array(draft->arena, count + 1, sizeof *draft->resources);
    if (!draft->schema->resources || !draft->resources)
        return ERROR_MEMORY;
    draft->schema->resource_count = count;
    size_t number = 0;
    for (const struct node *node = resources ? resources->first : NULL; node; node = node->next)
        TRY(declare_resource(draft, node, number++));
    return OK;
}

/* The resource that signs in is the first one with a password. */
static void find_account(struct schema *schema)
{
    for (size_t i = 0; i < schema->resource_count && !schema->account; i++)
        for (size_t j = 0; j < schema->resources[i].field_count; j++)
            if (schema->resources[i].fields[j].type.kind == FIELD_PASSWORD)
                schema->account = &schema->resources[i];
}

static enum error resolve(struct schema_draft *draft)
{
    size_t count = draft->schema->resource_count;
    for (size_t i = 0; i < count; i++)
        TRY(schema_field_resolve(draft, &draft->resources[i]));
    for (size_t i = 0; i < count; i++)
        schema_key_resolve(draft, &draft->resources[i]);
    find_account(draft->schema);
    TRY(schema_relation_resolve(draft));
    for (size_t i = 0; i < count; i++) {
        TRY(schema_index_resolve(draft, &draft->resources[i]));
        TRY(schema_access_resolve(draft, &draft->resources[i]));
        TRY(schema_index_search(draft, &draft->resources[i]));
    }
    return OK;
}

static const struct node *map_of(struct schema_draft *draft, const struct node *node, size_t most, const char *things)
{
    if (node_is_empty(node))
        return NULL;
    if (node->kind == NODE_MAP && node->count <= most)
        return node;
    if (node->kind == NODE_MAP)
        diag_at(draft->diag, node->key_place, NULL, "an app holds at most %zu %s", most, things);
    else
        diag_at(draft->diag, node->place, NULL, "\"%s\" must be a map, this is %s", things, node_kind_name(node));
    return NULL;
}

static enum error build(struct schema_draft *draft, const struct schema_source *source)
{
    size_t before = draft->diag->count;
    const struct node *resources = map_of(draft, source->resources, SCHEMA_RESOURCES_MAX, "resources");
    if (draft->diag->count > before)
        return OK;
    const struct node *actions = map_of(draft, source->actions, SCHEMA_ACTIONS_MAX, "actions");
    draft->role_map = map_of(draft, source->roles, SCHEMA_ROLES_MAX, "roles");
    draft->permissions = (struct permission_list){.arena = draft->arena, .schema = draft->schema};
    TRY(declare(draft, resources));
    TRY(schema_role_declare(draft));
    TRY(permission_declare(&draft->permissions, actions));
    TRY(resolve(draft));
    TRY(action_build(draft, actions));
    return schema_role_resolve(draft);
}

enum error schema_build(const struct schema_source *source, struct arena *arena, struct diag *diag, struct schema **out)
{
    struct schema_draft draft = {.arena = arena, .diag = diag, .naming = source->naming};
    size_t before = diag->count;
    draft.schema = arena_zalloc(arena, sizeof *draft.schema);
    if (!draft.schema)
        return ERROR_MEMORY;
    enum error error = build(&draft, source);
    if (error == OK && diag->count != before)
        error = ERROR_VALIDATION;
    if (error != OK) {
        schema_build_release(draft.schema);
        return error;
    }
    *out = draft.schema;
    return OK;
}

void schema_build_release(const struct schema *schema)
{
    for (const struct schema_pattern *pattern = schema ? schema->patterns : NULL; pattern; pattern = pattern->next)
        regex_destroy(pattern->regex);
}

bool schema_build_is_name(const char *what, struct slice name)
{
    return schema_name_is_free(what, name);
}
