/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP_METRICS_H
#define HTTP_HTTP_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "http/method.h"

struct http_metrics;
struct metrics;
struct router;

/* The figures about requests: http_requests_total{method,route,status}, http_request_duration_seconds{method,route},
 * http_connections, http_requests_in_flight. One for the process; every site of a reload counts into the same series.
 */

/* Declares the families, and the series of requests that match no route.
 * Owner:  the caller; http_metrics_destroy() after every site.
 * Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error http_metrics_create(struct metrics *metrics, struct http_metrics **out);
void http_metrics_destroy(struct http_metrics *metrics);

/* Declares the series of every route that has none yet. `out` gets their rows in the arena: two for each route id, that
 * of its method and that of HEAD. Not from two threads at once.
 * Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error http_metrics_add_routes(struct http_metrics *metrics, const struct router *router,
                                            struct arena *arena, unsigned **out);
/* Says that cores count from now on: no series is declared any more, and a route that a reload adds counts as
 * route="added". */
void http_metrics_freeze(struct http_metrics *metrics);
/* The row of requests without a route. */
unsigned http_metrics_unmatched(enum http_method method);
/* Counts one request. */
void http_metrics_count(struct http_metrics *metrics, unsigned core, unsigned row, int status, uint64_t duration_us);
/* Tells the gauges of one core. */
void http_metrics_set_load(struct http_metrics *metrics, unsigned core, size_t connections, size_t in_flight);

#endif
