/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WHY_H
#define APP_WHY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/value.h"
#include "model/expr_part.h"

/* Why somebody may do something, or may not: which rule is theirs, what each of its clauses came to, and what decided.
 * Nothing is written. */

struct why_options {
    const char *app_path;
    const char *request; /* "PATCH /api/v1/markets/7", perhaps with a body behind it */
    const char *as;      /* the id of the account that asks; NULL: nobody */
    const char *scopes;  /* what a token is narrowed to, patterns separated by spaces; NULL: to nothing */
};

/* What a name of a clause stood for. */
struct why_value {
    const char *name; /* "creator.level" */
    const char *json;
};

struct why_clause {
    const char *text;
    enum expr_verdict verdict; /* EXPR_UNDECIDED: each row is asked */
    bool is_of_caller;         /* decided before any row is seen */
    const struct why_value *values;
    size_t value_count;
};

struct why_place {
    const char *file; /* NULL: nowhere */
    unsigned line;
};

/* A rule that is for others. */
struct why_other {
    const char *whose;
    struct why_place place;
};

/* One rule, and what it came to. */
struct why_rule {
    struct why_rule *next;
    const char *subject; /* "update of markets" */
    const char *about;   /* what it was asked of: "the row as it is" */
    const struct why_other *others;
    size_t other_count; /* tried before it */
    struct why_place place;
    const char *whose; /* NULL: everybody's */
    const char *text;  /* NULL: there is no rule for this caller */
    enum expr_join join;
    const struct why_clause *clauses;
    size_t clause_count;
    enum expr_verdict verdict;
    const char *sql; /* of the condition; NULL: the database was not needed */
    const struct value *arguments;
    size_t argument_count;
};

struct why_names {
    const char *const *items;
    size_t count;
};

struct why_report {
    const char *request;
    const char *who;  /* "nobody", "users:7" */
    const char *role; /* NULL: none */
    struct why_names permissions;
    bool holds_all;
    bool is_narrowed;
    struct why_names scopes;
    const struct why_rule *rules; /* in the order in which they are asked */
    int status;                   /* that a client would get, as far as the rules decide */
    const char *reason;
    bool has_fields; /* it is about rows of a resource */
    struct why_names readable, writable;
};

/* Explains one request. Blocks. Everything in `out` lives in `arena`.
 * Errors: ERROR_PARSE (the request is none, or nothing answers it), ERROR_VALIDATION (the app file, the id, the scopes,
 * the body), ERROR_CONFLICT (the database differs), ERROR_NOT_FOUND (there is no database yet, or no such account),
 * ERROR_UNAVAILABLE, ERROR_IO, ERROR_MEMORY; the diag says what and why. A request that is denied is no error. */
MUST_USE enum error why_run(const struct why_options *options, struct arena *arena, struct diag *diag,
                            struct why_report *out);

#endif
