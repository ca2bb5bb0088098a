/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SECURITY_HEADERS_H
#define HTTP_SECURITY_HEADERS_H

struct middleware;

/* Adds the headers that keep browsers from guessing types, framing, and leaking addresses. */
extern const struct middleware security_headers_middleware;

#endif
