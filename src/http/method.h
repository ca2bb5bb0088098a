/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_METHOD_H
#define HTTP_METHOD_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/* The methods the server tells apart (RFC 9110 section 9, RFC 5789). Every other valid token is HTTP_OTHER. */
enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_CONNECT,
    HTTP_OTHER,
    HTTP_METHOD_COUNT
};

/* A set of methods is the OR of these. */
static inline uint64_t method_bit(enum http_method method)
{
    return UINT64_C(1) << method;
}

/* The name as it stands in a request line; "OTHER" for HTTP_OTHER (a label, not a method). Static memory. */
ANY_CORE struct slice method_name(enum http_method method);
/* The method of that name (case-sensitive), HTTP_OTHER when it is none of ours. */
ANY_CORE enum http_method method_parse(struct slice name);
/* Appends the names of a set, "GET, HEAD, OPTIONS", as Allow wants them. */
ANY_CORE void method_format_set(uint64_t set, struct buf *buf);

#endif
