/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_H
#define MODEL_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/value.h"
#include "data/sql.h"
#include "model/caller.h"
#include "model/schema.h"

/* The expression language of the design, section 1: access rules, filters, partial indexes, validations.
 * One tree, four uses: parsed from text (or built by the filters of a query string), checked against a resource,
 * compiled to bound SQL, evaluated in memory. */

struct expr;

enum { EXPR_TEXT_MAX = 4096, EXPR_NODES_MAX = 200, EXPR_DEPTH_MAX = 32, EXPR_JOINS_MAX = 4, EXPR_LIST_MAX = 100 };

/* Parses text into a tree in `arena`. `place` is where the text begins; diagnostics point at the token at fault
 * (place.file NULL: a request's, and the diag gets an item of the field "where").
 * Errors: ERROR_VALIDATION. */
MUST_USE enum error expr_parse(struct slice text, struct place place, struct arena *arena, struct diag *diag,
                               struct expr **out);

/* What names an expression may use, and how they are spelt. */
enum expr_use {
    EXPR_RULE,      /* access: schema names, auth, can(), role(), input (create and update) */
    EXPR_FILTER,    /* a caller's where=: JSON names; hidden fields and input do not exist */
    EXPR_ACTION,    /* access of an action: as EXPR_RULE, but there is no row */
    EXPR_CALLER,    /* whom a rule is for: auth, can(), role() alone */
    EXPR_KEY,       /* the same, or a value: auth.<field> */
    EXPR_CONDITION, /* partial indexes and the like: schema names of this row only; no auth, no paths, no now */
};
struct expr_context;
struct permission_list;
struct expr_scope {
    const struct schema *schema;
    const struct resource *resource;
    enum expr_use use;
    bool has_input;                     /* create and update rules */
    const struct expr_context *context; /* EXPR_FILTER: who asks; NULL: nobody is signed in */
    struct permission_list *asked;      /* receives what can() asks for; NULL: what is not known is held by nobody */
};

/* Resolves names and checks types; on success the tree is immutable and may be shared by cores.
 * Errors: ERROR_VALIDATION with each mistake and its hint in the diag. */
MUST_USE enum error expr_check(struct expr *expr, const struct expr_scope *scope, struct diag *diag);

/* One condition `field op value` of a query string, already checked: `path` is the dotted JSON path, `operator` one of
 * eq ne gt gte lt lte in nin like null, `text` the raw value (for in and nin comma-separated, items may be quoted).
 * Errors: ERROR_VALIDATION; the diag's field is the path (with [operator] when one was given). */
MUST_USE enum error expr_from_filter(const struct expr_scope *scope, struct slice path, struct slice operator,
                                     struct slice text, struct arena *arena, struct diag *diag, struct expr **out);
/* Both; either may be NULL (true), then it is the other. NULL when memory is exhausted and both are given. */
MUST_USE const struct expr *expr_and(const struct expr *left, const struct expr *right, struct arena *arena);

/* What an expression is evaluated against, besides the row. */
struct expr_context {
    const struct caller *caller;
    int64_t now_us; /* wall clock, fixed once per request */
    /* The submitted value of a field (by index), null when not sent; NULL without input. */
    struct value (*input)(const void *state, const struct field *field);
    const void *input_state;
};

/* Appends a condition over the row of table alias t<alias> that is true or false, or null for false at its top. Paths
 * become scalar subqueries on aliases from `*next_alias` on. In EXPR_FILTER a path through a row the caller may not
 * read is null. Errors are remembered in `sql`. A rule NULL is `1`. */
void expr_compile(const struct expr *expr, const struct expr_context *context, unsigned alias, unsigned *next_alias,
                  struct sql *sql);
/* Appends the value at a dotted path of a filter or a sort (checked by expr_resolve_path()) as a scalar. */
struct expr_path {
    const struct resource *root;
    const struct field *hops[EXPR_JOINS_MAX]; /* the references crossed */
    size_t hop_count;
    const struct field *field; /* the last one */
};
/* Resolves a dotted JSON path (`creator.name`) of a caller; what the caller may not read does not exist. `context`
 * NULL: nobody is signed in. Errors: ERROR_VALIDATION; the diag's field is the path. */
MUST_USE enum error expr_resolve_path(const struct resource *root, const struct expr_context *context,
                                      struct slice path, struct diag *diag, struct expr_path *out);
void expr_compile_path(const struct expr_path *path, const struct expr_context *context, unsigned alias,
                       unsigned *next_alias, struct sql *sql);

/* The same as it is ordered and compared: an e-mail address without its case. */
void expr_compile_key(const struct expr_path *path, const struct expr_context *context, unsigned alias,
                      unsigned *next_alias, struct sql *sql);

/* A partial index's condition as SQL text with literals inlined (a CREATE INDEX takes no arguments). */
void expr_compile_condition(const struct expr *expr, struct sql *sql);

/* A row in memory: the stored value of a field; and the row a reference leads to, when the evaluator needs one. */
struct expr_row {
    struct value (*value)(const void *state, const struct field *field);
    /* The row behind a reference, or NULL when there is none; NULL function: paths are null. */
    const struct expr_row *(*follow)(const void *state, const struct field *reference);
    const void *state;
};
/* The truth of a checked expression over a row, without a database; NULL is true. An expression with a set (reverse
 * path) has none: expr_needs_database() says so, and it is false here. */
MUST_USE bool expr_eval(const struct expr *expr, const struct expr_context *context, const struct expr_row *row);
MUST_USE bool expr_needs_database(const struct expr *expr);
/* The value of an expression checked as EXPR_KEY; of a condition 0 or 1. It lives as long as the context's caller. */
struct value expr_eval_value(const struct expr *expr, const struct expr_context *context);
/* Whether the outcome depends on the row, or on the input, at all (false: `true`, `can("x")`, `auth.id != null`): then
 * it can be decided before a row is read. */
MUST_USE bool expr_needs_row(const struct expr *expr);

/* What is known of an outcome before a row is seen: `owner == auth.id` is false for whoever is not signed in. Without
 * context->input what depends on it is undecided. NULL is true. */
enum expr_verdict { EXPR_FALSE, EXPR_TRUE, EXPR_UNDECIDED };
MUST_USE enum expr_verdict expr_decide(const struct expr *expr, const struct expr_context *context);

#endif
