/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonwrite.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/jsonread.h"
#include "base/number.h"
#include "base/utf8.h"

static void jsonwrite_string_escapes_what_must_be_and_nothing_else(void **state)
{
    static const struct {
        struct slice text;
        const char *expected;
    } rows[] = {
        {SLICE_INIT(""), "\"\""},
        {SLICE_INIT("plain text, longer than a word"), "\"plain text, longer than a word\""},
        {SLICE_INIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
        {SLICE_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {SLICE_INIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {SLICE_INIT("caf\xC3\xA9 \xF0\x9F\x98\x80"), "\"caf\xC3\xA9 \xF0\x9F\x98\x80\""},
        {SLICE_INIT("a\xFF\xC3z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\""},
        {SLICE_INIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SLICE_INIT("1234567\""), "\"1234567\\\"\""},
        {SLICE_INIT("12345678\n"), "\"12345678\\n\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        jsonwrite_string(&buf, rows[i].text);
        assert_true(slice_eq_text(buf_slice(&buf), rows[i].expected));
        buf_fini(&buf);
    }
}

static void jsonwrite_string_of_any_bytes_is_read_back(void **state)
{
    struct arena arena;
    struct buf buf;
    arena_init(&arena, 1 << 20);
    buf_init(&buf, 1 << 20);
    srand(4);
    for (int i = 0; i < 50000; i++) {
        char bytes[40];
        struct slice text = slice_of(bytes, (size_t)rand() % sizeof bytes);
        for (size_t j = 0; j < text.len; j++)
            bytes[j] = (char)(1 + rand() % (i % 2 ? 127 : 255));
        buf_clear(&buf);
        arena_reset(&arena);
        jsonwrite_string(&buf, text);
        struct jsonread reader;
        struct json_value value;
        jsonread_init(&reader, buf_slice(&buf), &arena, 1);
        assert_int_equal(jsonread_next(&reader, &value), JSON_STRING);
        if (utf8_is_valid(text))
            assert_true(slice_eq(value.text, text));
        assert_int_equal(jsonread_next(&reader, &value), JSON_END);
    }
    buf_fini(&buf);
    arena_fini(&arena);
}

static void jsonwrite_float_writes_the_shortest_text(void **state)
{
    static const struct {
        double number;
        const char *expected;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-3, "-3"},
        {0.1, "0.1"},
        {19.99, "19.99"},
        {-0.05, "-0.05"},
        {2328.6, "2328.6"},
        {1e-8, "0.00000001"},
        {123456.789, "123456.789"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {1e14, "100000000000000"},
        {1e15, "1e+15"},
        {1e22, "1e+22"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        jsonwrite_float(&buf, rows[i].number);
        assert_true(slice_eq_text(buf_slice(&buf), rows[i].expected));
        buf_fini(&buf);
    }
}

static void assert_reads_back(struct buf *buf, double number)
{
    double again;
    buf_clear(buf);
    jsonwrite_float(buf, number);
    assert_int_equal(number_parse_float(buf_slice(buf), &again), OK);
    assert_memory_equal(&again, &number, sizeof number);
}

static void jsonwrite_float_reads_back_as_the_same_double(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    srand(5);
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number))
            assert_reads_back(&buf, number);
        assert_reads_back(&buf, (double)(rand() % 100000000) / 100);
        assert_reads_back(&buf, (double)rand() * 1e-9 * (double)rand());
    }
    buf_fini(&buf);
}

static void jsonwrite_writes_numbers_and_words(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    jsonwrite_int(&buf, INT64_MIN);
    jsonwrite_bool(&buf, true);
    jsonwrite_bool(&buf, false);
    jsonwrite_null(&buf);
    assert_true(slice_eq_text(buf_slice(&buf), "-9223372036854775808truefalsenull"));
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonwrite_string_escapes_what_must_be_and_nothing_else),
        cmocka_unit_test(jsonwrite_string_of_any_bytes_is_read_back),
        cmocka_unit_test(jsonwrite_float_writes_the_shortest_text),
        cmocka_unit_test(jsonwrite_float_reads_back_as_the_same_double),
        cmocka_unit_test(jsonwrite_writes_numbers_and_words),
    };
    return cmocka_run_group_tests_name("base/jsonwrite", tests, NULL, NULL);
}
