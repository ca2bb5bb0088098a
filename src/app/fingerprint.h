/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_FINGERPRINT_H
#define APP_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"

/* All that a database holds, as lines that can be compared: tables, columns, indexes, triggers, constraints, and for
 * each table a digest of its rows that does not depend on their order, nor on that of the columns. */
struct fingerprint {
    const char **lines; /* sorted */
    size_t count, capacity;
    size_t tables;
    int64_t rows;
};

/* Reads it; what migrations record of themselves is left out. Texts live in `arena`. Blocks.
 * Errors: those of db_query(), ERROR_MEMORY. */
MUST_USE enum error fingerprint_read(struct db *db, struct arena *arena, struct fingerprint *out);
/* Whether both are the same; the first differences are told, with `when`: "after up and down". */
bool fingerprint_compare(const struct fingerprint *before, const struct fingerprint *after, const char *when,
                         struct diag *diag);

#endif
