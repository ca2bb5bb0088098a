/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void error_rows_are_complete_and_within_their_protocols(void **state)
{
    for (int i = OK + 1; i < ERROR_COUNT; i++) {
        enum error error = (enum error)i;
        const char *sentence = error_sentence(error);
        assert_in_range(error_http_status(error), 400, 599);
        assert_in_range(error_grpc_status(error), 1, 16);
        assert_int_equal(error_code(error)[strspn(error_code(error), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")], '\0');
        assert_true(sentence[0] >= 'a' && sentence[0] <= 'z');
        assert_true(sentence[strlen(sentence) - 1] != '.');
    }
    assert_string_equal(error_code(OK), "OK");
    assert_int_equal(error_http_status(OK), 200);
    assert_int_equal(error_grpc_status(OK), 0);
}

static void error_codes_of_one_name_have_one_status(void **state)
{
    for (int a = OK + 1; a < ERROR_COUNT; a++)
        for (int b = OK + 1; b < a; b++)
            if (strcmp(error_code((enum error)a), error_code((enum error)b)) == 0)
                assert_int_equal(error_http_status((enum error)a), error_http_status((enum error)b));
}

static enum error fails(void)
{
    return ERROR_CONFLICT;
}

static enum error tries(int *reached)
{
    TRY(OK);
    *reached = 1;
    TRY(fails());
    *reached = 2;
    return OK;
}

static void error_try_returns_the_failure_at_once(void **state)
{
    int reached = 0;
    assert_int_equal(tries(&reached), ERROR_CONFLICT);
    assert_int_equal(reached, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_rows_are_complete_and_within_their_protocols),
        cmocka_unit_test(error_codes_of_one_name_have_one_status),
        cmocka_unit_test(error_try_returns_the_failure_at_once),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
