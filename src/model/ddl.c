/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of a schema's tables, for SQLite.
 *
 * Tables are STRICT and carry the schema's names, so that a person with a SQL shell finds what the app file says. The
 * database itself holds what it can hold against every writer: types, NOT NULL, unique and foreign keys. Lengths,
 * ranges and the values of an enum are the engine's to check: a CHECK could only be changed by writing the table anew.
 *
 * Ids: a uuid is a TEXT primary key of a rowid table; an int is the rowid itself, AUTOINCREMENT, so that the id of a
 * deleted row is never given again.
 *
 * A unique index with `include` is two indexes: more columns in the unique one would make it mean something else.
 *
 * Full text: an FTS5 table without content of its own, over the rowids of the resource's table, kept in step by three
 * triggers; cascades fire them, too. VACUUM leaves the rowids alone, because every table with uuids has the index of
 * its primary key (and with int ids the rowid is the id).
 *
 * ON DELETE SET NULL changes a row behind the engine's back: a trigger counts its version on, so that no entity tag
 * outlives what it names. A change by the engine itself writes the version too, and the trigger leaves it alone.
 *
 * Statements come in the order: all tables, indexes, search tables and triggers, the engine's own. A table may
 * refer to one that comes later: SQLite looks at references when rows are written. */
#include "model/ddl.h"

#include "base/buf.h"
#include "base/jsonwrite.h"
#include "data/sql.h"
#include "model/expr.h"

struct writer {
    struct arena *arena;
    struct sql sql;
    struct ddl_statement *statements; /* room for all */
    size_t count;
};

static const struct engine_table {
    const char *name, *sql;
} engine_tables[] = {
    {"_tenon_schema", "CREATE TABLE \"_tenon_schema\" (\n"
                      "  \"id\" INTEGER PRIMARY KEY AUTOINCREMENT,\n"
                      "  \"recorded_at\" TEXT NOT NULL,\n"
                      "  \"ddl\" TEXT NOT NULL\n"
                      ") STRICT"},
    {"_tenon_idempotency", "CREATE TABLE \"_tenon_idempotency\" (\n"
                           "  \"scope\" TEXT NOT NULL,\n"
                           "  \"key\" TEXT NOT NULL,\n"
                           "  \"fingerprint\" BLOB NOT NULL,\n"
                           "  \"status\" INTEGER NOT NULL,\n"
                           "  \"content_type\" TEXT,\n"
                           "  \"headers\" TEXT,\n"
                           "  \"etag\" TEXT,\n"
                           "  \"is_weak\" INTEGER NOT NULL,\n"
                           "  \"body\" BLOB,\n"
                           "  \"created_us\" INTEGER NOT NULL,\n"
                           "  PRIMARY KEY (\"scope\", \"key\")\n"
                           ") WITHOUT ROWID, STRICT"},
    {"_tenon_idempotency_created_us",
     "CREATE INDEX \"_tenon_idempotency_created_us\" ON \"_tenon_idempotency\" (\"created_us\")"},
};

const char *ddl_column_type(const struct field *field)
{
    switch (field->type.kind) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_DECIMAL: return "INTEGER";
    case FIELD_FLOAT: return "REAL";
    case FIELD_REFERENCE: return field->type.target->id_kind == ID_INT ? "INTEGER" : "TEXT";
    default: return "TEXT";
    }
}

static void put_literal(struct sql *sql, struct value value)
{
    switch (value.kind) {
    case VALUE_NULL: sql_put(sql, "NULL"); return;
    case VALUE_INT: sql_number(sql, value.integer); return;
    case VALUE_FLOAT: jsonwrite_float(&sql->text, value.number); return;
    case VALUE_TEXT:
    case VALUE_BLOB: break;
    }
    sql_put(sql, "'");
    for (size_t i = 0; i < value.text.len; i++) {
        if (value.text.ptr[i] == '\'')
            sql_put(sql, "'");
        buf_put_byte(&sql->text, value.text.ptr[i]);
    }
    sql_put(sql, "'");
}

