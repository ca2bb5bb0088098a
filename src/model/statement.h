/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_STATEMENT_H
#define MODEL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"

/* A statement that an author has written, with named parameters: `:name` and `:name.member`. Pure text: what the names
 * stand for is the caller's to say. */

struct statement_name {
    struct slice text; /* "lines.item" */
    size_t offset;     /* of its colon in what was written */
};

struct statement {
    struct slice sql[2];                /* by enum dialect, with a placeholder for each name */
    const struct statement_name *names; /* in the order of the placeholders: each use has its own */
    size_t name_count;
    bool returns_rows;     /* it is a query, or says `returning` */
    struct slice returned; /* what is written there: up to `from`, or behind `returning` */
};

struct statement_fault {
    size_t offset;
    const char *message, *hint; /* static; the hint may be NULL */
};

enum { STATEMENT_BYTES_MAX = 64 * 1024, STATEMENT_NAMES_MAX = 500 };

/* Reads one statement: what stands in quotes and comments is left alone, and so is `::`. Texts live in `arena`.
 * Errors: ERROR_VALIDATION with `*fault` (not one statement that reads or writes rows, an open quote, a parameter
 * without a name), ERROR_MEMORY. */
MUST_USE enum error statement_parse(struct slice text, struct arena *arena, struct statement_fault *fault,
                                    struct statement *out);

/* Whether a word stands in a statement, outside of texts and comments; without regard to case. */
bool statement_mentions(struct slice sql, struct slice word);

#endif
