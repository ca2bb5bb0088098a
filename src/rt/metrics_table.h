/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_METRICS_TABLE_H
#define RT_METRICS_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "rt/metrics.h"

/* What metrics.c keeps and metrics_print.c prints. */

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

enum { METRICS_NO_SERIES = -1, METRICS_CHAINS = 4096 };

struct metrics_family {
    const char *name, *help, *label_names;
    enum metrics_kind kind;
    size_t bound_count;
    double bounds[METRICS_BOUNDS_MAX];              /* as printed */
    uint64_t bounds_millionths[METRICS_BOUNDS_MAX]; /* as compared */
    int first_series, last_series;
};

struct metrics_series {
    unsigned family;
    int next;                       /* in its family */
    int next_in_chain;              /* of those whose labels have the same hash */
    size_t cell;                    /* where its cells begin, in every core's array */
    struct buf labels;              /* method="GET",route="/" */
    double (*read)(void *argument); /* a probe: it has no cells */
    void *argument;
};

/* The cells of a series: METRICS_TOUCHED, then one value: a count, a double's bits, or a histogram's sum in millionths;
 * then a histogram's buckets, the last one without a bound. */
enum { METRICS_TOUCHED, METRICS_VALUE, METRICS_BUCKETS };

struct metrics {
    unsigned cores;
    _Atomic uint64_t **cells; /* one array per core, on its own cache lines */
    size_t cell_count, cell_room;
    struct metrics_family *families;
    size_t family_count;
    struct metrics_series *series;
    size_t series_count;
    int chains[METRICS_CHAINS]; /* by the hash of the labels: whether a series is there is asked for each that comes */
};

#endif
