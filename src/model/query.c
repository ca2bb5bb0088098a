/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: the one way from a protocol's question to rows.
 *
 * Idea: a query is written as one statement whose text depends only on its shape, never on its values, so that the
 * statement cache of the connection answers the next query of that shape without preparing. The caller's read rule is a
 * condition of the statement; a row it hides is never seen, counted or sorted by.
 *
 * Order: the sort keys, then the row's key, so that the order is total. A view without a key is ordered by all its
 * columns, so that its pages are stable as far as its rows can be told apart. Nulls are last ascending and first
 * descending; columns that cannot be null say nothing about it, because the words would keep SQLite from using an
 * index.
 *
 * Keyset: `after` holds the keys of the last row seen. The condition is the lexicographic "greater", written from the
 * last key inwards, with the first key's bound in front where it lets an index seek. It stands before the filter: of
 * two bounds on one column SQLite seeks to the first it reads, and the row last seen is beyond any bound of the filter.
 *
 * Invariants
 *   (1) the columns of the statement are the query's columns, then (wants_keys) the sort keys and the id, as far as
 * they are not among these (2) the read rule of the root is in every statement made here
 */
#include "model/query.h"

#include <string.h>

#include "base/check.h"
#include "data/db.h"
#include "data/sql.h"
#include "model/field.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/search.h"
#include "model/type.h"

struct writer {
    const struct query *query;
    struct expr_context context;
    struct sql *sql;
    struct arena *arena;
    struct diag *diag;
    unsigned next_alias;
    unsigned columns;                     /* of the statement, so far */
    unsigned key_columns[QUERY_KEYS_MAX]; /* where each key stands */
};

static bool key_is_nullable(const struct query_key *key)
{
    return key->path.hop_count > 0 || !(key->path.field->flags & (FIELD_REQUIRED | FIELD_SYSTEM | FIELD_KEY));
}

/* No two rows share this key, so what follows it cannot matter. */
static bool key_is_unique(const struct query_key *key)
{
    if (key->path.hop_count > 0 || key_is_nullable(key))
        return false;
    return field_is(key->path.field, FIELD_UNIQUE) || key->path.field == key->path.root->id;
}

static size_t used_keys(const struct query *query)
{
    for (size_t i = 0; i < query->sort_count; i++)
        if (key_is_unique(&query->sort[i]))
            return i + 1;
    return query->sort_count;
}

/* Whether the sort keys leave the order open. */
static bool needs_id_key(const struct query *query)
{
    size_t used = used_keys(query);
    return used == 0 || !key_is_unique(&query->sort[used - 1]);
}

static void put_key(struct writer *w, const struct query_key *key)
{
    expr_compile_key(&key->path, &w->context, 0, &w->next_alias, w->sql);
}

/* A key is among the columns already, or becomes one more. */
static void put_key_column(struct writer *w, size_t i, const struct query_key *key)
{
    const struct query *query = w->query;
    bool is_as_stored = key->path.hop_count == 0 && key->path.field->type.kind != FIELD_EMAIL;
    for (unsigned column = 0; is_as_stored && column < query->column_count; column++)
        if (query->columns[column] == key->path.field) {
            w->key_columns[i] = column;
            return;
        }
    sql_item(w->sql);
    put_key(w, key);
    w->key_columns[i] = w->columns++;
}

static void put_columns(struct writer *w)
{
    const struct query *query = w->query;
    for (size_t i = 0; i < query->column_count; i++) {
        sql_item(w->sql);
        field_put_column(w->sql, 0, query->columns[i]);
    }
    w->columns = (unsigned)query->column_count;
    if (!query->wants_keys)
        return;
    for (size_t i = 0; i < query->sort_count; i++)
        put_key_column(w, i, &query->sort[i]);
    for (size_t i = 0; i < query->resource->key_count; i++) {
        const struct query_key id = {.path = {.root = query->resource, .field = query->resource->key[i]}};
        put_key_column(w, query->sort_count + i, &id);
    }
}

/* A cursor does not say how many of an integer's digits stand behind the point. */
static void put_key_value(struct writer *w, const struct field *field, struct value value)
{
    const struct type *type = type_root(&field->type);
    if (value.kind == VALUE_INT && type->kind == FIELD_DECIMAL)
        value.scale = type->scale;
    sql_bind(w->sql, field_is(field, FIELD_KEY) ? type_storage_of(field) : type_storage(type), value);
}

static void put_comparison(struct writer *w, const struct query_key *key, const char *operator, struct value value)
{
    put_key(w, key);
    buf_put_text(&w->sql->text, operator);
    put_key_value(w, key->path.field, value);
}

