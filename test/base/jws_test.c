/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/digest.h"
#include "jose_keys.h"

#define SECRET "0123456789abcdef0123456789abcdef"

enum { ARENA_BYTES = 4 << 20, NOW_S = 1800000000 };

/* What a test begins with: an arena, and a key each of what is commonly used. */
struct stage {
    struct arena arena;
    struct jwk *mac, *rsa, *ec, *ed;
};

static struct jwk *json_key(const char *json)
{
    struct jwk *key = NULL;
    assert_int_equal(jwk_create_json(slice_from(json), JWK_ALL, NULL, &key), OK);
    return key;
}

static struct jwk *pem_key(const char *pem, uint32_t algorithms)
{
    struct jwk *key = NULL;
    assert_int_equal(jwk_create_pem(slice_from(pem), algorithms, SLICE("k1"), NULL, &key), OK);
    return key;
}

static void stage_init(struct stage *stage)
{
    arena_init(&stage->arena, ARENA_BYTES);
    assert_int_equal(jwk_create_secret(SLICE(SECRET), JWK_HS256, SLICE("k1"), NULL, &stage->mac), OK);
    stage->rsa = pem_key(JOSE_PEM_RSA, JWK_ALL);
    stage->ec = pem_key(JOSE_PEM_EC, JWK_ALL);
    stage->ed = pem_key(JOSE_PEM_ED, JWK_ALL);
}

static void stage_fini(struct stage *stage)
{
    jwk_destroy(stage->mac);
    jwk_destroy(stage->rsa);
    jwk_destroy(stage->ec);
    jwk_destroy(stage->ed);
    arena_fini(&stage->arena);
}

/* Parses and checks the signature. */
static enum error check(struct slice token, const struct jwk *key, const char **reason)
{
    struct arena arena;
    struct jws jws;
    arena_init(&arena, ARENA_BYTES);
    enum error error = jws_parse(token, &arena, &jws, reason);
    if (error == OK)
        error = jws_check(&jws, key, reason);
    arena_fini(&arena);
    return error;
}

static void assert_refused(struct slice token, const struct jwk *key)
{
    const char *reason = NULL;
    if (check(token, key, &reason) != ERROR_UNAUTHORIZED)
        fail_msg("not refused: %.*s", SLICE_ARG(token));
    assert_non_null(reason);
}

static struct slice encode(struct stage *stage, struct slice text)
{
    struct slice out;
    assert_int_equal(base64_encode_url(text, &stage->arena, &out), OK);
    return out;
}

/* A token with any header and payload, under the HMAC of the stage's secret: the signature is never what is wrong. */
static struct slice forge(struct stage *stage, const char *header, const char *payload)
{
    struct slice head = encode(stage, slice_from(header)), body = encode(stage, slice_from(payload));
    const char *text = arena_printf(&stage->arena, "%.*s.%.*s", SLICE_ARG(head), SLICE_ARG(body));
    struct slice part = slice_from(text);
    struct hmac_key *key;
    unsigned char mac[DIGEST_SHA256_BYTES];
    assert_int_equal(digest_hmac_create(SLICE(SECRET), &key), OK);
    digest_hmac(key, &part, 1, mac);
    digest_hmac_destroy(key);
    struct slice signature = encode(stage, slice_of((const char *)mac, sizeof mac));
    return slice_from(arena_printf(&stage->arena, "%s.%.*s", text, SLICE_ARG(signature)));
}

static void jws_check_accepts_the_examples_of_rfc_7515_and_8037(void **state)
{
    static const struct {
        const char *token, *key;
    } rows[] = {
        {JOSE_A1_TOKEN, JOSE_A1_KEY},
        {JOSE_A2_TOKEN, JOSE_A2_KEY},
        {JOSE_A3_TOKEN, JOSE_A3_PUBLIC},
        {JOSE_ED_TOKEN, JOSE_ED_PUBLIC},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = json_key(rows[i].key);
        assert_int_equal(check(slice_from(rows[i].token), key, NULL), OK);
        for (size_t j = 0; j < ARRAY_LEN(rows); j++)
            if (j != i)
                assert_refused(slice_from(rows[j].token), key);
        jwk_destroy(key);
    }
}

