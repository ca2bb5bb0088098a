/* SPDX-License-Identifier: Apache-2.0 */
/* The index for a query.
 *
 * Idea: rows that are found next to each other, in the order in which they are wanted, cost nothing but themselves. So
 * first come the fields that are compared for equality (of the filter and of the read rule), then the sort fields with
 * their directions; a field that is only bounded comes last, and only where nothing is sorted by, because behind a
 * range an index has no order.
 *
 * Every order ends with the id. An index of PostgreSQL's is given it (ddl.c), one of SQLite's ends with the row's
 * number, which is the id only where that is an int. Elsewhere ties must be sorted: where there are many, the id
 * belongs into the index. */
#include "model/advice.h"

#include "model/expr_bound.h"
#include "model/policy.h"

static bool has_column(const struct advice *advice, const struct field *field)
{
    for (size_t i = 0; i < advice->count; i++)
        if (advice->columns[i].field == field)
            return true;
    return false;
}

static void add(struct advice *advice, const struct field *field, bool is_descending)
{
    if (schema_index_takes(INDEX_BTREE, &field->type) && advice->count < ADVICE_COLUMNS_MAX &&
        !has_column(advice, field))
        advice->columns[advice->count++] = (struct index_column){field, is_descending};
}

struct bounds {
    struct expr_bound items[2 * EXPR_BOUNDS_MAX];
    size_t count;
};

static void add_kind(struct advice *advice, const struct bounds *bounds, enum expr_bound_kind kind, size_t most)
{
    for (size_t i = 0; i < bounds->count && most > 0; i++)
        if (bounds->items[i].kind == kind && !has_column(advice, bounds->items[i].field)) {
            add(advice, bounds->items[i].field, false);
            most--;
        }
}

/* Finds one row at most: its index is there. */
static bool is_key(const struct query *query, const struct bounds *bounds)
{
    for (size_t i = 0; i < bounds->count; i++) {
        const struct field *field = bounds->items[i].field;
        if (bounds->items[i].kind == EXPR_BOUND_EQUAL &&
            (field_is(field, FIELD_UNIQUE) || field == query->resource->id))
            return true;
    }
    return query->id || query->ids;
}

static bool has_many_ties(const struct advice *advice)
{
    if (advice->count == advice->equal_count)
        return true;
    enum field_type kind = advice->columns[advice->count - 1].field->type.kind;
    return kind == FIELD_ENUM || kind == FIELD_BOOL;
}

/* Returns false when the order cannot be had from an index. */
static bool add_order(struct advice *advice, const struct query *query)
{
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct query_key *key = &query->sort[i];
        if (key->path.hop_count > 0)
            return false;
        add(advice, key->path.field, key->is_descending);
        if (field_is(key->path.field, FIELD_UNIQUE))
            break;
    }
    return true;
}

/* Whether an index over these columns begins with the advised ones; `ends_with_id`: the id follows without a word. */
static bool leads_with(const struct index_column *columns, size_t count, bool ends_with_id, const struct advice *advice)
{
    bool is_flipped = false, is_first = true;
    for (size_t i = 0; i < advice->count; i++) {
        struct index_column wanted = advice->columns[i];
        bool is_implied = i == count && ends_with_id && wanted.field == advice->resource->id;
        if (i >= count && !is_implied)
            return false;
        if (i < advice->equal_count) {
            bool is_among = false;
            for (size_t j = 0; j < advice->equal_count; j++)
                is_among = is_among || advice->columns[j].field == columns[i].field;
            if (!is_among)
                return false;
            continue;
        }
        bool is_descending = !is_implied && columns[i].is_descending;
        if (!is_implied && columns[i].field != wanted.field)
            return false;
        if (is_first)
            is_flipped = is_descending != wanted.is_descending;
        is_first = false;
        if ((is_descending != wanted.is_descending) != is_flipped)
            return false;
    }
    return true;
}

static bool ends_with_id(const struct resource *resource, enum dialect dialect)
{
    return dialect == DIALECT_POSTGRES || resource->id_kind == ID_INT;
}

