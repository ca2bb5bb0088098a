/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_APPFILE_H
#define APP_APPFILE_H

#include "app/variables.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"

enum { APPFILE_FILES_MAX = 200, APPFILE_DEPTH_MAX = 8 };

/* An app file with all that it includes: one tree, and where it came from. */
struct appfile {
    struct node *root;
    const char *const *files; /* those that were read, the app file first; to be watched */
    size_t file_count;
};

/* Reads an app file, what it includes, and the variables in them. Everything lives in `arena`. Mistakes that leave a
 * tree are told in `diag` (not NULL) and reading goes on: whoever calls looks at diag->count in the end.
 * Errors: ERROR_VALIDATION (no tree), ERROR_MEMORY. */
MUST_USE
enum error appfile_load(const char *path, const struct variables *variables, struct arena *arena, struct diag *diag,
                        struct appfile *out);

#endif
