/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/metrics.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

static void expect_print(struct metrics *metrics, const char *expected)
{
    struct buf out;
    buf_init(&out, 100000);
    metrics_print(metrics, &out);
    buf_put_byte(&out, 0);
    assert_false(buf_failed(&out));
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static struct metrics *create(unsigned cores)
{
    struct metrics *metrics;
    assert_int_equal(metrics_create(cores, &metrics), OK);
    return metrics;
}

static void metrics_print_sums_the_cores_and_names_a_family_once(void **state)
{
    struct metrics *metrics = create(2);
    unsigned family, get, post;
    const struct slice get_values[] = {SLICE("GET"), SLICE("200")}, post_values[] = {SLICE("POST"), SLICE("201")};
    assert_int_equal(metrics_add_counter(metrics, "http_requests_total", "Requests.", "method,status", &family), OK);
    assert_int_equal(metrics_add_series(metrics, family, get_values, 2, &get), OK);
    assert_int_equal(metrics_add_series(metrics, family, post_values, 2, &post), OK);
    metrics_count(metrics, 0, get, 1);
    metrics_count(metrics, 1, get, 41);
    metrics_count(metrics, 1, post, 0);
    expect_print(metrics, "# HELP http_requests_total Requests.\n"
                          "# TYPE http_requests_total counter\n"
                          "http_requests_total{method=\"GET\",status=\"200\"} 42\n"
                          "http_requests_total{method=\"POST\",status=\"201\"} 0\n");
    metrics_destroy(metrics);
}

static void metrics_print_leaves_out_what_was_never_touched(void **state)
{
    struct metrics *metrics = create(1);
    unsigned silent, loud, series;
    assert_int_equal(metrics_add_counter(metrics, "silent_total", "Never.", "", &silent), OK);
    assert_int_equal(metrics_add_series(metrics, silent, NULL, 0, &series), OK);
    assert_int_equal(metrics_add_gauge(metrics, "loud", "Set to zero.", "", &loud), OK);
    assert_int_equal(metrics_add_series(metrics, loud, NULL, 0, &series), OK);
    metrics_set(metrics, 0, series, 0);
    expect_print(metrics, "# HELP loud Set to zero.\n# TYPE loud gauge\nloud 0\n");
    metrics_destroy(metrics);
}

static void metrics_print_histogram_is_cumulative_up_to_inf_which_is_the_count(void **state)
{
    static const double bounds[] = {0.005, 0.1, 2.5};
    const struct slice route[] = {SLICE("/markets")};
    struct metrics *metrics = create(2);
    unsigned family, series;
    assert_int_equal(
        metrics_add_histogram(metrics, "http_request_duration_seconds", "Time.", "route", bounds, 3, &family), OK);
    assert_int_equal(metrics_add_series(metrics, family, route, 1, &series), OK);
    metrics_observe(metrics, 0, series, 5000); /* a bound belongs to its bucket */
    metrics_observe(metrics, 1, series, 5001);
    metrics_observe(metrics, 0, series, 0);
    metrics_observe(metrics, 1, series, 90000000);
    expect_print(metrics, "# HELP http_request_duration_seconds Time.\n"
                          "# TYPE http_request_duration_seconds histogram\n"
                          "http_request_duration_seconds_bucket{route=\"/markets\",le=\"0.005\"} 2\n"
                          "http_request_duration_seconds_bucket{route=\"/markets\",le=\"0.1\"} 3\n"
                          "http_request_duration_seconds_bucket{route=\"/markets\",le=\"2.5\"} 3\n"
                          "http_request_duration_seconds_bucket{route=\"/markets\",le=\"+Inf\"} 4\n"
                          "http_request_duration_seconds_sum{route=\"/markets\"} 90.010001\n"
                          "http_request_duration_seconds_count{route=\"/markets\"} 4\n");
    metrics_destroy(metrics);
}

static void metrics_print_escapes_help_and_label_values(void **state)
{
    const struct slice value[] = {SLICE("a\"b\\c\nd")};
    struct metrics *metrics = create(1);
    unsigned family, series;
    assert_int_equal(metrics_add_counter(metrics, "odd_total", "One\\two\nthree \"four\".", "text", &family), OK);
    assert_int_equal(metrics_add_series(metrics, family, value, 1, &series), OK);
    metrics_count(metrics, 0, series, 7);
    expect_print(metrics, "# HELP odd_total One\\\\two\\nthree \"four\".\n"
                          "# TYPE odd_total counter\n"
                          "odd_total{text=\"a\\\"b\\\\c\\nd\"} 7\n");
    metrics_destroy(metrics);
}

static double read_half(void *argument)
{
    return *(const int *)argument / 2.0;
}

static void metrics_print_asks_probes_and_adds_gauges(void **state)
{
    const struct slice read[] = {SLICE("read")}, write[] = {SLICE("write")};
    struct metrics *metrics = create(3);
    unsigned family, series;
    int size = 5;
    assert_int_equal(metrics_add_gauge(metrics, "pool_size", "Size.", "pool", &family), OK);
    assert_int_equal(metrics_add_series(metrics, family, read, 1, &series), OK);
    assert_int_equal(metrics_add_probe(metrics, family, write, 1, read_half, &size), OK);
    metrics_set(metrics, 0, series, 1e300);
    metrics_set(metrics, 0, series, 0.5);
    metrics_set(metrics, 2, series, 1.25);
    expect_print(metrics, "# HELP pool_size Size.\n# TYPE pool_size gauge\n"
                          "pool_size{pool=\"read\"} 1.75\npool_size{pool=\"write\"} 2.5\n");
    metrics_destroy(metrics);
}

static void metrics_refuses_what_would_not_be_valid_text(void **state)
{
    static const double falling[] = {2, 1}, many[METRICS_BOUNDS_MAX + 1] = {1};
    const struct slice value[] = {SLICE("x"), SLICE("y")};
    struct metrics *metrics = create(1);
    unsigned family, series;
    assert_int_equal(metrics_add_counter(metrics, "9lives", "", "", &family), ERROR_VALIDATION);
    assert_int_equal(metrics_add_counter(metrics, "", "", "", &family), ERROR_VALIDATION);
    assert_int_equal(metrics_add_counter(metrics, "a", "", "b-c", &family), ERROR_VALIDATION);
    assert_int_equal(metrics_add_counter(metrics, "a", "", "le", &family), ERROR_VALIDATION);
    assert_int_equal(metrics_add_histogram(metrics, "h", "", "", falling, 2, &family), ERROR_VALIDATION);
    assert_int_equal(metrics_add_histogram(metrics, "h", "", "", many, METRICS_BOUNDS_MAX + 1, &family),
                     ERROR_VALIDATION);
    assert_int_equal(metrics_add_counter(metrics, "a", "", "b", &family), OK);
    assert_int_equal(metrics_add_gauge(metrics, "a", "", "b", &series), ERROR_CONFLICT);
    assert_int_equal(metrics_add_series(metrics, family, value, 0, &series), ERROR_VALIDATION);
    assert_int_equal(metrics_add_series(metrics, family, value, 2, &series), ERROR_VALIDATION);
    assert_int_equal(metrics_add_series(metrics, family + 1, value, 1, &series), ERROR_VALIDATION);
    assert_int_equal(metrics_add_series(metrics, family, value, 1, &series), OK);
    assert_int_equal(metrics_add_series(metrics, family, value, 1, &series), ERROR_CONFLICT);
    metrics_destroy(metrics);
}

static void metrics_keep_their_counts_while_series_are_added(void **state)
{
    struct metrics *metrics = create(2);
    unsigned family, first, series;
    assert_int_equal(metrics_add_counter(metrics, "many_total", "", "n", &family), OK);
    for (int i = 0; i < 1000; i++) {
        char text[8];
        struct slice value = slice_of(text, (size_t)snprintf(text, sizeof text, "%d", i));
        assert_int_equal(metrics_add_series(metrics, family, &value, 1, i == 0 ? &first : &series), OK);
        metrics_count(metrics, 1, first, 1);
    }
    struct buf out;
    buf_init(&out, 100000);
    metrics_print(metrics, &out);
    buf_put_byte(&out, 0);
    assert_non_null(strstr(out.ptr, "\nmany_total{n=\"0\"} 1000\n"));
    buf_fini(&out);
    metrics_destroy(metrics);
}

static void metrics_refuse_a_series_that_is_there_however_many_there_are(void **state)
{
    enum { MANY = 10000 };
    struct metrics *metrics = create(1);
    unsigned family, other, series;
    assert_int_equal(metrics_add_counter(metrics, "many_total", "", "n", &family), OK);
    assert_int_equal(metrics_add_counter(metrics, "other_total", "", "n", &other), OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            char text[8];
            struct slice value = slice_of(text, (size_t)snprintf(text, sizeof text, "%d", i));
            assert_int_equal(metrics_add_series(metrics, family, &value, 1, &series), round ? ERROR_CONFLICT : OK);
        }
    const struct slice last[] = {SLICE("9999")};
    assert_int_equal(metrics_add_series(metrics, other, last, 1, &series), OK);
    metrics_destroy(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_print_sums_the_cores_and_names_a_family_once),
        cmocka_unit_test(metrics_print_leaves_out_what_was_never_touched),
        cmocka_unit_test(metrics_print_histogram_is_cumulative_up_to_inf_which_is_the_count),
        cmocka_unit_test(metrics_print_escapes_help_and_label_values),
        cmocka_unit_test(metrics_print_asks_probes_and_adds_gauges),
        cmocka_unit_test(metrics_refuses_what_would_not_be_valid_text),
        cmocka_unit_test(metrics_keep_their_counts_while_series_are_added),
        cmocka_unit_test(metrics_refuse_a_series_that_is_there_however_many_there_are),
    };
    return cmocka_run_group_tests_name("rt/metrics", tests, NULL, NULL);
}
