/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/exchange.h"

static const int64_t second = 1000000;

/* A clock that stands where a test puts it. */
static int64_t read_hand(void *state)
{
    return *(int64_t *)state;
}

struct stage {
    int64_t now_us;
    struct clock clock;
    struct limit *limit;
    struct limit_rule rule;
};

static void stage_open(struct stage *stage, const char *rate, int64_t burst, size_t keys_max)
{
    struct limit_rate parsed;
    *stage = (struct stage){.now_us = 5 * second};
    stage->clock = (struct clock){read_hand, read_hand, &stage->now_us};
    const struct limit_config config = {.keys_max = keys_max, .clock = &stage->clock};
    assert_int_equal(limit_create(&config, &stage->limit), OK);
    assert_int_equal(limit_parse_rate(slice_from(rate), &parsed), OK);
    limit_rule_init(&stage->rule, SLICE("default"), LIMIT_TOKEN_BUCKET, parsed, burst);
}

static struct limit_result take(struct stage *stage, const char *key, int64_t cost)
{
    return limit_take(stage->limit, &stage->rule, slice_from(key), cost);
}

static int take_all(struct stage *stage, const char *key)
{
    int taken = 0;
    while (take(stage, key, 1).is_allowed)
        taken++;
    return taken;
}

static void a_rate_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        enum error error;
        int64_t count, period_us;
    } rows[] = {
        {"100/m", OK, 100, 60000000},
        {"1/s", OK, 1, 1000000},
        {"5/h", OK, 5, 3600000000},
        {"7/d", OK, 7, 86400000000},
        {"5/15m", OK, 5, 900000000},
        {"1000000000/s", OK, 1000000000, 1000000},
        {"1/366d", OK, 1, 366 * 86400000000},
        {"1/367d", ERROR_VALIDATION, 0, 0},
        {"1000000001/s", ERROR_VALIDATION, 0, 0},
        {"0/s", ERROR_VALIDATION, 0, 0},
        {"1/0s", ERROR_VALIDATION, 0, 0},
        {"99999999999999999999/s", ERROR_VALIDATION, 0, 0},
        {"-1/s", ERROR_PARSE, 0, 0},
        {"", ERROR_PARSE, 0, 0},
        {"/s", ERROR_PARSE, 0, 0},
        {"100", ERROR_PARSE, 0, 0},
        {"100/", ERROR_PARSE, 0, 0},
        {"100/w", ERROR_PARSE, 0, 0},
        {"100/ms", ERROR_PARSE, 0, 0},
        {"100 / m", ERROR_PARSE, 0, 0},
        {"100/m ", ERROR_PARSE, 0, 0},
        {"1e2/m", ERROR_PARSE, 0, 0},
        {"1.5/m", ERROR_PARSE, 0, 0},
        {"1/m/m", ERROR_PARSE, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limit_rate rate = {0};
        enum error error = limit_parse_rate(slice_from(rows[i].text), &rate);
        if (error != rows[i].error || rate.count != rows[i].count || rate.period_us != rows[i].period_us)
            fail_msg("\"%s\" gives %s", rows[i].text, error_code(error));
    }
}

static void a_bucket_gives_its_burst_and_then_its_rate_to_the_microsecond(void **state)
{
    static const struct {
        const char *rate;
        int64_t burst, token_us; /* rounded up */
    } rows[] = {{"100/m", 50, 600000},    {"7/s", 7, 142858},  {"1/s", 1, 1000000},
                {"3/d", 10, 28800000000}, {"1000000/s", 5, 1}, {"1/366d", 1, 366 * 86400000000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        stage_open(&stage, rows[i].rate, rows[i].burst, 0);
        assert_int_equal(take_all(&stage, "k"), rows[i].burst);
        struct limit_result refused = take(&stage, "k", 1);
        assert_int_equal(refused.retry_after_us, rows[i].token_us);
        assert_int_equal(refused.remaining, 0);
        stage.now_us += rows[i].token_us - 1;
        assert_false(take(&stage, "k", 1).is_allowed);
        stage.now_us++;
        assert_int_equal(take_all(&stage, "k"), 1);
        limit_destroy(stage.limit);
    }
}

/* 7 tokens a second do not divide a million: nothing is lost or won by rounding, however long it goes. */
static void no_token_is_lost_or_won_by_rounding(void **state)
{
    struct stage stage;
    stage_open(&stage, "7/s", 1, 0);
    int64_t began = stage.now_us, taken = take_all(&stage, "k");
    while (stage.now_us < began + 3000 * second) {
        stage.now_us += take(&stage, "k", 1).retry_after_us;
        taken += take_all(&stage, "k");
        /* never more than burst + rate * time, and never a whole token less */
        assert_true((taken - 1) * second <= (stage.now_us - began) * 7);
        assert_true(taken * second > (stage.now_us - began) * 7 - 7);
    }
    limit_destroy(stage.limit);
}

/* Against a plain bucket of fractions, kept in integers, at random times with random costs. */
static void a_bucket_agrees_with_one_that_counts_drops(void **state)
{
    struct stage stage;
    stage_open(&stage, "13/s", 29, 0);
    uint64_t random = 12345;
    int64_t drops = 29 * second; /* millionths of a token */
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int64_t pass = (int64_t)(random >> 40) % 200000, cost = 1 + (int64_t)(random >> 20) % 9;
        stage.now_us += pass;
        drops = drops + pass * 13 < 29 * second ? drops + pass * 13 : 29 * second;
        bool is_there = drops >= cost * second;
        struct limit_result result = take(&stage, "k", cost);
        if (is_there)
            drops -= cost * second;
        assert_int_equal(result.is_allowed, is_there);
        assert_int_equal(result.remaining, drops / second);
        assert_int_equal(result.reset_after_us, (29 * second - drops + 12) / 13);
        if (!is_there)
            assert_int_equal(result.retry_after_us, (cost * second - drops + 12) / 13);
    }
    limit_destroy(stage.limit);
}

