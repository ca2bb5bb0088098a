/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULETEST_ANSWER_H
#define APP_RULETEST_ANSWER_H

#include "app/rehearsal.h"
#include "app/ruletest_plan.h"
#include "base/attr.h"
#include "base/error.h"

/* Holds an answer (in the envelope `data`) against what is expected of it. `*out` says what differs, "expected 404, but
 * 200 came"; NULL: nothing does. Owner: the arena. Errors: ERROR_MEMORY. */
MUST_USE enum error ruletest_answer_check(const struct ruletest *test, const struct ruletest_expect *expect,
                                          const struct rehearsal_answer *answer, struct arena *arena, const char **out);

#endif
