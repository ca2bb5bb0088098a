/* SPDX-License-Identifier: Apache-2.0 */
#include "model/type.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct slice choices[] = {SLICE_INIT("draft"), SLICE_INIT("active"), SLICE_INIT("closed")};
static const struct field uuid_id = {.type = {.kind = FIELD_UUID}}, int_id = {.type = {.kind = FIELD_INT}};
static const struct resource by_uuid = {.id = &uuid_id}, by_int = {.id = &int_id};

static const struct type name = {.kind = FIELD_TEXT, .min = 3, .max = 5};
static const struct type size = {.kind = FIELD_INT, .min = 1, .max = 100};
static const struct type score = {.kind = FIELD_FLOAT, .float_min = -1.5, .float_max = 10};
static const struct type price = {.kind = FIELD_DECIMAL, .precision = 8, .scale = 2, .min = -100, .max = 99999};
static const struct type whole = {.kind = FIELD_DECIMAL, .precision = 4, .min = INT64_MIN, .max = INT64_MAX};
static const struct type flag = {.kind = FIELD_BOOL};
static const struct type when = {.kind = FIELD_DATETIME};
static const struct type day = {.kind = FIELD_DATE};
static const struct type code = {.kind = FIELD_UUID};
static const struct type json = {.kind = FIELD_JSON};
static const struct type list = {.kind = FIELD_LIST};
static const struct type state = {.kind = FIELD_ENUM, .choices = choices, .choice_count = 3};
static const struct type mail = {.kind = FIELD_EMAIL, .max = 20};
static const struct type site = {.kind = FIELD_URL, .max = 40};
static const struct type user = {.kind = FIELD_REFERENCE, .target = &by_uuid};
static const struct type item = {.kind = FIELD_REFERENCE, .target = &by_int};

struct row {
    const struct type *type;
    const char *text, *stored; /* stored NULL: refused */
    const char *why;
};

