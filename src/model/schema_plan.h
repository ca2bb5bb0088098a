/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_PLAN_H
#define MODEL_SCHEMA_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "model/schema.h"

/* How a database comes from one schema to another without losing a row, and back: what `tenon migrate diff` writes. */

/* One concern: a pair of scripts, to be run in the order in which they come. */
struct schema_plan_part {
    const char *name;      /* "add_markets_slug" */
    const char *summary;   /* a sentence for whoever reviews it */
    bool is_contract;      /* takes away what servers with the old app file still use */
    bool is_stepwise;      /* each statement commits by itself */
    struct slice up, down; /* statements, each ended by a semicolon and a line's end */
};

struct schema_plan {
    const struct schema_plan_part *parts;
    size_t count; /* 0: nothing that a database sees has changed */
};

/* Plans. `from` NULL: an empty database. Names that have changed are asked for by the app file (`renamed_from:`), never
 * guessed. Texts live in `arena`.
 * PostgreSQL: nothing blocks reads or writes for longer than a moment, and servers with the old app file go on until
 * the parts that contract are run. SQLite: in place where SQLite can, else the table is made anew, in one transaction.
 * Errors: ERROR_VALIDATION (what cannot be done is told, with what to do instead), ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error schema_plan_make(const struct schema *from, const struct schema *to, enum dialect dialect,
                                     struct arena *arena, struct diag *diag, struct schema_plan *out);

#endif
