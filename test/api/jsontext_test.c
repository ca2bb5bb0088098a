/* SPDX-License-Identifier: Apache-2.0 */
#include "api/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

enum { SEED = 7 };

static enum error copy(const char *text, struct arena *arena, const char **why, struct slice *out)
{
    struct jsonread reader;
    struct json_value first;
    jsonread_init(&reader, slice_from(text), arena, JSONREAD_DEPTH_DEFAULT);
    jsonread_next(&reader, &first);
    return jsontext_copy(&reader, &first, SEED, arena, why, out);
}

static void jsontext_copy_leaves_out_white_space_and_needless_escapes(void **state)
{
    const struct {
        const char *text, *stored;
    } rows[] = {
        {" { \"a\" : [ 1 , 2.50 , 1e3 , true , false , null ] , \"b\" : { } } ",
         "{\"a\":[1,2.50,1e3,true,false,null],\"b\":{}}"},
        {"\"\\u00e9\\/ \\n\"", "\"\xc3\xa9/ \\n\""},
        {"[[],[[]]]", "[[],[[]]]"},
        {"{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}",
         "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"},
        {"-0", "-0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        const char *why = NULL;
        struct slice out;
        arena_init(&arena, 1 << 20);
        assert_int_equal(copy(rows[i].text, &arena, &why, &out), OK);
        if (!slice_eq_text(out, rows[i].stored))
            fail_msg("%s became %.*s", rows[i].text, SLICE_ARG(out));
        arena_fini(&arena);
    }
}

static void jsontext_copy_refuses_a_key_that_stands_twice_in_one_object(void **state)
{
    const char *const rows[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        const char *why = NULL;
        struct slice out;
        arena_init(&arena, 1 << 20);
        assert_int_equal(copy(rows[i], &arena, &why, &out), ERROR_VALIDATION);
        assert_string_equal(why, "holds a key twice");
        arena_fini(&arena);
    }
}

static void jsontext_copy_takes_many_keys_in_linear_time(void **state)
{
    struct arena arena;
    struct buf text;
    const char *why = NULL;
    struct slice out;
    arena_init(&arena, 64 << 20);
    buf_init(&text, 4 << 20);
    for (int i = 0; i < 60000; i++)
        buf_printf(&text, "%c\"key%d\":%d", i ? ',' : '{', i, i);
    buf_put_literal(&text, "}");
    buf_put_byte(&text, '\0');
    assert_int_equal(copy(text.ptr, &arena, &why, &out), OK);
    assert_int_equal(out.len, text.len - 1);
    buf_fini(&text);
    arena_fini(&arena);
}

/* 16 bytes that begin with these 8 all have one hash in object number 99, when the seed is known to be 0. */
static void jsontext_copy_takes_keys_made_to_collide_in_linear_time(void **state)
{
    struct arena arena;
    struct buf text;
    const char *why = NULL;
    struct slice out;
    arena_init(&arena, 128 << 20);
    buf_init(&text, 16 << 20);
    buf_put_byte(&text, '[');
    for (int i = 0; i < 97; i++)
        buf_put_literal(&text, "{},");
    for (int i = 0; i < 300000; i++)
        buf_printf(&text, "%c\"%s%08x\":0", i ? ',' : '{', "\\u00efNkqK\\u0009S", i);
    buf_put_literal(&text, "}]");
    buf_put_byte(&text, '\0');
    assert_int_equal(copy(text.ptr, &arena, &why, &out), OK);
    buf_fini(&text);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsontext_copy_leaves_out_white_space_and_needless_escapes),
        cmocka_unit_test(jsontext_copy_refuses_a_key_that_stands_twice_in_one_object),
        cmocka_unit_test(jsontext_copy_takes_many_keys_in_linear_time),
        cmocka_unit_test(jsontext_copy_takes_keys_made_to_collide_in_linear_time),
    };
    return cmocka_run_group_tests_name("api/jsontext", tests, NULL, NULL);
}
