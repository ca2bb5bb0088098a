/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_OBSERVED_H
#define DATA_OBSERVED_H

#include "base/attr.h"
#include "base/error.h"
#include "data/db.h"

/* A database seen through a window: every statement that is read through it is told to an observer. It stands in front
 * of another one, so that a database that nobody observes costs nothing. For one core, and for looking: every
 * transaction is refused with ERROR_NOT_IMPLEMENTED. */

/* What came of one statement. */
struct observed_run {
    int64_t returned;        /* rows that were read from it */
    int64_t number;          /* the first column of the last one, where that is an integer: what a count has counted */
    unsigned columns;        /* of each */
    int64_t elapsed_us;      /* from its begin to its end */
    struct db_effort effort; /* SQLite only */
};

struct observed_watcher {
    /* A statement begins; its text and arguments are borrowed for the call. What is returned is handed to `ended`. */
    void *(*begun)(void *state, struct slice sql, const struct value *arguments, size_t count);
    void (*ended)(void *state, void *seen, const struct observed_run *run);
    void *state;
};

/* Makes a window onto `inner`, which is borrowed. Owner: the caller; db_close(), which leaves `inner` open.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error observed_open(struct db *inner, const struct observed_watcher *watcher, struct db **out);

#endif
