/* SPDX-License-Identifier: Apache-2.0 */
/* Others' tokens and keys: Wycheproof's cases of JWS, and the examples of RFC 7520 and RFC 7797. All are read from
 * $TENON_SHARED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/jws.h"

enum { FILE_BYTES_MAX = 1 << 20, ARENA_BYTES = 64 << 20, LIST_MAX = 1000, WYCHEPROOF_TESTS = 401 };

/* The cases of Wycheproof that are decided the other way here, each with its reason. */
static const struct {
    int id;
    const char *reason;
} decided_otherwise[] = {
    {346, "the key is for PS256, the token says PS384"},
    {347, "the key is for ES521, which there is not"},
    {350, "the key is for PS256, the token says PS384"},
    {351, "the key is for ES521, which there is not"},
    {367, "the token is that of case 357, which is valid, byte for byte"},
    {370, "the token is that of case 357, which is valid, byte for byte"},
    {372, "a question mark is no digit of base64url"},
    {373, "a question mark is no digit of base64url"},
};

static bool is_decided_otherwise(int id)
{
    for (size_t i = 0; i < ARRAY_LEN(decided_otherwise); i++)
        if (decided_otherwise[i].id == id)
            return true;
    return false;
}

/* A file of the shared data; skips the test where it is not there. */
static struct slice read_shared(const char *name, struct arena *arena)
{
    static const char fallback[] = "../shared/data";
    const char *shared = getenv("TENON_SHARED");
    const char *path = arena_printf(arena, "%s/jose/%s", shared ? shared : fallback, name);
    struct slice text = {NULL, 0};
    enum error error = file_read(path, FILE_BYTES_MAX, arena, NULL, &text);
    if (error == ERROR_NOT_FOUND) {
        arena_fini(arena);
        skip();
    }
    assert_int_equal(error, OK);
    return text;
}

static struct jsonobject read_object(struct slice text, struct arena *arena)
{
    struct jsonobject object;
    assert_int_equal(jsonobject_read(text, JSONOBJECT_MEMBERS_MAX, arena, &object, NULL), OK);
    return object;
}

/* What stands under a name, which must be there. */
static struct slice text_of(const struct jsonobject *object, const char *name)
{
    const struct jsonobject_member *member = jsonobject_find(object, slice_from(name));
    if (!member)
        fail_msg("no %s", name);
    return member->value.text;
}

static struct jsonobject object_of(const struct jsonobject *object, const char *name, struct arena *arena)
{
    return read_object(text_of(object, name), arena);
}

static size_t list_of(const struct jsonobject *object, const char *name, struct arena *arena, struct json_value **out)
{
    size_t count;
    assert_int_equal(jsonobject_read_list(text_of(object, name), LIST_MAX, arena, out, &count, NULL), OK);
    return count;
}

/* With all algorithms but `none` at hand, so that only the key decides. */
static enum error check(struct slice key_json, struct slice token, struct arena *arena)
{
    struct jwk *key = NULL;
    struct jws jws;
    enum error error = jwk_create_json(key_json, JWK_ALL, NULL, &key);
    if (error == ERROR_VALIDATION)
        return ERROR_UNAUTHORIZED;
    if (error == OK)
        error = jws_parse(token, arena, &jws, NULL);
    if (error == OK)
        error = jws_check(&jws, key, NULL);
    jwk_destroy(key);
    return error;
}

static unsigned check_group(const struct jsonobject *group, struct arena *arena)
{
    struct json_value *tests;
    size_t count = list_of(group, "tests", arena, &tests);
    struct slice key = text_of(group, jsonobject_find(group, SLICE("public")) ? "public" : "private");
    for (size_t i = 0; i < count; i++) {
        struct jsonobject test = read_object(tests[i].text, arena);
        int id = atoi(arena_text(arena, text_of(&test, "tcId")));
        bool must_hold = slice_eq_text(text_of(&test, "result"), "valid") != is_decided_otherwise(id);
        if (check(key, text_of(&test, "jws"), arena) != (must_hold ? OK : ERROR_UNAUTHORIZED))
            fail_msg("case %d is %s", id, must_hold ? "refused" : "accepted");
    }
    return (unsigned)count;
}

static void the_cases_of_wycheproof_are_decided_as_they_must_be(void **state)
{
    struct arena arena;
    struct json_value *groups;
    unsigned total = 0;
    arena_init(&arena, ARENA_BYTES);
    struct jsonobject file = read_object(read_shared("wycheproof/json_web_signature_test.json", &arena), &arena);
    size_t count = list_of(&file, "testGroups", &arena, &groups);
    for (size_t i = 0; i < count; i++) {
        struct jsonobject group = read_object(groups[i].text, &arena);
        total += check_group(&group, &arena);
    }
    assert_int_equal(total, WYCHEPROOF_TESTS);
    arena_fini(&arena);
}

