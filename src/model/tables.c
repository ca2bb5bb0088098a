/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a database holds, from its own tables. */
#include "model/tables.h"

#include <string.h>

enum { TABLES_OBJECTS_MAX = 200000, TABLES_COLUMNS_MAX = 4000 };

/* What is asked of each database: the same columns in the same order. */
#define OURS "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
static const struct questions {
    struct slice objects, columns, references;
} questions[] = {
    [DIALECT_SQLITE] =
        {
            .objects = SLICE_INIT("SELECT type, name, tbl_name, sql FROM sqlite_schema "
                                  "WHERE substr(name, 1, 7) <> 'sqlite_' ORDER BY rowid"),
            .columns = SLICE_INIT("SELECT name, type, \"notnull\", pk, dflt_value IS NOT NULL "
                                  "FROM pragma_table_xinfo(?1)"),
            .references = SLICE_INIT("SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list(?1)"),
        },
    [DIALECT_POSTGRES] =
        {
            .objects = SLICE_INIT(
                "SELECT CASE c.relkind WHEN 'i' THEN 'index' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' "
                "END, c.relname::text, "
                "coalesce(t.relname, c.relname)::text, coalesce(obj_description(c.oid, 'pg_class'), "
                "CASE c.relkind WHEN 'i' THEN pg_get_indexdef(c.oid) ELSE '' END) "
                "FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = "
                "i.indrelid "
                "WHERE c.relnamespace = " OURS " AND c.relkind IN ('r', 'p', 'i', 'v', 'm', 'f') "
                "AND NOT coalesce(i.indisprimary, false) "
                "UNION ALL SELECT 'trigger', t.tgname::text, c.relname::text, "
                "coalesce(obj_description(t.oid, 'pg_trigger'), '') FROM pg_trigger t JOIN pg_class c ON "
                "c.oid = t.tgrelid WHERE NOT t.tgisinternal AND c.relnamespace = " OURS
                " UNION ALL SELECT 'constraint', k.conname::text, c.relname::text, "
                "coalesce(obj_description(k.oid, 'pg_constraint'), pg_get_constraintdef(k.oid)) FROM pg_constraint k "
                "JOIN pg_class c ON "
                "c.oid = k.conrelid WHERE k.contype = 'f' AND c.relnamespace = " OURS
                " UNION ALL SELECT 'function', p.proname::text, p.proname::text, "
                "coalesce(obj_description(p.oid, 'pg_proc'), '') FROM pg_proc p WHERE p.pronamespace = " OURS),
            .columns = SLICE_INIT(
                "SELECT a.attname::text, CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) ELSE "
                "format_type(a.atttypid, a.atttypmod) END || "
                "CASE WHEN l.collname = 'C' THEN ' COLLATE \"C\"' ELSE '' END, a.attnotnull, EXISTS (SELECT 1 FROM "
                "pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY(i.indkey)), "
                "a.atthasdef OR a.attidentity <> '' "
                "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid "
                "LEFT JOIN pg_collation l ON l.oid = a.attcollation "
                "WHERE c.relnamespace = " OURS " AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped "
                "ORDER BY a.attnum"),
            .references = SLICE_INIT(
                "SELECT a.attname::text, t.relname::text, CASE k.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN "
                "'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END "
                "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid "
                "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] WHERE k.contype = 'f' "
                "AND c.relnamespace = " OURS " AND c.relname = $1"),
        },
};

static const struct questions *questions_for(const struct db_conn *conn)
{
    return &questions[db_conn_dialect(conn)];
}

