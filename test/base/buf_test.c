/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void buf_grows_up_to_its_limit_and_remembers_the_failure(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        buf_put_byte(&buf, 'x');
    assert_false(buf_failed(&buf));
    buf_put_byte(&buf, 'y');
    assert_true(buf_failed(&buf));
    buf_put_byte(&buf, 'z');
    assert_int_equal(buf.len, 1000);
    buf_clear(&buf);
    assert_false(buf_failed(&buf));
    buf_put_literal(&buf, "again");
    assert_memory_equal(buf.ptr, "again", 5);
    buf_fini(&buf);
}

static void buf_put_int_writes_the_digits_that_printf_writes(void **state)
{
    const int64_t numbers[] = {0, 1, 9, 10, 99, 100, 101, 12345, -1, -10, -999, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf buf;
        char expected[32];
        buf_init(&buf, 100);
        buf_put_int(&buf, numbers[i]);
        int length = snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        assert_int_equal(buf.len, length);
        assert_memory_equal(buf.ptr, expected, buf.len);
        buf_fini(&buf);
    }
}

static void buf_printf_formats_to_the_end(void **state)
{
    struct buf buf;
    buf_init(&buf, 100);
    buf_put_literal(&buf, "a");
    buf_printf(&buf, "%d%s", 5, "b");
    assert_true(slice_eq_text(buf_slice(&buf), "a5b"));
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows_up_to_its_limit_and_remembers_the_failure),
        cmocka_unit_test(buf_put_int_writes_the_digits_that_printf_writes),
        cmocka_unit_test(buf_printf_formats_to_the_end),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
