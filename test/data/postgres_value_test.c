/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's binary formats, byte by byte as a server of version 15 sends them. */
#include "data/postgres_value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    JSON = 114,
    FLOAT4 = 700,
    FLOAT8 = 701,
    DATE = 1082,
    TIMESTAMPTZ = 1184,
    NUMERIC = 1700,
    UUID = 2950,
    JSONB = 3802,
    INET = 869
};

#define BYTES(literal) slice_of("" literal, sizeof(literal) - 1)

static void integers_and_booleans_are_read(void **state)
{
    static const struct {
        Oid type;
        struct slice bytes;
        int64_t value;
    } rows[] = {
        {BOOL, SLICE_INIT("\1"), 1},
        {BOOL, SLICE_INIT("\0"), 0},
        {INT2, SLICE_INIT("\xff\xfe"), -2},
        {INT4, SLICE_INIT("\x7f\xff\xff\xff"), INT32_MAX},
        {INT4, SLICE_INIT("\x80\0\0\0"), INT32_MIN},
        {INT8, SLICE_INIT("\0\0\0\0\0\0\1\0"), 256},
        {INT8, SLICE_INIT("\x80\0\0\0\0\0\0\0"), INT64_MIN},
    };
    char room[POSTGRES_VALUE_ROOM];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value value = postgres_value_decode(rows[i].type, rows[i].bytes, room);
        assert_int_equal(value.kind, VALUE_INT);
        assert_int_equal(value.integer, rows[i].value);
        assert_int_equal(value.scale, 0);
    }
}

static const struct {
    struct slice bytes;
    int64_t integer;
    unsigned scale;
} numerics[] = {
    {SLICE_INIT("\0\0\0\0\0\0\0\0"), 0, 0},
    {SLICE_INIT("\0\0\0\0\0\0\0\2"), 0, 2},                                  /* 0.00 */
    {SLICE_INIT("\0\1\0\0\0\0\0\0\0\1"), 1, 0},                              /* 1 */
    {SLICE_INIT("\0\1\0\0\x40\0\0\2\0\1"), -100, 2},                         /* -1.00 */
    {SLICE_INIT("\0\1\xff\xff\0\0\0\2\0\x64"), 1, 2},                        /* 0.01 */
    {SLICE_INIT("\0\1\xff\xff\x40\0\0\2\1\xf4"), -5, 2},                     /* -0.05 */
    {SLICE_INIT("\0\3\0\1\0\0\0\4\0\1\x09\x29\x1a\x85"), 123456789, 4},      /* 12345.6789 */
    {SLICE_INIT("\0\1\0\1\0\0\0\0\0\1"), 10000, 0},                          /* 10000 */
    {SLICE_INIT("\0\1\0\2\0\0\0\1\0\1"), 1000000000, 1},                     /* 100000000.0 */
    {SLICE_INIT("\0\1\xff\xff\0\0\0\4\0\1"), 1, 4},                          /* 0.0001 */
    {SLICE_INIT("\0\1\xff\xfe\0\0\0\5\3\xe8"), 1, 5},                        /* 0.00001 */
    {SLICE_INIT("\0\3\0\1\0\0\0\2\x27\x0f\x27\x0f\x26\xac"), 9999999999, 2}, /* 99999999.99 */
    {SLICE_INIT("\0\5\0\3\0\0\0\2\x27\x0f\x27\x0f\x27\x0f\x27\x0f\x26\xac"), 999999999999999999, 2},
};

static void numerics_are_read_with_their_scale(void **state)
{
    char room[POSTGRES_VALUE_ROOM];
    for (size_t i = 0; i < ARRAY_LEN(numerics); i++) {
        struct value value = postgres_value_decode(NUMERIC, numerics[i].bytes, room);
        assert_int_equal(value.kind, VALUE_INT);
        assert_int_equal(value.integer, numerics[i].integer);
        assert_int_equal(value.scale, numerics[i].scale);
    }
    struct value large = postgres_value_decode(NUMERIC, BYTES("\0\1\0\7\0\0\0\0\0\1"), room); /* 10^28 */
    assert_int_equal(large.kind, VALUE_FLOAT);
    assert_true(large.number == 1e28);
    assert_true(isnan(postgres_value_decode(NUMERIC, BYTES("\0\0\0\0\xc0\0\0\0"), room).number));
}

