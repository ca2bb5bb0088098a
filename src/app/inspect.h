/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_INSPECT_H
#define APP_INSPECT_H

#include <stddef.h>

#include "app/generation.h"
#include "app/ruletest.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"

/* Looking at an app without serving it: what `tenon check`, `routes` and `schema` print. The app's database is not
 * opened. */

/* Checks an app file, and that its routes do not meet, and runs its tests; every mistake and warning is in the diag.
 * Errors: ERROR_VALIDATION, ERROR_CONFLICT, ERROR_MEMORY, ERROR_IO (the tests have no place). */
MUST_USE enum error inspect_check(const char *app_path, generation_extend *extend, void *extend_state,
                                  struct diag *diag, struct ruletest_result *tests);

struct inspect_route {
    const char *method, *pattern, *name;
    const char *const *middleware; /* in the order they are entered */
    size_t middleware_count;
    const char *const *limits; /* names, in the order they are asked */
    size_t limit_count;
};

/* Lists the routes of an app with what stands around each; texts are the arena's.
 * Errors: ERROR_VALIDATION, ERROR_CONFLICT (two routes are one), ERROR_MEMORY. */
MUST_USE enum error inspect_routes(const char *app_path, generation_extend *extend, void *extend_state,
                                   struct arena *arena, struct diag *diag, const struct inspect_route **out,
                                   size_t *count);

/* Appends the JSON Schema of app files. */
void inspect_schema(struct buf *out);

/* "0.1.0". */
const char *inspect_version(void);

#endif
