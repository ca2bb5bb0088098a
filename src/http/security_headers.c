/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that are the same on every answer, as one piece of text; but for pages that people see, which say themselves
 * what they may do, and whose forms come back with their origin (a browser names none where no referrer is sent). */
#include "http/security_headers.h"

#include "http/middleware.h"
#include "http/site.h"

static void put_page_policy(struct exchange *x)
{
    buf_put_literal(&x->server_headers, "X-Content-Type-Options: nosniff\r\n"
                                        "Referrer-Policy: same-origin\r\n"
                                        "Content-Security-Policy: ");
    buf_put_slice(&x->server_headers, x->page_policy);
    buf_put_literal(&x->server_headers, "\r\n");
}

static void security_headers_leave(struct exchange *x)
{
    if (x->error == OK && x->page_policy.len > 0)
        put_page_policy(x);
    else
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
