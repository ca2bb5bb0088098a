/* SPDX-License-Identifier: Apache-2.0 */
/* The public C API: the database. Rows are copied into the request's memory, so a handler may keep and compare them
 * while it goes on; the engine's own handlers stream instead. */
#include <string.h>

#include "app/program.h"
#include "base/buf.h"
#include "data/db.h"
#include "http/exchange.h"

enum { SQL_BYTES_MAX = 64 * 1024, ROWS_MAX = 10000 };

tn_value tn_value_null(void)
{
    return (tn_value){.kind = TN_NULL};
}

tn_value tn_value_int(int64_t integer)
{
    return (tn_value){.kind = TN_INT, .integer = integer};
}

tn_value tn_value_float(double number)
{
    return (tn_value){.kind = TN_FLOAT, .number = number};
}

tn_value tn_value_bool(bool truth)
{
    return tn_value_int(truth);
}

tn_value tn_value_text(const char *text)
{
    if (!text)
        return tn_value_null();
    return (tn_value){.kind = TN_TEXT, .text = text, .length = strlen(text)};
}

tn_value tn_value_same(tn_value value)
{
    return value;
}

/* The length of a comment that begins with a slash and a star. */
static size_t comment_length(struct slice sql)
{
    for (size_t end = 2; end + 1 < sql.len; end++)
        if (sql.ptr[end] == '*' && sql.ptr[end + 1] == '/')
            return end + 2;
    return sql.len;
}

/* The length of what must be copied as it is: a quoted text or name, or a comment; 0 for anything else. */
static size_t opaque_length(struct slice sql)
{
    char first = sql.ptr[0];
    if (first == '\'' || first == '"') {
        size_t end = 1 + slice_index(slice_from_index(sql, 1), first);
        return end < sql.len ? end + 1 : sql.len;
    }
    if (slice_starts(sql, SLICE("--")))
        return slice_index(sql, '\n');
    if (slice_starts(sql, SLICE("/*")))
        return comment_length(sql);
    return 0;
}

/* $1 as ?1, outside of texts, names and comments. */
static enum error translate(const char *text, struct arena *arena, struct slice *out)
{
    struct buf sql;
    struct slice rest = slice_from(text);
    buf_init(&sql, SQL_BYTES_MAX);
    while (rest.len > 0) {
        size_t opaque = opaque_length(rest);
        buf_put_byte(&sql, rest.ptr[0] == '$' ? '?' : rest.ptr[0]);
        if (opaque > 1)
            buf_put(&sql, rest.ptr + 1, opaque - 1);
        rest = slice_from_index(rest, opaque > 1 ? opaque : 1);
    }
    struct slice copy = arena_slice(arena, buf_slice(&sql));
    bool failed = buf_failed(&sql) || !copy.ptr;
    buf_fini(&sql);
    *out = copy;
    return failed ? ERROR_MEMORY : OK;
}

static struct value as_value(const tn_value *value)
{
    switch (value->kind) {
    case TN_INT: return value_int(value->integer);
    case TN_FLOAT: return value_float(value->number);
    case TN_TEXT: return value_text(slice_of(value->text, value->length));
    case TN_BLOB: return value_blob(slice_of(value->text, value->length));
    case TN_NULL: break;
    }
    return VALUE_NOTHING;
}

/* A statement on its way to the database. */
struct statement {
    struct slice sql;
    struct value *arguments;
    size_t count;
    int64_t changes;
};

static enum error prepare(tn_request *request, const char *sql, const tn_value *arguments, size_t count,
                          struct statement *out)
{
    out->arguments = arena_array(request->x->arena, count, sizeof *out->arguments);
    if (!out->arguments)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        out->arguments[i] = as_value(&arguments[i]);
    out->count = count;
    if (db_dialect(request->session.model->db) == DIALECT_SQLITE)
        return translate(sql, request->x->arena, &out->sql);
    out->sql = slice_from(sql);
    return OK;
}

static enum error copy_value(struct arena *arena, struct value value, tn_value *out)
{
    *out = (tn_value){.kind = (tn_kind)value.kind};
    if (value.kind == VALUE_INT)
        out->integer = value.integer;
    else if (value.kind == VALUE_FLOAT)
        out->number = value.number;
    else if (value.kind != VALUE_NULL) {
        out->text = arena_text(arena, value.text);
        out->length = value.text.len;
        return out->text ? OK : ERROR_MEMORY;
    }
    return OK;
}

static enum error copy_names(struct arena *arena, const struct db_rows *rows, struct tn_row_data *out)
{
    out->count = db_column_count(rows);
    struct slice *names = arena_array(arena, out->count, sizeof *names);
    if (!names)
        return ERROR_MEMORY;
    for (size_t i = 0; i < out->count; i++) {
        names[i] = arena_slice(arena, db_column_name(rows, (unsigned)i));
        if (!names[i].ptr)
            return ERROR_MEMORY;
    }
    out->names = names;
    return OK;
}

static enum error copy_row(struct arena *arena, const struct db_rows *rows, const struct tn_row_data *form,
                           struct tn_row_data *out)
{
    tn_value *values = arena_array(arena, form->count, sizeof *values);
    if (!values)
        return ERROR_MEMORY;
    for (size_t i = 0; i < form->count; i++)
        TRY(copy_value(arena, db_column(rows, (unsigned)i), &values[i]));
    *out = (struct tn_row_data){form->names, values, form->count};
    return OK;
}