/* "comes after `value`" for one key, with nulls last ascending and first descending. */
static void put_key_after(struct writer *w, const struct query_key *key, struct value value)
{
    bool is_null = value.kind == VALUE_NULL;
    if (is_null && !key->is_descending) {
        sql_truth(w->sql, false);
    } else if (is_null) {
        put_key(w, key);
        sql_put(w->sql, " IS NOT NULL");
    } else if (key->is_descending || !key_is_nullable(key)) {
        put_comparison(w, key, key->is_descending ? "<" : ">", value);
    } else {
        sql_put(w->sql, "(");
        put_comparison(w, key, ">", value);
        sql_put(w->sql, " OR ");
        put_key(w, key);
        sql_put(w->sql, " IS NULL)");
    }
}

static void put_key_equal(struct writer *w, const struct query_key *key, struct value value)
{
    if (value.kind == VALUE_NULL) {
        put_key(w, key);
        sql_put(w->sql, " IS NULL");
    } else {
        put_comparison(w, key, "=", value);
    }
}

static void put_id_after(struct writer *w)
{
    const struct resource *resource = w->query->resource;
    bool is_row = resource->key_count > 1;
    buf_put_text(&w->sql->text, is_row ? "(" : "");
    for (size_t i = 0; i < resource->key_count; i++) {
        buf_put_text(&w->sql->text, i > 0 ? "," : "");
        sql_column(w->sql, 0, resource->key[i]->column);
    }
    buf_put_text(&w->sql->text, is_row ? ")>(" : ">");
    for (size_t i = 0; i < resource->key_count; i++) {
        buf_put_text(&w->sql->text, i > 0 ? "," : "");
        put_key_value(w, resource->key[i], w->query->after[w->query->sort_count + i]);
    }
    buf_put_text(&w->sql->text, is_row ? ")" : "");
}

/* Nothing that follows is null: nulls are first descending, and where there are none at all. */
static bool first_key_is_bounded(const struct query *query)
{
    const struct query_key *key = &query->sort[0];
    if (!key_is_nullable(key))
        return true;
    return key->path.hop_count == 0 && key->is_descending && query->after[0].kind != VALUE_NULL;
}

/* (k1 after v1 OR (k1 = v1 AND (k2 after v2 OR (… AND id > v)))) */
static void put_after(struct writer *w)
{
    const struct query *query = w->query;
    size_t used = used_keys(query);
    bool has_id = needs_id_key(query);
    if (used > 0 && first_key_is_bounded(query) && (used > 1 || has_id)) {
        put_comparison(w, &query->sort[0], query->sort[0].is_descending ? "<=" : ">=", query->after[0]);
        sql_put(w->sql, " AND ");
    }
    size_t open = 0;
    for (size_t i = 0; i < used; i++) {
        sql_put(w->sql, "(");
        open++;
        put_key_after(w, &query->sort[i], query->after[i]);
        if (i + 1 < used || has_id) {
            sql_put(w->sql, " OR (");
            open++;
            put_key_equal(w, &query->sort[i], query->after[i]);
            sql_put(w->sql, " AND ");
        }
    }
    if (has_id)
        put_id_after(w);
    for (; open > 0; open--)
        sql_put(w->sql, ")");
}

static enum error put_search(struct writer *w)
{
    enum error error = search_compile(w->query->resource, w->query->search, w->arena, w->sql);
    if (error == ERROR_VALIDATION)
        diag_field(w->diag, SLICE("search"), NULL, "must hold 1 to %d words", SEARCH_WORDS_MAX);
    return error;
}

/* The read rule, unless every row passes it. */
static void put_rule(struct writer *w)
{
    if (policy_decide(w->query->resource, ACTION_READ, &w->context) == POLICY_ALLOW)
        return;
    sql_where(w->sql);
    sql_put(w->sql, "(");
    policy_compile(w->query->resource, ACTION_READ, &w->context, 0, &w->next_alias, w->sql);
    sql_put(w->sql, ")");
}

static enum error put_where(struct writer *w)
{
    const struct query *query = w->query;
    const struct field *id = query->resource->id;
    for (size_t i = 0; query->id && i < query->resource->key_count; i++) {
        const struct field *field = query->resource->key[i];
        sql_where(w->sql);
        sql_column(w->sql, 0, field->column);
        sql_put(w->sql, "=");
        sql_bind(w->sql, type_storage_of(field), query->id[i]);
    }
    if (query->ids) {
        sql_where(w->sql);
        sql_column(w->sql, 0, id->column);
        sql_among(w->sql, type_storage(&id->type), query->ids, query->id_count);
    }
    if (query->filter) {
        sql_where(w->sql);
        sql_put(w->sql, "(");
        expr_compile(query->filter, &w->context, 0, &w->next_alias, w->sql);
        sql_put(w->sql, ")");
    }
    if (query->search.len > 0) {
        sql_where(w->sql);
        TRY(put_search(w));
    }
    put_rule(w);
    return OK;
}

