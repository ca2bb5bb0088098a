/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits over a bounded table of keys.
 *
 * What is remembered of a key is the algorithm's business (limit_algorithm.c): two words.
 *
 * The table is cut into shards, each with a mutex that is held for a few loads and never across a yield. A shard has
 * chains of entries by digest, and a list of them by when they were last asked for. Entries are numbers of places in
 * one array; memory that no key has needed yet is never touched.
 *
 * Giving back must not give more than was taken: a key that was forgotten and has begun anew meanwhile has another
 * `born`, and keeps what it has. A key that holds something of a concurrency limit stands in no list, so that nobody
 * finds it to forget it. */
#include "svc/limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/number.h"
#include "base/random.h"
#include "http/exchange.h"
#include "svc/limit_algorithm.h"

enum { SHARDS = 64, SHARD_KEYS_MAX = 1 << 28 };

static const int64_t second_us = 1000000;

/* ---- rates and rules ---- */

static int64_t unit_us(char unit)
{
    static const struct {
        char unit;
        int64_t seconds;
    } rows[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].unit == unit)
            return rows[i].seconds * second_us;
    return 0;
}

/* A whole number above 0. */
static enum error parse_count(struct slice text, int64_t most, int64_t *out)
{
    int64_t count;
    TRY(number_parse_int(text, &count));
    if (text.ptr[0] == '-')
        return ERROR_PARSE;
    if (count < 1 || count > most)
        return ERROR_VALIDATION;
    *out = count;
    return OK;
}

enum error limit_parse_rate(struct slice text, struct limit_rate *out)
{
    struct slice rest = text, first;
    int64_t count, units = 1;
    if (!slice_split(&rest, '/', &first) || rest.len == 0)
        return ERROR_PARSE;
    int64_t unit = unit_us(rest.ptr[rest.len - 1]);
    struct slice number = slice_of(rest.ptr, rest.len - 1);
    if (unit == 0)
        return ERROR_PARSE;
    TRY(parse_count(first, LIMIT_COUNT_MAX, &count));
    if (number.len > 0)
        TRY(parse_count(number, 366 * 86400 * second_us / unit, &units));
    *out = (struct limit_rate){count, units * unit};
    return OK;
}

void limit_rule_init(struct limit_rule *rule, struct slice name, enum limit_algorithm algorithm, struct limit_rate rate,
                     int64_t burst)
{
    bool is_window = algorithm == LIMIT_FIXED_WINDOW || algorithm == LIMIT_SLIDING_WINDOW;
    const int64_t numbers[] = {algorithm, rate.count, rate.period_us, burst > 0 && !is_window ? burst : rate.count};
    *rule = (struct limit_rule){.name = name, .algorithm = algorithm, .rate = rate, .burst = numbers[3]};
    rule->id = digest_hash64(digest_hash64(0, name), slice_of((const char *)numbers, sizeof numbers));
    if (algorithm == LIMIT_SLIDING_WINDOW)
        limit_algorithm_cut(rule);
}

void limit_rule_add(struct limit_rule *rule, struct slice what)
{
    rule->id = digest_hash64(rule->id, what);
}

/* ---- the table ---- */

struct entry {
    uint64_t key;
    struct limit_state state;
    int64_t full_at_us;    /* when it is as if it had done nothing */
    uint32_t next;         /* in its chain; of places that are free, the next free one */
    uint32_t older, newer; /* by when it was last asked for */
    uint32_t born : 31;    /* the how-manieth key of its shard it is */
    uint32_t is_held : 1;  /* it stands in no list: something is to be given back */
};
_Static_assert(sizeof(struct entry) == 48, "what the manual says of memory");

/* Places count from 1; entries[0] is the head of the list: `newer` is the oldest entry, `older` the newest. */
struct shard {
    _Alignas(64) pthread_mutex_t mutex;
    struct entry *entries;
    uint32_t *chains;
    uint32_t count, used, free; /* keys; places ever used; the first free one of those */
    uint32_t born;
    uint64_t evicted, evicted_early;
};

struct limit {
    struct shard shards[SHARDS];
    const struct clock *clock;
    uint64_t seed;
    uint32_t shard_keys, chain_mask;
};

static enum error shard_init(struct shard *shard, const struct limit *limit)
{
    shard->entries = calloc((size_t)limit->shard_keys + 1, sizeof *shard->entries);
    shard->chains = calloc((size_t)limit->chain_mask + 1, sizeof *shard->chains);
    return shard->entries && shard->chains ? OK : ERROR_MEMORY;
}

