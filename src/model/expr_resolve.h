/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_RESOLVE_H
#define MODEL_EXPR_RESOLVE_H

#include "base/suggest.h"
#include "model/expr_node.h"

/* What a dotted path of a row leads through, and to. */
struct expr_route {
    struct expr_step steps[EXPR_JOINS_MAX];
    size_t step_count;
    const struct field *field;
    const struct resource *refers; /* the field is an id of this resource, or refers to it */
    bool is_set;
};

/* What is wrong with a path: `before` "name" `after`. */
struct expr_problem {
    const char *before, *after;
    struct slice name; /* borrowed from the path */
    struct suggest suggest;
    const char *hint; /* when there is no suggestion */
};

/* Follows a path from the resource of the scope. Names are spelt as its use says.
 * Errors: ERROR_VALIDATION with what is wrong in `problem`. */
enum error expr_resolve_route(const struct expr_scope *scope, struct slice path, struct expr_problem *problem,
                              struct expr_route *out) MUST_USE;
/* The field of one schema name, and nothing beyond it; `owner` is "auth" or "input". A filter knows only what its
 * caller may read. Errors: the same. */
enum error expr_resolve_single(const struct expr_scope *scope, const struct resource *resource, struct slice name,
                               const char *owner, struct expr_problem *problem, struct expr_route *out) MUST_USE;
/* The hint of a problem, made in `arena`; NULL when there is none. */
const char *expr_resolve_hint(const struct expr_problem *problem, struct arena *arena);

#endif