static void put_on_delete(struct sql *sql, enum on_delete on_delete)
{
    switch (on_delete) {
    case ON_DELETE_RESTRICT: sql_put(sql, " ON DELETE RESTRICT"); return;
    case ON_DELETE_CASCADE: sql_put(sql, " ON DELETE CASCADE"); return;
    case ON_DELETE_SET_NULL: sql_put(sql, " ON DELETE SET NULL"); return;
    }
}

static void put_column(struct sql *sql, const struct resource *resource, const struct field *field)
{
    sql_name(sql, field->name);
    sql_put(sql, " ");
    buf_put_text(&sql->text, ddl_column_type(field));
    if (field == resource->id) {
        if (resource->id_kind == ID_INT)
            sql_put(sql, " PRIMARY KEY AUTOINCREMENT");
        else
            sql_put(sql, " PRIMARY KEY NOT NULL");
        return;
    }
    if (field->type.kind == FIELD_EMAIL)
        sql_put(sql, " COLLATE NOCASE");
    if (field_is(field, FIELD_REQUIRED))
        sql_put(sql, " NOT NULL");
    if (field->default_kind == DEFAULT_VALUE) {
        sql_put(sql, " DEFAULT ");
        put_literal(sql, field->default_value);
    }
    if (field->type.kind == FIELD_REFERENCE) {
        sql_put(sql, " REFERENCES ");
        sql_name(sql, field->type.target->name);
        sql_put(sql, " (\"id\")");
        put_on_delete(sql, field->on_delete);
    }
}

static enum error take_text(struct writer *writer, struct slice *out)
{
    TRY(sql_finish(&writer->sql));
    *out = arena_slice(writer->arena, buf_slice(&writer->sql.text));
    sql_clear(&writer->sql);
    return out->ptr ? OK : ERROR_MEMORY;
}

/* Ends the statement that is being written. */
static enum error add(struct writer *writer, enum ddl_kind kind, struct slice name, const struct resource *resource)
{
    struct ddl_statement *statement = &writer->statements[writer->count];
    *statement = (struct ddl_statement){.kind = kind, .name = name, .resource = resource};
    TRY(take_text(writer, &statement->sql));
    writer->count++;
    return OK;
}

static enum error add_table(struct writer *writer, const struct resource *resource)
{
    struct sql *sql = &writer->sql;
    sql_put(sql, "CREATE TABLE ");
    sql_name(sql, resource->name);
    sql_put(sql, " (");
    for (size_t i = 0; i < resource->field_count; i++) {
        buf_put_text(&sql->text, i > 0 ? ",\n  " : "\n  ");
        put_column(sql, resource, &resource->fields[i]);
    }
    sql_put(sql, "\n) STRICT");
    return add(writer, DDL_TABLE, resource->name, resource);
}

