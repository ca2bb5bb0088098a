/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SCRIPT_H
#define DATA_SCRIPT_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/error.h"
#include "data/sqltoken.h"

/* The statements of a file of SQL, one after the other: cut at the semicolons that are not in quotes, comments,
 * parentheses, a trigger's BEGIN … END (SQLite) or a routine's BEGIN ATOMIC … END (PostgreSQL). Pure.
 *
 *     script_init(&script, text, dialect);
 *     while (script_next(&script, &statement))
 *         …
 *     TRY(script_finish(&script, path, diag));   before anything is run: a fault means that the rest is not understood
 */
struct script {
    struct sqltoken_reader reader;
    size_t start;      /* where the text begins, behind a byte order mark */
    const char *fault; /* NULL: none so far */
    unsigned fault_line;
};

struct script_statement {
    struct slice text; /* from its first token to its last, without the semicolon; borrowed, never empty */
    size_t offset;     /* of `text` in the script */
    unsigned line;     /* where `text` begins, from 1 */
    struct sqltoken_reader
        comments; /* what is above it, from the line behind the statement before: script_directive() */
};

/* Begins a script; the text is borrowed until the last use of what comes of it. */
void script_init(struct script *script, struct slice text, enum dialect dialect);
/* The next statement; false at the end and at a fault. */
MUST_USE bool script_next(struct script *script, struct script_statement *out);
/* After the last statement.
 * Errors: ERROR_PARSE (something is not closed; the diag says what and where). */
MUST_USE enum error script_finish(const struct script *script, const char *file, struct diag *diag);

/* The next comment line `-- tenon: <directive>` above a statement: moves `comments` behind it and gives the directive,
 * trimmed and borrowed from the text. False when there is none left. */
MUST_USE bool script_directive(struct sqltoken_reader *comments, struct slice *out);

#endif
