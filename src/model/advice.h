/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ADVICE_H
#define MODEL_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "data/db.h"
#include "model/query.h"
#include "model/schema.h"

/* Which index a query would be served best by, judged by the query alone: whether it is worth having is for whoever
 * has seen the rows that were read. */

enum { ADVICE_COLUMNS_MAX = 8 };

enum advice_use { ADVICE_ROWS, ADVICE_COUNT }; /* a count needs no order */

struct advice {
    const struct resource *resource;
    struct index_column columns[ADVICE_COLUMNS_MAX]; /* compared for equality first, then as they are sorted */
    size_t count;
    enum index_kind kind;        /* GIN: of one list, for what it holds */
    size_t equal_count;          /* of the columns, how many are compared for equality: their order is free */
    const struct index *present; /* one of the schema that begins with these columns; NULL: there is none */
};

/* False when no index over fields of the resource could help: the row is found by its key, or the query neither
 * compares nor sorts such a field. */
bool advice_make(const struct query *query, const struct expr_context *context, enum dialect dialect,
                 enum advice_use use, struct advice *out);
/* Ends the advised fields with the id, where rows that are equal in all of them would be sorted by it. False when there
 * is nothing to be gained. */
bool advice_break_ties(struct advice *advice, enum dialect dialect);
/* Whether an index made for `a` serves what `b` is for, too. */
bool advice_covers(const struct advice *a, const struct advice *b, enum dialect dialect);
/* "status, -volume", or "{fields: tags, using: gin}" */
void advice_format(const struct advice *advice, struct buf *out);

#endif
