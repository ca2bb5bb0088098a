/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/passwordrule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct passwordrule_context context = {.login = SLICE_INIT("Ada.Lovelace@example.org"),
                                                    .app = SLICE_INIT("Marketplace Nine")};

static void judge(struct slice password, const char *refusal)
{
    const char *found = passwordrule_refusal(password, &context);
    if (!found != !refusal || (found && !strstr(found, refusal)))
        fail_msg("\"%.*s\": %s, not %s", SLICE_ARG(password), found ? found : "taken", refusal ? refusal : "taken");
}

static void a_password_is_judged_by_length_and_by_what_is_guessed_first(void **state)
{
    static const struct {
        const char *password, *refusal;
    } rows[] = {
        {"correct horse battery", NULL},
        {"a9$Kd!x2", NULL},
        {"xkqzvwpj", NULL},
        {"        x", NULL},
        {"", "at least 8"},
        {"a9$Kd!x", "at least 8"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", "at least 8"}, /* 4 characters of 2 bytes */
        {"\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8a"
         "\xf0\x9f\xa6\x8a",
         "at least 8"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", NULL},
        {"password", "commonest"},
        {"PassWord", "commonest"},
        {"12345678", "commonest"},
        {"123456789", "commonest"},
        {"qwertyuiop", "commonest"},
        {"iloveyou1", "commonest"},
        {"password1", "commonest"},
        {"trustno1", "commonest"},
        {"11111111", "commonest"},
        {"ada.lovelace@EXAMPLE.org", "sign in with"},
        {"ADA.lovelace", "sign in with"},
        {"marketplace nine", "name of this service"},
        {"marketplace nine!", NULL},
        {"bad \xff byte", "UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        judge(slice_from(rows[i].password), rows[i].refusal);
    judge(SLICE("nul\0nul\0nul"), "UTF-8");
}

static void from_8_to_128_characters_are_taken_whatever_their_bytes(void **state)
{
    static const char *const characters[] = {"~", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\xa6\x8a"};
    static const size_t lengths[] = {7, 8, 64, 72, 73, 128, 129, 400};
    for (size_t c = 0; c < ARRAY_LEN(characters); c++)
        for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
            char password[1600];
            size_t size = strlen(characters[c]), used = 0;
            for (size_t i = 0; i < lengths[l]; i++, used += size)
                memcpy(password + used, characters[c], size);
            judge(slice_of(password, used), lengths[l] < 8 ? "at least" : lengths[l] > 128 ? "at most" : NULL);
        }
}

static void nothing_is_asked_where_nothing_is_known_of_the_account(void **state)
{
    const struct passwordrule_context nobody = {.login = {NULL, 0}};
    assert_null(passwordrule_refusal(SLICE("ada.lovelace"), &nobody));
    const struct passwordrule_context at = {.login = SLICE_INIT("@example.org")};
    assert_null(passwordrule_refusal(SLICE("ada.lovelace"), &at));
}

static void a_refusal_is_an_error_of_its_field(void **state)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(passwordrule_check(SLICE("correct horse"), &context, SLICE("password"), &diag), OK);
    assert_null(diag.first);
    assert_int_equal(passwordrule_check(SLICE("password"), &context, SLICE("password"), &diag), ERROR_VALIDATION);
    assert_string_equal(diag.first->field, "password");
    assert_string_equal(diag.first->message, "is one of the commonest passwords, which are tried first");
    assert_int_equal(passwordrule_check(SLICE("short"), &context, SLICE("new"), NULL), ERROR_VALIDATION);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_judged_by_length_and_by_what_is_guessed_first),
        cmocka_unit_test(from_8_to_128_characters_are_taken_whatever_their_bytes),
        cmocka_unit_test(nothing_is_asked_where_nothing_is_known_of_the_account),
        cmocka_unit_test(a_refusal_is_an_error_of_its_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
