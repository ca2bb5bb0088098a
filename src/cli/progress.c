/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_CELLS = 24, DRAW_US = 100 * 1000, LABEL_BYTES = 40 };

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){.is_shown = isatty(STDERR_FILENO), .began_us = now_us()};
}

static bool is_due(struct progress *progress)
{
    int64_t now = now_us();
    if (!progress->is_shown || (progress->drawn_us != 0 && now - progress->drawn_us < DRAW_US))
        return false;
    progress->drawn_us = now;
    return true;
}

/* Writes over what stood there. */
static void show(struct progress *progress, const char *text, int length)
{
    int wiped = (int)progress->width > length ? (int)progress->width - length : 0;
    fprintf(stderr, "\r%s%*s", text, wiped, "");
    fflush(stderr);
    progress->width = (unsigned)length;
}

void progress_draw(struct progress *progress, struct slice label, const char *unit, int64_t done, int64_t total)
{
    char text[240], bar[BAR_CELLS + 1];
    if (!is_due(progress))
        return;
    double seconds = (double)(progress->drawn_us - progress->began_us) / 1e6;
    int named = (int)(label.len < LABEL_BYTES ? label.len : LABEL_BYTES), length;
    if (total <= 0) {
        length = snprintf(text, sizeof text, "%.*s  %lld %s  %.1f s", named, label.ptr, (long long)done, unit, seconds);
    } else {
        double part = done < total ? (double)done / (double)total : 1;
        for (int i = 0; i < BAR_CELLS; i++)
            bar[i] = i < (int)(part * BAR_CELLS) ? '#' : '.';
        bar[BAR_CELLS] = '\0';
        double left = part > 0 ? seconds / part - seconds : 0;
        length = snprintf(text, sizeof text, "%.*s  [%s] %3.0f %%  %lld of %lld %s  %.0f/s  %.0f s left", named,
                          label.ptr, bar, part * 100, (long long)done, (long long)total, unit,
                          seconds > 0 ? (double)done / seconds : 0.0, left);
    }
    show(progress, text, length < (int)sizeof text ? length : (int)sizeof text - 1);
}

void progress_say(struct progress *progress, struct slice label, const char *sentence)
{
    char text[240];
    if (!is_due(progress))
        return;
    int length = snprintf(text, sizeof text, "%.*s  %s", SLICE_ARG(label), sentence);
    show(progress, text, length < (int)sizeof text ? length : (int)sizeof text - 1);
}

double progress_end(struct progress *progress)
{
    if (progress->is_shown && progress->width > 0)
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
    progress->width = 0;
    progress->drawn_us = 0;
    return (double)(now_us() - progress->began_us) / 1e6;
}
