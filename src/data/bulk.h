/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_BULK_H
#define DATA_BULK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"
#include "data/db.h"
#include "data/sql.h"

/* Whole tables, read and written in bounded memory. Everything here blocks: for threads without a core. */

/* A read connection on which everything is one snapshot, taken by its first statement. db_read_end() ends it.
 * Errors: those of db_read_blocking() and db_script(). */
MUST_USE enum error bulk_snapshot(struct db *db, struct db_conn **out);
/* As db_query() of a statement without arguments, but of its rows only the present one is held. Until it is closed the
 * connection can do nothing else. Errors: those of db_query(). */
MUST_USE enum error bulk_query(struct db_conn *conn, struct slice sql, struct db_rows **out);

/* Rows on their way into one table: COPY on PostgreSQL, one prepared statement on SQLite. */
struct bulk_load;
struct bulk_column {
    struct slice name;
    enum sql_type type; /* of its values in the stored form that db_column() gives; PostgreSQL takes nothing else */
};
/* What a load was refused for. */
struct bulk_fault {
    int64_t row; /* from 1; 0: not known */
    char column[128];
    char message[256];
};

/* Begins to load a table that this transaction has made (PostgreSQL then stores the rows as if they were old ones). No
 * other statement runs on the connection until the load has ended. `columns` are borrowed until then.
 * Owner:  the caller; bulk_load_end(). Errors: those of db_script(), ERROR_MEMORY. */
MUST_USE enum error bulk_load_begin(struct db_conn *tx, struct slice table, const struct bulk_column *columns,
                                    size_t count, struct bulk_load **out);
/* Adds a row. What the database refuses may be told by a later row, or only by the end.
 * Errors: ERROR_VALIDATION (a value that is not of its column's type), ERROR_CONFLICT, ERROR_UNAVAILABLE,
 * ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error bulk_load_row(struct bulk_load *load, const struct value *values);
/* Ends the load and frees it; an `outcome` other than OK gives it up and is returned. `fault` says what was refused.
 * Errors: `outcome`, those of bulk_load_row(). */
MUST_USE enum error bulk_load_end(struct bulk_load *load, enum error outcome, struct bulk_fault *fault);

#endif
