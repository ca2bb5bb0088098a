/* SPDX-License-Identifier: Apache-2.0 */
/* What of one database another can hold, and checksums of what both hold. */
#include "model/transfer_value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct transfer_column text = {.type = SQL_TEXT}, needed = {.type = SQL_TEXT, .is_required = true},
                                    integer = {.type = SQL_INTEGER}, number = {.type = SQL_FLOAT},
                                    price = {.type = SQL_DECIMAL, .precision = 6, .scale = 2},
                                    widest = {.type = SQL_DECIMAL, .precision = 18, .scale = 0},
                                    flag = {.type = SQL_BOOLEAN}, when = {.type = SQL_INSTANT},
                                    day = {.type = SQL_DATE}, key = {.type = SQL_UUID}, json = {.type = SQL_JSON},
                                    bytes = {.type = SQL_BYTES};

#define TEXT_VALUE(literal)                                                                                            \
    {                                                                                                                  \
        VALUE_TEXT, 0,                                                                                                 \
        {                                                                                                              \
            .text = SLICE_INIT(literal)                                                                                \
        }                                                                                                              \
    }
#define INT_VALUE(number, decimals)                                                                                    \
    {                                                                                                                  \
        VALUE_INT, decimals,                                                                                           \
        {                                                                                                              \
            .integer = number                                                                                          \
        }                                                                                                              \
    }

static const struct row {
    const struct transfer_column *column;
    enum dialect from;
    struct value value;
    const char *text;          /* what a text becomes; NULL: it is no text */
    const char *why;           /* a part of it; NULL: the value is taken */
    int64_t integer, decimals; /* what an integer becomes */
} rows[] = {
    {&text, DIALECT_SQLITE, TEXT_VALUE("h\xc3\xa4"), "h\xc3\xa4", NULL, 0, 0},
    {&text, DIALECT_SQLITE, TEXT_VALUE(""), "", NULL, 0, 0},
    {&text, DIALECT_SQLITE, TEXT_VALUE("a\0b"), NULL, "NUL", 0, 0},
    {&text, DIALECT_SQLITE, TEXT_VALUE("\xff\xfe"), NULL, "UTF-8", 0, 0},
    {&text, DIALECT_SQLITE, TEXT_VALUE("\xed\xa0\x80"), NULL, "UTF-8", 0, 0}, /* a surrogate */
    {&text, DIALECT_SQLITE, {VALUE_NULL}, NULL, NULL, 0, 0},
    {&needed, DIALECT_SQLITE, {VALUE_NULL}, NULL, "required", 0, 0},
    {&text, DIALECT_SQLITE, INT_VALUE(1, 0), NULL, "is not a text", 0, 0},
    {&integer, DIALECT_SQLITE, INT_VALUE(INT64_MIN, 0), NULL, NULL, INT64_MIN, 0},
    {&integer, DIALECT_POSTGRES, INT_VALUE(15, 1), NULL, "integer", 0, 0},
    {&integer, DIALECT_SQLITE, TEXT_VALUE("1"), NULL, "integer", 0, 0},
    {&price, DIALECT_SQLITE, INT_VALUE(-999999, 0), NULL, NULL, -999999, 2},
    {&price, DIALECT_SQLITE, INT_VALUE(1000000, 0), NULL, "more digits", 0, 0},
    {&price, DIALECT_POSTGRES, INT_VALUE(150, 2), NULL, NULL, 150, 2},
    {&price, DIALECT_POSTGRES, INT_VALUE(15, 1), NULL, "scale", 0, 0},
    {&widest, DIALECT_SQLITE, INT_VALUE(999999999999999999, 0), NULL, NULL, 999999999999999999, 0},
    {&widest, DIALECT_SQLITE, INT_VALUE(INT64_MIN, 0), NULL, "more digits", 0, 0},
    {&flag, DIALECT_SQLITE, INT_VALUE(1, 0), NULL, NULL, 1, 0},
    {&flag, DIALECT_SQLITE, INT_VALUE(2, 0), NULL, "neither 0 nor 1", 0, 0},
    {&when, DIALECT_SQLITE, TEXT_VALUE("2026-01-02T05:04:05+02:00"), "2026-01-02T03:04:05.000000Z", NULL, 0, 0},
    {&when, DIALECT_SQLITE, TEXT_VALUE("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z", NULL, 0, 0},
    {&when, DIALECT_SQLITE, TEXT_VALUE("10000-01-01T00:00:00Z"), NULL, "years 0001 to 9999", 0, 0},
    {&when, DIALECT_POSTGRES, TEXT_VALUE("infinity"), NULL, "years 0001 to 9999", 0, 0},
    {&day, DIALECT_SQLITE, TEXT_VALUE("0001-01-01"), "0001-01-01", NULL, 0, 0},
    {&day, DIALECT_SQLITE, TEXT_VALUE("2026-02-30"), NULL, "date", 0, 0},
    {&key, DIALECT_SQLITE, TEXT_VALUE("01890A5D-ac96-774b-bcce-b302099a8057"), "01890a5d-ac96-774b-bcce-b302099a8057",
     NULL, 0, 0},
    {&key, DIALECT_SQLITE, TEXT_VALUE("1"), NULL, "uuid", 0, 0},
    {&json, DIALECT_SQLITE, TEXT_VALUE("{\"a\":[1,null]}"), "{\"a\":[1,null]}", NULL, 0, 0},
    {&json, DIALECT_SQLITE, TEXT_VALUE("{} {}"), NULL, "JSON", 0, 0},
    {&json, DIALECT_SQLITE, TEXT_VALUE("{oops"), NULL, "JSON", 0, 0},
    {&bytes, DIALECT_SQLITE, TEXT_VALUE("a"), NULL, "blob", 0, 0},
    {&number, DIALECT_SQLITE, TEXT_VALUE("1"), NULL, "number", 0, 0},
};

static void a_value_is_taken_in_its_one_form_or_told_what_it_is_not(void **state)
{
    char room[TRANSFER_VALUE_ROOM];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct value value = VALUE_NOTHING;
        const char *why = transfer_value_read(row->column, row->from, row->value, room, &value);
        assert_true(row->why ? why && strstr(why, row->why) : !why);
        if (why)
            continue;
        assert_int_equal(value.kind, row->value.kind);
        assert_true(!row->text || slice_eq_text(value.text, row->text));
        if (value.kind == VALUE_INT) {
            assert_int_equal(value.integer, row->integer);
            assert_int_equal(value.scale, row->decimals);
        }
    }
}

