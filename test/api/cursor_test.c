/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"

struct stage {
    struct arena arena;
    struct hmac_key *key;
};

static int begin(void **state)
{
    static struct stage stage;
    arena_init(&stage.arena, 1 << 20);
    assert_int_equal(digest_hmac_create(SLICE("a key of the database"), &stage.key), OK);
    *state = &stage;
    return 0;
}

static int end(void **state)
{
    struct stage *stage = *state;
    digest_hmac_destroy(stage->key);
    arena_fini(&stage->arena);
    return 0;
}

static void a_cursor_gives_back_the_keys_it_was_made_of(void **state)
{
    struct stage *stage = *state;
    const struct value keys[] = {VALUE_NOTHING, value_int(INT64_MIN), value_float(-0.5),
                                 value_text(SLICE("caf\xc3\xa9")), value_text(SLICE(""))};
    struct value back[5];
    struct slice cursor;
    assert_int_equal(cursor_encode(stage->key, 42, keys, 5, &stage->arena, &cursor), OK);
    for (size_t i = 0; i < cursor.len; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", cursor.ptr[i]));
    assert_int_equal(cursor_decode(stage->key, 42, cursor, 5, &stage->arena, back), OK);
    assert_int_equal(back[0].kind, VALUE_NULL);
    assert_true(back[1].integer == INT64_MIN);
    assert_true(back[2].number == -0.5);
    assert_true(slice_eq(back[3].text, keys[3].text));
    assert_int_equal(back[4].text.len, 0);
}

static void a_cursor_of_another_list_or_another_key_is_refused(void **state)
{
    struct stage *stage = *state;
    const struct value key = value_int(7);
    struct value back[2];
    struct slice cursor;
    struct hmac_key *other;
    assert_int_equal(digest_hmac_create(SLICE("another key"), &other), OK);
    assert_int_equal(cursor_encode(stage->key, 42, &key, 1, &stage->arena, &cursor), OK);
    assert_int_equal(cursor_decode(stage->key, 43, cursor, 1, &stage->arena, back), ERROR_VALIDATION);
    assert_int_equal(cursor_decode(other, 42, cursor, 1, &stage->arena, back), ERROR_VALIDATION);
    assert_int_equal(cursor_decode(stage->key, 42, cursor, 2, &stage->arena, back), ERROR_VALIDATION);
    assert_int_equal(cursor_decode(stage->key, 42, cursor, 0, &stage->arena, back), ERROR_VALIDATION);
    digest_hmac_destroy(other);
}

static void a_cursor_with_any_byte_changed_is_refused(void **state)
{
    struct stage *stage = *state;
    const struct value key = value_text(SLICE("2026-01-02T03:04:05.678901Z"));
    struct value back;
    struct slice cursor;
    assert_int_equal(cursor_encode(stage->key, 42, &key, 1, &stage->arena, &cursor), OK);
    for (size_t i = 0; i < cursor.len; i++) {
        char *changed = arena_text(&stage->arena, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(cursor_decode(stage->key, 42, slice_from(changed), 1, &stage->arena, &back), ERROR_VALIDATION);
        assert_int_equal(cursor_decode(stage->key, 42, slice_of(cursor.ptr, i), 1, &stage->arena, &back),
                         ERROR_VALIDATION);
    }
}

static void keys_that_are_too_long_make_no_cursor(void **state)
{
    struct stage *stage = *state;
    char *text = arena_zalloc(&stage->arena, 5000);
    const struct value key = value_text(slice_of(text, 5000));
    struct slice cursor;
    assert_int_equal(cursor_encode(stage->key, 42, &key, 1, &stage->arena, &cursor), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cursor_gives_back_the_keys_it_was_made_of, begin, end),
        cmocka_unit_test_setup_teardown(a_cursor_of_another_list_or_another_key_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_cursor_with_any_byte_changed_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(keys_that_are_too_long_make_no_cursor, begin, end),
    };
    return cmocka_run_group_tests_name("api/cursor", tests, NULL, NULL);
}
