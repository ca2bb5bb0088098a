/* SPDX-License-Identifier: Apache-2.0 */
/* The property that holds the two ways of running an expression together: over random rows, random callers and random
 * expressions, the SQL on a real SQLite and the evaluation in memory give the same truth for every row. Also: what
 * expr_decide() says before a row is seen, no row contradicts.
 *
 * Values come from small pools, so that equality, ties, nulls and near misses are common. The seed is printed; give
 * another as TENON_SEED. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "data/sqlite_function.h"
#include "model/support.h"

enum { ROWS = 40, EXPRESSIONS = 1500, COLUMNS_MAX = 24, DEPTH_MAX = 4, TEXT_MAX = 3000 };

struct world {
    struct support support;
    sqlite3 *db;
    uint64_t random;
    struct row *rows[SUPPORT_RESOURCES]; /* ROWS each */
    char text[TEXT_MAX];
    size_t length;
    bool is_filter;
};

struct row {
    struct expr_row row;
    struct world *world;
    const struct resource *resource;
    struct value values[COLUMNS_MAX];
};

static uint64_t roll(struct world *world, uint64_t sides)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (world->random >> 11) % sides;
}

/* ---- values ---- */

static const char *const texts[] = {
    "",     "a",  "A",    "ab",  "Abc", "b",      "é",  "É",         "draft",      "x*y",
    "it's", "\\", "100%", "a_b", "--",  "active", "É*", "\" OR 1=1", "\U0001F600", "Grüße aus Köln"};
static const char *const mails[] = {"ann@x.org", "Ann@x.org", "ANN@X.ORG", "bob@y.org", "b", "z@z"};
static const char *const dates[] = {"2026-01-01", "2026-01-02", "2026-01-08", "2025-12-31", "0001-01-01", "9999-12-31"};
static const char *const times[] = {"2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000001Z",
                                    "2025-12-31T23:59:59.999999Z", "2026-01-02T00:00:00.000000Z",
                                    "2026-01-08T00:00:00.000000Z", "2026-06-01T12:00:00.000000Z"};
static const char *const text_lists[] = {"[]", "[\"a\"]", "[\"A\",\"b\"]", "[\"it's\",\"\\u00e9\",\"x\\\\y\"]",
                                         "[\"active\",\"a_b\",\"\"]"};
static const char *const int_lists[] = {"[]", "[0]", "[1,2,3]", "[-1,100,9223372036854775807]"};
static const char *const mail_lists[] = {"[]", "[\"Ann@x.org\"]", "[\"b\",\"BOB@y.org\"]"};
static const int64_t integers[] = {
    0, 1, 2, 3, -1, 100, 250, 12345, INT64_MAX, INT64_MIN, 1000000, -9007199254740993, 9007199254740993};
static const int64_t decimals[] = {0, 1, 100, 150, -100, 10000, 12345, 250000, 10000000, -150000, 999999999999999999};
static const double floats[] = {0.0, 1.0, 1.5, -1.0, 0.01, 2.5, 100.0, 9007199254740992.0, 1e300, -2.25};

#define PICK(world, pool) (pool)[roll(world, ARRAY_LEN(pool))]

static struct value uuid_value(struct world *world, unsigned resource, uint64_t number)
{
    return value_text(
        slice_from(arena_printf(&world->support.arena, "0000000%u-0000-7000-8000-%012" PRIu64, resource, number)));
}

static struct value id_value(struct world *world, unsigned resource, uint64_t number)
{
    if (world->support.resources[resource].id_kind == ID_INT)
        return value_int((int64_t)number);
    return uuid_value(world, resource, number);
}

static struct value list_value(struct world *world, const struct type *element)
{
    const char *text = "[]";
    if (element->kind == FIELD_TEXT)
        text = PICK(world, text_lists);
    else if (element->kind == FIELD_INT)
        text = PICK(world, int_lists);
    else if (element->kind == FIELD_EMAIL)
        text = PICK(world, mail_lists);
    return value_text(slice_from(text));
}

