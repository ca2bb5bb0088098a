/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_MIGRATE_H
#define APP_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/settings.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "data/migration.h"
#include "data/migration_run.h"

/* The migrations of an app: the folder `migrations` beside its app file, and its database. What `tenon migrate` does,
 * and what a server asks before it serves. All calls block: for threads without a core. */

struct migrate {
    struct arena *arena;
    struct diag *diag;
    struct settings settings;
    const char *folder; /* its path */
    struct db *db;      /* opened by migrate_connect() */
    struct migration_folder files;
};

/* Reads the app file and the folder. `database` (NULL: the app file's) is another database's URL. Texts live in
 * `arena`, mistakes in `diag`. Owner: the caller; migrate_close(), also after an error. Errors: ERROR_VALIDATION,
 * ERROR_IO, ERROR_MEMORY. */
MUST_USE enum error migrate_open(const char *app_path, const char *database, struct arena *arena, struct diag *diag,
                                 struct migrate *out);
void migrate_close(struct migrate *migrate);
/* Opens the database. Errors: those of db_open(); ERROR_UNAVAILABLE. */
MUST_USE enum error migrate_connect(struct migrate *migrate);

/* What the database has of them. Errors: those of migration_read_status(). */
MUST_USE enum error migrate_status(struct migrate *migrate, struct migration_status *out);
/* Applies what is pending; what the database has already (because `tenon serve` made it, or `tenon dev` added it) is
 * only recorded. Errors: those of migration_run_up(); ERROR_CONFLICT also when all is applied and the database still
 * differs from the app file: each difference is told. */
MUST_USE enum error migrate_up(struct migrate *migrate, struct migration_run *run);
/* Takes back the last `count`. Errors: those of migration_run_down(); ERROR_CONFLICT (forward_only). */
MUST_USE enum error migrate_down(struct migrate *migrate, struct migration_run *run, size_t count);
/* Whether taking back the last `count` loses what is stored; the first such statement is said in `*what`. */
MUST_USE enum error migrate_loses(struct migrate *migrate, size_t count, const char **what);

/* The path of the folder of an app file's directory; NULL for want of memory. */
const char *migrate_folder(const char *directory, struct arena *arena);
/* Before a server serves: OK when nothing is pending, or there is no folder. `applies` (tenon dev): what only adds is
 * applied. Errors: ERROR_CONFLICT (the diag says what is pending, and what to do), those of migration_read_status(). */
MUST_USE enum error migrate_gate(struct db *db, const struct settings *settings, bool applies, struct diag *diag);

#endif