static void a_float_is_any_number_but_none(void **state)
{
    char room[TRANSFER_VALUE_ROOM];
    struct value value;
    assert_null(transfer_value_read(&number, DIALECT_SQLITE, value_int(3), room, &value));
    assert_true(value.kind == VALUE_FLOAT && value.number == 3.0);
    assert_null(transfer_value_read(&number, DIALECT_POSTGRES, value_float(INFINITY), room, &value));
    assert_non_null(transfer_value_read(&number, DIALECT_POSTGRES, value_float(NAN), room, &value));
}

static struct transfer_sum sum_of(const struct value (*table)[2], size_t count)
{
    struct transfer_sum sum = {0};
    struct buf scratch;
    buf_init(&scratch, 4096);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(transfer_value_add(&sum, table[i], 2, &scratch), OK);
    buf_fini(&scratch);
    return sum;
}

static void a_checksum_does_not_ask_for_an_order(void **state)
{
    struct value table[20][2], backwards[20][2];
    char first[TRANSFER_SUM_TEXT], second[TRANSFER_SUM_TEXT];
    for (int i = 0; i < 20; i++) {
        table[i][0] = backwards[19 - i][0] = value_int(i);
        table[i][1] = backwards[19 - i][1] = i % 3 ? value_text(SLICE("rain")) : VALUE_NOTHING;
    }
    struct transfer_sum a = sum_of(table, 20), b = sum_of(backwards, 20);
    assert_true(transfer_value_is_same(&a, &b));
    transfer_value_format(&a, first);
    transfer_value_format(&b, second);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 64);
}

static void a_checksum_sees_every_change(void **state)
{
    static const struct value tables[][2][2] = {
        {{INT_VALUE(1, 0), TEXT_VALUE("ab")}, {INT_VALUE(2, 0), TEXT_VALUE("c")}},
        {{INT_VALUE(2, 0), TEXT_VALUE("ab")}, {INT_VALUE(1, 0), TEXT_VALUE("c")}}, /* values change rows */
        {{INT_VALUE(1, 0), TEXT_VALUE("a")}, {INT_VALUE(2, 0), TEXT_VALUE("bc")}},
        {{INT_VALUE(1, 0), TEXT_VALUE("")}, {INT_VALUE(2, 0), TEXT_VALUE("abc")}},
        {{INT_VALUE(1, 0), {VALUE_NULL}}, {INT_VALUE(2, 0), TEXT_VALUE("abc")}},
        {{TEXT_VALUE("a"), TEXT_VALUE("bc")}, {TEXT_VALUE("x"), TEXT_VALUE("y")}},
        {{TEXT_VALUE("ab"), TEXT_VALUE("c")}, {TEXT_VALUE("x"), TEXT_VALUE("y")}}, /* a column's end moves */
        {{INT_VALUE(0, 0), {VALUE_NULL}}, {INT_VALUE(0, 0), {VALUE_NULL}}},
        {{{VALUE_FLOAT, 0, {.number = 0}}, {VALUE_NULL}}, {INT_VALUE(0, 0), {VALUE_NULL}}},
    };
    struct transfer_sum sums[ARRAY_LEN(tables)];
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        sums[i] = sum_of(tables[i], 2);
        for (size_t j = 0; j < i; j++)
            assert_false(transfer_value_is_same(&sums[i], &sums[j]));
    }
    struct transfer_sum once = sum_of(tables[0], 1);
    assert_false(transfer_value_is_same(&once, &sums[0]));
}

static void a_negative_zero_is_zero(void **state)
{
    const struct value plus[1][2] = {{value_float(0.0), VALUE_NOTHING}};
    const struct value minus[1][2] = {{value_float(-0.0), VALUE_NOTHING}};
    struct transfer_sum a = sum_of(plus, 1), b = sum_of(minus, 1);
    assert_true(transfer_value_is_same(&a, &b));
}

/* A checksum that was written down is to be found again: it is the sum of SHA-256 over bytes that never change. */
static void a_checksum_is_the_same_for_ever(void **state)
{
    const struct value table[2][2] = {{value_int(1), value_text(SLICE("rain"))}, {VALUE_NOTHING, value_float(1.5)}};
    char sum[TRANSFER_SUM_TEXT];
    struct transfer_sum both = sum_of(table, 2);
    transfer_value_format(&both, sum);
    assert_string_equal(sum, "eaa2344c99842c80eee9ea11219d1e39ef67fe62d781a43e4601658d14f53ef7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_taken_in_its_one_form_or_told_what_it_is_not),
        cmocka_unit_test(a_float_is_any_number_but_none),
        cmocka_unit_test(a_checksum_does_not_ask_for_an_order),
        cmocka_unit_test(a_checksum_sees_every_change),
        cmocka_unit_test(a_negative_zero_is_zero),
        cmocka_unit_test(a_checksum_is_the_same_for_ever),
    };
    return cmocka_run_group_tests_name("model/transfer_value", tests, NULL, NULL);
}
