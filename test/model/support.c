/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the model's tests, written as rows of a table. */
#include "model/support.h"

#include <stdint.h>

#include "base/bits.h"
#include "base/buf.h"
#include "base/check.h"

static const struct slice roles[] = {SLICE_INIT("user"), SLICE_INIT("manager"), SLICE_INIT("admin")};
static const struct slice states[] = {SLICE_INIT("draft"), SLICE_INIT("active"), SLICE_INIT("closed")};
static const struct type text_element = {.kind = FIELD_TEXT, .max = 100};
static const struct type int_element = {.kind = FIELD_INT, .min = INT64_MIN, .max = INT64_MAX};
static const struct type email_element = {.kind = FIELD_EMAIL, .max = 100};
static const struct type decimal_element = {.kind = FIELD_DECIMAL, .precision = 9, .scale = 2};

enum { FIELDS_MAX = 24, RELATIONS_MAX = 4 };

struct row {
    unsigned resource;
    const char *name, *json_name;
    enum field_type kind;
    unsigned flags;
    unsigned precision, scale;
    int target; /* of a reference */
    const struct type *element;
};

static const char *const resource_names[] = {"users", "teams", "members", "markets", "positions"};

#define USERS     SUPPORT_USERS
#define TEAMS     SUPPORT_TEAMS
#define MEMBERS   SUPPORT_MEMBERS
#define MARKETS   SUPPORT_MARKETS
#define POSITIONS SUPPORT_POSITIONS

static const struct row rows[] = {
    {USERS, "id", "id", FIELD_UUID, FIELD_SYSTEM},
    {USERS, "name", "name", FIELD_TEXT},
    {USERS, "secret", "secret", FIELD_TEXT, FIELD_HIDDEN},
    {USERS, "password", "password", FIELD_PASSWORD},
    {USERS, "email", "email", FIELD_EMAIL},
    {USERS, "role", "role", FIELD_ENUM},
    {USERS, "level", "level", FIELD_INT},
    {USERS, "score", "score", FIELD_FLOAT},
    {USERS, "active", "active", FIELD_BOOL},
    {USERS, "born", "born", FIELD_DATE},
    {USERS, "team", "team", FIELD_REFERENCE, .target = TEAMS},
    {TEAMS, "id", "id", FIELD_UUID, FIELD_SYSTEM},
    {TEAMS, "name", "name", FIELD_TEXT},
    {TEAMS, "owner", "owner", FIELD_REFERENCE, .target = USERS},
    {MEMBERS, "id", "id", FIELD_UUID, FIELD_SYSTEM},
    {MEMBERS, "team", "team", FIELD_REFERENCE, .target = TEAMS},
    {MEMBERS, "user", "user", FIELD_REFERENCE, .target = USERS},
    {MARKETS, "id", "id", FIELD_UUID, FIELD_SYSTEM},
    {MARKETS, "name", "name", FIELD_TEXT},
    {MARKETS, "note", "note", FIELD_TEXT, FIELD_HIDDEN},
    {MARKETS, "status", "status", FIELD_ENUM},
    {MARKETS, "volume", "volume", FIELD_DECIMAL, .precision = 18, .scale = 2},
    {MARKETS, "fee", "fee", FIELD_DECIMAL, .precision = 8, .scale = 4},
    {MARKETS, "clicks", "clicks", FIELD_INT},
    {MARKETS, "rating", "rating", FIELD_FLOAT},
    {MARKETS, "is_open", "isOpen", FIELD_BOOL},
    {MARKETS, "opens_on", "opensOn", FIELD_DATE},
    {MARKETS, "closes_at", "closesAt", FIELD_DATETIME},
    {MARKETS, "contact", "contact", FIELD_EMAIL},
    {MARKETS, "site", "site", FIELD_URL},
    {MARKETS, "code", "code", FIELD_UUID},
    {MARKETS, "tags", "tags", FIELD_LIST, .element = &text_element},
    {MARKETS, "sizes", "sizes", FIELD_LIST, .element = &int_element},
    {MARKETS, "mails", "mails", FIELD_LIST, .element = &email_element},
    {MARKETS, "prices", "prices", FIELD_LIST, .element = &decimal_element},
    {MARKETS, "meta", "meta", FIELD_JSON},
    {MARKETS, "creator", "creator", FIELD_REFERENCE, .target = USERS},
    {POSITIONS, "id", "id", FIELD_INT, FIELD_SYSTEM},
    {POSITIONS, "market", "market", FIELD_REFERENCE, .target = MARKETS},
    {POSITIONS, "user", "user", FIELD_REFERENCE, .target = USERS},
    {POSITIONS, "size", "size", FIELD_INT},
};

