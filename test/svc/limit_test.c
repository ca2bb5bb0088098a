/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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

static void stage_open_as(struct stage *stage, enum limit_algorithm algorithm, const char *rate, int64_t most)
{
    struct limit_rate parsed = {0, 0};
    stage_open(stage, "1/s", 0, 0);
    if (algorithm != LIMIT_CONCURRENCY)
        assert_int_equal(limit_parse_rate(slice_from(rate), &parsed), OK);
    limit_rule_init(&stage->rule, SLICE("default"), algorithm, parsed, most);
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

static void a_fixed_window_begins_with_its_first_request_and_ends_to_the_microsecond(void **state)
{
    static const struct {
        const char *rate;
        int64_t count, period_us;
    } rows[] = {{"5/m", 5, 60000000}, {"1/s", 1, 1000000}, {"1000/15m", 1000, 900000000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage stage;
        stage_open_as(&stage, LIMIT_FIXED_WINDOW, rows[i].rate, 0);
        for (int window = 0; window < 3; window++) {
            stage.now_us += 123457; /* nobody asks: the next window does not begin yet */
            assert_true(take(&stage, "k", 1).is_allowed);
            stage.now_us += rows[i].period_us - 1;
            assert_int_equal(take_all(&stage, "k"), rows[i].count - 1);
            struct limit_result refused = take(&stage, "k", 1);
            assert_int_equal(refused.retry_after_us, 1);
            assert_int_equal(refused.remaining, 0);
            stage.now_us++;
        }
        assert_int_equal(take(&stage, "k", rows[i].count + 1).retry_after_us, LIMIT_NEVER_US);
        assert_int_equal(take_all(&stage, "k"), rows[i].count);
        limit_destroy(stage.limit);
    }
}

/* Against a log of every request: in no period more than the rate, and nothing refused that a period and one segment
 * have room for. */
static void no_period_of_a_sliding_window_holds_more_than_the_rate(void **state)
{
    enum { STEPS = 30000 };
    static const struct {
        const char *rate;
        int64_t count, period_us, slack_us, pass_us, cost;
    } rows[] = {{"5/m", 5, 60000000, 60000000 / 31 + 40, 15000000, 2},
                {"1/s", 1, 1000000, 1000000 / 31 + 40, 700000, 1},
                {"100/m", 100, 60000000, 60000000 / 12 + 40, 1000000, 3},
                {"1000/m", 1000, 60000000, 60000000 / 8 + 40, 200000, 9},
                {"1000000/s", 1000000, 1000000, 1000000 / 3 + 40, 1000, 9000}};
    static int64_t at_us[STEPS], costs[STEPS];
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        struct stage stage;
        uint64_t random = 99 + row;
        size_t count = 0, oldest = 0, oldest_with_slack = 0;
        int64_t counted = 0, counted_with_slack = 0, allowed = 0, refused = 0;
        stage_open_as(&stage, LIMIT_SLIDING_WINDOW, rows[row].rate, 0);
        for (int i = 0; i < STEPS; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            bool is_burst = (random >> 60) < 12; /* many at once, then nothing for a while */
            stage.now_us += is_burst ? 0 : (int64_t)(random >> 33) % rows[row].pass_us;
            int64_t cost = 1 + (int64_t)(random >> 20) % rows[row].cost;
            cost = cost < rows[row].count ? cost : rows[row].count;
            for (; oldest < count && at_us[oldest] <= stage.now_us - rows[row].period_us; oldest++)
                counted -= costs[oldest];
            for (; oldest_with_slack < count &&
                   at_us[oldest_with_slack] <= stage.now_us - rows[row].period_us - rows[row].slack_us;
                 oldest_with_slack++)
                counted_with_slack -= costs[oldest_with_slack];
            struct limit_result result = take(&stage, "k", cost);
            if (!result.is_allowed) {
                assert_true(counted_with_slack + cost > rows[row].count);
                assert_true(result.retry_after_us > 0 &&
                            result.retry_after_us <= rows[row].period_us + rows[row].slack_us);
                refused++;
                continue;
            }
            counted += cost;
            counted_with_slack += cost;
            assert_true(counted <= rows[row].count);
            assert_true(result.remaining <= rows[row].count - counted);
            at_us[count] = stage.now_us;
            costs[count++] = cost;
            allowed++;
        }
        assert_true(allowed > STEPS / 50 && refused > STEPS / 50);
        limit_destroy(stage.limit);
    }
}

static void a_sliding_window_says_to_the_microsecond_when_there_is_room(void **state)
{
    static const char *const rates[] = {"5/m", "7/s", "100/m", "999/h", "1000000/d", "1000000000/s"};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct stage stage;
        stage_open_as(&stage, LIMIT_SLIDING_WINDOW, rates[i], 0);
        int64_t limit = stage.rule.burst, half = limit / 2;
        assert_true(take(&stage, "k", half > 0 ? half : 1).is_allowed);
        stage.now_us += stage.rule.rate.period_us / 2;
        assert_true(take(&stage, "k", limit - half).is_allowed);
        for (int round = 0; round < 5; round++) {
            struct limit_result refused = take(&stage, "k", 1);
            assert_false(refused.is_allowed);
            stage.now_us += refused.retry_after_us - 1;
            assert_false(take(&stage, "k", 1).is_allowed);
            stage.now_us++;
            struct limit_result room = limit_look(stage.limit, &stage.rule, SLICE("k"));
            assert_true(room.is_allowed && room.remaining > 0);
            assert_true(take(&stage, "k", room.remaining).is_allowed);
        }
        struct limit_result last = limit_look(stage.limit, &stage.rule, SLICE("k"));
        stage.now_us += last.reset_after_us - 1;
        assert_true(limit_look(stage.limit, &stage.rule, SLICE("k")).remaining < limit);
        stage.now_us++;
        assert_int_equal(limit_look(stage.limit, &stage.rule, SLICE("k")).remaining, limit);
        limit_destroy(stage.limit);
    }
}

