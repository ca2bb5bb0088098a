/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ACTION_RUN_H
#define MODEL_ACTION_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/action_column.h"
#include "model/change.h"
#include "model/session.h"

/* A row that a step returns, while it is being read. */
struct action_row {
    const struct action_column *columns; /* the same for all rows of a step */
    size_t count;
    const struct value *values; /* borrowed until the call returns */
};

/* The objects of a list that was sent. */
struct action_list {
    struct change *elements;
    size_t count, capacity;
};

/* One run of an action: its input, and where its rows go. */
struct action_run {
    const struct action_spec *action;
    struct change input;
    struct action_list *lists; /* by index of the input; those of no list stay empty */
    /* Receives the rows of the steps that are answered. NULL: nobody wants them. */
    enum error (*row)(void *state, size_t step, const struct action_row *row);
    /* Called before the first row of such a step could come and behind its last one. */
    enum error (*begin)(void *state, size_t step);
    enum error (*end)(void *state, size_t step);
    void *state;
};

/* Begins a run without input; memory is the session's. Errors: ERROR_MEMORY. */
MUST_USE enum error action_run_init(struct action_run *run, const struct action_spec *action, struct session *session);
/* Adds the object that stands at `index` of a list as it was sent; `*out` is to be filled by change_set(), and stays
 * where it is until the next one is added. Errors: ERROR_MEMORY. */
MUST_USE enum error action_run_add(struct action_run *run, const struct field *list, size_t index,
                                   struct session *session, struct change **out);

/* Whether this caller may run the action: `run` NULL asks what can be said before the input is known, when an open
 * question is none. Errors: ERROR_UNAUTHORIZED, ERROR_FORBIDDEN. */
MUST_USE enum error action_run_admit(const struct action_spec *action, const struct action_run *run,
                                     const struct session *session);
/* Completes and checks the whole input; each mistake is told. Errors: those of change_prepare(). */
YIELDS MUST_USE enum error action_run_prepare(struct action_run *run, struct session *session);

/* Runs the steps, in a unit of work; it may be run again from its beginning. A failed expectation names itself in the
 * session's diag.
 * Errors: ERROR_VALIDATION (references), ERROR_NOT_FOUND (a reference in the path), ERROR_CONFLICT (an expectation, a
 * constraint), whatever an action's own failures are closest to, those of db_query() and db_next(). */
MUST_USE enum error action_run_steps(struct action_run *run, struct session *session);

#endif