static void what_costs_more_than_the_burst_is_never_allowed(void **state)
{
    struct stage stage;
    stage_open(&stage, "10/s", 5, 0);
    struct limit_result result = take(&stage, "k", 6);
    assert_false(result.is_allowed);
    assert_int_equal(result.retry_after_us, LIMIT_NEVER_US);
    assert_int_equal(limit_retry_seconds(&result), 0);
    assert_true(take(&stage, "k", 5).is_allowed);
    assert_false(take(&stage, "k", INT64_MAX).is_allowed);
    limit_destroy(stage.limit);
}

static void looking_takes_nothing_and_forgetting_begins_anew(void **state)
{
    struct stage stage;
    stage_open(&stage, "10/m", 0, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(limit_look(stage.limit, &stage.rule, SLICE("k")).remaining, 10);
    assert_int_equal(take_all(&stage, "k"), 10);
    assert_false(limit_look(stage.limit, &stage.rule, SLICE("k")).is_allowed);
    limit_forget(stage.limit, &stage.rule, SLICE("k"));
    limit_forget(stage.limit, &stage.rule, SLICE("nobody"));
    assert_int_equal(limit_figures(stage.limit).keys, 0);
    assert_int_equal(take_all(&stage, "k"), 10);
    limit_destroy(stage.limit);
}

static void keys_and_rules_do_not_share(void **state)
{
    struct stage stage;
    stage_open(&stage, "3/m", 0, 0);
    assert_int_equal(take_all(&stage, "a"), 3);
    assert_int_equal(take_all(&stage, "b"), 3);
    assert_int_equal(take_all(&stage, ""), 3);
    struct limit_rule other = stage.rule;
    limit_rule_init(&stage.rule, SLICE("other"), LIMIT_TOKEN_BUCKET, other.rate, 0);
    assert_int_equal(take_all(&stage, "a"), 3);
    limit_rule_init(&stage.rule, SLICE("default"), LIMIT_TOKEN_BUCKET, other.rate, 4);
    assert_int_equal(take_all(&stage, "a"), 4);
    stage.rule = other;
    assert_int_equal(take_all(&stage, "a"), 0);
    limit_destroy(stage.limit);
}

/* What ThreadSanitizer keeps of each byte. */
#ifdef __SANITIZE_THREAD__
enum { SHADOW = 6 };
#else
enum { SHADOW = 1 };
#endif

static size_t resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_million_keys_stay_within_the_bound(void **state)
{
    struct stage stage;
    char key[32];
    stage_open(&stage, "5/m", 0, 100000);
    size_t before = resident_bytes();
    for (int i = 0; i < 1000000; i++) {
        int size = snprintf(key, sizeof key, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        assert_true(limit_take(stage.limit, &stage.rule, slice_of(key, (size_t)size), 1).is_allowed);
    }
    struct limit_figures figures = limit_figures(stage.limit);
    assert_true(figures.keys <= figures.keys_max && figures.keys_max <= 100000 + 64);
    assert_int_equal(figures.keys + figures.evicted, 1000000);
    assert_int_equal(figures.evicted_early, figures.evicted); /* the clock stood still */
    size_t grown = resident_bytes() - before;
    if (grown > SHADOW * (100064 * 64 + (1 << 20)))
        fail_msg("%zu bytes for %zu keys", grown, figures.keys);
    limit_destroy(stage.limit);
}

/* One place in each of the 64 shards: every key is pushed out time and again. */
static void a_key_that_was_forgotten_has_its_burst_and_no_more(void **state)
{
    struct stage stage;
    char key[32];
    stage_open(&stage, "5/m", 0, 1);
    for (int round = 0; round < 50; round++)
        for (int i = 0; i < 500; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_true(take_all(&stage, key) <= 5);
        }
    assert_true(limit_figures(stage.limit).keys <= 64);
    limit_destroy(stage.limit);
}

static void a_key_that_is_asked_for_all_the_time_is_not_forgotten(void **state)
{
    struct stage stage;
    char key[32];
    stage_open(&stage, "5/m", 0, 64 * 8);
    assert_int_equal(take_all(&stage, "busy"), 5);
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)take(&stage, key, 1);
        assert_false(take(&stage, "busy", 1).is_allowed);
    }
    limit_destroy(stage.limit);
}