static struct value any_value(struct world *world, const struct type *type)
{
    switch (type->kind) {
    case FIELD_INT: return value_int(PICK(world, integers));
    case FIELD_DECIMAL: return value_int(PICK(world, decimals));
    case FIELD_FLOAT: return value_float(PICK(world, floats));
    case FIELD_BOOL: return value_int((int64_t)roll(world, 2));
    case FIELD_DATE: return value_text(slice_from(PICK(world, dates)));
    case FIELD_DATETIME: return value_text(slice_from(PICK(world, times)));
    case FIELD_EMAIL: return value_text(slice_from(PICK(world, mails)));
    case FIELD_ENUM: return value_text(type->choices[roll(world, type->choice_count)]);
    case FIELD_UUID: return uuid_value(world, 9, roll(world, 3));
    case FIELD_REFERENCE: return id_value(world, type->target->index, roll(world, ROWS + 2));
    case FIELD_LIST: return list_value(world, type->element);
    case FIELD_JSON: return value_text(SLICE("{}"));
    default: return value_text(slice_from(PICK(world, texts)));
    }
}

/* ---- rows in memory ---- */

static const struct row *row_of(const void *state)
{
    return state;
}

static struct value row_value(const void *state, const struct field *field)
{
    return row_of(state)->values[field->index];
}

static const struct expr_row *row_follow(const void *state, const struct field *reference)
{
    const struct row *row = row_of(state);
    const struct row *rows = row->world->rows[reference->type.target->index];
    struct value id = row->values[reference->index];
    for (size_t i = 0; i < ROWS; i++)
        if (id.kind == VALUE_INT ? rows[i].values[0].kind == VALUE_INT && rows[i].values[0].integer == id.integer
                                 : id.kind == VALUE_TEXT && slice_eq(rows[i].values[0].text, id.text))
            return &rows[i].row;
    return NULL;
}

static void make_rows(struct world *world, unsigned index)
{
    const struct resource *resource = &world->support.resources[index];
    struct row *rows = arena_array(&world->support.arena, ROWS, sizeof *rows);
    assert_non_null(rows);
    assert_true(resource->field_count <= COLUMNS_MAX);
    world->rows[index] = rows;
    for (unsigned i = 0; i < ROWS; i++) {
        rows[i].row = (struct expr_row){.value = row_value, .follow = row_follow, .state = &rows[i]};
        rows[i].world = world;
        rows[i].resource = resource;
        rows[i].values[0] = id_value(world, index, i);
        for (size_t j = 1; j < resource->field_count; j++)
            if (roll(world, 4) != 0)
                rows[i].values[j] = any_value(world, &resource->fields[j].type);
    }
}

/* ---- rows in SQLite ---- */

static void bind(sqlite3_stmt *statement, int at, struct value value)
{
    switch (value.kind) {
    case VALUE_INT: sqlite3_bind_int64(statement, at, value.integer); break;
    case VALUE_FLOAT: sqlite3_bind_double(statement, at, value.number); break;
    case VALUE_TEXT: sqlite3_bind_text(statement, at, value.text.ptr, (int)value.text.len, SQLITE_STATIC); break;
    default: sqlite3_bind_null(statement, at); break;
    }
}

static const char *column_type(const struct field *field)
{
    const struct type *type = &field->type;
    bool is_id = type->kind == FIELD_REFERENCE && type->target->id_kind == ID_INT;
    if (type->kind == FIELD_FLOAT)
        return "REAL";
    if (type->kind == FIELD_INT || type->kind == FIELD_DECIMAL || type->kind == FIELD_BOOL || is_id)
        return "INTEGER";
    return type->kind == FIELD_EMAIL ? "TEXT COLLATE NOCASE" : "TEXT";
}

