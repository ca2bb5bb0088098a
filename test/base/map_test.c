/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void map_finds_what_was_added_and_keeps_its_order(void **state)
{
    enum { COUNT = 5000 };
    static const uint64_t seeds[] = {0, 12345};
    static char names[COUNT][8]; /* written before it is read */
    for (size_t s = 0; s < ARRAY_LEN(seeds); s++) {
        struct map map;
        map_init(&map, COUNT, seeds[s]);
        assert_null(map_find(&map, SLICE("n1")));
        for (int i = 0; i < COUNT; i++) {
            int length = snprintf(names[i], sizeof names[i], "n%d", i);
            assert_int_equal(map_add(&map, slice_of(names[i], (size_t)length), names[i]), OK);
        }
        assert_int_equal(map_count(&map), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_ptr_equal(map_at(&map, i)->value, names[i]);
            assert_ptr_equal(map_find(&map, slice_from(names[i])), names[i]);
        }
        assert_null(map_find(&map, SLICE("n5000")));
        assert_null(map_find(&map, SLICE("")));
        map_fini(&map);
        assert_null(map_find(&map, SLICE("n1")));
    }
}

static void map_refuses_a_second_value_and_more_than_its_limit(void **state)
{
    struct map map;
    int a = 1, b = 2;
    map_init(&map, 2, 7);
    assert_int_equal(map_add(&map, SLICE("a"), &a), OK);
    assert_int_equal(map_add(&map, SLICE("a"), &b), ERROR_CONFLICT);
    assert_ptr_equal(map_find(&map, SLICE("a")), &a);
    assert_int_equal(map_add(&map, SLICE(""), &b), OK);
    assert_ptr_equal(map_find(&map, SLICE("")), &b);
    assert_int_equal(map_add(&map, SLICE("c"), &b), ERROR_LIMIT);
    assert_int_equal(map_count(&map), 2);
    map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_finds_what_was_added_and_keeps_its_order),
        cmocka_unit_test(map_refuses_a_second_value_and_more_than_its_limit),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
