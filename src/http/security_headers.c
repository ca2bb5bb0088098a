/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that are the same on every answer, as one piece of text. */
#include "http/security_headers.h"

#include "http/middleware.h"
#include "http/site.h"

static void security_headers_leave(struct exchange *x)
{
    buf_put_literal(&x->server_headers, "X-Content-Type-Options: nosniff\r\n"
                                        "Referrer-Policy: no-referrer\r\n"
                                        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    int64_t hsts_s = x->site->settings.hsts_s;
    if (hsts_s == 0)
        return;
    buf_put_literal(&x->server_headers, "Strict-Transport-Security: max-age=");
    buf_put_int(&x->server_headers, hsts_s);
    buf_put_literal(&x->server_headers, "; includeSubDomains\r\n");
}

const struct middleware security_headers_middleware = {.name = "security headers", .leave = security_headers_leave};
