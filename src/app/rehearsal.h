/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_REHEARSAL_H
#define APP_REHEARSAL_H

#include <stdbool.h>

#include "app/generation.h"
#include "app/worker.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

struct fiber;
struct http1_head;

/* Requests that come from no connection: the same site, routes, rules and handlers serve them, to be looked at. Who
 * asks is the model's caller. */

struct rehearsal {
    struct generation *generation; /* built */
    struct worker *worker;
};

/* A request as people write it: a method and a target, with spaces, quotes and other alphabets as they are. Owner: the
 * arena. Errors: ERROR_PARSE (the diag's sentence says why), ERROR_MEMORY. */
MUST_USE enum error rehearsal_head(const struct generation *generation, struct slice method, struct slice target,
                                   bool has_body, struct arena *arena, struct diag *diag,
                                   const struct http1_head **out);

struct rehearsal_answer {
    int status;
    struct slice body;
};

/* Serves a request on a fiber of the worker's core; `body` is JSON, or empty. Owner: the arena. Errors: ERROR_MEMORY;
 * an answer that is an error is none. */
YIELDS MUST_USE enum error rehearsal_serve(const struct rehearsal *rehearsal, struct fiber *self,
                                           const struct http1_head *head, struct slice body, struct arena *arena,
                                           struct rehearsal_answer *out);

#endif
