/* SPDX-License-Identifier: Apache-2.0 */
#include "http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http1.h"
#include "http/http_settings.h"
#include "net/address.h"
#include "net/network.h"

static const struct {
    const char *peer, *headers, *client;
} rows[] = {
    {"127.0.0.1", "", "127.0.0.1"},
    {"127.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
    {"::ffff:127.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
    {"fd00::7", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.2", "X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.2"}, /* a stranger */
    {"192.0.2.9", "Forwarded: for=192.0.2.1\r\n", "192.0.2.9"},
    {"127.0.0.1", "X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n", "192.0.2.1"}, /* what stands before it is made up */
    {"127.0.0.1", "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-For: 192.0.2.1, 10.0.0.5,10.1.2.3\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.5, 10.0.0.6\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-For: 10.0.0.9, 10.0.0.5\r\n", "10.0.0.9"}, /* only proxies: the first of them asks */
    {"127.0.0.1", "X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"},
    {"127.0.0.1", "X-Forwarded-For: , 192.0.2.1 ,,\r\n", "192.0.2.1"},
    {"127.0.0.1", "X-Forwarded-For: garbage, 192.0.2.1\r\n", "192.0.2.1"}, /* never looked at */
    {"127.0.0.1", "X-Forwarded-For: garbage\r\n", "127.0.0.1"},
    {"127.0.0.1", "X-Forwarded-For: 192.0.2.1, garbage\r\n", "127.0.0.1"},
    {"127.0.0.1", "X-Forwarded-For: garbage, 10.0.0.5\r\n", "127.0.0.1"},
    {"127.0.0.1", "X-Forwarded-For:\r\n", "127.0.0.1"},
    {"127.0.0.1", "X-Forwarded-For: unknown\r\n", "127.0.0.1"},
    {"127.0.0.1", "Forwarded: for=192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", "Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17"},
    {"127.0.0.1", "Forwarded: proto=http; FOR=192.0.2.60;by=203.0.113.43\r\n", "192.0.2.60"},
    {"127.0.0.1", "Forwarded: for=198.51.100.7, for=192.0.2.1;by=10.0.0.1, for=10.0.0.1\r\n", "192.0.2.1"},
    {"127.0.0.1", "Forwarded: for=_hidden\r\n", "127.0.0.1"},
    {"127.0.0.1", "Forwarded: by=192.0.2.1\r\n", "127.0.0.1"},
    {"127.0.0.1", "Forwarded: for=192.0.2.1;for=192.0.2.2\r\n", "127.0.0.1"},
    {"127.0.0.1", "Forwarded: for=\"192.0.2.1\r\n", "127.0.0.1"},
    {"127.0.0.1", "Forwarded: for=\"a, for=192.0.2.1\r\n", "192.0.2.1"}, /* the proxy wrote the last one */
    {"127.0.0.1", "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
    {"127.0.0.1", "Forwarded: for=198.51.100.7\r\nX-Forwarded-For: 192.0.2.1\r\n", "127.0.0.1"}, /* who is lying? */
    {"127.0.0.1", "Forwarded: for=x\r\nX-Forwarded-For: 192.0.2.1\r\n", "127.0.0.1"},
};

static void the_client_is_the_first_from_the_end_that_is_no_proxy(void **state)
{
    static const char *const proxies[] = {"127.0.0.1", "10.0.0.0/8", "fd00::/8"};
    struct network networks[ARRAY_LEN(proxies)];
    struct http1_head *head = calloc(1, sizeof *head);
    struct http_settings settings = http_settings_default();
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
        assert_int_equal(network_parse(slice_from(proxies[i]), &networks[i]), OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1 parser;
        struct address peer;
        char text[ADDRESS_TEXT_BYTES];
        const char *request = arena_printf(&arena, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", rows[i].headers);
        http1_init(&parser, &settings.limits);
        assert_int_equal(http1_parse_head(&parser, slice_from(request), head), HTTP1_DONE);
        assert_int_equal(network_parse_address(slice_from(rows[i].peer), &peer), OK);
        const struct address *client = forwarded_find(head, &peer, networks, ARRAY_LEN(networks), &arena);
        address_format_host(client, text);
        if (strcmp(text, rows[i].client) != 0)
            fail_msg("%s with %s is %s", rows[i].peer, rows[i].headers, text);
    }
    arena_fini(&arena);
    free(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_first_from_the_end_that_is_no_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
