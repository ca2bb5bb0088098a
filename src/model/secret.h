/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SECRET_H
#define MODEL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

/* Random bytes that an app needs to be the same on every node and after every restart, by name: made once per database,
 * and kept in its table _tenon_secret. Calls block: for threads without a core. */

struct db;

enum { SECRET_BYTES_MAX = 64 };

/* The `size` bytes of a secret; makes them where there are none. On a database that is only looked at (data/observed.h)
 * one that was never made is made up. Errors: ERROR_IO (there is one of another size; no random bytes), those of
 * db_tx_blocking(). */
MUST_USE enum error secret_get(struct db *db, const char *name, void *out, size_t size);
/* The same, but makes none. Errors: those of db_read_blocking(), ERROR_IO. */
MUST_USE enum error secret_find(struct db *db, const char *name, void *out, size_t size, bool *found);

#endif
