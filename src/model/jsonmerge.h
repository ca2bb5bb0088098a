/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_JSONMERGE_H
#define MODEL_JSONMERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Merges an object into a JSON text: a null takes a member away, an object goes into an object, anything else stands
 * in place of what was there (RFC 7396). `target` with a NULL pointer is no value yet. Members that stay keep their
 * order, new ones follow. `seed` is a number that no caller can know. Time is linear in both texts.
 * Owner:  the arena.
 * Errors: ERROR_PARSE (the target is no JSON, the patch no object without double keys), ERROR_LIMIT (the result is
 * longer than `limit_bytes`), ERROR_MEMORY. */
MUST_USE enum error jsonmerge_apply(struct slice target, struct slice patch, uint64_t seed, size_t limit_bytes,
                                    struct arena *arena, struct slice *out);

#endif
