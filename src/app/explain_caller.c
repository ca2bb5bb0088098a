/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: a caller made from the row of an account. */
#include "app/explain_caller.h"

#include "data/sql.h"
#include "model/field.h"
#include "model/permission.h"
#include "model/type.h"

struct account {
    const struct value *values; /* by field index */
};

static struct value field_of(const void *state, const struct field *field)
{
    const struct account *account = state;
    return account->values[field->index];
}

static enum error copy_row(const struct db_rows *rows, size_t count, struct arena *arena, const struct value **out)
{
    struct value *values = arena_array(arena, count, sizeof *values);
    if (!values)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        values[i] = db_column(rows, (unsigned)i);
        if (values[i].kind != VALUE_TEXT && values[i].kind != VALUE_BLOB)
            continue;
        values[i].text = arena_slice(arena, values[i].text);
        if (!values[i].text.ptr)
            return ERROR_MEMORY;
    }
    *out = values;
    return OK;
}

static enum error read_row(struct db_conn *conn, const struct resource *resource, struct value id, struct arena *arena,
                           const struct value **out)
{
    struct sql sql;
    struct db_rows *rows = NULL;
    bool has_row = false;
    sql_init(&sql, arena, db_conn_dialect(conn));
    sql_select(&sql);
    for (size_t i = 0; i < resource->field_count; i++) {
        sql_item(&sql);
        field_put_column(&sql, 0, &resource->fields[i]);
    }
    sql_from(&sql, resource->table, 0);
    sql_where(&sql);
    sql_column(&sql, 0, resource->id->column);
    sql_put(&sql, " = ");
    sql_bind(&sql, type_storage_of(resource->id), id);
    enum error error = sql_query(&sql, conn, &rows);
    if (error == OK)
        error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? copy_row(rows, resource->field_count, arena, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    sql_fini(&sql);
    return error;
}

static enum error find(struct db *db, const struct resource *resource, struct value id, struct arena *arena,
                       const struct value **out)
{
    struct db_conn *conn;
    TRY(db_read_blocking(db, &conn));
    enum error error = read_row(conn, resource, id, arena, out);
    db_read_end(conn);
    return error;
}

enum error explain_caller_find(struct db *db, const struct schema *schema, const char *id, struct arena *arena,
                               struct diag *diag, struct caller *out)
{
    const struct resource *resource = schema->account;
    const char *why = NULL;
    *out = (struct caller){.is_signed_in = true, .id = value_text(slice_from(id))};
    if (!resource)
        return OK;
    enum error error = type_parse_text(&resource->id->type, slice_from(id), arena, &why, &out->id);
    if (error == ERROR_VALIDATION)
        diag_say(diag, NULL, "--as names no account: an id of \"%.*s\" %s", SLICE_ARG(resource->name), why);
    TRY(error);
    struct account *account = arena_zalloc(arena, sizeof *account);
    if (!account)
        return ERROR_MEMORY;
    error = find(db, resource, out->id, arena, &account->values);
    if (error == ERROR_NOT_FOUND)
        diag_say(diag, NULL, "--as names no account: there is none with that id in \"%.*s\"",
                 SLICE_ARG(resource->name));
    TRY(error);
    const struct field *role = resource_find_field(resource, SLICE("role"));
    if (role && account->values[role->index].kind == VALUE_TEXT)
        out->role = account->values[role->index].text;
    const struct role *held = permission_role(schema, out->role);
    if (held)
        out->held = held->permissions;
    out->field = field_of;
    out->state = account;
    return OK;
}