static void make_table(struct world *world, unsigned index)
{
    const struct resource *resource = &world->support.resources[index];
    struct buf create, insert;
    sqlite3_stmt *statement;
    buf_init(&create, 10000);
    buf_init(&insert, 10000);
    buf_printf(&create, "CREATE TABLE \"%.*s\" (", SLICE_ARG(resource->name));
    buf_printf(&insert, "INSERT INTO \"%.*s\" VALUES (", SLICE_ARG(resource->name));
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        buf_printf(&create, "%s\"%.*s\" %s%s", i ? ", " : "", SLICE_ARG(field->name), column_type(field),
                   i ? "" : " PRIMARY KEY");
        buf_printf(&insert, "%s?", i ? ", " : "");
    }
    buf_put(&create, ") STRICT", sizeof ") STRICT");
    buf_put(&insert, ")", sizeof ")");
    assert_int_equal(sqlite3_exec(world->db, create.ptr, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(world->db, insert.ptr, -1, &statement, NULL), SQLITE_OK);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < resource->field_count; j++)
            bind(statement, (int)j + 1, world->rows[index][i].values[j]);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    buf_fini(&create);
    buf_fini(&insert);
}

static void open_world(struct world *world, uint64_t seed)
{
    support_init(&world->support);
    world->random = seed * 2654435761u + 88172645463325252u;
    assert_int_equal(sqlite3_open(":memory:", &world->db), SQLITE_OK);
    assert_int_equal(sqlite_function_register(world->db), OK);
    for (unsigned i = 0; i < SUPPORT_RESOURCES; i++) {
        make_rows(world, i);
        make_table(world, i);
    }
}

static void close_world(struct world *world)
{
    sqlite3_close(world->db);
    support_fini(&world->support);
}

/* ---- random expressions ---- */

static void put(struct world *world, const char *text)
{
    size_t length = strlen(text);
    if (world->length + length < TEXT_MAX) {
        memcpy(world->text + world->length, text, length + 1);
        world->length += length;
    }
}

static void put_literal_text(struct world *world, struct slice text)
{
    put(world, "'");
    for (size_t i = 0; i < text.len; i++) {
        char one[] = {text.ptr[i], '\0'};
        if (one[0] == '\'' || one[0] == '\\')
            put(world, "\\");
        put(world, one);
    }
    put(world, "'");
}

static void put_decimal(struct world *world, int64_t scaled, unsigned scale)
{
    uint64_t size = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled, power = scale == 2 ? 100 : 10000;
    put(world, arena_printf(&world->support.arena, "%s%" PRIu64 ".%0*" PRIu64, scaled < 0 ? "-" : "", size / power,
                            (int)scale, size % power));
}

static void put_literal(struct world *world, const struct type *type)
{
    struct value value = any_value(world, type);
    if (type->kind == FIELD_BOOL)
        put(world, value.integer ? "true" : "false");
    else if (type->kind == FIELD_DECIMAL)
        put_decimal(world, value.integer, type->scale);
    else if (type->kind == FIELD_FLOAT)
        put(world, arena_printf(&world->support.arena, "%.3f", value.number));
    else if (value.kind == VALUE_INT)
        put(world, arena_printf(&world->support.arena, "%" PRId64, value.integer));
    else
        put_literal_text(world, value.text);
}

static struct slice spelt(const struct world *world, const struct field *field)
{
    return world->is_filter ? field->json_name : field->name;
}

/* A random path of at most one reference, to a field that fits `wanted` (NULL: any); its field. */
static const struct field *put_path(struct world *world, const struct type *wanted)
{
    const struct resource *resource = &world->support.resources[SUPPORT_MARKETS];
    const struct field *creator = resource_find_field(resource, SLICE("creator"));
    bool is_far = roll(world, 4) == 0;
    for (unsigned tries = 0; tries < 60; tries++) {
        const struct resource *from = is_far ? creator->type.target : resource;
        const struct field *field = &from->fields[roll(world, from->field_count)];
        if (field_is(field, FIELD_HIDDEN) || field->type.kind == FIELD_PASSWORD)
            continue;
        if (wanted && (wanted->kind != field->type.kind || wanted->target != field->type.target))
            continue;
        if (is_far)
            put(world, "creator.");
        put(world, arena_printf(&world->support.arena, "%.*s", SLICE_ARG(spelt(world, field))));
        return field;
    }
    put(world, "clicks");
    return resource_find_field(resource, SLICE("clicks"));
}

