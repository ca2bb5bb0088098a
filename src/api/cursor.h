/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_CURSOR_H
#define API_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"

struct hmac_key;

/* Keyset cursors: where a walk through a list goes on. Opaque to clients, signed, and tied to the list they came from
 * by its fingerprint (resource, filters, search, sort). */

enum { CURSOR_BYTES_MAX = 4096 };

/* Encodes the keys of the last row seen. Owner: the arena.
 * Errors: ERROR_LIMIT (the keys are too long for a URL), ERROR_MEMORY. */
MUST_USE enum error cursor_encode(const struct hmac_key *key, uint64_t fingerprint, const struct value *values,
                                  size_t count, struct arena *arena, struct slice *out);
/* Reads a cursor of exactly `count` values. Owner: the arena.
 * Errors: ERROR_VALIDATION (not one of ours, or of another list), ERROR_MEMORY. */
MUST_USE enum error cursor_decode(const struct hmac_key *key, uint64_t fingerprint, struct slice text, size_t count,
                                  struct arena *arena, struct value *values);

#endif
