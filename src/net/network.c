/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses, and addresses as proxies write them. What comes from a client is read here, so everything that
 * inet_pton() does not take as a whole is refused. */
#include "net/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/number.h"

enum { BITS_OF_IPV4 = 96 }; /* of a mapped address: what stands before the IPv4 */

static const unsigned char mapped[BITS_OF_IPV4 / 8] = {[10] = 0xff, [11] = 0xff};

bool network_bytes(const struct address *address, unsigned char out[NETWORK_ADDRESS_BYTES])
{
    if (address->any.sa_family == AF_INET6) {
        memcpy(out, &address->in6.sin6_addr, NETWORK_ADDRESS_BYTES);
        return memcmp(out, mapped, sizeof mapped) == 0;
    }
    memcpy(out, mapped, sizeof mapped);
    memcpy(out + sizeof mapped, &address->in.sin_addr, sizeof address->in.sin_addr);
    return true;
}

static bool read_host(struct slice host, struct address *out)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[NETWORK_ADDRESS_BYTES];
    *out = (struct address){0};
    if (host.len == 0 || host.len >= sizeof text || slice_index(host, '\0') < host.len)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    out->in.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1)
        return true;
    *out = (struct address){0};
    out->in6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1)
        return false;
    if (network_bytes(out, bytes)) {
        *out = (struct address){0};
        out->in.sin_family = AF_INET;
        memcpy(&out->in.sin_addr, bytes + sizeof mapped, sizeof out->in.sin_addr);
    }
    return true;
}

static bool is_port(struct slice text)
{
    int64_t port;
    return text.len > 0 && text.len <= 5 && text.ptr[0] != '-' && number_parse_int(text, &port) == OK && port <= 65535;
}

enum error network_parse_address(struct slice text, struct address *out)
{
    struct address address;
    struct slice host = text, port = {NULL, 0};
    bool is_bracketed = slice_starts(text, SLICE("["));
    size_t colon = slice_index(text, ':');
    if (is_bracketed) {
        size_t end = slice_index(text, ']');
        if (end == text.len || (end + 1 < text.len && text.ptr[end + 1] != ':'))
            return ERROR_PARSE;
        host = slice_of(text.ptr + 1, end - 1);
        if (end + 1 < text.len)
            port = slice_from_index(text, end + 2);
    } else if (colon < text.len && slice_index(slice_from_index(text, colon + 1), ':') == text.len - colon - 1) {
        host = slice_of(text.ptr, colon);
        port = slice_from_index(text, colon + 1);
    }
    if ((port.ptr && !is_port(port)) || !read_host(host, &address))
        return ERROR_PARSE;
    if (is_bracketed && slice_index(host, ':') == host.len)
        return ERROR_PARSE;
    *out = address;
    return OK;
}

/* Whether no bit is set behind the first `bits`. */
static bool is_prefix(const struct network *network)
{
    for (unsigned bit = network->bits; bit < NETWORK_ADDRESS_BYTES * 8; bit++)
        if (network->bytes[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
}

enum error network_parse(struct slice text, struct network *out)
{
    struct address address;
    struct network network;
    size_t slash = slice_index(text, '/');
    struct slice digits = slice_from_index(text, slash + 1);
    int64_t bits = 0;
    if (!read_host(slice_of(text.ptr, slash), &address))
        return ERROR_VALIDATION;
    unsigned before = network_bytes(&address, network.bytes) ? BITS_OF_IPV4 : 0;
    network.bits = NETWORK_ADDRESS_BYTES * 8;
    if (slash < text.len) {
        bool is_number = digits.len > 0 && digits.len <= 3 && digits.ptr[0] != '-';
        if (!is_number || number_parse_int(digits, &bits) != OK || bits > NETWORK_ADDRESS_BYTES * 8 - before)
            return ERROR_VALIDATION;
        network.bits = before + (unsigned)bits;
    }
    if (!is_prefix(&network))
        return ERROR_VALIDATION;
    *out = network;
    return OK;
}

bool network_has(const struct network *network, const struct address *address)
{
    unsigned char bytes[NETWORK_ADDRESS_BYTES];
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    (void)network_bytes(address, bytes);
    if (memcmp(bytes, network->bytes, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}
