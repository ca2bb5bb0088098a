/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a schema with what the database really holds.
 *
 * Idea: what the schema wants is the list of statements that would make it (ddl.c). A table is compared column by
 * column, because ALTER TABLE leaves a text that no generator writes; indexes, search tables and triggers are compared
 * by the text of their statements, which SQLite keeps as it was given.
 *
 * What counts: columns, their types, NOT NULL, ids, references and their ON DELETE; indexes by definition; search.
 * What does not: the order of columns, defaults (the engine writes every column), tables, views, ordinary indexes and
 * columns that the schema does not know, as long as a row can be written without these. So a server can run before and
 * after a migration that adds or, later, drops a column.
 *
 * A table that somebody else made is looked at for what serving it needs: that it is there with the declared columns,
 * that their types can hold what the fields say, and that no null stands where a field is required. It is never
 * repaired.
 *
 * A difference has a repair when it can be mended without touching a stored value: a new table, a new column that is
 * optional or has a default, and whatever is derived from rows: indexes, search tables, triggers. */
#include "model/schema_diff.h"

#include <stdarg.h>
#include <string.h>

#include "data/sql.h"
#include "model/type.h"

struct comparison {
    struct db_conn *conn;
    const struct schema *schema;
    const struct ddl *ddl;
    const struct tables *tables;
    struct arena *arena;
    enum dialect dialect;
    struct schema_difference *first, **end;
};

enum { REPAIRS_MAX = 4 };

PRINTF_LIKE(3, 4)
static enum error add(struct comparison *c, const char *hint, const char *format, ...)
{
    struct schema_difference *difference = arena_zalloc(c->arena, sizeof *difference);
    if (!difference)
        return ERROR_MEMORY;
    va_list arguments;
    va_start(arguments, format);
    difference->message = arena_vprintf(c->arena, format, arguments);
    va_end(arguments);
    difference->hint = hint;
    *c->end = difference;
    c->end = &difference->next;
    return difference->message ? OK : ERROR_MEMORY;
}

/* Adds a statement to the repair of the difference that was added last. */
static enum error mend(struct comparison *c, struct slice sql)
{
    struct schema_difference *last = CONTAINER_OF(c->end, struct schema_difference, next);
    if (!sql.ptr)
        return ERROR_MEMORY;
    if (!last->repair)
        last->repair = arena_array(c->arena, REPAIRS_MAX, sizeof *last->repair);
    if (!last->repair)
        return ERROR_MEMORY;
    last->repair[last->repair_count++] = sql;
    return OK;
}

/* Adds a statement of the schema, with the comment that keeps its text. */
static enum error mend_with(struct comparison *c, const struct ddl_statement *statement)
{
    TRY(mend(c, statement->sql));
    return statement->comment.len > 0 ? mend(c, statement->comment) : OK;
}

/* DROP <what> "name": the name is one that the schema or the engine made, or stands in the database already. */
static struct slice drop(struct comparison *c, const char *what, struct slice name, struct slice table)
{
    struct sql sql;
    bool is_constraint = strcmp(what, "CONSTRAINT") == 0;
    sql_init(&sql, c->arena, c->dialect);
    if (is_constraint) {
        sql_put(&sql, "ALTER TABLE ");
        sql_name(&sql, table);
        sql_put(&sql, " ");
    }
    sql_put(&sql, "DROP ");
    buf_put_text(&sql.text, what);
    sql_put(&sql, " ");
    sql_name(&sql, name);
    if (c->dialect == DIALECT_POSTGRES && strcmp(what, "TRIGGER") == 0) {
        sql_put(&sql, " ON ");
        sql_name(&sql, table);
    }
    struct slice text = sql_finish(&sql) == OK ? arena_slice(c->arena, buf_slice(&sql.text)) : (struct slice){0};
    sql_fini(&sql);
    return text;
}

static const char *action_name(enum on_delete on_delete)
{
    switch (on_delete) {
    case ON_DELETE_RESTRICT: return "RESTRICT";
    case ON_DELETE_CASCADE: return "CASCADE";
    case ON_DELETE_SET_NULL: return "SET NULL";
    }
    return "";
}

static enum error compare_reference(struct comparison *c, const struct resource *resource, const struct field *field,
                                    const struct tables_column *column)
{
    bool is_wanted = field->type.kind == FIELD_REFERENCE;
    if (!is_wanted && column->refers.len == 0)
        return OK;
    if (!is_wanted)
        return add(c, NULL, "table \"%.*s\": column \"%.*s\" refers to \"%.*s\", in the app file to nothing",
                   SLICE_ARG(resource->name), SLICE_ARG(field->name), SLICE_ARG(column->refers));
    struct slice target = field->type.target->table;
    if (!slice_eq_nocase(column->refers, target))
        return add(c, NULL, "table \"%.*s\": column \"%.*s\" does not refer to \"%.*s\"", SLICE_ARG(resource->name),
                   SLICE_ARG(field->name), SLICE_ARG(target));
    if (!slice_eq_text(column->on_delete, action_name(field->on_delete)))
        return add(c, NULL, "table \"%.*s\": column \"%.*s\" has ON DELETE %.*s, in the app file %s",
                   SLICE_ARG(resource->name), SLICE_ARG(field->name), SLICE_ARG(column->on_delete),
                   action_name(field->on_delete));
    return OK;
}

