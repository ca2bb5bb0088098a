/* SPDX-License-Identifier: Apache-2.0 */
#include "model/jsonmerge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

enum { SEED = 7, LIMIT = 64 << 20 };

static enum error merge(const char *target, const char *patch, struct arena *arena, struct slice *out)
{
    struct slice text = target ? slice_from(target) : slice_of(NULL, 0);
    return jsonmerge_apply(text, slice_from(patch), SEED, LIMIT, arena, out);
}

static const struct row {
    const char *target, *patch, *merged; /* `merged` NULL: ERROR_PARSE */
} rows[] = {
    /* the examples of RFC 7396, appendix A, whose patch is an object */
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    /* and others */
    {NULL, "{\"a\":null,\"b\":{\"c\":null,\"d\":[null]}}", "{\"b\":{\"d\":[null]}}"},
    {"\"text\"", "{\"a\":1}", "{\"a\":1}"},
    {"{\"a\":1}", "{}", "{\"a\":1}"},
    {"{ \"\\u0061\" : 1.50e2 , \"b\" : { \"x\" : 1 } }", "{\"a\":1,\"b\":{\"y\":2}}",
     "{\"a\":1,\"b\":{\"x\":1,\"y\":2}}"},
    {"{\"n\":1.50e2,\"q\":\"\\\"\\n\"}", "{\"z\":0}", "{\"n\":1.50e2,\"q\":\"\\\"\\n\",\"z\":0}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":3}", "{\"a\":3}"},
    {"{\"a\":1", "{\"a\":3}", NULL},
    {"{\"a\":1}", "{\"a\":3", NULL},
    {"{\"a\":1}", "[1]", NULL},
    {"{\"a\":1}", "{\"a\":3,\"a\":4}", NULL},
    {"{\"a\":1} x", "{\"a\":3}", NULL},
};

static void jsonmerge_apply_merges_as_rfc_7396_says(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct slice out;
        arena_init(&arena, 1 << 20);
        enum error error = merge(rows[i].target, rows[i].patch, &arena, &out);
        assert_int_equal(error, rows[i].merged ? OK : ERROR_PARSE);
        if (error == OK && !slice_eq_text(out, rows[i].merged))
            fail_msg("%s with %s became %.*s", rows[i].target, rows[i].patch, SLICE_ARG(out));
        arena_fini(&arena);
    }
}

static void put_object(struct buf *text, int from, int count)
{
    for (int i = 0; i < count; i++)
        buf_printf(text, "%c\"key%08d\":0", i ? ',' : '{', from + i);
    buf_put_byte(text, '}');
    buf_put_byte(text, '\0');
}

static void jsonmerge_apply_takes_two_large_objects_in_linear_time(void **state)
{
    enum { KEYS = 300000 };
    struct arena arena;
    struct buf target, patch;
    struct slice out;
    arena_init(&arena, 256 << 20);
    buf_init(&target, LIMIT);
    buf_init(&patch, LIMIT);
    put_object(&target, 0, KEYS);
    put_object(&patch, KEYS / 2, KEYS);
    assert_int_equal(merge(target.ptr, patch.ptr, &arena, &out), OK);
    assert_int_equal(out.len, (target.len - 2) / 2 * 3 + 1);
    buf_fini(&target);
    buf_fini(&patch);
    arena_fini(&arena);
}

static void jsonmerge_apply_refuses_what_would_grow_too_long(void **state)
{
    struct arena arena;
    struct slice out;
    arena_init(&arena, 1 << 20);
    enum error error = jsonmerge_apply(SLICE("{\"a\":1}"), SLICE("{\"b\":2}"), SEED, 12, &arena, &out);
    assert_int_equal(error, ERROR_LIMIT);
    error = jsonmerge_apply(SLICE("{\"a\":1}"), SLICE("{\"b\":2}"), SEED, 13, &arena, &out);
    assert_int_equal(error, OK);
    arena_fini(&arena);
}

static void jsonmerge_apply_survives_every_failure_of_memory(void **state)
{
    for (size_t limit = 0;; limit += 64) {
        struct arena arena;
        struct slice out;
        arena_init(&arena, limit);
        enum error error = merge("{\"a\":{\"\\u00e9\":1}}", "{\"a\":{\"\\u00e9\":{\"c\":2}},\"d\":[1]}", &arena, &out);
        arena_fini(&arena);
        if (error == OK)
            break;
        assert_int_equal(error, ERROR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonmerge_apply_merges_as_rfc_7396_says),
        cmocka_unit_test(jsonmerge_apply_takes_two_large_objects_in_linear_time),
        cmocka_unit_test(jsonmerge_apply_refuses_what_would_grow_too_long),
        cmocka_unit_test(jsonmerge_apply_survives_every_failure_of_memory),
    };
    return cmocka_run_group_tests_name("model/jsonmerge", tests, NULL, NULL);
}
