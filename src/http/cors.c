/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin resource sharing (the Fetch standard, "HTTP extensions").
 *
 * An origin is listed exactly or not at all; the opaque origin "null" never is, because every sandboxed page has it.
 * An origin that is not listed gets its answer without the headers: the browser refuses to show it. As the answer
 * depends on Origin, caches are told so (Vary) even when the request has none; only `*` without credentials gives
 * everybody the same. */
#include "http/cors.h"

#include "http/http1.h"
#include "http/middleware.h"
#include "http/site.h"

static bool is_wildcard(const struct http_cors *cors)
{
    return cors->origin_count == 1 && slice_eq_text(cors->origins[0], "*");
}

bool cors_is_listed(const struct http_cors *cors, struct slice origin)
{
    if (origin.len == 0 || slice_eq_text(origin, "null"))
        return false;
    if (is_wildcard(cors))
        return true;
    for (size_t i = 0; i < cors->origin_count; i++)
        if (slice_eq(cors->origins[i], origin))
            return true;
    return false;
}

static bool is_preflight(const struct exchange *x)
{
    return x->head->method == HTTP_OPTIONS && http1_head_has(x->head, HTTP1_HEADER_ORIGIN) &&
           http1_head_has(x->head, HTTP1_HEADER_ACCESS_CONTROL_REQUEST_METHOD);
}

static enum error cors_enter(struct exchange *x)
{
    const struct http_cors *cors = &x->site->settings.cors;
    if (cors->origin_count == 0 || !is_preflight(x))
        return OK;
    x->status = 204;
    if (!cors_is_listed(cors, exchange_header(x, HTTP1_HEADER_ORIGIN)))
        return OK;
    struct buf *headers = &x->server_headers;
    buf_put_literal(headers, "Access-Control-Allow-Methods: ");
    method_format_set(x->allow, headers);
    buf_put_literal(headers, "\r\nAccess-Control-Allow-Headers: Accept, Authorization, Content-Type, Idempotency-Key, "
                             "If-Match, If-None-Match, Prefer, X-API-Key, X-CSRF-Token, X-Request-Id, traceparent\r\n"
                             "Access-Control-Max-Age: ");
    buf_put_int(headers, cors->max_age_s);
    buf_put_literal(headers, "\r\n");
    return OK;
}

static void cors_leave(struct exchange *x)
{
    const struct http_cors *cors = &x->site->settings.cors;
    struct buf *headers = &x->server_headers;
    if (cors->origin_count == 0)
        return;
    struct slice origin = exchange_header(x, HTTP1_HEADER_ORIGIN);
    bool is_for_all = is_wildcard(cors) && !cors->credentials;
    if (!is_for_all)
        buf_put_literal(headers, "Vary: Origin\r\n");
    if (!cors_is_listed(cors, origin))
        return;
    buf_put_literal(headers, "Access-Control-Allow-Origin: ");
    buf_put_slice(headers, is_for_all ? SLICE("*") : origin);
    if (cors->credentials)
        buf_put_literal(headers, "\r\nAccess-Control-Allow-Credentials: true");
    buf_put_literal(headers,
                    "\r\nAccess-Control-Expose-Headers: ETag, Idempotency-Replayed, Link, Location, "
                    "Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, X-Total-Count\r\n");
}

const struct middleware cors_middleware = {.name = "CORS", .enter = cors_enter, .leave = cors_leave};
