/* SPDX-License-Identifier: Apache-2.0 */
/* What both databases' catalogs are read with: questions, and lists that grow in an arena. First the tables with their
 * columns, references and indexes, then a look at the values of each. */
#include "model/catalog.h"

#include <string.h>

enum { TABLES_MAX = 5000 };

enum error catalog_ask(struct catalog_reading *reading, struct slice sql, const struct slice *argument,
                       catalog_take *take)
{
    struct db_rows *rows = NULL;
    bool has_row = true;
    struct value value = argument ? value_text(*argument) : VALUE_NOTHING;
    TRY(db_query(reading->conn, sql, &value, argument ? 1 : 0, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        error = take(reading, rows);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    return error;
}

enum error catalog_text(struct catalog_reading *reading, const struct db_rows *rows, unsigned column, struct slice *out)
{
    struct value value = db_column(rows, column);
    *out = arena_slice(reading->catalog->arena, value.kind == VALUE_TEXT ? value.text : SLICE(""));
    return out->ptr ? OK : ERROR_MEMORY;
}

int64_t catalog_number(const struct db_rows *rows, unsigned column)
{
    struct value value = db_column(rows, column);
    return value.kind == VALUE_INT ? value.integer : 0;
}

struct catalog_table *catalog_add_table(struct catalog *catalog)
{
    void *grown =
        arena_grow(catalog->arena, catalog->tables, catalog->count, &catalog->capacity, sizeof *catalog->tables);
    if (!grown || catalog->count == TABLES_MAX)
        return NULL;
    catalog->tables = grown;
    return &catalog->tables[catalog->count++];
}

struct catalog_column *catalog_add_column(struct catalog_reading *reading)
{
    struct catalog_table *table = reading->table;
    void *grown = arena_grow(reading->catalog->arena, table->columns, table->column_count, &table->column_capacity,
                             sizeof *table->columns);
    if (!grown)
        return NULL;
    table->columns = grown;
    return &table->columns[table->column_count++];
}

struct catalog_reference *catalog_add_reference(struct catalog_reading *reading, int64_t id)
{
    struct catalog_table *table = reading->table;
    for (size_t i = 0; i < table->reference_count; i++)
        if (table->references[i].id == id)
            return &table->references[i];
    void *grown = arena_grow(reading->catalog->arena, table->references, table->reference_count,
                             &table->reference_capacity, sizeof *table->references);
    if (!grown)
        return NULL;
    table->references = grown;
    table->references[table->reference_count].id = id;
    return &table->references[table->reference_count++];
}

static struct catalog_index *find_or_add_index(struct catalog_reading *reading, struct slice name)
{
    struct catalog_table *table = reading->table;
    if (table->index_count > 0 && slice_eq(table->indexes[table->index_count - 1].name, name))
        return &table->indexes[table->index_count - 1];
    void *grown = arena_grow(reading->catalog->arena, table->indexes, table->index_count, &table->index_capacity,
                             sizeof *table->indexes);
    if (!grown)
        return NULL;
    table->indexes = grown;
    table->indexes[table->index_count].name = name;
    return &table->indexes[table->index_count++];
}

struct catalog_index *catalog_add_index(struct catalog_reading *reading, struct slice name,
                                        struct catalog_index_column column)
{
    struct catalog_index *index = find_or_add_index(reading, name);
    if (!index)
        return NULL;
    void *grown =
        arena_grow(reading->catalog->arena, index->columns, index->count, &index->capacity, sizeof *index->columns);
    if (!grown)
        return NULL;
    index->columns = grown;
    index->columns[index->count++] = column;
    return index;
}

enum error catalog_read(struct db_conn *conn, struct arena *arena, catalog_progress *progress, void *state,
                        struct catalog *out)
{
    *out = (struct catalog){.dialect = db_conn_dialect(conn), .arena = arena};
    struct catalog_reading reading = {.conn = conn, .catalog = out};
    bool is_sqlite = out->dialect == DIALECT_SQLITE;
    TRY(is_sqlite ? catalog_sqlite_read(&reading) : catalog_postgres_read(&reading));
    for (size_t i = 0; i < out->count; i++) {
        reading.table = &out->tables[i];
        if (progress)
            progress(state, i, out->count);
        for (size_t j = 0; !reading.table->is_foreign && j < reading.table->column_count; j++) {
            reading.column = &reading.table->columns[j];
            TRY(is_sqlite ? catalog_sqlite_look(&reading) : catalog_postgres_look(&reading));
        }
    }
    if (progress)
        progress(state, out->count, out->count);
    return OK;
}