static void put_compare(struct world *world)
{
    static const char *const equal[] = {" == ", " != "}, *const order[] = {" < ",  " <= ", " > ",
                                                                           " >= ", " == ", " != "};
    const struct field *field = put_path(world, NULL);
    const struct type *type = &field->type;
    if (type->kind == FIELD_JSON || type->kind == FIELD_LIST || roll(world, 8) == 0) {
        put(world, PICK(world, equal));
        put(world, "null");
        return;
    }
    put(world, type->kind == FIELD_BOOL ? PICK(world, equal) : PICK(world, order));
    if (type->kind == FIELD_DATETIME && roll(world, 2) == 0)
        put(world, roll(world, 2) ? "now" : "now - 1w");
    else if (type->kind == FIELD_REFERENCE && slice_eq_text(type->target->name, "users") && roll(world, 2) == 0)
        put(world, roll(world, 2) ? "auth.id" : "creator");
    else if (roll(world, 3) == 0)
        put_path(world, type);
    else
        put_literal(world, type);
}

/* Numbers of different types, dates with instants, addresses with texts. */
static void put_mixed(struct world *world)
{
    static const char *const pairs[][2] = {{"volume", "fee"},           {"fee", "clicks"},
                                           {"clicks", "volume"},        {"rating", "volume"},
                                           {"clicks", "rating"},        {"creator.level", "fee"},
                                           {"creator.score", "volume"}, {"name", "contact"},
                                           {"contact", "site"},         {"creator.email", "contact"},
                                           {"status", "name"},          {"creator.role", "status"},
                                           {"creator.born", "now"},     {"rating", "fee"},
                                           {"name", "creator.email"}};
    static const char *const order[] = {" < ", " <= ", " > ", " >= ", " == ", " != "};
    size_t pick = roll(world, ARRAY_LEN(pairs)), first = roll(world, 2);
    put(world, pairs[pick][first]);
    put(world, PICK(world, order));
    put(world, pairs[pick][1 - first]);
}

static void put_in(struct world *world)
{
    const struct field *field = put_path(world, NULL);
    if (field->type.kind == FIELD_JSON || field->type.kind == FIELD_LIST) {
        put(world, " != null");
        return;
    }
    put(world, " in [");
    for (uint64_t i = 0, count = 1 + roll(world, 4); i < count; i++) {
        put(world, i ? ", " : "");
        put_literal(world, &field->type);
    }
    put(world, "]");
}

static void put_search(struct world *world)
{
    static const char *const sides[] = {"name", "contact", "site", "status", "creator.name", "creator.email"};
    static const char *const patterns[] = {"'*'", "'a*'", "'*B*'", "'é'", "'*é*'", "'x**y'", "''", "'*aus*'"};
    static const struct type text = {.kind = FIELD_TEXT}, number = {.kind = FIELD_INT}, mail = {.kind = FIELD_EMAIL};
    switch (roll(world, 5)) {
    case 0:
        put(world, "tags ~ ");
        if (roll(world, 3) == 0)
            put(world, "name");
        else
            put_literal(world, &text);
        return;
    case 1:
        put(world, "sizes ~ ");
        put_literal(world, &number);
        return;
    case 2:
        put(world, "mails ~ ");
        if (roll(world, 3) == 0)
            put(world, "contact");
        else
            put_literal(world, &mail);
        return;
    case 3:
        put(world, PICK(world, sides));
        put(world, " like ");
        put(world, PICK(world, patterns));
        return;
    default:
        put(world, PICK(world, sides));
        put(world, " ~ ");
        if (roll(world, 4) == 0)
            put(world, PICK(world, sides));
        else
            put_literal(world, &text);
    }
}

