/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JWK_KEY_H
#define BASE_JWK_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/jsonobject.h"
#include "base/jwk.h"

/* What a key is made of: for jwk*.c and jws*.c only. */

enum jwk_kind { JWK_KIND_OCT, JWK_KIND_RSA, JWK_KIND_EC, JWK_KIND_OKP };

/* What an algorithm needs and uses. */
struct jwk_form {
    const char *name;
    enum jwk_kind kind;
    const char *crv;   /* EC, OKP: the curve as a JWK names it */
    const char *group; /* EC: the curve as libcrypto names it */
    const char *hash;  /* as libcrypto names it; NULL: the algorithm brings its own */
    size_t bytes;      /* OCT: of the hash; EC: of a coordinate; OKP: of the public key */
    bool is_pss;
};

struct jwk {
    enum jwk_algorithm algorithm;
    bool can_sign;
    struct evp_pkey_st *pkey; /* NULL: a secret */
    unsigned char *secret;    /* NULL: a pair, or the public half of one */
    size_t secret_bytes;
    size_t kid_bytes;
    char kid[JWK_KID_BYTES_MAX];
};

const struct jwk_form *jwk_form(enum jwk_algorithm algorithm);
/* Makes a key of an EVP_PKEY, which it keeps if that succeeds: checks it, picks the first of `algorithms` that suits
 * it, and names it. May leave errors in libcrypto's queue. Errors: ERROR_VALIDATION, ERROR_MEMORY. */
MUST_USE enum error jwk_take(struct evp_pkey_st *pkey, bool can_sign, uint32_t algorithms, struct slice kid,
                             struct diag *diag, struct jwk **out);
/* Makes a key of the members of a JWK. Errors as above. */
enum jwk_part { JWK_PART_ALL, JWK_PART_PUBLIC };
MUST_USE enum error jwk_json_create(const struct jsonobject *object, uint32_t algorithms, enum jwk_part part,
                                    struct arena *arena, struct diag *diag, struct jwk **out);

#endif
