/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_MIGRATION_RUN_H
#define DATA_MIGRATION_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "data/migration.h"

/* Applies migrations, and takes them back. What was done is recorded in the transaction that did it, so that a run that
 * was killed is gone on with by the next one. All calls block: for threads without a core. */

/* Where a run is. */
struct migration_progress {
    struct slice id;     /* empty: at none yet */
    size_t step, steps;  /* the statement, from 1, of how many */
    int64_t rows, total; /* of a batch: done, of about how many; total 0: it is no batch */
    const char *waiting; /* what it waits for; NULL: it does not */
    bool is_done;        /* the migration is */
};

struct migration_run {
    struct db *db;
    const struct migration_folder *folder;
    bool contracts;      /* apply these, too */
    int64_t patience_ms; /* how long a lock, or another node, is waited for; 0 = 10 minutes */
    struct arena *arena;
    struct diag *diag;
    void (*progress)(void *state, const struct migration_progress *progress); /* NULL: none */
    void *state;
    size_t done; /* migrations that this run has applied, or taken back */
};

/* Applies what is pending, in order; several nodes may do so at once. Stops at the first that fails: nothing of it is
 * left, unless it says `no transaction`; then it is gone on with by the next run.
 * Errors: ERROR_CONFLICT (a file was edited, is missing, comes too late; a constraint), ERROR_VALIDATION (the database
 * does not understand a statement), ERROR_TIMEOUT (a lock), those of db_query(); the diag says what and where. */
MUST_USE enum error migration_run_up(struct migration_run *run);
/* Takes back the last `count` that are applied, the latest first.
 * Errors: the same; ERROR_CONFLICT also where one has no down. */
MUST_USE enum error migration_run_down(struct migration_run *run, size_t count);
/* Records what is pending up to and with `number` as applied, without running it: the database has it already. */
MUST_USE enum error migration_run_record(struct migration_run *run, int64_t number);

#endif
