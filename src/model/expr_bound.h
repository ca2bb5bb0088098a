/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_BOUND_H
#define MODEL_EXPR_BOUND_H

#include <stddef.h>

#include "model/expr.h"

/* How a condition bounds the columns of its own row, as far as an index could make use of it. */

enum expr_bound_kind {
    EXPR_BOUND_EQUAL, /* one value, or null */
    EXPR_BOUND_AMONG, /* one of several */
    EXPR_BOUND_RANGE, /* below or above a value */
    EXPR_BOUND_HAS,   /* a list that holds a value, a text that holds another */
};

struct expr_bound {
    const struct field *field;
    enum expr_bound_kind kind;
};

enum { EXPR_BOUNDS_MAX = 32 };

/* Writes the bounds that hold for every row that passes, at most EXPR_BOUNDS_MAX, from left to right, and returns how
 * many there are. What is decided for this caller anyway, what is only one side of an `||`, and what is behind a
 * reference bounds nothing. `expr` NULL: none. */
size_t expr_bound_list(const struct expr *expr, const struct expr_context *context,
                       struct expr_bound out[EXPR_BOUNDS_MAX]);

#endif
