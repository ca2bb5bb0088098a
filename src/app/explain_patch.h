/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_PATCH_H
#define APP_EXPLAIN_PATCH_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* Adds an index to an app file, as a patch for its author to apply. Pure, but for reading the file. */

/* Writes the unified diff (for `patch -p1`) that adds `index`, "status, -volume" or a map such as
 * "{fields: tags, using: gin}", to the resource declared at `resource`; `*line` is where it adds. NULL when the
 * resource is written in a way that cannot be added to line by line (all in one flow map, or an index list over several
 * lines). Errors: ERROR_IO (the file cannot be read any more), ERROR_MEMORY. */
MUST_USE enum error explain_patch_index(struct place resource, struct slice index, struct arena *arena,
                                        const char **out, unsigned *line);
/* The same of a text; `name` is what the patch calls the file. Errors: ERROR_MEMORY. */
MUST_USE enum error explain_patch_text(struct slice text, const char *name, unsigned resource_line, struct slice index,
                                       struct arena *arena, const char **out, unsigned *line);

#endif
