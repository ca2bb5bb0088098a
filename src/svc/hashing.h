/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_HASHING_H
#define SVC_HASHING_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/identity.h"

/* Passwords hashed and checked on the offload pool, while the session holds nothing of the database. */

/* Whether a password is the one of this hash; without a hash the stand-in is checked, which takes as long, and nothing
 * is right. A hash that cannot be read is nobody's.
 * Errors: ERROR_UNAVAILABLE (too many wait), ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS MUST_USE enum error hashing_check(const struct identity *identity, struct session *session, struct slice hash,
                                         struct slice password, bool *is_right);
/* Hashes one; text in the session's arena. Errors: the same, ERROR_IO. */
YIELDS MUST_USE enum error hashing_make(const struct identity *identity, struct session *session, struct slice password,
                                        struct slice *out);

#endif