static void jws_claims_read_gives_the_claims_of_rfc_7515(void **state)
{
    struct arena arena;
    struct jws jws;
    struct jws_claims claims;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(jws_parse(SLICE(JOSE_A1_TOKEN), &arena, &jws, NULL), OK);
    assert_true(slice_eq_text(jws.typ, "JWT"));
    assert_int_equal(jws_claims_read(jws.payload, &arena, &claims, NULL), OK);
    assert_true(slice_eq_text(claims.issuer, "joe"));
    assert_int_equal(claims.expires_us, 1300819380000000);
    assert_int_equal(claims.issued_us, -1);
    assert_int_equal(claims.audience_count, 0);
    assert_int_equal(claims.all.count, 3);
    arena_fini(&arena);
}

static void jws_sign_makes_the_token_of_rfc_8037(void **state)
{
    struct stage stage;
    struct slice token;
    stage_init(&stage);
    struct jwk *key = json_key(JOSE_ED_PRIVATE);
    assert_int_equal(jws_sign(key, SLICE(""), SLICE("Example of Ed25519 signing"), &stage.arena, &token), OK);
    struct jws jws;
    assert_int_equal(jws_parse(token, &stage.arena, &jws, NULL), OK);
    assert_true(slice_eq_text(jws.kid, JOSE_ED_THUMBPRINT));
    assert_int_equal(jws_check(&jws, key, NULL), OK);
    jwk_destroy(key);
    stage_fini(&stage);
}

