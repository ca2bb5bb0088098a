/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* Small files as a whole. These calls block: for threads without a core. */

/* Reads a file of at most `limit` bytes; the text is the arena's.
 * Errors: ERROR_NOT_FOUND (there is none; the diag says nothing), ERROR_IO, ERROR_LIMIT, ERROR_MEMORY; the diag says
 * why. */
MUST_USE enum error file_read(const char *path, size_t limit, struct arena *arena, struct diag *diag,
                              struct slice *out);
/* Writes a file that is not there yet, or (`replaces`) puts it in the place of the one that is; whole or not at all,
 * and on disk when it returns OK. Errors: ERROR_CONFLICT (there is one), ERROR_IO, ERROR_MEMORY; the diag says why. */
MUST_USE enum error file_write(const char *path, struct slice text, bool replaces, struct arena *arena,
                               struct diag *diag);

#endif
