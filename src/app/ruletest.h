/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULETEST_H
#define APP_RULETEST_H

#include <stddef.h>

#include "app/generation.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"

/* The tests of an app file: rows, somebody who asks, and what must come of their requests. */

struct ruletest_result {
    size_t count, passed; /* tests that were run */
};

/* Reads the tests of an app and runs them, each on its own rows in a database of its own that is gone afterwards; the
 * requests are served by the app's own routes, rules and handlers. Every mistake and every failed expectation is told
 * at its place, with the clause that decided. `generation` is loaded and not built: it is used up. Blocks.
 * Errors: ERROR_VALIDATION (a mistake, or a test that has failed), ERROR_MEMORY, ERROR_IO, ERROR_CONFLICT (the app
 * cannot be tested; told). */
MUST_USE enum error ruletest_run(struct generation *generation, generation_extend *extend, void *extend_state,
                                 struct diag *diag, struct ruletest_result *out);

#endif
