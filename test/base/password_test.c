/* SPDX-License-Identifier: Apache-2.0 */
#include "base/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static const struct password_params cheap = {.memory_kib = 64, .iterations = 1, .parallelism = 1};

static void password_verify_takes_the_password_and_no_other(void **state)
{
    struct random_source random;
    char hash[PASSWORD_HASH_MAX];
    bool matches;
    random_source_system(&random);
    assert_int_equal(password_hash(&cheap, SLICE("correct horse"), &random, hash, sizeof hash), OK);
    assert_true(slice_starts(slice_from(hash), SLICE("$argon2id$v=19$m=64,t=1,p=1$")));
    assert_int_equal(password_verify(slice_from(hash), SLICE("correct horse"), &matches), OK);
    assert_true(matches);
    static const struct slice others[] = {SLICE_INIT("correct hors"), SLICE_INIT("correct horse "), SLICE_INIT(""),
                                          SLICE_INIT("correct horse\0")};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(password_verify(slice_from(hash), others[i], &matches), OK);
        assert_false(matches);
    }
}

static void password_hash_of_one_password_differs_each_time(void **state)
{
    struct random_source random;
    char a[PASSWORD_HASH_MAX], b[PASSWORD_HASH_MAX];
    random_source_system(&random);
    assert_int_equal(password_hash(&cheap, SLICE("x"), &random, a, sizeof a), OK);
    assert_int_equal(password_hash(&cheap, SLICE("x"), &random, b, sizeof b), OK);
    assert_string_not_equal(a, b);
}

static void password_hash_bounds_the_password_and_the_room(void **state)
{
    static const char zeros[PASSWORD_BYTES_MAX + 1];
    struct random_source random;
    char hash[PASSWORD_HASH_MAX];
    random_source_system(&random);
    assert_int_equal(password_hash(&cheap, SLICE(""), &random, hash, sizeof hash), ERROR_VALIDATION);
    assert_int_equal(password_hash(&cheap, slice_of(zeros, sizeof zeros), &random, hash, sizeof hash),
                     ERROR_VALIDATION);
    assert_int_equal(password_hash(&cheap, slice_of(zeros, PASSWORD_BYTES_MAX), &random, hash, sizeof hash), OK);
    assert_int_equal(password_hash(&cheap, SLICE("x"), &random, hash, 20), ERROR_LIMIT);
}

static void password_verify_refuses_what_is_no_hash_or_too_dear(void **state)
{
    static const char *const rows[] = {
        "",
        "secret",
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=100000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=1,p=99$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=1$!!$!!",
        "$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool matches;
        assert_int_equal(password_verify(slice_from(rows[i]), SLICE("x"), &matches), ERROR_PARSE);
    }
}

static void password_needs_rehash_when_its_cost_is_another(void **state)
{
    struct password_params standard = password_params_default();
    struct slice hash = SLICE("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo");
    assert_false(password_needs_rehash(&standard, hash));
    assert_true(password_needs_rehash(&cheap, hash));
    assert_true(password_needs_rehash(&standard, SLICE("$2b$12$old")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_verify_takes_the_password_and_no_other),
        cmocka_unit_test(password_hash_of_one_password_differs_each_time),
        cmocka_unit_test(password_hash_bounds_the_password_and_the_room),
        cmocka_unit_test(password_verify_refuses_what_is_no_hash_or_too_dear),
        cmocka_unit_test(password_needs_rehash_when_its_cost_is_another),
    };
    return cmocka_run_group_tests_name("base/password", tests, NULL, NULL);
}