static void jws_check_accepts_what_jws_sign_made_with_each_algorithm_and_no_other_key(void **state)
{
    static const struct {
        const char *pem;
        enum jwk_algorithm algorithm;
    } rows[] = {
        {NULL, JWK_HS256},         {NULL, JWK_HS384},         {NULL, JWK_HS512},          {JOSE_PEM_RSA, JWK_RS256},
        {JOSE_PEM_RSA, JWK_RS384}, {JOSE_PEM_RSA, JWK_RS512}, {JOSE_PEM_RSA, JWK_PS256},  {JOSE_PEM_RSA, JWK_PS384},
        {JOSE_PEM_RSA, JWK_PS512}, {JOSE_PEM_EC, JWK_ES256},  {JOSE_PEM_P384, JWK_ES384}, {JOSE_PEM_P521, JWK_ES512},
        {JOSE_PEM_ED, JWK_EDDSA},
    };
    struct jwk *keys[ARRAY_LEN(rows)];
    struct slice tokens[ARRAY_LEN(rows)];
    struct stage stage;
    stage_init(&stage);
    assert_int_equal(ARRAY_LEN(rows), JWK_ALGORITHM_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].pem)
            keys[i] = pem_key(rows[i].pem, 1u << rows[i].algorithm);
        else
            assert_int_equal(
                jwk_create_secret(SLICE("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                                  rows[i].algorithm, SLICE("k1"), NULL, &keys[i]),
                OK);
        assert_int_equal(jws_sign(keys[i], SLICE("at+jwt"), SLICE("{\"sub\":\"1\"}"), &stage.arena, &tokens[i]), OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < ARRAY_LEN(rows); j++) {
            if (i == j)
                assert_int_equal(check(tokens[j], keys[i], NULL), OK);
            else
                assert_refused(tokens[j], keys[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        jwk_destroy(keys[i]);
    stage_fini(&stage);
}

static void jws_sign_needs_a_key_that_can_sign(void **state)
{
    struct stage stage;
    struct slice token;
    stage_init(&stage);
    struct jwk *key = json_key(JOSE_A3_PUBLIC);
    assert_int_equal(jws_sign(key, SLICE(""), SLICE("{}"), &stage.arena, &token), ERROR_VALIDATION);
    jwk_destroy(key);
    stage_fini(&stage);
}

static void jws_sign_makes_no_token_that_jws_parse_would_refuse_for_its_length(void **state)
{
    struct stage stage;
    struct slice token;
    static char payload[JWS_BYTES_MAX];
    memset(payload, 'a', sizeof payload);
    stage_init(&stage);
    assert_int_equal(jws_sign(stage.mac, SLICE(""), slice_of(payload, sizeof payload), &stage.arena, &token),
                     ERROR_LIMIT);
    assert_int_equal(jws_sign(stage.mac, SLICE(""), slice_of(payload, 12000), &stage.arena, &token), OK);
    assert_int_equal(check(token, stage.mac, NULL), OK);
    stage_fini(&stage);
}

static void jws_parse_refuses_none_in_any_case(void **state)
{
    static const char *const names[] = {"none", "None", "nOnE", "NONE", "none ", ""};
    struct stage stage;
    stage_init(&stage);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice head = encode(&stage, slice_from(arena_printf(&stage.arena, "{\"alg\":\"%s\"}", names[i])));
        struct slice body = encode(&stage, SLICE("{\"sub\":\"1\"}"));
        static const char *const signatures[] = {"", "AAAA"};
        for (size_t j = 0; j < ARRAY_LEN(signatures); j++) {
            const char *token =
                arena_printf(&stage.arena, "%.*s.%.*s.%s", SLICE_ARG(head), SLICE_ARG(body), signatures[j]);
            assert_refused(slice_from(token), stage.mac);
            assert_refused(slice_from(token), stage.rsa);
        }
    }
    stage_fini(&stage);
}

static void jws_check_refuses_a_public_key_used_as_a_secret(void **state)
{
    struct stage stage;
    stage_init(&stage);
    struct jwk *public_key = pem_key(JOSE_PEM_RSA_PUBLIC, 1u << JWK_RS256);
    struct slice der, pem = SLICE(JOSE_PEM_RSA_PUBLIC), lines = pem, line, base64 = {NULL, 0};
    while (slice_split(&lines, '\n', &line))
        if (line.len > 0 && line.ptr[0] != '-')
            base64 = slice_from(arena_printf(&stage.arena, "%.*s%.*s", SLICE_ARG(base64), SLICE_ARG(line)));
    assert_int_equal(base64_decode_standard(base64, &stage.arena, &der), OK);
    const struct slice secrets[] = {der, slice_of(pem.ptr + 1, pem.len - 1)};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct jwk *secret;
        struct slice token;
        assert_int_equal(jwk_create_secret(secrets[i], JWK_HS256, SLICE("k1"), NULL, &secret), OK);
        assert_int_equal(jws_sign(secret, SLICE("JWT"), SLICE("{\"sub\":\"1\"}"), &stage.arena, &token), OK);
        assert_int_equal(check(token, secret, NULL), OK);
        assert_refused(token, public_key);
        jwk_destroy(secret);
    }
    jwk_destroy(public_key);
    stage_fini(&stage);
}

static void jws_parse_refuses_headers_that_change_the_meaning_or_have_two(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "\"HS256\"",
        "{}",
        "{\"alg\":null}",
        "{\"alg\":1}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
        "{\"alg\":\"HS256\",\"x\":1,\"x\":1}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"b64\":false}",
        "{\"alg\":\"HS256\",\"b64\":true}",
        "{\"alg\":\"HS256\",\"kid\":7}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"typ\":{}}",
        "{\"alg\":\"HS256\"}{}",
        "{\"alg\":\"HS256\",}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256\\u0020\"}",
        "{\"alg\":\"A128KW\",\"enc\":\"A128GCM\"}",
    };
    struct stage stage;
    stage_init(&stage);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_refused(forge(&stage, rows[i], "{\"sub\":\"1\"}"), stage.mac);
    stage_fini(&stage);
}

static void jws_parse_takes_a_kid_as_it_is_and_nothing_of_a_key_from_the_token(void **state)
{
    static const struct {
        const char *header, *kid;
        enum error error;
    } rows[] = {
        {" {\"alg\" : \"HS256\"}\r\n", "", OK},
        {"{\"\\u0061lg\":\"HS\\u0032\\u0035\\u0036\"}", "", OK},
        {"{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", "../../dev/null", OK},
        {"{\"alg\":\"HS256\",\"kid\":\"a' OR 1=1; --\"}", "a' OR 1=1; --", OK},
        {"{\"alg\":\"HS256\",\"kid\":\"a\\r\\nb%s%n\"}", "a\r\nb%s%n", OK},
        {"{\"alg\":\"HS256\",\"kid\":\"|/usr/bin/id\"}", "|/usr/bin/id", OK},
        {"{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:1/jwks\",\"x5u\":\"http://127.0.0.1:1/\"}", "", OK},
        {"{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", "", OK},
        {"{\"alg\":\"ES256\",\"jwk\":" JOSE_A3_PUBLIC "}", "", ERROR_UNAUTHORIZED},
        {"{\"alg\":\"RS256\",\"x5c\":[\"AAAA\"],\"x5t\":1}", "", ERROR_UNAUTHORIZED},
    };
    struct stage stage;
    stage_init(&stage);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jws jws;
        struct slice token = forge(&stage, rows[i].header, "{\"sub\":\"1\"}");
        assert_int_equal(jws_parse(token, &stage.arena, &jws, NULL), OK);
        assert_true(slice_eq_text(jws.kid, rows[i].kid));
        assert_int_equal(jws_check(&jws, stage.mac, NULL), rows[i].error);
        assert_refused(token, stage.ec);
        const struct jwk *named = jwk_find(&stage.mac, 1, jws.kid, jws.algorithm);
        assert_ptr_equal(named, rows[i].kid[0] || rows[i].error != OK ? NULL : stage.mac);
        if (!named)
            assert_int_equal(jws_check(&jws, named, NULL), ERROR_UNAUTHORIZED);
    }
    char header[400];
    for (int length = JWK_KID_BYTES_MAX; length <= JWK_KID_BYTES_MAX + 1; length++) {
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%0*d\"}", length, 7);
        assert_int_equal(check(forge(&stage, header, "{}"), stage.mac, NULL),
                         length > JWK_KID_BYTES_MAX ? ERROR_UNAUTHORIZED : OK);
    }
    stage_fini(&stage);
}