static void find_present(struct advice *advice, enum dialect dialect)
{
    const struct resource *resource = advice->resource;
    for (size_t i = 0; i < resource->index_count; i++) {
        const struct index *index = &resource->indexes[i];
        if (!index->where && index->kind == advice->kind &&
            leads_with(index->columns, index->column_count, !index->is_unique && ends_with_id(resource, dialect),
                       advice))
            advice->present = index;
    }
}

/* SQLite, which knows nothing of how values are spread, reads rows in the order of their ids rather than sort what a
 * range has found. */
static bool may_use_range(const struct advice *advice, enum dialect dialect, enum advice_use use)
{
    return dialect == DIALECT_POSTGRES || use == ADVICE_COUNT || advice->equal_count > 0;
}

/* What a list holds is found by an index of its elements. One of texts needs an extension, and is nobody's to advise.
 */
static void add_content(struct advice *advice, const struct bounds *bounds)
{
    for (size_t i = 0; i < bounds->count && advice->count == 0; i++) {
        const struct field *field = bounds->items[i].field;
        if (bounds->items[i].kind != EXPR_BOUND_HAS || field->type.kind != FIELD_LIST ||
            !schema_index_takes(INDEX_GIN, &field->type))
            continue;
        advice->kind = INDEX_GIN;
        advice->columns[advice->count++] = (struct index_column){field, false};
        advice->equal_count = 1;
    }
}

bool advice_make(const struct query *query, const struct expr_context *context, enum dialect dialect,
                 enum advice_use use, struct advice *out)
{
    const struct rule *rule = policy_find(query->resource, ACTION_READ, context);
    struct bounds bounds;
    *out = (struct advice){.resource = query->resource};
    if (query->resource->is_adopted) /* its indexes are made where its table is */
        return false;
    bounds.count = expr_bound_list(query->filter, context, bounds.items);
    bounds.count += expr_bound_list(rule ? rule->allow : NULL, context, bounds.items + bounds.count);
    if (is_key(query, &bounds) || query->search.len > 0)
        return false;
    add_kind(out, &bounds, EXPR_BOUND_EQUAL, ADVICE_COLUMNS_MAX);
    out->equal_count = out->count;
    bool is_ordered = use == ADVICE_ROWS && query->sort_count > 0;
    if (is_ordered && !add_order(out, query))
        is_ordered = false;
    if (!is_ordered) {
        add_kind(out, &bounds, EXPR_BOUND_AMONG, 1);
        if (out->count == out->equal_count && may_use_range(out, dialect, use))
            add_kind(out, &bounds, EXPR_BOUND_RANGE, 1);
    }
    bool is_bounded = !is_ordered && out->count > out->equal_count;
    bool is_sorted_by_id = use == ADVICE_ROWS && !is_bounded && (is_ordered || query->sort_count == 0);
    if (out->count > 0 && is_sorted_by_id && !ends_with_id(query->resource, dialect) && has_many_ties(out))
        add(out, query->resource->id, false);
    if (out->count == 0 && dialect == DIALECT_POSTGRES)
        add_content(out, &bounds);
    find_present(out, dialect);
    return out->count > 0 && out->columns[0].field != query->resource->id; /* whose index is there */
}

bool advice_break_ties(struct advice *advice, enum dialect dialect)
{
    const struct field *id = advice->resource->id;
    if (ends_with_id(advice->resource, dialect) || advice->kind != INDEX_BTREE || has_column(advice, id))
        return false;
    add(advice, id, false);
    advice->present = NULL;
    find_present(advice, dialect);
    return has_column(advice, id);
}

bool advice_covers(const struct advice *a, const struct advice *b, enum dialect dialect)
{
    return a->resource == b->resource && a->kind == b->kind &&
           leads_with(a->columns, a->count, ends_with_id(a->resource, dialect), b);
}

void advice_format(const struct advice *advice, struct buf *out)
{
    if (advice->kind == INDEX_GIN) {
        buf_printf(out, "{fields: %.*s, using: gin}", SLICE_ARG(advice->columns[0].field->name));
        return;
    }
    for (size_t i = 0; i < advice->count; i++) {
        buf_put_text(out, i > 0 ? ", " : "");
        buf_put_text(out, advice->columns[i].is_descending ? "-" : "");
        buf_put_slice(out, advice->columns[i].field->name);
    }
}