/* The key of an example as a JWK with its algorithm; the files have it beside. */
static struct jwk *example_key(const struct jsonobject *input, struct arena *arena)
{
    enum jwk_algorithm algorithm;
    struct jwk *key = NULL;
    assert_true(jwk_algorithm_find(text_of(input, "alg"), &algorithm));
    assert_int_equal(jwk_create_json(text_of(input, "key"), 1u << algorithm, NULL, &key), OK);
    return key;
}

static void the_compact_examples_of_rfc_7520_and_8037_hold_and_are_made_again(void **state)
{
    static const char *const names[] = {
        "cookbook/jws/4_1.rsa_v15_signature.json", "cookbook/jws/4_2.rsa-pss_signature.json",
        "cookbook/jws/4_3.ecdsa_signature.json", "cookbook/jws/4_4.hmac-sha2_integrity_protection.json",
        "cookbook/curve25519/jws.json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena arena;
        struct jws jws, again;
        struct slice token;
        arena_init(&arena, ARENA_BYTES);
        struct jsonobject file = read_object(read_shared(names[i], &arena), &arena);
        struct jsonobject input = object_of(&file, "input", &arena), output = object_of(&file, "output", &arena);
        struct jwk *key = example_key(&input, &arena);
        assert_int_equal(jws_parse(text_of(&output, "compact"), &arena, &jws, NULL), OK);
        assert_int_equal(jws_check(&jws, key, NULL), OK);
        assert_true(slice_eq(jws.payload, text_of(&input, "payload")));
        assert_int_equal(jws_sign(key, SLICE(""), jws.payload, &arena, &token), OK);
        assert_int_equal(jws_parse(token, &arena, &again, NULL), OK);
        assert_int_equal(jws_check(&again, key, NULL), OK);
        /* What has no chance in it comes out as it stands there, if the header does (that of RFC 8037 has no kid). */
        if (i == 0 || i == 3)
            assert_true(slice_eq(token, text_of(&output, "compact")));
        jwk_destroy(key);
        arena_fini(&arena);
    }
}

static void examples_that_are_not_plain_compact_tokens_are_refused(void **state)
{
    static const char *const names[] = {"cookbook/rfc7797/4.2.hmac-sha2_b64_false.json",
                                        "cookbook/rfc7797/hmac-sha2_b64_false.json",
                                        "cookbook/jws/4_5.signature_with_detached_content.json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct jsonobject file = read_object(read_shared(names[i], &arena), &arena);
        struct jsonobject input = object_of(&file, "input", &arena), output = object_of(&file, "output", &arena);
        const struct jsonobject_member *compact = jsonobject_find(&output, SLICE("compact"));
        assert_int_equal(check(text_of(&input, "key"), compact ? compact->value.text : SLICE("x..y"), &arena),
                         ERROR_UNAUTHORIZED);
        assert_int_equal(check(text_of(&input, "key"), text_of(&output, "json"), &arena), ERROR_UNAUTHORIZED);
        arena_fini(&arena);
    }
}

static void the_keys_of_rfc_7520_are_read(void **state)
{
    static const struct {
        const char *name;
        enum error error;
    } rows[] = {
        {"cookbook/jwk/3_1.ec_public_key.json", OK},
        {"cookbook/jwk/3_2.ec_private_key.json", OK},
        {"cookbook/jwk/3_3.rsa_public_key.json", OK},
        {"cookbook/jwk/3_4.rsa_private_key.json", OK},
        {"cookbook/jwk/3_5.symmetric_key_mac_computation.json", OK},
        {"cookbook/jwk/3_6.symmetric_key_encryption.json", ERROR_VALIDATION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct jwk *key = NULL;
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(jwk_create_json(read_shared(rows[i].name, &arena), JWK_ALL, NULL, &key), rows[i].error);
        jwk_destroy(key);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cases_of_wycheproof_are_decided_as_they_must_be),
        cmocka_unit_test(the_compact_examples_of_rfc_7520_and_8037_hold_and_are_made_again),
        cmocka_unit_test(examples_that_are_not_plain_compact_tokens_are_refused),
        cmocka_unit_test(the_keys_of_rfc_7520_are_read),
    };
    return cmocka_run_group_tests_name("base/jose_vectors", tests, NULL, NULL);
}
