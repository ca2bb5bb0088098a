/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_QUERY_H
#define MODEL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "model/expr.h"
#include "model/schema.h"
#include "model/session.h"

/* A query: rows of one resource, as any protocol asks for them. The caller's read rule is always part of it. */

enum { QUERY_SORT_MAX = 8, QUERY_KEYS_MAX = QUERY_SORT_MAX + RESOURCE_KEY_MAX };

struct query_key {
    struct expr_path path;
    bool is_descending;
};

struct query {
    const struct resource *resource;
    const struct field *const *columns; /* what to read, in this order; all readable by the caller */
    size_t column_count;

    const struct value *id;  /* only the row of this key, resource.key_count values; NULL: any */
    const struct value *ids; /* only these rows, id_count of them, where the key is one field; NULL: any */
    size_t id_count;
    const struct expr *filter; /* checked EXPR_FILTER; NULL: any */
    struct slice search;       /* plain words; empty: any */

    struct query_key sort[QUERY_SORT_MAX]; /* then by the key, ascending */
    size_t sort_count;
    const struct value
        *after;    /* the keys of the last row seen (sort_count and key_count values); NULL: from the start */
    int64_t limit; /* negative: all */
    int64_t offset;
    bool wants_keys; /* query_keys() will be asked for */
};

/* Rows on their way. */
struct query_rows {
    struct db_rows *rows;
    size_t key_count;
    unsigned key_columns[QUERY_KEYS_MAX]; /* where each key stands */
};

/* Starts a query in the session's read lease or unit.
 * Errors: ERROR_UNAUTHORIZED, ERROR_FORBIDDEN (nobody like the caller may read), ERROR_VALIDATION (no words to search
 * for), those of db_query(). */
YIELDS MUST_USE enum error query_open(struct session *session, const struct query *query, struct query_rows *out);
/* Steps to the next row; false at the end. Errors: those of db_next(). */
YIELDS MUST_USE enum error query_next(struct query_rows *rows, bool *has_row);
/* The value of the i-th column of the query, as stored; texts are borrowed until the next step. */
struct value query_value(const struct query_rows *rows, size_t i);
/* The i-th sort key of the present row (the last are the row's key); only when `wants_keys`. */
struct value query_key_value(const struct query_rows *rows, size_t i);
/* Ends it. May be called twice. */
void query_close(struct query_rows *rows);

/* How many rows the query has in all, whatever its limit, offset and `after`. Errors: as query_open(). */
YIELDS MUST_USE enum error query_count(struct session *session, const struct query *query, int64_t *total);

#endif
