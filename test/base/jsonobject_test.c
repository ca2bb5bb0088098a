/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonobject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"

enum { ARENA_BYTES = 1 << 20 };

static enum error read_text(struct slice text, size_t limit, struct arena *arena, struct jsonobject *out)
{
    const char *reason = NULL;
    enum error error = jsonobject_read(text, limit, arena, out, &reason);
    if (error == ERROR_PARSE)
        assert_non_null(reason);
    return error;
}

static void jsonobject_read_gives_the_members_in_order(void **state)
{
    struct arena arena;
    struct jsonobject object;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(
        read_text(SLICE(" {\"a\":\"x\\n\", \"b\" : [1,{\"c\":[]}] ,\"\\u0063\":-1.5e3,\"d\":{},\"e\":null} "), 5,
                  &arena, &object),
        OK);
    static const struct {
        const char *name, *text;
        enum json_token token;
    } rows[] = {
        {"a", "x\n", JSON_STRING},    {"b", "[1,{\"c\":[]}]", JSON_ARRAY_BEGIN},
        {"c", "-1.5e3", JSON_NUMBER}, {"d", "{}", JSON_OBJECT_BEGIN},
        {"e", "null", JSON_NULL},
    };
    assert_int_equal(object.count, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct jsonobject_member *member = jsonobject_find(&object, slice_from(rows[i].name));
        assert_ptr_equal(member, &object.members[i]);
        assert_int_equal(member->value.token, rows[i].token);
        if (rows[i].token != JSON_NULL)
            assert_true(slice_eq_text(member->value.text, rows[i].text));
    }
    assert_null(jsonobject_find(&object, SLICE("f")));
    assert_int_equal(read_text(SLICE("{}"), 0, &arena, &object), OK);
    assert_int_equal(object.count, 0);
    arena_fini(&arena);
}

static void jsonobject_read_refuses_what_has_two_readings(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}}",
        "{\"a\":1}{}",
        "{\"a\":1} x",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":1 /* */}",
        "{\"a\":[1}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u0000\"}",
        "\xEF\xBB\xBF{}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}",
        "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct jsonobject object;
        arena_init(&arena, ARENA_BYTES);
        if (read_text(slice_from(rows[i]), 3, &arena, &object) != ERROR_PARSE)
            fail_msg("accepted: %s", rows[i]);
        arena_fini(&arena);
    }
}

static void jsonobject_read_list_gives_the_values(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        enum error error;
    } rows[] = {
        {"[]", 0, OK},
        {"[1,\"a\",{\"b\":[2]}]", 3, OK},
        {"[1,2,3,4]", 0, ERROR_PARSE},
        {"{}", 0, ERROR_PARSE},
        {"[1", 0, ERROR_PARSE},
        {"[1]]", 0, ERROR_PARSE},
        {"[1,]", 0, ERROR_PARSE},
        {"", 0, ERROR_PARSE},
        {"[{\"a\"}]", 0, ERROR_PARSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct json_value *items;
        size_t count = 0;
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(jsonobject_read_list(slice_from(rows[i].text), 3, &arena, &items, &count, NULL),
                         rows[i].error);
        assert_int_equal(count, rows[i].count);
        if (count == 3)
            assert_true(slice_eq_text(items[2].text, "{\"b\":[2]}"));
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonobject_read_gives_the_members_in_order),
        cmocka_unit_test(jsonobject_read_refuses_what_has_two_readings),
        cmocka_unit_test(jsonobject_read_list_gives_the_values),
    };
    return cmocka_run_group_tests_name("base/jsonobject", tests, NULL, NULL);
}
