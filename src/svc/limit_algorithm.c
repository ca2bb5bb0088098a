/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms of limits.
 *
 * Token bucket, kept as GCRA keeps it: one number per key, the theoretical arrival time (TAT), at which the bucket will
 * be full. Taking adds cost * period / count to it; what would set it further than the burst ahead of now is refused.
 * So that no division rounds, all times are multiplied by the rule's count: a token then is `period_us` exactly, and
 * the number has 128 bits.
 *
 * Fixed window: when the window began, and what was done in it. It begins with the first request of a key.
 *
 * Sliding window: the usual two counters guess how the requests of the last window were spread, and let through up to
 * half as many again where the guess is wrong. Here the window is cut into segments of equal length, and each of the
 * last `segments` of them has a count of its own; what was done in a segment counts until all of it is a period ago. So
 * no period ever holds more than the rate, and a request counts up to one segment longer than it must. The counts have
 * as many bits as the rate's count needs, and as many of them as fit into 96 bits (32 at most): of 5 a minute 32
 * counts, of 100 a minute 13, of a million 4. Whoever asks all the time gets (segments - 1) / segments of the rate.
 *
 *     words, as one number of 128 bits:  | count of the oldest segment | ... | count of the newest | its number (32) |
 *
 * Concurrency: how much is held. */
#include "svc/limit_algorithm.h"

#include "base/attr.h"

enum { SEGMENT_NUMBER_BITS = 32, COUNT_BITS = 96, SEGMENTS_MAX = 32 };

static const int64_t far_us = INT64_MAX / 4; /* further than any clock goes, and no sum of it overflows */
static const int64_t held_retry_us = 1000000;

typedef unsigned __int128 wide; /* as a time: microseconds times the count of the rate */

static wide wide_of(const struct limit_state *state)
{
    return (wide)state->words[1] << 64 | state->words[0];
}

static struct limit_state state_of(wide number)
{
    return (struct limit_state){{(uint64_t)number, (uint64_t)(number >> 64)}};
}

/* Rounded up. A division of 128 bits costs several times one of 64. */
static int64_t divide_up(wide number, int64_t by)
{
    uint64_t divisor = (uint64_t)by;
    if (LIKELY(number >> 64 == 0)) {
        uint64_t whole = (uint64_t)number / divisor + ((uint64_t)number % divisor > 0);
        return whole > (uint64_t)far_us ? far_us : (int64_t)whole;
    }
    wide whole = number / divisor + (number % divisor > 0);
    return whole > (wide)far_us ? far_us : (int64_t)whole;
}

static int64_t divide(wide number, int64_t by)
{
    uint64_t divisor = (uint64_t)by;
    return (int64_t)(LIKELY(number >> 64 == 0) ? (uint64_t)number / divisor : number / divisor);
}

/* ---- token bucket ---- */

static void take_from_bucket(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                             struct limit_result *out)
{
    wide now = (wide)now_us * (wide)rule->rate.count, token = (wide)rule->rate.period_us;
    wide full = token * (wide)rule->burst, tat = wide_of(state);
    if (tat < now)
        tat = now;
    wide wanted = tat + token * (wide)(cost > 0 ? cost : 1);
    out->is_allowed = wanted - now <= full;
    out->retry_after_us = 0;
    if (!out->is_allowed)
        out->retry_after_us = wanted - tat > full ? LIMIT_NEVER_US : divide_up(wanted - now - full, rule->rate.count);
    if (out->is_allowed && cost > 0) {
        tat = wanted;
        *state = state_of(tat);
    }
    out->remaining = divide(full - (tat - now), rule->rate.period_us);
    out->reset_after_us = divide_up(tat - now, rule->rate.count);
}

static void undo_in_bucket(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost)
{
    wide taken = (wide)rule->rate.period_us * (wide)cost, tat = wide_of(state);
    *state = state_of(tat > taken ? tat - taken : 0);
}

/* ---- fixed window ---- */

enum { WINDOW_BEGAN, WINDOW_COUNT };

static void take_from_window(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                             struct limit_result *out)
{
    int64_t began_us = (int64_t)state->words[WINDOW_BEGAN], count = (int64_t)state->words[WINDOW_COUNT];
    int64_t wanted = cost > 0 ? cost : 1;
    if (count == 0 || now_us - began_us >= rule->rate.period_us) {
        began_us = now_us;
        count = 0;
    }
    int64_t left_us = began_us + rule->rate.period_us - now_us;
    out->is_allowed = wanted <= rule->burst - count;
    out->retry_after_us = out->is_allowed ? 0 : wanted > rule->burst ? LIMIT_NEVER_US : left_us;
    if (out->is_allowed)
        count += cost;
    *state = (struct limit_state){{(uint64_t)began_us, (uint64_t)count}};
    out->remaining = rule->burst - count;
    out->reset_after_us = count > 0 ? left_us : 0;
    out->mark = (uint64_t)began_us;
}

static void undo_in_window(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost)
{
    if (state->words[WINDOW_BEGAN] == mark && state->words[WINDOW_COUNT] >= (uint64_t)cost)
        state->words[WINDOW_COUNT] -= (uint64_t)cost;
}

/* ---- sliding window ---- */

void limit_algorithm_cut(struct limit_rule *rule)
{
    rule->segment_bits = 64 - (unsigned)__builtin_clzll((uint64_t)rule->rate.count);
    rule->segments = COUNT_BITS / rule->segment_bits;
    if (rule->segments > SEGMENTS_MAX)
        rule->segments = SEGMENTS_MAX;
    int64_t parts = rule->segments - 1;
    rule->segment_us = rule->rate.period_us / parts + (rule->rate.period_us % parts > 0);
}

