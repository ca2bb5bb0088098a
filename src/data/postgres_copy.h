/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_COPY_H
#define DATA_POSTGRES_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"
#include "data/sql.h"

/* The binary format of COPY (PostgreSQL 15, "COPY", Binary Format): a head, rows, an end. Pure. */

void postgres_copy_put_head(struct buf *out);
/* Appends a row of `count` values for columns of these types. `*column` is the one whose value is not of its type.
 * Errors: ERROR_VALIDATION (nothing is appended), ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error postgres_copy_put_row(struct buf *out, const enum sql_type *types, const struct value *values,
                                          size_t count, size_t *column);
void postgres_copy_put_end(struct buf *out);

/* Where a server stood when it refused, from the context of its message ("COPY items, line 17, column price"). */
struct postgres_copy_place {
    int64_t row; /* from 1; 0: it does not say */
    struct slice column;
};
struct postgres_copy_place postgres_copy_parse_context(struct slice context);

#endif
