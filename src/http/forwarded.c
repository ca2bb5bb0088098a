/* SPDX-License-Identifier: Apache-2.0 */
/* The hops of a request, from the last one back.
 *
 * Each header is a list, over any number of lines, to whose end each proxy adds whom it was asked by. So lines are
 * walked from the last, and each from its end; a comma inside a quoted string (RFC 7239 section 4) would be found as
 * the end of a hop there, but no address has one, so that the hop is none either way.
 *
 * Walking back stops at the first address that is no proxy's: what stands before it, its sender may have made up. */
#include "http/forwarded.h"

#include <string.h>

#include "http/http1.h"
#include "net/address.h"
#include "net/network.h"

enum verdict { HOP_PROXY, HOP_CLIENT, HOP_BROKEN };

struct walk {
    const struct network *proxies;
    size_t proxy_count;
    struct address found; /* the last hop that was looked at */
    bool is_found;
};

static bool is_proxy(const struct network *proxies, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (network_has(&proxies[i], address))
            return true;
    return false;
}

/* for="[2001:db8::1]:4711";proto=https: the text of `for`, without quotes. Empty: there is none, or two. */
static struct slice for_of(struct slice element)
{
    struct slice rest = element, pair, found = {NULL, 0};
    while (slice_split(&rest, ';', &pair)) {
        struct slice name, value = slice_trim(pair);
        if (!slice_split(&value, '=', &name) || !slice_eq_nocase(name, SLICE("for")))
            continue;
        if (found.ptr || !value.ptr)
            return SLICE("");
        found = value;
    }
    if (found.len >= 2 && found.ptr[0] == '"' && found.ptr[found.len - 1] == '"')
        found = slice_of(found.ptr + 1, found.len - 2);
    return found;
}

static enum verdict look_at(struct walk *walk, struct slice text)
{
    if (network_parse_address(text, &walk->found) != OK)
        return HOP_BROKEN;
    walk->is_found = true;
    return is_proxy(walk->proxies, walk->proxy_count, &walk->found) ? HOP_PROXY : HOP_CLIENT;
}

/* The hops of one line, from its end. */
static enum verdict walk_line(struct walk *walk, struct slice line, enum http1_known known)
{
    enum verdict verdict = HOP_PROXY;
    size_t end = line.len;
    while (verdict == HOP_PROXY) {
        size_t begin = end;
        while (begin > 0 && line.ptr[begin - 1] != ',')
            begin--;
        struct slice element = slice_trim(slice_of(line.ptr + begin, end - begin));
        if (element.len > 0) /* empty elements of a list are nothing (RFC 9110 section 5.6.1) */
            verdict = look_at(walk, known == HTTP1_HEADER_FORWARDED ? for_of(element) : element);
        if (begin == 0)
            break;
        end = begin - 1;
    }
    return verdict;
}

/* The client by one header; false: it does not say. */
static bool find_by(struct walk *walk, const struct http1_head *head, enum http1_known known)
{
    static const struct slice names[HTTP1_HEADER_COUNT] = {
        [HTTP1_HEADER_FORWARDED] = SLICE_INIT("forwarded"),
        [HTTP1_HEADER_X_FORWARDED_FOR] = SLICE_INIT("x-forwarded-for"),
    };
    enum verdict verdict = HOP_PROXY;
    walk->is_found = false;
    for (unsigned i = head->count; i > 0 && verdict == HOP_PROXY; i--)
        if (slice_eq_nocase(head->headers[i - 1].name, names[known]))
            verdict = walk_line(walk, head->headers[i - 1].value, known);
    return walk->is_found && verdict != HOP_BROKEN;
}

static bool is_same(const struct address *a, const struct address *b)
{
    unsigned char a_bytes[NETWORK_ADDRESS_BYTES], b_bytes[NETWORK_ADDRESS_BYTES];
    (void)network_bytes(a, a_bytes);
    (void)network_bytes(b, b_bytes);
    return memcmp(a_bytes, b_bytes, sizeof a_bytes) == 0;
}

const struct address *forwarded_find(const struct http1_head *head, const struct address *peer,
                                     const struct network *proxies, size_t proxy_count, struct arena *arena)
{
    struct walk by_for = {.proxies = proxies, .proxy_count = proxy_count}, by_standard = by_for;
    bool has_for = http1_head_has(head, HTTP1_HEADER_X_FORWARDED_FOR);
    bool has_standard = http1_head_has(head, HTTP1_HEADER_FORWARDED);
    if ((!has_for && !has_standard) || !is_proxy(proxies, proxy_count, peer))
        return peer;
    if (has_for && !find_by(&by_for, head, HTTP1_HEADER_X_FORWARDED_FOR))
        return peer;
    if (has_standard && !find_by(&by_standard, head, HTTP1_HEADER_FORWARDED))
        return peer;
    if (has_for && has_standard && !is_same(&by_for.found, &by_standard.found))
        return peer;
    struct address *client = arena_alloc(arena, sizeof *client);
    if (!client)
        return peer;
    *client = has_for ? by_for.found : by_standard.found;
    return client;
}
