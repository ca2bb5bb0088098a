/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_GAUGES_H
#define APP_GAUGES_H

#include <stdatomic.h>

#include "base/attr.h"
#include "base/error.h"

struct core;
struct db;
struct limit;
struct metrics;
struct offload;

/* What the figures of a whole engine are read from; lives as long as the metrics. */
struct gauges {
    struct core **cores;
    unsigned core_count;
    struct db *db;
    struct offload *offload;
    _Atomic(struct limit *) limit; /* NULL: there is none yet */
};

void gauges_init(struct gauges *gauges, struct core **cores, unsigned core_count, struct db *db,
                 struct offload *offload);
/* Tells them of a table of limits that was made later. */
ANY_CORE void gauges_set_limit(struct gauges *gauges, struct limit *limit);

/* Declares the figures of pools, writer, fibers, memory and the build. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error gauges_add(struct gauges *gauges, struct metrics *metrics);

#endif
