/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that are counted without being shared.
 *
 * Idea: every core has an array of cells of its own, and a series is an offset that is the same in all of them. Only
 * the owner writes a cell, so an addition is a relaxed load and a relaxed store, without a locked instruction; whoever
 * prints sums the arrays. Families and series are made while no core runs, so the tables need no lock.
 *
 * Invariants
 *   (1) a cell is written by one thread only
 *   (2) tables and arrays do not move or grow once a core runs
 *   (3) the arrays of two cores share no cache line */
#include "rt/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "rt/metrics_table.h"

enum { CACHE_LINE = 64, LABELS_BYTES_MAX = 16 * 1024 };

enum error metrics_create(unsigned cores, struct metrics **out)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return ERROR_MEMORY;
    metrics->cores = cores;
    for (size_t i = 0; i < METRICS_CHAINS; i++)
        metrics->chains[i] = METRICS_NO_SERIES;
    metrics->cells = calloc(cores ? cores : 1, sizeof metrics->cells[0]);
    if (!metrics->cells) {
        free(metrics);
        return ERROR_MEMORY;
    }
    *out = metrics;
    return OK;
}

void metrics_destroy(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < metrics->series_count; i++)
        buf_fini(&metrics->series[i].labels);
    for (unsigned core = 0; core < metrics->cores; core++)
        free(metrics->cells[core]);
    free(metrics->cells);
    free(metrics->series);
    free(metrics->families);
    free(metrics);
}

/* [a-zA-Z_][a-zA-Z0-9_]*, for metric names also with colons. */
static bool is_name(struct slice name, bool allows_colon)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && allows_colon);
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static enum error check_names(const char *name, const char *label_names)
{
    struct slice rest = slice_from(label_names), label;
    if (!is_name(slice_from(name), true))
        return ERROR_VALIDATION;
    while (rest.len > 0 && slice_split(&rest, ',', &label))
        if (!is_name(label, false) || slice_eq_text(label, "le"))
            return ERROR_VALIDATION;
    return OK;
}

/* Room for one more element; arrays grow by doubling at powers of two. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return realloc(array, (count ? count * 2 : 1) * size);
}

static enum error add_family(struct metrics *metrics, const struct metrics_family *family, unsigned *out)
{
    TRY(check_names(family->name, family->label_names));
    if (metrics->family_count >= METRICS_FAMILIES_MAX)
        return ERROR_LIMIT;
    for (size_t i = 0; i < metrics->family_count; i++)
        if (strcmp(metrics->families[i].name, family->name) == 0)
            return ERROR_CONFLICT;
    struct metrics_family *families = grown(metrics->families, metrics->family_count, sizeof *family);
    if (!families)
        return ERROR_MEMORY;
    metrics->families = families;
    *out = (unsigned)metrics->family_count;
    families[metrics->family_count] = *family;
    families[metrics->family_count].first_series = METRICS_NO_SERIES;
    families[metrics->family_count].last_series = METRICS_NO_SERIES;
    metrics->family_count++;
    return OK;
}

enum error metrics_add_counter(struct metrics *metrics, const char *name, const char *help, const char *label_names,
                               unsigned *family)
{
    const struct metrics_family made = {.name = name, .help = help, .label_names = label_names};
    return add_family(metrics, &made, family);
}

enum error metrics_add_gauge(struct metrics *metrics, const char *name, const char *help, const char *label_names,
                             unsigned *family)
{
    const struct metrics_family made = {.name = name, .help = help, .label_names = label_names, .kind = METRICS_GAUGE};
    return add_family(metrics, &made, family);
}

enum error metrics_add_histogram(struct metrics *metrics, const char *name, const char *help, const char *label_names,
                                 const double *bounds, size_t bound_count, unsigned *family)
{
    if (bound_count == 0 || bound_count > METRICS_BOUNDS_MAX)
        return ERROR_VALIDATION;
    struct metrics_family made = {
        .name = name, .help = help, .label_names = label_names, .kind = METRICS_HISTOGRAM, .bound_count = bound_count};
    for (size_t i = 0; i < bound_count; i++) {
        if (!(bounds[i] >= 0 && bounds[i] <= 1e12) || (i > 0 && bounds[i] <= bounds[i - 1]))
            return ERROR_VALIDATION;
        made.bounds[i] = bounds[i];
        made.bounds_millionths[i] = (uint64_t)llround(bounds[i] * 1e6);
    }
    return add_family(metrics, &made, family);
}

static void put_label_value(struct buf *out, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            buf_put_literal(out, "\\n");
            continue;
        }
        if (c == '\\' || c == '"')
            buf_put_byte(out, '\\');
        buf_put_byte(out, c);
    }
}

/* Writes name="value",… ; the values must be as many as the names. */
static enum error put_labels(struct buf *out, const char *names, const struct slice *values, size_t count)
{
    struct slice rest = slice_from(names), name;
    size_t used = 0;
    while (rest.len > 0 && slice_split(&rest, ',', &name)) {
        if (used == count)
            return ERROR_VALIDATION;
        if (used > 0)
            buf_put_byte(out, ',');
        buf_put_slice(out, name);
        buf_put_literal(out, "=\"");
        put_label_value(out, values[used++]);
        buf_put_byte(out, '"');
    }
    if (used < count)
        return ERROR_VALIDATION;
    return buf_failed(out) ? ERROR_MEMORY : OK;
}

/* Where the chain begins that a series with these labels is in, if there is one. */
static int *chain_of(struct metrics *metrics, const struct metrics_series *series)
{
    uint64_t hash = digest_hash64(series->family, buf_slice(&series->labels));
    return &metrics->chains[hash % METRICS_CHAINS];
}

