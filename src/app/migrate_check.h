/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_MIGRATE_CHECK_H
#define APP_MIGRATE_CHECK_H

#include "app/migrate.h"

struct migrate_check_result {
    size_t migrations; /* that were tried */
    size_t tables;
    int64_t rows;
    bool is_forward_only; /* the app file says so: nothing was taken back */
};

/* Proves the pending migrations, with those that contract, on a copy of the database: up, down and up again must leave
 * the schema and every row as they were. The copy is a file beside SQLite's, or a database beside PostgreSQL's made
 * with it as its template (for which nobody else may be connected); it is deleted afterwards. The database itself is
 * only read. `progress` as in struct migration_run. Expects migrate_connect(); the database is closed afterwards.
 * Errors: ERROR_CONFLICT (something is not as it was: the diag says what), those of migration_run_up(). */
MUST_USE enum error migrate_check_run(struct migrate *migrate,
                                      void (*progress)(void *state, const struct migration_progress *progress),
                                      void *state, struct migrate_check_result *out);

#endif
