/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/expr.h"
#include "model/schema.h"

/* What of a row an answer shows: which fields, and which references are expanded into rows of their own. */

struct shape;

enum { SHAPE_LEVELS_MAX = 3, SHAPE_EXPANSIONS_MAX = 16 };

struct shape_expansion {
    size_t column; /* index of the reference in `columns` */
    struct shape *target;
};

struct shape {
    const struct resource *resource;
    const struct field **columns; /* in the order they are written */
    size_t column_count;
    struct shape_expansion *expansions;
    size_t expansion_count;
    bool is_plain; /* every readable field and nothing expanded: what ETags are strong for */
};

/* The plain shape of a resource for those whose read rule names these fields (NULL: every field).
 * Errors: ERROR_MEMORY. */
MUST_USE enum error shape_plain(const struct resource *resource, const uint64_t *fields, struct arena *arena,
                                struct shape *out);

/* The shape that `fields=` and `expand=` ask for, comma-separated dotted JSON names; a slice with a NULL pointer was
 * not sent. `fields=creator.name` implies the expansion of creator. A field that the caller may not read is unknown.
 * Errors: ERROR_VALIDATION (an unknown name, a path through what is no reference, too deep; the diag's field is
 * "fields" or "expand"), ERROR_MEMORY. */
MUST_USE enum error shape_parse(const struct resource *resource, const struct expr_context *context,
                                struct slice fields, struct slice expand, struct arena *arena, struct diag *diag,
                                struct shape *out);

#endif
