/* SPDX-License-Identifier: Apache-2.0 */
/* The figures about requests.
 *
 * Idea: every series that a request can count into is declared before it comes, so counting is two array adds in the
 * core's own memory. A row holds the series of one method and route: one counter per status that there is, and one
 * histogram. Series that were never touched are not printed, so the many that stay zero cost memory only.
 *
 * Rows outlive sites: a reload finds the rows of the routes that it kept by method and pattern, and counting goes on
 * where it was. The registry cannot grow while cores count (rt/metrics.h), so a route that only a reload brings counts
 * as route="added".
 *
 * Rows 0 .. HTTP_METHOD_COUNT - 1 are those of requests without a route, by method; as many of "added" follow. */
#include "http/http_metrics.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/slice.h"
#include "http/router.h"
#include "http/status.h"
#include "rt/metrics.h"

enum { ROWS_PER_BLOCK = 64, BLOCKS_MAX = 128, NAMES_MAX_BYTES = 4 * 1024 * 1024, ADDED = HTTP_METHOD_COUNT };

struct row {
    enum http_method method;
    struct slice pattern;
    unsigned duration;
    unsigned requests[STATUS_INDEX_COUNT];
};

struct http_metrics {
    struct metrics *metrics;
    unsigned requests_family, duration_family;
    unsigned connections, in_flight;
    struct row *blocks[BLOCKS_MAX];
    unsigned count;
    bool is_frozen;
    struct arena names;
};

static const double duration_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1,     2.5,  5,     10};

static struct row *row_at(const struct http_metrics *metrics, unsigned row)
{
    return &metrics->blocks[row / ROWS_PER_BLOCK][row % ROWS_PER_BLOCK];
}

static enum error add_status_series(struct http_metrics *metrics, struct row *row)
{
    for (unsigned i = 0; i < STATUS_INDEX_COUNT; i++) {
        char text[16];
        struct buf status = {.ptr = text, .cap = sizeof(text), .limit_bytes = sizeof(text)};
        if (i == STATUS_INDEX_OTHER)
            buf_put_literal(&status, "other");
        else
            buf_put_int(&status, status_at(i));
        struct slice labels[] = {method_name(row->method), row->pattern, buf_slice(&status)};
        TRY(metrics_add_series(metrics->metrics, metrics->requests_family, labels, ARRAY_LEN(labels),
                               &row->requests[i]));
    }
    return OK;
}

static enum error add_row(struct http_metrics *metrics, enum http_method method, struct slice pattern, unsigned *out)
{
    if (metrics->count == ROWS_PER_BLOCK * BLOCKS_MAX)
        return ERROR_LIMIT;
    struct row **block = &metrics->blocks[metrics->count / ROWS_PER_BLOCK];
    if (!*block && !(*block = calloc(ROWS_PER_BLOCK, sizeof(**block))))
        return ERROR_MEMORY;
    struct row *row = row_at(metrics, metrics->count);
    row->method = method;
    row->pattern = arena_slice(&metrics->names, pattern);
    if (!row->pattern.ptr)
        return ERROR_MEMORY;
    struct slice labels[] = {method_name(method), row->pattern};
    TRY(metrics_add_series(metrics->metrics, metrics->duration_family, labels, ARRAY_LEN(labels), &row->duration));
    TRY(add_status_series(metrics, row));
    *out = metrics->count++;
    return OK;
}

static enum error find_or_add_row(struct http_metrics *metrics, enum http_method method, struct slice pattern,
                                  unsigned *out)
{
    for (unsigned i = 0; i < metrics->count; i++) {
        const struct row *row = row_at(metrics, i);
        if (row->method == method && slice_eq(row->pattern, pattern)) {
            *out = i;
            return OK;
        }
    }
    if (!metrics->is_frozen)
        return add_row(metrics, method, pattern, out);
    *out = ADDED + method;
    return OK;
}

static enum error declare(struct http_metrics *metrics)
{
    unsigned family, row;
    TRY(metrics_add_counter(metrics->metrics, "http_requests_total", "Requests answered.", "method,route,status",
                            &metrics->requests_family));
    TRY(metrics_add_histogram(metrics->metrics, "http_request_duration_seconds",
                              "Time from the end of a request's head to its answer.", "method,route", duration_bounds,
                              ARRAY_LEN(duration_bounds), &metrics->duration_family));
    TRY(metrics_add_gauge(metrics->metrics, "http_connections", "Open connections.", "", &family));
    TRY(metrics_add_series(metrics->metrics, family, NULL, 0, &metrics->connections));
    TRY(metrics_add_gauge(metrics->metrics, "http_requests_in_flight", "Requests being served.", "", &family));
    TRY(metrics_add_series(metrics->metrics, family, NULL, 0, &metrics->in_flight));
    for (unsigned method = 0; method < HTTP_METHOD_COUNT; method++)
        TRY(add_row(metrics, (enum http_method)method, SLICE("unmatched"), &row));
    for (unsigned method = 0; method < HTTP_METHOD_COUNT; method++)
        TRY(add_row(metrics, (enum http_method)method, SLICE("added"), &row));
    return OK;
}

enum error http_metrics_create(struct metrics *registry, struct http_metrics **out)
{
    struct http_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return ERROR_MEMORY;
    metrics->metrics = registry;
    arena_init(&metrics->names, NAMES_MAX_BYTES);
    enum error error = declare(metrics);
    if (error != OK) {
        http_metrics_destroy(metrics);
        return error;
    }
    *out = metrics;
    return OK;
}

void http_metrics_destroy(struct http_metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        free(metrics->blocks[i]);
    arena_fini(&metrics->names);
    free(metrics);
}

enum error http_metrics_add_routes(struct http_metrics *metrics, const struct router *router, struct arena *arena,
                                   unsigned **out)
{
    size_t count = router_count(router);
    unsigned *rows = arena_array(arena, count * 2, sizeof(*rows));
    if (!rows)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct http_route *route = router_at(router, i);
        TRY(find_or_add_row(metrics, route->method, route->pattern, &rows[i * 2]));
        rows[i * 2 + 1] = rows[i * 2];
        if (route->method == HTTP_GET)
            TRY(find_or_add_row(metrics, HTTP_HEAD, route->pattern, &rows[i * 2 + 1]));
    }
    *out = rows;
    return OK;
}

void http_metrics_freeze(struct http_metrics *metrics)
{
    metrics->is_frozen = true;
}

unsigned http_metrics_unmatched(enum http_method method)
{
    return method;
}

void http_metrics_count(struct http_metrics *metrics, unsigned core, unsigned row, int status, uint64_t duration_us)
{
    const struct row *found = row_at(metrics, row);
    metrics_count(metrics->metrics, core, found->requests[status_index(status)], 1);
    metrics_observe(metrics->metrics, core, found->duration, duration_us);
}

void http_metrics_set_load(struct http_metrics *metrics, unsigned core, size_t connections, size_t in_flight)
{
    metrics_set(metrics->metrics, core, metrics->connections, (double)connections);
    metrics_set(metrics->metrics, core, metrics->in_flight, (double)in_flight);
}
