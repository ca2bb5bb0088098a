/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_LIMIT_METRICS_H
#define SVC_LIMIT_METRICS_H

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct limit_metrics;
struct metrics;

/* tenon_limit_refused_total{limit}: requests that a limit has refused. One for the process; it cannot grow while cores
 * count, so a limit that a reload brings counts as limit="added". */

/* Owner: the caller; limit_metrics_destroy() after every site. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error limit_metrics_create(struct metrics *registry, struct limit_metrics **out);
/* Accepts NULL. */
void limit_metrics_destroy(struct limit_metrics *metrics);
/* Says that cores count from now on. */
void limit_metrics_freeze(struct limit_metrics *metrics);

/* The row of a limit, declared where that is still possible. Not from two threads at once. Errors: ERROR_MEMORY,
 * ERROR_LIMIT. */
MUST_USE enum error limit_metrics_add(struct limit_metrics *metrics, struct slice name, unsigned *out);
void limit_metrics_count(struct limit_metrics *metrics, unsigned core, unsigned row);

#endif
