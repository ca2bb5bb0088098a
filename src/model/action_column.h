/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ACTION_COLUMN_H
#define MODEL_ACTION_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/action.h"
#include "model/session.h"

struct db_rows;

/* A column that a step returns. */
struct action_column {
    struct slice name;       /* as the statement calls it */
    const struct type *type; /* of the field that it shows; else what the database says; text stands for any */
    bool is_hidden;          /* not to be answered */
};

/* What the columns of a running statement are. `*out` is the session's memory.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error action_column_describe(const struct session *session, const struct action_step *step,
                                           const struct db_rows *rows, const struct action_column **out, size_t *count);
/* The hidden field that a column shows, as far as the database says which field it is; else NULL. */
const struct field *action_column_secret(const struct schema *schema, const struct db_rows *rows, unsigned column);

#endif