/* A token signed by a key that it brings along. */
static void jws_check_refuses_a_token_with_its_own_key_in_it(void **state)
{
    struct stage stage;
    struct jws jws;
    stage_init(&stage);
    struct jwk *attacker = json_key(JOSE_A3_PRIVATE);
    struct slice token;
    assert_int_equal(jws_sign(attacker, SLICE("JWT"), SLICE("{\"sub\":\"1\"}"), &stage.arena, &token), OK);
    assert_int_equal(jws_parse(token, &stage.arena, &jws, NULL), OK);
    assert_refused(token, stage.ec);
    assert_null(jwk_find(&stage.ec, 1, jws.kid, jws.algorithm));
    jwk_destroy(attacker);
    stage_fini(&stage);
}

static void jws_check_refuses_a_token_cut_anywhere(void **state)
{
    struct stage stage;
    stage_init(&stage);
    const struct jwk *const keys[] = {stage.mac, stage.rsa, stage.ec, stage.ed};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct slice token;
        assert_int_equal(jws_sign(keys[i], SLICE("JWT"), SLICE("{\"sub\":\"1\"}"), &stage.arena, &token), OK);
        assert_int_equal(check(token, keys[i], NULL), OK);
        for (size_t length = 0; length < token.len; length++)
            assert_refused(slice_of(token.ptr, length), keys[i]);
        for (size_t from = 1; from <= token.len; from++)
            assert_refused(slice_from_index(token, from), keys[i]);
    }
    stage_fini(&stage);
}

static void jws_check_refuses_a_token_with_any_bit_flipped(void **state)
{
    struct stage stage;
    stage_init(&stage);
    const struct jwk *const keys[] = {stage.mac, stage.rsa, stage.ec, stage.ed};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct slice token;
        assert_int_equal(jws_sign(keys[i], SLICE(""), SLICE("{\"sub\":\"1\"}"), &stage.arena, &token), OK);
        char *copy = arena_text(&stage.arena, token);
        for (size_t bit = 0; bit < token.len * 8; bit++) {
            copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
            assert_refused(slice_of(copy, token.len), keys[i]);
            copy[bit / 8] = token.ptr[bit / 8];
        }
        assert_int_equal(check(slice_of(copy, token.len), keys[i], NULL), OK);
    }
    stage_fini(&stage);
}

