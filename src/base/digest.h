/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

enum { DIGEST_SHA256_BYTES = 32, DIGEST_SHA512_BYTES = 64 };

/* A key of HMAC-SHA256, made ready for use. */
struct hmac_key;

/* SHA-256 of some bytes (FIPS 180-4). */
ANY_CORE
void digest_sha256(struct slice bytes, unsigned char out[DIGEST_SHA256_BYTES]);
/* SHA-512 of some bytes, for what others have decided; ours are SHA-256. */
ANY_CORE
void digest_sha512(struct slice bytes, unsigned char out[DIGEST_SHA512_BYTES]);
/* SHA-256 of bytes that come piece by piece. */
struct digest_state {
    uint64_t room[16];
};
ANY_CORE void digest_begin(struct digest_state *state);
ANY_CORE void digest_add(struct digest_state *state, struct slice bytes);
ANY_CORE void digest_end(struct digest_state *state, unsigned char out[DIGEST_SHA256_BYTES]);
/* Makes a key of HMAC-SHA256 (RFC 2104) of any length.
 * Owner:  the caller; digest_hmac_destroy(), which wipes it.
 * Errors: ERROR_MEMORY. */
MUST_USE
enum error digest_hmac_create(struct slice key, struct hmac_key **out);
void digest_hmac_destroy(struct hmac_key *key);
/* HMAC-SHA256 of all parts as if they were one text. The key is only read, so all cores may share it. */
ANY_CORE
void digest_hmac(const struct hmac_key *key, const struct slice *parts, size_t count,
                 unsigned char out[DIGEST_SHA256_BYTES]);
/* Equality in a time that depends on the lengths only: for signatures and secrets. */
ANY_CORE
bool digest_equal(struct slice a, struct slice b);
/* A fast hash for tables in memory; never for secrets, and never stored, for it may change. With a random seed nobody
 * outside can make many keys collide. */
ANY_CORE
uint64_t digest_hash64(uint64_t seed, struct slice bytes);

#endif