static const struct row rows[] = {
    {&name, "abc", "abc", NULL},
    {&name, "éàüöß", "éàüöß", NULL},
    {&name, "ab", NULL, "must be at least 3 characters"},
    {&name, "", NULL, "must be at least 3 characters"},
    {&name, "abcdef", NULL, "must be at most 5 characters"},
    {&name, "ab\xff", NULL, "must be valid UTF-8"},
    {&size, "42", "42", NULL},
    {&size, "0", NULL, "must be at least 1"},
    {&size, "101", NULL, "must be at most 100"},
    {&size, "1.0", NULL, "must be a whole number"},
    {&size, "1e2", NULL, "must be a whole number"},
    {&size, " 1", NULL, "must be a whole number"},
    {&size, "", NULL, "must be a whole number"},
    {&size, "9223372036854775808", NULL, "must fit in 64 bits"},
    {&score, "2.5", "2.5", NULL},
    {&score, "1e1", "10", NULL},
    {&score, "-2", NULL, "must be at least -1.5"},
    {&score, "10.5", NULL, "must be at most 10"},
    {&score, "1e999", NULL, "is too large"},
    {&score, "nan", NULL, "must be a number"},
    {&price, "1.5", "150", NULL},
    {&price, "1.50", "150", NULL},
    {&price, "-1", "-100", NULL},
    {&price, "1.234", NULL, "is more exact than 2 decimals"},
    {&price, "1.230", "123", NULL},
    {&price, "-1.01", NULL, "must be at least -1.00"},
    {&price, "1000", NULL, "must be at most 999.99"},
    {&price, "1234567", NULL, "has more than 6 digits before the point"},
    {&price, "x", NULL, "must be a number"},
    {&whole, "12", "12", NULL},
    {&whole, "1.5", NULL, "must have no decimals"},
    {&flag, "true", "1", NULL},
    {&flag, "false", "0", NULL},
    {&flag, "TRUE", NULL, "must be true or false"},
    {&when, "2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000000Z", NULL},
    {&when, "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z", NULL},
    {&when, "2026-01-31", NULL, "must be a date and time with an offset as 2026-01-31T12:00:00Z"},
    {&when, "2026-02-30T12:00:00Z", NULL,
     "must be a date and time as 2026-01-31T12:00:00Z: there is no such day in that month"},
    {&when, "2026-01-31T12:00:00", NULL,
     "must be a date and time as 2026-01-31T12:00:00Z: needs an offset from UTC: Z, or such as +02:00"},
    {&day, "2026-01-31", "2026-01-31", NULL},
    {&day, "2026-1-31", NULL, "must be a date as 2026-01-31"},
    {&day, "2025-02-29", NULL, "must be a date as 2026-01-31"},
    {&code, "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057", NULL},
    {&code, "01890a5dac96774bbcceb302099a8057", NULL, "must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057"},
    {&user, "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057", NULL},
    {&user, "7", NULL, "must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057"},
    {&item, "7", "7", NULL},
    {&item, "x", NULL, "must be a whole number"},
    {&state, "active", "active", NULL},
    {&state, "Active", NULL, "must be one of draft, active, closed"},
    {&mail, "Ann@x.org", "Ann@x.org", NULL},
    {&mail, "ann", NULL, "must be an e-mail address"},
    {&mail, "@x.org", NULL, "must be an e-mail address"},
    {&mail, "ann@", NULL, "must be an e-mail address"},
    {&mail, "a@b@c", NULL, "must be an e-mail address"},
    {&mail, "a b@c", NULL, "must be an e-mail address"},
    {&mail, "a@.c", NULL, "must be an e-mail address"},
    {&mail, "a12345678901234@x.org", NULL, "must be at most 20 characters"},
    {&site, "https://x.org/a?b#c", "https://x.org/a?b#c", NULL},
    {&site, "HTTP://x", "HTTP://x", NULL},
    {&site, "ftp://x.org", NULL, "must be an http or https URL"},
    {&site, "javascript:alert(1)", NULL, "must be an http or https URL"},
    {&site, "https://", NULL, "must be an http or https URL"},
    {&site, "https:///x", NULL, "must be an http or https URL"},
    {&site, "https://x org", NULL, "must be an http or https URL"},
    {&json, "{}", NULL, "must be JSON"},
    {&list, "[]", NULL, "must be a list"},
};

static const char *shown(struct arena *arena, struct value value)
{
    if (value.kind == VALUE_TEXT)
        return arena_text(arena, value.text);
    if (value.kind == VALUE_INT)
        return arena_printf(arena, "%lld", (long long)value.integer);
    return arena_printf(arena, "%g", value.number);
}

static void a_text_becomes_the_stored_form_or_is_told_what_it_must_be(void **test)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = "";
        struct value value = VALUE_NOTHING;
        enum error error = type_parse_text(rows[i].type, slice_from(rows[i].text), &arena, &why, &value);
        if ((error == OK) != (rows[i].stored != NULL))
            fail_msg("%s: %s", rows[i].text, why);
        if (rows[i].stored) {
            assert_string_equal(shown(&arena, value), rows[i].stored);
            continue;
        }
        assert_int_equal(error, ERROR_VALIDATION);
        assert_int_equal(value.kind, VALUE_NULL);
        assert_string_equal(why, rows[i].why);
    }
    const char *why = "";
    struct value value;
    assert_int_equal(type_parse_text(&name, SLICE("ab\0c"), &arena, &why, &value), ERROR_VALIDATION);
    assert_string_equal(why, "must not hold a NUL character");
    arena_fini(&arena);
}

static void an_operand_has_a_form_but_no_limits(void **test)
{
    static const struct row operands[] = {
        {&name, "a", "a", NULL},
        {&size, "1000", "1000", NULL},
        {&score, "99", "99", NULL},
        {&price, "1234567", "123456700", NULL},
        {&mail, "ann", "ann", NULL},
        {&site, "x", "x", NULL},
        {&size, "x", NULL, "must be a whole number"},
        {&price, "0.001", NULL, "is more exact than 2 decimals"},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(operands); i++) {
        const char *why = "";
        struct value value = VALUE_NOTHING;
        enum error error = type_parse_operand(operands[i].type, slice_from(operands[i].text), &arena, &why, &value);
        assert_true((error == OK) == (operands[i].stored != NULL));
        assert_string_equal(error == OK ? shown(&arena, value) : why,
                            error == OK ? operands[i].stored : operands[i].why);
    }
    arena_fini(&arena);
}

