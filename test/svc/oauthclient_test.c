/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/oauthclient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void oauthclient_redirects_are_https_loopback_or_of_a_scheme_of_ones_own(void **state)
{
    static const struct {
        const char *redirect;
        bool is_good;
    } rows[] = {
        {"https://app.example.org/callback", true},
        {"https://app.example.org", true},
        {"https://app.example.org:8443/callback?page=1", true},
        {"https://[2001:db8::1]/callback", true},
        {"http://127.0.0.1/callback", true},
        {"http://127.0.0.1:8080/callback", true},
        {"http://[::1]:8080/callback", true},
        {"org.example.app:/callback", true},
        {"org.example.app://callback", true},
        {"http://app.example.org/callback", false},
        {"http://localhost/callback", false},
        {"http://127.0.0.1.example.org/", false},
        {"http://127.0.0.1@example.org/", false},
        {"http://127.0.0.1:80@example.org/", false},
        {"https://app.example.org/#x", false},
        {"org.example.app:/callback#", false},
        {"https://user@app.example.org/", false},
        {"https://user:password@app.example.org/", false},
        {"https:///callback", false},
        {"https:callback", false},
        {"https://", false},
        {"javascript:alert(1)", false},
        {"data:text/html,x", false},
        {"app:/callback", false},
        {"/callback", false},
        {"//app.example.org/callback", false},
        {"callback", false},
        {":callback", false},
        {"1org.example:/callback", false},
        {"https://app.example.org/a b", false},
        {"https://app.example.org/\xc3\xa9", false},
        {"https://app.example.org\\@evil.example/", false},
        {"https://app.example.org/\"onclick", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(oauthclient_redirect_fault(slice_from(rows[i].redirect)) == NULL, rows[i].is_good);
}

static void oauthclient_scopes_are_patterns_with_one_space_between(void **state)
{
    static const struct {
        const char *text, *read; /* NULL: refused */
    } rows[] = {
        {"notes:read", "notes:read"},
        {"notes:read notes:create notes:read", "notes:read notes:create"},
        {"*", "*"},
        {"notes:* *:read", "notes:* *:read"},
        {"", NULL},
        {" notes:read", NULL},
        {"notes:read ", NULL},
        {"notes:read  notes:create", NULL},
        {"notes", NULL},
        {"notes:read\tnotes:create", NULL},
        {"a:b a:c a:d a:e a:f a:g a:h a:i a:j a:k a:l a:m a:n a:o a:p a:q a:r a:s a:t a:u a:v a:w a:x a:y a:z b:a b:b "
         "b:c "
         "b:d b:e b:f b:g b:h",
         NULL},
    };
    struct arena arena;
    struct slice out;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum error error = oauthclient_read_scope(slice_from(rows[i].text), &arena, &out);
        assert_int_equal(error, rows[i].read ? OK : ERROR_VALIDATION);
        assert_true(error != OK || slice_eq_text(out, rows[i].read));
    }
    arena_fini(&arena);
}

static void oauthclient_covers_never_says_that_less_holds_more(void **state)
{
    static const struct {
        const char *granted, *wanted;
        bool is_covered;
    } rows[] = {
        {"*", "notes:read users:*", true},
        {"*", "*", true},
        {"notes:*", "notes:read", true},
        {"notes:*", "notes:*", true},
        {"*:read", "notes:read *:read", true},
        {"notes:read users:read", "users:read", true},
        {"notes:read", "", true},
        {"", "notes:read", false},
        {"notes:read", "notes:*", false},
        {"notes:read", "*:read", false},
        {"notes:*", "*", false},
        {"*:read notes:*", "*", false},
        {"*:*", "notes:read", true},
        {"notes:*", "note:read", false},
        {"notes:read", "notes:read users:read", false},
        {"notes:read notes:create notes:update notes:delete", "notes:*", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(oauthclient_covers(slice_from(rows[i].granted), slice_from(rows[i].wanted)),
                         rows[i].is_covered);
}

static void oauthclient_meet_is_what_both_hold(void **state)
{
    static const struct {
        const char *a, *b, *both;
    } rows[] = {
        {"notes:*", "notes:read", "notes:read"},
        {"notes:read", "notes:*", "notes:read"},
        {"*", "notes:read users:*", "notes:read users:*"},
        {"notes:read notes:create users:read", "notes:*", "notes:read notes:create"},
        {"notes:* users:read", "notes:read notes:create", "notes:read notes:create"},
        {"notes:read", "notes:* *", "notes:read"},
        {"*", "*", "*"},
        {"notes:read", "users:read", ""},
        {"notes:*", "*:read", ""},
        {"", "notes:read", ""},
        {"notes:read", "", ""},
    };
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice out;
        assert_int_equal(oauthclient_meet(slice_from(rows[i].a), slice_from(rows[i].b), &arena, &out), OK);
        assert_true(slice_eq_text(out, rows[i].both));
    }
    arena_fini(&arena);
}

static void oauthclient_secrets_are_right_or_wrong_and_nobody_has_none(void **state)
{
    struct oauthclient client = {.id = SLICE("a"), .is_confidential = true};
    struct oauthclient public = {.id = SLICE("b")};
    digest_sha256(SLICE("a secret"), client.secret);
    digest_sha256(SLICE(""), public.secret);
    assert_true(oauthclient_is_secret(&client, SLICE("a secret")));
    assert_false(oauthclient_is_secret(&client, SLICE("a secre")));
    assert_false(oauthclient_is_secret(&client, SLICE("")));
    assert_false(oauthclient_is_secret(&public, SLICE("")));
    assert_false(oauthclient_is_secret(NULL, SLICE("a secret")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oauthclient_redirects_are_https_loopback_or_of_a_scheme_of_ones_own),
        cmocka_unit_test(oauthclient_scopes_are_patterns_with_one_space_between),
        cmocka_unit_test(oauthclient_covers_never_says_that_less_holds_more),
        cmocka_unit_test(oauthclient_meet_is_what_both_hold),
        cmocka_unit_test(oauthclient_secrets_are_right_or_wrong_and_nobody_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
