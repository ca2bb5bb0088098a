/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_MIGRATION_BATCH_H
#define DATA_MIGRATION_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"
#include "data/script.h"

/* A statement that is run for some rows of a table at a time, in the order of their ids, so that it holds few locks,
 * for a moment each:
 *
 *     -- tenon: batch markets 1000
 *     UPDATE "markets" SET "title" = "name" WHERE "id" > :after AND "id" <= :upto */
struct migration_batch {
    struct slice table, column; /* `table.column`; "id" where none is named */
    int64_t rows;
    struct slice sql; /* with placeholders */
};

/* Reads the directive above a statement; `*is_batch` false: there is none.
 * Errors: ERROR_VALIDATION (not as above; `*reason` says why), ERROR_MEMORY. */
MUST_USE enum error migration_batch_parse(const struct script_statement *statement, enum dialect dialect,
                                          struct arena *arena, bool *is_batch, struct migration_batch *out,
                                          const char **reason);
/* How many rows the table has. Errors: those of db_query(). */
MUST_USE enum error migration_batch_count(const struct migration_batch *batch, struct db_conn *conn,
                                          struct arena *arena, int64_t *out);
/* Runs the statement for the next rows behind `*cursor` (`ptr` NULL: from the beginning) and moves it; `ptr` NULL
 * again: there were none left. `*rows` is how many it was for. Errors: those of db_query(). */
MUST_USE enum error migration_batch_run(const struct migration_batch *batch, struct db_conn *conn, struct arena *arena,
                                        struct slice *cursor, int64_t *rows);

#endif
