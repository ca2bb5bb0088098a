/* SPDX-License-Identifier: Apache-2.0 */
/* One row as it is stored: of the account that somebody is taken for, of what a rule is explained by. */
#include "app/storedrow.h"

#include "data/sql.h"
#include "model/field.h"
#include "model/type.h"

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

static void put_select(struct sql *sql, const struct resource *resource, const struct value *key)
{
    sql_select(sql);
    for (size_t i = 0; i < resource->field_count; i++) {
        sql_item(sql);
        field_put_column(sql, 0, &resource->fields[i]);
    }
    sql_from(sql, resource->table, 0);
    for (size_t i = 0; i < resource->key_count; i++) {
        sql_where(sql);
        sql_column(sql, 0, resource->key[i]->column);
        sql_put(sql, " = ");
        sql_bind(sql, type_storage_of(resource->key[i]), key[i]);
    }
}

enum error storedrow_read(struct db_conn *conn, const struct resource *resource, const struct value *key,
                          struct arena *arena, const struct value **out)
{
    struct sql sql;
    struct db_rows *rows = NULL;
    bool has_row = false;
    sql_init(&sql, arena, db_conn_dialect(conn));
    put_select(&sql, resource, key);
    enum error error = sql_query(&sql, conn, &rows);
    if (error == OK)
        error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? copy_row(rows, resource->field_count, arena, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    sql_fini(&sql);
    return error;
}
