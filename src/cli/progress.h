/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A line on a terminal's standard error that says how far long work is. Elsewhere it is silent. */
struct progress {
    bool is_shown;
    int64_t began_us, drawn_us;
    unsigned width; /* of what is drawn */
};

void progress_begin(struct progress *progress);
/* Draws at most ten times a second. `total` 0: how much there is to do is not known. */
void progress_draw(struct progress *progress, struct slice label, const char *unit, int64_t done, int64_t total);
/* Draws a sentence in place of the bar. */
void progress_say(struct progress *progress, struct slice label, const char *sentence);
/* Wipes the line; seconds since progress_begin(). */
double progress_end(struct progress *progress);

#endif
