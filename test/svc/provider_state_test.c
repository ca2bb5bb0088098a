/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/provider_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/digest.h"

static const int64_t now_us = INT64_C(1700000000) * 1000000;
static const struct provider_state begun = {
    .id = SLICE_INIT("AAAAAAAAAAAAAAAAAAAAAA"), .mode = SIGNIN_COOKIE, .path = SLICE_INIT("/welcome?to=all#here")};

struct fixture {
    struct arena arena;
    struct hmac_key *key;
    struct provider_state_binding binding;
    struct slice text; /* of `begun`, good for ten minutes */
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    arena_init(&f->arena, 1024 * 1024);
    assert_int_equal(digest_hmac_create(SLICE("a key"), &f->key), OK);
    f->binding = (struct provider_state_binding){f->key, SLICE("google"), SLICE("BBBBBBBBBBBBBBBBBBBBBB")};
    struct provider_state given = begun;
    given.expires_s = now_us / 1000000 + PROVIDER_STATE_S;
    assert_int_equal(provider_state_make(&f->binding, &given, &f->arena, &f->text), OK);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    digest_hmac_destroy(f->key);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void a_state_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    struct provider_state out;
    assert_true(provider_state_parse(&f->binding, f->text, now_us, &f->arena, &out));
    assert_true(slice_eq(out.id, begun.id) && slice_eq(out.path, begun.path) && out.mode == SIGNIN_COOKIE);
    const struct provider_state other = {
        .id = begun.id, .mode = SIGNIN_TOKENS, .path = SLICE(""), .expires_s = INT32_MAX};
    assert_int_equal(provider_state_make(&f->binding, &other, &f->arena, &f->text), OK);
    assert_true(provider_state_parse(&f->binding, f->text, now_us, &f->arena, &out));
    assert_true(out.path.len == 0 && out.mode == SIGNIN_TOKENS);
}

static void a_state_is_good_for_ten_minutes_to_the_microsecond(void **state)
{
    struct fixture *f = *state;
    struct provider_state out;
    int64_t end_us = now_us + (int64_t)PROVIDER_STATE_S * 1000000;
    assert_true(provider_state_parse(&f->binding, f->text, end_us - 1, &f->arena, &out));
    assert_false(provider_state_parse(&f->binding, f->text, end_us, &f->arena, &out));
}

static void a_state_is_of_one_browser_one_provider_and_one_key(void **state)
{
    struct fixture *f = *state;
    struct provider_state out;
    struct provider_state_binding other = f->binding;
    other.cookie = SLICE("CCCCCCCCCCCCCCCCCCCCCC");
    assert_false(provider_state_parse(&other, f->text, now_us, &f->arena, &out));
    other.cookie = SLICE("");
    assert_false(provider_state_parse(&other, f->text, now_us, &f->arena, &out));
    other = f->binding;
    other.provider = SLICE("google2");
    assert_false(provider_state_parse(&other, f->text, now_us, &f->arena, &out));
    struct hmac_key *key;
    assert_int_equal(digest_hmac_create(SLICE("another key"), &key), OK);
    other = f->binding;
    other.key = key;
    assert_false(provider_state_parse(&other, f->text, now_us, &f->arena, &out));
    digest_hmac_destroy(key);
}

static void a_state_with_any_other_byte_is_none(void **state)
{
    struct fixture *f = *state;
    struct provider_state out;
    char room[512];
    assert_true(f->text.len < sizeof room);
    for (size_t i = 0; i < f->text.len; i++) {
        memcpy(room, f->text.ptr, f->text.len);
        room[i] = room[i] == 'A' ? 'B' : 'A';
        assert_false(provider_state_parse(&f->binding, slice_of(room, f->text.len), now_us, &f->arena, &out));
        assert_false(provider_state_parse(&f->binding, slice_of(f->text.ptr, i), now_us, &f->arena, &out));
    }
}

static void what_belongs_to_a_state_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct slice nonce, verifier, other, challenge;
    assert_int_equal(provider_state_nonce(&f->binding, begun.id, &f->arena, &nonce), OK);
    assert_int_equal(provider_state_verifier(&f->binding, begun.id, &f->arena, &verifier), OK);
    assert_int_equal(nonce.len, 43);
    assert_int_equal(verifier.len, 43);
    assert_false(slice_eq(nonce, verifier));
    assert_int_equal(provider_state_verifier(&f->binding, SLICE("AAAAAAAAAAAAAAAAAAAAAB"), &f->arena, &other), OK);
    assert_false(slice_eq(other, verifier));
    f->binding.cookie = SLICE("CCCCCCCCCCCCCCCCCCCCCC");
    assert_int_equal(provider_state_verifier(&f->binding, begun.id, &f->arena, &other), OK);
    assert_false(slice_eq(other, verifier));
    /* RFC 7636, appendix B. */
    assert_int_equal(
        provider_state_challenge(SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), &f->arena, &challenge), OK);
    assert_true(slice_eq_text(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
}

static void a_path_is_one_that_stays_on_the_site(void **state)
{
    static const struct {
        const char *path;
        bool is_path;
    } rows[] = {{"/", true},
                {"/a", true},
                {"/a//b", true},
                {"/a?b=c&d=%2F%2Fe#f", true},
                {"/%2F/evil.example", true},
                {"/@evil.example", true},
                {"", false},
                {"a", false},
                {"//evil.example", false},
                {"/\\evil.example", false},
                {"/a\\b", false},
                {"\\/evil.example", false},
                {"/\t/evil.example", false},
                {"/a\r\nb", false},
                {"/a b", false},
                {"/\"", false},
                {"/<", false},
                {"/\xC3\xA9", false},
                {"/\x7F", false},
                {"https://evil.example", false},
                {"javascript:alert(1)", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (provider_state_is_path(slice_from(rows[i].path)) != rows[i].is_path)
            fail_msg("%s", rows[i].path);
    assert_false(provider_state_is_path(slice_of("/\0a", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_state_comes_back_as_it_went, begin, end),
        cmocka_unit_test_setup_teardown(a_state_is_good_for_ten_minutes_to_the_microsecond, begin, end),
        cmocka_unit_test_setup_teardown(a_state_is_of_one_browser_one_provider_and_one_key, begin, end),
        cmocka_unit_test_setup_teardown(a_state_with_any_other_byte_is_none, begin, end),
        cmocka_unit_test_setup_teardown(what_belongs_to_a_state_is_its_own, begin, end),
        cmocka_unit_test(a_path_is_one_that_stays_on_the_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
