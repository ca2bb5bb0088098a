/* SPDX-License-Identifier: Apache-2.0 */
/* Series by the names of limits, of which there are as many as an app file declares, and "added". */
#include "svc/limit_metrics.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "rt/metrics.h"

enum { ROWS_MAX = 256, NAMES_BYTES_MAX = 256 * 1024, ADDED = 0 };

struct limit_metrics {
    struct metrics *registry;
    unsigned family, count;
    bool is_frozen;
    struct slice names[ROWS_MAX];
    unsigned series[ROWS_MAX];
    struct arena arena;
};

static enum error add(struct limit_metrics *metrics, struct slice name, unsigned *out)
{
    struct slice *kept = &metrics->names[metrics->count];
    if (metrics->count == ROWS_MAX)
        return ERROR_LIMIT;
    *kept = arena_slice(&metrics->arena, name);
    if (!kept->ptr)
        return ERROR_MEMORY;
    TRY(metrics_add_series(metrics->registry, metrics->family, kept, 1, &metrics->series[metrics->count]));
    *out = metrics->count++;
    return OK;
}

static enum error declare(struct limit_metrics *metrics)
{
    unsigned row;
    TRY(metrics_add_counter(metrics->registry, "tenon_limit_refused_total", "Requests that a limit has refused",
                            "limit", &metrics->family));
    return add(metrics, SLICE("added"), &row);
}

enum error limit_metrics_create(struct metrics *registry, struct limit_metrics **out)
{
    struct limit_metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return ERROR_MEMORY;
    metrics->registry = registry;
    arena_init(&metrics->arena, NAMES_BYTES_MAX);
    enum error error = declare(metrics);
    if (error != OK) {
        limit_metrics_destroy(metrics);
        return error;
    }
    *out = metrics;
    return OK;
}

void limit_metrics_destroy(struct limit_metrics *metrics)
{
    if (!metrics)
        return;
    arena_fini(&metrics->arena);
    free(metrics);
}

void limit_metrics_freeze(struct limit_metrics *metrics)
{
    metrics->is_frozen = true;
}

enum error limit_metrics_add(struct limit_metrics *metrics, struct slice name, unsigned *out)
{
    for (unsigned i = 0; i < metrics->count; i++) {
        if (!slice_eq(metrics->names[i], name))
            continue;
        *out = i;
        return OK;
    }
    if (!metrics->is_frozen)
        return add(metrics, name, out);
    *out = ADDED;
    return OK;
}

void limit_metrics_count(struct limit_metrics *metrics, unsigned core, unsigned row)
{
    metrics_count(metrics->registry, core, metrics->series[row], 1);
}
