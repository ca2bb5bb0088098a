/* SPDX-License-Identifier: Apache-2.0 */
/* Statements being written. Text and arguments grow together; what fails is remembered in `failed` and in the buffer,
 * so that a writer of twenty calls checks once. */
#include "data/sql.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"

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
    sql->has_item = sql->has_condition = sql->has_order = false;
}

struct slice sql_identifier(enum dialect dialect, struct slice name, char room[SQL_IDENTIFIER_BYTES])
{
    enum { MOST = SQL_IDENTIFIER_BYTES - 1, KEPT = MOST - 17 };
    if (dialect != DIALECT_POSTGRES || name.len <= MOST)
        return name;
    size_t kept = KEPT;
    while (kept > 0 && ((unsigned char)name.ptr[kept] & 0xC0) == 0x80)
        kept--; /* not within a letter */
    int length = snprintf(room, SQL_IDENTIFIER_BYTES, "%.*s_%016llx", (int)kept, name.ptr,
                          (unsigned long long)digest_hash64(0, name));
    return slice_of(room, (size_t)length);
}

void sql_name(struct sql *sql, struct slice name)
{
    char room[SQL_IDENTIFIER_BYTES];
    name = sql_identifier(sql->dialect, name, room);
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
    struct value *grown = NULL;
    if (sql->count < SQL_ARGUMENTS_MAX)
        grown = arena_grow(sql->arena, sql->arguments, sql->count, &sql->capacity, sizeof *grown);
    if (grown)
        sql->arguments = grown;
    return grown != NULL;
}

/* What PostgreSQL calls the types. */
static const char *const type_names[SQL_TYPE_COUNT] = {
    [SQL_TEXT] = "text",       [SQL_INTEGER] = "bigint",  [SQL_FLOAT] = "double precision",
    [SQL_DECIMAL] = "numeric", [SQL_BOOLEAN] = "boolean", [SQL_INSTANT] = "timestamptz",
    [SQL_DATE] = "date",       [SQL_UUID] = "uuid",       [SQL_JSON] = "json",
    [SQL_BYTES] = "bytea",
};

static bool is_postgres(const struct sql *sql)
{
    return sql->dialect == DIALECT_POSTGRES;
}

static bool put_argument(struct sql *sql, struct value value)
{
    if (sql->count == sql->capacity && !grow(sql)) {
        sql->failed = true;
        return false;
    }
    sql->arguments[sql->count++] = value;
    buf_put_byte(&sql->text, is_postgres(sql) ? '$' : '?');
    buf_put_uint(&sql->text, sql->count);
    return true;
}

void sql_bind(struct sql *sql, enum sql_type type, struct value value)
{
    if (!put_argument(sql, value) || !is_postgres(sql) || type == SQL_ANY)
        return;
    sql_put(sql, "::");
    buf_put_text(&sql->text, type_names[type]);
}

void sql_quote(struct sql *sql, struct slice text)
{
    buf_put_byte(&sql->text, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            buf_put_byte(&sql->text, '\'');
        buf_put_byte(&sql->text, text.ptr[i]);
    }
    buf_put_byte(&sql->text, '\'');
}

void sql_truth(struct sql *sql, bool is_true)
{
    if (is_postgres(sql))
        buf_put_text(&sql->text, is_true ? "true" : "false");
    else
        buf_put_byte(&sql->text, is_true ? '1' : '0');
}

/* ["a","b"] or {"a","b"}: ids need no escapes. */
static void put_list(struct sql *sql, const struct value *values, size_t count, struct buf *list)
{
    buf_put_byte(list, is_postgres(sql) ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_put_byte(list, ',');
        if (values[i].kind == VALUE_INT) {
            buf_put_int(list, values[i].integer);
        } else {
            buf_put_byte(list, '"');
            buf_put_slice(list, values[i].text);
            buf_put_byte(list, '"');
        }
    }
    buf_put_byte(list, is_postgres(sql) ? '}' : ']');
}

