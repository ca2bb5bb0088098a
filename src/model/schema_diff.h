/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_DIFF_H
#define MODEL_SCHEMA_DIFF_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/db.h"
#include "model/ddl.h"
#include "model/schema.h"
#include "model/tables.h"

/* How a database differs from a schema, one thing at a time. */
struct schema_difference {
    struct schema_difference *next;
    const char *message;  /* table "markets": column "slug" is missing */
    const char *hint;     /* what to do when it cannot be repaired; NULL: nothing to say */
    struct slice *repair; /* statements that repair it without losing data, in order; NULL: there are none */
    size_t repair_count;
};

/* Compares; `out` is the first difference, in the order in which repairs can run, or NULL. Texts live in `arena`.
 * Errors: those of tables_read(). */
MUST_USE enum error schema_diff(struct db_conn *conn, const struct schema *schema, const struct ddl *ddl,
                                const struct tables *tables, struct arena *arena, struct schema_difference **out);
/* The same of the tables that somebody else made alone. */
MUST_USE enum error schema_diff_adopted(struct db_conn *conn, const struct schema *schema, const struct tables *tables,
                                        struct arena *arena, struct schema_difference **out);

#endif
