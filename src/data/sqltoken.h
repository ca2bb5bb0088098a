/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLTOKEN_H
#define DATA_SQLTOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "data/db.h"

/* The tokens of SQL text that a person wrote, as the dialect's own server cuts them (PostgreSQL 15 manual, section 4.1;
 * sqlite.org/lang.html, "SQL Language Elements"): where a string, a name or a comment ends is all that splitting and
 * judging statements need to know. Pure: no I/O, no memory. A reader may be copied to look ahead. */
enum sqltoken_kind {
    SQLTOKEN_END,
    SQLTOKEN_FAULT, /* something is not closed; the text goes to the end, nothing follows */
    SQLTOKEN_COMMENT,
    SQLTOKEN_WORD, /* a keyword or an identifier without quotes */
    SQLTOKEN_NAME, /* an identifier in quotes, quotes included: "a", and on SQLite [a] and `a` */
    SQLTOKEN_STRING,
    SQLTOKEN_NUMBER,
    SQLTOKEN_MARK, /* one byte of anything else */
};

struct sqltoken {
    enum sqltoken_kind kind;
    struct slice text; /* borrowed from the reader's text */
    size_t offset;
    unsigned line;     /* where it begins, from 1 */
    const char *fault; /* of SQLTOKEN_FAULT: what is wrong. Static */
};

struct sqltoken_reader {
    struct slice text; /* borrowed */
    enum dialect dialect;
    size_t at;
    unsigned line; /* of `at`, from 1 */
};

/* Begins at the first byte of a text, or behind its byte order mark. */
void sqltoken_init(struct sqltoken_reader *reader, struct slice text, enum dialect dialect);
/* The next token, comments included. At the end, and behind a fault, it is SQLTOKEN_END again and again. */
void sqltoken_next(struct sqltoken_reader *reader, struct sqltoken *out);
/* Whether a token is this keyword (ASCII case does not matter), or this mark. */
bool sqltoken_is_word(const struct sqltoken *token, const char *word);
bool sqltoken_is_mark(const struct sqltoken *token, char mark);

#endif
