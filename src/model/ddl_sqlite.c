/* SPDX-License-Identifier: Apache-2.0 */
/* What only SQLite's tables have.
 *
 * Ids: a uuid is a TEXT primary key of a rowid table; an int is the rowid itself, AUTOINCREMENT, so that the id of a
 * deleted row is never given again.
 *
 * Full text: an FTS5 table without content of its own, over the rowids of the resource's table, kept in step by three
 * triggers; cascades fire them, too. VACUUM leaves the rowids alone, because every table with uuids has the index of
 * its primary key (and with int ids the rowid is the id).
 *
 * ON DELETE SET NULL changes a row behind the engine's back: a trigger counts its version on, so that no entity tag
 * outlives what it names. A change by the engine itself writes the version too, and the trigger leaves it alone. */
#include "model/ddl_writer.h"
#include "model/type.h"

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

enum error ddl_sqlite_put_type(struct ddl_writer *writer, const struct field *field)
{
    const char *type = "TEXT";
    switch (type_root(&field->type)->kind) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_DECIMAL: type = "INTEGER"; break;
    case FIELD_FLOAT: type = "REAL"; break;
    default: break;
    }
    buf_put_text(&writer->sql.text, type);
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

static enum error add_trigger(struct ddl_writer *writer, const struct resource *resource, struct slice table,
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
    return ddl_end(writer, DDL_TRIGGER, slice_from(name), resource);
}

enum error ddl_sqlite_search(struct ddl_writer *writer, const struct resource *resource)
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
    sql_quote(sql, resource->name);
    sql_put(sql, ", tokenize='unicode61 remove_diacritics 2', prefix='2 3')");
    TRY(ddl_end(writer, DDL_SEARCH, table, resource));
    TRY(add_trigger(writer, resource, table, "insert"));
    TRY(add_trigger(writer, resource, table, "update"));
    return add_trigger(writer, resource, table, "delete");
}

enum error ddl_sqlite_null_trigger(struct ddl_writer *writer, const struct resource *resource,
                                   const struct field *field)
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
    return ddl_end(writer, DDL_TRIGGER, slice_from(name), resource);
}

enum error ddl_sqlite_engine(struct ddl_writer *writer)
{
    for (size_t i = 0; i < ARRAY_LEN(engine_tables); i++) {
        buf_put_text(&writer->sql.text, engine_tables[i].sql);
        TRY(ddl_end(writer, DDL_ENGINE, slice_from(engine_tables[i].name), NULL));
    }
    return OK;
}