static void jws_parse_refuses_anything_between_and_around_the_segments(void **state)
{
    static const char *const inserts[] = {" ", "\n", "\t", "\r\n", "=", "==",   ".",
                                          "?", "#",  "%",  "+",    "/", "\x80", "A"};
    struct stage stage;
    struct slice token;
    stage_init(&stage);
    assert_int_equal(jws_sign(stage.mac, SLICE(""), SLICE("{\"sub\":\"1\"}"), &stage.arena, &token), OK);
    for (size_t i = 0; i < ARRAY_LEN(inserts); i++) {
        for (size_t at = 0; at <= token.len; at++) {
            const char *text = arena_printf(&stage.arena, "%.*s%s%s", (int)at, token.ptr, inserts[i],
                                            arena_text(&stage.arena, slice_from_index(token, at)));
            assert_refused(slice_from(text), stage.mac);
        }
    }
    assert_refused(slice_from(arena_printf(&stage.arena, "%.*s.", SLICE_ARG(token))), stage.mac);
    assert_refused(slice_from("Bearer"), stage.mac);
    assert_refused(slice_of(NULL, 0), stage.mac);
    assert_refused(slice_from(".."), stage.mac);
    assert_refused(slice_from("..."), stage.mac);
    assert_refused(slice_of(arena_text(&stage.arena, token), token.len + 1), stage.mac);
    stage_fini(&stage);
}

static void jws_parse_refuses_a_megabyte_without_reading_it(void **state)
{
    enum { BYTES = 1 << 20 };
    struct arena arena;
    struct jws jws;
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, 'A', BYTES);
    arena_init(&arena, 1024);
    text[100] = text[200] = '.';
    assert_int_equal(jws_parse(slice_of(text, BYTES), &arena, &jws, NULL), ERROR_UNAUTHORIZED);
    assert_int_equal(jws_parse(slice_of(text, JWS_BYTES_MAX + 1), &arena, &jws, NULL), ERROR_UNAUTHORIZED);
    assert_int_equal(arena.used_bytes, 0);
    arena_fini(&arena);
    free(text);
}

static void jws_check_refuses_ecdsa_in_der_and_edges_of_its_numbers(void **state)
{
    struct stage stage;
    struct slice token;
    struct jws jws;
    stage_init(&stage);
    assert_int_equal(jws_sign(stage.ec, SLICE(""), SLICE("{}"), &stage.arena, &token), OK);
    assert_int_equal(jws_parse(token, &stage.arena, &jws, NULL), OK);
    char *signature = arena_text(&stage.arena, jws.signature);
    static const struct {
        char fill;
        size_t from, to;
    } rows[] = {{0, 0, 64}, {0, 0, 32}, {0, 32, 64}, {-1, 0, 32}, {-1, 32, 64}, {-1, 0, 64}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memcpy(signature, jws.signature.ptr, 64);
        memset(signature + rows[i].from, rows[i].fill, rows[i].to - rows[i].from);
        struct jws changed = jws;
        changed.signature = slice_of(signature, 64);
        assert_int_equal(jws_check(&changed, stage.ec, NULL), ERROR_UNAUTHORIZED);
    }
    struct jws shorter = jws, longer = jws;
    shorter.signature.len = 63;
    longer.signature = slice_of(arena_printf(&stage.arena, "%065d", 0), 65);
    assert_int_equal(jws_check(&shorter, stage.ec, NULL), ERROR_UNAUTHORIZED);
    assert_int_equal(jws_check(&longer, stage.ec, NULL), ERROR_UNAUTHORIZED);
    stage_fini(&stage);
}

