/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_VALUE_H
#define DATA_POSTGRES_VALUE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "data/db.h"

/* Values on their way to and from PostgreSQL, in its binary formats where it has one that we know, because the server
 * then formats and parses nothing (PostgreSQL 15, src/backend/utils/adt: *_send and *_recv). */

/* A text that a column needs room for: an instant, a date, a uuid, a numeric of more digits than 18. */
enum { POSTGRES_VALUE_ROOM = 48 };

/* Whether columns of this type can be read in binary form. */
bool postgres_value_is_known(Oid type);
/* A field in binary form; a text points to `bytes`, or to `room`. */
struct value postgres_value_decode(Oid type, struct slice bytes, char room[POSTGRES_VALUE_ROOM]);
enum db_type postgres_value_type(Oid type);
/* Appends a value (not null) in the binary form of this type; false, and nothing appended, when the value is not of its
 * kind or the type is written as text. */
bool postgres_value_write(Oid type, struct value value, struct buf *out);

/* Arguments as libpq wants them. */
enum { POSTGRES_VALUE_ARGUMENTS_MAX = 65535 };
struct postgres_arguments {
    struct buf bytes;
    const char **values;
    int *lengths, *formats;
    size_t capacity;
};
void postgres_value_init(struct postgres_arguments *arguments);
void postgres_value_fini(struct postgres_arguments *arguments);
/* Writes `count` values for parameters of these types (NULL: not known; all are written as texts).
 * Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error postgres_value_encode(struct postgres_arguments *arguments, const Oid *types,
                                          const struct value *values, size_t count);

#endif
