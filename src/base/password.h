/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PASSWORD_H
#define BASE_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct random_source;

/* The cost of a hash (Argon2id, RFC 9106). */
struct password_params {
    uint32_t memory_kib;
    uint32_t iterations;
    uint32_t parallelism;
};

enum {
    PASSWORD_BYTES_MAX = 1024,
    PASSWORD_HASH_MAX = 128,               /* bytes of a hash's text, with its NUL */
    PASSWORD_MEMORY_KIB_MAX = 1024 * 1024, /* a stored hash that asks for more is refused */
    PASSWORD_ITERATIONS_MAX = 64,
    PASSWORD_PARALLELISM_MAX = 16,
};

/* 19 MiB, 2 iterations, 1 lane: the least that OWASP's Password Storage Cheat Sheet recommends. */
struct password_params password_params_default(void);
/* Hashes a password of 1 to PASSWORD_BYTES_MAX bytes into `hash`, as a PHC string with a NUL. Burns tens of
 * milliseconds and the memory that the params say: for the offload pool.
 * Errors: ERROR_VALIDATION (the password's length), ERROR_LIMIT (`size` is too small), ERROR_MEMORY, ERROR_IO (no
 * randomness), ERROR_INTERNAL (params that Argon2 does not take). */
MUST_USE
enum error password_hash(const struct password_params *params, struct slice password, struct random_source *random,
                         char *hash, size_t size);
/* Whether `password` is the one that `hash` was made from. For the offload pool, too.
 * Errors: ERROR_PARSE (no Argon2id hash, or one beyond the limits above), ERROR_MEMORY. */
MUST_USE
enum error password_verify(struct slice hash, struct slice password, bool *out);
/* Whether a hash was made with other params, or cannot be read: make a new one when the password is at hand. */
bool password_needs_rehash(const struct password_params *params, struct slice hash);

#endif
