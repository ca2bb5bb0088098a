/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jwk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jose_keys.h"

#define BIT(algorithm) (1u << (algorithm))

static const char long_secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void jwk_algorithm_find_knows_exact_names_only(void **state)
{
    enum jwk_algorithm found;
    for (unsigned i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        assert_true(jwk_algorithm_find(slice_from(jwk_algorithm_name((enum jwk_algorithm)i)), &found));
        assert_int_equal(found, i);
    }
    static const char *const others[] = {"",       "none", "None",   "nOnE",     "hs256",  "HS256 ",
                                         " HS256", "HS",   "ES256K", "RSA-OAEP", "A128KW", "EdDSA2"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(jwk_algorithm_find(slice_from(others[i]), &found));
    assert_false(jwk_algorithm_find(slice_of("HS256\0", 6), &found));
}

static void jwk_create_secret_wants_as_many_bytes_as_the_hash_has(void **state)
{
    static const struct {
        enum jwk_algorithm algorithm;
        size_t bytes;
        enum error error;
    } rows[] = {
        {JWK_HS256, 0, ERROR_VALIDATION},
        {JWK_HS256, 31, ERROR_VALIDATION},
        {JWK_HS256, 32, OK},
        {JWK_HS384, 47, ERROR_VALIDATION},
        {JWK_HS384, 48, OK},
        {JWK_HS512, 63, ERROR_VALIDATION},
        {JWK_HS512, 64, OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        assert_int_equal(
            jwk_create_secret(slice_of(long_secret, rows[i].bytes), rows[i].algorithm, SLICE("k"), NULL, &key),
            rows[i].error);
        if (key)
            assert_true(jwk_can_sign(key) && slice_eq_text(jwk_kid(key), "k"));
        jwk_destroy(key);
    }
}

static void jwk_create_secret_refuses_a_key_in_pem(void **state)
{
    struct jwk *key = NULL;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(jwk_create_secret(SLICE(JOSE_PEM_RSA_PUBLIC), JWK_HS256, SLICE(""), &diag, &key),
                     ERROR_VALIDATION);
    assert_non_null(diag.message);
    assert_non_null(diag.hint);
    assert_null(key);
    arena_fini(&arena);
}

static void jwk_create_secret_wants_a_name_that_json_can_say(void **state)
{
    char long_name[JWK_KID_BYTES_MAX + 1];
    memset(long_name, 'a', sizeof long_name);
    const struct slice rows[] = {
        SLICE_INIT("a\xFF"), SLICE_INIT("a\0b"), SLICE_INIT("\xC0\x80"), {long_name, sizeof long_name}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        assert_int_equal(jwk_create_secret(slice_of(long_secret, 32), JWK_HS256, rows[i], NULL, &key),
                         ERROR_VALIDATION);
    }
}

static void jwk_create_pem_pins_the_first_algorithm_that_suits(void **state)
{
    static const struct {
        const char *pem;
        uint32_t algorithms;
        enum jwk_algorithm algorithm;
        bool can_sign;
    } rows[] = {
        {JOSE_PEM_RSA, JWK_ALL, JWK_RS256, true},
        {JOSE_PEM_RSA_TRADITIONAL, JWK_ALL, JWK_RS256, true},
        {JOSE_PEM_RSA_PUBLIC, JWK_ALL, JWK_RS256, false},
        {JOSE_PEM_RSA_PUBLIC, BIT(JWK_PS512) | BIT(JWK_ES256), JWK_PS512, false},
        {"\n" JOSE_PEM_EC "\r\n ", JWK_ALL, JWK_ES256, true},
        {JOSE_PEM_EC_PUBLIC, JWK_RECOMMENDED, JWK_ES256, false},
        {JOSE_PEM_P384, JWK_ALL, JWK_ES384, true},
        {JOSE_PEM_P521, JWK_ALL, JWK_ES512, true},
        {JOSE_PEM_ED, JWK_ALL, JWK_EDDSA, true},
        {JOSE_PEM_ED_PUBLIC, BIT(JWK_EDDSA), JWK_EDDSA, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        assert_int_equal(jwk_create_pem(slice_from(rows[i].pem), rows[i].algorithms, SLICE(""), NULL, &key), OK);
        assert_int_equal(jwk_algorithm(key), rows[i].algorithm);
        assert_int_equal(jwk_can_sign(key), rows[i].can_sign);
        assert_int_equal(jwk_kid(key).len, JWK_THUMBPRINT_BYTES);
        jwk_destroy(key);
    }
}

static void jwk_create_pem_refuses_other_kinds_curves_and_texts(void **state)
{
    static const struct {
        const char *pem;
        uint32_t algorithms;
    } rows[] = {
        {"", JWK_ALL},
        {"-----BEGIN PUBLIC KEY-----", JWK_ALL},
        {"-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----", JWK_ALL},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", JWK_ALL},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", JWK_ALL},
        {"text before\n" JOSE_PEM_EC, JWK_ALL},
        {JOSE_PEM_EC "text behind", JWK_ALL},
        {JOSE_PEM_EC JOSE_PEM_RSA, JWK_ALL},
        {JOSE_PEM_RSA_1024, JWK_ALL},
        {JOSE_PEM_RSA_PSS, JWK_ALL},
        {JOSE_PEM_EC_EXPLICIT, JWK_ALL},
        {JOSE_PEM_EC_K1, JWK_ALL},
        {JOSE_PEM_EC_ENCRYPTED, JWK_ALL},
        {JOSE_PEM_X25519, JWK_ALL},
        {JOSE_PEM_P384, JWK_RECOMMENDED},
        {JOSE_PEM_EC, BIT(JWK_RS256) | BIT(JWK_EDDSA)},
        {JOSE_PEM_RSA_PUBLIC, JWK_SYMMETRIC},
        {JOSE_PEM_RSA_PUBLIC, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        if (jwk_create_pem(slice_from(rows[i].pem), rows[i].algorithms, SLICE(""), NULL, &key) != ERROR_VALIDATION)
            fail_msg("row %zu was not refused", i);
    }
}

static void jwk_thumbprint_is_that_of_rfc_7638_and_8037(void **state)
{
    static const struct {
        const char *json, *thumbprint;
    } rows[] = {{JOSE_7638_KEY, JOSE_7638_THUMBPRINT},
                {JOSE_ED_PUBLIC, JOSE_ED_THUMBPRINT},
                {JOSE_ED_PRIVATE, JOSE_ED_THUMBPRINT}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key;
        char thumbprint[JWK_THUMBPRINT_BYTES];
        assert_int_equal(jwk_create_json(slice_from(rows[i].json), JWK_ALL, NULL, &key), OK);
        assert_int_equal(jwk_thumbprint(key, thumbprint), OK);
        assert_memory_equal(thumbprint, rows[i].thumbprint, sizeof thumbprint);
        jwk_destroy(key);
    }
}

static void jwk_write_public_gives_a_key_that_is_read_as_the_same_without_its_private_half(void **state)
{
    static const char *const rows[] = {JOSE_PEM_RSA, JOSE_PEM_EC, JOSE_PEM_P384, JOSE_PEM_P521, JOSE_PEM_ED};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key, *again;
        struct buf buf, twice;
        buf_init(&buf, 1 << 16);
        buf_init(&twice, 1 << 16);
        assert_int_equal(jwk_create_pem(slice_from(rows[i]), JWK_ALL, SLICE("a \"b\""), NULL, &key), OK);
        assert_int_equal(jwk_write_public(key, &buf), OK);
        assert_int_equal(jwk_create_json(buf_slice(&buf), JWK_ALL, NULL, &again), OK);
        assert_false(jwk_can_sign(again));
        assert_int_equal(jwk_algorithm(again), jwk_algorithm(key));
        assert_true(slice_eq_text(jwk_kid(again), "a \"b\""));
        assert_int_equal(jwk_write_public(again, &twice), OK);
        assert_true(slice_eq(buf_slice(&buf), buf_slice(&twice)));
        assert_null(memmem(buf.ptr, buf.len, "\"d\"", 3));
        buf_fini(&buf);
        buf_fini(&twice);
        jwk_destroy(key);
        jwk_destroy(again);
    }
}

static void jwk_write_public_says_the_members_of_rfc_7517(void **state)
{
    struct jwk *key;
    struct buf buf;
    buf_init(&buf, 1 << 12);
    assert_int_equal(jwk_create_json(SLICE(JOSE_A3_PRIVATE), JWK_ALL, NULL, &key), OK);
    assert_int_equal(jwk_write_public(key, &buf), OK);
    buf_put_byte(&buf, '\0');
    static const char expected[] =
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y
        "\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U\"}";
    assert_string_equal(buf.ptr, expected);
    jwk_destroy(key);
    assert_int_equal(jwk_create_json(SLICE(JOSE_A1_KEY), JWK_ALL, NULL, &key), OK);
    assert_int_equal(jwk_write_public(key, &buf), ERROR_VALIDATION);
    jwk_destroy(key);
    buf_fini(&buf);
}

static void jwk_create_json_refuses_keys_that_are_none(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"kty\":\"oct\"}",
        "{\"kty\":\"oct\",\"k\":\"AyM1\"}",
        "{\"kty\":\"oct\",\"k\":7}",
        "{\"kty\":\"ham\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
        "{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
        "{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
        "{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T=\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES384\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":[\"encrypt\"],\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":\"[\\\"verify\\\"]\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y
        "\"}",
        /* not on the curve; the point at infinity; too short; a private half of another key */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2\",\"y\":\"" JOSE_A3_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\",\"d\":\"" JOSE_A3_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" JOSE_ED_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JOSE_A3_X "\",\"d\":\"" JOSE_ED_D "\"}",
        /* too small; an even exponent */
        "{\"kty\":\"RSA\",\"n\":\"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        struct arena arena;
        struct diag diag;
        arena_init(&arena, 1 << 16);
        diag_init(&diag, &arena);
        if (jwk_create_json(slice_from(rows[i]), JWK_ALL, &diag, &key) != ERROR_VALIDATION)
            fail_msg("not refused: %s", rows[i]);
        assert_non_null(diag.message);
        arena_fini(&arena);
    }
}

static void jwk_create_json_refuses_rsa_exponents_of_one_and_even_ones(void **state)
{
    static const char *const exponents[] = {"AQ", "AA", "BA", "AQAAAAAAAAAAAQ"};
    for (size_t i = 0; i < ARRAY_LEN(exponents); i++) {
        struct jwk *key = NULL;
        char text[1024], *e;
        snprintf(text, sizeof text, "%s", JOSE_A2_KEY);
        e = strstr(text, "AQAB");
        char rest[1024];
        snprintf(rest, sizeof rest, "%s", e + 4);
        snprintf(e, sizeof text - (size_t)(e - text), "%s%s", exponents[i], rest);
        assert_int_equal(jwk_create_json(slice_from(text), JWK_ALL, NULL, &key), ERROR_VALIDATION);
    }
}

static void jwk_set_create_passes_over_what_it_does_not_know(void **state)
{
    static const char text[] =
        "{\"keys\":["
        "{\"kty\":\"ham\",\"kid\":\"1\"},"
        "{\"kty\":\"EC\",\"crv\":\"P-999\",\"kid\":\"2\"},"
        "{\"kty\":\"oct\",\"kid\":\"3\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"},"
        "{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"4\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
        "{\"kty\":\"RSA\",\"alg\":\"XY12\",\"kid\":\"5\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
        "{},"
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"6\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y
        "\",\"d\":\"" JOSE_A3_D "\",\"x5u\":\"http://127.0.0.1:1/\"}," JOSE_7638_KEY "],"
        "\"other\":{\"a\":[]}}";
    struct jwk_set *set;
    assert_int_equal(jwk_set_create(slice_from(text), JWK_ASYMMETRIC, &set, NULL), OK);
    assert_int_equal(set->count, 2);
    assert_int_equal(set->skipped, 6);
    assert_false(jwk_can_sign(set->keys[0]));
    assert_ptr_equal(jwk_find(set->keys, set->count, SLICE("6"), JWK_ES256), set->keys[0]);
    assert_ptr_equal(jwk_find(set->keys, set->count, SLICE(""), JWK_ES256), set->keys[0]);
    assert_ptr_equal(jwk_find(set->keys, set->count, SLICE("2011-04-29"), JWK_RS256), set->keys[1]);
    assert_null(jwk_find(set->keys, set->count, SLICE("6"), JWK_RS256));
    assert_null(jwk_find(set->keys, set->count, SLICE("7"), JWK_ES256));
    assert_null(jwk_find(set->keys, set->count, SLICE("6"), JWK_HS256));
    jwk_set_destroy(set);
}

static void jwk_set_create_refuses_what_is_no_set(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"error\":\"not found\"}",
        "<html></html>",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[[]]}",
        "{\"keys\":[]",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"RSA\"}]}",
    };
    struct jwk_set *set = NULL;
    const char *reason = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (jwk_set_create(slice_from(rows[i]), JWK_ALL, &set, &reason) != ERROR_PARSE)
            fail_msg("not refused: %s", rows[i]);
        assert_non_null(reason);
    }
    assert_int_equal(jwk_set_create(SLICE("{\"keys\":[]}"), JWK_ALL, &set, &reason), OK);
    assert_int_equal(set->count, 0);
    jwk_set_destroy(set);
}

