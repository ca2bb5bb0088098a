/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: names with patterns over permissions.
 *
 * They are declared before any expression is read, which may ask role("…"), and say what they hold when all have been
 * read, because can("…") anywhere makes a permission. A role is given to an account by its field `role`, so where that
 * is an enum its values and the roles should be the same; what only one of them has is a warning. */
#include "base/suggest.h"
#include "model/expr.h"
#include "model/permission.h"
#include "model/policy.h"
#include "model/schema_draft.h"

enum { ROLE_BYTES_MAX = 60, PATTERNS_MAX = 200 };

/* What may stand in a token, a database and a line of a log. */
static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-')))
            return false;
    }
    return name.len > 0 && name.len <= ROLE_BYTES_MAX;
}

static enum error read_patterns(struct schema_draft *draft, const struct node *list, struct role *role)
{
    struct slice *patterns = arena_array(draft->arena, list->count + 1, sizeof *patterns);
    if (!patterns)
        return ERROR_MEMORY;
    role->patterns = patterns;
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->is_broken)
            continue;
        if (item->kind != NODE_SCALAR || !permission_is_pattern(item->text))
            diag_at(draft->diag, item->place, "write \"*\", or a resource and what may be done: \"markets:*\"",
                    item->kind == NODE_SCALAR ? "%s is no permission" : "a permission must be a text",
                    item->kind == NODE_SCALAR ? node_shown(item, draft->diag) : "");
        else
            patterns[role->pattern_count++] = item->text;
    }
    return OK;
}

static enum error declare(struct schema_draft *draft, const struct node *node, struct role *role)
{
    *role = (struct role){.name = node->key, .place = node->key_place};
    if (!is_name(node->key))
        diag_at(draft->diag, node->key_place, "letters, digits, _ and -, a letter first; at most 60",
                "role %s: not a name", diag_quote(draft->diag, node->key));
    if (node_is_empty(node))
        return OK;
    if (node->kind == NODE_LIST && node->count <= PATTERNS_MAX)
        return read_patterns(draft, node, role);
    diag_at(draft->diag, node->place, "write what it may do: [\"markets:*\", \"positions:read\"]",
            "role \"%.*s\" must be a list of at most %d permissions", SLICE_ARG(node->key), PATTERNS_MAX);
    return OK;
}

enum error schema_role_declare(struct schema_draft *draft)
{
    size_t count = draft->role_map ? draft->role_map->count : 0;
    draft->roles = arena_array(draft->arena, count + 1, sizeof *draft->roles);
    if (!draft->roles)
        return ERROR_MEMORY;
    draft->schema->roles = draft->roles;
    for (const struct node *node = count > 0 ? draft->role_map->first : NULL; node; node = node->next)
        TRY(declare(draft, node, &draft->roles[draft->schema->role_count++]));
    return OK;
}

static void warn_of_pattern(struct schema_draft *draft, const struct node *item)
{
    const struct schema *schema = draft->schema;
    struct suggest suggest;
    suggest_init(&suggest, item->text);
    for (size_t i = 0; i < schema->permission_count; i++) {
        struct slice first = schema->permissions[i], rest = first;
        slice_split(&rest, ':', &first);
        const char *all = arena_printf(draft->arena, "%.*s:*", SLICE_ARG(first));
        suggest_offer(&suggest, schema->permissions[i]);
        suggest_offer_text(&suggest, all ? all : "");
    }
    const char *hint = "a permission is named after a resource, or by can() in a rule";
    if (suggest.best.ptr)
        hint = arena_printf(draft->arena, "did you mean \"%.*s\"?", SLICE_ARG(suggest.best));
    diag_warn(draft->diag, item->place, hint, "nothing asks for %s", node_shown(item, draft->diag));
}

static void check_pattern(struct schema_draft *draft, const struct node *item)
{
    const struct schema *schema = draft->schema;
    if (item->kind != NODE_SCALAR || item->is_broken || !permission_is_pattern(item->text))
        return;
    for (size_t i = 0; i < schema->permission_count; i++)
        if (permission_matches(item->text, schema->permissions[i]))
            return;
    if (!slice_eq_text(item->text, "*"))
        warn_of_pattern(draft, item);
}

static enum error hold(struct schema_draft *draft, struct role *role)
{
    uint64_t *set = arena_array(draft->arena, permission_words(draft->schema), sizeof *set);
    if (!set)
        return ERROR_MEMORY;
    for (size_t i = 0; i < role->pattern_count; i++)
        permission_add(draft->schema, role->patterns[i], set);
    role->permissions = set;
    return OK;
}

/* The field that says which role an account has, where it is an enum. */
static const struct field *find_choices(const struct schema *schema)
{
    const struct field *field = schema->account ? resource_find_field(schema->account, SLICE("role")) : NULL;
    return field && field->type.kind == FIELD_ENUM ? field : NULL;
}

static void warn_of_choices(struct schema_draft *draft, const struct field *field)
{
    const struct schema *schema = draft->schema;
    for (size_t i = 0; i < schema->role_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < field->type.choice_count; j++)
            is_there = is_there || slice_eq(field->type.choices[j], schema->roles[i].name);
        if (!is_there)
            diag_warn(draft->diag, schema->roles[i].place, NULL,
                      "no account can have the role \"%.*s\": \"role\" of \"%.*s\" has no such value",
                      SLICE_ARG(schema->roles[i].name), SLICE_ARG(schema->account->name));
    }
    for (size_t j = 0; j < field->type.choice_count; j++)
        if (!permission_role(schema, field->type.choices[j]))
            diag_warn(draft->diag, field->place, "declare it under `roles:`; [] says that it holds nothing",
                      "the role \"%.*s\" is not declared", SLICE_ARG(field->type.choices[j]));
}

/* Whether somebody without any role may write the field, as far as can be said before a row is seen. */
static bool is_open(const struct resource *account, enum action action, const struct field *field)
{
    const struct caller caller = {.is_signed_in = true, .id = value_text(SLICE("somebody"))};
    const struct expr_context context = {.caller = &caller};
    if (field_is(field, FIELD_READONLY) || (action == ACTION_UPDATE && field_is(field, FIELD_IMMUTABLE)))
        return false;
    return policy_decide(account, action, &context) != POLICY_DENY && policy_field(account, action, &context, field);
}

static void warn_of_writing(struct schema_draft *draft)
{
    const struct resource *account = draft->schema->account;
    const struct field *field = account ? resource_find_field(account, SLICE("role")) : NULL;
    if (!field || draft->diag->count > 0) /* a rule that is wrong says nothing */
        return;
    bool is_created = is_open(account, ACTION_CREATE, field), is_updated = is_open(account, ACTION_UPDATE, field);
    if (is_created || is_updated)
        diag_warn(draft->diag, field->place, "make it readonly, or leave it out of the `fields:` of that rule",
                  "who may %s an account may give it any role", is_created ? "create" : "update");
}

enum error schema_role_resolve(struct schema_draft *draft)
{
    const struct field *field = find_choices(draft->schema);
    for (size_t i = 0; i < draft->schema->role_count; i++)
        TRY(hold(draft, &draft->roles[i]));
    for (const struct node *node = draft->role_map ? draft->role_map->first : NULL; node; node = node->next)
        for (const struct node *item = node->kind == NODE_LIST ? node->first : NULL; item; item = item->next)
            check_pattern(draft, item);
    if (field && draft->schema->role_count > 0)
        warn_of_choices(draft, field);
    if (draft->schema->role_count > 0)
        warn_of_writing(draft);
    return OK;
}
