/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void slice_split_visits_every_part_also_the_empty_ones(void **state)
{
    struct slice rest = SLICE("a,,b,");
    struct slice part;
    assert_true(slice_split(&rest, ',', &part) && slice_eq_text(part, "a"));
    assert_true(slice_split(&rest, ',', &part) && slice_eq_text(part, ""));
    assert_true(slice_split(&rest, ',', &part) && slice_eq_text(part, "b"));
    assert_true(slice_split(&rest, ',', &part) && slice_eq_text(part, ""));
    assert_false(slice_split(&rest, ',', &part));
}

static void slice_trim_takes_spaces_and_tabs_off_both_ends(void **state)
{
    assert_true(slice_eq_text(slice_trim(SLICE(" \t a b\t ")), "a b"));
    assert_int_equal(slice_trim(SLICE("  ")).len, 0);
}

static void slice_compare_is_bytewise(void **state)
{
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
    assert_int_equal(slice_compare(SLICE(""), SLICE("")), 0);
}

static void slice_eq_nocase_folds_ascii_letters_only(void **state)
{
    assert_true(slice_eq_nocase(SLICE("Content-Type"), SLICE("content-tYPE")));
    assert_false(slice_eq_nocase(SLICE("["), SLICE("{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_split_visits_every_part_also_the_empty_ones),
        cmocka_unit_test(slice_trim_takes_spaces_and_tabs_off_both_ends),
        cmocka_unit_test(slice_compare_is_bytewise),
        cmocka_unit_test(slice_eq_nocase_folds_ascii_letters_only),
    };
    return cmocka_run_group_tests_name("base/slice", tests, NULL, NULL);
}
