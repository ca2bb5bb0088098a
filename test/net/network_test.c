/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_network_is_read_strictly_and_has_its_addresses(void **state)
{
    static const struct {
        const char *network;
        bool is_valid;
        const char *inside, *outside; /* NULL: none */
    } rows[] = {
        {"127.0.0.1", true, "127.0.0.1", "127.0.0.2"},
        {"10.0.0.0/8", true, "10.255.1.2", "11.0.0.0"},
        {"10.0.0.0/8", true, "::ffff:10.1.2.3", "::10.1.2.3"},
        {"192.168.4.0/22", true, "192.168.7.255", "192.168.8.0"},
        {"192.168.4.0/22", true, "192.168.4.0", "192.168.3.255"},
        {"0.0.0.0/0", true, "255.1.2.3", "::1"},
        {"::/0", true, "1.2.3.4", NULL},
        {"10.1.2.3/32", true, "10.1.2.3", "10.1.2.2"},
        {"fd00::/8", true, "fdff::1", "fe00::"},
        {"2001:db8::1", true, "2001:db8::1", "2001:db8::2"},
        {"2001:db8::/33", true, "2001:db8:7fff::", "2001:db8:8000::"},
        {"::ffff:10.0.0.0/104", false, NULL, NULL}, /* it is 10.0.0.0/8 */
        {"10.0.0.1/8", false, NULL, NULL},          /* bits behind the prefix */
        {"10.0.0.0/33", false, NULL, NULL},
        {"fd00::/129", false, NULL, NULL},
        {"10.0.0.0/", false, NULL, NULL},
        {"10.0.0.0/-1", false, NULL, NULL},
        {"10.0.0.0/08x", false, NULL, NULL},
        {"10.0.0/8", false, NULL, NULL},
        {"10.0.0.0:80", false, NULL, NULL},
        {"localhost", false, NULL, NULL},
        {"*", false, NULL, NULL},
        {"", false, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct network network;
        struct address address;
        enum error error = network_parse(slice_from(rows[i].network), &network);
        if ((error == OK) != rows[i].is_valid)
            fail_msg("\"%s\": %s", rows[i].network, error_code(error));
        if (rows[i].inside) {
            assert_int_equal(network_parse_address(slice_from(rows[i].inside), &address), OK);
            if (!network_has(&network, &address))
                fail_msg("%s is not in %s", rows[i].inside, rows[i].network);
        }
        if (rows[i].outside) {
            assert_int_equal(network_parse_address(slice_from(rows[i].outside), &address), OK);
            if (network_has(&network, &address))
                fail_msg("%s is in %s", rows[i].outside, rows[i].network);
        }
    }
}

static void an_address_is_read_as_proxies_write_it(void **state)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:4711", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:4711", "2001:db8::1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:192.0.2.1]:80", "192.0.2.1"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:-1", NULL},
        {"192.0.2.1:8x", NULL},
        {"0192.0.2.1", NULL},
        {"[192.0.2.1]", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]4711", NULL},
        {"[2001:db8::1]:", NULL},
        {"[]", NULL},
        {"2001:db8::1%eth0", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2.1 ", NULL},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES] = "";
        if (network_parse_address(slice_from(rows[i].text), &address) == OK)
            address_format_host(&address, text);
        if (strcmp(text, rows[i].host ? rows[i].host : "") != 0)
            fail_msg("\"%s\" gives \"%s\"", rows[i].text, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_is_read_strictly_and_has_its_addresses),
        cmocka_unit_test(an_address_is_read_as_proxies_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
