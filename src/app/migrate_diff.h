/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_MIGRATE_DIFF_H
#define APP_MIGRATE_DIFF_H

#include "app/migrate.h"

/* Writing migrations. */

/* The files that were written, by path. */
struct migrate_written {
    const char **paths;
    size_t count;
};

/* Writes what leads from the recorded schema to the app file, for each kind of database; the recorded schema is then
 * the app file's. `base` (NULL: the recorded one) is an app file to compare with instead. Nothing is written when
 * nothing has changed.
 * Errors: ERROR_VALIDATION (a change that cannot be planned is told), ERROR_CONFLICT (a file is there already),
 * ERROR_IO, ERROR_MEMORY. */
MUST_USE enum error migrate_diff(struct migrate *migrate, const char *base, struct migrate_written *out);
/* Writes an empty migration of that name, to be filled by hand. Errors: the same. */
MUST_USE enum error migrate_diff_new(struct migrate *migrate, struct slice name, struct migrate_written *out);

#endif