static enum error fill(struct limit *limit)
{
    struct random_source random;
    random_source_system(&random);
    TRY(random_u64(&random, &limit->seed));
    for (size_t i = 0; i < SHARDS; i++)
        TRY(shard_init(&limit->shards[i], limit));
    return OK;
}

enum error limit_create(const struct limit_config *config, struct limit **out)
{
    size_t keys = config->keys_max > 0 ? config->keys_max : LIMIT_KEYS;
    struct limit *limit = aligned_alloc(_Alignof(struct limit), sizeof *limit);
    if (!limit)
        return ERROR_MEMORY;
    memset(limit, 0, sizeof *limit);
    limit->clock = config->clock ? config->clock : clock_system();
    size_t shard_keys = keys / SHARDS + (keys % SHARDS > 0);
    limit->shard_keys = (uint32_t)(shard_keys < SHARD_KEYS_MAX ? shard_keys : SHARD_KEYS_MAX);
    limit->chain_mask = 1;
    while (limit->chain_mask < limit->shard_keys)
        limit->chain_mask = limit->chain_mask * 2 + 1;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&limit->shards[i].mutex, NULL);
    enum error error = fill(limit);
    if (error != OK) {
        limit_destroy(limit);
        return error;
    }
    *out = limit;
    return OK;
}

void limit_destroy(struct limit *limit)
{
    if (!limit)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&limit->shards[i].mutex);
        free(limit->shards[i].entries);
        free(limit->shards[i].chains);
    }
    free(limit);
}

static uint64_t key_of(const struct limit *limit, const struct limit_rule *rule, struct slice key)
{
    return digest_hash64(limit->seed ^ rule->id, key);
}

static struct shard *shard_of(struct limit *limit, uint64_t key)
{
    return &limit->shards[key >> 58];
}
_Static_assert(SHARDS == 64, "the first six bits of a key say the shard");

static uint32_t *chain_of(const struct limit *limit, struct shard *shard, uint64_t key)
{
    return &shard->chains[(uint32_t)key & limit->chain_mask];
}

static void take_off_list(struct shard *shard, uint32_t place)
{
    struct entry *entries = shard->entries, *entry = &entries[place];
    entries[entry->older].newer = entry->newer;
    entries[entry->newer].older = entry->older;
}

static void put_newest(struct shard *shard, uint32_t place)
{
    struct entry *entries = shard->entries, *entry = &entries[place];
    entry->older = entries[0].older;
    entry->newer = 0;
    entries[entry->older].newer = place;
    entries[0].older = place;
}

static void remove_entry(const struct limit *limit, struct shard *shard, uint32_t place)
{
    struct entry *entry = &shard->entries[place];
    uint32_t *link = chain_of(limit, shard, entry->key);
    while (*link != place)
        link = &shard->entries[*link].next;
    *link = entry->next;
    if (!entry->is_held)
        take_off_list(shard, place);
    entry->next = shard->free;
    shard->free = place;
    shard->count--;
}

/* False: every key holds something. */
static bool evict_oldest(const struct limit *limit, struct shard *shard, int64_t now_us)
{
    uint32_t oldest = shard->entries[0].newer;
    if (!oldest)
        return false;
    shard->evicted++;
    shard->evicted_early += shard->entries[oldest].full_at_us > now_us;
    remove_entry(limit, shard, oldest);
    return true;
}

static uint32_t find_entry(const struct limit *limit, struct shard *shard, uint64_t key)
{
    uint32_t place = *chain_of(limit, shard, key);
    while (place && shard->entries[place].key != key)
        place = shard->entries[place].next;
    return place;
}

/* NULL: there is no room. */
static struct entry *add_entry(const struct limit *limit, struct shard *shard, uint64_t key, int64_t now_us)
{
    if (shard->count == limit->shard_keys && !evict_oldest(limit, shard, now_us))
        return NULL;
    uint32_t place = shard->free;
    if (place)
        shard->free = shard->entries[place].next;
    else
        place = ++shard->used;
    uint32_t *chain = chain_of(limit, shard, key);
    shard->entries[place] = (struct entry){.key = key, .next = *chain, .born = ++shard->born & INT32_MAX};
    *chain = place;
    put_newest(shard, place);
    shard->count++;
    return &shard->entries[place];
}

