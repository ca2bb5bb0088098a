/* SPDX-License-Identifier: Apache-2.0 */
/* Statements being written. Text and arguments grow together; what fails is remembered in `failed` and in the buffer,
 * so that a writer of twenty calls checks once. */
#include "data/sql.h"

#include <string.h>

void sql_init(struct sql *sql, struct arena *arena, enum dialect dialect)
{
    *sql = (struct sql){.arena = arena, .dialect = dialect};
    buf_init(&sql->text, SQL_TEXT_MAX);
}

void sql_fini(struct sql *sql)
{
    buf_fini(&sql->text);
}

void sql_clear(struct sql *sql)
{
    buf_clear(&sql->text);
    sql->arguments = NULL;
    sql->count = 0;
    sql->capacity = 0;
    sql->failed = false;
}

void sql_name(struct sql *sql, struct slice name)
{
    buf_put_byte(&sql->text, '"');
    if (slice_index(name, '"') == name.len) {
        buf_put_slice(&sql->text, name);
    } else {
        for (size_t i = 0; i < name.len; i++) {
            if (name.ptr[i] == '"')
                buf_put_byte(&sql->text, '"');
            buf_put_byte(&sql->text, name.ptr[i]);
        }
    }
    buf_put_byte(&sql->text, '"');
}

void sql_alias(struct sql *sql, unsigned alias)
{
    buf_put_byte(&sql->text, 't');
    buf_put_uint(&sql->text, alias);
}

void sql_column(struct sql *sql, unsigned alias, struct slice column)
{
    sql_alias(sql, alias);
    buf_put_byte(&sql->text, '.');
    sql_name(sql, column);
}

static bool grow(struct sql *sql)
{
    size_t capacity = sql->capacity ? sql->capacity * 2 : 16;
    struct value *grown = sql->count < SQL_ARGUMENTS_MAX ? arena_array(sql->arena, capacity, sizeof *grown) : NULL;
    if (!grown)
        return false;
    if (sql->count)
        memcpy(grown, sql->arguments, sql->count * sizeof *grown);
    sql->arguments = grown;
    sql->capacity = capacity;
    return true;
}

void sql_bind(struct sql *sql, struct value value)
{
    if (sql->count == sql->capacity && !grow(sql)) {
        sql->failed = true;
        return;
    }
    sql->arguments[sql->count++] = value;
    buf_put_byte(&sql->text, '?');
    buf_put_uint(&sql->text, sql->count);
}

void sql_number(struct sql *sql, int64_t number)
{
    buf_put_int(&sql->text, number);
}

enum error sql_finish(const struct sql *sql)
{
    if (!sql->failed && !buf_failed(&sql->text))
        return OK;
    bool is_limit = sql->count >= SQL_ARGUMENTS_MAX || buf_error(&sql->text) == ERROR_LIMIT;
    return is_limit ? ERROR_LIMIT : ERROR_MEMORY;
}

enum error sql_query(const struct sql *sql, struct db_conn *conn, struct db_rows **out)
{
    TRY(sql_finish(sql));
    return db_query(conn, buf_slice(&sql->text), sql->arguments, sql->count, out);
}
