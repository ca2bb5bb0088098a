/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_AUDITOR_H
#define APP_AUDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* The audit trail of an app's logs, held against the key in its database: what `tenon audit` does. */

struct auditor_options {
    const char *app_path;
    const char *database;     /* a URL instead of the app file's; NULL: the app file's */
    const char *const *files; /* logs, the oldest first; "-" is standard input */
    size_t file_count;
    bool is_complete; /* chains must be there from their first line to their last */
    void (*on_progress)(void *state, const char *file, int64_t done_bytes, int64_t total_bytes); /* total 0: unknown */
    void *state;
};

struct auditor_finding {
    const char *kind; /* "changed", "missing" … (svc/audit_trail.h) */
    const char *message;
    const char *file;
    uint64_t line;
    struct slice chain_id;
    uint64_t from, to;
    bool is_error; /* else it is said only: a chain's beginning was rotated away, or it has not ended */
};

enum { AUDITOR_FINDINGS_MAX = 1000 };

struct auditor_report {
    const struct auditor_finding *findings; /* the first AUDITOR_FINDINGS_MAX */
    size_t count;                           /* of those */
    uint64_t errors, notes;                 /* of all */
    uint64_t lines, good;                   /* of audit trails; those that the key vouches for */
    size_t chains;
};

/* Reads the app file, fetches the key, reads the logs. That lines were changed is no error: the report says so. Blocks.
 * Errors: ERROR_VALIDATION (the app file), ERROR_NOT_FOUND (no database, no key in it, no such file), ERROR_IO,
 * ERROR_MEMORY, those of db_open(); the diag says what. */
MUST_USE enum error auditor_run(const struct auditor_options *options, struct arena *arena, struct diag *diag,
                                struct auditor_report *out);

#endif
