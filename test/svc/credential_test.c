/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/random.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/http_settings.h"
#include "svc/apikey.h"

#define ID     "AAAAAAAAAAAAAAAAAAAAAA"
#define SECRET "BBBBBBBBBBBBBBBBBBBB-_"

struct stage {
    struct arena arena;
    struct random_source random;
    struct hmac_key *key, *other;
};

static void stage_open(struct stage *stage)
{
    arena_init(&stage->arena, 1 << 20);
    random_source_system(&stage->random);
    assert_int_equal(digest_hmac_create(SLICE("0123456789abcdef0123456789abcdef"), &stage->key), OK);
    assert_int_equal(digest_hmac_create(SLICE("0123456789abcdef0123456789abcdeF"), &stage->other), OK);
}

static void stage_close(struct stage *stage)
{
    digest_hmac_destroy(stage->key);
    digest_hmac_destroy(stage->other);
    arena_fini(&stage->arena);
}

/* ---- what a request shows ---- */

static enum error read_from(const char *headers, struct credential *out)
{
    struct http1 parser;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct http_settings settings = http_settings_default();
    struct http1_head *head = arena_zalloc(&arena, sizeof *head);
    const char *text = arena_printf(&arena, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    http1_init(&parser, &settings.limits);
    assert_int_equal(http1_parse_head(&parser, slice_from(text), head), HTTP1_DONE);
    struct exchange x = {.head = head, .arena = &arena};
    diag_init(&x.diag, &arena);
    enum error error = credential_read(&x, out);
    if (error == OK && out->text.ptr) { /* the text is the request's: what a test compares with is its own */
        static const char *const known[] = {"tk", "token", "a.b-c_d", ID "." SECRET, ""};
        const char *same = NULL;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            same = slice_eq_text(out->text, known[i]) ? known[i] : same;
        assert_non_null(same);
        out->text = slice_from(same);
    }
    arena_fini(&arena);
    return error;
}

static void a_credential_is_read_from_one_header(void **state)
{
    static const struct {
        const char *headers;
        enum error error;
        enum credential_kind kind;
        const char *text;
    } rows[] = {
        {"", OK, CREDENTIAL_NONE, NULL},
        {"Authorization: Bearer token\r\n", OK, CREDENTIAL_BEARER, "token"},
        {"authorization: bearer   token \r\n", OK, CREDENTIAL_BEARER, "token"},
        {"Authorization: BEARER a.b-c_d\r\n", OK, CREDENTIAL_BEARER, "a.b-c_d"},
        {"Authorization: Bearer\r\n", ERROR_UNAUTHORIZED, CREDENTIAL_NONE, NULL},
        {"Authorization: Bearer  \r\n", ERROR_UNAUTHORIZED, CREDENTIAL_NONE, NULL},
        {"Authorization: Bearertoken\r\n", ERROR_UNAUTHORIZED, CREDENTIAL_NONE, NULL},
        {"Authorization: Basic dTpw\r\n", ERROR_UNAUTHORIZED, CREDENTIAL_NONE, NULL},
        {"Authorization:\r\n", ERROR_UNAUTHORIZED, CREDENTIAL_NONE, NULL},
        {"X-API-Key: tk\r\n", OK, CREDENTIAL_KEY, "tk"},
        {"X-API-Key:\r\n", OK, CREDENTIAL_KEY, ""},
        {"X-API-Key: tk\r\nAuthorization: Bearer token\r\n", ERROR_VALIDATION, CREDENTIAL_NONE, NULL},
        {"Cookie: __Host-session=" ID "." SECRET "\r\n", OK, CREDENTIAL_COOKIE, ID "." SECRET},
        {"Cookie: a=b; __Host-session=" ID "." SECRET ";c=d\r\n", OK, CREDENTIAL_COOKIE, ID "." SECRET},
        {"Cookie: __host-session=" ID "." SECRET "\r\n", OK, CREDENTIAL_NONE, NULL},
        {"Cookie: x__Host-session=" ID "." SECRET "\r\n", OK, CREDENTIAL_NONE, NULL},
        {"Cookie: a=__Host-session=" ID "\r\n", OK, CREDENTIAL_NONE, NULL},
        {"Cookie: __Host-session=a; __Host-session=b\r\n", OK, CREDENTIAL_NONE, NULL},
        {"Cookie: __Host-session\r\n", OK, CREDENTIAL_NONE, NULL},
        {"Cookie: __Host-session=" ID "." SECRET "\r\nAuthorization: Bearer token\r\n", OK, CREDENTIAL_BEARER, "token"},
        {"Cookie: __Host-session=" ID "." SECRET "\r\nX-API-Key: tk\r\n", OK, CREDENTIAL_KEY, "tk"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct credential credential;
        enum error error = read_from(rows[i].headers, &credential);
        if (error != rows[i].error)
            fail_msg("%s: error %d", rows[i].headers, (int)error);
        if (error != OK)
            continue;
        if (credential.kind != rows[i].kind || (rows[i].text && !slice_eq_text(credential.text, rows[i].text)))
            fail_msg("%s: kind %d, %.*s", rows[i].headers, (int)credential.kind, SLICE_ARG(credential.text));
    }
}

static void one_text_is_another_credential_in_another_header(void **state)
{
    unsigned char digests[3][DIGEST_SHA256_BYTES];
    const enum credential_kind kinds[] = {CREDENTIAL_BEARER, CREDENTIAL_KEY, CREDENTIAL_COOKIE};
    for (size_t i = 0; i < 3; i++)
        credential_digest(&(struct credential){kinds[i], SLICE("text")}, digests[i]);
    assert_memory_not_equal(digests[0], digests[1], sizeof digests[0]);
    assert_memory_not_equal(digests[1], digests[2], sizeof digests[0]);
    assert_memory_not_equal(digests[0], digests[2], sizeof digests[0]);
}

/* ---- forms ---- */

static void a_cookie_is_two_parts_of_128_bits(void **state)
{
    static const struct {
        const char *text;
        bool is_one;
    } rows[] = {
        {ID "." SECRET, true},
        {ID SECRET, false},
        {ID "." SECRET "A", false},
        {ID ".", false},
        {"", false},
        {ID "."
            "BBBBBBBBBBBBBBBBBBBB+/",
         false},
        {ID "-" SECRET, false},
        {ID "."
            "BBBBBBBBBBBBBBBBBBBB==",
         false},
        {"AAAAAAAAAAAAAAAAAAAAA'." SECRET, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice id, secret;
        if (credential_parse_cookie(slice_from(rows[i].text), &id, &secret) != rows[i].is_one)
            fail_msg("%s", rows[i].text);
        if (rows[i].is_one)
            assert_true(slice_eq_text(id, ID) && slice_eq_text(secret, SECRET));
    }
}

static void random_parts_differ_and_have_their_length(void **state)
{
    struct stage stage;
    struct slice a, b;
    stage_open(&stage);
    assert_int_equal(credential_random(&stage.random, &stage.arena, &a), OK);
    assert_int_equal(credential_random(&stage.random, &stage.arena, &b), OK);
    assert_int_equal(a.len, CREDENTIAL_PART_BYTES);
    assert_false(slice_eq(a, b));
    stage_close(&stage);
}

/* A copy with one byte changed. */
static struct slice bent(struct stage *stage, struct slice text, size_t at)
{
    char *copy = arena_text(&stage->arena, text);
    assert_non_null(copy);
    copy[at] = copy[at] == 'A' ? 'B' : 'A';
    return slice_of(copy, text.len);
}

static void a_refresh_token_comes_back_as_it_was_made(void **state)
{
    struct stage stage;
    struct slice token;
    struct credential_refresh parsed;
    const struct credential_refresh refresh = {.id = SLICE(ID), .secret = SLICE(SECRET), .generation = 41};
    stage_open(&stage);
    assert_int_equal(credential_make_refresh(stage.key, &refresh, &stage.arena, &token), OK);
    assert_true(credential_parse_refresh(stage.key, token, &stage.arena, &parsed));
    assert_true(slice_eq(parsed.id, refresh.id) && slice_eq(parsed.secret, refresh.secret));
    assert_int_equal(parsed.generation, 41);
    stage_close(&stage);
}

static void a_refresh_token_with_any_byte_changed_is_none_of_ours(void **state)
{
    struct stage stage;
    struct slice token;
    struct credential_refresh parsed;
    const struct credential_refresh refresh = {.id = SLICE(ID), .secret = SLICE(SECRET), .generation = 9};
    stage_open(&stage);
    assert_int_equal(credential_make_refresh(stage.key, &refresh, &stage.arena, &token), OK);
    for (size_t i = 0; i < token.len; i++) {
        if (credential_parse_refresh(stage.key, bent(&stage, token, i), &stage.arena, &parsed))
            fail_msg("byte %zu", i);
        assert_false(credential_parse_refresh(stage.key, slice_of(token.ptr, i), &stage.arena, &parsed));
    }
    assert_false(credential_parse_refresh(stage.other, token, &stage.arena, &parsed));
    const char *longer = arena_printf(&stage.arena, "%.*sA", SLICE_ARG(token));
    assert_false(credential_parse_refresh(stage.key, slice_from(longer), &stage.arena, &parsed));
    stage_close(&stage);
}

static void a_refresh_token_with_a_tag_of_its_own_must_have_the_form_too(void **state)
{
    static const struct credential_refresh rows[] = {
        {.id = SLICE_INIT(""), .secret = SLICE_INIT(SECRET), .generation = 1},
        {.id = SLICE_INIT(ID), .secret = SLICE_INIT(""), .generation = 1},
        {.id = SLICE_INIT("a b"), .secret = SLICE_INIT(SECRET), .generation = 1},
        {.id = SLICE_INIT("a'b"), .secret = SLICE_INIT(SECRET), .generation = 1},
        {.id = SLICE_INIT(ID ID ID ID), .secret = SLICE_INIT(SECRET), .generation = 1},
        {.id = SLICE_INIT("a.b"), .secret = SLICE_INIT(SECRET), .generation = 1},
    };
    struct stage stage;
    stage_open(&stage);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice token;
        struct credential_refresh parsed;
        assert_int_equal(credential_make_refresh(stage.key, &rows[i], &stage.arena, &token), OK);
        assert_false(credential_parse_refresh(stage.key, token, &stage.arena, &parsed));
    }
    stage_close(&stage);
}

static void a_token_against_forged_requests_is_bound_to_its_sign_in(void **state)
{
    struct stage stage;
    struct slice token, again;
    stage_open(&stage);
    assert_int_equal(credential_make_csrf(stage.key, SLICE(ID), &stage.random, &stage.arena, &token), OK);
    assert_int_equal(credential_make_csrf(stage.key, SLICE(ID), &stage.random, &stage.arena, &again), OK);
    assert_false(slice_eq(token, again));
    assert_true(credential_is_csrf(stage.key, SLICE(ID), token, &stage.arena));
    assert_true(credential_is_csrf(stage.key, SLICE(ID), again, &stage.arena));
    assert_false(credential_is_csrf(stage.key, SLICE(SECRET), token, &stage.arena));
    assert_false(credential_is_csrf(stage.other, SLICE(ID), token, &stage.arena));
    assert_false(credential_is_csrf(stage.key, SLICE(ID), SLICE(""), &stage.arena));
    assert_false(credential_is_csrf(stage.key, SLICE(ID), (struct slice){NULL, 0}, &stage.arena));
    for (size_t i = 0; i < token.len; i++) {
        assert_false(credential_is_csrf(stage.key, SLICE(ID), bent(&stage, token, i), &stage.arena));
        assert_false(credential_is_csrf(stage.key, SLICE(ID), slice_of(token.ptr, i), &stage.arena));
    }
    stage_close(&stage);
}

/* ---- keys ---- */

static void a_key_is_found_by_its_id_and_proven_by_its_secret(void **state)
{
    struct stage stage;
    struct apikey key = {0}, other = {0};
    struct slice text, id, secret, other_text;
    stage_open(&stage);
    assert_int_equal(apikey_make(&stage.random, &stage.arena, &key, &text), OK);
    assert_int_equal(apikey_make(&stage.random, &stage.arena, &other, &other_text), OK);
    assert_int_equal(text.len, APIKEY_TEXT_BYTES);
    assert_true(apikey_parse(text, &id, &secret));
    assert_true(slice_eq(id, key.id) && !slice_eq(id, other.id));
    assert_true(apikey_is_secret(&key, secret));
    assert_false(apikey_is_secret(&other, secret));
    for (size_t i = 0; i < secret.len; i++)
        assert_false(apikey_is_secret(&key, bent(&stage, secret, i)));
    for (size_t i = 0; i < text.len; i++)
        assert_false(apikey_parse(slice_of(text.ptr, i), &id, &secret));
    const char *upper = "tk_0123456789ABCDEF_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_int_equal(strlen(upper), APIKEY_TEXT_BYTES);
    assert_false(apikey_parse(slice_from(upper), &id, &secret));
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_is_read_from_one_header),
        cmocka_unit_test(one_text_is_another_credential_in_another_header),
        cmocka_unit_test(a_cookie_is_two_parts_of_128_bits),
        cmocka_unit_test(random_parts_differ_and_have_their_length),
        cmocka_unit_test(a_refresh_token_comes_back_as_it_was_made),
        cmocka_unit_test(a_refresh_token_with_any_byte_changed_is_none_of_ours),
        cmocka_unit_test(a_refresh_token_with_a_tag_of_its_own_must_have_the_form_too),
        cmocka_unit_test(a_token_against_forged_requests_is_bound_to_its_sign_in),
        cmocka_unit_test(a_key_is_found_by_its_id_and_proven_by_its_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
