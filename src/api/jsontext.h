/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_JSONTEXT_H
#define API_JSONTEXT_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/jsonread.h"
#include "base/slice.h"

/* JSON of a caller as it is stored: without white space, strings in their shortest escapes, numbers as they came. */

/* Copies the value whose first token was read already. `seed` is a number that no caller can know: it keeps crafted
 * keys from meeting in one place of the hash table.
 * Owner:  the arena.
 * Errors: ERROR_PARSE (the reader says where), ERROR_VALIDATION (`*why`: a key stands twice in an object),
 * ERROR_MEMORY. */
MUST_USE enum error jsontext_copy(struct jsonread *reader, const struct json_value *first, uint64_t seed,
                                  struct arena *arena, const char **why, struct slice *out);

#endif