/* Runs a question, with one argument or none, and hands each row to `take`. */
static enum error ask(struct db_conn *conn, struct slice sql, const struct value *argument,
                      enum error (*take)(const struct db_rows *rows, void *state), void *state)
{
    struct db_rows *rows = NULL;
    bool has_row = true;
    TRY(db_query(conn, sql, argument, argument ? 1 : 0, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        error = take(rows, state);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    return error;
}

/* A text column, copied; null is empty. */
static enum error take_text(const struct db_rows *rows, unsigned column, struct arena *arena, struct slice *out)
{
    struct value value = db_column(rows, column);
    *out = arena_slice(arena, value.kind == VALUE_TEXT ? value.text : SLICE(""));
    return out->ptr ? OK : ERROR_MEMORY;
}

struct reading {
    struct arena *arena;
    struct tables_object *objects;
    struct tables_columns columns;
    size_t count, capacity;
};

static enum error take_object(const struct db_rows *rows, void *state)
{
    struct reading *reading = state;
    if (reading->count == TABLES_OBJECTS_MAX)
        return ERROR_LIMIT;
    reading->objects =
        arena_grow(reading->arena, reading->objects, reading->count, &reading->capacity, sizeof *reading->objects);
    if (!reading->objects)
        return ERROR_MEMORY;
    struct tables_object *object = &reading->objects[reading->count++];
    TRY(take_text(rows, 0, reading->arena, &object->kind));
    TRY(take_text(rows, 1, reading->arena, &object->name));
    TRY(take_text(rows, 2, reading->arena, &object->table));
    return take_text(rows, 3, reading->arena, &object->sql);
}

enum error tables_read(struct db_conn *conn, struct arena *arena, struct tables *out)
{
    struct reading reading = {.arena = arena};
    TRY(ask(conn, questions_for(conn)->objects, NULL, take_object, &reading));
    *out = (struct tables){.objects = reading.objects, .count = reading.count};
    return OK;
}

static enum error take_column(const struct db_rows *rows, void *state)
{
    struct reading *reading = state;
    struct tables_columns *columns = &reading->columns;
    if (columns->count == TABLES_COLUMNS_MAX)
        return ERROR_LIMIT;
    columns->items =
        arena_grow(reading->arena, columns->items, columns->count, &reading->capacity, sizeof *columns->items);
    if (!columns->items)
        return ERROR_MEMORY;
    struct tables_column *column = &columns->items[columns->count++];
    *column = (struct tables_column){.is_required = db_column(rows, 2).integer != 0,
                                     .is_key = db_column(rows, 3).integer != 0,
                                     .has_default = db_column(rows, 4).integer != 0};
    TRY(take_text(rows, 0, reading->arena, &column->name));
    return take_text(rows, 1, reading->arena, &column->type);
}

static enum error take_reference(const struct db_rows *rows, void *state)
{
    struct reading *reading = state;
    struct slice name = db_column(rows, 0).text;
    for (size_t i = 0; i < reading->columns.count; i++) {
        if (!slice_eq(reading->columns.items[i].name, name))
            continue;
        TRY(take_text(rows, 1, reading->arena, &reading->columns.items[i].refers));
        return take_text(rows, 2, reading->arena, &reading->columns.items[i].on_delete);
    }
    return OK;
}

enum error tables_read_columns(struct db_conn *conn, struct slice table, struct arena *arena,
                               struct tables_columns *out)
{
    const struct value name = value_text(table);
    struct reading reading = {.arena = arena};
    TRY(ask(conn, questions_for(conn)->columns, &name, take_column, &reading));
    TRY(ask(conn, questions_for(conn)->references, &name, take_reference, &reading));
    *out = reading.columns;
    return OK;
}

const struct tables_object *tables_find(const struct tables *tables, const char *kind, struct slice name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (slice_eq_text(tables->objects[i].kind, kind) && slice_eq(tables->objects[i].name, name))
            return &tables->objects[i];
    return NULL;
}

bool tables_find_any(const struct tables *tables, struct slice name)
{
    for (size_t i = 0; i < tables->count; i++) {
        const struct tables_object *object = &tables->objects[i];
        bool is_kind = slice_eq_text(object->kind, "table") || slice_eq_text(object->kind, "view");
        if (is_kind && slice_eq_nocase(object->name, name))
            return true;
    }
    return false;
}

static bool contains(struct slice text, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= text.len; i++)
        if (slice_eq_nocase(slice_of(text.ptr + i, length), slice_of(word, length)))
            return true;
    return false;
}

enum tables_affinity tables_affinity(struct slice type)
{
    static const struct {
        const char *word;
        enum tables_affinity affinity;
    } rows[] = {{"INT", TABLES_INTEGER}, {"CHAR", TABLES_TEXT}, {"CLOB", TABLES_TEXT}, {"TEXT", TABLES_TEXT},
                {"BLOB", TABLES_BLOB},   {"REAL", TABLES_REAL}, {"FLOA", TABLES_REAL}, {"DOUB", TABLES_REAL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (contains(type, rows[i].word))
            return rows[i].affinity;
    return type.len > 0 ? TABLES_NUMERIC : TABLES_BLOB;
}

bool tables_postgres_holds(struct slice type, enum sql_type wanted, bool is_enum)
{
    static const struct {
        const char *begin;
        enum sql_type storage;
    } rows[] = {{"smallint", SQL_INTEGER},
                {"integer", SQL_INTEGER},
                {"bigint", SQL_INTEGER},
                {"real", SQL_FLOAT},
                {"double precision", SQL_FLOAT},
                {"numeric(", SQL_DECIMAL},
                {"numeric", SQL_FLOAT},
                {"boolean", SQL_BOOLEAN},
                {"text", SQL_TEXT},
                {"character", SQL_TEXT},
                {"\"char\"", SQL_TEXT},
                {"name", SQL_TEXT},
                {"timestamp", SQL_INSTANT},
                {"date", SQL_DATE},
                {"uuid", SQL_UUID},
                {"json", SQL_JSON}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_starts(type, slice_from(rows[i].begin)) &&
            (rows[i].storage == wanted || (rows[i].storage == SQL_DECIMAL && wanted == SQL_FLOAT)))
            return true;
    return is_enum;
}

const struct tables_column *tables_find_column(const struct tables_columns *columns, struct slice name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (slice_eq_nocase(columns->items[i].name, name))
            return &columns->items[i];
    return NULL;
}
