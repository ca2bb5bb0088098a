/* SPDX-License-Identifier: Apache-2.0 */
#include "model/adopt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/rowtag.h"
#include "model/tables.h"

static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 16 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    arena_fini(&arena);
    return 0;
}

static void assert_text(struct slice text, const char *expected)
{
    if (!slice_eq_text(text, expected))
        fail_msg("%.*s, not %s", SLICE_ARG(text), expected);
}

static void names_stay_as_near_as_they_may(void **state)
{
    static const struct {
        const char *what, *wanted, *name;
    } rows[] = {
        {"resource", "Artist", "Artist"},
        {"resource", "Order Details", "Order_Details"},
        {"resource", "text", "text_"},
        {"resource", "Text", "Text"},
        {"resource", "batch", "batch_"},
        {"resource", "1st", "x_1st"},
        {"resource", "_hidden", "x_hidden"},
        {"resource", "_tenon_x", "x_tenon_x"},
        {"resource", "sqlite_x", "x_sqlite_x_"},
        {"resource", "a  b--c", "a_b_c"},
        {"resource", "a__b", "a__b"},
        {"resource", "(x)", "x_x"},
        {"resource", "日本", "x_"},
        {"resource", "", "x_"},
        {"field", "select", "select"},
        {"field", "Größe", "Groesse"},
        {"field", "café", "cafe"},
        {"field", "limit", "limit_"},
        {"field", "id", "id"},
        {"field", "text", "text"},
        {"field", "taken", "taken_2"},
        {"field", "TAKEN", "TAKEN_2"},
        {"field", "unit price", "unit_price"},
    };
    static const struct slice taken[] = {SLICE_INIT("taken")};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice name;
        assert_int_equal(adopt_name_make(rows[i].what, slice_from(rows[i].wanted), taken, 1, &arena, &name), OK);
        assert_text(name, rows[i].name);
    }
}

static void a_long_name_is_cut_and_stays_apart_from_others(void **state)
{
    char wanted[300];
    struct slice taken[3];
    memset(wanted, 'a', sizeof wanted);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        assert_int_equal(adopt_name_make("field", slice_of(wanted, sizeof wanted), taken, i, &arena, &taken[i]), OK);
        assert_true(taken[i].len <= 60);
        for (size_t j = 0; j < i; j++)
            assert_false(slice_eq(taken[i], taken[j]));
    }
}