static enum error compare_column(struct comparison *c, const struct resource *resource, const struct field *field,
                                 const struct tables_column *column)
{
    struct slice type;
    TRY(ddl_column_type(field, c->dialect, c->arena, &type));
    if (!slice_eq(column->type, type))
        return add(c, "a type cannot be changed in place",
                   "table \"%.*s\": column \"%.*s\" is %.*s, in the app file %.*s", SLICE_ARG(resource->name),
                   SLICE_ARG(field->name), SLICE_ARG(column->type), SLICE_ARG(type));
    if (field == resource->id)
        return column->is_key
                   ? OK
                   : add(c, NULL, "table \"%.*s\": column \"id\" is not its primary key", SLICE_ARG(resource->name));
    bool is_required = field_is(field, FIELD_REQUIRED);
    if (is_required != column->is_required)
        TRY(add(c, is_required ? "rows may hold null there" : NULL,
                is_required ? "table \"%.*s\": column \"%.*s\" may be null, in the app file it is required"
                            : "table \"%.*s\": column \"%.*s\" may not be null, in the app file it is not required",
                SLICE_ARG(resource->name), SLICE_ARG(field->name)));
    return c->dialect == DIALECT_SQLITE ? compare_reference(c, resource, field, column) : OK;
}

static enum error add_missing_column(struct comparison *c, const struct resource *resource, const struct field *field)
{
    bool can_be_added = !field_is(field, FIELD_REQUIRED) || field->default_kind == DEFAULT_VALUE;
    struct slice sql = {0};
    TRY(add(c, can_be_added ? NULL : "leave out `required`, or give the field a default",
            "table \"%.*s\": column \"%.*s\" is missing", SLICE_ARG(resource->name), SLICE_ARG(field->name)));
    if (!can_be_added)
        return OK;
    TRY(ddl_add_column(resource, field, c->dialect, c->arena, &sql));
    return mend(c, sql);
}

/* `"email" TEXT COLLATE NOCASE` stands in the statement as this program writes it; no pragma tells a collation. */
static enum error compare_collation(struct comparison *c, const struct resource *resource, const struct field *field,
                                    const struct tables_object *table)
{
    const char *name = arena_printf(c->arena, "%.*s\" TEXT COLLATE NOCASE", SLICE_ARG(field->name));
    if (!name)
        return ERROR_MEMORY;
    bool is_folded = memmem(table->sql.ptr, table->sql.len, name, strlen(name)) != NULL;
    if (is_folded == (field->type.kind == FIELD_EMAIL))
        return OK;
    return add(c, NULL, "table \"%.*s\": column \"%.*s\" %s", SLICE_ARG(resource->name), SLICE_ARG(field->name),
               is_folded ? "ignores case, in the app file it does not"
                         : "does not ignore case, in the app file it does");
}

static enum error compare_columns(struct comparison *c, const struct resource *resource,
                                  const struct tables_object *table)
{
    struct tables_columns columns;
    TRY(tables_read_columns(c->conn, resource->name, c->arena, &columns));
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        const struct tables_column *column = tables_find_column(&columns, field->name);
        if (!column) {
            TRY(add_missing_column(c, resource, field));
            continue;
        }
        TRY(compare_column(c, resource, field, column));
        if (c->dialect == DIALECT_SQLITE)
            TRY(compare_collation(c, resource, field, table));
    }
    for (size_t i = 0; i < columns.count; i++) {
        const struct tables_column *column = &columns.items[i];
        bool is_in_the_way = column->is_required && !column->has_default;
        if (is_in_the_way && !resource_find_field(resource, column->name))
            TRY(add(c, "declare the field again, or drop the column with what it holds",
                    "table \"%.*s\": column \"%.*s\" is not in the app file, and may not be null",
                    SLICE_ARG(resource->name), SLICE_ARG(column->name)));
    }
    return OK;
}

static enum error compare_table(struct comparison *c, const struct ddl_statement *statement)
{
    const struct tables_object *table = tables_find(c->tables, "table", statement->name);
    if (table)
        return compare_columns(c, statement->resource, table);
    TRY(add(c, NULL, "table \"%.*s\" is missing", SLICE_ARG(statement->name)));
    return mend_with(c, statement);
}

