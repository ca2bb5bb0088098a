/* SPDX-License-Identifier: Apache-2.0 */
#include "http/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"

static void every_status_has_its_own_index_and_line(void **state)
{
    int before = 0;
    for (unsigned index = 0; index < STATUS_INDEX_OTHER; index++) {
        char expected[100];
        int status = status_at(index);
        assert_true(status > before);
        assert_int_equal(status_index(status), index);
        int length =
            snprintf(expected, sizeof expected, "HTTP/1.1 %d %.*s\r\n", status, SLICE_ARG(status_reason(status)));
        assert_true(length > 0);
        assert_true(slice_eq_text(status_line(status), expected));
        before = status;
    }
}

static void a_status_that_is_not_listed_is_other(void **state)
{
    static const int others[] = {-1, 0, 99, 199, 299, 418, 599, 600, 100000};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(status_index(others[i]), STATUS_INDEX_OTHER);
    assert_int_equal(status_at(STATUS_INDEX_OTHER), 0);
    assert_true(slice_eq_text(status_line(418), "HTTP/1.1 500 Internal Server Error\r\n"));
}

static void every_error_has_a_listed_status(void **state)
{
    for (enum error error = OK; error < ERROR_COUNT; error++)
        assert_int_not_equal(status_index(error_http_status(error)), STATUS_INDEX_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_own_index_and_line),
        cmocka_unit_test(a_status_that_is_not_listed_is_other),
        cmocka_unit_test(every_error_has_a_listed_status),
    };
    return cmocka_run_group_tests_name("http/status", tests, NULL, NULL);
}