static void memory_that_runs_out_is_an_error(void **test)
{
    struct arena none;
    struct value value;
    const char *why = NULL;
    arena_init(&none, 0);
    assert_int_equal(type_parse_text(&when, SLICE("2026-01-31T12:00:00Z"), &none, &why, &value), ERROR_MEMORY);
    assert_int_equal(type_parse_text(&name, SLICE("ab"), &none, &why, &value), ERROR_VALIDATION);
    assert_non_null(why);
}

static void values_are_ordered_as_sql_sorts_them(void **test)
{
    static const struct {
        const struct type *type;
        struct value a, b;
        int order;
    } pairs[] = {
        {&size, {VALUE_INT, 0, {.integer = 1}}, {VALUE_INT, 0, {.integer = 2}}, -1},
        {&size, {VALUE_INT, 0, {.integer = INT64_MIN}}, {VALUE_INT, 0, {.integer = INT64_MAX}}, -1},
        {&size, {VALUE_NULL, 0, {.integer = 0}}, {VALUE_INT, 0, {.integer = 2}}, 1},
        {&size, {VALUE_NULL, 0, {.integer = 0}}, {VALUE_NULL, 0, {.integer = 0}}, 0},
        {&score, {VALUE_FLOAT, 0, {.number = 1.5}}, {VALUE_INT, 0, {.integer = 1}}, 1},
        {&score, {VALUE_FLOAT, 0, {.number = -0.0}}, {VALUE_FLOAT, 0, {.number = 0.0}}, 0},
        {&name, {VALUE_TEXT, 0, {.text = SLICE_INIT("B")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("a")}}, -1},
        {&name, {VALUE_TEXT, 0, {.text = SLICE_INIT("z")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("é")}}, -1},
        {&name, {VALUE_TEXT, 0, {.text = SLICE_INIT("a")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("ab")}}, -1},
        {&mail, {VALUE_TEXT, 0, {.text = SLICE_INIT("B@x")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("a@x")}}, 1},
        {&mail, {VALUE_TEXT, 0, {.text = SLICE_INIT("Ann@X")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("aNN@x")}}, 0},
        {&mail, {VALUE_TEXT, 0, {.text = SLICE_INIT("a_")}}, {VALUE_TEXT, 0, {.text = SLICE_INIT("aB")}}, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        int order = type_compare(pairs[i].type, pairs[i].a, pairs[i].b);
        int back = type_compare(pairs[i].type, pairs[i].b, pairs[i].a);
        assert_int_equal((order > 0) - (order < 0), pairs[i].order);
        assert_int_equal((back > 0) - (back < 0), -pairs[i].order);
    }
}

static void an_integer_and_a_float_compare_exactly(void **test)
{
    static const struct {
        int64_t a;
        double b;
        int order;
    } pairs[] = {
        {9007199254740993, 9007199254740992.0, 1},
        {INT64_MAX, 9223372036854775808.0, -1},
        {INT64_MIN, -9223372036854775808.0, 0},
        {INT64_MIN, -1e300, 1},
        {INT64_MAX, DBL_MAX, -1},
        {1, 1.5, -1},
        {-1, -1.5, 1},
        {0, -0.0, 0},
        {2, 1.5, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_int_equal(type_compare_mixed(pairs[i].a, pairs[i].b), pairs[i].order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_becomes_the_stored_form_or_is_told_what_it_must_be),
        cmocka_unit_test(an_operand_has_a_form_but_no_limits),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
        cmocka_unit_test(values_are_ordered_as_sql_sorts_them),
        cmocka_unit_test(an_integer_and_a_float_compare_exactly),
    };
    return cmocka_run_group_tests_name("model/type", tests, NULL, NULL);
}
