/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's catalog: its table-valued pragmas. A column holds what was put into it, whatever its type says, so each
 * one's values are counted by what they are, with one scan. */
#include "data/sql.h"
#include "model/catalog.h"

static enum error take_table(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_table *table = catalog_add_table(reading->catalog);
    struct slice kind;
    if (!table)
        return ERROR_LIMIT;
    TRY(catalog_text(reading, rows, 0, &table->name));
    TRY(catalog_text(reading, rows, 1, &kind));
    table->is_view = slice_eq_text(kind, "view");
    table->is_foreign = !table->is_view && !slice_eq_text(kind, "table");
    table->has_rowid = catalog_number(rows, 2) == 0;
    return OK;
}

static enum error take_column(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_column *column = catalog_add_column(reading);
    if (!column)
        return ERROR_MEMORY;
    TRY(catalog_text(reading, rows, 0, &column->name));
    TRY(catalog_text(reading, rows, 1, &column->type));
    TRY(catalog_text(reading, rows, 3, &column->standard));
    column->is_required = catalog_number(rows, 2) != 0;
    column->key = (unsigned)catalog_number(rows, 4);
    column->is_computed = catalog_number(rows, 5) >= 2;
    return OK;
}

static enum error take_reference(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_reference *reference = catalog_add_reference(reading, catalog_number(rows, 0));
    if (!reference)
        return ERROR_MEMORY;
    if (++reference->width > 1)
        return OK;
    TRY(catalog_text(reading, rows, 1, &reference->table));
    TRY(catalog_text(reading, rows, 2, &reference->column));
    TRY(catalog_text(reading, rows, 3, &reference->target));
    return catalog_text(reading, rows, 4, &reference->on_delete);
}

/* What stands behind WHERE in the statement that made an index. */
static struct slice where_of(struct slice sql)
{
    struct slice word = SLICE(" WHERE ");
    for (size_t i = sql.len; i >= word.len; i--)
        if (slice_eq_nocase(slice_of(sql.ptr + i - word.len, word.len), word))
            return slice_from_index(sql, i);
    return sql;
}

static enum error take_index(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_index_column column = {.is_descending = catalog_number(rows, 5) != 0};
    struct slice name, origin, sql;
    TRY(catalog_text(reading, rows, 0, &name));
    TRY(catalog_text(reading, rows, 2, &origin));
    TRY(catalog_text(reading, rows, 4, &column.name));
    TRY(catalog_text(reading, rows, 6, &sql));
    struct catalog_index *index = catalog_add_index(reading, name, column);
    if (!index)
        return ERROR_MEMORY;
    index->is_unique = catalog_number(rows, 1) != 0;
    index->is_primary = slice_eq_text(origin, "pk");
    if (catalog_number(rows, 3) != 0)
        index->where = where_of(sql);
    return OK;
}

/* INTEGER PRIMARY KEY is the rowid, which SQLite gives; with any other key there is an index of it. */
static void find_given(struct catalog_table *table)
{
    struct catalog_column *key = NULL;
    for (size_t i = 0; i < table->index_count; i++)
        if (table->indexes[i].is_primary)
            return;
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].key == 1)
            key = &table->columns[i];
    if (key && table->has_rowid && slice_eq_nocase(key->type, SLICE("INTEGER")))
        key->is_given = true;
}

enum error catalog_sqlite_read(struct catalog_reading *reading)
{
    struct catalog *catalog = reading->catalog;
    TRY(catalog_ask(reading,
                    SLICE("SELECT l.name, l.type, l.wr FROM pragma_table_list AS l JOIN sqlite_schema AS s ON "
                          "s.name = l.name AND s.type IN ('table', 'view') WHERE l.schema = 'main' AND "
                          "substr(l.name, 1, 7) NOT IN ('sqlite_', '_tenon_') ORDER BY s.rowid"),
                    NULL, take_table));
    for (size_t i = 0; i < catalog->count; i++) {
        struct catalog_table *table = reading->table = &catalog->tables[i];
        TRY(catalog_ask(reading,
                        SLICE("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)"),
                        &table->name, take_column));
        TRY(catalog_ask(reading,
                        SLICE("SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) "
                              "ORDER BY id DESC, seq"),
                        &table->name, take_reference));
        TRY(catalog_ask(
            reading,
            SLICE("SELECT l.name, l.\"unique\", l.origin, l.partial, x.name, x.desc, (SELECT s.sql FROM "
                  "sqlite_schema AS s WHERE s.type = 'index' AND s.name = l.name) FROM pragma_index_list(?1) "
                  "AS l, pragma_index_xinfo(l.name) AS x WHERE x.key = 1 ORDER BY l.seq DESC, x.seqno"),
            &table->name, take_index));
        find_given(table);
    }
    return OK;
}

static enum error take_values(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_values *values = &reading->column->values;
    int64_t *const counts[] = {&values->nulls,     &values->integers, &values->reals,    &values->texts,
                               &values->blobs,     &values->truths,   &values->dates,    &values->uuids,
                               &values->documents, &values->longest,  &values->datetimes};
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++)
        *counts[i] = catalog_number(rows, i);
    return OK;
}

#define DIGITS(n) DIGITS_##n
#define DIGITS_2  "[0-9][0-9]"
#define DIGITS_4  "[0-9][0-9][0-9][0-9]"
#define HEX4      "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"

/* `c` stands for the column. */
static const char questions[] =
    "SELECT count(*) - count(c), sum(typeof(c) = 'integer'), sum(typeof(c) = 'real'), sum(typeof(c) = 'text'), "
    "sum(typeof(c) = 'blob'), sum(typeof(c) = 'integer' AND c IN (0, 1)), "
    "sum(length(c) = 10 AND date(c) IS c), "
    "sum(c GLOB '" HEX4 HEX4 "-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4 "'), "
    "sum(typeof(c) = 'text' AND json_valid(c)), max(CASE typeof(c) WHEN 'text' THEN length(c) END), "
    "sum(typeof(c) = 'text' AND c GLOB '" DIGITS(4) "-" DIGITS(2) "-" DIGITS(2) "T" DIGITS(2) ":" DIGITS(2) ":" DIGITS(
        2) "." DIGITS(4) DIGITS(2) "Z' AND datetime(c) IS NOT NULL) FROM (SELECT ";

enum error catalog_sqlite_look(struct catalog_reading *reading)
{
    struct sql sql;
    sql_init(&sql, reading->catalog->arena, DIALECT_SQLITE);
    buf_put_text(&sql.text, questions);
    sql_name(&sql, reading->column->name);
    sql_put(&sql, " AS c");
    sql_from(&sql, reading->table->name, 0);
    sql_put(&sql, ")");
    enum error error = sql_finish(&sql);
    if (error == OK)
        error = catalog_ask(reading, buf_slice(&sql.text), NULL, take_values);
    sql_fini(&sql);
    return error;
}
