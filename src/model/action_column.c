/* SPDX-License-Identifier: Apache-2.0 */
/* The columns that the steps of an action return: SQLite says which field a column shows, PostgreSQL of which type it
 * is. Where the field is not known, a column that is called like a hidden field of a resource that the statement names
 * is taken for that field. */
#include "model/action_column.h"

#include "data/db.h"
#include "model/model.h"

static bool is_secret(const struct field *field)
{
    return field_is(field, FIELD_HIDDEN) || field->type.kind == FIELD_PASSWORD;
}

static const struct field *find_field(const struct schema *schema, const struct db_rows *rows, unsigned column)
{
    struct slice table, name;
    if (!db_column_origin(rows, column, &table, &name))
        return NULL;
    const struct field *found = NULL;
    for (size_t i = 0; i < schema->resource_count; i++) { /* an adopted table may be that of several resources */
        const struct resource *resource = &schema->resources[i];
        const struct field *field =
            slice_eq_nocase(resource->table, table) ? resource_find_column(resource, name) : NULL;
        if (field && (!found || is_secret(field)))
            found = field;
    }
    return found;
}

const struct field *action_column_secret(const struct schema *schema, const struct db_rows *rows, unsigned column)
{
    const struct field *field = find_field(schema, rows, column);
    return field && is_secret(field) ? field : NULL;
}

static bool may_be_secret(const struct schema *schema, const struct statement *statement, struct slice name)
{
    for (size_t i = 0; i < schema->resource_count; i++) {
        const struct field *field = resource_find_column(&schema->resources[i], name);
        if (field && is_secret(field) &&
            statement_mentions(statement->sql[DIALECT_POSTGRES], schema->resources[i].table))
            return true;
    }
    return false;
}

static const struct type *type_of(enum db_type type)
{
    static const struct type types[] = {
        [DB_TYPE_UNKNOWN] = {.kind = FIELD_TEXT}, [DB_TYPE_INTEGER] = {.kind = FIELD_INT},
        [DB_TYPE_FLOAT] = {.kind = FIELD_FLOAT},  [DB_TYPE_DECIMAL] = {.kind = FIELD_DECIMAL},
        [DB_TYPE_BOOLEAN] = {.kind = FIELD_BOOL}, [DB_TYPE_TEXT] = {.kind = FIELD_TEXT},
        [DB_TYPE_JSON] = {.kind = FIELD_JSON},    [DB_TYPE_BYTES] = {.kind = FIELD_TEXT},
    };
    return &types[type];
}

enum error action_column_describe(const struct session *session, const struct action_step *step,
                                  const struct db_rows *rows, const struct action_column **out, size_t *count)
{
    const struct schema *schema = session->model->schema;
    bool says_fields = db_dialect(session->model->db) == DIALECT_SQLITE;
    unsigned column_count = db_column_count(rows);
    struct action_column *columns = arena_array(session->arena, column_count, sizeof *columns);
    if (!columns)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < column_count; i++) {
        struct action_column *column = &columns[i];
        const struct field *field = find_field(schema, rows, i);
        column->name = arena_slice(session->arena, db_column_name(rows, i));
        if (!column->name.ptr)
            return ERROR_MEMORY;
        column->type = field ? &field->type : type_of(db_column_type(rows, i));
        column->is_hidden =
            field ? is_secret(field) : !says_fields && may_be_secret(schema, &step->statement, column->name);
    }
    *out = columns;
    *count = column_count;
    return OK;
}
