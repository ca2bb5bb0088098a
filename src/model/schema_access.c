/* SPDX-License-Identifier: Apache-2.0 */
/* Access rules: who may do what with a resource.
 *
 * `all` stands for the four actions, `write` for create, update and delete; the more specific wins, and what is not
 * given is nobody's. A rule is `true`, `false`, an expression, or {for: …, when: …, fields: […]}, or a list of those:
 * the first whose `for` holds for the caller is theirs, and where none does they may do nothing. One rule that stands
 * for several actions is one expression, checked once; `input` is known only to a rule of create or update alone.
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

struct reader {
    struct schema_draft *draft;
    struct resource *resource;
    const struct access_key *key;
    struct rule rule;
};

static enum error build(struct reader *reader, const struct node *node, const struct expr_scope *scope,
                        const struct expr **out)
{
    struct expr *expr = NULL;
    reader->rule.is_secret = reader->rule.is_secret || node->is_secret;
    if (node->is_broken)
        return OK;
    if (node->kind != NODE_SCALAR || node_is_empty(node)) {
        diag_at(reader->draft->diag, node->place, "write true, false or an expression",
                "a rule must be an expression, this is %s", node_kind_name(node));
        return OK;
    }
    if (slice_eq_text(node->text, "true"))
        return OK;
    TRY(schema_build_expr(reader->draft, node, scope, &expr));
    *out = expr;
    return OK;
}

static enum error read_whose(struct reader *reader, const struct node *node)
{
    const struct expr_scope scope = {.schema = reader->draft->schema,
                                     .resource = reader->resource,
                                     .use = EXPR_CALLER,
                                     .asked = &reader->draft->permissions};
    return node ? build(reader, node, &scope, &reader->rule.whose) : OK;
}

static enum error read_allow(struct reader *reader, const struct node *node)
{
    unsigned actions = reader->key->actions;
    const struct expr_scope scope = {.schema = reader->draft->schema,
                                     .resource = reader->resource,
                                     .use = EXPR_RULE,
                                     .has_input = actions == 1 << ACTION_CREATE || actions == 1 << ACTION_UPDATE,
                                     .asked = &reader->draft->permissions};
    reader->rule.is_denial = node->kind == NODE_SCALAR && slice_eq_text(node->text, "false");
    return reader->rule.is_denial ? OK : build(reader, node, &scope, &reader->rule.allow);
}

static void allow_field(struct reader *reader, const struct node *node, uint64_t *bits)
{
    struct slice name = node->kind == NODE_SCALAR ? node->source : SLICE("");
    const struct field *field = resource_find_field(reader->resource, name);
    bool is_write = (reader->key->actions & 1 << ACTION_READ) == 0;
    if (!field)
        schema_name_unknown_field(reader->draft, reader->resource, name, node->place);
    else if (is_write && field_is(field, FIELD_READONLY))
        diag_at(reader->draft->diag, node->place, NULL, "field \"%.*s\" is set by the server and cannot be written",
                SLICE_ARG(name));
    else if (!is_write && field_is(field, FIELD_HIDDEN) && reader->key->actions == 1 << ACTION_READ)
        diag_at(reader->draft->diag, node->place, NULL, "field \"%.*s\" is hidden and cannot be read", SLICE_ARG(name));
    else
        bits[field->index / 64] |= UINT64_C(1) << (field->index % 64);
}

static enum error read_fields(struct reader *reader, const struct node *node)
{
    if (!node)
        return OK;
    if (reader->key->actions == 1 << ACTION_DELETE) {
        diag_at(reader->draft->diag, node->key_place, NULL, "\"fields\" is not for delete");
        return OK;
    }
    if (node->kind != NODE_LIST || node->count == 0) {
        diag_at(reader->draft->diag, node->place, "write fields: [name, status]",
                "\"fields\" must be a list of fields");
        return OK;
    }
    uint64_t *bits = arena_array(reader->draft->arena, reader->resource->field_count / 64 + 1, sizeof *bits);
    if (!bits)
        return ERROR_MEMORY;
    for (const struct node *item = node->first; item; item = item->next)
        allow_field(reader, item, bits);
    reader->rule.fields = bits;
    return OK;
}

static void check_rule_keys(struct reader *reader, const struct node *map)
{
    static const char *const known[] = {"for", "when", "fields"};
    for (const struct node *key = map->first; key; key = key->next) {
        struct suggest suggest;
        bool is_known = false;
        suggest_init(&suggest, key->key);
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
            is_known = is_known || slice_eq_text(key->key, known[i]);
            suggest_offer_text(&suggest, known[i]);
        }
        if (!is_known)
            suggest_report(&suggest, reader->draft->diag, key->key_place, "unknown key",
                           "a rule has: for, when, fields");
    }
}

static enum error read_rule(struct reader *reader, const struct node *node, struct place place)
{
    reader->rule = (struct rule){.place = place};
    if (node->kind != NODE_MAP)
        return read_allow(reader, node);
    check_rule_keys(reader, node);
    const struct node *when = node_find(node, "when");
    TRY(read_whose(reader, node_find(node, "for")));
    if (when)
        TRY(read_allow(reader, when));
    return read_fields(reader, node_find(node, "fields"));
}

static bool is_for_all(const struct node *rule)
{
    const struct node *whose = node_find(rule, "for");
    return !whose || (whose->kind == NODE_SCALAR && slice_eq_text(whose->text, "true"));
}

/* One rule, or a list of them, of which each is for whom those before it were not. */
static enum error read_rules(struct reader *reader, const struct node *node, struct access *out)
{
    bool is_list = node->kind == NODE_LIST;
    const struct node *item = is_list ? node->first : node;
    struct rule *rules = arena_array(reader->draft->arena, is_list ? node->count + 1 : 1, sizeof *rules);
    if (!rules)
        return ERROR_MEMORY;
    if (is_list && (node->count == 0 || node->count > RESOURCE_RULES_MAX)) {
        diag_at(reader->draft->diag, node->place, NULL, "a list of rules holds 1 to %d of them", RESOURCE_RULES_MAX);
        return OK;
    }
    bool is_behind_all = false;
    *out = (struct access){.rules = rules};
    for (; item; item = is_list ? item->next : NULL) {
        TRY(read_rule(reader, item, is_list ? item->place : item->key_place));
        if (is_behind_all)
            diag_warn(reader->draft->diag, item->place, "give that one `for:`, or put it last",
                      "this rule is never asked: one before it is for everybody");
        rules[out->count++] = reader->rule;
        is_behind_all = is_behind_all || is_for_all(item);
    }
    return OK;
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

/* "create, update", of a set over enum action; false: it is empty. */
static bool list_actions(unsigned set, char actions[64])
{
    size_t length = 0;
    for (unsigned action = 0; action < ACTION_COUNT; action++) {
        if (!(set & 1u << action))
            continue;
        struct slice name = slice_from(schema_action_name(action));
        memcpy(actions + length, length ? ", " : "", length ? 2 : 0);
        length += length ? 2 : 0;
        memcpy(actions + length, name.ptr, name.len);
        length += name.len;
    }
    actions[length] = '\0';
    return length > 0;
}

static bool has_password(const struct resource *resource)
{
    for (size_t i = 0; i < resource->field_count; i++)
        if (resource->fields[i].type.kind == FIELD_PASSWORD)
            return true;
    return false;
}

static const unsigned writes = 1 << ACTION_CREATE | 1 << ACTION_UPDATE | 1 << ACTION_DELETE;

/* What nobody may, and what everybody may without being asked who they are; but signing up is for strangers. */
static void warn(struct schema_draft *draft, const struct resource *resource, unsigned said, unsigned open)
{
    char actions[64];
    unsigned possible = resource->is_view ? 1u << ACTION_READ : writes | 1u << ACTION_READ;
    if (list_actions(possible & ~said, actions))
        diag_warn(draft->diag, resource->place,
                  "add rules under `access:`, such as `read: true`; `false` says it is meant",
                  "resource \"%.*s\": nobody may %s", SLICE_ARG(resource->name), actions);
    if (list_actions(possible & open & (has_password(resource) ? ~(1u << ACTION_CREATE) : ~0u), actions))
        diag_warn(draft->diag, resource->place,
                  "say who, as in `role(\"admin\")` or `owner == auth.id`; `{when: true}` says it is meant",
                  "resource \"%.*s\": anyone may %s", SLICE_ARG(resource->name), actions);
}

enum error schema_access_resolve(struct schema_draft *draft, struct resource_draft *own)
{
    const struct node *map = node_find(own->node, "access");
    struct reader reader = {.draft = draft, .resource = own->resource};
    unsigned said = 0, open = 0;
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
        struct access access = {.count = 0};
        reader.key = &access_keys[i];
        TRY(read_rules(&reader, node, &access));
        for (unsigned action = 0; action < ACTION_COUNT; action++)
            if (access_keys[i].actions & 1u << action)
                own->resource->access[action] = access;
        said |= access_keys[i].actions;
        bool is_open = node->kind == NODE_SCALAR && slice_eq_text(node->text, "true");
        open = is_open ? open | (access_keys[i].actions & writes) : open & ~access_keys[i].actions;
    }
    warn(draft, own->resource, said, open);
    return OK;
}
