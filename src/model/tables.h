/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TABLES_H
#define MODEL_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"
#include "data/sql.h"

/* What a database really holds. Texts live in an arena. */

struct tables_object {
    struct slice kind; /* "table", "index", "trigger", "view", "constraint", "function" */
    struct slice name;
    struct slice table; /* that it belongs to; its own name for a table */
    struct slice sql;   /* the statement that made it, as far as the database knows */
};

struct tables {
    const struct tables_object *objects; /* without the database's own */
    size_t count;
};

struct tables_column {
    struct slice name, type;
    bool is_required, is_key, has_default;
    struct slice refers;    /* the table that it refers to; empty: none */
    struct slice on_delete; /* "RESTRICT", "CASCADE", "SET NULL", … */
};

struct tables_columns {
    struct tables_column *items;
    size_t count;
};

/* Reads the names of all there is. Errors: those of db_query() and db_next(), ERROR_LIMIT. */
MUST_USE enum error tables_read(struct db_conn *conn, struct arena *arena, struct tables *out);
/* Reads the columns of one table, with their references. Errors: the same. */
MUST_USE enum error tables_read_columns(struct db_conn *conn, struct slice table, struct arena *arena,
                                        struct tables_columns *out);
/* The object of that kind and name, or NULL. */
const struct tables_object *tables_find(const struct tables *tables, const char *kind, struct slice name);
/* Whether there is a table or view of that name; SQLite's names are without case. */
bool tables_find_any(const struct tables *tables, struct slice name);

/* What a declared type makes of values on SQLite (https://sqlite.org/datatype3.html section 3.1). */
enum tables_affinity { TABLES_TEXT, TABLES_INTEGER, TABLES_REAL, TABLES_NUMERIC, TABLES_BLOB };
enum tables_affinity tables_affinity(struct slice type);
/* Whether a column of this type of PostgreSQL's, as format_type() spells it, can be read and written as `wanted`;
 * `is_enum`: with the choices of an enum. */
bool tables_postgres_holds(struct slice type, enum sql_type wanted, bool is_enum);

const struct tables_column *tables_find_column(const struct tables_columns *columns, struct slice name);

#endif
