/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_LIMITER_H
#define SVC_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/method.h"
#include "http/throttle.h"
#include "svc/limit.h"

/* The limits of an app: which of them hold for a request, whose share it takes, and what the answer says of it. */

struct exchange;
struct expr;
struct http_site;
struct limit_metrics;

/* Whose share a request takes. Who has none of that takes the next one's: key, user, address. */
enum limiter_by {
    LIMITER_ADDRESS, /* the client's; of IPv6 its first 64 bits, since that is what one customer is given */
    LIMITER_USER,    /* the account, else whoever the credential is of */
    LIMITER_KEY,     /* the API key */
    LIMITER_VALUE    /* of an expression over the caller */
};

/* Methods and routes: "POST|PUT /api/v1/markets/:id", "GET /auth/...", "*". */
struct limiter_pattern {
    uint64_t methods;  /* set; GET stands for HEAD too, where that is not named */
    struct slice path; /* as routes are written; `*` is any run of characters, a parameter's name makes no difference;
                        * "*" alone is everything but health, with or without a route */
    struct place place;
};

/* One entry of `limits:`. */
struct limiter_rule {
    const struct limiter_pattern *patterns;
    size_t pattern_count;
    struct slice name; /* no other has it */
    enum limit_algorithm algorithm;
    struct limit_rate rate;
    int64_t burst;
    enum limiter_by by;
    const struct expr *value;         /* of LIMITER_VALUE: checked as EXPR_KEY */
    struct slice by_text;             /* as it is written */
    int64_t costs[HTTP_METHOD_COUNT]; /* 0: not counted */
    /* Of a limit that no app has written: it holds for no route that an entry is about whose path is below this, or
     * that names it as it is. Else empty. */
    struct slice prefix;
};

struct limiter_config {
    const struct limiter_rule *rules;
    size_t count;
};

struct limiter;

struct limiter_parts {
    struct limit_store store;
    struct limit_metrics *metrics; /* NULL: not counted */
};

/* Finds out what holds for each route of a site, when all are added. With `parts` NULL only to be looked at. Everything
 * lives in the arena; `config` is borrowed. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error limiter_create(const struct limiter_config *config, const struct limiter_parts *parts,
                                   const struct http_site *site, struct arena *arena, struct limiter **out);
/* Warns of what matches no route; all of an app's must be there. */
void limiter_check(const struct limiter *limiter, struct diag *diag);
/* For struct site_config. */
const struct http_throttle *limiter_throttle(const struct limiter *limiter);

/* The limits of a route, in the order they are asked: the `index`th; NULL: there are no more. */
const struct limiter_rule *limiter_rule_at(const struct limiter *limiter, size_t route, size_t index);

/* What stands for several requests takes the share of each: an operation of a batch, rows of an array. */
struct limiter_operation {
    enum http_method method;
    struct slice path;
};
/* Takes for operations what requests of their methods and paths would take, of all or of none; what the request itself
 * has cost under the same limit is part of that. What is held at the same time is held once. Without limits: OK.
 * Errors: ERROR_RATE_LIMITED (told), ERROR_UNAVAILABLE, ERROR_MEMORY. */
YIELDS MUST_USE enum error limiter_charge(struct exchange *x, const struct limiter_operation *operations, size_t count);
/* The same for so many more requests like this one. */
YIELDS MUST_USE enum error limiter_charge_again(struct exchange *x, size_t count);

#endif