static void jwk_set_create_holds_to_its_bounds(void **state)
{
    struct buf buf;
    for (int extra = 0; extra < 2; extra++) {
        struct jwk_set *set = NULL;
        buf_init(&buf, 1 << 20);
        buf_put_text(&buf, "{\"keys\":[{}");
        for (int i = 1; i < JWK_SET_KEYS_MAX + extra; i++)
            buf_put_text(&buf, ",{}");
        buf_put_text(&buf, "]}");
        assert_int_equal(jwk_set_create(buf_slice(&buf), JWK_ALL, &set, NULL), extra ? ERROR_PARSE : OK);
        jwk_set_destroy(set);
        buf_fini(&buf);
    }
    buf_init(&buf, 1 << 20);
    buf_put_text(&buf, "{\"keys\":[]}");
    while (buf.len <= JWK_SET_BYTES_MAX)
        buf_put_text(&buf, "                                ");
    struct jwk_set *set = NULL;
    assert_int_equal(jwk_set_create(buf_slice(&buf), JWK_ALL, &set, NULL), ERROR_PARSE);
    buf_fini(&buf);
}

static void jwk_find_names_no_key_where_two_could_be_meant(void **state)
{
    struct jwk *keys[3];
    assert_int_equal(jwk_create_secret(slice_from(long_secret), JWK_HS256, SLICE("a"), NULL, &keys[0]), OK);
    assert_int_equal(jwk_create_secret(slice_from(long_secret), JWK_HS256, SLICE("b"), NULL, &keys[1]), OK);
    assert_int_equal(jwk_create_secret(slice_from(long_secret), JWK_HS512, SLICE("b"), NULL, &keys[2]), OK);
    assert_null(jwk_find(keys, 3, SLICE(""), JWK_HS256));
    assert_ptr_equal(jwk_find(keys, 3, SLICE(""), JWK_HS512), keys[2]);
    assert_ptr_equal(jwk_find(keys, 3, SLICE("b"), JWK_HS256), keys[1]);
    assert_ptr_equal(jwk_find(keys, 3, SLICE("b"), JWK_HS512), keys[2]);
    assert_null(jwk_find(keys, 3, SLICE("../../dev/null"), JWK_HS256));
    assert_null(jwk_find(keys, 3, SLICE("a' OR 1=1 --"), JWK_HS256));
    assert_null(jwk_find(keys, 0, SLICE("a"), JWK_HS256));
    for (size_t i = 0; i < 3; i++)
        jwk_destroy(keys[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwk_algorithm_find_knows_exact_names_only),
        cmocka_unit_test(jwk_create_secret_wants_as_many_bytes_as_the_hash_has),
        cmocka_unit_test(jwk_create_secret_refuses_a_key_in_pem),
        cmocka_unit_test(jwk_create_secret_wants_a_name_that_json_can_say),
        cmocka_unit_test(jwk_create_pem_pins_the_first_algorithm_that_suits),
        cmocka_unit_test(jwk_create_pem_refuses_other_kinds_curves_and_texts),
        cmocka_unit_test(jwk_thumbprint_is_that_of_rfc_7638_and_8037),
        cmocka_unit_test(jwk_write_public_gives_a_key_that_is_read_as_the_same_without_its_private_half),
        cmocka_unit_test(jwk_write_public_says_the_members_of_rfc_7517),
        cmocka_unit_test(jwk_create_json_refuses_keys_that_are_none),
        cmocka_unit_test(jwk_create_json_refuses_rsa_exponents_of_one_and_even_ones),
        cmocka_unit_test(jwk_set_create_passes_over_what_it_does_not_know),
        cmocka_unit_test(jwk_set_create_refuses_what_is_no_set),
        cmocka_unit_test(jwk_set_create_holds_to_its_bounds),
        cmocka_unit_test(jwk_find_names_no_key_where_two_could_be_meant),
    };
    return cmocka_run_group_tests_name("base/jwk", tests, NULL, NULL);
}
