/* SPDX-License-Identifier: Apache-2.0 */
#include "data/postgres_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_code_is_the_error_of_its_row_or_of_its_class(void **state)
{
    static const struct {
        const char *code;
        enum error error;
        bool is_transient;
    } rows[] = {
        {"23505", ERROR_CONFLICT, false},    {"23503", ERROR_CONFLICT, false},
        {"23001", ERROR_CONFLICT, false},    {"23P01", ERROR_CONFLICT, false},
        {"40001", ERROR_UNAVAILABLE, true},  {"40P01", ERROR_UNAVAILABLE, true},
        {"40002", ERROR_INTERNAL, false},    {"53100", ERROR_INSUFFICIENT_STORAGE, false},
        {"53300", ERROR_UNAVAILABLE, false}, {"54000", ERROR_PAYLOAD_TOO_LARGE, false},
        {"55P03", ERROR_TIMEOUT, false},     {"57014", ERROR_TIMEOUT, false},
        {"57P01", ERROR_UNAVAILABLE, false}, {"25006", ERROR_UNAVAILABLE, false},
        {"25P02", ERROR_INTERNAL, false},    {"08006", ERROR_UNAVAILABLE, false},
        {"58030", ERROR_IO, false},          {"XX001", ERROR_IO, false},
        {"22P02", ERROR_VALIDATION, false},  {"42P01", ERROR_INTERNAL, false},
        {"", ERROR_UNAVAILABLE, false}, /* libpq itself: the connection */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(postgres_fault_of(slice_from(rows[i].code)), rows[i].error);
        assert_int_equal(postgres_fault_is_transient(slice_from(rows[i].code)), rows[i].is_transient);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_the_error_of_its_row_or_of_its_class),
    };
    return cmocka_run_group_tests_name("data/postgres_fault", tests, NULL, NULL);
}
