/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_MIGRATE_LINT_H
#define APP_MIGRATE_LINT_H

#include <stdbool.h>

#include "app/migrate.h"
#include "base/buf.h"

/* Writes what each statement of the pending migrations locks, writes anew, breaks or loses (data/verdict.h), and how to
 * do it instead: a line each for people, or a JSON list. Where the database cannot be asked, all of them are pending.
 * `*is_clean`: nothing was found but what is safe, or allowed by a line of its own.
 * Errors: ERROR_PARSE (a file is no SQL), ERROR_MEMORY, those of migrate_status(). */
MUST_USE enum error migrate_lint_run(struct migrate *migrate, bool is_json, struct buf *out, bool *is_clean);

#endif
