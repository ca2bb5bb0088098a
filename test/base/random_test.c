/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Counts upwards, and fails when it has no more. */
struct counter {
    unsigned next;
    unsigned fills_left;
};

static enum error count_up(void *state, void *bytes, size_t size)
{
    struct counter *counter = state;
    if (counter->fills_left == 0)
        return ERROR_IO;
    counter->fills_left--;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)counter->next++;
    return OK;
}

static void random_bytes_hands_each_byte_out_once_and_wipes_it(void **state)
{
    struct counter counter = {.fills_left = 1};
    struct random_source source;
    unsigned char bytes[64];
    random_source_init(&source, count_up, &counter);
    for (unsigned round = 0; round < RANDOM_BUFFER_BYTES / sizeof bytes; round++) {
        assert_int_equal(random_bytes(&source, bytes, sizeof bytes), OK);
        assert_int_equal(bytes[0], (unsigned char)(round * sizeof bytes));
        assert_int_equal(source.ahead[round * sizeof bytes + 1], 0);
    }
    assert_int_equal(random_bytes(&source, bytes, 1), ERROR_IO);
}

static void random_bytes_larger_than_the_buffer_come_straight_from_the_source(void **state)
{
    struct counter counter = {.fills_left = 1};
    struct random_source source;
    unsigned char bytes[RANDOM_BUFFER_BYTES + 1];
    random_source_init(&source, count_up, &counter);
    assert_int_equal(random_bytes(&source, bytes, sizeof bytes), OK);
    assert_int_equal(counter.next, sizeof bytes);
}

static void random_source_system_does_not_repeat_itself(void **state)
{
    struct random_source source;
    uint64_t numbers[200];
    random_source_system(&source);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_int_equal(random_u64(&source, &numbers[i]), OK);
        for (size_t j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    }
}

static void random_below_stays_below_and_reaches_all(void **state)
{
    struct random_source source;
    unsigned seen[7] = {0};
    uint64_t number;
    random_source_system(&source);
    for (int i = 0; i < 7000; i++) {
        assert_int_equal(random_below(&source, ARRAY_LEN(seen), &number), OK);
        assert_true(number < ARRAY_LEN(seen));
        seen[number]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 700, 1300); /* ten standard deviations */
    assert_int_equal(random_below(&source, 1, &number), OK);
    assert_true(number == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_hands_each_byte_out_once_and_wipes_it),
        cmocka_unit_test(random_bytes_larger_than_the_buffer_come_straight_from_the_source),
        cmocka_unit_test(random_source_system_does_not_repeat_itself),
        cmocka_unit_test(random_below_stays_below_and_reaches_all),
    };
    return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