static enum error compare_function(struct comparison *c, const struct ddl_statement *statement)
{
    const struct tables_object *object = tables_find(c->tables, "function", statement->name);
    if (object && slice_eq(object->sql, statement->sql))
        return OK;
    TRY(add(c, NULL, "the engine's own function %.*s %s", SLICE_ARG(statement->name),
            object ? "is of another version" : "is missing"));
    return mend_with(c, statement);
}

/* An index, a search table, a trigger or a reference: all that they hold comes from the rows. */
static enum error compare_derived(struct comparison *c, const struct ddl_statement *statement)
{
    static const struct {
        const char *kind, *word, *drop;
    } rows[] = {[DDL_REFERENCE] = {"constraint", "reference", "CONSTRAINT"},
                [DDL_INDEX] = {"index", "index", "INDEX"},
                [DDL_SEARCH] = {"table", "search table", "TABLE"},
                [DDL_TRIGGER] = {"trigger", "trigger", "TRIGGER"}};
    struct slice table = statement->resource->name;
    const struct tables_object *object = tables_find(c->tables, rows[statement->kind].kind, statement->name);
    if (object && slice_eq(object->sql, statement->sql))
        return OK;
    TRY(add(c, NULL, "table \"%.*s\": %s \"%.*s\" %s", SLICE_ARG(table), rows[statement->kind].word,
            SLICE_ARG(statement->name), object ? "is not as in the app file" : "is missing"));
    if (object)
        TRY(mend(c, drop(c, rows[statement->kind].drop, statement->name, table)));
    TRY(mend_with(c, statement));
    if (statement->kind != DDL_SEARCH)
        return OK;
    const char *rebuild = arena_printf(c->arena, "INSERT INTO \"%.*s\" (\"%.*s\") VALUES ('rebuild')",
                                       SLICE_ARG(statement->name), SLICE_ARG(statement->name));
    return mend(c, slice_from(rebuild));
}

static enum error compare_engine(struct comparison *c, const struct ddl_statement *statement)
{
    bool is_index = slice_starts(statement->sql, SLICE("CREATE INDEX"));
    const struct tables_object *object = tables_find(c->tables, is_index ? "index" : "table", statement->name);
    if (object && (c->dialect == DIALECT_POSTGRES || slice_eq(object->sql, statement->sql)))
        return OK;
    TRY(add(c, object ? "another version of the program made it" : NULL, "the engine's own \"%.*s\" %s",
            SLICE_ARG(statement->name), object ? "is not as it should be" : "is missing"));
    return object ? OK : mend(c, statement->sql);
}