static enum error add_index(struct writer *writer, const struct resource *resource, const struct index *index,
                            struct slice name, enum field_flag unique, size_t include_count)
{
    struct sql *sql = &writer->sql;
    buf_put_text(&sql->text, unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    sql_name(sql, name);
    sql_put(sql, " ON ");
    sql_name(sql, resource->name);
    sql_put(sql, " (");
    for (size_t i = 0; i < index->column_count; i++) {
        buf_put_text(&sql->text, i > 0 ? ", " : "");
        sql_name(sql, index->columns[i].field->name);
        buf_put_text(&sql->text, index->columns[i].is_descending ? " DESC" : "");
    }
    for (size_t i = 0; i < include_count; i++) {
        sql_put(sql, ", ");
        sql_name(sql, index->include[i]->name);
    }
    sql_put(sql, ")");
    if (index->where) {
        sql_put(sql, " WHERE ");
        expr_compile_condition(index->where, sql);
    }
    return add(writer, DDL_INDEX, name, resource);
}

static enum error add_indexes(struct writer *writer, const struct resource *resource)
{
    for (size_t i = 0; i < resource->index_count; i++) {
        const struct index *index = &resource->indexes[i];
        if (!index->is_unique) {
            TRY(add_index(writer, resource, index, index->name, 0, index->include_count));
            continue;
        }
        TRY(add_index(writer, resource, index, index->name, FIELD_UNIQUE, 0));
        if (index->include_count == 0)
            continue;
        const char *covering = arena_printf(writer->arena, "%.*s.include", SLICE_ARG(index->name));
        if (!covering)
            return ERROR_MEMORY;
        TRY(add_index(writer, resource, index, slice_from(covering), 0, index->include_count));
    }
    return OK;
}

static void put_search_columns(struct sql *sql, const struct resource *resource, const char *before)
{
    for (size_t i = 0; i < resource->search_count; i++) {
        sql_put(sql, ", ");
        buf_put_text(&sql->text, before);
        sql_name(sql, resource->search[i]->name);
    }
}

/* INSERT INTO fts (rowid, columns) VALUES (new.…), or the command that forgets a row. */
static void put_search_insert(struct sql *sql, const struct resource *resource, struct slice table)
{
    sql_put(sql, "  INSERT INTO ");
    sql_name(sql, table);
    sql_put(sql, " (rowid");
    put_search_columns(sql, resource, "");
    sql_put(sql, ") VALUES (new.rowid");
    put_search_columns(sql, resource, "new.");
    sql_put(sql, ");\n");
}

static void put_search_delete(struct sql *sql, const struct resource *resource, struct slice table)
{
    sql_put(sql, "  INSERT INTO ");
    sql_name(sql, table);
    sql_put(sql, " (");
    sql_name(sql, table);
    sql_put(sql, ", rowid");
    put_search_columns(sql, resource, "");
    sql_put(sql, ") VALUES ('delete', old.rowid");
    put_search_columns(sql, resource, "old.");
    sql_put(sql, ");\n");
}

static void put_update_columns(struct sql *sql, const struct resource *resource)
{
    for (size_t i = 0; i < resource->search_count; i++) {
        buf_put_text(&sql->text, i > 0 ? ", " : " OF ");
        sql_name(sql, resource->search[i]->name);
    }
}

static enum error add_trigger(struct writer *writer, const struct resource *resource, struct slice table,
                              const char *event)
{
    struct sql *sql = &writer->sql;
    const char *name = arena_printf(writer->arena, "%.*s_%s", SLICE_ARG(table), event);
    if (!name)
        return ERROR_MEMORY;
    bool is_update = event[0] == 'u';
    sql_put(sql, "CREATE TRIGGER ");
    sql_name(sql, slice_from(name));
    buf_put_text(&sql->text, is_update ? " AFTER UPDATE" : event[0] == 'i' ? " AFTER INSERT" : " AFTER DELETE");
    if (is_update)
        put_update_columns(sql, resource);
    sql_put(sql, " ON ");
    sql_name(sql, resource->name);
    sql_put(sql, " BEGIN\n");
    if (event[0] != 'i')
        put_search_delete(sql, resource, table);
    if (event[0] != 'd')
        put_search_insert(sql, resource, table);
    sql_put(sql, "END");
    return add(writer, DDL_TRIGGER, slice_from(name), resource);
}

static enum error add_search(struct writer *writer, const struct resource *resource)
{
    struct sql *sql = &writer->sql;
    const char *name = arena_printf(writer->arena, "_tenon_search_%.*s", SLICE_ARG(resource->name));
    if (!name)
        return ERROR_MEMORY;
    struct slice table = slice_from(name);
    sql_put(sql, "CREATE VIRTUAL TABLE ");
    sql_name(sql, table);
    sql_put(sql, " USING fts5 (");
    for (size_t i = 0; i < resource->search_count; i++) {
        sql_name(sql, resource->search[i]->name);
        sql_put(sql, ", ");
    }
    sql_put(sql, "content=");
    put_literal(sql, value_text(resource->name));
    sql_put(sql, ", tokenize='unicode61 remove_diacritics 2', prefix='2 3')");
    TRY(add(writer, DDL_SEARCH, table, resource));
    TRY(add_trigger(writer, resource, table, "insert"));
    TRY(add_trigger(writer, resource, table, "update"));
    return add_trigger(writer, resource, table, "delete");
}

static enum error add_null_trigger(struct writer *writer, const struct resource *resource, const struct field *field)
{
    struct sql *sql = &writer->sql;
    const char *name =
        arena_printf(writer->arena, "_tenon_null_%.*s.%.*s", SLICE_ARG(resource->name), SLICE_ARG(field->name));
    if (!name)
        return ERROR_MEMORY;
    sql_put(sql, "CREATE TRIGGER ");
    sql_name(sql, slice_from(name));
    sql_put(sql, " AFTER UPDATE OF ");
    sql_name(sql, field->name);
    sql_put(sql, " ON ");
    sql_name(sql, resource->name);
    sql_put(sql, " WHEN new.");
    sql_name(sql, field->name);
    sql_put(sql, " IS NULL AND old.");
    sql_name(sql, field->name);
    sql_put(sql, " IS NOT NULL AND new.\"version\" = old.\"version\" BEGIN\n  UPDATE ");
    sql_name(sql, resource->name);
    sql_put(sql, " SET \"version\" = old.\"version\" + 1");
    if (resource->updated_at)
        sql_put(sql, ", \"updated_at\" = max(old.\"updated_at\", strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))");
    sql_put(sql, " WHERE \"id\" = new.\"id\";\nEND");
    return add(writer, DDL_TRIGGER, slice_from(name), resource);
}

static enum error add_null_triggers(struct writer *writer, const struct resource *resource)
{
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        if (resource->version && field->type.kind == FIELD_REFERENCE && field->on_delete == ON_DELETE_SET_NULL)
            TRY(add_null_trigger(writer, resource, field));
    }
    return OK;
}