static void add_field(struct support *support, struct field *fields, const struct row *row)
{
    struct resource *resource = &support->resources[row->resource];
    struct field *field = &fields[row->resource * FIELDS_MAX + resource->field_count];
    CHECK(resource->field_count < FIELDS_MAX, "the rows of a resource fit its fields");
    *field = (struct field){.name = slice_from(row->name), .json_name = slice_from(row->json_name)};
    field->column = field->name;
    field->index = (unsigned)resource->field_count++;
    field->flags = row->flags;
    field->type = (struct type){.kind = row->kind, .min = INT64_MIN, .max = INT64_MAX, .element = row->element};
    field->type.precision = row->precision;
    field->type.scale = row->scale;
    if (row->kind == FIELD_REFERENCE)
        field->type.target = &support->resources[row->target];
    if (row->kind == FIELD_ENUM) {
        field->type.choices = row->resource == USERS ? roles : states;
        field->type.choice_count = 3;
    }
}

static void add_relation(struct support *support, struct relation *relations, unsigned to, unsigned from,
                         const char *via)
{
    struct resource *resource = &support->resources[to];
    const struct resource *other = &support->resources[from];
    relations[to * RELATIONS_MAX + resource->relation_count++] =
        (struct relation){.name = other->name, .from = other, .via = resource_find_field(other, slice_from(via))};
}

void support_init(struct support *support)
{
    *support = (struct support){.schema = {.resource_count = SUPPORT_RESOURCES}};
    arena_init(&support->arena, 64 * 1024 * 1024);
    diag_init(&support->diag, &support->arena);
    struct field *fields = arena_array(&support->arena, SUPPORT_RESOURCES * FIELDS_MAX, sizeof *fields);
    struct relation *relations = arena_array(&support->arena, SUPPORT_RESOURCES * RELATIONS_MAX, sizeof *relations);
    support->resources = arena_array(&support->arena, SUPPORT_RESOURCES, sizeof *support->resources);
    support->reads = arena_array(&support->arena, SUPPORT_RESOURCES, sizeof *support->reads);
    CHECK(fields && relations && support->resources && support->reads, "a test has memory");
    for (unsigned i = 0; i < SUPPORT_RESOURCES; i++) {
        support->resources[i] = (struct resource){.name = slice_from(resource_names[i]), .index = i};
        support->resources[i].fields = fields + i * FIELDS_MAX;
        support->resources[i].table = support->resources[i].name;
        support->resources[i].id = fields + i * FIELDS_MAX;
        support->resources[i].relations = relations + i * RELATIONS_MAX;
        support->resources[i].access[ACTION_READ] = (struct access){.rules = &support->reads[i], .count = 1};
    }
    support->resources[POSITIONS].id_kind = ID_INT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        add_field(support, fields, &rows[i]);
    add_relation(support, relations, TEAMS, MEMBERS, "team");
    add_relation(support, relations, TEAMS, USERS, "team");
    add_relation(support, relations, MARKETS, POSITIONS, "market");
    support->schema.resources = support->resources;
    support->schema.account = &support->resources[USERS];
    support->permissions = (struct permission_list){.arena = &support->arena, .schema = &support->schema};
    CHECK(permission_declare(&support->permissions, NULL) == OK, "a test has memory");
}

