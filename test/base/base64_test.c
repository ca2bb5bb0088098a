/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

static void base64_writes_and_reads_the_vectors_of_rfc_4648(void **state)
{
    static const struct {
        struct slice bytes;
        const char *standard, *url;
    } rows[] = {
        {SLICE_INIT(""), "", ""},
        {SLICE_INIT("f"), "Zg==", "Zg"},
        {SLICE_INIT("fo"), "Zm8=", "Zm8"},
        {SLICE_INIT("foo"), "Zm9v", "Zm9v"},
        {SLICE_INIT("foob"), "Zm9vYg==", "Zm9vYg"},
        {SLICE_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {SLICE_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {SLICE_INIT("\xFB\xFF\xFE\x00"), "+//+AA==", "-__-AA"},
    };
    struct arena arena;
    struct slice out;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(base64_encode_standard(rows[i].bytes, &arena, &out), OK);
        assert_true(slice_eq_text(out, rows[i].standard));
        assert_int_equal(base64_encode_url(rows[i].bytes, &arena, &out), OK);
        assert_true(slice_eq_text(out, rows[i].url));
        assert_int_equal(base64_decode_standard(slice_from(rows[i].standard), &arena, &out), OK);
        assert_true(slice_eq(out, rows[i].bytes));
        assert_int_equal(base64_decode_url(slice_from(rows[i].url), &arena, &out), OK);
        assert_true(slice_eq(out, rows[i].bytes));
    }
    arena_fini(&arena);
}

static void base64_refuses_every_text_but_the_one(void **state)
{
    static const char *const standard[] = {"Zg",     "Zg=", "Zg===", "Zh==", "Zm9=",     "Zm8",     "Zm 9v",
                                           "Zm9v\n", "=",   "====",  "Z===", "-__-AA==", "Zg==Zg=="};
    static const char *const url[] = {"Zg==", "Z", "Zh", "Zm9", "Zm9vY", "Zm9v=", "+//+AA", "Zm.v"};
    struct arena arena;
    struct slice out;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(standard); i++)
        assert_int_equal(base64_decode_standard(slice_from(standard[i]), &arena, &out), ERROR_PARSE);
    for (size_t i = 0; i < ARRAY_LEN(url); i++)
        assert_int_equal(base64_decode_url(slice_from(url[i]), &arena, &out), ERROR_PARSE);
    arena_fini(&arena);
}

static void base64_of_any_bytes_is_read_back(void **state)
{
    struct arena arena;
    struct slice text, again;
    char bytes[50];
    arena_init(&arena, ARENA_BYTES);
    srand(6);
    for (int i = 0; i < 5000; i++) {
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (char)rand();
        struct slice some = slice_of(bytes, (size_t)rand() % sizeof bytes);
        arena_reset(&arena);
        assert_int_equal(base64_encode_url(some, &arena, &text), OK);
        assert_int_equal(base64_decode_url(text, &arena, &again), OK);
        assert_true(slice_eq(some, again));
    }
    arena_fini(&arena);
    arena_init(&arena, 0);
    assert_int_equal(base64_encode_url(SLICE("x"), &arena, &text), ERROR_MEMORY);
    assert_int_equal(base64_decode_url(SLICE("Zg"), &arena, &text), ERROR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_writes_and_reads_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_refuses_every_text_but_the_one),
        cmocka_unit_test(base64_of_any_bytes_is_read_back),
    };
    return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
