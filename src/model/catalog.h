/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_CATALOG_H
#define MODEL_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"

/* Everything that a database of somebody else's holds, in one form for both databases: what `tenon adopt` goes by.
 * Texts live in an arena. */

/* What the stored values of a column are, for a database that does not say (SQLite), and how long texts are. */
struct catalog_values {
    int64_t nulls, integers, reals, texts, blobs;
    int64_t truths;    /* 0 and 1 */
    int64_t datetimes; /* texts in the form that the engine writes */
    int64_t dates, uuids, documents;
    int64_t longest; /* code points */
};

struct catalog_column {
    struct slice name, type;
    struct slice standard; /* its default, as SQL; empty: none */
    const struct slice *choices;
    size_t choice_count; /* of an enumerated type of PostgreSQL's */
    unsigned key;        /* its place in the primary key, from 1; 0: none */
    bool is_required;
    bool is_given;    /* the database numbers it: a rowid, an identity, a sequence */
    bool is_computed; /* nobody can write it */
    struct catalog_values values;
};

struct catalog_reference {
    int64_t id;
    struct slice column, table, target; /* target empty: the other table's primary key */
    struct slice on_delete;
    size_t width; /* how many columns it has; above 1 only the first is kept */
};

struct catalog_index_column {
    struct slice name; /* empty: an expression */
    bool is_descending;
};

struct catalog_index {
    struct slice name;
    struct slice where; /* partial; empty: all rows */
    bool is_unique, is_primary;
    struct catalog_index_column *columns;
    size_t count, capacity;
};

struct catalog_table {
    struct slice name;
    bool is_view;
    bool is_foreign; /* virtual tables and their like: they are not served */
    bool has_rowid;
    struct catalog_column *columns;
    size_t column_count, column_capacity;
    struct catalog_reference *references;
    size_t reference_count, reference_capacity;
    struct catalog_index *indexes;
    size_t index_count, index_capacity;
};

struct catalog {
    enum dialect dialect;
    struct arena *arena;
    struct catalog_table *tables;
    size_t count, capacity;
};

/* Reads it all, and looks through the values where the declared type does not say enough: that takes as long as reading
 * the tables does. `progress` (may be NULL) is told of each table. Blocks; on a connection of db_read_blocking().
 * Errors: those of db_query() and db_next(), ERROR_LIMIT. */
typedef void catalog_progress(void *state, size_t done, size_t count);
MUST_USE enum error catalog_read(struct db_conn *conn, struct arena *arena, catalog_progress *progress, void *state,
                                 struct catalog *out);

/* ---- for the readers of each dialect ---- */

struct catalog_reading {
    struct db_conn *conn;
    struct catalog *catalog;
    struct catalog_table *table; /* the present one */
    struct catalog_column *column;
};

typedef enum error catalog_take(struct catalog_reading *reading, const struct db_rows *rows);

/* Runs a question, with one argument or none (NULL), and hands each row to `take`. */
MUST_USE enum error catalog_ask(struct catalog_reading *reading, struct slice sql, const struct slice *argument,
                                catalog_take *take);
/* A text column, copied; null is empty. */
MUST_USE enum error catalog_text(struct catalog_reading *reading, const struct db_rows *rows, unsigned column,
                                 struct slice *out);
int64_t catalog_number(const struct db_rows *rows, unsigned column);
/* Room for one more, zeroed; NULL: no memory. */
struct catalog_table *catalog_add_table(struct catalog *catalog);
struct catalog_column *catalog_add_column(struct catalog_reading *reading);
/* The same reference again for each further column of it. */
struct catalog_reference *catalog_add_reference(struct catalog_reading *reading, int64_t id);
/* Adds a column to the index of that name, which is the last one or new. */
struct catalog_index *catalog_add_index(struct catalog_reading *reading, struct slice name,
                                        struct catalog_index_column column);

MUST_USE enum error catalog_sqlite_read(struct catalog_reading *reading);
MUST_USE enum error catalog_sqlite_look(struct catalog_reading *reading);
MUST_USE enum error catalog_postgres_read(struct catalog_reading *reading);
MUST_USE enum error catalog_postgres_look(struct catalog_reading *reading);

#endif
