/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text and back.
 *
 * The text of an app file's `listen:` is parsed at start-up only. Formatting is on the path of every request (the
 * remote of the access log), so IPv4 is written by hand: inet_ntop() goes through printf. */
#include "net/address.h"

#include <arpa/inet.h>
#include <string.h>

static bool parse_port(struct slice text, unsigned *out)
{
    unsigned port = 0;
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = port;
    return port <= 65535;
}

static bool parse_host(struct slice host, bool is_bracketed, struct address *address)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = 0;
    if (is_bracketed) {
        address->in6.sin6_family = AF_INET6;
        return inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1;
    }
    address->in.sin_family = AF_INET;
    if (host.len == 0)
        return true; /* INADDR_ANY is zero */
    if (slice_eq_text(host, "localhost")) {
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return true;
    }
    return inet_pton(AF_INET, text, &address->in.sin_addr) == 1;
}

/* Cuts "host:port" or "[host]:port" at the colon that belongs to the port. */
static bool cut(struct slice text, struct slice *host, bool *is_bracketed, struct slice *port)
{
    *is_bracketed = text.len > 0 && text.ptr[0] == '[';
    size_t end = *is_bracketed ? slice_index(text, ']') : slice_index(text, ':');
    size_t colon = *is_bracketed ? end + 1 : end;
    if (colon >= text.len || text.ptr[colon] != ':')
        return false;
    size_t begin = *is_bracketed ? 1 : 0;
    *host = slice_of(text.ptr + begin, end - begin);
    *port = slice_from_index(text, colon + 1);
    return true;
}

enum error address_parse(struct slice text, struct diag *diag, struct address *out)
{
    struct address address = {0};
    struct slice host, port_text;
    bool is_bracketed;
    unsigned port;
    if (!cut(text, &host, &is_bracketed, &port_text) || !parse_port(port_text, &port) ||
        !parse_host(host, is_bracketed, &address)) {
        diag_say(diag, "write an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080",
                 "\"%.*s\": not an address to listen on", SLICE_ARG(text));
        return ERROR_VALIDATION;
    }
    address_set_port(&address, port);
    *out = address;
    return OK;
}

static char *put_decimal(char *at, unsigned number)
{
    char digits[10];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

size_t address_format_host(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->in6.sin6_addr, text, ADDRESS_TEXT_BYTES);
        return strlen(text);
    }
    unsigned bits = ntohl(address->in.sin_addr.s_addr);
    char *at = text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        at = put_decimal(at, bits >> shift & 255);
        if (shift > 0)
            *at++ = '.';
    }
    *at = 0;
    return (size_t)(at - text);
}

size_t address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
    bool is_bracketed = address->any.sa_family == AF_INET6;
    char host[ADDRESS_TEXT_BYTES];
    size_t len = address_format_host(address, host);
    char *at = text;
    if (is_bracketed)
        *at++ = '[';
    memcpy(at, host, len);
    at += len;
    if (is_bracketed)
        *at++ = ']';
    *at++ = ':';
    at = put_decimal(at, address_port(address));
    *at = 0;
    return (size_t)(at - text);
}

unsigned address_port(const struct address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port : address->in.sin_port);
}

void address_set_port(struct address *address, unsigned port)
{
    if (address->any.sa_family == AF_INET6)
        address->in6.sin6_port = htons((in_port_t)port);
    else
        address->in.sin_port = htons((in_port_t)port);
}

socklen_t address_length(const struct address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->in6) : sizeof(address->in);
}

bool address_is_loopback(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
    return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
}