static bool has_series(const struct metrics *metrics, const struct metrics_series *wanted, int chain)
{
    for (int i = chain; i != METRICS_NO_SERIES; i = metrics->series[i].next_in_chain) {
        const struct metrics_series *series = &metrics->series[i];
        if (series->family == wanted->family && slice_eq(buf_slice(&series->labels), buf_slice(&wanted->labels)))
            return true;
    }
    return false;
}

/* Enters a series whose labels have been written. */
static enum error enter_series(struct metrics *metrics, const struct metrics_series *series)
{
    struct metrics_family *family = &metrics->families[series->family];
    if (metrics->series_count >= METRICS_SERIES_MAX)
        return ERROR_LIMIT;
    int *chain = chain_of(metrics, series);
    if (has_series(metrics, series, *chain))
        return ERROR_CONFLICT;
    struct metrics_series *all = grown(metrics->series, metrics->series_count, sizeof *all);
    if (!all)
        return ERROR_MEMORY;
    metrics->series = all;
    int index = (int)metrics->series_count++;
    all[index] = *series;
    all[index].next = METRICS_NO_SERIES;
    all[index].next_in_chain = *chain;
    *chain = index;
    if (family->last_series == METRICS_NO_SERIES)
        family->first_series = index;
    else
        all[family->last_series].next = index;
    family->last_series = index;
    return OK;
}

static enum error add_series(struct metrics *metrics, struct metrics_series *series, const struct slice *label_values,
                             size_t count)
{
    buf_init(&series->labels, LABELS_BYTES_MAX);
    if (series->family >= metrics->family_count)
        return ERROR_VALIDATION;
    enum error error = put_labels(&series->labels, metrics->families[series->family].label_names, label_values, count);
    if (error == OK)
        error = enter_series(metrics, series);
    if (error != OK)
        buf_fini(&series->labels);
    return error;
}

/* Makes room for `count` more cells in every core's array. */
static enum error grow_cells(struct metrics *metrics, size_t count)
{
    if (metrics->cell_count + count <= metrics->cell_room)
        return OK;
    size_t room = metrics->cell_room ? metrics->cell_room * 2 : 256; /* a series has 19 cells at most */
    for (unsigned core = 0; core < metrics->cores; core++) {
        _Atomic uint64_t *cells = aligned_alloc(CACHE_LINE, room * sizeof *cells);
        if (!cells)
            return ERROR_MEMORY; /* some arrays are larger than cell_room says, which does no harm */
        for (size_t i = 0; i < room; i++)
            atomic_init(&cells[i], i < metrics->cell_count ? atomic_load(&metrics->cells[core][i]) : 0);
        free(metrics->cells[core]);
        metrics->cells[core] = cells;
    }
    metrics->cell_room = room;
    return OK;
}

enum error metrics_add_series(struct metrics *metrics, unsigned family, const struct slice *label_values, size_t count,
                              unsigned *series)
{
    if (family >= metrics->family_count)
        return ERROR_VALIDATION;
    size_t buckets =
        metrics->families[family].kind == METRICS_HISTOGRAM ? metrics->families[family].bound_count + 1 : 0;
    TRY(grow_cells(metrics, METRICS_BUCKETS + buckets));
    struct metrics_series made = {.family = family, .cell = metrics->cell_count};
    TRY(add_series(metrics, &made, label_values, count));
    metrics->cell_count += METRICS_BUCKETS + buckets;
    *series = (unsigned)metrics->series_count - 1;
    return OK;
}

enum error metrics_add_probe(struct metrics *metrics, unsigned family, const struct slice *label_values, size_t count,
                             double (*read)(void *argument), void *argument)
{
    if (family >= metrics->family_count || metrics->families[family].kind == METRICS_HISTOGRAM)
        return ERROR_VALIDATION;
    struct metrics_series made = {.family = family, .read = read, .argument = argument};
    return add_series(metrics, &made, label_values, count);
}

static _Atomic uint64_t *cells_of(const struct metrics *metrics, unsigned core, unsigned series)
{
    return metrics->cells[core] + metrics->series[series].cell;
}

/* Owner-only addition: no other thread writes the cell. */
static void add(_Atomic uint64_t *cell, uint64_t by)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + by, memory_order_relaxed);
}

static void touch(_Atomic uint64_t *cells)
{
    atomic_store_explicit(&cells[METRICS_TOUCHED], 1, memory_order_relaxed);
}

void metrics_count(struct metrics *metrics, unsigned core, unsigned series, uint64_t by)
{
    _Atomic uint64_t *cells = cells_of(metrics, core, series);
    touch(cells);
    add(&cells[METRICS_VALUE], by);
}

void metrics_observe(struct metrics *metrics, unsigned core, unsigned series, uint64_t millionths)
{
    const struct metrics_family *family = &metrics->families[metrics->series[series].family];
    _Atomic uint64_t *cells = cells_of(metrics, core, series);
    size_t bucket = 0;
    while (bucket < family->bound_count && millionths > family->bounds_millionths[bucket])
        bucket++;
    touch(cells);
    add(&cells[METRICS_VALUE], millionths);
    add(&cells[METRICS_BUCKETS + bucket], 1);
}

void metrics_set(struct metrics *metrics, unsigned core, unsigned series, double value)
{
    _Atomic uint64_t *cells = cells_of(metrics, core, series);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    touch(cells);
    atomic_store_explicit(&cells[METRICS_VALUE], bits, memory_order_relaxed);
}
