/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TRANSFER_VALUE_H
#define MODEL_TRANSFER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/value.h"
#include "data/sql.h"

/* Values on their way from one database to another, and the checksum of a table. Pure. */

struct transfer_column {
    struct slice name;
    enum sql_type type;
    unsigned precision, scale; /* of a decimal */
    bool is_required;
};

/* Room for a time, a date or a uuid. */
enum { TRANSFER_VALUE_ROOM = 40 };

/* Brings a value that `from` gave into the one form that both databases have for it. A text of `out` lies in `value` or
 * in `room`. NULL, or why the value has no such form: a constant sentence without a subject, "is not …". */
MUST_USE const char *transfer_value_read(const struct transfer_column *column, enum dialect from, struct value value,
                                         char room[TRANSFER_VALUE_ROOM], struct value *out);

/* What a table holds, as one number: the SHA-256 of every row, added up modulo 2^256, so that the order of the rows is
 * of no matter. */
struct transfer_sum {
    uint64_t words[4]; /* the least one first */
    int64_t rows;
};
/* Adds a row of values that transfer_value_read() has read; `scratch` is used meanwhile. Errors: ERROR_MEMORY,
 * ERROR_LIMIT. */
MUST_USE enum error transfer_value_add(struct transfer_sum *sum, const struct value *values, size_t count,
                                       struct buf *scratch);
bool transfer_value_is_same(const struct transfer_sum *a, const struct transfer_sum *b);
/* The sum as 64 hex digits and a NUL. */
enum { TRANSFER_SUM_TEXT = 2 * DIGEST_SHA256_BYTES + 1 };
void transfer_value_format(const struct transfer_sum *sum, char text[TRANSFER_SUM_TEXT]);

#endif