static void jws_claims_read_refuses_claims_of_other_types(void **state)
{
    static const char *const rows[] = {
        "",
        "foo",
        "[]",
        "{\"sub\":\"1\"} x",
        "{\"sub\":\"1\",\"sub\":\"2\"}",
        "{\"sub\":\"1\",\"\\u0073ub\":\"2\"}",
        "{\"exp\":1,\"exp\":2}",
        "{\"role\":\"user\",\"role\":\"admin\"}",
        "{\"sub\":1}",
        "{\"sub\":\"\"}",
        "{\"sub\":null}",
        "{\"sub\":{\"$gt\":\"\"}}",
        "{\"iss\":[\"a\"]}",
        "{\"jti\":7}",
        "{\"sid\":true}",
        "{\"scope\":[\"a\"]}",
        "{\"exp\":\"1800000000\"}",
        "{\"exp\":null}",
        "{\"exp\":-1}",
        "{\"exp\":1e999}",
        "{\"exp\":253402300800}",
        "{\"exp\":99999999999999999999999}",
        "{\"nbf\":true}",
        "{\"iat\":{}}",
        "{\"aud\":7}",
        "{\"aud\":\"\"}",
        "{\"aud\":null}",
        "{\"aud\":{\"a\":1}}",
        "{\"aud\":[\"a\",7]}",
        "{\"aud\":[[\"a\"]]}",
        "{\"aud\":[\"\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct jws_claims claims;
        const char *reason = NULL;
        arena_init(&arena, ARENA_BYTES);
        if (jws_claims_read(slice_from(rows[i]), &arena, &claims, &reason) != ERROR_UNAUTHORIZED)
            fail_msg("not refused: %s", rows[i]);
        assert_non_null(reason);
        arena_fini(&arena);
    }
}

static void jws_claims_read_gives_what_is_there(void **state)
{
    struct arena arena;
    struct jws_claims claims;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(
        jws_claims_read(SLICE("{\"sub\":\"7\",\"aud\":[\"a\",\"b\"],\"exp\":1.8e9,\"nbf\":1.25,\"iat\":0,\"jti\":"
                              "\"j\",\"sid\":\"s\",\"scope\":\"\",\"typ\":\"Bearer\",\"email\":\"x@y\",\"n\":7}"),
                        &arena, &claims, NULL),
        OK);
    assert_true(slice_eq_text(claims.subject, "7"));
    assert_int_equal(claims.audience_count, 2);
    assert_true(slice_eq_text(claims.audiences[1], "b"));
    assert_int_equal(claims.expires_us, 1800000000000000);
    assert_int_equal(claims.not_before_us, 1250000);
    assert_int_equal(claims.issued_us, 0);
    assert_true(slice_eq_text(claims.id, "j") && slice_eq_text(claims.session, "s") &&
                slice_eq_text(claims.typ, "Bearer"));
    assert_int_equal(claims.scope.len, 0);
    assert_true(slice_eq_text(jws_claims_text(&claims, SLICE("email")), "x@y"));
    assert_int_equal(jws_claims_text(&claims, SLICE("n")).len, 0);
    assert_int_equal(jws_claims_text(&claims, SLICE("role")).len, 0);
    arena_fini(&arena);
}

static void jws_claims_check_asks_for_time_issuer_audience_and_subject(void **state)
{
    static const struct {
        const char *payload;
        int leeway_s;
        enum error error;
    } rows[] = {
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000001}", 0, OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":[\"x\",\"b\"],\"exp\":1800000001}", 0, OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000000.5,\"nbf\":1800000000,\"iat\":1800000000}", 0,
         OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\"}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800000000}", 0, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1799999941}", 60, OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1799999940}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800009999,\"nbf\":1800000060}", 60, OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800009999,\"nbf\":1800000061}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800009999,\"iat\":1800000060}", 60, OK},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800009999,\"iat\":1800000061}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i2\",\"aud\":\"a\",\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"aud\":\"a\",\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":\"A\",\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"aud\":[],\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"iss\":\"i\",\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
        {"{\"iss\":\"i\",\"aud\":\"a\",\"exp\":1800009999}", 60, ERROR_UNAUTHORIZED},
    };
    static const struct slice audiences[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct jws_claims claims;
        const struct jws_policy policy = {.now_us = NOW_S * INT64_C(1000000),
                                          .leeway_s = rows[i].leeway_s,
                                          .issuer = SLICE("i"),
                                          .audiences = audiences,
                                          .audience_count = 2};
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(jws_claims_read(slice_from(rows[i].payload), &arena, &claims, NULL), OK);
        if (jws_claims_check(&claims, &policy, NULL) != rows[i].error)
            fail_msg("decided otherwise: %s", rows[i].payload);
        arena_fini(&arena);
    }
}