static void what_is_held_is_counted_until_it_is_given_back(void **state)
{
    struct stage stage;
    struct limit_result results[3];
    stage_open_as(&stage, LIMIT_CONCURRENCY, NULL, 3);
    for (int i = 0; i < 3; i++) {
        results[i] = take(&stage, "k", 1);
        assert_true(results[i].is_allowed);
        assert_int_equal(results[i].remaining, 2 - i);
    }
    stage.now_us += 1000 * second; /* time gives nothing back */
    struct limit_result refused = take(&stage, "k", 1);
    assert_false(refused.is_allowed);
    assert_int_equal(limit_retry_seconds(&refused), 1);
    assert_int_equal(take(&stage, "k", 4).retry_after_us, LIMIT_NEVER_US);
    limit_forget(stage.limit, &stage.rule, SLICE("k"));
    assert_false(take(&stage, "k", 1).is_allowed);
    for (int i = 0; i < 3; i++)
        limit_give_back(stage.limit, &stage.rule, &results[i], 1);
    limit_give_back(stage.limit, &stage.rule, &results[0], 1); /* once too often gives nothing */
    assert_int_equal(take_all(&stage, "k"), 3);
    limit_destroy(stage.limit);
}

/* One place in each shard, and as many keys as will be pushed out: never the one that holds something. */
static void a_key_that_holds_something_is_not_forgotten(void **state)
{
    struct stage stage;
    char key[32];
    stage_open(&stage, "5/m", 0, 64 * 2);
    struct limit_rule rate = stage.rule;
    limit_rule_init(&stage.rule, SLICE("held"), LIMIT_CONCURRENCY, (struct limit_rate){0, 0}, 1);
    struct limit_result held = take(&stage, "busy", 1);
    assert_true(held.is_allowed);
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)limit_take(stage.limit, &rate, slice_from(key), 1);
        assert_false(take(&stage, "busy", 1).is_allowed);
    }
    for (int i = 0; i < 1000; i++) { /* all places hold something: the rest is refused, and nothing breaks */
        snprintf(key, sizeof key, "h%d", i);
        refused += !take(&stage, key, 1).is_allowed;
    }
    assert_true(refused > 1000 - 128 && refused < 1000);
    assert_true(limit_figures(stage.limit).keys <= 128);
    limit_give_back(stage.limit, &stage.rule, &held, 1);
    assert_true(take(&stage, "busy", 1).is_allowed);
    limit_destroy(stage.limit);
}

static void what_is_given_back_counts_no_more_and_gives_no_more_than_was_taken(void **state)
{
    static const enum limit_algorithm algorithms[] = {LIMIT_TOKEN_BUCKET, LIMIT_FIXED_WINDOW, LIMIT_SLIDING_WINDOW};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct stage stage;
        stage_open_as(&stage, algorithms[i], "10/m", 0);
        assert_true(take(&stage, "k", 4).is_allowed);
        struct limit_result taken = take(&stage, "k", 6);
        assert_int_equal(take_all(&stage, "k"), 0);
        stage.now_us += second / 10;
        limit_give_back(stage.limit, &stage.rule, &taken, 6);
        assert_int_equal(limit_look(stage.limit, &stage.rule, SLICE("k")).remaining, 6);
        stage.now_us += 200 * second; /* what was given back when it counted no more gives nothing */
        limit_give_back(stage.limit, &stage.rule, &taken, 6);
        assert_int_equal(take_all(&stage, "k"), 10);
        struct limit_result lost = take(&stage, "other", 5);
        limit_forget(stage.limit, &stage.rule, SLICE("other"));
        assert_true(take(&stage, "other", 9).is_allowed);
        limit_give_back(stage.limit, &stage.rule, &lost, 5); /* the key has begun anew meanwhile */
        assert_int_equal(limit_look(stage.limit, &stage.rule, SLICE("other")).remaining, 1);
        limit_destroy(stage.limit);
    }
}

