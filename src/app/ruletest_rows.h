/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULETEST_ROWS_H
#define APP_RULETEST_ROWS_H

#include "app/ruletest_plan.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/session.h"

/* The rows of a test: names become ids, what is left out is made up. */

/* Gives every row its id and its values, and adds rows that required references need. Mistakes are told at their
 * places, in `diag`; the session lends memory and the time, and its diag is used. Errors: ERROR_MEMORY. */
MUST_USE enum error ruletest_rows_make(struct ruletest *test, struct session *session, struct diag *diag);
/* Writes them into empty tables. Blocks. Errors: those of db_execute(). */
MUST_USE enum error ruletest_rows_insert(const struct ruletest *test, struct db_conn *conn, struct arena *arena);

/* The row that a test calls so, of one resource (NULL: of any); NULL: there is none. */
const struct ruletest_row *ruletest_rows_find(const struct ruletest *test, const struct resource *resource,
                                              struct slice name);

#endif
