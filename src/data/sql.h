/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQL_H
#define DATA_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/value.h"
#include "data/db.h"

/* A statement being written: text and bound arguments together, so that a value can only ever be an argument. Text
 * comes from literals of this program and from identifiers of the schema, never from a caller.
 * A failure (memory, limits) is remembered; sql_finish() reports it once. */
struct sql {
    struct buf text;
    struct value *arguments;
    size_t count;
    size_t capacity;
    struct arena *arena; /* for the arguments */
    enum dialect dialect;
    bool failed;
};

enum { SQL_TEXT_MAX = 256 * 1024, SQL_ARGUMENTS_MAX = 30000 };

/* Begins an empty statement; its text is malloc'ed, sql_fini() frees it. */
void sql_init(struct sql *sql, struct arena *arena, enum dialect dialect);
void sql_fini(struct sql *sql);
/* Empties it for another statement, keeping the memory. */
void sql_clear(struct sql *sql);

/* Appends a literal of this program. */
#define sql_put(sql, literal) buf_put(&(sql)->text, "" literal, sizeof(literal) - 1)
/* Appends a quoted identifier; quotes in it are doubled. */
void sql_name(struct sql *sql, struct slice name);
/* Appends alias.column with the alias t<number>: every table of a statement is t0, t1, … */
void sql_column(struct sql *sql, unsigned alias, struct slice column);
/* Appends "t<number>". */
void sql_alias(struct sql *sql, unsigned alias);
/* Appends a placeholder and keeps the value (its text is borrowed: it must outlive the statement). */
void sql_bind(struct sql *sql, struct value value);
/* A number of the program's own, such as LIMIT's; not for what a caller sent. */
void sql_number(struct sql *sql, int64_t number);

/* Errors: ERROR_LIMIT (text or arguments), ERROR_MEMORY. */
MUST_USE enum error sql_finish(const struct sql *sql);
/* Finishes and starts the statement: sql_finish() and db_query() in one. */
MUST_USE enum error sql_query(const struct sql *sql, struct db_conn *conn, struct db_rows **out);

#endif
