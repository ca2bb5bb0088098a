/* SPDX-License-Identifier: Apache-2.0 */
#include "base/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

static void percent_decode_reads_escapes_and_a_plus_only_in_queries(void **state)
{
    static const struct {
        struct slice text, segment, query;
    } rows[] = {
        {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("plain"), SLICE_INIT("plain"), SLICE_INIT("plain")},
        {SLICE_INIT("a%20b+c"), SLICE_INIT("a b+c"), SLICE_INIT("a b c")},
        {SLICE_INIT("+"), SLICE_INIT("+"), SLICE_INIT(" ")},
        {SLICE_INIT("%2B%2b"), SLICE_INIT("++"), SLICE_INIT("++")},
        {SLICE_INIT("%C3%A9%2f%00"), SLICE_INIT("\xC3\xA9/\0"), SLICE_INIT("\xC3\xA9/\0")},
        {SLICE_INIT("%2525"), SLICE_INIT("%25"), SLICE_INIT("%25")},
    };
    struct arena arena;
    struct slice out;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(percent_decode(rows[i].text, &arena, &out), OK);
        assert_true(slice_eq(out, rows[i].segment));
        assert_int_equal(percent_decode_query(rows[i].text, &arena, &out), OK);
        assert_true(slice_eq(out, rows[i].query));
    }
    arena_fini(&arena);
}

static void percent_decode_refuses_broken_escapes(void **state)
{
    static const char *const rows[] = {"%", "a%", "%2", "%g0", "%0g", "%%20", "100%", "% 20", "%-1"};
    struct arena arena;
    struct slice out;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(percent_decode(slice_from(rows[i]), &arena, &out), ERROR_PARSE);
        assert_int_equal(percent_decode_query(slice_from(rows[i]), &arena, &out), ERROR_PARSE);
    }
    arena_fini(&arena);
}

static void percent_decode_borrows_what_has_no_escapes(void **state)
{
    struct slice text = SLICE("plain"), out;
    assert_int_equal(percent_decode(text, NULL, &out), OK);
    assert_ptr_equal(out.ptr, text.ptr);
}

static void percent_encode_writes_what_decode_reads_back(void **state)
{
    char bytes[256];
    struct arena arena;
    struct buf buf;
    struct slice out, all = slice_of(bytes, sizeof bytes);
    arena_init(&arena, ARENA_BYTES);
    buf_init(&buf, 10000);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    percent_encode_segment(&buf, all);
    assert_int_equal(slice_index(buf_slice(&buf), '/'), buf.len);
    assert_int_equal(slice_index(buf_slice(&buf), '?'), buf.len);
    assert_int_equal(percent_decode(buf_slice(&buf), &arena, &out), OK);
    assert_true(slice_eq(out, all));
    buf_clear(&buf);
    percent_encode_query(&buf, all);
    static const char separators[] = "&+=;# ";
    for (const char *c = separators; *c; c++)
        assert_int_equal(slice_index(buf_slice(&buf), *c), buf.len);
    assert_int_equal(percent_decode_query(buf_slice(&buf), &arena, &out), OK);
    assert_true(slice_eq(out, all));
    buf_clear(&buf);
    percent_encode_query(&buf, SLICE("a b/\xC3\xA9"));
    assert_true(slice_eq_text(buf_slice(&buf), "a%20b/%C3%A9"));
    buf_clear(&buf);
    percent_encode_form(&buf, SLICE("a:b +~*/-._"));
    assert_true(slice_eq_text(buf_slice(&buf), "a%3Ab%20%2B%7E%2A%2F-._"));
    buf_fini(&buf);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percent_decode_reads_escapes_and_a_plus_only_in_queries),
        cmocka_unit_test(percent_decode_refuses_broken_escapes),
        cmocka_unit_test(percent_decode_borrows_what_has_no_escapes),
        cmocka_unit_test(percent_encode_writes_what_decode_reads_back),
    };
    return cmocka_run_group_tests_name("base/percent", tests, NULL, NULL);
}
