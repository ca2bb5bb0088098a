/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables are copied.
 *
 * A resource's columns and their types are the app file's, to which the source has been held already. The engine's own
 * tables are found by their names, so that one which a later version adds is copied as well; their columns are read
 * from the source. Not copied are the search tables and their shadows, which the target makes of
 * its rows, and what speaks of the source's dialect: _tenon_schema, and _tenon_migrations where the target has another
 * one. They are written anew. */
#include "model/transfer_table.h"

#include <string.h>

#include "base/buf.h"
#include "model/tables.h"
#include "model/type.h"

enum { REFERENCES_TOLD = 20 };

static bool is_engine_table(struct slice name, bool is_other_dialect)
{
    if (is_other_dialect && slice_eq_text(name, "_tenon_migrations"))
        return false;
    return slice_starts(name, SLICE("_tenon_")) && !slice_starts(name, SLICE("_tenon_search_")) &&
           !slice_eq_text(name, "_tenon_schema");
}

/* Takes the text of a statement that was written and begins the next. */
static enum error take_sql(struct sql *sql, struct slice *out)
{
    TRY(sql_finish(sql));
    *out = arena_slice(sql->arena, buf_slice(&sql->text));
    sql_clear(sql);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error put_select(struct sql *sql, struct transfer_table *table)
{
    sql_select(sql);
    for (size_t i = 0; i < table->column_count; i++) {
        sql_item(sql);
        sql_column(sql, 0, table->columns[i].name);
    }
    sql_from(sql, table->name, 0);
    return take_sql(sql, &table->select);
}

static enum error finish_table(struct transfer_table *table, struct arena *arena, enum dialect dialect)
{
    struct sql sql;
    struct bulk_column *columns = arena_array(arena, table->column_count, sizeof *columns);
    if (!columns)
        return ERROR_MEMORY;
    for (size_t i = 0; i < table->column_count; i++)
        columns[i] = (struct bulk_column){table->columns[i].name, table->columns[i].type};
    table->bulk_columns = columns;
    if (table->columns[0].type == SQL_INTEGER && (!table->resource || table->resource->id_kind == ID_INT))
        table->sequence_key = arena_text(arena, table->columns[0].name);
    sql_init(&sql, arena, dialect);
    enum error error = put_select(&sql, table);
    sql_fini(&sql);
    return error;
}

static enum error describe_resource(const struct resource *resource, struct arena *arena, struct transfer_table *out)
{
    struct transfer_column *columns = arena_array(arena, resource->field_count, sizeof *columns);
    if (!columns)
        return ERROR_MEMORY;
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        columns[i] = (struct transfer_column){.name = field->name,
                                              .type = type_storage(&field->type),
                                              .precision = field->type.precision,
                                              .scale = field->type.scale,
                                              .is_required = field == resource->id || field_is(field, FIELD_REQUIRED)};
    }
    *out = (struct transfer_table){
        .name = resource->name, .resource = resource, .columns = columns, .column_count = resource->field_count};
    return OK;
}

/* The types that the engine's own tables have, in both dialects. */
static const struct column_type {
    const char *sqlite, *postgres;
    enum sql_type type;
} column_types[] = {
    {"TEXT", "text", SQL_TEXT},         {"TEXT", "text COLLATE \"C\"", SQL_TEXT},
    {"INTEGER", "bigint", SQL_INTEGER}, {"REAL", "double precision", SQL_FLOAT},
    {"BLOB", "bytea", SQL_BYTES},
};

static const struct column_type *find_type(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(column_types); i++)
        if (slice_eq_text(name, column_types[i].sqlite) || slice_eq_text(name, column_types[i].postgres))
            return &column_types[i];
    return NULL;
}

static enum error describe_engine_table(struct db_conn *source, struct slice name, struct arena *arena,
                                        struct diag *diag, struct transfer_table *out)
{
    struct tables_columns found;
    TRY(tables_read_columns(source, name, arena, &found));
    struct transfer_column *columns = arena_array(arena, found.count, sizeof *columns);
    if (!columns)
        return ERROR_MEMORY;
    *out = (struct transfer_table){.name = name, .columns = columns, .column_count = found.count};
    for (size_t i = 0; i < found.count; i++) {
        const struct tables_column *column = &found.items[i];
        const struct column_type *type = find_type(column->type);
        if (!type) {
            diag_say(diag, NULL, "the engine's own table \"%.*s\" has a column of the type %.*s: it cannot be copied",
                     SLICE_ARG(name), SLICE_ARG(column->type));
            return ERROR_CONFLICT;
        }
        columns[i] = (struct transfer_column){
            .name = column->name, .type = type->type, .is_required = column->is_required || column->is_key};
        out->key_count += column->is_key;
    }
    return OK;
}