static void jws_verify_asks_for_all_of_it(void **state)
{
    static const struct {
        const char *payload, *typ;
        bool is_of_others;
        enum error error;
    } rows[] = {
        {"{\"sub\":\"1\",\"exp\":1800000900}", "at+jwt", false, OK},
        {"{\"sub\":\"1\",\"exp\":1800000900}", "application/AT+JWT", false, OK},
        {"{\"sub\":\"1\",\"exp\":1800000900}", "JWT", false, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"exp\":1800000900}", "", false, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"exp\":1700000900}", "at+jwt", false, ERROR_UNAUTHORIZED},
        {"[\"sub\"]", "at+jwt", false, ERROR_UNAUTHORIZED},
        {"{\"sub\":\"1\",\"exp\":1800000900}", "at+jwt", true, ERROR_UNAUTHORIZED},
    };
    const struct jws_policy policy = {.now_us = NOW_S * INT64_C(1000000), .typ = SLICE("at+jwt")};
    struct stage stage;
    stage_init(&stage);
    struct jwk *const keys[] = {stage.mac, stage.rsa, stage.ec}, *others = json_key(JOSE_A1_KEY);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice token;
        struct jws_claims claims = {.subject = {NULL, 0}};
        const char *reason = NULL;
        assert_int_equal(jws_sign(rows[i].is_of_others ? others : stage.ec, slice_from(rows[i].typ),
                                  slice_from(rows[i].payload), &stage.arena, &token),
                         OK);
        assert_int_equal(jws_verify(token, keys, ARRAY_LEN(keys), &policy, &stage.arena, &claims, &reason),
                         rows[i].error);
        assert_int_equal(reason == NULL, rows[i].error == OK);
        assert_int_equal(claims.subject.len, rows[i].error == OK);
    }
    jwk_destroy(others);
    stage_fini(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jws_check_accepts_the_examples_of_rfc_7515_and_8037),
        cmocka_unit_test(jws_claims_read_gives_the_claims_of_rfc_7515),
        cmocka_unit_test(jws_sign_makes_the_token_of_rfc_8037),
        cmocka_unit_test(jws_check_accepts_what_jws_sign_made_with_each_algorithm_and_no_other_key),
        cmocka_unit_test(jws_sign_needs_a_key_that_can_sign),
        cmocka_unit_test(jws_sign_makes_no_token_that_jws_parse_would_refuse_for_its_length),
        cmocka_unit_test(jws_parse_refuses_none_in_any_case),
        cmocka_unit_test(jws_check_refuses_a_public_key_used_as_a_secret),
        cmocka_unit_test(jws_parse_refuses_headers_that_change_the_meaning_or_have_two),
        cmocka_unit_test(jws_parse_takes_a_kid_as_it_is_and_nothing_of_a_key_from_the_token),
        cmocka_unit_test(jws_check_refuses_a_token_with_its_own_key_in_it),
        cmocka_unit_test(jws_check_refuses_a_token_cut_anywhere),
        cmocka_unit_test(jws_check_refuses_a_token_with_any_bit_flipped),
        cmocka_unit_test(jws_parse_refuses_anything_between_and_around_the_segments),
        cmocka_unit_test(jws_parse_refuses_a_megabyte_without_reading_it),
        cmocka_unit_test(jws_check_refuses_ecdsa_in_der_and_edges_of_its_numbers),
        cmocka_unit_test(jws_claims_read_refuses_claims_of_other_types),
        cmocka_unit_test(jws_claims_read_gives_what_is_there),
        cmocka_unit_test(jws_claims_check_asks_for_time_issuer_audience_and_subject),
        cmocka_unit_test(jws_verify_asks_for_all_of_it),
    };
    return cmocka_run_group_tests_name("base/jws", tests, NULL, NULL);
}
