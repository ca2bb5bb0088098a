/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JWK_H
#define BASE_JWK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* Keys of signatures: made from a secret, PEM or a JWK (RFC 7517, RFC 7518 section 6, RFC 8037). A key is pinned to one
 * algorithm for its whole life, whatever a token says about itself. It is immutable once made, so that all cores may
 * use it at once. */

struct jwk;

/* RFC 7518 section 3.1, RFC 8037 section 3.1; EdDSA is Ed25519. */
enum jwk_algorithm {
    JWK_HS256,
    JWK_HS384,
    JWK_HS512,
    JWK_RS256,
    JWK_RS384,
    JWK_RS512,
    JWK_PS256,
    JWK_PS384,
    JWK_PS512,
    JWK_ES256,
    JWK_ES384,
    JWK_ES512,
    JWK_EDDSA,
    JWK_ALGORITHM_COUNT
};

/* Sets of algorithms: bits of (1u << algorithm). */
enum {
    JWK_SYMMETRIC = 1u << JWK_HS256 | 1u << JWK_HS384 | 1u << JWK_HS512,
    JWK_ALL = (1u << JWK_ALGORITHM_COUNT) - 1,
    JWK_ASYMMETRIC = JWK_ALL & ~JWK_SYMMETRIC,
    JWK_RECOMMENDED = 1u << JWK_HS256 | 1u << JWK_RS256 | 1u << JWK_ES256 | 1u << JWK_EDDSA,
};

enum {
    JWK_KID_BYTES_MAX = 256,
    JWK_TEXT_BYTES_MAX = 16 * 1024, /* of a PEM or a JWK */
    JWK_SECRET_BYTES_MAX = 1024,
    JWK_RSA_BITS_MIN = 2048,
    JWK_RSA_BITS_MAX = 8192,
    JWK_THUMBPRINT_BYTES = 43, /* SHA-256 in base64url */
    JWK_MEMBERS_MAX = 64,
    JWK_SET_KEYS_MAX = 64,
    JWK_SET_BYTES_MAX = 256 * 1024,
};

/* "HS256", …: the name that tokens and keys use. Static memory. */
ANY_CORE const char *jwk_algorithm_name(enum jwk_algorithm algorithm);
/* The algorithm of a name, in exactly this spelling; false for any other, "none" among them. */
ANY_CORE bool jwk_algorithm_find(struct slice name, enum jwk_algorithm *out);
/* Whether what verifies could sign as well: a shared secret. */
static inline bool jwk_algorithm_is_symmetric(enum jwk_algorithm algorithm)
{
    return (JWK_SYMMETRIC >> algorithm & 1) != 0;
}

/* Makes a key of HS256, HS384 or HS512. The secret must be at least as long as the hash (RFC 7518 section 3.2: 32, 48,
 * 64 bytes), and is copied; a text in PEM is refused, as it is a key of another kind. `kid` may be
 * empty, and is UTF-8 without NUL.
 * Owner:  the caller; jwk_destroy(), which wipes it.
 * Errors: ERROR_VALIDATION (told in `diag`), ERROR_MEMORY. */
MUST_USE enum error jwk_create_secret(struct slice secret, enum jwk_algorithm algorithm, struct slice kid,
                                      struct diag *diag, struct jwk **out);
/* Makes a key from PEM: one block, "PUBLIC KEY" or an unencrypted "PRIVATE KEY" (also "RSA PRIVATE KEY" and "EC PRIVATE
 * KEY"). It is pinned to the first of the set `algorithms` that its kind and curve can do. RSA must have 2048 to 8192
 * bits. An empty `kid` is replaced by the thumbprint. Burns milliseconds for RSA. Owner and errors as above. */
MUST_USE enum error jwk_create_pem(struct slice pem, uint32_t algorithms, struct slice kid, struct diag *diag,
                                   struct jwk **out);
/* Makes a key from a JWK, private if it has the private part. `alg` must be one of the set `algorithms`; without it the
 * key is pinned to the first of the set that its kind and curve can do. `use` must be "sig" and `key_ops` hold "sign"
 * or "verify" where they are there. Without `kid` it is the thumbprint. Owner and errors as above. */
MUST_USE enum error jwk_create_json(struct slice json, uint32_t algorithms, struct diag *diag, struct jwk **out);
/* Accepts NULL. */
void jwk_destroy(struct jwk *key);

ANY_CORE enum jwk_algorithm jwk_algorithm(const struct jwk *key);
/* Empty for a secret that was given none. Lives as long as the key. */
ANY_CORE struct slice jwk_kid(const struct jwk *key);
/* Whether it can sign: a private key or a secret. */
ANY_CORE bool jwk_can_sign(const struct jwk *key);

/* Appends the public part as a JWK, for /.well-known/jwks.json: kty, use, alg, kid and the numbers.
 * Errors: ERROR_VALIDATION (a secret has no public part), ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jwk_write_public(const struct jwk *key, struct buf *buf);
/* The thumbprint with SHA-256 (RFC 7638) of the public part. Errors as above. */
MUST_USE ANY_CORE enum error jwk_thumbprint(const struct jwk *key, char out[JWK_THUMBPRINT_BYTES]);

/* The key for a token's header among `count` keys: the one of that `kid` and algorithm; for an empty `kid` the only one
 * of the algorithm. NULL when there is none, or more than one. */
ANY_CORE const struct jwk *jwk_find(struct jwk *const *keys, size_t count, struct slice kid,
                                    enum jwk_algorithm algorithm);

/* Keys that came together. */
struct jwk_set {
    struct jwk **keys;
    size_t count;
    size_t skipped; /* keys of other kinds, uses and sizes, or broken ones */
};

/* Makes the keys of a JWK set (RFC 7517 section 5); the private parts that it may hold are left out. A key that could
 * not be used, in whatever way, is passed over and counted, so that an issuer may add new kinds.
 * Owner:  the caller; jwk_set_destroy().
 * Errors: ERROR_PARSE (`reason` is a constant sentence, NULL allowed), ERROR_MEMORY. */
MUST_USE enum error jwk_set_create(struct slice json, uint32_t algorithms, struct jwk_set **out, const char **reason);
/* Accepts NULL. */
void jwk_set_destroy(struct jwk_set *set);

#endif
