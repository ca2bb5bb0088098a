/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void hex_encode_writes_lower_case_that_decode_reads(void **state)
{
    char text[8], bytes[4];
    hex_encode(slice_of("\x00\x7f\xAB\xFF", 4), text);
    assert_memory_equal(text, "007fabff", 8);
    assert_int_equal(hex_decode(slice_of(text, 8), bytes, 4), OK);
    assert_memory_equal(bytes, "\x00\x7f\xAB\xFF", 4);
    assert_int_equal(hex_decode(SLICE("007FABFF"), bytes, 4), OK);
}

static void hex_decode_refuses_other_lengths_and_other_digits(void **state)
{
    static const char *const rows[] = {"", "0", "000", "00000", "0g", "g0", "@0", "`0", ":0", "/0", " 0", "0x"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char byte = 'x';
        assert_int_equal(hex_decode(slice_from(rows[i]), &byte, 1), ERROR_PARSE);
        assert_int_equal(byte, 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_encode_writes_lower_case_that_decode_reads),
        cmocka_unit_test(hex_decode_refuses_other_lengths_and_other_digits),
    };
    return cmocka_run_group_tests_name("base/hex", tests, NULL, NULL);
}