static enum error add_all(struct writer *writer, const struct schema *schema)
{
    for (size_t i = 0; i < schema->resource_count; i++)
        TRY(add_table(writer, &schema->resources[i]));
    for (size_t i = 0; i < schema->resource_count; i++)
        TRY(add_indexes(writer, &schema->resources[i]));
    for (size_t i = 0; i < schema->resource_count; i++)
        if (schema->resources[i].search_count > 0)
            TRY(add_search(writer, &schema->resources[i]));
    for (size_t i = 0; i < schema->resource_count; i++)
        TRY(add_null_triggers(writer, &schema->resources[i]));
    for (size_t i = 0; i < ARRAY_LEN(engine_tables); i++) {
        buf_put_text(&writer->sql.text, engine_tables[i].sql);
        TRY(add(writer, DDL_ENGINE, slice_from(engine_tables[i].name), NULL));
    }
    return OK;
}

enum error ddl_create(const struct schema *schema, struct arena *arena, struct ddl *out)
{
    struct writer writer = {.arena = arena};
    size_t room = ARRAY_LEN(engine_tables);
    for (size_t i = 0; i < schema->resource_count; i++)
        room += 5 + 2 * schema->resources[i].index_count + schema->resources[i].field_count;
    writer.statements = arena_array(arena, room, sizeof *writer.statements);
    if (!writer.statements)
        return ERROR_MEMORY;
    sql_init(&writer.sql, arena, DIALECT_SQLITE);
    enum error error = add_all(&writer, schema);
    sql_fini(&writer.sql);
    TRY(error);
    *out = (struct ddl){.statements = writer.statements, .count = writer.count};
    return OK;
}

enum error ddl_add_column(const struct resource *resource, const struct field *field, struct arena *arena,
                          struct slice *out)
{
    struct writer writer = {.arena = arena};
    sql_init(&writer.sql, arena, DIALECT_SQLITE);
    sql_put(&writer.sql, "ALTER TABLE ");
    sql_name(&writer.sql, resource->name);
    sql_put(&writer.sql, " ADD COLUMN ");
    put_column(&writer.sql, resource, field);
    enum error error = take_text(&writer, out);
    sql_fini(&writer.sql);
    return error;
}
