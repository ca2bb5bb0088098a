/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULETEST_REQUEST_H
#define APP_RULETEST_REQUEST_H

#include "app/ruletest_plan.h"
#include "base/attr.h"
#include "base/error.h"

/* A request as a test writes it, with ids in the place of names. */
struct ruletest_request {
    struct slice method, target;
    struct slice body; /* JSON; empty: none */
};

/* Replaces names of the test's rows: segments of the path, values of filters by an id or a reference, and in a body the
 * texts of references (of an action: of any input). The base of the API is put before the path unless it is there.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error ruletest_request_write(const struct ruletest *test, const struct schema *schema, struct slice base,
                                           struct slice request, struct arena *arena, struct ruletest_request *out);

#endif
