/* SPDX-License-Identifier: Apache-2.0 */
/* One line and one count per request.
 *
 * It stands outside "recover", so it sees the status that the client sees; a 408 or 499 is a request whose answer
 * nobody could take (http/recover.c). The path is logged as it was sent, escaped, and cut where its line would become
 * too long and lose all of its fields; never the query, the headers or the body, which may hold what only their owner
 * should see. A request that matched no route is "unmatched", so that a scanner cannot invent series or log keys. */
#include "http/access_log.h"

#include "base/log.h"
#include "http/http1.h"
#include "http/http_metrics.h"
#include "http/middleware.h"
#include "http/site.h"
#include "net/address.h"
#include "rt/core.h"

enum { PATH_BYTES_MAX = 16 * 1024 }; /* twice as long when escaped */

static unsigned metrics_row(const struct exchange *x)
{
    if (!x->route)
        return http_metrics_unmatched(x->head->method);
    return x->site->series[x->route->id * 2 + (x->head->method == HTTP_HEAD)];
}

static enum log_level level_of(const struct exchange *x)
{
    if (x->status < 500)
        return LOG_LEVEL_INFO;
    return x->status == 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
}

static size_t body_bytes(const struct exchange *x)
{
    return x->head->method == HTTP_HEAD || x->status == 204 || x->status == 304 ? 0 : x->body.len;
}

static void write_line(const struct exchange *x, int64_t duration_us)
{
    char remote[ADDRESS_TEXT_BYTES];
    size_t remote_len = address_format_host(x->peer, remote);
    struct slice path = x->head->path;
    if (path.len > PATH_BYTES_MAX)
        path.len = PATH_BYTES_MAX;
    struct log_field fields[] = {
        LOG_STR("request_id", x->request_id),
        LOG_STR("method", x->head->method_text),
        LOG_STR("route", x->route ? x->route->pattern : SLICE("unmatched")),
        LOG_STR("path", path),
        LOG_INT("status", x->status),
        LOG_THOUSANDTHS("duration_ms", duration_us),
        LOG_INT("bytes", (int64_t)body_bytes(x)),
        LOG_STR("remote", slice_of(remote, remote_len)),
        LOG_TEXT("error", error_code(x->error)),
        LOG_TEXT("cause", x->diag.message),
    };
    size_t left_out = x->error == OK ? 2 : x->status < 500 || !x->diag.message ? 1 : 0;
    log_event(x->log, level_of(x), "request", fields, ARRAY_LEN(fields) - left_out);
}

static void access_log_leave(struct exchange *x)
{
    int64_t duration_us = core_refresh_us(x->core) - x->started_us;
    if (duration_us < 0)
        duration_us = 0;
    if (x->site->config.metrics)
        http_metrics_count(x->site->config.metrics, core_index(x->core), metrics_row(x), x->status,
                           (uint64_t)duration_us);
    if (log_enabled(x->log, level_of(x)))
        write_line(x, duration_us);
}

const struct middleware access_log_middleware = {.name = "access log", .leave = access_log_leave};
