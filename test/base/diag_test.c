/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void diag_keeps_the_first_sentence_and_copies_its_texts(void **state)
{
    struct arena arena;
    struct diag diag;
    char text[8] = "first";
    arena_init(&arena, 1 << 20);
    diag_init(&diag, &arena);
    diag_say(&diag, text, "%s sentence", text);
    text[0] = 'X';
    diag_say(&diag, NULL, "second sentence");
    char file[12] = "app.yaml";
    diag_at(&diag, (struct place){file, 1, 2}, NULL, "wrong");
    file[0] = 'X';
    assert_string_equal(diag.first->place.file, "app.yaml");
    assert_string_equal(diag.message, "first sentence");
    assert_string_equal(diag.hint, "first");
    assert_int_equal(diag.count, 1);
    arena_fini(&arena);
}

static void diag_keeps_items_in_order_and_counts_beyond_its_room(void **state)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 20);
    diag_init(&diag, &arena);
    diag_field(&diag, SLICE("operations.1.title"), "write less", "longer than %d", 80);
    diag_warn(&diag, (struct place){"app.yaml", 2, 5}, NULL, "nobody may read it");
    for (int i = 0; i < DIAG_ITEMS_MAX + 10; i++)
        diag_at(&diag, (struct place){"app.yaml", 3, 1}, NULL, "wrong %d", i);
    assert_string_equal(diag.first->field, "operations.1.title");
    assert_string_equal(diag.first->message, "longer than 80");
    assert_string_equal(diag.first->hint, "write less");
    assert_true(diag.first->next->is_warning);
    assert_int_equal(diag.first->next->place.column, 5);
    assert_int_equal(diag.count, DIAG_ITEMS_MAX + 11);
    assert_int_equal(diag.warning_count, 1);
    assert_int_equal(diag.kept, DIAG_ITEMS_MAX);
    arena_fini(&arena);
}

static void diag_counts_a_failure_also_when_memory_is_exhausted(void **state)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 0);
    diag_init(&diag, &arena);
    diag_field(&diag, SLICE("title"), "hint", "wrong");
    diag_at(&diag, (struct place){"a", 1, 1}, NULL, "wrong");
    assert_int_equal(diag.count, 2);
    assert_null(diag.first);
    assert_string_equal(diag_quote(&diag, SLICE("x")), "");
}

static void diag_null_takes_everything_and_does_nothing(void **state)
{
    diag_say(NULL, NULL, "x");
    diag_field(NULL, SLICE("f"), NULL, "x");
    diag_at(NULL, (struct place){"a", 1, 1}, NULL, "x");
    diag_warn(NULL, (struct place){"a", 1, 1}, NULL, "x");
    assert_string_equal(diag_quote(NULL, SLICE("x")), "");
}

static void diag_sort_orders_by_file_line_and_column(void **state)
{
    static const struct place places[] = {{"b", 1, 1}, {"a", 2, 1}, {"a", 1, 9}, {"a", 1, 2}, {NULL, 0, 0}};
    struct arena arena;
    struct diag diag;
    char order[16] = "";
    size_t length = 0;
    arena_init(&arena, 1 << 20);
    diag_init(&diag, &arena);
    diag_sort(&diag);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        diag_at(&diag, places[i], NULL, "%zu", i);
    diag_sort(&diag);
    for (struct diag_item *item = diag.first; item; item = item->next)
        length += (size_t)snprintf(order + length, sizeof order - length, "%s", item->message);
    assert_string_equal(order, "43210");
    assert_string_equal(diag.last->message, "0");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diag_keeps_the_first_sentence_and_copies_its_texts),
        cmocka_unit_test(diag_keeps_items_in_order_and_counts_beyond_its_room),
        cmocka_unit_test(diag_counts_a_failure_also_when_memory_is_exhausted),
        cmocka_unit_test(diag_null_takes_everything_and_does_nothing),
        cmocka_unit_test(diag_sort_orders_by_file_line_and_column),
    };
    return cmocka_run_group_tests_name("base/diag", tests, NULL, NULL);
}
