/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQL_H
#define DATA_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/value.h"
#include "data/db.h"

/* The query builder: a statement being written, text and bound arguments together, so that a value can only ever be an
 * argument. Text comes from literals of this program and from identifiers of the schema, never from a caller. What the
 * two dialects say differently is said here, and nowhere else.
 *
 *     sql_select(sql);
 *     sql_item(sql);
 *     sql_column(sql, 0, SLICE("name"));
 *     sql_from(sql, SLICE("markets"), 0);
 *     sql_where(sql);
 *     sql_column(sql, 0, SLICE("id"));
 *     sql_put(sql, " = ");
 *     sql_bind(sql, SQL_INTEGER, id);
 *
 * A failure (memory, limits) is remembered; sql_finish() reports it once. */
struct sql {
    struct buf text;
    struct value *arguments;
    size_t count;
    size_t capacity;
    struct arena *arena; /* for the arguments */
    enum dialect dialect;
    bool failed;
    bool has_item, has_condition, has_order; /* what the present list, WHERE and ORDER BY have already */
};

/* What a bound value is to the database. SQLite goes by the value itself. */
enum sql_type {
    SQL_ANY, /* as the place it stands in asks for */
    SQL_TEXT,
    SQL_INTEGER,
    SQL_FLOAT,
    SQL_DECIMAL,
    SQL_BOOLEAN,
    SQL_INSTANT,
    SQL_DATE,
    SQL_UUID,
    SQL_JSON,
    SQL_BYTES,
    SQL_TYPE_COUNT
};

enum { SQL_TEXT_MAX = 256 * 1024, SQL_ARGUMENTS_MAX = 30000, SQL_LIST_BYTES_MAX = 4 * 1024 * 1024 };

/* Begins an empty statement; its text is malloc'ed, sql_fini() frees it. */
void sql_init(struct sql *sql, struct arena *arena, enum dialect dialect);
void sql_fini(struct sql *sql);
/* Empties it for another statement, keeping the memory. */
void sql_clear(struct sql *sql);

/* Appends a literal of this program. */
#define sql_put(sql, literal) buf_put(&(sql)->text, "" literal, sizeof(literal) - 1)
/* An identifier as the dialect keeps it: PostgreSQL cuts what is longer than 63 bytes, so a longer one is written as
 * its begin and a digest of the whole. The text is `name` itself or in `room`. */
enum { SQL_IDENTIFIER_BYTES = 64 };
struct slice sql_identifier(enum dialect dialect, struct slice name, char room[SQL_IDENTIFIER_BYTES]);
/* Appends a quoted identifier; quotes in it are doubled. */
void sql_name(struct sql *sql, struct slice name);
/* Appends alias.column with the alias t<number>: every table of a statement is t0, t1, … */
void sql_column(struct sql *sql, unsigned alias, struct slice column);
/* Appends "t<number>". */
void sql_alias(struct sql *sql, unsigned alias);
/* Appends a placeholder and keeps the value (its text is borrowed: it must outlive the statement). */
void sql_bind(struct sql *sql, enum sql_type type, struct value value);
/* Appends a quoted text literal of this program or of an app file, for what takes no arguments. */
void sql_quote(struct sql *sql, struct slice text);
/* Appends a condition that always holds, or never. */
void sql_truth(struct sql *sql, bool is_true);
/* Appends " IN …" for any number of ids, in one text: they travel as one argument. */
void sql_among(struct sql *sql, enum sql_type type, const struct value *values, size_t count);

/* Statements. Each begins one in an empty `sql`; items, conditions and order keys put their separators themselves. */
void sql_select(struct sql *sql);
void sql_insert(struct sql *sql, struct slice table);
void sql_update(struct sql *sql, struct slice table);
void sql_delete(struct sql *sql, struct slice table);
/* Before each column of a select, each column of an insert, each value of one, each assignment, each column that is
 * returned. */
void sql_item(struct sql *sql);
/* " FROM table AS t<alias>" */
void sql_from(struct sql *sql, struct slice table, unsigned alias);
/* Between the columns of an insert and its values, and behind these. */
void sql_values(struct sql *sql);
void sql_end_values(struct sql *sql);
/* "column = ", for an assignment. */
void sql_set(struct sql *sql, struct slice column);
/* Behind the values: what there is already under the key is written over, column by column, except for the key. */
void sql_upsert(struct sql *sql, const struct slice *key, size_t key_count, const struct slice *columns,
                size_t column_count);
/* Before each condition of the statement. */
void sql_where(struct sql *sql);
/* Before each key of the order. */
void sql_order(struct sql *sql);
/* Negative: no limit; offset 0: none. */
void sql_limit(struct sql *sql, int64_t limit, int64_t offset);
/* Before the first sql_item() that is returned. */
void sql_returning(struct sql *sql);
/* The rows that are read stay as they are until the transaction ends. */
enum sql_lock { SQL_LOCK_CHANGE, SQL_LOCK_DELETE };
void sql_lock(struct sql *sql, enum sql_lock lock);
/* A number of the program's own, such as LIMIT's; not for what a caller sent. */
void sql_number(struct sql *sql, int64_t number);

/* Errors: ERROR_LIMIT (text or arguments), ERROR_MEMORY. */
MUST_USE enum error sql_finish(const struct sql *sql);
/* Finishes and starts the statement: sql_finish() and db_query() in one. */
MUST_USE enum error sql_query(const struct sql *sql, struct db_conn *conn, struct db_rows **out);
/* Finishes and runs it: sql_finish() and db_execute() in one. */
YIELDS MUST_USE enum error sql_execute(const struct sql *sql, struct db_conn *conn, int64_t *changes);

#endif
