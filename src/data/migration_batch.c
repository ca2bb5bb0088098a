/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are handled as texts: both databases take a text for a number or a uuid where it is compared with one. */
#include "data/migration_batch.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/number.h"
#include "data/sql.h"

enum { SQL_BYTES_MAX = 1024 * 1024, ROWS_MAX = 1000000 };

static bool find_directive(const struct script_statement *statement, struct slice *out)
{
    struct sqltoken_reader comments = statement->comments;
    while (script_directive(&comments, out))
        if (slice_starts(*out, SLICE("batch "))) {
            *out = slice_trim(slice_from_index(*out, sizeof "batch " - 1));
            return true;
        }
    return false;
}

static bool parse_directive(struct slice text, struct migration_batch *out)
{
    struct slice target = slice_of(text.ptr, slice_index(text, ' '));
    *out = (struct migration_batch){.table = slice_of(target.ptr, slice_index(target, '.')), .column = SLICE("id")};
    if (out->table.len < target.len)
        out->column = slice_from_index(target, out->table.len + 1);
    struct slice rows = slice_trim(slice_from_index(text, target.len));
    return out->table.len > 0 && out->column.len > 0 && number_parse_int(rows, &out->rows) == OK && out->rows > 0 &&
           out->rows <= ROWS_MAX;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Puts placeholders where `:after` and `:upto` stand. */
static enum error place(struct slice text, enum dialect dialect, struct arena *arena, struct slice *out, bool *has_both)
{
    static const struct slice names[] = {SLICE_INIT(":after"), SLICE_INIT(":upto")};
    unsigned seen = 0;
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    for (size_t i = 0; i < text.len;) {
        struct slice rest = slice_from_index(text, i);
        size_t name = 0;
        while (name < ARRAY_LEN(names) && !(slice_starts(rest, names[name]) && (i == 0 || text.ptr[i - 1] != ':') &&
                                            (rest.len == names[name].len || !is_word(rest.ptr[names[name].len]))))
            name++;
        if (name == ARRAY_LEN(names)) {
            buf_put_byte(&sql, text.ptr[i++]);
            continue;
        }
        buf_printf(&sql, "%c%zu", dialect == DIALECT_POSTGRES ? '$' : '?', name + 1);
        seen |= 1u << name;
        i += names[name].len;
    }
    *has_both = seen == 3;
    *out = arena_slice(arena, buf_slice(&sql));
    bool failed = buf_failed(&sql) || !out->ptr;
    buf_fini(&sql);
    return failed ? ERROR_MEMORY : OK;
}

enum error migration_batch_parse(const struct script_statement *statement, enum dialect dialect, struct arena *arena,
                                 bool *is_batch, struct migration_batch *out, const char **reason)
{
    struct slice directive;
    bool has_both;
    *is_batch = find_directive(statement, &directive);
    if (!*is_batch)
        return OK;
    *reason = "a batch names a table and a number of rows up to 1,000,000, as in: -- tenon: batch markets 1000";
    if (!parse_directive(directive, out))
        return ERROR_VALIDATION;
    TRY(place(statement->text, dialect, arena, &out->sql, &has_both));
    *reason = "a statement that is run in batches says: where id > :after and id <= :upto";
    return has_both ? OK : ERROR_VALIDATION;
}

static enum error read_one(struct db_conn *conn, const struct sql *sql, const struct value *argument,
                           struct arena *arena, struct slice *text, int64_t *number)
{
    struct db_rows *rows;
    bool has_row;
    TRY(buf_error(&sql->text));
    TRY(db_query(conn, buf_slice(&sql->text), argument, argument ? 1 : 0, &rows));
    enum error error = db_next(rows, &has_row);
    *text = (struct slice){0};
    if (error == OK && has_row) {
        struct value value = db_column(rows, 0);
        char room[32];
        *number = value.kind == VALUE_INT ? value.integer : 0;
        if (value.kind == VALUE_INT)
            value.text = slice_of(room, (size_t)snprintf(room, sizeof room, "%lld", (long long)value.integer));
        *text = arena_slice(arena, value.text);
        error = text->ptr ? OK : ERROR_MEMORY;
    }
    db_rows_close(rows);
    return error;
}

enum error migration_batch_count(const struct migration_batch *batch, struct db_conn *conn, struct arena *arena,
                                 int64_t *out)
{
    struct slice text;
    struct sql sql;
    *out = 0;
    sql_init(&sql, arena, db_conn_dialect(conn));
    sql_put(&sql, "SELECT count(*) FROM ");
    sql_name(&sql, batch->table);
    enum error error = read_one(conn, &sql, NULL, arena, &text, out);
    sql_fini(&sql);
    return error;
}

/* The id of the last of the next rows: SELECT id FROM (SELECT id … LIMIT n) ORDER BY id DESC LIMIT 1. */
static enum error find_end(const struct migration_batch *batch, struct db_conn *conn, struct arena *arena,
                           struct slice cursor, struct slice *out)
{
    const struct value after = value_text(cursor);
    int64_t number;
    struct sql sql;
    sql_init(&sql, arena, db_conn_dialect(conn));
    sql_put(&sql, "SELECT ");
    sql_name(&sql, batch->column);
    sql_put(&sql, " FROM (SELECT ");
    sql_name(&sql, batch->column);
    sql_put(&sql, " FROM ");
    sql_name(&sql, batch->table);
    if (cursor.ptr) {
        sql_put(&sql, " WHERE ");
        sql_name(&sql, batch->column);
        buf_put_text(&sql.text, db_conn_dialect(conn) == DIALECT_POSTGRES ? " > $1" : " > ?1");
    }
    sql_put(&sql, " ORDER BY 1 LIMIT ");
    sql_number(&sql, batch->rows);
    sql_put(&sql, ") AS part ORDER BY 1 DESC LIMIT 1");
    enum error error = read_one(conn, &sql, cursor.ptr ? &after : NULL, arena, out, &number);
    sql_fini(&sql);
    return error;
}

/* What is below every id that looks like this one. */
static struct slice lowest(struct slice id)
{
    if (id.len == 36 && id.ptr[8] == '-')
        return SLICE("00000000-0000-0000-0000-000000000000");
    bool is_number = id.len > 0 && (id.ptr[0] == '-' || (id.ptr[0] >= '0' && id.ptr[0] <= '9'));
    return is_number ? SLICE("-9223372036854775808") : SLICE("");
}

enum error migration_batch_run(const struct migration_batch *batch, struct db_conn *conn, struct arena *arena,
                               struct slice *cursor, int64_t *rows)
{
    struct slice end;
    *rows = 0;
    TRY(find_end(batch, conn, arena, *cursor, &end));
    if (end.ptr) {
        const struct value arguments[] = {value_text(cursor->ptr ? *cursor : lowest(end)), value_text(end)};
        TRY(db_execute(conn, batch->sql, arguments, ARRAY_LEN(arguments), NULL));
        *rows = batch->rows;
    }
    *cursor = end;
    return OK;
}
