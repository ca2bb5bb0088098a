/* SPDX-License-Identifier: Apache-2.0 */
/* One table from the server's codes to errors; the longest prefix decides. */
#include "data/postgres_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct row {
    const char *prefix;
    enum error error;
    enum db_fault_kind kind;
    bool is_transient;
} rows[] = {
    {"08", ERROR_UNAVAILABLE, DB_FAULT_NONE, false},
    {"22", ERROR_VALIDATION, DB_FAULT_NONE, false}, /* of a program's own statements: ours have checked values */
    {"23001", ERROR_CONFLICT, DB_FAULT_FOREIGN_KEY, false},
    {"23502", ERROR_CONFLICT, DB_FAULT_NOT_NULL, false},
    {"23503", ERROR_CONFLICT, DB_FAULT_FOREIGN_KEY, false},
    {"23505", ERROR_CONFLICT, DB_FAULT_UNIQUE, false},
    {"23", ERROR_CONFLICT, DB_FAULT_CHECK, false},
    {"25006", ERROR_UNAVAILABLE, DB_FAULT_NONE, false}, /* read only: a standby, or on the way to be one */
    {"28", ERROR_UNAVAILABLE, DB_FAULT_NONE, false},
    {"40001", ERROR_UNAVAILABLE, DB_FAULT_NONE, true},
    {"40P01", ERROR_UNAVAILABLE, DB_FAULT_NONE, true},
    {"53100", ERROR_INSUFFICIENT_STORAGE, DB_FAULT_NONE, false},
    {"53", ERROR_UNAVAILABLE, DB_FAULT_NONE, false},
    {"54", ERROR_PAYLOAD_TOO_LARGE, DB_FAULT_NONE, false},
    {"55P03", ERROR_TIMEOUT, DB_FAULT_NONE, false},
    {"55", ERROR_UNAVAILABLE, DB_FAULT_NONE, false},
    {"57014", ERROR_TIMEOUT, DB_FAULT_NONE, false},
    {"57", ERROR_UNAVAILABLE, DB_FAULT_NONE, false},
    {"58", ERROR_IO, DB_FAULT_NONE, false},
    {"XX", ERROR_IO, DB_FAULT_NONE, false},
};

static const struct row *find(struct slice sqlstate)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_starts(sqlstate, slice_from(rows[i].prefix)) &&
            (!best || strlen(rows[i].prefix) > strlen(best->prefix)))
            best = &rows[i];
    return best;
}

enum error postgres_fault_of(struct slice sqlstate)
{
    const struct row *row = find(sqlstate);
    return row ? row->error : sqlstate.len == 0 ? ERROR_UNAVAILABLE : ERROR_INTERNAL;
}

bool postgres_fault_is_transient(struct slice sqlstate)
{
    const struct row *row = find(sqlstate);
    return row && row->is_transient;
}

static void copy_field(const PGresult *result, int code, const char *lead, char *out, size_t size)
{
    const char *text = PQresultErrorField(result, code);
    if (text)
        snprintf(out, size, "%s%s", lead, text);
}

/* The server's words, or libpq's own where there is no server any more: their first line. */
static void copy_message(const PGresult *result, struct postgres_fault *out)
{
    copy_field(result, PG_DIAG_MESSAGE_PRIMARY, "", out->message, sizeof out->message);
    if (out->message[0])
        return;
    struct slice line = slice_from(PQresultErrorMessage(result));
    line.len = slice_index(line, '\n');
    snprintf(out->message, sizeof out->message, "%.*s", SLICE_ARG(line));
}

/* "Key (code, "Product ID")=(a, 1) already exists.", in whatever language: what stands in the first parentheses. */
static void read_key(const PGresult *result, struct db_fault *out)
{
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *begin = detail ? strchr(detail, '(') : NULL;
    const char *end = begin ? strstr(begin, ")=(") : NULL;
    if (end && (size_t)(end - begin) < sizeof out->key)
        snprintf(out->key, sizeof out->key, "%.*s", (int)(end - begin - 1), begin + 1);
}

static void read_constraint(const PGresult *result, enum db_fault_kind kind, struct db_fault *out)
{
    *out = (struct db_fault){.kind = kind};
    copy_field(result, PG_DIAG_TABLE_NAME, "", out->table, sizeof out->table);
    if (kind == DB_FAULT_NOT_NULL)
        copy_field(result, PG_DIAG_COLUMN_NAME, "", out->columns, sizeof out->columns);
    else
        copy_field(result, PG_DIAG_CONSTRAINT_NAME, "index:", out->columns, sizeof out->columns);
    if (kind == DB_FAULT_UNIQUE)
        read_key(result, out);
}

enum error postgres_fault_read(const PGresult *result, struct log *log, struct postgres_fault *out)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    struct slice sqlstate = slice_from(code ? code : "");
    const struct row *row = find(sqlstate);
    enum error error = postgres_fault_of(sqlstate);
    *out = (struct postgres_fault){.is_transient = row && row->is_transient};
    copy_message(result, out);
    if (error == ERROR_CONFLICT)
        read_constraint(result, row->kind, &out->constraint);
    else if (log && (error == ERROR_INTERNAL || error == ERROR_IO || error == ERROR_INSUFFICIENT_STORAGE))
        LOG_ERROR(log, "the database refused", LOG_STR("reason", slice_from(out->message)), LOG_STR("code", sqlstate));
    return error;
}
