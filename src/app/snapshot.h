/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SNAPSHOT_H
#define APP_SNAPSHOT_H

#include "app/settings.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"

/* The schema that the migrations of a folder lead to, as a file beside them: the part of an app file that a database
 * sees. `tenon migrate diff` compares with it. */

/* Writes the snapshot of an app file's tree (app/appfile.h). A failure is in the buffer. */
void snapshot_write(const struct node *root, struct buf *out);
/* Reads a snapshot, or any app file, for its resources; `out` lives in `arena`, settings_fini() ends it.
 * Errors: ERROR_NOT_FOUND (there is no file), ERROR_VALIDATION, ERROR_IO, ERROR_MEMORY; the diag says why. */
MUST_USE enum error snapshot_read(const char *path, struct arena *arena, struct diag *diag, struct settings *out);

#endif