static enum error ask_number(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                             int64_t *out)
{
    struct db_rows *rows;
    bool has_row;
    TRY(db_query(conn, sql, arguments, count, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        *out = has_row ? db_column(rows, 0).integer : 0;
    db_rows_close(rows);
    return error;
}

static enum error count_rows(struct db_conn *source, struct transfer_table *table, struct arena *arena)
{
    struct sql sql;
    struct slice text;
    sql_init(&sql, arena, db_conn_dialect(source));
    sql_put(&sql, "SELECT count(*)");
    sql_from(&sql, table->name, 0);
    enum error error = take_sql(&sql, &text);
    sql_fini(&sql);
    return error == OK ? ask_number(source, text, NULL, 0, &table->rows) : error;
}

/* A table's name as PostgreSQL's functions take it: quoted where it must be. */
static enum error quote_name(struct slice name, struct arena *arena, struct slice *out)
{
    struct sql sql;
    sql_init(&sql, arena, DIALECT_POSTGRES);
    sql_name(&sql, name);
    enum error error = take_sql(&sql, out);
    sql_fini(&sql);
    return error;
}

static enum error read_sequence(struct db_conn *source, struct transfer_table *table, struct arena *arena)
{
    if (!table->sequence_key)
        return OK;
    struct value arguments[2] = {value_text(table->name), value_text(slice_from(table->sequence_key))};
    if (db_conn_dialect(source) == DIALECT_SQLITE)
        return ask_number(source, SLICE("SELECT seq FROM sqlite_sequence WHERE name = ?1"), arguments, 1,
                          &table->last_id);
    TRY(quote_name(table->name, arena, &arguments[0].text));
    return ask_number(source,
                      SLICE("SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1::text, "
                            "$2::text)::regclass), 0)"),
                      arguments, 2, &table->last_id);
}

static enum error add(struct transfer_tables *tables, struct db_conn *source, struct arena *arena)
{
    struct transfer_table *table = &tables->items[tables->count++];
    TRY(finish_table(table, arena, db_conn_dialect(source)));
    TRY(count_rows(source, table, arena));
    TRY(read_sequence(source, table, arena));
    tables->rows += table->rows;
    return OK;
}

enum error transfer_table_list(struct db_conn *source, enum dialect to, const struct schema *schema,
                               struct arena *arena, struct diag *diag, struct transfer_tables *out)
{
    struct tables found = {0};
    bool is_other_dialect = to != db_conn_dialect(source);
    TRY(tables_read(source, arena, &found));
    *out =
        (struct transfer_tables){.items = arena_array(arena, schema->resource_count + found.count, sizeof *out->items)};
    if (!out->items)
        return ERROR_MEMORY;
    for (size_t i = 0; i < schema->resource_count; i++) {
        TRY(describe_resource(&schema->resources[i], arena, &out->items[out->count]));
        TRY(add(out, source, arena));
    }
    for (size_t i = 0; i < found.count; i++) {
        struct slice name = found.objects[i].name;
        if (!slice_eq_text(found.objects[i].kind, "table") || schema_find(schema, name))
            continue;
        if (is_engine_table(name, is_other_dialect)) {
            TRY(describe_engine_table(source, name, arena, diag, &out->items[out->count]));
            TRY(add(out, source, arena));
        } else if (!slice_starts(name, SLICE("_tenon_"))) {
            diag_warn(diag, (struct place){0}, NULL, "the table \"%.*s\" is not in the app file: it is not copied",
                      SLICE_ARG(name));
        }
    }
    return OK;
}

enum error transfer_table_lock(struct db_conn *source, const struct schema *schema, struct arena *arena)
{
    struct sql sql;
    sql_init(&sql, arena, db_conn_dialect(source));
    sql_put(&sql, "LOCK TABLE ");
    for (size_t i = 0; i < schema->resource_count; i++) {
        sql_name(&sql, schema->resources[i].name);
        sql_put(&sql, ", ");
    }
    sql_put(&sql, "\"_tenon_idempotency\" IN SHARE MODE");
    enum error error = sql_finish(&sql);
    if (error == OK)
        error = db_script(source, buf_slice(&sql.text));
    sql_fini(&sql);
    return error;
}

/* ---- references ---- */

/* SELECT t0.id, t0.field FROM … AS t0 LEFT JOIN target AS t1 ON … WHERE t0.field IS NOT NULL AND t1.id IS NULL */
static void put_orphans(struct sql *sql, const struct resource *resource, const struct field *field)
{
    const struct resource *target = field->type.target;
    sql_select(sql);
    sql_item(sql);
    sql_column(sql, 0, resource->id->name);
    sql_item(sql);
    sql_column(sql, 0, field->name);
    sql_from(sql, resource->name, 0);
    sql_put(sql, " LEFT JOIN ");
    sql_name(sql, target->name);
    sql_put(sql, " AS t1 ON ");
    sql_column(sql, 1, target->id->name);
    sql_put(sql, " = ");
    sql_column(sql, 0, field->name);
    sql_where(sql);
    sql_column(sql, 0, field->name);
    sql_put(sql, " IS NOT NULL");
    sql_where(sql);
    sql_column(sql, 1, target->id->name);
    sql_put(sql, " IS NULL");
    sql_limit(sql, REFERENCES_TOLD, 0);
}

const char *transfer_table_show(struct arena *arena, struct diag *diag, struct value value)
{
    const char *text = value.kind == VALUE_INT ? arena_printf(arena, "%lld", (long long)value.integer) : NULL;
    if (text)
        return text;
    return value.kind == VALUE_TEXT ? diag_quote(diag, value.text) : "(not known)";
}

static enum error tell_orphans(struct db_conn *source, struct sql *sql, const struct resource *resource,
                               const struct field *field, struct diag *diag, size_t *bad)
{
    struct db_rows *rows;
    bool has_row = true;
    TRY(sql_query(sql, source, &rows));
    enum error error = db_next(rows, &has_row);
    for (; error == OK && has_row; error = db_next(rows, &has_row)) {
        const char *id = transfer_table_show(sql->arena, diag, db_column(rows, 0)),
                   *to = transfer_table_show(sql->arena, diag, db_column(rows, 1));
        diag_at(diag, (struct place){0}, NULL,
                "table \"%.*s\", id %s: column \"%.*s\" refers to %s, which is not there", SLICE_ARG(resource->name),
                id, SLICE_ARG(field->name), to);
        ++*bad;
    }
    db_rows_close(rows);
    return error;
}

enum error transfer_table_check_references(struct db_conn *source, const struct schema *schema, struct arena *arena,
                                           struct diag *diag, size_t *bad)
{
    enum error error = OK;
    for (size_t i = 0; i < schema->resource_count; i++) {
        const struct resource *resource = &schema->resources[i];
        for (size_t j = 0; j < resource->field_count && error == OK; j++) {
            struct sql sql;
            if (resource->fields[j].type.kind != FIELD_REFERENCE)
                continue;
            sql_init(&sql, arena, db_conn_dialect(source));
            put_orphans(&sql, resource, &resource->fields[j]);
            error = tell_orphans(source, &sql, resource, &resource->fields[j], diag, bad);
            sql_fini(&sql);
        }
    }
    return error;
}

/* ---- the target ---- */

static const char *type_name_of(enum sql_type type, enum dialect dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(column_types); i++)
        if (column_types[i].type == type)
            return dialect == DIALECT_SQLITE ? column_types[i].sqlite : column_types[i].postgres;
    return "text";
}

enum error transfer_table_create(struct db_conn *tx, const struct transfer_table *table, struct arena *arena)
{
    struct sql sql;
    sql_init(&sql, arena, db_conn_dialect(tx));
    sql_put(&sql, "CREATE TABLE ");
    sql_name(&sql, table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        buf_put_text(&sql.text, i > 0 ? ", " : " (");
        sql_name(&sql, table->columns[i].name);
        sql_put(&sql, " ");
        buf_put_text(&sql.text, type_name_of(table->columns[i].type, sql.dialect));
        if (table->columns[i].is_required)
            sql_put(&sql, " NOT NULL");
    }
    for (size_t i = 0; i < table->key_count; i++) {
        buf_put_text(&sql.text, i > 0 ? ", " : ", PRIMARY KEY (");
        sql_name(&sql, table->columns[i].name);
    }
    buf_put_text(&sql.text, table->key_count > 0 ? "))" : ")");
    buf_put_text(&sql.text, sql.dialect == DIALECT_SQLITE ? " STRICT" : "");
    enum error error = sql_finish(&sql);
    if (error == OK)
        error = db_script(tx, buf_slice(&sql.text));
    sql_fini(&sql);
    return error;
}

enum error transfer_table_set_sequence(struct db_conn *tx, const struct transfer_table *table, struct arena *arena)
{
    struct value arguments[3] = {value_text(table->name), value_int(table->last_id)};
    int64_t ignored;
    if (!table->sequence_key || table->last_id <= 0)
        return OK;
    if (db_conn_dialect(tx) == DIALECT_SQLITE) {
        TRY(db_execute(tx, SLICE("DELETE FROM sqlite_sequence WHERE name = ?1"), arguments, 1, NULL));
        return db_execute(tx, SLICE("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)"), arguments, 2, NULL);
    }
    arguments[2] = value_text(slice_from(table->sequence_key));
    TRY(quote_name(table->name, arena, &arguments[0].text));
    return ask_number(tx, SLICE("SELECT setval(pg_get_serial_sequence($1::text, $3::text), $2::bigint)"), arguments, 3,
                      &ignored);
}
