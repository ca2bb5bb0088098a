/* SPDX-License-Identifier: Apache-2.0 */
#include "http/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void every_method_is_found_by_its_name(void **state)
{
    for (enum http_method method = HTTP_GET; method < HTTP_OTHER; method++)
        assert_int_equal(method_parse(method_name(method)), method);
    static const char *const others[] = {"", "get", "GETS", "GE", "BREW", "OTHER", "PROPFIND"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(method_parse(slice_from(others[i])), HTTP_OTHER);
}

static void a_set_is_written_as_allow_wants_it(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    method_format_set(method_bit(HTTP_OPTIONS) | method_bit(HTTP_GET) | method_bit(HTTP_OTHER), &buf);
    assert_true(slice_eq_text(buf_slice(&buf), "GET, OPTIONS"));
    buf_clear(&buf);
    method_format_set(0, &buf);
    assert_int_equal(buf.len, 0);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_is_found_by_its_name),
        cmocka_unit_test(a_set_is_written_as_allow_wants_it),
    };
    return cmocka_run_group_tests_name("http/method", tests, NULL, NULL);
}
