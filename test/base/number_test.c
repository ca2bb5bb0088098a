/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void number_scan_stops_where_the_number_ends(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        bool is_integer;
    } rows[] = {
        {"0", 1, true},       {"-0", 2, true},   {"12,", 2, true},   {"1.50]", 4, false}, {"1e5", 3, false},
        {"1E+05}", 5, false}, {"01", 1, true},   {"-", 0, false},    {"", 0, false},      {"+1", 0, false},
        {".5", 0, false},     {"1.", 0, false},  {"1.e1", 0, false}, {"1e", 0, false},    {"1e+", 0, false},
        {"NaN", 0, false},    {"0x10", 1, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct number_parts parts = {0};
        assert_int_equal(number_scan(slice_from(rows[i].text), &parts), rows[i].length);
        assert_int_equal(parts.is_integer, rows[i].is_integer);
    }
}

static void number_parse_int_takes_64_bits_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        enum error error;
        int64_t expected;
    } rows[] = {
        {"0", OK, 0},
        {"-0", OK, 0},
        {"42", OK, 42},
        {"-1", OK, -1},
        {"9223372036854775807", OK, INT64_MAX},
        {"-9223372036854775808", OK, INT64_MIN},
        {"9223372036854775808", ERROR_VALIDATION, 0},
        {"-9223372036854775809", ERROR_VALIDATION, 0},
        {"99999999999999999999999999", ERROR_VALIDATION, 0},
        {"", ERROR_PARSE, 0},
        {"-", ERROR_PARSE, 0},
        {"+1", ERROR_PARSE, 0},
        {" 1", ERROR_PARSE, 0},
        {"1 ", ERROR_PARSE, 0},
        {"01", ERROR_PARSE, 0},
        {"1.0", ERROR_PARSE, 0},
        {"1e2", ERROR_PARSE, 0},
        {"1_000", ERROR_PARSE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 0;
        assert_int_equal(number_parse_int(slice_from(rows[i].text), &value), rows[i].error);
        assert_true(value == rows[i].expected);
    }
}

static void number_parse_float_gives_the_nearest_double(void **state)
{
    static const char *const rows[] = {
        "0",
        "1",
        "-1.5",
        "0.1",
        "1e22",
        "1e23",
        "123456789012345678",
        "1.7976931348623157e308",
        "5e-324",
        "1e-400",
        "9007199254740993",
        "2.2250738585072014e-308",
        "0.30000000000000004",
        "1e-22",
        "3.4e-23",
        "0e999999999999999999",
        "100000000000000000000000000000000000e-35",
        "0.00000000000000000000000000000000000001e38",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value;
        assert_int_equal(number_parse_float(slice_from(rows[i]), &value), OK);
        assert_true(value == strtod(rows[i], NULL));
    }
    double zero;
    assert_int_equal(number_parse_float(SLICE("-0.0"), &zero), OK);
    assert_true(zero == 0 && signbit(zero));
}

