/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_LEX_H
#define MODEL_EXPR_LEX_H

#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* Tokens of the expression language. */
enum expr_token_kind {
    EXPR_TOKEN_END,
    EXPR_TOKEN_NAME,   /* dotted, without white space */
    EXPR_TOKEN_TEXT,   /* decoded */
    EXPR_TOKEN_NUMBER, /* digits [. digits] */
    EXPR_TOKEN_SPAN,   /* 7d */
    EXPR_TOKEN_OPEN,
    EXPR_TOKEN_CLOSE,
    EXPR_TOKEN_LIST_OPEN,
    EXPR_TOKEN_LIST_CLOSE,
    EXPR_TOKEN_COMMA,
    EXPR_TOKEN_MINUS,
    EXPR_TOKEN_ARITHMETIC, /* + * / %: only to be refused */
    EXPR_TOKEN_NOT,
    EXPR_TOKEN_AND,
    EXPR_TOKEN_OR,
    EXPR_TOKEN_EQ,
    EXPR_TOKEN_NE,
    EXPR_TOKEN_LT,
    EXPR_TOKEN_LE,
    EXPR_TOKEN_GT,
    EXPR_TOKEN_GE,
    EXPR_TOKEN_TILDE,
};

struct expr_token {
    enum expr_token_kind kind;
    unsigned at;       /* byte offset in the text */
    struct slice text; /* borrowed from the text, or from the arena when it had escapes */
    int64_t span_us;
};

struct expr_lexer {
    struct slice text;
    size_t next;
    struct place place;
    struct arena *arena;
    struct diag *diag;
};

/* Takes the next token.
 * Errors: ERROR_VALIDATION with the place in the diag, ERROR_MEMORY. */
MUST_USE
enum error expr_lex(struct expr_lexer *lexer, struct expr_token *out);

#endif