static void put_bare(struct world *world)
{
    static const char *const rule[] = {"is_open",     "creator.active",  "true",          "false", "can('x:y')",
                                       "auth.active", "auth.id != null", "auth.level > 1"};
    static const char *const filter[] = {"isOpen",
                                         "creator.active",
                                         "true",
                                         "creator.team.name == 'a'",
                                         "role('user')",
                                         "auth.active",
                                         "auth.id == null",
                                         "creator.team.owner.active"};
    put(world, world->is_filter ? PICK(world, filter) : PICK(world, rule));
}

static void put_expression(struct world *world, unsigned depth)
{
    uint64_t choice = roll(world, depth >= DEPTH_MAX ? 6 : 10);
    if (choice < 6) {
        void (*const atoms[])(struct world *) = {put_compare, put_compare, put_mixed, put_in, put_search, put_bare};
        atoms[choice](world);
        return;
    }
    bool is_not = roll(world, 3) == 0;
    put(world, is_not ? "!(" : "(");
    put_expression(world, depth + 1);
    for (uint64_t i = roll(world, 3); i > 0; i--) {
        put(world, choice < 8 ? " && " : " || ");
        put_expression(world, depth + 1);
    }
    put(world, choice == 9 ? ") == true" : ")");
    world->length = strlen(world->text);
}

/* ---- the comparison ---- */

static struct value caller_field(const void *state, const struct field *field)
{
    return row_value(state, field);
}

static struct caller any_caller(struct world *world)
{
    const struct row *user = &world->rows[SUPPORT_USERS][roll(world, 5)];
    if (roll(world, 4) == 0)
        return CALLER_ANONYMOUS;
    return (struct caller){.is_signed_in = true, .id = user->values[0], .field = caller_field, .state = user};
}

static size_t compare_rows(struct world *world, const struct expr *expr, const struct expr_context *context)
{
    struct sql sql;
    sqlite3_stmt *statement;
    unsigned next_alias = 1;
    sql_init(&sql, &world->support.arena, DIALECT_SQLITE);
    sql_put(&sql, "SELECT coalesce(");
    expr_compile(expr, context, 0, &next_alias, &sql);
    sql_put(&sql, ", 0) FROM \"markets\" AS t0 ORDER BY t0.rowid");
    assert_int_equal(sql_finish(&sql), OK);
    if (sqlite3_prepare_v2(world->db, sql.text.ptr, (int)sql.text.len, &statement, NULL) != SQLITE_OK)
        fail_msg("%s\n%.*s\n%s", world->text, SLICE_ARG(buf_slice(&sql.text)), sqlite3_errmsg(world->db));
    for (size_t i = 0; i < sql.count; i++)
        bind(statement, (int)i + 1, sql.arguments[i]);
    enum expr_verdict verdict = expr_decide(expr, context);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        int in_sql = sqlite3_column_int(statement, 0);
        int in_memory = expr_eval(expr, context, &world->rows[SUPPORT_MARKETS][i].row);
        if (in_sql != in_memory || (verdict != EXPR_UNDECIDED && (int)verdict != in_memory))
            fail_msg("row %zu: SQL says %d, memory %d, before %d\n%s\n%.*s", i, in_sql, in_memory, verdict, world->text,
                     SLICE_ARG(buf_slice(&sql.text)));
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sql_fini(&sql);
    return ROWS;
}

