/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TRANSFER_TABLE_H
#define MODEL_TRANSFER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/bulk.h"
#include "data/db.h"
#include "model/ddl.h"
#include "model/schema.h"
#include "model/transfer_value.h"

/* The tables that are copied from one database to another: those of the resources, and the engine's own that hold
 * state. Everything here blocks. */

struct transfer_table {
    struct slice name;
    const struct resource *resource; /* NULL: the engine's own */
    const struct transfer_column *columns;
    const struct bulk_column *bulk_columns; /* the same */
    size_t column_count;
    size_t key_count;         /* of the engine's own: how many of its columns, from the first on, are its key */
    struct slice select;      /* what reads it */
    const char *sequence_key; /* the column whose integers the database gives out; NULL: none */
    int64_t rows;             /* when the copying began */
    int64_t last_id;          /* that was given out; 0: none */
    struct transfer_sum in_source, in_copy;
};

struct transfer_tables {
    struct transfer_table *items;
    size_t count;
    int64_t rows;
};

/* Finds the tables in the source that are copied into a database of the dialect `to`, counts their rows, and warns of
 * those that are not. Texts are the arena's.
 * Errors: ERROR_CONFLICT (a table of the engine's has a column of a type that is not known), ERROR_MEMORY, those of
 * db_query(). */
MUST_USE enum error transfer_table_list(struct db_conn *source, enum dialect to, const struct schema *schema,
                                        struct arena *arena, struct diag *diag, struct transfer_tables *out);
/* Keeps everybody else from writing to them until the transaction of this connection ends. PostgreSQL only. */
MUST_USE enum error transfer_table_lock(struct db_conn *source, const struct schema *schema, struct arena *arena);
/* Tells of references that lead to no row: `*bad` is how many were told. */
MUST_USE enum error transfer_table_check_references(struct db_conn *source, const struct schema *schema,
                                                    struct arena *arena, struct diag *diag, size_t *bad);
/* The value of a key for people, in `arena` or static. */
const char *transfer_table_show(struct arena *arena, struct diag *diag, struct value value);
/* Makes one of the engine's own tables that the target's statements do not make. */
MUST_USE enum error transfer_table_create(struct db_conn *tx, const struct transfer_table *table, struct arena *arena);
/* Sees to it that the next id of the table is above all that were given out. */
MUST_USE enum error transfer_table_set_sequence(struct db_conn *tx, const struct transfer_table *table,
                                                struct arena *arena);

#endif
