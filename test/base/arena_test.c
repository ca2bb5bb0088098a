/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void arena_gives_aligned_pieces_that_do_not_overlap(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *last = NULL;
    for (size_t size = 0; size < 3000; size += 7) {
        char *piece = arena_zalloc(&arena, size);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 16, 0);
        assert_ptr_not_equal(piece, size ? last : NULL);
        memset(piece, 0xa5, size);
        last = piece;
    }
    arena_fini(&arena);
}

static void arena_refuses_more_than_its_limit_and_still_gives_what_fits(void **state)
{
    struct arena arena;
    arena_init(&arena, 10000);
    assert_null(arena_alloc(&arena, 20000));
    assert_non_null(arena_alloc(&arena, 9000));
    assert_null(arena_alloc(&arena, 2000));
    assert_non_null(arena_alloc(&arena, 16));
    arena_fini(&arena);
}

static void arena_refuses_sizes_that_overflow(void **state)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 20));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    arena_fini(&arena);
}

static void arena_reset_keeps_one_small_chunk(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *first = arena_alloc(&arena, 100);
    assert_non_null(arena_alloc(&arena, 100000));
    arena_reset(&arena);
    assert_in_range(arena.used_bytes, 1, 4096);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_fini(&arena);
    assert_int_equal(arena.used_bytes, 0);
}

static void arena_printf_formats_into_the_arena(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_text(&arena, SLICE("abc")), "abc");
    arena_fini(&arena);
}

static void arena_grow_keeps_what_is_there_and_zeroes_the_rest(void **state)
{
    struct arena arena;
    int *items = NULL;
    size_t capacity = 0;
    arena_init(&arena, 4000);
    for (int i = 0; i < 20; i++) {
        int *grown = arena_grow(&arena, items, (size_t)i, &capacity, sizeof *items);
        assert_non_null(grown);
        assert_true(grown == items || i == 0 || i == 8 || i == 16);
        assert_int_equal(grown[i], 0);
        items = grown;
        items[i] = i;
    }
    assert_int_equal(capacity, 32);
    for (int i = 0; i < 20; i++)
        assert_int_equal(items[i], i);
    assert_null(arena_grow(&arena, items, capacity, &capacity, sizeof(int) * 100));
    assert_int_equal(capacity, 32);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_pieces_that_do_not_overlap),
        cmocka_unit_test(arena_refuses_more_than_its_limit_and_still_gives_what_fits),
        cmocka_unit_test(arena_refuses_sizes_that_overflow),
        cmocka_unit_test(arena_reset_keeps_one_small_chunk),
        cmocka_unit_test(arena_printf_formats_into_the_arena),
        cmocka_unit_test(arena_grow_keeps_what_is_there_and_zeroes_the_rest),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