static bool is_wanted(const struct comparison *c, struct slice name)
{
    for (size_t i = 0; i < c->ddl->count; i++)
        if (slice_eq(c->ddl->statements[i].name, name))
            return true;
    return false;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* Whether a name stands in a statement, quoted or not. */
static bool is_named_in(struct slice name, struct slice sql)
{
    for (size_t i = 1; i + name.len < sql.len; i++)
        if (memcmp(sql.ptr + i, name.ptr, name.len) == 0 && !is_word_byte(sql.ptr[i - 1]) &&
            !is_word_byte(sql.ptr[i + name.len]))
            return true;
    return false;
}

/* Whether an object is about a column that the schema does not know: it acts on nothing that the schema writes. */
static enum error mentions_others(struct comparison *c, const struct tables_object *object, bool *out)
{
    const struct resource *resource = schema_find(c->schema, object->table);
    struct tables_columns columns = {0};
    *out = false;
    if (resource)
        TRY(tables_read_columns(c->conn, resource->name, c->arena, &columns));
    for (size_t i = 0; i < columns.count && !*out; i++)
        *out = !resource_find_field(resource, columns.items[i].name) && is_named_in(columns.items[i].name, object->sql);
    return OK;
}

/* What the schema no longer has, and what would still act on its rows: unique indexes, search tables, triggers. */
static enum error compare_surplus(struct comparison *c, const struct tables_object *object)
{
    bool is_search = slice_starts(object->name, SLICE("_tenon_search_"));
    bool is_ours = is_search || slice_starts(object->name, SLICE("_tenon_null_"));
    bool is_constraint = slice_eq_text(object->kind, "constraint");
    bool is_unique = slice_eq_text(object->kind, "index") && slice_starts(object->sql, SLICE("CREATE UNIQUE"));
    const char *what = NULL;
    const struct resource *resource = schema_find(c->schema, object->table);
    bool is_made = resource && !resource->is_adopted;
    if (is_constraint && is_made)
        what = "CONSTRAINT";
    else if (is_unique && is_made)
        what = "INDEX";
    else if (is_ours && slice_eq_text(object->kind, "trigger"))
        what = "TRIGGER";
    else if (is_search && slice_starts(object->sql, SLICE("CREATE VIRTUAL TABLE")))
        what = "TABLE";
    if (!what || is_wanted(c, object->name))
        return OK;
    bool is_of_other_columns;
    TRY(mentions_others(c, object, &is_of_other_columns));
    if (is_of_other_columns)
        return OK;
    TRY(add(c, NULL, "table \"%.*s\": %.*s \"%.*s\" is not in the app file", SLICE_ARG(object->table),
            SLICE_ARG(object->kind), SLICE_ARG(object->name)));
    return mend(c, drop(c, what, object->name, object->table));
}

/* Whether a column of an adopted table can hold what its field says. SQLite goes by the values, so only an affinity
 * that would turn them into others counts. */
static bool is_kindred(const struct comparison *c, const struct field *field, struct slice type)
{
    enum sql_type wanted = type_storage(&field->type);
    if (c->dialect == DIALECT_SQLITE) {
        enum tables_affinity affinity = tables_affinity(type);
        bool is_number = wanted == SQL_INTEGER || wanted == SQL_FLOAT || wanted == SQL_DECIMAL || wanted == SQL_BOOLEAN;
        return affinity == TABLES_NUMERIC || affinity == TABLES_BLOB || is_number == (affinity != TABLES_TEXT);
    }
    return tables_postgres_holds(type, wanted, field->type.kind == FIELD_ENUM);
}

static enum error compare_adopted_column(struct comparison *c, const struct resource *resource,
                                         const struct field *field, const struct tables_column *column)
{
    if (!column)
        return add(c, "take the field out of the app file", "table \"%.*s\": column \"%.*s\" is missing",
                   SLICE_ARG(resource->table), SLICE_ARG(field->column));
    if (column->type.len > 0 && !is_kindred(c, field, column->type))
        return add(c, "`tenon adopt` says which type would do",
                   "table \"%.*s\": column \"%.*s\" is %.*s, in the app file %s", SLICE_ARG(resource->table),
                   SLICE_ARG(field->column), SLICE_ARG(column->type), type_name(field->type.kind));
    if (field_is(field, FIELD_REQUIRED) && !column->is_required && !column->is_key && !resource->is_view)
        return add(c, "rows may hold null there: leave out `required`",
                   "table \"%.*s\": column \"%.*s\" may be null, in the app file it is required",
                   SLICE_ARG(resource->table), SLICE_ARG(field->column));
    return OK;
}

static enum error compare_adopted(struct comparison *c, const struct resource *resource)
{
    bool is_there = tables_find_any(c->tables, resource->table);
    struct tables_columns columns;
    if (!is_there)
        return add(c, "an adopted table is not made by the engine; is it the right database?", "%s \"%.*s\" is missing",
                   resource->is_view ? "view" : "table", SLICE_ARG(resource->table));
    TRY(tables_read_columns(c->conn, resource->table, c->arena, &columns));
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        TRY(compare_adopted_column(c, resource, field, tables_find_column(&columns, field->column)));
    }
    return OK;
}

static enum error compare_all_adopted(struct comparison *c)
{
    for (size_t i = 0; i < c->schema->resource_count; i++)
        if (c->schema->resources[i].is_adopted)
            TRY(compare_adopted(c, &c->schema->resources[i]));
    return OK;
}

static enum error compare(struct comparison *c)
{
    for (size_t i = 0; i < c->tables->count; i++)
        TRY(compare_surplus(c, &c->tables->objects[i]));
    TRY(compare_all_adopted(c));
    for (size_t i = 0; i < c->ddl->count; i++) {
        const struct ddl_statement *statement = &c->ddl->statements[i];
        switch (statement->kind) {
        case DDL_TABLE: TRY(compare_table(c, statement)); break;
        case DDL_FUNCTION: TRY(compare_function(c, statement)); break;
        case DDL_REFERENCE:
        case DDL_INDEX:
        case DDL_SEARCH:
        case DDL_TRIGGER: TRY(compare_derived(c, statement)); break;
        case DDL_ENGINE: TRY(compare_engine(c, statement)); break;
        }
    }
    return OK;
}

enum error schema_diff(struct db_conn *conn, const struct schema *schema, const struct ddl *ddl,
                       const struct tables *tables, struct arena *arena, struct schema_difference **out)
{
    struct comparison c = {
        .conn = conn, .schema = schema, .ddl = ddl, .tables = tables, .arena = arena, .dialect = db_conn_dialect(conn)};
    c.end = &c.first;
    TRY(compare(&c));
    *out = c.first;
    return OK;
}

enum error schema_diff_adopted(struct db_conn *conn, const struct schema *schema, const struct tables *tables,
                               struct arena *arena, struct schema_difference **out)
{
    struct comparison c = {
        .conn = conn, .schema = schema, .tables = tables, .arena = arena, .dialect = db_conn_dialect(conn)};
    c.end = &c.first;
    TRY(compare_all_adopted(&c));
    *out = c.first;
    return OK;
}