/* The entry of a key as the newest one; NULL when there is none. */
static struct entry *touch_entry(const struct limit *limit, struct shard *shard, uint64_t key)
{
    uint32_t place = find_entry(limit, shard, key);
    if (!place)
        return NULL;
    if (shard->entries[0].older != place && !shard->entries[place].is_held) {
        take_off_list(shard, place);
        put_newest(shard, place);
    }
    return &shard->entries[place];
}

/* Takes an entry that begins to hold something off the list, and puts one that holds nothing any more back. */
static void hold(struct shard *shard, struct entry *entry, bool is_held)
{
    uint32_t place = (uint32_t)(entry - shard->entries);
    if (entry->is_held == is_held)
        return;
    if (is_held)
        take_off_list(shard, place);
    else
        put_newest(shard, place);
    entry->is_held = is_held;
}

static void take_from(struct shard *shard, struct entry *entry, const struct limit_rule *rule, int64_t now_us,
                      int64_t cost, struct limit_result *out)
{
    limit_algorithm_take(rule, &entry->state, now_us, cost > 0 ? cost : 1, out);
    entry->full_at_us = now_us + out->reset_after_us;
    out->born = entry->born;
    if (rule->algorithm == LIMIT_CONCURRENCY)
        hold(shard, entry, limit_algorithm_is_held(rule, &entry->state));
}

struct limit_result limit_take(struct limit *limit, const struct limit_rule *rule, struct slice key, int64_t cost)
{
    uint64_t digest = key_of(limit, rule, key);
    struct limit_result result = {.limit = rule->burst, .key = digest};
    struct shard *shard = shard_of(limit, digest);
    pthread_mutex_lock(&shard->mutex);
    int64_t now_us = clock_monotonic_us(limit->clock); /* inside: time does not go back for a key */
    struct entry *entry = touch_entry(limit, shard, digest);
    if (!entry)
        entry = add_entry(limit, shard, digest, now_us);
    if (entry)
        take_from(shard, entry, rule, now_us, cost, &result);
    else
        result.retry_after_us = result.reset_after_us = second_us;
    pthread_mutex_unlock(&shard->mutex);
    return result;
}

void limit_give_back(struct limit *limit, const struct limit_rule *rule, const struct limit_result *result,
                     int64_t cost)
{
    struct shard *shard = shard_of(limit, result->key);
    pthread_mutex_lock(&shard->mutex);
    uint32_t place = find_entry(limit, shard, result->key);
    struct entry *entry = place ? &shard->entries[place] : NULL;
    if (entry && entry->born == result->born) {
        limit_algorithm_undo(rule, &entry->state, result->mark, cost > 0 ? cost : 1);
        if (rule->algorithm == LIMIT_CONCURRENCY)
            hold(shard, entry, limit_algorithm_is_held(rule, &entry->state));
    }
    pthread_mutex_unlock(&shard->mutex);
}

struct limit_result limit_look(struct limit *limit, const struct limit_rule *rule, struct slice key)
{
    struct limit_result result = {.limit = rule->burst};
    uint64_t digest = key_of(limit, rule, key);
    struct shard *shard = shard_of(limit, digest);
    pthread_mutex_lock(&shard->mutex);
    uint32_t place = find_entry(limit, shard, digest);
    struct limit_state state = place ? shard->entries[place].state : (struct limit_state){{0}};
    int64_t now_us = clock_monotonic_us(limit->clock);
    pthread_mutex_unlock(&shard->mutex);
    limit_algorithm_take(rule, &state, now_us, 0, &result);
    return result;
}

void limit_forget(struct limit *limit, const struct limit_rule *rule, struct slice key)
{
    uint64_t digest = key_of(limit, rule, key);
    struct shard *shard = shard_of(limit, digest);
    pthread_mutex_lock(&shard->mutex);
    uint32_t place = find_entry(limit, shard, digest);
    if (place && !shard->entries[place].is_held)
        remove_entry(limit, shard, place);
    pthread_mutex_unlock(&shard->mutex);
}

/* ---- the table as a store ---- */

/* What the others would have given, once theirs is back. */
static void return_all(struct limit *limit, const struct limit_claim *claims, size_t count,
                       struct limit_result *results)
{
    for (size_t i = 0; i < count; i++) {
        if (!results[i].is_allowed)
            continue;
        limit_give_back(limit, claims[i].rule, &results[i], claims[i].cost);
        results[i] = limit_look(limit, claims[i].rule, claims[i].key);
        results[i].is_allowed = true;
        results[i].retry_after_us = 0;
    }
}