/* What the caller may not read has no say in the order either. */
static void put_order_of_view(struct writer *w, const struct field *field)
{
    if (field->type.kind == FIELD_JSON || field->type.kind == FIELD_LIST ||
        !policy_field(w->query->resource, ACTION_READ, &w->context, field))
        return;
    sql_order(w->sql);
    sql_column(w->sql, 0, field->column);
}

/* A path that leads nowhere for this caller: all of it is null, which PostgreSQL does not take for an order. */
static bool key_is_nothing(const struct writer *w, const struct query_key *key)
{
    for (size_t i = 0; i < key->path.hop_count; i++)
        if (policy_decide(key->path.hops[i]->type.target, ACTION_READ, &w->context) == POLICY_DENY)
            return true;
    return false;
}

static void put_order(struct writer *w)
{
    const struct query *query = w->query;
    size_t used = used_keys(query);
    for (size_t i = 0; i < used; i++) {
        if (key_is_nothing(w, &query->sort[i]))
            continue;
        sql_order(w->sql);
        put_key(w, &query->sort[i]);
        if (query->sort[i].is_descending)
            sql_put(w->sql, " DESC");
        if (key_is_nullable(&query->sort[i]))
            buf_put_text(&w->sql->text, query->sort[i].is_descending ? " NULLS FIRST" : " NULLS LAST");
    }
    if (!needs_id_key(query))
        return;
    for (size_t i = 0; i < query->resource->key_count; i++) {
        sql_order(w->sql);
        sql_column(w->sql, 0, query->resource->key[i]->column);
    }
    for (size_t i = 0; query->resource->key_count == 0 && i < query->resource->field_count; i++)
        put_order_of_view(w, &query->resource->fields[i]);
}

static enum error begin(struct session *session, const struct query *query, struct writer *out)
{
    *out = (struct writer){.query = query,
                           .context = session_context(session),
                           .arena = session->arena,
                           .diag = session->diag,
                           .next_alias = 1};
    TRY(policy_admit(query->resource, ACTION_READ, &out->context));
    TRY(session_read(session));
    out->sql = session_sql(session);
    return OK;
}

static void tell(const struct session *session, const struct query *query, bool is_count)
{
    const struct model_watch *watch = session->model->watch;
    if (watch)
        watch->query(watch->state, session, query, is_count);
}

enum error query_open(struct session *session, const struct query *query, struct query_rows *out)
{
    struct writer w;
    TRY(begin(session, query, &w));
    sql_select(w.sql);
    put_columns(&w);
    sql_from(w.sql, query->resource->table, 0);
    if (query->after) {
        sql_where(w.sql);
        put_after(&w);
    }
    TRY(put_where(&w));
    if (!query->id && !query->ids)
        put_order(&w);
    sql_limit(w.sql, query->limit, query->offset);
    struct db_rows *rows;
    tell(session, query, false);
    TRY(sql_query(w.sql, session->conn, &rows));
    *out = (struct query_rows){.rows = rows,
                               .key_count = query->wants_keys ? query->sort_count + query->resource->key_count : 0};
    memcpy(out->key_columns, w.key_columns, sizeof out->key_columns);
    return OK;
}

enum error query_next(struct query_rows *rows, bool *has_row)
{
    return db_next(rows->rows, has_row);
}

struct value query_value(const struct query_rows *rows, size_t i)
{
    return db_column(rows->rows, (unsigned)i);
}

struct value query_key_value(const struct query_rows *rows, size_t i)
{
    CHECK(i < rows->key_count, "query keys are read only when they were wanted");
    return db_column(rows->rows, rows->key_columns[i]);
}

void query_close(struct query_rows *rows)
{
    db_rows_close(rows->rows);
    rows->rows = NULL;
}

enum error query_count(struct session *session, const struct query *query, int64_t *total)
{
    struct writer w;
    TRY(begin(session, query, &w));
    sql_select(w.sql);
    sql_put(w.sql, "count(*)");
    sql_from(w.sql, query->resource->table, 0);
    TRY(put_where(&w));
    struct db_rows *rows;
    tell(session, query, true);
    TRY(sql_query(w.sql, session->conn, &rows));
    bool has_row;
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        *total = has_row ? db_column(rows, 0).integer : 0;
    db_rows_close(rows);
    return error;
}
