/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_DDL_WRITER_H
#define MODEL_DDL_WRITER_H

#include "base/attr.h"
#include "data/sql.h"
#include "model/ddl.h"

/* What the files of ddl share: the statements that are being written. Errors, where there are any: ERROR_MEMORY,
 * ERROR_LIMIT. */

struct ddl_writer {
    struct arena *arena;
    struct sql sql;                   /* the present statement */
    struct ddl_statement *statements; /* room for all */
    size_t count;
};

/* Ends the statement that is being written. `name` lives as long as the arena. */
MUST_USE enum error ddl_end(struct ddl_writer *writer, enum ddl_kind kind, struct slice name,
                            const struct resource *resource);

/* What each dialect says in its own way. */
MUST_USE enum error ddl_sqlite_put_type(struct ddl_writer *writer, const struct field *field);
MUST_USE enum error ddl_sqlite_search(struct ddl_writer *writer, const struct resource *resource);
MUST_USE enum error ddl_sqlite_null_trigger(struct ddl_writer *writer, const struct resource *resource,
                                            const struct field *field);
MUST_USE enum error ddl_sqlite_engine(struct ddl_writer *writer);

MUST_USE enum error ddl_postgres_functions(struct ddl_writer *writer);
MUST_USE enum error ddl_postgres_put_type(struct ddl_writer *writer, const struct field *field);
/* " USING gin", and what such an index holds of its one column. */
void ddl_postgres_put_using(struct ddl_writer *writer, const struct index *index);
void ddl_postgres_put_content(struct ddl_writer *writer, const struct index *index);
MUST_USE enum error ddl_postgres_reference(struct ddl_writer *writer, const struct resource *resource,
                                           const struct field *field);
MUST_USE enum error ddl_postgres_search(struct ddl_writer *writer, const struct resource *resource);
MUST_USE enum error ddl_postgres_null_trigger(struct ddl_writer *writer, const struct resource *resource,
                                              const struct field *field);
MUST_USE enum error ddl_postgres_engine(struct ddl_writer *writer);

#endif
