/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that are the same on every answer, as one piece of text. */
#include "http/security_headers.h"

#include "http/middleware.h"

static void security_headers_leave(struct exchange *x)
{
    buf_put_literal(&x->server_headers, "X-Content-Type-Options: nosniff\r\n"
                                        "Referrer-Policy: no-referrer\r\n"
                                        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
}

const struct middleware security_headers_middleware = {.name = "security headers", .leave = security_headers_leave};