static void numerics_are_written_as_the_server_writes_them(void **state)
{
    struct buf out;
    buf_init(&out, 64);
    for (size_t i = 0; i < ARRAY_LEN(numerics); i++) {
        buf_clear(&out);
        assert_true(postgres_value_write(NUMERIC, value_decimal(numerics[i].integer, numerics[i].scale), &out));
        assert_int_equal(out.len, numerics[i].bytes.len);
        assert_memory_equal(out.ptr, numerics[i].bytes.ptr, out.len);
    }
    buf_fini(&out);
}

static void numerics_of_every_scale_survive_being_written_and_read(void **state)
{
    static const int64_t integers[] = {
        0, 1, -1, 9999, 10000, -10001, 100000000, 123456789012345678, INT64_MAX, INT64_MIN + 1};
    char room[POSTGRES_VALUE_ROOM];
    struct buf out;
    buf_init(&out, 64);
    for (size_t i = 0; i < ARRAY_LEN(integers); i++)
        for (unsigned scale = 0; scale <= 18; scale++) {
            buf_clear(&out);
            assert_true(postgres_value_write(NUMERIC, value_decimal(integers[i], scale), &out));
            struct value back = postgres_value_decode(NUMERIC, buf_slice(&out), room);
            assert_int_equal(back.kind, VALUE_INT);
            assert_int_equal(back.integer, integers[i]);
            assert_int_equal(back.scale, scale);
        }
    assert_false(postgres_value_write(NUMERIC, value_float(1.5), &out));
    assert_false(postgres_value_write(INET, value_text(SLICE("::1")), &out));
    buf_fini(&out);
}

static void texts_of_other_types_are_in_the_stored_forms(void **state)
{
    static const struct {
        Oid type;
        struct slice bytes;
        const char *text;
    } rows[] = {
        {TIMESTAMPTZ, SLICE_INIT("\0\0\0\0\0\0\0\0"), "2000-01-01T00:00:00.000000Z"},
        {TIMESTAMPTZ, SLICE_INIT("\0\0\0\0\0\0\0\1"), "2000-01-01T00:00:00.000001Z"},
        {TIMESTAMPTZ, SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff"), "1999-12-31T23:59:59.999999Z"},
        {TIMESTAMPTZ, SLICE_INIT("\x7f\xff\xff\xff\xff\xff\xff\xff"), "infinity"},
        {DATE, SLICE_INIT("\0\0\0\0"), "2000-01-01"},
        {DATE, SLICE_INIT("\xff\xff\xff\xff"), "1999-12-31"},
        {DATE, SLICE_INIT("\x80\0\0\0"), "-infinity"},
        {UUID, SLICE_INIT("\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57"),
         "01890a5d-ac96-774b-bcce-b302099a8057"},
        {TEXT, SLICE_INIT("r\xc3\xa4in"), "r\xc3\xa4in"},
        {JSON, SLICE_INIT("{\"a\":1}"), "{\"a\":1}"},
        {JSONB, SLICE_INIT("\1{\"a\": 1}"), "{\"a\": 1}"},
    };
    char room[POSTGRES_VALUE_ROOM];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value value = postgres_value_decode(rows[i].type, rows[i].bytes, room);
        assert_int_equal(value.kind, VALUE_TEXT);
        assert_true(slice_eq_text(value.text, rows[i].text));
    }
    assert_int_equal(postgres_value_decode(BYTEA, BYTES("\0\1"), room).kind, VALUE_BLOB);
    assert_true(postgres_value_decode(FLOAT8, BYTES("\x3f\xf8\0\0\0\0\0\0"), room).number == 1.5);
    assert_true(postgres_value_decode(FLOAT4, BYTES("\xc0\0\0\0"), room).number == -2.0);
    assert_false(postgres_value_is_known(INET));
    assert_true(postgres_value_is_known(NUMERIC));
}