enum { THREADS = 8, KEYS = 5 };

struct racer {
    struct limit *limit;
    const struct limit_rule *rule;
    int tries;
    int taken[KEYS];
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    static const char *const keys[KEYS] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < racer->tries; i++)
        racer->taken[i % KEYS] +=
            limit_take(racer->limit, racer->rule, slice_from(keys[i % KEYS]), 1 + i % 2).is_allowed ? 1 + i % 2 : 0;
    return NULL;
}

static void eight_threads_together_take_exactly_what_there_is(void **state)
{
    struct stage stage;
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    stage_open(&stage, "1/d", 20000, 0);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){stage.limit, &stage.rule, 50000, {0}};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int key = 0; key < KEYS; key++) {
        int taken = 0;
        for (int i = 0; i < THREADS; i++)
            taken += racers[i].taken[key];
        assert_int_equal(taken, 20000);
    }
    limit_destroy(stage.limit);
}

/* In real time no window holds more than the burst and what came back meanwhile. */
static void eight_threads_never_pass_the_rate_in_real_time(void **state)
{
    struct limit_rule rule;
    struct limit *limit;
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    const struct limit_config config = {0};
    assert_int_equal(limit_create(&config, &limit), OK);
    limit_rule_init(&rule, SLICE("r"), LIMIT_TOKEN_BUCKET, (struct limit_rate){1000, second}, 100);
    int64_t began = clock_monotonic_us(clock_system());
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){limit, &rule, 100000, {0}};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t passed = clock_monotonic_us(clock_system()) - began;
    for (int key = 0; key < KEYS; key++) {
        int64_t taken = 0;
        for (int i = 0; i < THREADS; i++)
            taken += racers[i].taken[key];
        assert_true(taken >= 100 && taken <= 100 + passed / 1000 + 1);
    }
    limit_destroy(limit);
}

static void the_headers_are_those_of_the_draft(void **state)
{
    struct stage stage;
    struct exchange x = {.status = 0};
    struct limit_rule hourly;
    stage_open(&stage, "100/m", 50, 0);
    buf_init(&x.server_headers, 4096);
    limit_rule_init(&hourly, SLICE("a \"b\"\n"), LIMIT_TOKEN_BUCKET, (struct limit_rate){2, 3600 * second}, 0);
    const struct limit_rule *rules[] = {&stage.rule, &hourly};
    struct limit_result results[2] = {take(&stage, "k", 8), limit_take(stage.limit, &hourly, SLICE("k"), 2)};
    limit_answer(&x, rules, results, 2);
    buf_put_byte(&x.server_headers, '\0');
    assert_string_equal(x.server_headers.ptr, "RateLimit-Policy: \"default\";q=50;w=30, \"a \\\"b\\\"?\";q=2;w=3600\r\n"
                                              "RateLimit: \"default\";r=42;t=5, \"a \\\"b\\\"?\";r=0;t=3600\r\n");
    assert_int_equal(x.retry_after_s, 0);
    buf_clear(&x.server_headers);
    results[1] = limit_take(stage.limit, &hourly, SLICE("k"), 1);
    limit_answer(&x, rules, results, 2);
    assert_int_equal(x.retry_after_s, 1800);
    buf_clear(&x.server_headers);
    limit_answer(&x, rules, results, 0);
    assert_int_equal(x.server_headers.len, 0);
    buf_fini(&x.server_headers);
    limit_destroy(stage.limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_read_strictly),
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate_to_the_microsecond),
        cmocka_unit_test(no_token_is_lost_or_won_by_rounding),
        cmocka_unit_test(a_bucket_agrees_with_one_that_counts_drops),
        cmocka_unit_test(what_costs_more_than_the_burst_is_never_allowed),
        cmocka_unit_test(looking_takes_nothing_and_forgetting_begins_anew),
        cmocka_unit_test(keys_and_rules_do_not_share),
        cmocka_unit_test(a_million_keys_stay_within_the_bound),
        cmocka_unit_test(a_key_that_was_forgotten_has_its_burst_and_no_more),
        cmocka_unit_test(a_key_that_is_asked_for_all_the_time_is_not_forgotten),
        cmocka_unit_test(eight_threads_together_take_exactly_what_there_is),
        cmocka_unit_test(eight_threads_never_pass_the_rate_in_real_time),
        cmocka_unit_test(the_headers_are_those_of_the_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
