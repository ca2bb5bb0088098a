/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_DDL_H
#define MODEL_DDL_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"
#include "model/schema.h"

/* The SQL that makes the tables of a schema. Texts live in an arena. */

enum ddl_kind { DDL_TABLE, DDL_REFERENCE, DDL_INDEX, DDL_SEARCH, DDL_TRIGGER, DDL_FUNCTION, DDL_ENGINE };

struct ddl_statement {
    enum ddl_kind kind;
    struct slice name;               /* of the table, index or trigger, unquoted */
    const struct resource *resource; /* NULL: the engine's own */
    struct slice sql;                /* one statement, without a semicolon */
    struct slice comment;            /* PostgreSQL: the statement that keeps `sql` in the database; empty: none */
};

struct ddl {
    const struct ddl_statement *statements; /* in the order in which they can run */
    size_t count;
};

/* All statements that make an empty database ready for the schema.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error ddl_create(const struct schema *schema, enum dialect dialect, struct arena *arena, struct ddl *out);
/* The statement that adds the column of a field to its existing table. A field that is required must have a default
 * value for it to run. Errors: ERROR_MEMORY. */
MUST_USE enum error ddl_add_column(const struct resource *resource, const struct field *field, enum dialect dialect,
                                   struct arena *arena, struct slice *out);
/* A field's default value as the dialect writes it, "NULL" where it has none. Errors: ERROR_MEMORY. */
MUST_USE enum error ddl_default(const struct field *field, enum dialect dialect, struct arena *arena,
                                struct slice *out);
/* What an existing column must look like: "TEXT", "numeric(18,2)", "text COLLATE \"C\"". Errors: ERROR_MEMORY. */
MUST_USE enum error ddl_column_type(const struct field *field, enum dialect dialect, struct arena *arena,
                                    struct slice *out);

#endif