static void arguments_go_in_binary_where_their_type_has_a_form_and_else_as_text(void **state)
{
    static const struct {
        Oid type;
        struct value value;
        int format;
        struct slice bytes;
    } rows[] = {
        {INT8, {VALUE_INT, 0, {.integer = 258}}, 1, SLICE_INIT("\0\0\0\0\0\0\1\2")},
        {INT4, {VALUE_INT, 0, {.integer = -1}}, 1, SLICE_INIT("\xff\xff\xff\xff")},
        {INT4, {VALUE_INT, 0, {.integer = INT64_C(1) << 40}}, 0, SLICE_INIT("1099511627776\0")},
        {BOOL, {VALUE_INT, 0, {.integer = 1}}, 1, SLICE_INIT("\1")},
        {FLOAT8, {VALUE_FLOAT, 0, {.number = 1.5}}, 1, SLICE_INIT("\x3f\xf8\0\0\0\0\0\0")},
        {FLOAT8, {VALUE_INT, 0, {.integer = 2}}, 1, SLICE_INIT("\x40\0\0\0\0\0\0\0")},
        {NUMERIC, {VALUE_INT, 2, {.integer = -5}}, 1, SLICE_INIT("\0\1\xff\xff\x40\0\0\2\1\xf4")},
        {NUMERIC, {VALUE_INT, 0, {.integer = 7}}, 1, SLICE_INIT("\0\1\0\0\0\0\0\0\0\7")},
        {NUMERIC, {VALUE_FLOAT, 0, {.number = 1.5}}, 0, SLICE_INIT("1.5\0")},
        {INT8, {VALUE_INT, 2, {.integer = 150}}, 0, SLICE_INIT("1.50\0")},
        {TEXT, {VALUE_TEXT, 0, {.text = SLICE_INIT("a\0b")}}, 1, SLICE_INIT("a\0b")},
        {TEXT, {VALUE_INT, 0, {.integer = 5}}, 0, SLICE_INIT("5\0")},
        {TIMESTAMPTZ,
         {VALUE_TEXT, 0, {.text = SLICE_INIT("2000-01-01T00:00:00.000001Z")}},
         1,
         SLICE_INIT("\0\0\0\0\0\0\0\1")},
        {TIMESTAMPTZ, {VALUE_TEXT, 0, {.text = SLICE_INIT("yesterday")}}, 0, SLICE_INIT("yesterday\0")},
        {DATE, {VALUE_TEXT, 0, {.text = SLICE_INIT("1999-12-31")}}, 1, SLICE_INIT("\xff\xff\xff\xff")},
        {UUID,
         {VALUE_TEXT, 0, {.text = SLICE_INIT("01890A5D-ac96-774b-bcce-b302099a8057")}},
         1,
         SLICE_INIT("\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57")},
        {UUID, {VALUE_TEXT, 0, {.text = SLICE_INIT("no")}}, 0, SLICE_INIT("no\0")},
        {BYTEA, {VALUE_BLOB, 0, {.text = SLICE_INIT("\0\xff")}}, 1, SLICE_INIT("\0\xff")},
        {INET, {VALUE_TEXT, 0, {.text = SLICE_INIT("::1")}}, 0, SLICE_INIT("::1\0")},
        {INET, {VALUE_BLOB, 0, {.text = SLICE_INIT("\x0f\xa0")}}, 0, SLICE_INIT("\\x0fa0\0")},
    };
    struct postgres_arguments arguments;
    postgres_value_init(&arguments);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct value values[] = {VALUE_NOTHING, rows[i].value};
        const Oid types[] = {TEXT, rows[i].type};
        assert_int_equal(postgres_value_encode(&arguments, types, values, 2), OK);
        assert_null(arguments.values[0]);
        assert_int_equal(arguments.formats[1], rows[i].format);
        assert_int_equal(arguments.lengths[1], rows[i].bytes.len);
        assert_memory_equal(arguments.values[1], rows[i].bytes.ptr, rows[i].bytes.len);
    }
    const struct value number = value_int(7);
    assert_int_equal(postgres_value_encode(&arguments, NULL, &number, 1), OK); /* the type is not known yet */
    assert_string_equal(arguments.values[0], "7");
    assert_int_equal(postgres_value_encode(&arguments, NULL, &number, POSTGRES_VALUE_ARGUMENTS_MAX + 1), ERROR_LIMIT);
    postgres_value_fini(&arguments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_and_booleans_are_read),
        cmocka_unit_test(numerics_are_read_with_their_scale),
        cmocka_unit_test(numerics_are_written_as_the_server_writes_them),
        cmocka_unit_test(numerics_of_every_scale_survive_being_written_and_read),
        cmocka_unit_test(texts_of_other_types_are_in_the_stored_forms),
        cmocka_unit_test(arguments_go_in_binary_where_their_type_has_a_form_and_else_as_text),
    };
    return cmocka_run_group_tests_name("data/postgres_value", tests, NULL, NULL);
}
