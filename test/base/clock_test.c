/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void clock_system_never_goes_back_and_knows_the_century(void **state)
{
    int64_t last = clock_monotonic_us(clock_system());
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us(clock_system());
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_us(clock_system()) > INT64_C(1577836800000000)); /* 2020 */
    assert_true(clock_wall_us(clock_system()) < INT64_C(4102444800000000)); /* 2100 */
}

static void clock_deadlines_pass_at_their_time_and_huge_ones_never(void **state)
{
    static const struct {
        int64_t now_us, after_ms, expected;
    } rows[] = {
        {1000, 5, 6000},
        {0, 0, 0},
        {5, INT64_MAX, INT64_MAX},
        {INT64_MAX - 10, 1, INT64_MAX},
        {1000, INT64_MAX / 1000, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(deadline_after(rows[i].now_us, rows[i].after_ms).at_us == rows[i].expected);
    struct deadline soon = {100};
    assert_false(deadline_passed(soon, 99));
    assert_true(deadline_passed(soon, 100));
    assert_true(deadline_earlier(soon, DEADLINE_NEVER).at_us == 100);
    assert_true(deadline_earlier(DEADLINE_NEVER, soon).at_us == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_system_never_goes_back_and_knows_the_century),
        cmocka_unit_test(clock_deadlines_pass_at_their_time_and_huge_ones_never),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