/* Copies up to `most` rows; one more is ERROR_LIMIT, unless one is all that is wanted. */
static enum error copy_rows(struct arena *arena, struct db_rows *rows, size_t most, struct tn_rows_data *out)
{
    struct tn_row_data form = {.count = 0};
    struct tn_row_data *copies = NULL;
    size_t capacity = 0;
    for (out->count = 0;; out->count++) {
        bool has_row;
        TRY(db_next(rows, &has_row));
        if (out->count == 0)
            TRY(copy_names(arena, rows, &form));
        if (!has_row || (out->count == most && most == 1))
            break;
        if (out->count == most)
            return ERROR_LIMIT;
        struct tn_row_data *grown = arena_grow(arena, copies, out->count, &capacity, sizeof *copies);
        if (!grown)
            return ERROR_MEMORY;
        copies = grown;
        TRY(copy_row(arena, rows, &form, &copies[out->count]));
    }
    out->rows = copies;
    return OK;
}

static enum error select_rows(tn_request *request, const char *sql, const tn_value *arguments, size_t count,
                              size_t most, struct tn_rows_data *out)
{
    struct statement statement;
    struct db_rows *rows;
    TRY(prepare(request, sql, arguments, count, &statement));
    TRY(session_read(&request->session));
    TRY(db_query(request->session.conn, statement.sql, statement.arguments, statement.count, &rows));
    enum error error = copy_rows(request->x->arena, rows, most, out);
    db_rows_close(rows);
    return error == OK ? session_note_statement(&request->session, statement.sql) : error;
}

tn_error tn_db_one(tn_request *request, tn_row *out, const char *sql, const tn_value *arguments, size_t count)
{
    struct tn_rows_data rows;
    TN_TRY((tn_error)select_rows(request, sql, arguments, count, 1, &rows));
    if (rows.count == 0)
        return TN_NOT_FOUND;
    *out = &rows.rows[0];
    return TN_OK;
}

tn_error tn_db_query(tn_request *request, tn_rows *out, const char *sql, const tn_value *arguments, size_t count)
{
    struct tn_rows_data *rows = arena_zalloc(request->x->arena, sizeof *rows);
    if (!rows)
        return TN_MEMORY;
    TN_TRY((tn_error)select_rows(request, sql, arguments, count, ROWS_MAX, rows));
    *out = rows;
    return TN_OK;
}

static enum error execute(struct session *session, void *argument)
{
    struct statement *statement = argument;
    TRY(db_execute(session->conn, statement->sql, statement->arguments, statement->count, &statement->changes));
    return session_note_statement(session, statement->sql);
}

tn_error tn_db_exec(tn_request *request, int64_t *changes, const char *sql, const tn_value *arguments, size_t count)
{
    struct statement statement = {.changes = 0};
    TN_TRY((tn_error)prepare(request, sql, arguments, count, &statement));
    enum error error = program_is_in_unit(request)
                           ? execute(&request->session, &statement)
                           : session_write(&request->session, DB_STATEMENT, execute, &statement);
    if (error == OK && changes)
        *changes = statement.changes;
    return (tn_error)error;
}

struct unit {
    tn_request *request;
    tn_error (*body)(tn_request *request, void *argument);
    void *argument;
};

static enum error run_unit(struct session *session, void *argument)
{
    const struct unit *unit = argument;
    return (enum error)unit->body(unit->request, unit->argument);
}

tn_error tn_db_tx(tn_request *request, tn_error (*body)(tn_request *request, void *argument), void *argument)
{
    struct unit unit = {request, body, argument};
    struct session *session = &request->session;
    if (program_is_in_unit(request))
        return (tn_error)session_nested(session, run_unit, &unit);
    struct exchange_mark mark = exchange_mark(request->x);
    session->restart = exchange_restart;
    session->restart_state = &mark;
    tn_error error = (tn_error)session_write(session, DB_SERIALIZABLE, run_unit, &unit);
    session->restart = NULL;
    return error;
}

tn_error tn_after_commit(tn_request *request, void (*effect)(void *argument), void *argument)
{
    if (!program_is_in_unit(request))
        return TN_INTERNAL;
    return (tn_error)session_after_commit(&request->session, effect, argument);
}

tn_value tn_get(tn_row row, const char *column)
{
    for (size_t i = 0; i < row->count; i++)
        if (slice_eq_text(row->names[i], column))
            return row->values[i];
    return tn_value_null();
}

int64_t tn_int(tn_row row, const char *column)
{
    return tn_get(row, column).integer;
}

const char *tn_text(tn_row row, const char *column)
{
    tn_value value = tn_get(row, column);
    return value.kind == TN_TEXT ? value.text : NULL;
}

bool tn_is(tn_row row, const char *column, const char *text)
{
    tn_value value = tn_get(row, column);
    return value.kind == TN_TEXT && slice_eq_text(slice_of(value.text, value.length), text);
}

size_t tn_rows_count(tn_rows rows)
{
    return rows->count;
}

tn_row tn_rows_at(tn_rows rows, size_t index)
{
    return index < rows->count ? &rows->rows[index] : NULL;
}
