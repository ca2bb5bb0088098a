/* SPDX-License-Identifier: Apache-2.0 */
/* What base does when its first, second, … nth allocation fails: linked with --wrap, so that the calls of this
 * executable, and no others, come here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/jsonread.h"
#include "base/jws.h"
#include "base/log.h"
#include "base/map.h"
#include "base/percent.h"
#include "base/regex.h"
#include "jose_keys.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *piece, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *piece, size_t size);

static int calls_left = -1; /* until one fails; negative: none does */

static bool fails(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *piece, size_t size)
{
    return fails() ? NULL : __real_realloc(piece, size);
}

/* Each does some work, cleans up, and returns OK or ERROR_MEMORY. */

static enum error fill_map(void)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyz";
    struct map map;
    enum error error = OK;
    size_t added = 0;
    map_init(&map, 100, 1);
    for (; added < sizeof names - 1 && error == OK; added++)
        error = map_add(&map, slice_of(names + added, 1), &map);
    added -= error != OK;
    assert_int_equal(map_count(&map), added);
    for (size_t i = 0; i < added; i++)
        assert_ptr_equal(map_find(&map, slice_of(names + i, 1)), &map);
    map_fini(&map);
    return error;
}

static enum error make_key(void)
{
    struct hmac_key *key = NULL;
    enum error error = digest_hmac_create(SLICE("key"), &key);
    digest_hmac_destroy(key);
    return error;
}

static enum error make_regex(void)
{
    struct regex *regex = NULL;
    enum error error = regex_compile(SLICE("a+"), NULL, &regex);
    regex_destroy(regex);
    return error;
}

static enum error decode_texts(void)
{
    struct arena arena;
    struct slice out;
    arena_init(&arena, 1 << 20);
    enum error error = base64_encode_url(SLICE("text"), &arena, &out);
    if (error == OK)
        error = base64_decode_url(SLICE("Zm9v"), &arena, &out);
    if (error == OK)
        error = percent_decode(SLICE("%20"), &arena, &out);
    arena_fini(&arena);
    return error;
}

static enum error read_json(void)
{
    struct arena arena;
    struct jsonread reader;
    struct json_value value;
    arena_init(&arena, 1 << 20);
    jsonread_init(&reader, SLICE("[\"a\\n\"]"), &arena, 4);
    while (jsonread_next(&reader, &value) > JSON_END)
        ;
    arena_fini(&arena);
    return reader.error;
}

/* A key from each source; libcrypto's own allocations do not come here. */
static enum error read_keys(void)
{
    static const struct slice set = SLICE_INIT("{\"keys\":[" JOSE_A3_PUBLIC "," JOSE_7638_KEY "]}");
    struct jwk *keys[3] = {NULL};
    struct jwk_set *keys_of_set = NULL;
    enum error error = jwk_create_json(SLICE(JOSE_A3_PRIVATE), JWK_ALL, NULL, &keys[0]);
    if (error == OK)
        error = jwk_create_pem(SLICE(JOSE_PEM_ED), JWK_ALL, SLICE(""), NULL, &keys[1]);
    if (error == OK)
        error = jwk_create_secret(SLICE("0123456789abcdef0123456789abcdef"), JWK_HS256, SLICE("k"), NULL, &keys[2]);
    if (error == OK)
        error = jwk_set_create(set, JWK_ALL, &keys_of_set, NULL);
    if (error == OK && keys_of_set->count != 2)
        error = ERROR_VALIDATION;
    jwk_set_destroy(keys_of_set);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        jwk_destroy(keys[i]);
    return error;
}

/* Only the arena is at stake: the keys are there before. */
static enum error sign_and_verify(void)
{
    static const struct slice payload = SLICE_INIT("{\"sub\":\"1\",\"exp\":2,\"aud\":[\"a\"]}");
    const struct jws_policy policy = {.now_us = 1000000};
    struct jwk *key = NULL;
    struct jws_claims claims;
    struct slice token;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    enum error error = jwk_create_json(SLICE(JOSE_A3_PRIVATE), JWK_ALL, NULL, &key);
    if (error == OK)
        error = jws_sign(key, SLICE("JWT"), payload, &arena, &token);
    if (error == OK)
        error = jws_verify(token, &key, 1, &policy, &arena, &claims, NULL);
    jwk_destroy(key);
    arena_fini(&arena);
    return error;
}

static enum error drop(void *state, struct slice lines)
{
    return OK;
}

static enum error write_log(void)
{
    struct log log;
    log_init(&log, clock_system(), drop, NULL);
    LOG_INFO(&log, "message", LOG_INT("n", 1));
    enum error error = log.lost > 0 ? ERROR_MEMORY : OK;
    log_fini(&log);
    return error;
}

static void memory_exhausted_at_any_allocation_is_an_error_and_no_crash(void **state)
{
    static const struct {
        enum error (*work)(void);
        int allocations; /* at least */
    } rows[] = {{fill_map, 4},  {make_key, 1},  {make_regex, 1}, {decode_texts, 1},
                {read_json, 1}, {write_log, 0}, {read_keys, 8},  {sign_and_verify, 4}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int allowed = 0;
        enum error error = ERROR_MEMORY;
        for (; error != OK; allowed++) {
            calls_left = allowed;
            error = rows[i].work();
            bool was_enough = calls_left >= 0;
            calls_left = -1;
            assert_true(error == OK || error == ERROR_MEMORY);
            if (was_enough)
                assert_int_equal(error, OK);
        }
        assert_true(allowed > rows[i].allocations);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_exhausted_at_any_allocation_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