static enum error take_all(void *state, struct exchange *x, const struct limit_claim *claims, size_t count,
                           struct limit_result *results)
{
    struct limit *limit = state;
    bool is_allowed = true;
    for (size_t i = 0; i < count; i++) {
        results[i] = limit_take(limit, claims[i].rule, claims[i].key, claims[i].cost);
        is_allowed = is_allowed && results[i].is_allowed;
    }
    if (is_allowed)
        return OK;
    return_all(limit, claims, count, results);
    return ERROR_RATE_LIMITED;
}

static void give_back(void *state, const struct limit_claim *claim, const struct limit_result *result)
{
    limit_give_back(state, claim->rule, result, claim->cost);
}

struct limit_store limit_store(struct limit *limit)
{
    return (struct limit_store){.take = take_all, .give_back = give_back, .state = limit};
}

struct limit_figures limit_figures(struct limit *limit)
{
    struct limit_figures figures = {.keys = 0};
    if (!limit)
        return figures;
    figures.keys_max = (size_t)limit->shard_keys * SHARDS;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &limit->shards[i];
        pthread_mutex_lock(&shard->mutex);
        figures.keys += shard->count;
        figures.evicted += shard->evicted;
        figures.evicted_early += shard->evicted_early;
        pthread_mutex_unlock(&shard->mutex);
    }
    return figures;
}

/* ---- headers ---- */

static int64_t seconds_up(int64_t us)
{
    return us / second_us + (us % second_us > 0);
}

/* A string of structured fields (RFC 9651 section 3.3.3), which knows printable ASCII only. */
void limit_format_name(struct buf *out, struct slice name)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '"' || c == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, c >= ' ' && c <= '~' ? c : '?');
    }
    buf_put_byte(out, '"');
}

static void put_name(struct buf *out, const struct limit_rule *rule, bool is_first)
{
    if (!is_first)
        buf_put_literal(out, ", ");
    if (rule->quoted.len > 0)
        buf_put_slice(out, rule->quoted);
    else
        limit_format_name(out, rule->name);
}

static void put_parameter(struct buf *out, char name, int64_t number)
{
    const char before[] = {';', name, '='};
    buf_put(out, before, sizeof before);
    buf_put_int(out, number);
}

void limit_format_policy(struct buf *out, const struct limit_rule *rule, bool is_first)
{
    put_name(out, rule, is_first);
    put_parameter(out, 'q', rule->burst);
    if (rule->algorithm == LIMIT_CONCURRENCY)
        buf_put_literal(out, ";qu=\"concurrent-requests\"");
    else
        put_parameter(out, 'w', seconds_up(limit_algorithm_window_us(rule)));
}

void limit_format_state(struct buf *out, const struct limit_rule *rule, const struct limit_result *result,
                        bool is_first)
{
    put_name(out, rule, is_first);
    put_parameter(out, 'r', result->remaining);
    if (rule->algorithm != LIMIT_CONCURRENCY)
        put_parameter(out, 't', seconds_up(result->reset_after_us));
}

unsigned limit_retry_seconds(const struct limit_result *result)
{
    if (result->is_allowed || result->retry_after_us == LIMIT_NEVER_US)
        return 0;
    int64_t seconds = seconds_up(result->retry_after_us);
    return seconds < 1 ? 1 : seconds > INT32_MAX ? INT32_MAX : (unsigned)seconds;
}

void limit_answer(struct exchange *x, const struct limit_rule *const *rules, const struct limit_result *results,
                  size_t count)
{
    struct buf *out = &x->server_headers;
    if (count == 0)
        return;
    buf_put_literal(out, "RateLimit-Policy: ");
    for (size_t i = 0; i < count; i++)
        limit_format_policy(out, rules[i], i == 0);
    buf_put_literal(out, "\r\nRateLimit: ");
    for (size_t i = 0; i < count; i++)
        limit_format_state(out, rules[i], &results[i], i == 0);
    buf_put_literal(out, "\r\n");
    for (size_t i = 0; i < count; i++)
        if (limit_retry_seconds(&results[i]) > x->retry_after_s)
            x->retry_after_s = limit_retry_seconds(&results[i]);
}
