/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP1_BYTES_H
#define HTTP_HTTP1_BYTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

/* Which bytes HTTP allows where (RFC 9110 section 5.6, RFC 9112, RFC 3986). */
enum {
    HTTP1_BYTES_TOKEN = 1,  /* tchar */
    HTTP1_BYTES_VALUE = 2,  /* of a header's value: visible, space, tab, above 127 */
    HTTP1_BYTES_TARGET = 4, /* of a request target: visible ASCII but '#' */
    HTTP1_BYTES_HOST = 8,   /* of a registered name: unreserved and sub-delims */
    HTTP1_BYTES_IPV6 = 16   /* between the brackets: hex digits, ':' and '.' */
};

extern const unsigned char http1_bytes_classes[256];

static inline bool http1_bytes_is(char byte, unsigned classes)
{
    return http1_bytes_classes[(unsigned char)byte] & classes;
}

/* How many bytes in front are of the classes. */
static inline size_t http1_bytes_span(struct slice text, unsigned classes)
{
    size_t len = 0;
    while (len < text.len && http1_bytes_is(text.ptr[len], classes))
        len++;
    return len;
}

/* Whether every byte may stand in a header's value. */
ANY_CORE bool http1_bytes_are_value(struct slice text);
/* Whether every byte may stand in a request target. */
ANY_CORE bool http1_bytes_are_target(struct slice text);
/* Whether it is a host with or without a port: a name, an IPv4 address or a bracketed IPv6 address. */
ANY_CORE bool http1_bytes_are_host(struct slice text);

#endif