static void defaults_are_said_where_the_app_file_can(void **state)
{
    static const struct {
        const char *sql;
        enum field_type kind;
        bool is_said;
        const char *standard;
    } rows[] = {
        {"0", FIELD_INT, true, "0"},
        {"(-1)", FIELD_INT, true, "-1"},
        {"'-1'::integer", FIELD_INT, true, "-1"},
        {"1.50", FIELD_DECIMAL, true, "1.50"},
        {"NULL", FIELD_INT, true, ""},
        {"NULL::character varying", FIELD_TEXT, true, ""},
        {"'a''b'", FIELD_TEXT, true, "'a\\'b'"},
        {"'a\\b'", FIELD_TEXT, true, "'a\\\\b'"},
        {"'it''s'::text", FIELD_TEXT, true, "'it\\'s'"},
        {"'a::b'::text", FIELD_TEXT, true, "'a::b'"},
        {"('x'::character varying)::text", FIELD_TEXT, false, NULL},
        {"''", FIELD_TEXT, true, "''"},
        {"'a' || 'b'", FIELD_TEXT, false, NULL},
        {"lower('X')", FIELD_TEXT, false, NULL},
        {"\"quoted\"", FIELD_TEXT, false, NULL},
        {"'line\nbreak'", FIELD_TEXT, false, NULL},
        {"true", FIELD_BOOL, true, "true"},
        {"0", FIELD_BOOL, true, "false"},
        {"2", FIELD_BOOL, false, NULL},
        {"now()", FIELD_DATETIME, true, "now"},
        {"CURRENT_TIMESTAMP", FIELD_DATETIME, true, "now"},
        {"current_date", FIELD_DATE, true, "now"},
        {"CURRENT_TIMESTAMP", FIELD_TEXT, false, NULL},
        {"'2024-01-31'::date", FIELD_DATE, true, "'2024-01-31'"},
        {"'soon'", FIELD_DATE, false, NULL},
        {"nextval('x_seq'::regclass)", FIELD_INT, false, NULL},
        {"'{}'::jsonb", FIELD_JSON, false, NULL},
        {"gen_random_uuid()", FIELD_UUID, false, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_said;
        struct slice standard;
        assert_int_equal(adopt_default_spell(slice_from(rows[i].sql), rows[i].kind, &arena, &is_said, &standard), OK);
        if (is_said != rows[i].is_said)
            fail_msg("%s is %s", rows[i].sql, is_said ? "said" : "not said");
        if (is_said)
            assert_text(standard, rows[i].standard);
    }
}

static void assert_type(enum dialect dialect, const char *type, struct catalog_values values, const char *expected)
{
    const struct catalog_column column = {.name = SLICE("c"), .type = slice_from(type), .values = values};
    struct adopt_type chosen;
    assert_int_equal(adopt_type_choose(dialect, &column, &arena, &chosen), OK);
    if (chosen.is_served != (expected != NULL))
        fail_msg("%s is %s", type, chosen.is_served ? "served" : "left out");
    assert_true(chosen.is_served || chosen.note);
    if (expected)
        assert_text(chosen.text, expected);
}

static void conditions_are_said_where_columns_meet_literals(void **state)
{
    static const struct slice choices[] = {SLICE_INIT("open"), SLICE_INIT("so so")};
    static const struct catalog_column columns[] = {
        {.name = SLICE_INIT("n")},    {.name = SLICE_INIT("Ship To")},
        {.name = SLICE_INIT("paid")}, {.name = SLICE_INIT("mood"), .choices = choices, .choice_count = 2},
        {.name = SLICE_INIT("at")},   {.name = SLICE_INIT("gone")},
    };
    struct adopt_field fields[] = {
        {.column = &columns[0], .name = SLICE("n"), .kind = FIELD_INT, .is_served = true},
        {.column = &columns[1], .name = SLICE("ship_to"), .kind = FIELD_TEXT, .is_served = true},
        {.column = &columns[2], .name = SLICE("paid"), .kind = FIELD_BOOL, .is_served = true},
        {.column = &columns[3], .name = SLICE("mood"), .kind = FIELD_ENUM, .is_served = true},
        {.column = &columns[4], .name = SLICE("at"), .kind = FIELD_DATETIME, .is_served = true},
        {.column = &columns[5], .name = SLICE("gone"), .kind = FIELD_TEXT},
    };
    const struct catalog_table table = {.column_count = ARRAY_LEN(columns)};
    const struct adopt_resource resource = {.table = &table, .fields = fields};
    static const struct {
        const char *sql, *where;
    } rows[] = {
        {"n > 3", "n > 3"},
        {"N <> -3", "n != -3"},
        {"(n = '-3'::integer)", "n == -3"},
        {"((\"Ship To\")::text = 'it''s'::text)", "ship_to == 'it\\'s'"},
        {"n IS NULL AND (\"Ship To\" IS NOT NULL)", "n == null && ship_to != null"},
        {"paid", "paid"},
        {"(NOT paid)", "!paid"},
        {"paid = 1 AND n >= 0", "paid && n >= 0"},
        {"paid = false", "!paid"},
        {"mood = 'so so'::mood", "mood == 'so so'"},
        {"mood = 'other'::mood", ""},
        {"n = 1 OR n = 2", ""},
        {"n IN (1, 2)", ""},
        {"n", ""},
        {"NOT n = 1", ""},
        {"n = \"Ship To\"", ""},
        {"length(\"Ship To\") > 3", ""},
        {"gone = 'x'", ""},
        {"missing = 1", ""},
        {"at > now()", ""},
        {"n > 3 AND", ""},
        {"n >", ""},
        {"n > - ", ""},
        {"n ! 3", ""},
        {"\"n", ""},
        {"", ""},
        {"n = 1.5", ""},
        {"n IS TRUE", ""},
        {"paid <> 1", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice where;
        assert_int_equal(adopt_where_spell(slice_from(rows[i].sql), DIALECT_POSTGRES, &resource, &arena, &where), OK);
        assert_text(where, rows[i].where);
    }
}

static void sqlite_values_decide_what_a_column_is(void **state)
{
    static const struct {
        const char *type;
        struct catalog_values values;
        const char *expected;
    } rows[] = {
        {"INTEGER", {.integers = 1}, "int"},
        {"INTEGER", {.integers = 0}, "int"},
        {"INTEGER", {.integers = 1, .reals = 1}, "float"},
        {"INTEGER", {.texts = 1}, NULL},
        {"INTEGER", {.integers = 1, .texts = 1}, NULL},
        {"NUMERIC(10,2)", {.integers = 5}, "float"},
        {"DECIMAL(10,0)", {.integers = 5}, "int"},
        {"BOOLEAN", {.integers = 2, .truths = 2}, "bool"},
        {"BOOLEAN", {.integers = 2, .truths = 1}, "int"},
        {"BOOLEAN", {.nulls = 3}, "bool"},
        {"DATETIME", {.texts = 2, .datetimes = 2}, "datetime"},
        {"DATETIME", {.texts = 2, .datetimes = 1}, "text"},
        {"DATETIME", {.integers = 2}, "int"},
        {"DATETIME", {.nulls = 2}, "text"},
        {"DATE", {.texts = 2, .dates = 2}, "date"},
        {"UUID", {.texts = 1, .uuids = 1}, "uuid"},
        {"UUID", {.texts = 1}, "text"},
        {"JSON", {.texts = 1, .documents = 1}, "json"},
        {"VARCHAR(80)", {.texts = 1, .longest = 10}, "text(0..80)"},
        {"VARCHAR(80)", {.texts = 1, .longest = 90}, "text(0..90)"},
        {"TEXT", {.texts = 1, .longest = 10001}, "text(0..1000000)"},
        {"TEXT", {.integers = 1}, NULL},
        {"BLOB", {.nulls = 1}, NULL},
        {"BLOB", {.texts = 1, .longest = 1}, "text"},
        {"TEXT", {.texts = 1, .blobs = 1}, NULL},
        {"", {.nulls = 1}, "text"},
        {"", {.reals = 1}, "float"},
        {"REAL", {.reals = 1}, "float"},
        {"DOUBLE", {.nulls = 1}, "float"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_type(DIALECT_SQLITE, rows[i].type, rows[i].values, rows[i].expected);
}

static void types_of_postgres_say_what_they_are(void **state)
{
    static const struct {
        const char *type, *expected;
    } rows[] = {
        {"smallint", "int(-32768..32767)"},
        {"bigint", "int"},
        {"numeric(18,2)", "decimal(18,2)"},
        {"numeric(19,2)", "float"},
        {"numeric", "float"},
        {"numeric(5,-2)", "float"},
        {"character varying(20)", "text(0..20)"},
        {"character varying", "text"},
        {"text", "text"},
        {"timestamp(3) without time zone", "datetime"},
        {"timestamp with time zone", "datetime"},
        {"time without time zone", NULL},
        {"text[]", NULL},
        {"interval", NULL},
        {"bytea", NULL},
        {"jsonb", "json"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_type(DIALECT_POSTGRES, rows[i].type, (struct catalog_values){.nulls = 0}, rows[i].expected);
}

static void affinities_are_those_of_sqlite(void **state)
{
    static const struct {
        const char *type;
        enum tables_affinity affinity;
    } rows[] = {{"BIGINT", TABLES_INTEGER},        {"POINT", TABLES_INTEGER},   {"nvarchar(10)", TABLES_TEXT},
                {"CHARINT", TABLES_INTEGER},       {"CLOB", TABLES_TEXT},       {"", TABLES_BLOB},
                {"DOUBLE PRECISION", TABLES_REAL}, {"BOOLEAN", TABLES_NUMERIC}, {"STRING", TABLES_NUMERIC}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(tables_affinity(slice_from(rows[i].type)), rows[i].affinity);
}

static int64_t tag_of(const struct value *values, size_t count)
{
    struct rowtag tag;
    rowtag_init(&tag);
    for (size_t i = 0; i < count; i++)
        rowtag_add(&tag, values[i]);
    return rowtag_finish(&tag);
}

static void a_tag_is_of_one_content(void **state)
{
    const struct value rows[][2] = {
        {value_text(SLICE("a")), value_text(SLICE("bc"))},
        {value_text(SLICE("ab")), value_text(SLICE("c"))},
        {value_int(1), VALUE_NOTHING},
        {VALUE_NOTHING, value_int(1)},
        {value_float(1), VALUE_NOTHING},
        {value_text(SLICE("1")), VALUE_NOTHING},
        {value_decimal(1, 2), VALUE_NOTHING},
        {VALUE_NOTHING, VALUE_NOTHING},
        {value_text(SLICE("")), VALUE_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(tag_of(rows[i], 2) > 0);
        assert_true(tag_of(rows[i], 2) == tag_of(rows[i], 2));
        for (size_t j = 0; j < i; j++)
            assert_true(tag_of(rows[i], 2) != tag_of(rows[j], 2));
    }
    assert_true(tag_of(rows[2], 1) != tag_of(rows[2], 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_as_near_as_they_may),
        cmocka_unit_test(a_long_name_is_cut_and_stays_apart_from_others),
        cmocka_unit_test(defaults_are_said_where_the_app_file_can),
        cmocka_unit_test(conditions_are_said_where_columns_meet_literals),
        cmocka_unit_test(sqlite_values_decide_what_a_column_is),
        cmocka_unit_test(types_of_postgres_say_what_they_are),
        cmocka_unit_test(affinities_are_those_of_sqlite),
        cmocka_unit_test(a_tag_is_of_one_content),
    };
    return cmocka_run_group_tests_name("model/adopt", tests, set_up, tear_down);
}
