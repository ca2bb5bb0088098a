/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_STOREDROW_H
#define APP_STOREDROW_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "data/db.h"
#include "model/schema.h"

/* Reads one row whole, whatever the rules say of it: `*out` has its values by field index. `key` has
 * resource.key_count values. Blocks, unless `conn` belongs to a fiber. Owner: the arena.
 * Errors: ERROR_NOT_FOUND, ERROR_MEMORY, those of db_query(). */
MUST_USE enum error storedrow_read(struct db_conn *conn, const struct resource *resource, const struct value *key,
                                   struct arena *arena, const struct value **out);

#endif