static void a_store_takes_all_claims_or_none(void **state)
{
    struct stage stage;
    struct limit_rule held, window;
    struct limit_result results[3];
    stage_open(&stage, "10/m", 0, 0);
    limit_rule_init(&held, SLICE("held"), LIMIT_CONCURRENCY, (struct limit_rate){0, 0}, 2);
    limit_rule_init(&window, SLICE("window"), LIMIT_SLIDING_WINDOW, (struct limit_rate){3, 60 * second}, 0);
    const struct limit_claim claims[] = {
        {&stage.rule, SLICE_INIT("k"), 2}, {&held, SLICE_INIT("k"), 1}, {&window, SLICE_INIT("k"), 2}};
    struct limit_store store = limit_store(stage.limit);
    assert_int_equal(store.take(store.state, NULL, claims, 3, results), OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(store.take(store.state, NULL, claims, 3, results), ERROR_RATE_LIMITED);
        assert_true(results[0].is_allowed && results[1].is_allowed && !results[2].is_allowed);
        assert_int_equal(results[0].remaining, 8);
        assert_int_equal(results[1].remaining, 1);
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

/* Of all algorithms; what is held is given back at once, and never more than so much is held at the same time. */
struct holder {
    struct limit *limit;
    const struct limit_rule *rule;
    atomic_int *held;
    int taken, most;
};

static void *hold_and_give_back(void *argument)
{
    struct holder *holder = argument;
    for (int i = 0; i < 50000; i++) {
        struct limit_result result = limit_take(holder->limit, holder->rule, SLICE("k"), 1);
        if (!result.is_allowed)
            continue;
        int now = atomic_fetch_add(holder->held, 1) + 1;
        holder->most = now > holder->most ? now : holder->most;
        holder->taken++;
        atomic_fetch_sub(holder->held, 1);
        limit_give_back(holder->limit, holder->rule, &result, 1);
    }
    return NULL;
}

static void eight_threads_never_hold_more_than_is_allowed(void **state)
{
    struct stage stage;
    struct holder holders[THREADS];
    pthread_t threads[THREADS];
    int taken = 0;
    atomic_int held;
    atomic_init(&held, 0);
    stage_open_as(&stage, LIMIT_CONCURRENCY, NULL, 3);
    for (int i = 0; i < THREADS; i++) {
        holders[i] = (struct holder){stage.limit, &stage.rule, &held, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_give_back, &holders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(holders[i].most <= 3);
        taken += holders[i].taken;
    }
    assert_true(taken > 0);
    assert_int_equal(take_all(&stage, "k"), 3);
    limit_destroy(stage.limit);
}

static void eight_threads_together_fill_a_window_exactly(void **state)
{
    static const enum limit_algorithm algorithms[] = {LIMIT_FIXED_WINDOW, LIMIT_SLIDING_WINDOW};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct stage stage;
        struct racer racers[THREADS];
        pthread_t threads[THREADS];
        int taken = 0;
        stage_open_as(&stage, algorithms[i], "5000/d", 0);
        for (int j = 0; j < THREADS; j++) {
            racers[j] = (struct racer){stage.limit, &stage.rule, 20000, {0}};
            assert_int_equal(pthread_create(&threads[j], NULL, race, &racers[j]), 0);
        }
        for (int j = 0; j < THREADS; j++) {
            pthread_join(threads[j], NULL);
            taken += racers[j].taken[0];
        }
        assert_int_equal(taken, 5000);
        limit_destroy(stage.limit);
    }
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

static void concurrency_has_no_time_in_its_headers(void **state)
{
    struct stage stage;
    struct exchange x = {.status = 0};
    stage_open_as(&stage, LIMIT_CONCURRENCY, NULL, 4);
    buf_init(&x.server_headers, 4096);
    const struct limit_rule *rules[] = {&stage.rule};
    struct limit_result result = take(&stage, "k", 1);
    limit_answer(&x, rules, &result, 1);
    buf_put_byte(&x.server_headers, '\0');
    assert_string_equal(
        x.server_headers.ptr,
        "RateLimit-Policy: \"default\";q=4;qu=\"concurrent-requests\"\r\nRateLimit: \"default\";r=3\r\n");
    buf_fini(&x.server_headers);
    limit_destroy(stage.limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_window_begins_with_its_first_request_and_ends_to_the_microsecond),
        cmocka_unit_test(no_period_of_a_sliding_window_holds_more_than_the_rate),
        cmocka_unit_test(a_sliding_window_says_to_the_microsecond_when_there_is_room),
        cmocka_unit_test(what_is_held_is_counted_until_it_is_given_back),
        cmocka_unit_test(a_key_that_holds_something_is_not_forgotten),
        cmocka_unit_test(what_is_given_back_counts_no_more_and_gives_no_more_than_was_taken),
        cmocka_unit_test(a_store_takes_all_claims_or_none),
        cmocka_unit_test(eight_threads_never_hold_more_than_is_allowed),
        cmocka_unit_test(eight_threads_together_fill_a_window_exactly),
        cmocka_unit_test(concurrency_has_no_time_in_its_headers),
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
