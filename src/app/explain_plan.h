/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_PLAN_H
#define APP_EXPLAIN_PLAN_H

#include "app/explain.h"
#include "data/db.h"
#include "data/observed.h"

/* What the database says of a statement that has run: its plan, and what it reads. */

/* Asks for the plan and fills what is known from it. On PostgreSQL the statement, which must be a read, is run again,
 * measured; SQLite's effort was measured when it ran. Errors: those of db_query(), ERROR_MEMORY. */
YIELDS MUST_USE enum error explain_plan_read(struct db_conn *conn, const struct observed_run *run, struct arena *arena,
                                             struct explain_statement *statement);
/* How many rows a table has, at most `most`. Errors: those of db_query(). */
YIELDS MUST_USE enum error explain_plan_count(struct db_conn *conn, struct slice table, int64_t most,
                                              struct arena *arena, int64_t *out);

#endif