/* The counts, the newest segment lowest. */
struct segments {
    wide counts;
    uint32_t newest;
};

static struct segments segments_of(const struct limit_rule *rule, const struct limit_state *state, int64_t now_us)
{
    wide packed = wide_of(state);
    struct segments segments = {packed >> SEGMENT_NUMBER_BITS, (uint32_t)(now_us / rule->segment_us)};
    uint32_t passed = segments.newest - (uint32_t)packed;
    unsigned all_bits = rule->segments * rule->segment_bits;
    if (passed >= rule->segments)
        segments.counts = 0;
    else if (passed > 0)
        segments.counts = (segments.counts << passed * rule->segment_bits) & (((wide)1 << all_bits) - 1);
    return segments;
}

static int64_t count_at(const struct limit_rule *rule, wide counts, unsigned segment)
{
    return (int64_t)(counts >> segment * rule->segment_bits) & (int64_t)((UINT64_C(1) << rule->segment_bits) - 1);
}

/* When the segment that is so many before the newest one counts no more. */
static int64_t over_after_us(const struct limit_rule *rule, unsigned segment, int64_t now_us)
{
    return (int64_t)(rule->segments - segment) * rule->segment_us - now_us % rule->segment_us;
}

/* When there is room for `wanted`, which is no more than the limit; `counted` are in all. */
static int64_t room_after_us(const struct limit_rule *rule, wide counts, int64_t counted, int64_t wanted,
                             int64_t now_us)
{
    unsigned segment = rule->segments;
    while (segment > 0 && counted + wanted > rule->burst)
        counted -= count_at(rule, counts, --segment);
    return over_after_us(rule, segment, now_us);
}

static void take_from_segments(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                               struct limit_result *out)
{
    struct segments segments = segments_of(rule, state, now_us);
    int64_t counted = 0, wanted = cost > 0 ? cost : 1;
    for (unsigned i = 0; i < rule->segments; i++)
        counted += count_at(rule, segments.counts, i);
    out->is_allowed = wanted <= rule->burst - counted;
    out->retry_after_us = 0;
    if (!out->is_allowed)
        out->retry_after_us =
            wanted > rule->burst ? LIMIT_NEVER_US : room_after_us(rule, segments.counts, counted, wanted, now_us);
    if (out->is_allowed) {
        segments.counts += (wide)cost; /* no count passes the limit, so none runs into the next */
        counted += cost;
    }
    *state = state_of(segments.counts << SEGMENT_NUMBER_BITS | segments.newest);
    out->remaining = rule->burst - counted;
    out->reset_after_us = 0;
    for (unsigned i = 0; i < rule->segments && out->reset_after_us == 0; i++)
        if (count_at(rule, segments.counts, i) > 0)
            out->reset_after_us = over_after_us(rule, i, now_us);
    out->mark = segments.newest;
}

static void undo_in_segments(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost)
{
    wide packed = wide_of(state), counts = packed >> SEGMENT_NUMBER_BITS;
    uint32_t passed = (uint32_t)packed - (uint32_t)mark;
    if (passed < rule->segments && count_at(rule, counts, passed) >= cost)
        *state = state_of(packed - ((wide)cost << (passed * rule->segment_bits + SEGMENT_NUMBER_BITS)));
}

/* ---- concurrency ---- */

static void take_from_held(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                           struct limit_result *out)
{
    int64_t held = (int64_t)state->words[0], wanted = cost > 0 ? cost : 1;
    out->is_allowed = wanted <= rule->burst - held;
    out->retry_after_us = out->is_allowed ? 0 : wanted > rule->burst ? LIMIT_NEVER_US : held_retry_us;
    if (out->is_allowed)
        held += cost;
    state->words[0] = (uint64_t)held;
    out->remaining = rule->burst - held;
    out->reset_after_us = 0;
}

static void undo_in_held(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost)
{
    state->words[0] -= state->words[0] >= (uint64_t)cost ? (uint64_t)cost : 0;
}

/* ---- all of them ---- */

static const struct {
    void (*take)(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                 struct limit_result *out);
    void (*undo)(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost);
} algorithms[LIMIT_ALGORITHM_COUNT] = {
    [LIMIT_TOKEN_BUCKET] = {take_from_bucket, undo_in_bucket},
    [LIMIT_FIXED_WINDOW] = {take_from_window, undo_in_window},
    [LIMIT_SLIDING_WINDOW] = {take_from_segments, undo_in_segments},
    [LIMIT_CONCURRENCY] = {take_from_held, undo_in_held},
};

void limit_algorithm_take(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                          struct limit_result *out)
{
    algorithms[rule->algorithm].take(rule, state, now_us, cost, out);
}

void limit_algorithm_undo(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost)
{
    algorithms[rule->algorithm].undo(rule, state, mark, cost);
}

bool limit_algorithm_is_held(const struct limit_rule *rule, const struct limit_state *state)
{
    return rule->algorithm == LIMIT_CONCURRENCY && state->words[0] > 0;
}

int64_t limit_algorithm_window_us(const struct limit_rule *rule)
{
    if (rule->algorithm != LIMIT_TOKEN_BUCKET)
        return rule->rate.period_us;
    return divide_up((wide)rule->rate.period_us * (wide)rule->burst, rule->rate.count);
}