static void number_parse_float_refuses_what_is_no_finite_number(void **state)
{
    static const struct {
        const char *text;
        enum error error;
    } rows[] = {
        {"1e309", ERROR_VALIDATION}, {"-1e999999999999999999", ERROR_VALIDATION},
        {"nan", ERROR_PARSE},        {"inf", ERROR_PARSE},
        {"0x1p3", ERROR_PARSE},      {"1,5", ERROR_PARSE},
        {"", ERROR_PARSE},           {"1.", ERROR_PARSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value = 7;
        assert_int_equal(number_parse_float(slice_from(rows[i].text), &value), rows[i].error);
        assert_true(value == 7);
    }
}

static void number_parse_float_is_right_on_random_digits(void **state)
{
    srand(3);
    for (int i = 0; i < 50000; i++) {
        char text[64];
        int length = 0;
        for (int digits = 1 + rand() % 25; digits > 0; digits--)
            text[length++] = (char)('1' + rand() % 9);
        text[length++] = '.';
        for (int digits = 1 + rand() % 20; digits > 0; digits--)
            text[length++] = (char)('0' + rand() % 10);
        length += snprintf(text + length, 8, "e%d", rand() % 80 - 40);
        double value;
        assert_int_equal(number_parse_float(slice_of(text, (size_t)length), &value), OK);
        assert_true(value == strtod(text, NULL));
    }
}

/* Half way between 1 and the next double: only the last of many digits decides. */
static void number_parse_float_sees_the_last_of_many_digits(void **state)
{
    enum { ZEROS = 1000000 };
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    char *text = malloc(sizeof half + ZEROS);
    assert_non_null(text);
    memcpy(text, half, sizeof half - 1);
    memset(text + sizeof half - 1, '0', ZEROS);
    double value;
    assert_int_equal(number_parse_float(slice_of(text, sizeof half + ZEROS - 2), &value), OK);
    assert_true(value == 1.0);
    text[sizeof half + ZEROS - 2] = '1';
    assert_int_equal(number_parse_float(slice_of(text, sizeof half + ZEROS - 1), &value), OK);
    assert_true(value == nextafter(1.0, 2.0));
    free(text);
}

static void number_parse_decimal_is_exact_or_refuses(void **state)
{
    static const struct {
        const char *text;
        unsigned precision, scale;
        enum error error;
        int64_t expected;
    } rows[] = {
        {"12.5", 18, 2, OK, 1250},
        {"-12.50", 18, 2, OK, -1250},
        {"12.500", 18, 2, OK, 1250},
        {"0.01", 18, 2, OK, 1},
        {"-0.01", 18, 2, OK, -1},
        {"-0", 18, 2, OK, 0},
        {"1e2", 18, 2, OK, 10000},
        {"1.25e1", 18, 2, OK, 1250},
        {"1250e-2", 18, 2, OK, 1250},
        {"1250e-3", 18, 2, OK, 125},
        {"1255e-3", 18, 2, ERROR_UNPROCESSABLE, 0},
        {"1.005", 18, 2, ERROR_UNPROCESSABLE, 0},
        {"1e-1000000000000000000", 18, 2, ERROR_UNPROCESSABLE, 0},
        {"0e1000000000000000000", 18, 2, OK, 0},
        {"999.99", 5, 2, OK, 99999},
        {"1000", 5, 2, ERROR_VALIDATION, 0},
        {"1000.001", 5, 2, ERROR_VALIDATION, 0},
        {"1e1000000000000000000", 18, 2, ERROR_VALIDATION, 0},
        {"999999999999999999", 18, 0, OK, 999999999999999999},
        {"1000000000000000000", 18, 0, ERROR_VALIDATION, 0},
        {"0.999999999999999999", 18, 18, OK, 999999999999999999},
        {"1", 18, 18, ERROR_VALIDATION, 0},
        {"", 18, 2, ERROR_PARSE, 0},
        {"1,5", 18, 2, ERROR_PARSE, 0},
        {"01", 18, 2, ERROR_PARSE, 0},
        {".5", 18, 2, ERROR_PARSE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t scaled = 0;
        enum error error = number_parse_decimal(slice_from(rows[i].text), rows[i].precision, rows[i].scale, &scaled);
        assert_int_equal(error, rows[i].error);
        assert_true(scaled == rows[i].expected);
    }
}

static void number_format_decimal_writes_the_full_scale(void **state)
{
    static const struct {
        int64_t scaled;
        unsigned scale;
        const char *expected;
    } rows[] = {
        {1250, 2, "12.50"},
        {-1250, 2, "-12.50"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {0, 2, "0.00"},
        {7, 0, "7"},
        {-99, 2, "-0.99"},
        {100, 2, "1.00"},
        {999999999999999999, 18, "0.999999999999999999"},
        {-1, 18, "-0.000000000000000001"},
        {INT64_MIN, 0, "-9223372036854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf buf;
        buf_init(&buf, 100);
        number_format_decimal(&buf, rows[i].scaled, rows[i].scale);
        assert_true(slice_eq_text(buf_slice(&buf), rows[i].expected));
        buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_scan_stops_where_the_number_ends),
        cmocka_unit_test(number_parse_int_takes_64_bits_and_nothing_else),
        cmocka_unit_test(number_parse_float_gives_the_nearest_double),
        cmocka_unit_test(number_parse_float_refuses_what_is_no_finite_number),
        cmocka_unit_test(number_parse_float_is_right_on_random_digits),
        cmocka_unit_test(number_parse_float_sees_the_last_of_many_digits),
        cmocka_unit_test(number_parse_decimal_is_exact_or_refuses),
        cmocka_unit_test(number_format_decimal_writes_the_full_scale),
    };
    return cmocka_run_group_tests_name("base/number", tests, NULL, NULL);
}
