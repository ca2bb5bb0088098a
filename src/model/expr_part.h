/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_PART_H
#define MODEL_EXPR_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/expr.h"

/* The parts of a checked expression, for those who explain what it came to. */

/* What joins the parts of an expression: && or || at its top. */
enum expr_join { EXPR_JOIN_NONE, EXPR_JOIN_ALL, EXPR_JOIN_ANY };

struct expr_parts {
    enum expr_join join;
    const struct expr **items; /* EXPR_JOIN_NONE: the expression itself */
    size_t count;
};

/* The operands of the && or || at the top. Owner: the arena; the expression must outlive them. Errors: ERROR_MEMORY. */
MUST_USE enum error expr_part_split(const struct expr *expr, struct arena *arena, struct expr_parts *out);
/* Appends the text of an expression; NULL is `true`. */
void expr_part_format(const struct expr *expr, struct buf *out);

/* A name that an expression asks for a value: a field, a path, auth.id, input.status. */
struct expr_name {
    struct slice text;
    const struct field *field; /* the last one of the path; NULL: auth.* of an app without accounts */
    const struct expr *value;
    bool is_of_row;
};
enum { EXPR_NAMES_MAX = 16 };

/* The names in an expression, each once, EXPR_NAMES_MAX at most. Sets have no value, and what is hidden or a password
 * shows none: they are left out. Owner: the arena. Errors: ERROR_MEMORY. */
MUST_USE enum error expr_part_names(const struct expr *expr, struct arena *arena, struct expr_name **out,
                                    size_t *count);
/* The value of a name, where it is known without a database (of a row: only with `row`). Texts that are made are the
 * arena's. Errors: ERROR_NOT_FOUND (it is not known), ERROR_MEMORY. */
MUST_USE enum error expr_part_value(const struct expr_name *name, const struct expr_context *context,
                                    const struct expr_row *row, struct arena *arena, struct value *out);
/* Appends the value of a name of the row t<alias> as a scalar. */
void expr_part_compile(const struct expr_name *name, const struct expr_context *context, unsigned alias,
                       unsigned *next_alias, struct sql *sql);

/* What is known of a condition over a row in memory; `row` NULL: before a row is seen. */
MUST_USE enum expr_verdict expr_part_decide(const struct expr *expr, const struct expr_context *context,
                                            const struct expr_row *row);

#endif
