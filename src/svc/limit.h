/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_LIMIT_H
#define SVC_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

/* Rate limits: whether a key (an address, an account, an API key) may do something now, under a rule. What is
 * remembered of each key lies in one table of bounded size, so that strangers cannot fill memory with keys. */

/* So many in so long. */
struct limit_rate {
    int64_t count; /* 1 to LIMIT_COUNT_MAX */
    int64_t period_us;
};

enum { LIMIT_COUNT_MAX = 1000000000 };

/* Reads "100/m": a count, a slash, a unit of s m h d, which may have a number before it: "5/15m" (a year at most).
 * Errors: ERROR_PARSE (not one), ERROR_VALIDATION (too many, or too long). */
MUST_USE enum error limit_parse_rate(struct slice text, struct limit_rate *out);

enum limit_algorithm {
    LIMIT_TOKEN_BUCKET,   /* `burst` at once, and from then on the rate; in any time t no more than burst + rate * t */
    LIMIT_FIXED_WINDOW,   /* the count of the rate in a window that begins with a key's first request; so at the edge of
                           * two windows twice as many in a row */
    LIMIT_SLIDING_WINDOW, /* never more than the count of the rate in any period (svc/limit_algorithm.c says how) */
    LIMIT_CONCURRENCY,    /* `burst` at the same time; what was taken must be given back */
    LIMIT_ALGORITHM_COUNT
};

/* What holds for each key. Made by limit_rule_init(); read-only from then on, for all cores. */
struct limit_rule {
    struct slice name;   /* borrowed; clients see it in the RateLimit headers */
    struct slice quoted; /* what limit_format_name() makes of it, where that was kept; else empty */
    enum limit_algorithm algorithm;
    struct limit_rate rate; /* of LIMIT_CONCURRENCY: empty */
    int64_t burst;          /* what a key may do at once that has done nothing for long */
    uint64_t id;            /* of all of the above: keys of a rule that has changed begin anew */
    int64_t segment_us;     /* of a sliding window: how long each of its segments is, how many are counted, and how */
    unsigned segments, segment_bits; /* many bits each count has */
};

/* `burst` is for a bucket (0: the count of the rate) and for concurrency, LIMIT_COUNT_MAX at most; a window has the
 * count of its rate. */
void limit_rule_init(struct limit_rule *rule, struct slice name, enum limit_algorithm algorithm, struct limit_rate rate,
                     int64_t burst);
/* Says what else a rule depends on: keys of rules that differ in it do not share. */
void limit_rule_add(struct limit_rule *rule, struct slice what);

#define LIMIT_NEVER_US INT64_MAX

struct limit_result {
    bool is_allowed;
    int64_t limit;     /* the burst of the rule */
    int64_t remaining; /* what the key may do at once now */
    int64_t
        retry_after_us; /* when what was refused may be done; 0: it was allowed; LIMIT_NEVER_US: it costs too much */
    int64_t reset_after_us; /* when all of the limit remains again, if nothing is done until then */
    /* The store's own: what was taken, and where. */
    uint64_t key, mark;
    uint32_t born;
};

/* One thing to be taken. */
struct limit_claim {
    const struct limit_rule *rule;
    struct slice key;
    int64_t cost; /* 1 or more */
};

struct exchange;

/* Where it is remembered what keys have done: in memory (limit_store()), or elsewhere. Requests ask this, not the
 * table.
 */
struct limit_store {
    /* Takes all claims or none: where a rule refuses, what others gave is given back, and their results say what they
     * would have given. May wait. Errors: ERROR_RATE_LIMITED (a rule refuses; the results say which),
     * ERROR_UNAVAILABLE. */
    YIELDS enum error (*take)(void *state, struct exchange *x, const struct limit_claim *claims, size_t count,
                              struct limit_result *results);
    /* Gives back what one claim has taken: at the end of what a concurrency limit holds. */
    void (*give_back)(void *state, const struct limit_claim *claim, const struct limit_result *result);
    void *state;
};

struct limit;

struct limit_config {
    size_t keys_max;           /* keys remembered, about 56 bytes each. 0: LIMIT_KEYS */
    const struct clock *clock; /* NULL: the system's; only its monotonic time is read */
};

enum { LIMIT_KEYS = 100000 };

/* Makes an empty table. Owner: the caller. Errors: ERROR_MEMORY, ERROR_IO (no random bytes). */
MUST_USE enum error limit_create(const struct limit_config *config, struct limit **out);
/* Accepts NULL. */
void limit_destroy(struct limit *limit);

/* Takes `cost` (1 or more) from what `key` has under a rule, or, when that is not there, takes nothing. Exact whichever
 * cores ask at the same time. The key that nobody asked for longest is forgotten when the table is full; a forgotten
 * key begins anew. A key that holds something of a concurrency limit is not forgotten; where nothing but such keys are
 * left, what is asked for is refused. Keys are told apart by a seeded digest of 64 bits. */
ANY_CORE struct limit_result limit_take(struct limit *limit, const struct limit_rule *rule, struct slice key,
                                        int64_t cost);
/* The same without taking: what a cost of 1 would get. */
ANY_CORE struct limit_result limit_look(struct limit *limit, const struct limit_rule *rule, struct slice key);
/* Takes back what limit_take() has allowed, if that is still remembered: it counts no more. */
ANY_CORE void limit_give_back(struct limit *limit, const struct limit_rule *rule, const struct limit_result *result,
                              int64_t cost);
/* The table as a store. */
struct limit_store limit_store(struct limit *limit);
/* Forgets what `key` has done, but for what it holds: after a sign-in that worked, say. */
ANY_CORE void limit_forget(struct limit *limit, const struct limit_rule *rule, struct slice key);

struct limit_figures {
    size_t keys, keys_max;
    uint64_t evicted, evicted_early; /* early: it had not got everything back yet */
};
/* Of no table (NULL): nothing. */
ANY_CORE struct limit_figures limit_figures(struct limit *limit);

/* Appends the fields of a rule and a result (draft-ietf-httpapi-ratelimit-headers), without names and line ends, and
 * with a comma before them unless `is_first`:
 *     RateLimit-Policy: "default";q=100;w=60        the burst, and the seconds in which it comes back
 *     RateLimit: "default";r=42;t=35                what remains, and the seconds until all of it does
 * Concurrency has no time: "reports";q=4;qu="concurrent-requests" and "reports";r=3. */
/* Appends a name as these headers have it, in quotes. */
void limit_format_name(struct buf *out, struct slice name);
void limit_format_policy(struct buf *out, const struct limit_rule *rule, bool is_first);
void limit_format_state(struct buf *out, const struct limit_rule *rule, const struct limit_result *result,
                        bool is_first);
/* Retry-After of a refusal in whole seconds, 1 at least; 0 when it was allowed or never will be. */
unsigned limit_retry_seconds(const struct limit_result *result);

/* Adds the headers of what limits a request (`count` rules, each with its result) to its answer, also to one that an
 * error makes; and the longest Retry-After of those that refused. */
void limit_answer(struct exchange *x, const struct limit_rule *const *rules, const struct limit_result *results,
                  size_t count);

#endif