static uint64_t seed_of_this_run(void)
{
    const char *given = getenv("TENON_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20260102;
    printf("# TENON_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static void set_read_rules(struct world *world)
{
    static const char *const user_rules[] = {"true", "active == true || id == auth.id", "level > 1", NULL,
                                             "team.owner == auth.id || email ~ 'X.ORG'"};
    static const char *const team_rules[] = {"true", "name != 'a'", "owner == auth.id", NULL};
    support_read_rule(&world->support, SUPPORT_USERS, PICK(world, user_rules));
    support_read_rule(&world->support, SUPPORT_TEAMS, PICK(world, team_rules));
}

static void sql_and_memory_agree_on_random_rows_and_expressions(void **state)
{
    static struct world world;
    size_t compared = 0, refused = 0, decided = 0;
    open_world(&world, seed_of_this_run());
    for (unsigned i = 0; i < EXPRESSIONS; i++) {
        struct caller caller = any_caller(&world);
        struct expr_context context = {.caller = &caller, .now_us = INT64_C(1767830400000000)}; /* 2026-01-08 */
        support_clear(&world.support);
        set_read_rules(&world);
        world.is_filter = roll(&world, 2) == 0;
        world.length = 0;
        put_expression(&world, 0);
        const struct expr *expr =
            support_expr(&world.support, SUPPORT_MARKETS, world.is_filter ? EXPR_FILTER : EXPR_RULE, world.text);
        if (!expr) {
            refused++;
            continue;
        }
        decided += expr_decide(expr, &context) != EXPR_UNDECIDED;
        compared += compare_rows(&world, expr, &context);
    }
    printf("# %zu comparisons, %zu expressions beyond a limit, %zu decided without a row\n", compared, refused,
           decided);
    assert_true(compared >= 20000);
    assert_true(refused < EXPRESSIONS / 4);
    close_world(&world);
}

/* Whether a position of that market, of a size above `floor`, is the user's: what the sets below mean. */
static bool has_position(const struct world *world, struct value market, struct value user, int64_t floor)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct value *position = world->rows[SUPPORT_POSITIONS][i].values;
        bool is_big = floor == INT64_MIN || (position[3].kind == VALUE_INT && position[3].integer > floor);
        if (is_big && position[1].kind == VALUE_TEXT && slice_eq(position[1].text, market.text) &&
            position[2].kind == VALUE_TEXT && slice_eq(position[2].text, user.text))
            return true;
    }
    return false;
}

static void expect_set(struct world *world, enum expr_use use, const char *text, int64_t floor, bool is_negated)
{
    size_t held = 0;
    for (size_t u = 0; u < ROWS; u++) {
        const struct value user = world->rows[SUPPORT_USERS][u].values[0];
        const struct caller caller = {.is_signed_in = true, .id = user};
        const struct expr_context context = {.caller = &caller};
        unsigned next_alias = 1;
        struct sql sql;
        sqlite3_stmt *statement;
        sql_init(&sql, &world->support.arena, DIALECT_SQLITE);
        sql_put(&sql, "SELECT ");
        expr_compile(support_expr(&world->support, SUPPORT_MARKETS, use, text), &context, 0, &next_alias, &sql);
        sql_put(&sql, " FROM \"markets\" AS t0 ORDER BY t0.rowid");
        assert_int_equal(sqlite3_prepare_v2(world->db, sql.text.ptr, (int)sql.text.len, &statement, NULL), SQLITE_OK);
        for (size_t i = 0; i < sql.count; i++)
            bind(statement, (int)i + 1, sql.arguments[i]);
        for (size_t i = 0; i < ROWS; i++) {
            bool is_held = has_position(world, world->rows[SUPPORT_MARKETS][i].values[0], user, floor);
            assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
            assert_int_equal(sqlite3_column_int(statement, 0), is_held != is_negated);
            held += is_held;
        }
        sqlite3_finalize(statement);
        sql_fini(&sql);
    }
    assert_true(held > 5);
}

static void a_set_holds_what_its_rows_hold_and_a_filter_sees_only_readable_ones(void **state)
{
    static struct world world;
    open_world(&world, 7);
    expect_set(&world, EXPR_RULE, "auth.id in positions.user", INT64_MIN, false);
    expect_set(&world, EXPR_RULE, "!(auth.id in positions.user)", INT64_MIN, true);
    support_read_rule(&world.support, SUPPORT_POSITIONS, "size > 1");
    expect_set(&world, EXPR_RULE, "auth.id in positions.user", INT64_MIN, false);
    expect_set(&world, EXPR_FILTER, "auth.id in positions.user", 1, false);
    close_world(&world);
}

/* In a statement that nests as much as a listing with a count does. */
static void expect_prepared(struct world *world, const struct expr *filter)
{
    const struct value id = world->rows[SUPPORT_USERS][0].values[0];
    const struct caller caller = {.is_signed_in = true, .id = id};
    const struct expr_context context = {.caller = &caller};
    unsigned next_alias = 1;
    struct sql sql;
    sqlite3_stmt *statement;
    if (!filter)
        return;
    sql_init(&sql, &world->support.arena, DIALECT_SQLITE);
    sql_put(&sql, "SELECT count(*) FROM (SELECT t0.\"id\" FROM \"markets\" AS t0 WHERE ((");
    expr_compile(filter, &context, 0, &next_alias, &sql);
    sql_put(&sql, ")))");
    assert_int_equal(sql_finish(&sql), OK);
    if (sqlite3_prepare_v2(world->db, sql.text.ptr, (int)sql.text.len, &statement, NULL) != SQLITE_OK)
        fail_msg("%s\n%.*s", sqlite3_errmsg(world->db), SLICE_ARG(buf_slice(&sql.text)));
    sqlite3_finalize(statement);
    sql_fini(&sql);
}

/* `open` `depth` times, the leaf, and as many parentheses. */
static const char *nested(struct world *world, unsigned depth, const char *open, const char *leaf)
{
    world->length = 0;
    for (unsigned i = 0; i < depth; i++)
        put(world, open);
    put(world, leaf);
    for (unsigned i = 0; i < depth; i++)
        put(world, ")");
    return arena_text(&world->support.arena, slice_of(world->text, world->length));
}

/* The deepest expression of this shape that the check accepts, or NULL. */
static const struct expr *deepest(struct world *world, unsigned resource, enum expr_use use, unsigned depth,
                                  const char *open, const char *leaf)
{
    const struct expr *expr = NULL;
    for (; !expr && depth > 0; depth--) {
        support_clear(&world->support);
        expr = support_expr(&world->support, resource, use, nested(world, depth, open, leaf));
    }
    return expr;
}

static void whatever_the_check_accepts_the_parser_of_the_database_can_nest(void **state)
{
    static const char *const users[] = {"active || (", "!(active && ", "(active && active || "};
    static const char *const markets[] = {"isOpen && (", "!(isOpen || ", "(isOpen || isOpen && ", "isOpen == (",
                                          "true != !("};
    static const char user_leaf[] = "active == (active && (team.owner == auth.id || auth.id in team.members.user))";
    static const char market_leaf[] =
        "isOpen != !(isOpen || (isOpen && creator in creator.team.users || creator.active))";
    static struct world world;
    open_world(&world, 3);
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        for (unsigned depth = 1; depth < EXPR_DEPTH_MAX; depth += 6) {
            const struct expr *rule = deepest(&world, SUPPORT_USERS, EXPR_RULE, depth, users[i], user_leaf);
            assert_non_null(rule);
            world.support.reads[SUPPORT_USERS].allow = rule;
            for (size_t j = 0; j < ARRAY_LEN(markets); j++) {
                const char *leaf = j < 3 ? market_leaf : "creator.level == 1";
                const struct expr *filter =
                    deepest(&world, SUPPORT_MARKETS, EXPR_FILTER, EXPR_DEPTH_MAX - 1, markets[j], leaf);
                expect_prepared(&world, filter);
            }
        }
    }
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_and_memory_agree_on_random_rows_and_expressions),
        cmocka_unit_test(whatever_the_check_accepts_the_parser_of_the_database_can_nest),
        cmocka_unit_test(a_set_holds_what_its_rows_hold_and_a_filter_sees_only_readable_ones),
    };
    return cmocka_run_group_tests_name("model/expr_agree", tests, NULL, NULL);
}
