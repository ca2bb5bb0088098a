/* SPDX-License-Identifier: Apache-2.0 */
/* Access rules: who may do what with a resource.
 *
 * `all` stands for the four actions, `write` for create, update and delete; the more specific wins, and what is not
 * given is nobody's. A rule is `true`, `false`, an expression, or {when: …, fields: […]}. One rule that stands for
 * several actions is one expression, checked once; `input` is known only to a rule of create or update alone.
 *
 * What nobody may do because nothing was said is a warning; `false` says it, and is none. */
#include "base/suggest.h"
#include "model/expr.h"
#include "model/schema_draft.h"

/* The keys, least specific first. */
static const struct access_key {
    const char *name;
    unsigned actions; /* bit set over enum action */
} access_keys[] = {
    {"all", 1 << ACTION_READ | 1 << ACTION_CREATE | 1 << ACTION_UPDATE | 1 << ACTION_DELETE},
    {"write", 1 << ACTION_CREATE | 1 << ACTION_UPDATE | 1 << ACTION_DELETE},
    {"read", 1 << ACTION_READ},
    {"create", 1 << ACTION_CREATE},
    {"update", 1 << ACTION_UPDATE},
    {"delete", 1 << ACTION_DELETE},
};
static const char *const action_names[] = {"read", "create", "update", "delete"};

struct rule {
    struct schema_draft *draft;
    struct resource *resource;
    const struct access_key *key;
    struct access access;
};

static enum error read_expression(struct rule *rule, const struct node *node)
{
    unsigned actions = rule->key->actions;
    struct expr_scope scope = {.schema = rule->draft->schema,
                               .resource = rule->resource,
                               .use = EXPR_RULE,
                               .has_input = actions == 1 << ACTION_CREATE || actions == 1 << ACTION_UPDATE};
    struct expr *allow = NULL;
    if (node->is_broken)
        return OK;
    if (node->kind != NODE_SCALAR || node_is_empty(node)) {
        diag_at(rule->draft->diag, node->place, "write true, false or an expression",
                "a rule must be an expression, this is %s", node_kind_name(node));
        return OK;
    }
    rule->access.is_given = !slice_eq_text(node->text, "false");
    if (!rule->access.is_given || slice_eq_text(node->text, "true"))
        return OK;
    TRY(schema_build_expr(rule->draft, node, &scope, &allow));
    rule->access.allow = allow;
    return OK;
}

static void allow_field(struct rule *rule, const struct node *node, uint64_t *bits)
{
    struct slice name = node->kind == NODE_SCALAR ? node->source : SLICE("");
    const struct field *field = resource_find_field(rule->resource, name);
    bool is_write = (rule->key->actions & 1 << ACTION_READ) == 0;
    if (!field)
        schema_name_unknown_field(rule->draft, rule->resource, name, node->place);
    else if (is_write && field_is(field, FIELD_READONLY))
        diag_at(rule->draft->diag, node->place, NULL, "field \"%.*s\" is set by the server and cannot be written",
                SLICE_ARG(name));
    else if (!is_write && field_is(field, FIELD_HIDDEN) && rule->key->actions == 1 << ACTION_READ)
        diag_at(rule->draft->diag, node->place, NULL, "field \"%.*s\" is hidden and cannot be read", SLICE_ARG(name));
    else
        bits[field->index / 64] |= UINT64_C(1) << (field->index % 64);
}

static enum error read_fields(struct rule *rule, const struct node *node)
{
    if (!node)
        return OK;
    if (rule->key->actions == 1 << ACTION_DELETE) {
        diag_at(rule->draft->diag, node->key_place, NULL, "\"fields\" is not for delete");
        return OK;
    }
    if (node->kind != NODE_LIST || node->count == 0) {
        diag_at(rule->draft->diag, node->place, "write fields: [name, status]", "\"fields\" must be a list of fields");
        return OK;
    }
    uint64_t *bits = arena_array(rule->draft->arena, rule->resource->field_count / 64 + 1, sizeof *bits);
    if (!bits)
        return ERROR_MEMORY;
    for (const struct node *item = node->first; item; item = item->next)
        allow_field(rule, item, bits);
    rule->access.fields = bits;
    return OK;
}

static enum error read_rule(struct rule *rule, const struct node *node)
{
    rule->access = (struct access){.place = node->key_place};
    if (node->kind != NODE_MAP)
        return read_expression(rule, node);
    for (const struct node *key = node->first; key; key = key->next) {
        struct suggest suggest;
        suggest_init(&suggest, key->key);
        suggest_offer_text(&suggest, "when");
        suggest_offer_text(&suggest, "fields");
        if (!slice_eq_text(key->key, "when") && !slice_eq_text(key->key, "fields"))
            suggest_report(&suggest, rule->draft->diag, key->key_place, "unknown key", "a rule has: when, fields");
    }
    const struct node *when = node_find(node, "when");
    rule->access.is_given = true;
    if (when)
        TRY(read_expression(rule, when));
    return read_fields(rule, node_find(node, "fields"));
}

static void check_keys(struct schema_draft *draft, const struct node *map)
{
    for (const struct node *node = map->first; node; node = node->next) {
        struct suggest suggest;
        suggest_init(&suggest, node->key);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(access_keys); i++) {
            is_known = is_known || slice_eq_text(node->key, access_keys[i].name);
            suggest_offer_text(&suggest, access_keys[i].name);
        }
        if (!is_known)
            suggest_report(&suggest, draft->diag, node->key_place, "unknown action",
                           "actions are all, write, read, create, update, delete");
    }
}

static void warn(struct schema_draft *draft, const struct resource *resource, unsigned said)
{
    char actions[64] = "";
    size_t length = 0;
    for (unsigned action = 0; action < ACTION_COUNT; action++) {
        if (said & 1u << action || (resource->is_view && action != ACTION_READ))
            continue;
        struct slice name = slice_from(action_names[action]);
        memcpy(actions + length, length ? ", " : "", length ? 2 : 0);
        length += length ? 2 : 0;
        memcpy(actions + length, name.ptr, name.len);
        length += name.len;
    }
    if (length > 0)
        diag_warn(draft->diag, resource->place,
                  "add rules under `access:`, such as `read: true`; `false` says it is meant",
                  "resource \"%.*s\": nobody may %s", SLICE_ARG(resource->name), actions);
}

enum error schema_access_resolve(struct schema_draft *draft, struct resource_draft *own)
{
    const struct node *map = node_find(own->node, "access");
    struct rule rule = {.draft = draft, .resource = own->resource};
    unsigned said = 0;
    if (!own->node)
        return OK;
    if (map && map->kind != NODE_MAP && !node_is_empty(map)) {
        diag_at(draft->diag, map->place, "write {all: true}", "\"access\" must be a map, this is %s",
                node_kind_name(map));
        return OK;
    }
    if (map && map->kind == NODE_MAP)
        check_keys(draft, map);
    for (size_t i = 0; i < ARRAY_LEN(access_keys); i++) {
        const struct node *node = node_find(map, access_keys[i].name);
        if (!node)
            continue;
        rule.key = &access_keys[i];
        TRY(read_rule(&rule, node));
        for (unsigned action = 0; action < ACTION_COUNT; action++)
            if (access_keys[i].actions & 1u << action)
                own->resource->access[action] = rule.access;
        said |= access_keys[i].actions;
    }
    warn(draft, own->resource, said);
    return OK;
}
