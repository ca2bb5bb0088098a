/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_LIMIT_ALGORITHM_H
#define SVC_LIMIT_ALGORITHM_H

#include <stdbool.h>
#include <stdint.h>

#include "svc/limit.h"

/* The algorithms of limits, over the state of one key. Pure: whoever calls holds the key's lock. */

/* What is remembered of a key. All zero: a key that has done nothing. */
struct limit_state {
    uint64_t words[2];
};

/* Takes `cost` at a time that is never before that of an earlier call, or refuses; `cost` 0 only looks, and says what 1
 * would get. Of the result `limit`, `key` and `born` are left alone, and `mark` where none is needed. */
void limit_algorithm_take(const struct limit_rule *rule, struct limit_state *state, int64_t now_us, int64_t cost,
                          struct limit_result *out);
/* Takes back what was allowed with this `mark`, as far as it still counts. */
void limit_algorithm_undo(const struct limit_rule *rule, struct limit_state *state, uint64_t mark, int64_t cost);
/* Whether something of a concurrency limit is to be given back. */
bool limit_algorithm_is_held(const struct limit_rule *rule, const struct limit_state *state);
/* In which time all of the limit comes back. */
int64_t limit_algorithm_window_us(const struct limit_rule *rule);
/* Cuts the window of a sliding one into segments. */
void limit_algorithm_cut(struct limit_rule *rule);

#endif