void sql_among(struct sql *sql, enum sql_type type, const struct value *values, size_t count)
{
    struct buf list;
    buf_init(&list, SQL_LIST_BYTES_MAX);
    put_list(sql, values, count, &list);
    struct slice text = arena_slice(sql->arena, buf_slice(&list));
    sql->failed |= buf_failed(&list) || !text.ptr;
    buf_fini(&list);
    buf_put_text(&sql->text, is_postgres(sql) ? " = ANY(" : " IN (SELECT value FROM json_each(");
    sql_bind(sql, is_postgres(sql) ? type : SQL_ANY, value_text(text));
    buf_put_text(&sql->text, is_postgres(sql) ? "[])" : "))");
}

/* ---- statements ---- */

void sql_select(struct sql *sql)
{
    sql_put(sql, "SELECT ");
    sql->has_item = false;
}

void sql_insert(struct sql *sql, struct slice table)
{
    sql_put(sql, "INSERT INTO ");
    sql_name(sql, table);
    sql_put(sql, "(");
    sql->has_item = false;
}

void sql_update(struct sql *sql, struct slice table)
{
    sql_put(sql, "UPDATE ");
    sql_name(sql, table);
    sql_put(sql, " SET ");
    sql->has_item = false;
}

void sql_delete(struct sql *sql, struct slice table)
{
    sql_put(sql, "DELETE FROM ");
    sql_name(sql, table);
}

void sql_item(struct sql *sql)
{
    if (sql->has_item)
        buf_put_byte(&sql->text, ',');
    sql->has_item = true;
}

void sql_from(struct sql *sql, struct slice table, unsigned alias)
{
    sql_put(sql, " FROM ");
    sql_name(sql, table);
    sql_put(sql, " AS ");
    sql_alias(sql, alias);
}

void sql_values(struct sql *sql)
{
    sql_put(sql, ") VALUES(");
    sql->has_item = false;
}

void sql_end_values(struct sql *sql)
{
    sql_put(sql, ")");
}

void sql_set(struct sql *sql, struct slice column)
{
    sql_item(sql);
    sql_name(sql, column);
    sql_put(sql, "=");
}

void sql_upsert(struct sql *sql, const struct slice *key, size_t key_count, const struct slice *columns,
                size_t column_count)
{
    sql_put(sql, " ON CONFLICT(");
    sql->has_item = false;
    for (size_t i = 0; i < key_count; i++) {
        sql_item(sql);
        sql_name(sql, key[i]);
    }
    sql_put(sql, ") DO UPDATE SET ");
    sql->has_item = false;
    for (size_t i = 0; i < column_count; i++) {
        sql_set(sql, columns[i]);
        sql_put(sql, "excluded.");
        sql_name(sql, columns[i]);
    }
}

void sql_where(struct sql *sql)
{
    buf_put_text(&sql->text, sql->has_condition ? " AND " : " WHERE ");
    sql->has_condition = true;
}

void sql_order(struct sql *sql)
{
    buf_put_text(&sql->text, sql->has_order ? "," : " ORDER BY ");
    sql->has_order = true;
}

void sql_limit(struct sql *sql, int64_t limit, int64_t offset)
{
    if (limit < 0)
        return;
    sql_put(sql, " LIMIT ");
    sql_bind(sql, SQL_INTEGER, value_int(limit));
    if (offset <= 0)
        return;
    sql_put(sql, " OFFSET ");
    sql_bind(sql, SQL_INTEGER, value_int(offset));
}

void sql_returning(struct sql *sql)
{
    sql_put(sql, " RETURNING ");
    sql->has_item = false;
}

/* SQLite has one writer: nothing changes while it is in its transaction. */
void sql_lock(struct sql *sql, enum sql_lock lock)
{
    if (is_postgres(sql))
        buf_put_text(&sql->text, lock == SQL_LOCK_DELETE ? " FOR UPDATE OF t0" : " FOR NO KEY UPDATE OF t0");
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

enum error sql_execute(const struct sql *sql, struct db_conn *conn, int64_t *changes)
{
    TRY(sql_finish(sql));
    return db_execute(conn, buf_slice(&sql->text), sql->arguments, sql->count, changes);
}
