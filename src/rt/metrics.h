/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_METRICS_H
#define RT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* Counters, gauges and histograms: declared at start-up, counted per core without sharing, summed when scraped, printed
 * as Prometheus text format 0.0.4. A series that was never touched is not printed. */
struct metrics;

enum {
    METRICS_FAMILIES_MAX = 1000,
    METRICS_SERIES_MAX = 65536,
    METRICS_BOUNDS_MAX = 16,
};

/* A registry for `cores` cores. Owner: the caller. */
MUST_USE enum error metrics_create(unsigned cores, struct metrics **out);
/* Accepts NULL. */
void metrics_destroy(struct metrics *metrics);

/* Names a family: `name` and `help` are static text, `label_names` is "method,route,status" or "".
 * Errors (also of the other metrics_add_…): ERROR_VALIDATION (a name, the bounds, the number of labels),
 * ERROR_CONFLICT (it is there already), ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE enum error metrics_add_counter(struct metrics *metrics, const char *name, const char *help,
                                        const char *label_names, unsigned *family);
MUST_USE enum error metrics_add_gauge(struct metrics *metrics, const char *name, const char *help,
                                      const char *label_names, unsigned *family);
/* Bucket bounds are upper bounds in the unit of the name, ascending, without +Inf; observations are given in millionths
 * of that unit (microseconds for a name in seconds). */
MUST_USE enum error metrics_add_histogram(struct metrics *metrics, const char *name, const char *help,
                                          const char *label_names, const double *bounds, size_t bound_count,
                                          unsigned *family);
/* Adds one series of a family; `label_values` in the order of its label names, copied and escaped. Before the cores
 * run. The series is the handle for the calls below. */
MUST_USE enum error metrics_add_series(struct metrics *metrics, unsigned family, const struct slice *label_values,
                                       size_t count, unsigned *series);

/* On the hot path: a plain add to the core's own cell. `core` is the core's index. */
void metrics_count(struct metrics *metrics, unsigned core, unsigned series, uint64_t by);
void metrics_observe(struct metrics *metrics, unsigned core, unsigned series, uint64_t millionths);
/* A gauge holds what each core set last; they are summed. */
void metrics_set(struct metrics *metrics, unsigned core, unsigned series, double value);

/* A figure that is asked for when scraped (a pool's size); `read` must be safe from any thread. */
MUST_USE enum error metrics_add_probe(struct metrics *metrics, unsigned family, const struct slice *label_values,
                                      size_t count, double (*read)(void *argument), void *argument);

/* Appends the whole exposition. */
ANY_CORE void metrics_print(struct metrics *metrics, struct buf *out);

#endif
