/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timecode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void timecode_parse_datetime_reads_rfc_3339_as_utc(void **state)
{
    static const struct {
        const char *text;
        const char *expected; /* as formatted again */
    } rows[] = {
        {"2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"},
        {"2026-01-02t03:04:05.5z", "2026-01-02T03:04:05.500000Z"},
        {"2026-01-02T03:04:05.678901000Z", "2026-01-02T03:04:05.678901Z"},
        {"2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05.000000Z"},
        {"2025-12-31T23:00:00-01:00", "2026-01-01T00:00:00.000000Z"},
        {"2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
        {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us;
        char text[TIMECODE_DATETIME_BYTES];
        assert_int_equal(timecode_parse_datetime(slice_from(rows[i].text), &us), OK);
        assert_null(timecode_refusal(slice_from(rows[i].text)));
        timecode_format_datetime(us, text);
        assert_memory_equal(text, rows[i].expected, sizeof text);
    }
}

static void timecode_refusal_says_what_is_wrong_with_a_datetime(void **state)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", "not a date such as 2026-01-02"},
        {"2026-1-02T03:04:05Z", "not a date such as 2026-01-02"},
        {"2026-01-02", "not a date and time such as 2026-01-02T03:04:05Z"},
        {"2026-01-02 03:04:05Z", "not a date and time such as 2026-01-02T03:04:05Z"},
        {"2026-01-02T03:04Z", "not a time such as 03:04:05"},
        {"2026-01-02T03:04:05", "needs an offset from UTC: Z, or such as +02:00"},
        {"2026-01-02T03:04:05+0200", "needs an offset from UTC: Z, or such as +02:00"},
        {"2026-01-02T03:04:05+24:00", "there is no such offset from UTC"},
        {"2026-01-02T03:04:05ZZ", "something follows the offset"},
        {"2026-01-02T03:04:05.Z", "no digits behind the point of the seconds"},
        {"2026-01-02T03:04:05.1234567Z", "more than six digits behind the point of the seconds"},
        {"2016-12-31T23:59:60Z", "leap seconds are not supported"},
        {"2026-01-02T24:00:00Z", "there is no such time of day"},
        {"2026-01-02T03:60:00Z", "there is no such time of day"},
        {"2026-13-02T03:04:05Z", "there is no such month"},
        {"2026-00-02T03:04:05Z", "there is no such month"},
        {"2026-04-31T03:04:05Z", "there is no such day in that month"},
        {"2025-02-29T03:04:05Z", "there is no such day in that month"},
        {"1900-02-29T03:04:05Z", "there is no such day in that month"},
        {"2026-01-00T03:04:05Z", "there is no such day in that month"},
        {"0000-01-01T00:00:00Z", "there is no year 0000"},
        {"0001-01-01T00:00:00+00:01", "not within the years 0001 to 9999"},
        {"9999-12-31T23:59:59-00:01", "not within the years 0001 to 9999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us = 7;
        assert_int_equal(timecode_parse_datetime(slice_from(rows[i].text), &us), ERROR_PARSE);
        assert_int_equal(us, 7);
        assert_string_equal(timecode_refusal(slice_from(rows[i].text)), rows[i].sentence);
    }
}

static void timecode_dates_follow_the_calendar_of_libc_day_by_day(void **state)
{
    for (int32_t days = TIMECODE_DAYS_MIN; days <= TIMECODE_DAYS_MAX; days += 11) {
        time_t seconds = (time_t)days * 86400 + 3661;
        struct tm tm;
        char text[TIMECODE_DATE_BYTES], http[TIMECODE_HTTP_BYTES], expected[64];
        int32_t again;
        assert_non_null(gmtime_r(&seconds, &tm));
        timecode_format_date(days, text);
        assert_int_equal(timecode_parse_date(slice_of(text, sizeof text), &again), OK);
        assert_int_equal(again, days);
        timecode_format_http(seconds, http);
        assert_int_equal(http[25], ' ');
        if (tm.tm_year + 1900 < 1000)
            continue; /* strftime does not pad the year */
        strftime(expected, sizeof expected, "%Y-%m-%d", &tm);
        assert_memory_equal(text, expected, sizeof text);
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        assert_memory_equal(http, expected, sizeof http);
    }
}

static void timecode_parse_date_refuses_what_is_no_date(void **state)
{
    static const char *const rows[] = {"",         "2026-01",    "2026-01-02T", "2026-02-30",
                                       "26-01-02", "2026/01/02", "-026-01-02"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t days;
        assert_int_equal(timecode_parse_date(slice_from(rows[i]), &days), ERROR_PARSE);
    }
}

static void timecode_formats_the_nearest_end_of_what_lies_outside(void **state)
{
    char text[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(INT64_MIN, text);
    assert_memory_equal(text, "0001-01-01T00:00:00.000000Z", sizeof text);
    timecode_format_datetime(INT64_MAX, text);
    assert_memory_equal(text, "9999-12-31T23:59:59.999999Z", sizeof text);
}

struct quantity_row {
    const char *text;
    enum error error;
    int64_t expected;
};

static void timecode_parse_duration_takes_a_number_and_a_unit(void **state)
{
    static const struct quantity_row rows[] = {
        {"30s", OK, 30000},
        {"5m", OK, 300000},
        {"1h", OK, 3600000},
        {"7d", OK, 604800000},
        {"2w", OK, 1209600000},
        {"500ms", OK, 500},
        {"0", OK, 0},
        {"0s", OK, 0},
        {"5", ERROR_PARSE, 0},
        {"", ERROR_PARSE, 0},
        {"s", ERROR_PARSE, 0},
        {"-5s", ERROR_PARSE, 0},
        {"5 s", ERROR_PARSE, 0},
        {"1.5s", ERROR_PARSE, 0},
        {"5S", ERROR_PARSE, 0},
        {"05s", ERROR_PARSE, 0},
        {"9223372036854775807w", ERROR_VALIDATION, 0},
        {"99999999999999999999s", ERROR_VALIDATION, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = 0;
        assert_int_equal(timecode_parse_duration(slice_from(rows[i].text), &ms), rows[i].error);
        assert_true(ms == rows[i].expected);
    }
}

static void timecode_parse_size_takes_decimal_and_binary_units(void **state)
{
    static const struct quantity_row rows[] = {
        {"8KiB", OK, 8192},          {"1MiB", OK, 1048576},
        {"512B", OK, 512},           {"10MB", OK, 10000000},
        {"1TiB", OK, 1099511627776}, {"0", OK, 0},
        {"512", ERROR_PARSE, 0},     {"1kb", ERROR_PARSE, 0},
        {"1 MB", ERROR_PARSE, 0},    {"9000000TiB", ERROR_VALIDATION, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t bytes = 0;
        assert_int_equal(timecode_parse_size(slice_from(rows[i].text), &bytes), rows[i].error);
        assert_true(bytes == rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timecode_parse_datetime_reads_rfc_3339_as_utc),
        cmocka_unit_test(timecode_refusal_says_what_is_wrong_with_a_datetime),
        cmocka_unit_test(timecode_dates_follow_the_calendar_of_libc_day_by_day),
        cmocka_unit_test(timecode_parse_date_refuses_what_is_no_date),
        cmocka_unit_test(timecode_formats_the_nearest_end_of_what_lies_outside),
        cmocka_unit_test(timecode_parse_duration_takes_a_number_and_a_unit),
        cmocka_unit_test(timecode_parse_size_takes_decimal_and_binary_units),
    };
    return cmocka_run_group_tests_name("base/timecode", tests, NULL, NULL);
}
