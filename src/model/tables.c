/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a database holds, from SQLite's own tables. Rows are counted first and read into an array of that size:
 * both statements run in one transaction, so the numbers agree. */
#include "model/tables.h"

enum { TABLES_OBJECTS_MAX = 200000, TABLES_COLUMNS_MAX = 4000 };

static enum error count_rows(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                             size_t most, size_t *out)
{
    struct db_rows *rows = NULL;
    bool has_row = false;
    TRY(db_query(conn, sql, arguments, count, &rows));
    enum error error = db_next(rows, &has_row);
    struct value value = error == OK && has_row ? db_column(rows, 0) : VALUE_NOTHING;
    db_rows_close(rows);
    TRY(error);
    if (value.kind != VALUE_INT || value.integer < 0 || (size_t)value.integer > most)
        return ERROR_LIMIT;
    *out = (size_t)value.integer;
    return OK;
}

/* A text column, copied; null is empty. */
static enum error take_text(const struct db_rows *rows, unsigned column, struct arena *arena, struct slice *out)
{
    struct value value = db_column(rows, column);
    *out = arena_slice(arena, value.kind == VALUE_TEXT ? value.text : SLICE(""));
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error read_object(const struct db_rows *rows, struct arena *arena, struct tables_object *object)
{
    TRY(take_text(rows, 0, arena, &object->kind));
    TRY(take_text(rows, 1, arena, &object->name));
    TRY(take_text(rows, 2, arena, &object->table));
    return take_text(rows, 3, arena, &object->sql);
}

enum error tables_read(struct db_conn *conn, struct arena *arena, struct tables *out)
{
    struct db_rows *rows = NULL;
    size_t room = 0, count = 0;
    bool has_row = true;
    TRY(count_rows(conn, SLICE("SELECT count(*) FROM sqlite_schema"), NULL, 0, TABLES_OBJECTS_MAX, &room));
    struct tables_object *objects = arena_array(arena, room + 1, sizeof *objects);
    if (!objects)
        return ERROR_MEMORY;
    TRY(db_query(conn,
                 SLICE("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_' "
                       "ORDER BY rowid"),
                 NULL, 0, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row && count < room) {
        error = read_object(rows, arena, &objects[count++]);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    TRY(error);
    *out = (struct tables){.objects = objects, .count = count};
    return OK;
}

static enum error read_column(const struct db_rows *rows, struct arena *arena, struct tables_column *column)
{
    TRY(take_text(rows, 0, arena, &column->name));
    TRY(take_text(rows, 1, arena, &column->type));
    column->is_required = db_column(rows, 2).integer != 0;
    column->is_key = db_column(rows, 3).integer != 0;
    return OK;
}

static enum error read_reference(const struct db_rows *rows, struct arena *arena, struct tables_columns *columns)
{
    struct slice name = db_column(rows, 0).text;
    for (size_t i = 0; i < columns->count; i++) {
        if (!slice_eq(columns->items[i].name, name))
            continue;
        TRY(take_text(rows, 1, arena, &columns->items[i].refers));
        return take_text(rows, 2, arena, &columns->items[i].on_delete);
    }
    return OK;
}

static enum error read_references(struct db_conn *conn, const struct value *table, struct arena *arena,
                                  struct tables_columns *columns)
{
    struct db_rows *rows = NULL;
    bool has_row = true;
    TRY(db_query(conn, SLICE("SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list(?1)"), table, 1,
                 &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        error = read_reference(rows, arena, columns);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    return error;
}

enum error tables_read_columns(struct db_conn *conn, struct slice table, struct arena *arena,
                               struct tables_columns *out)
{
    const struct value name = value_text(table);
    struct tables_columns columns = {0};
    struct db_rows *rows = NULL;
    size_t room = 0;
    bool has_row = true;
    TRY(count_rows(conn, SLICE("SELECT count(*) FROM pragma_table_xinfo(?1)"), &name, 1, TABLES_COLUMNS_MAX, &room));
    columns.items = arena_array(arena, room + 1, sizeof *columns.items);
    if (!columns.items)
        return ERROR_MEMORY;
    TRY(db_query(conn, SLICE("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1)"), &name, 1, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row && columns.count < room) {
        error = read_column(rows, arena, &columns.items[columns.count++]);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    TRY(error);
    TRY(read_references(conn, &name, arena, &columns));
    *out = columns;
    return OK;
}

const struct tables_object *tables_find(const struct tables *tables, const char *kind, struct slice name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (slice_eq_text(tables->objects[i].kind, kind) && slice_eq(tables->objects[i].name, name))
            return &tables->objects[i];
    return NULL;
}

const struct tables_column *tables_find_column(const struct tables_columns *columns, struct slice name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (slice_eq_nocase(columns->items[i].name, name))
            return &columns->items[i];
    return NULL;
}
