/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the metrics in the Prometheus text exposition format 0.0.4.
 *
 * Idea: a family is named (HELP, TYPE) when its first sample is printed, so one without samples leaves no trace. A
 * histogram's count is the sum of the buckets just read: it equals its +Inf bucket though cores go on counting.
 * Durations are kept in millionths and printed in the unit, digit by digit, so that a sum is exact. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/metrics.h"
#include "rt/metrics_table.h"

static uint64_t sum_of(const struct metrics *metrics, size_t cell)
{
    uint64_t sum = 0;
    for (unsigned core = 0; core < metrics->cores; core++)
        sum += atomic_load_explicit(&metrics->cells[core][cell], memory_order_relaxed);
    return sum;
}

static double gauge_of(const struct metrics *metrics, size_t cell)
{
    double sum = 0;
    for (unsigned core = 0; core < metrics->cores; core++) {
        uint64_t bits = atomic_load_explicit(&metrics->cells[core][cell], memory_order_relaxed);
        double value;
        memcpy(&value, &bits, sizeof value);
        sum += value;
    }
    return sum;
}

/* The shortest decimal that reads back as the same number. */
static void put_double(struct buf *out, double value)
{
    char text[40];
    if (isnan(value) || isinf(value)) {
        buf_put_text(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_put_text(out, text);
}

static void put_millionths(struct buf *out, uint64_t millionths)
{
    unsigned fraction = (unsigned)(millionths % 1000000);
    buf_put_uint(out, millionths / 1000000);
    if (fraction == 0)
        return;
    char digits[6];
    size_t count = sizeof digits;
    for (size_t i = sizeof digits; i-- > 0; fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    while (digits[count - 1] == '0')
        count--;
    buf_put_byte(out, '.');
    buf_put(out, digits, count);
}

static void put_help(struct buf *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\n')
            buf_put_literal(out, "\\n");
        else if (*help == '\\')
            buf_put_literal(out, "\\\\");
        else
            buf_put_byte(out, *help);
    }
}

static void put_heading(struct buf *out, const struct metrics_family *family)
{
    static const char *const kinds[] = {
        [METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};
    buf_put_literal(out, "# HELP ");
    buf_put_text(out, family->name);
    buf_put_byte(out, ' ');
    put_help(out, family->help);
    buf_put_literal(out, "\n# TYPE ");
    buf_put_text(out, family->name);
    buf_put_byte(out, ' ');
    buf_put_text(out, kinds[family->kind]);
    buf_put_byte(out, '\n');
}

/* name+suffix{labels} and the space before the value; `le` is a further label unless it is NULL. */
static void put_sample(struct buf *out, const struct metrics_family *family, const char *suffix,
                       const struct metrics_series *series, const double *le)
{
    struct slice labels = buf_slice(&series->labels);
    buf_put_text(out, family->name);
    buf_put_text(out, suffix);
    if (labels.len > 0 || le) {
        buf_put_byte(out, '{');
        buf_put_slice(out, labels);
        if (le) {
            buf_put_text(out, labels.len > 0 ? ",le=\"" : "le=\"");
            put_double(out, *le);
            buf_put_byte(out, '"');
        }
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ' ');
}

static void put_histogram(const struct metrics *metrics, struct buf *out, const struct metrics_family *family,
                          const struct metrics_series *series)
{
    uint64_t sum = sum_of(metrics, series->cell + METRICS_VALUE);
    uint64_t count = 0;
    const double infinite = INFINITY;
    for (size_t i = 0; i <= family->bound_count; i++) {
        count += sum_of(metrics, series->cell + METRICS_BUCKETS + i);
        put_sample(out, family, "_bucket", series, i < family->bound_count ? &family->bounds[i] : &infinite);
        buf_put_uint(out, count);
        buf_put_byte(out, '\n');
    }
    put_sample(out, family, "_sum", series, NULL);
    put_millionths(out, sum);
    buf_put_byte(out, '\n');
    put_sample(out, family, "_count", series, NULL);
    buf_put_uint(out, count);
    buf_put_byte(out, '\n');
}

static void put_value(const struct metrics *metrics, struct buf *out, const struct metrics_family *family,
                      const struct metrics_series *series)
{
    put_sample(out, family, "", series, NULL);
    if (series->read)
        put_double(out, series->read(series->argument));
    else if (family->kind == METRICS_GAUGE)
        put_double(out, gauge_of(metrics, series->cell + METRICS_VALUE));
    else
        buf_put_uint(out, sum_of(metrics, series->cell + METRICS_VALUE));
    buf_put_byte(out, '\n');
}

static void put_family(const struct metrics *metrics, struct buf *out, const struct metrics_family *family)
{
    bool is_named = false;
    for (int i = family->first_series; i != METRICS_NO_SERIES; i = metrics->series[i].next) {
        const struct metrics_series *series = &metrics->series[i];
        if (!series->read && sum_of(metrics, series->cell + METRICS_TOUCHED) == 0)
            continue;
        if (!is_named)
            put_heading(out, family);
        is_named = true;
        if (family->kind == METRICS_HISTOGRAM)
            put_histogram(metrics, out, family, series);
        else
            put_value(metrics, out, family, series);
    }
}

void metrics_print(struct metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < metrics->family_count; i++)
        put_family(metrics, out, &metrics->families[i]);
}
