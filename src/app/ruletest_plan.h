/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULETEST_PLAN_H
#define APP_RULETEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"
#include "model/schema.h"

/* The `tests:` of an app file, read and checked: what each sets up, who asks, and what is expected. */

enum { RULETEST_TESTS_MAX = 1000, RULETEST_ROWS_MAX = 1000, RULETEST_EXPECTS_MAX = 200 };

/* A row that a test begins with. */
struct ruletest_row {
    const struct resource *resource;
    struct slice name;       /* what the test calls it; empty: nothing */
    const struct node *node; /* the map of its fields; NULL: all are made up */
    struct place place;
    struct value id;
    struct value *values; /* by field index; NULL: not made yet */
};

/* One request, and what must come of it. */
struct ruletest_expect {
    struct slice request; /* "PATCH /markets/m1 {…}" */
    struct place place;
    int64_t status;
    bool has_total;
    int64_t total;
    const struct node *rows, *fields; /* lists of names; NULL: nothing is expected of them */
};

struct ruletest {
    struct slice name;
    struct place place;
    struct ruletest_row *rows;
    size_t row_count, row_capacity;
    struct slice as; /* the name of a row; empty: nobody */
    struct place as_place;
    const struct node *scopes; /* a list; NULL: not narrowed */
    struct ruletest_expect *expects;
    size_t expect_count;
};

/* Reads the list of tests. Every mistake is told; memory is the arena's. Errors: ERROR_MEMORY. */
MUST_USE enum error ruletest_plan_read(const struct node *list, const struct schema *schema, struct arena *arena,
                                       struct diag *diag, struct ruletest **out, size_t *count);

#endif
