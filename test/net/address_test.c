/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"

static const struct {
    const char *text;
    const char *printed; /* NULL: refused */
    const char *host;
    bool is_loopback;
} rows[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", true},
    {"[::1]:8080", "[::1]:8080", "::1", true},
    {":8080", "0.0.0.0:8080", "0.0.0.0", false},
    {"localhost:80", "127.0.0.1:80", "127.0.0.1", true},
    {"10.20.30.255:0", "10.20.30.255:0", "10.20.30.255", false},
    {"[2001:DB8::1]:65535", "[2001:db8::1]:65535", "2001:db8::1", false},
    {"", NULL, NULL, false},
    {"8080", NULL, NULL, false},
    {"127.0.0.1", NULL, NULL, false},
    {"127.0.0.1:", NULL, NULL, false},
    {"127.0.0.1:65536", NULL, NULL, false},
    {"127.0.0.1:999999", NULL, NULL, false},
    {"127.0.0.1:80x", NULL, NULL, false},
    {"127.0.0.1:-1", NULL, NULL, false},
    {"256.0.0.1:80", NULL, NULL, false},
    {"::1:80", NULL, NULL, false},
    {"[::1]", NULL, NULL, false},
    {"[::1:80", NULL, NULL, false},
    {"[127.0.0.1]:80", NULL, NULL, false},
    {"example.org:80", NULL, NULL, false},
    {"[]:80", NULL, NULL, false},
};

static void parse_reads_what_format_writes_and_refuses_the_rest(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES];
        enum error error = address_parse(slice_from(rows[i].text), NULL, &address);
        if ((error == OK) != (rows[i].printed != NULL))
            fail_msg("%s", rows[i].text);
        if (error != OK)
            continue;
        assert_int_equal(address_format(&address, text), strlen(rows[i].printed));
        assert_string_equal(text, rows[i].printed);
        assert_int_equal(address_format_host(&address, text), strlen(rows[i].host));
        assert_string_equal(text, rows[i].host);
        assert_int_equal(address_is_loopback(&address), rows[i].is_loopback);
    }
}

static void parse_says_what_to_write_instead(void **state)
{
    struct arena arena;
    struct diag diag;
    struct address address;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(address_parse(SLICE("8080"), &diag, &address), ERROR_VALIDATION);
    assert_string_equal(diag.message, "\"8080\": not an address to listen on");
    assert_non_null(diag.hint);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_what_format_writes_and_refuses_the_rest),
        cmocka_unit_test(parse_says_what_to_write_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
