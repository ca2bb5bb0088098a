/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_COPIER_H
#define APP_COPIER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "model/transfer.h"

/* An app's database copied to another place: what `tenon copy` does. */

struct copier_options {
    const char *app_path;
    const char *from, *to; /* URLs; the path of an SQLite file is relative to the current folder */
    bool is_unlocked;      /* as in struct transfer_options, like the two below */
    void (*on_progress)(void *state, const struct transfer_progress *progress);
    void *state;
};

/* Reads the app file, opens both databases, and copies (model/transfer.h). The report is the arena's. Blocks.
 * Errors: ERROR_VALIDATION (the app file, a URL, values that the target cannot hold), ERROR_NOT_FOUND (the source is
 * not there), those of db_open() and transfer_run(); the diag says which and why. */
MUST_USE enum error copier_run(const struct copier_options *options, struct arena *arena, struct diag *diag,
                               struct transfer_report *out);

#endif
