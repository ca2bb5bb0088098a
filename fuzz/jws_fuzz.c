/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys of strangers, all on the same bytes: a token, a header, the claims, a JWK, a set of them, PEM. What
 * is accepted has one text, names nothing but what is known, and a key that is written is read as the same. */
#include <stdint.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/jws.h"

enum { MEMORY = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_token(struct slice token, const struct jwk *key, struct arena *arena)
{
    struct jws jws;
    struct slice signature;
    const char *reason = NULL;
    if (jws_parse(token, arena, &jws, &reason) != OK) {
        CHECK(reason != NULL, "what is refused has a reason");
        return;
    }
    CHECK(jws.kid.len <= JWK_KID_BYTES_MAX, "a kid has its limit");
    CHECK(jws.algorithm < JWK_ALGORITHM_COUNT, "the algorithm is known");
    CHECK(base64_encode_url(jws.signature, arena, &signature) == OK, "a signature has a text");
    CHECK(token.len == jws.signed_text.len + 1 + signature.len, "a token has one text");
    CHECK(slice_eq(slice_from_index(token, jws.signed_text.len + 1), signature), "a signature has one text");
    enum error error = jws_check(&jws, key, &reason);
    CHECK(error == OK || reason != NULL, "what is refused has a reason");
    CHECK(error != OK || jws.algorithm == jwk_algorithm(key), "the algorithm is the key's");
}

/* The bytes as a header and as a payload, signed as they must be. */
static void check_signed(struct slice text, const struct jwk *key, struct arena *arena)
{
    struct slice head, token;
    struct jws_claims claims;
    const struct jws_policy policy = {.now_us = 1000000, .leeway_s = 60};
    CHECK(base64_encode_url(text, arena, &head) == OK, "bytes have a text");
    const char *loose = arena_printf(arena, "%.*s.e30.AAAA", SLICE_ARG(head));
    CHECK(loose != NULL, "there is memory");
    check_token(slice_from(loose), key, arena);
    if (jws_sign(key, SLICE("JWT"), text, arena, &token) == OK) {
        struct jws jws;
        CHECK(jws_parse(token, arena, &jws, NULL) == OK, "what was signed is parsed");
        CHECK(slice_eq(jws.payload, text), "a payload survives");
        CHECK(jws_check(&jws, key, NULL) == OK, "what was signed holds");
    }
    if (jws_claims_read(text, arena, &claims, NULL) == OK)
        CHECK(jws_claims_check(&claims, &policy, NULL) != OK || claims.expires_us >= 0,
              "a token that holds has an end");
}

static void check_key(struct jwk *key)
{
    struct buf buf, again;
    struct jwk *twin;
    buf_init(&buf, MEMORY);
    buf_init(&again, MEMORY);
    if (!jwk_algorithm_is_symmetric(jwk_algorithm(key))) {
        CHECK(jwk_write_public(key, &buf) == OK, "a key is written");
        CHECK(jwk_create_json(buf_slice(&buf), JWK_ALL, NULL, &twin) == OK, "a written key is a key");
        CHECK(jwk_write_public(twin, &again) == OK, "a key is written");
        CHECK(slice_eq(buf_slice(&buf), buf_slice(&again)), "a key survives");
        jwk_destroy(twin);
    }
    buf_fini(&buf);
    buf_fini(&again);
    jwk_destroy(key);
}

static void check_keys(struct slice text)
{
    struct jwk *key;
    struct jwk_set *set;
    if (jwk_create_json(text, JWK_ALL, NULL, &key) == OK)
        check_key(key);
    if (jwk_create_pem(text, JWK_ALL, SLICE(""), NULL, &key) == OK)
        check_key(key);
    if (jwk_set_create(text, JWK_ASYMMETRIC, &set, NULL) == OK) {
        for (size_t i = 0; i < set->count; i++)
            CHECK(!jwk_can_sign(set->keys[i]), "a set has public keys");
        jwk_set_destroy(set);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct jwk *key;
    struct slice text = slice_of((const char *)bytes, size);
    arena_init(&arena, MEMORY);
    CHECK(jwk_create_secret(SLICE("0123456789abcdef0123456789abcdef"), JWK_HS256, SLICE("k1"), NULL, &key) == OK,
          "there is a key");
    check_token(text, key, &arena);
    check_signed(text, key, &arena);
    check_keys(text);
    jwk_destroy(key);
    arena_fini(&arena);
    return 0;
}
