/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regex.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"

static void regex_match_finds_the_pattern_anywhere_unless_it_is_tied(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool expected;
    } rows[] = {
        {"", "", true},
        {"b", "abc", true},
        {"^b", "abc", false},
        {"^[a-z]+$", "abc", true},
        {"^[a-z]+$", "abc\n", false},
        {"^.$", "\xC3\xA9", true},
        {"(a)\\1", "aa", true},
        {"^\\d{3}$", "12a", false},
        {"(?i)ABC", "abc", true},
        {"\\x{e9}", "\xC3\xA9", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *regex;
        bool matches;
        assert_int_equal(regex_compile(slice_from(rows[i].pattern), NULL, &regex), OK);
        assert_int_equal(regex_match(regex, slice_from(rows[i].text), &matches), OK);
        assert_int_equal(matches, rows[i].expected);
        regex_destroy(regex);
    }
    regex_destroy(NULL);
}

static void regex_compile_says_where_a_pattern_is_wrong(void **state)
{
    static const struct {
        struct slice pattern;
        size_t offset;
        const char *message;
    } rows[] = {
        {SLICE_INIT("a(b"), 3, "missing closing parenthesis"},
        {SLICE_INIT("[a"), 2, "missing terminating ] for character class"},
        {SLICE_INIT("*a"), 0, "quantifier does not follow a repeatable item"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *regex = NULL;
        struct regex_fault fault;
        assert_int_equal(regex_compile(rows[i].pattern, &fault, &regex), ERROR_VALIDATION);
        assert_null(regex);
        assert_int_equal(fault.offset, rows[i].offset);
        assert_string_equal(fault.message, rows[i].message);
    }
}

static void regex_compile_refuses_long_patterns_and_single_bytes(void **state)
{
    static const char zeros[REGEX_PATTERN_BYTES_MAX + 1];
    struct regex *regex;
    struct regex_fault fault;
    assert_int_equal(regex_compile(slice_of(zeros, sizeof zeros), &fault, &regex), ERROR_VALIDATION);
    assert_string_equal(fault.message, "longer than 4096 bytes");
    assert_int_equal(regex_compile(slice_of(zeros, sizeof zeros), NULL, &regex), ERROR_VALIDATION);
    assert_int_equal(regex_compile(SLICE("a\\C"), NULL, &regex), ERROR_VALIDATION);
    assert_int_equal(regex_compile(SLICE("\xFF"), NULL, &regex), ERROR_VALIDATION);
}

static void regex_match_gives_up_on_exponential_patterns(void **state)
{
    static const char *const patterns[] = {"^(a+)+$", "^(a|aa)+$", "(a*)*b", "^(?:a?){30}a{30}$x"};
    char text[51];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '!';
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *regex;
        bool matches;
        assert_int_equal(regex_compile(slice_from(patterns[i]), NULL, &regex), OK);
        int64_t start_us = clock_monotonic_us(clock_system());
        enum error error = regex_match(regex, slice_of(text, sizeof text), &matches);
        int64_t took_us = clock_monotonic_us(clock_system()) - start_us;
        assert_true(error == ERROR_LIMIT || (error == OK && !matches));
        assert_true(i > 0 || error == ERROR_LIMIT);
        assert_true(took_us < 500000); /* some milliseconds; generous for sanitizers and busy machines */
        regex_destroy(regex);
    }
}

static void regex_match_bounds_the_work_over_all_places_of_a_text(void **state)
{
    static const struct {
        const char *pattern, *unit, *end;
        size_t count;
        enum error expected;
    } rows[] = {
        {"\\s+$", " ", "x", 9999, ERROR_LIMIT},
        {"(a+)+[!?]", "aaaaaaaaaaaaaaab", "", 600, ERROR_LIMIT},
        {"[a-z]*[a-z]*[a-z]*[!?]", "a", "", 9999, ERROR_LIMIT},
        {"(?=.*[!?])(?=.*#)", "a", "", 9999, ERROR_LIMIT},
        {"^(a*)(?:\\1x|\\1y|\\1z)", "a", "", 9999, ERROR_LIMIT},
        {"^(a+)+$", "a", "", 9999, OK},
        {"^[a-z ]+$", "a b", "", 300000, OK},
        {"^(?:[a-z]{3},)+[a-z]{3}$", "abc,", "abc", 2000, OK},
        {"^(['\"]).*\\1$", "'", "'", 9999, OK},
        {"a.*b.*c.*d$", "a b c ", "d", 1500, OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        for (size_t n = 0; n < rows[i].count; n++)
            buf_put_slice(&text, slice_from(rows[i].unit));
        buf_put_slice(&text, slice_from(rows[i].end));
        struct regex *regex;
        bool matches = false;
        assert_int_equal(regex_compile(slice_from(rows[i].pattern), NULL, &regex), OK);
        int64_t start_us = clock_monotonic_us(clock_system());
        assert_int_equal(regex_match(regex, buf_slice(&text), &matches), rows[i].expected);
        assert_true(clock_monotonic_us(clock_system()) - start_us < 500000); /* without a bound: up to a second */
        assert_int_equal(matches, rows[i].expected == OK);
        regex_destroy(regex);
        buf_fini(&text);
    }
}

static void regex_match_refuses_text_that_is_not_utf8(void **state)
{
    struct regex *regex;
    bool matches;
    assert_int_equal(regex_compile(SLICE("a"), NULL, &regex), OK);
    assert_int_equal(regex_match(regex, SLICE("a\xFF"), &matches), ERROR_PARSE);
    regex_destroy(regex);
}

static void *match_often(void *argument)
{
    const struct regex *regex = argument;
    for (int i = 0; i < 2000; i++) {
        bool matches = i % 2;
        if (regex_match(regex, i % 2 ? SLICE("key-17") : SLICE("17"), &matches) != OK || matches != (i % 2 == 1))
            return NULL;
    }
    return argument;
}

static void regex_match_serves_several_threads_at_once(void **state)
{
    struct regex *regex;
    pthread_t threads[3];
    void *result;
    assert_int_equal(regex_compile(SLICE("^[a-z]+-\\d+$"), NULL, &regex), OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, match_often, regex), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, regex);
    }
    regex_destroy(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regex_match_finds_the_pattern_anywhere_unless_it_is_tied),
        cmocka_unit_test(regex_compile_says_where_a_pattern_is_wrong),
        cmocka_unit_test(regex_compile_refuses_long_patterns_and_single_bytes),
        cmocka_unit_test(regex_match_gives_up_on_exponential_patterns),
        cmocka_unit_test(regex_match_bounds_the_work_over_all_places_of_a_text),
        cmocka_unit_test(regex_match_refuses_text_that_is_not_utf8),
        cmocka_unit_test(regex_match_serves_several_threads_at_once),
    };
    return cmocka_run_group_tests_name("base/regex", tests, NULL, NULL);
}
