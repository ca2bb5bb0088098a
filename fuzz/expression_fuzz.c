/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: whatever the text, parsing and checking it over a fixed schema end with an answer; what was parsed is
 * the same tree when it is written and read again; what was checked compiles, evaluates, and is never decided against
 * its own evaluation. The first byte chooses the use. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "model/expr_node.h"

enum { MEMORY = 8 << 20, FIELDS = 9 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* items: id name status(enum) size(int) price(decimal) due(datetime) open(bool) tags(list) owner(-> items). */
struct world {
    struct field fields[FIELDS];
    struct relation relation;
    struct resource resource;
    struct schema schema;
};

static void make_world(struct world *world)
{
    static const char *const names[] = {"id", "name", "status", "size", "price", "due", "open", "tags", "owner"};
    static const enum field_type kinds[] = {FIELD_UUID,     FIELD_TEXT, FIELD_ENUM, FIELD_INT,      FIELD_DECIMAL,
                                            FIELD_DATETIME, FIELD_BOOL, FIELD_LIST, FIELD_REFERENCE};
    static const struct slice choices[] = {SLICE_INIT("draft"), SLICE_INIT("active")};
    static const struct type element = {.kind = FIELD_TEXT};
    *world = (struct world){.resource = {.name = SLICE_INIT("items"), .field_count = FIELDS, .relation_count = 1}};
    for (unsigned i = 0; i < FIELDS; i++) {
        struct field *field = &world->fields[i];
        *field = (struct field){.name = slice_from(names[i]), .json_name = slice_from(names[i]), .index = i};
        field->type =
            (struct type){.kind = kinds[i], .precision = 18, .scale = 2, .choices = choices, .choice_count = 2};
        field->type.target = &world->resource;
        field->type.element = &element;
    }
    world->relation = (struct relation){SLICE("parts"), &world->resource, &world->fields[8]};
    world->resource.fields = world->resource.id = world->fields;
    world->resource.relations = &world->relation;
    static const struct rule everybody;
    world->resource.access[ACTION_READ] = (struct access){.rules = &everybody, .count = 1};
    world->schema = (struct schema){.resources = &world->resource, .resource_count = 1, .account = &world->resource};
}

static bool is_same(const struct expr_node *a, const struct expr_node *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind || a->before_us != b->before_us || !slice_eq(a->text, b->text))
        return a->kind == EXPR_NOW && b->kind == EXPR_NOW && a->before_us == b->before_us;
    for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
        if (!is_same(a, b))
            return false;
    return a == b;
}

static void check_round_trip(const struct expr *expr, struct arena *arena)
{
    struct buf buf;
    struct expr *again;
    buf_init(&buf, MEMORY);
    expr_format(expr, &buf);
    if (buf.len <= EXPR_TEXT_MAX) {
        enum error error = expr_parse(buf_slice(&buf), (struct place){.file = NULL}, arena, NULL, &again);
        CHECK(error == OK, "a formatted expression is an expression");
        CHECK(is_same(expr->root, again->root), "a formatted expression has the same tree");
    }
    buf_fini(&buf);
}

static struct value nothing(const void *state, const struct field *field)
{
    return VALUE_NOTHING;
}

static void check_uses(const struct expr *expr, enum expr_use use, struct arena *arena)
{
    const struct expr_context context = {.caller = NULL, .now_us = 1767830400000000};
    const struct expr_row row = {.value = nothing};
    unsigned next_alias = 1;
    struct sql sql;
    sql_init(&sql, arena, DIALECT_SQLITE);
    if (use == EXPR_CONDITION)
        expr_compile_condition(expr, &sql);
    else
        expr_compile(expr, &context, 0, &next_alias, &sql);
    CHECK(sql_finish(&sql) == OK, "a checked expression compiles");
    enum expr_verdict verdict = expr_decide(expr, &context);
    bool is_true = expr_eval(expr, &context, &row);
    CHECK(verdict == EXPR_UNDECIDED || is_true == (verdict == EXPR_TRUE), "no row contradicts what was decided");
    sql_fini(&sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    struct world world;
    struct arena arena;
    struct diag diag;
    struct expr *expr;
    enum expr_use use = (enum expr_use)(bytes[0] % 4);
    struct slice text = slice_of((const char *)bytes + 1, size - 1);
    make_world(&world);
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    const struct place place = {.file = use == EXPR_FILTER ? NULL : "app.yaml", .line = 1, .column = 1};
    enum error error = expr_parse(text, place, &arena, &diag, &expr);
    CHECK((error == OK) == (diag.count == 0), "a refusal says why");
    if (error == OK) {
        check_round_trip(expr, &arena);
        const struct expr_scope scope = {&world.schema, &world.resource, use, use == EXPR_RULE};
        error = expr_check(expr, &scope, &diag);
        CHECK((error == OK) == (diag.count == 0), "a refusal says why");
        if (error == OK)
            check_uses(expr, use, &arena);
    }
    arena_fini(&arena);
    return 0;
}
