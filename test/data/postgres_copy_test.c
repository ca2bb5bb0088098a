/* SPDX-License-Identifier: Apache-2.0 */
/* COPY's binary format, byte by byte as PostgreSQL's manual describes it. */
#include "data/postgres_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_copy_begins_with_its_signature_and_ends_with_a_count_of_minus_one(void **state)
{
    static const char expected[] = "PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff";
    struct buf out;
    buf_init(&out, 1024);
    postgres_copy_put_head(&out);
    postgres_copy_put_end(&out);
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.ptr, expected, out.len);
    buf_fini(&out);
}

static void a_value_is_its_length_and_its_bytes(void **state)
{
    static const struct {
        enum sql_type type;
        struct value value;
        struct slice bytes;
    } rows[] = {
        {SQL_TEXT, {VALUE_NULL}, SLICE_INIT("\xff\xff\xff\xff")},
        {SQL_TEXT, {VALUE_TEXT, 0, {.text = SLICE_INIT("")}}, SLICE_INIT("\0\0\0\0")},
        {SQL_TEXT, {VALUE_TEXT, 0, {.text = SLICE_INIT("h\xc3\xa4")}}, SLICE_INIT("\0\0\0\3h\xc3\xa4")},
        {SQL_INTEGER, {VALUE_INT, 0, {.integer = -2}}, SLICE_INIT("\0\0\0\10\xff\xff\xff\xff\xff\xff\xff\xfe")},
        {SQL_FLOAT, {VALUE_FLOAT, 0, {.number = 1.5}}, SLICE_INIT("\0\0\0\10\x3f\xf8\0\0\0\0\0\0")},
        {SQL_DECIMAL, {VALUE_INT, 2, {.integer = 1}}, SLICE_INIT("\0\0\0\12\0\1\xff\xff\0\0\0\2\0\x64")},
        {SQL_BOOLEAN, {VALUE_INT, 0, {.integer = 1}}, SLICE_INIT("\0\0\0\1\1")},
        {SQL_INSTANT,
         {VALUE_TEXT, 0, {.text = SLICE_INIT("2000-01-01T00:00:00.000001Z")}},
         SLICE_INIT("\0\0\0\10\0\0\0\0\0\0\0\1")},
        {SQL_DATE, {VALUE_TEXT, 0, {.text = SLICE_INIT("1999-12-31")}}, SLICE_INIT("\0\0\0\4\xff\xff\xff\xff")},
        {SQL_UUID,
         {VALUE_TEXT, 0, {.text = SLICE_INIT("01890a5d-ac96-774b-bcce-b302099a8057")}},
         SLICE_INIT("\0\0\0\20\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57")},
        {SQL_JSON, {VALUE_TEXT, 0, {.text = SLICE_INIT("[1]")}}, SLICE_INIT("\0\0\0\3[1]")},
        {SQL_BYTES, {VALUE_BLOB, 0, {.text = SLICE_INIT("\0\xff")}}, SLICE_INIT("\0\0\0\2\0\xff")},
    };
    struct buf out;
    size_t column;
    buf_init(&out, 1024);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        assert_int_equal(postgres_copy_put_row(&out, &rows[i].type, &rows[i].value, 1, &column), OK);
        assert_int_equal(out.len, 2 + rows[i].bytes.len);
        assert_memory_equal(out.ptr, "\0\1", 2);
        assert_memory_equal(out.ptr + 2, rows[i].bytes.ptr, rows[i].bytes.len);
    }
    buf_fini(&out);
}

static void a_row_with_a_value_of_another_type_is_refused_and_leaves_nothing(void **state)
{
    static const enum sql_type types[] = {SQL_INTEGER, SQL_UUID, SQL_TEXT};
    const struct value values[] = {value_int(1), value_text(SLICE("no uuid")), value_text(SLICE("a"))};
    struct buf out;
    size_t column = 9;
    buf_init(&out, 1024);
    postgres_copy_put_head(&out);
    size_t before = out.len;
    assert_int_equal(postgres_copy_put_row(&out, types, values, 3, &column), ERROR_VALIDATION);
    assert_int_equal(column, 1);
    assert_int_equal(out.len, before);
    buf_fini(&out);
}

static void a_row_beyond_the_limit_is_an_error(void **state)
{
    const enum sql_type type = SQL_TEXT;
    const struct value value = value_text(SLICE("0123456789"));
    struct buf out;
    size_t column;
    buf_init(&out, 12);
    assert_int_equal(postgres_copy_put_row(&out, &type, &value, 1, &column), ERROR_LIMIT);
    buf_fini(&out);
}

static void the_place_of_a_refusal_is_read_from_its_context(void **state)
{
    static const struct {
        const char *context, *column;
        int64_t row;
    } rows[] = {
        {"COPY items, line 17, column price", "price", 17},
        {"COPY items, line 17, column price: \"x\"", "price", 17},
        {"JSON data, line 1: {oops\nCOPY items, line 3, column meta", "meta", 3},
        {"COPY odd, line 9, name, line 4, column a", "a", 4},
        {"JSON data, line 1: {oops", "", 0},
        {"COPY items, line 2", "", 2},
        {"COPY items, line ", "", 0},
        {"something else", "", 0},
        {"", "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct postgres_copy_place place = postgres_copy_parse_context(slice_from(rows[i].context));
        assert_int_equal(place.row, rows[i].row);
        assert_true(slice_eq_text(place.column, rows[i].column));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_begins_with_its_signature_and_ends_with_a_count_of_minus_one),
        cmocka_unit_test(a_value_is_its_length_and_its_bytes),
        cmocka_unit_test(a_row_with_a_value_of_another_type_is_refused_and_leaves_nothing),
        cmocka_unit_test(a_row_beyond_the_limit_is_an_error),
        cmocka_unit_test(the_place_of_a_refusal_is_read_from_its_context),
    };
    return cmocka_run_group_tests_name("data/postgres_copy", tests, NULL, NULL);
}
