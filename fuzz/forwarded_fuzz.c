/* SPDX-License-Identifier: Apache-2.0 */
/* Which client a proxy says it is. The input is the value of X-Forwarded-For, or of Forwarded where it begins with a
 * semicolon. Whatever a client writes before what its proxy adds, the client is whom the proxy saw; and who is no proxy
 * is believed nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/forwarded.h"
#include "http/http1.h"
#include "net/address.h"
#include "net/network.h"

enum { MEMORY = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct address address_of(const char *text)
{
    struct address address;
    CHECK(network_parse_address(slice_from(text), &address) == OK, "the addresses of this file are addresses");
    return address;
}

static void put_header(struct http1_head *head, bool is_standard, struct slice value)
{
    enum http1_known known = is_standard ? HTTP1_HEADER_FORWARDED : HTTP1_HEADER_X_FORWARDED_FOR;
    head->headers[0] = (struct http1_header){is_standard ? SLICE("Forwarded") : SLICE("x-forwarded-for"), value};
    head->known[known] = 1;
    head->count = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char seen[] = "192.0.2.1";
    struct http1_head *head = calloc(1, sizeof *head);
    struct arena arena;
    struct network proxy;
    struct address peer = address_of("10.0.0.1"), stranger = address_of("198.51.100.1"), client = address_of(seen);
    bool is_standard = size > 0 && bytes[0] == ';';
    CHECK(head, "memory");
    CHECK(network_parse(SLICE("10.0.0.0/8"), &proxy) == OK, "a network");
    arena_init(&arena, MEMORY);
    put_header(head, is_standard, slice_of((const char *)bytes + is_standard, size - is_standard));
    CHECK(forwarded_find(head, &peer, &proxy, 1, &arena) != NULL, "there is always somebody");
    CHECK(forwarded_find(head, &stranger, &proxy, 1, &arena) == &stranger, "a stranger is who they are");
    const char *whole = arena_printf(&arena, "%.*s, %s%s", (int)(size - is_standard), (const char *)bytes + is_standard,
                                     is_standard ? "for=" : "", seen);
    CHECK(whole, "memory");
    struct slice value = slice_from(whole);
    if (size > 0 && memchr(bytes, 0, size) == NULL) {
        put_header(head, is_standard, value);
        const struct address *found = forwarded_find(head, &peer, &proxy, 1, &arena);
        CHECK(memcmp(&found->in.sin_addr, &client.in.sin_addr, sizeof client.in.sin_addr) == 0,
              "the client is whom the proxy saw");
    }
    arena_fini(&arena);
    free(head);
    return 0;
}