void support_fini(struct support *support)
{
    arena_fini(&support->arena);
}

void support_read_rule(struct support *support, unsigned resource, const char *rule)
{
    struct rule *read = &support->reads[resource];
    support->resources[resource].access[ACTION_READ].count = rule != NULL;
    read->allow = rule ? support_expr(support, resource, EXPR_RULE, rule) : NULL;
    CHECK(!rule || read->allow, "a rule of a test is right");
}

void support_rules(struct support *support, unsigned resource, enum action action, const struct rule *rules,
                   size_t count)
{
    support->resources[resource].access[action] = (struct access){.rules = rules, .count = count};
}

const uint64_t *support_fields(struct support *support, unsigned resource, const char *names)
{
    const struct resource *own = &support->resources[resource];
    uint64_t *set = arena_array(&support->arena, own->field_count / 64 + 1, sizeof *set);
    struct slice rest = slice_from(names), name;
    CHECK(set, "a test has memory");
    while (slice_split(&rest, ' ', &name)) {
        const struct field *field = resource_find_field(own, name);
        CHECK(field, "a field of a test exists");
        bits_add(set, field->index);
    }
    return set;
}

static const uint64_t *set_of(struct support *support, const char *patterns)
{
    uint64_t *set = arena_array(&support->arena, permission_words(&support->schema), sizeof *set);
    CHECK(set, "a test has memory");
    permission_add(&support->schema, slice_from(patterns), set);
    return set;
}

struct caller support_caller(struct support *support, const char *role, const char *held, const char *scopes)
{
    return (struct caller){.is_signed_in = true,
                           .id = value_text(SLICE("01890a5d-ac96-774b-bcce-b302099a8057")),
                           .role = role ? slice_from(role) : SLICE(""),
                           .held = set_of(support, held),
                           .scopes = scopes ? set_of(support, scopes) : NULL};
}

void support_clear(struct support *support)
{
    diag_init(&support->diag, &support->arena);
}

const char *support_report(const struct support *support)
{
    const struct diag_item *item = support->diag.first;
    if (!item)
        return "";
    if (!item->hint)
        return item->message;
    return arena_printf(support->diag.arena, "%s | %s", item->message, item->hint);
}

struct expr *support_expr(struct support *support, unsigned resource, enum expr_use use, const char *text)
{
    const struct expr_scope scope = {.schema = &support->schema,
                                     .resource = &support->resources[resource],
                                     .use = use,
                                     .asked = use == EXPR_FILTER ? NULL : &support->permissions};
    struct place place = {.file = use == EXPR_FILTER ? NULL : "app.yaml", .line = 1, .column = 1};
    struct expr *expr;
    if (expr_parse(slice_from(text), place, &support->arena, &support->diag, &expr) != OK)
        return NULL;
    return expr_check(expr, &scope, &support->diag) == OK ? expr : NULL;
}

static void put_tree(const struct expr_node *node, struct buf *buf)
{
    if (!expr_is_condition(node) && node->kind != EXPR_LIST) {
        expr_format_node(node, buf);
        return;
    }
    buf_put_byte(buf, '(');
    if (node->kind == EXPR_CALL)
        buf_put_slice(buf, node->text);
    else
        buf_put_text(buf, node->kind == EXPR_LIST ? "list" : expr_operator(node->kind));
    for (const struct expr_node *child = node->first; child; child = child->next) {
        buf_put_byte(buf, ' ');
        put_tree(child, buf);
    }
    buf_put_byte(buf, ')');
}

const char *support_tree(struct support *support, const struct expr *expr)
{
    struct buf buf;
    buf_init(&buf, 64 * 1024);
    put_tree(expr->root, &buf);
    const char *text = arena_text(&support->arena, buf_slice(&buf));
    buf_fini(&buf);
    return text;
}
