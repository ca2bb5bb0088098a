/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_H
#define APP_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/generation.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/value.h"

/* What a request asks of the database: it is served as a server would serve it, and each statement that it ran is then
 * shown with its plan, with what it read, and with the index that it misses. Nothing is written. */

struct explain_options {
    const char *app_path;
    const char *request; /* "GET /api/v1/markets?status=active", or the target alone */
    const char *as;      /* the id of the account that asks; NULL: nobody */
    generation_extend *extend;
    void *extend_state;
};

struct explain_statement {
    struct explain_statement *next;
    struct slice sql;
    const struct value *arguments;
    size_t argument_count;
    struct slice resource; /* whose rows; empty: not known */
    bool is_count;
    const char *const *plan; /* lines */
    size_t plan_count;
    int64_t returned;         /* rows; of a count: what it has counted */
    int64_t scanned;          /* rows looked at for them */
    bool scanned_is_estimate; /* SQLite does not count what it finds by an index */
    bool is_sorted;           /* by sorting what was found */
    int64_t elapsed_us;
    const char *note; /* why there is no advice, or what stands in the way; NULL: nothing to say */
};

/* One index that would help. */
struct explain_advice {
    struct explain_advice *next;
    struct slice resource;
    const char *index;  /* "status, -volume" */
    const char *reason; /* "500 rows read for 20" */
    const char *file;   /* the app file that declares the resource */
    unsigned line;      /* before which the patch adds */
    const char *patch;  /* a unified diff; NULL: the file is written in a way that nobody but its author can add to */
};

struct explain_report {
    int status;        /* of the answer */
    struct slice body; /* of the answer */
    struct explain_statement *statements;
    struct explain_advice *advice;
};

/* Explains one request. Blocks. Everything in `out` lives in `arena`.
 * Errors: ERROR_PARSE (`request` is none that can be explained), ERROR_VALIDATION (the app file, the id),
 * ERROR_CONFLICT (the database differs), ERROR_NOT_FOUND (there is no database yet, or no such account),
 * ERROR_UNAVAILABLE, ERROR_IO, ERROR_MEMORY; the diag says what and why. An answer that is an error is none here. */
MUST_USE enum error explain_run(const struct explain_options *options, struct arena *arena, struct diag *diag,
                                struct explain_report *out);

#endif
