/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's result codes as errors. A table by primary code; constraints also name their columns, which SQLite says only
 * in its message. */
#include "data/sqlite_fault.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct {
    int code;
    enum error error;
} codes[] = {
    {SQLITE_NOMEM, ERROR_MEMORY},
    {SQLITE_FULL, ERROR_INSUFFICIENT_STORAGE},
    {SQLITE_IOERR, ERROR_IO},
    {SQLITE_CANTOPEN, ERROR_IO},
    {SQLITE_CORRUPT, ERROR_IO},
    {SQLITE_NOTADB, ERROR_IO},
    {SQLITE_READONLY, ERROR_IO},
    {SQLITE_PERM, ERROR_IO},
    {SQLITE_BUSY, ERROR_UNAVAILABLE},
    {SQLITE_LOCKED, ERROR_UNAVAILABLE},
    {SQLITE_CONSTRAINT, ERROR_CONFLICT},
    {SQLITE_TOOBIG, ERROR_PAYLOAD_TOO_LARGE},
    {SQLITE_INTERRUPT, ERROR_CANCELLED},
};

static enum error lookup(int code)
{
    if (code == SQLITE_IOERR_NOMEM)
        return ERROR_MEMORY;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == (code & 0xff))
            return codes[i].error;
    return ERROR_INTERNAL;
}

static enum db_fault_kind kind_of(int extended_code)
{
    switch (extended_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return DB_FAULT_UNIQUE;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* ON DELETE RESTRICT is a trigger inside SQLite; we raise nothing in ours */
        return DB_FAULT_FOREIGN_KEY;
    case SQLITE_CONSTRAINT_NOTNULL: return DB_FAULT_NOT_NULL;
    default: return DB_FAULT_CHECK;
    }
}

static void append(char *out, size_t size, struct slice text)
{
    size_t length = strlen(out);
    snprintf(out + length, size - length, "%s%.*s", length ? "," : "", SLICE_ARG(text));
}

/* "index 'markets_slug'" */
static bool parse_index(struct slice names, struct db_fault *out)
{
    struct slice lead = SLICE("index '");
    if (!slice_starts(names, lead))
        return false;
    struct slice name = slice_from_index(names, lead.len);
    snprintf(out->columns, sizeof out->columns, "index:%.*s", (int)slice_index(name, '\''), name.ptr);
    return true;
}

void sqlite_fault_parse(int extended_code, const char *message, struct db_fault *out)
{
    *out = (struct db_fault){.kind = kind_of(extended_code)};
    const char *colon = strstr(message, "failed: ");
    struct slice names = colon ? slice_from(colon + strlen("failed: ")) : SLICE("");
    if (parse_index(names, out))
        return;
    struct slice name;
    while (names.len > 0 && slice_split(&names, ',', &name)) {
        name = slice_trim(name);
        size_t dot = slice_index(name, '.');
        snprintf(out->table, sizeof out->table, "%.*s", (int)dot, name.ptr);
        append(out->columns, sizeof out->columns, slice_from_index(name, dot + 1));
    }
}

enum error sqlite_fault_error(struct sqlite *sqlite, int code)
{
    int extended = sqlite3_extended_errcode(sqlite->handle);
    if ((code & 0xff) == SQLITE_INTERRUPT && sqlite->interrupt != OK) {
        enum error error = sqlite->interrupt;
        sqlite->interrupt = OK;
        return error;
    }
    enum error error = lookup(extended);
    if (error == ERROR_CONFLICT)
        sqlite_fault_parse(extended, sqlite3_errmsg(sqlite->handle), &sqlite->fault);
    else if (sqlite->log && (error == ERROR_INTERNAL || error == ERROR_IO || error == ERROR_INSUFFICIENT_STORAGE))
        LOG_ERROR(sqlite->log, "the database refused", LOG_STR("reason", slice_from(sqlite3_errmsg(sqlite->handle))),
                  LOG_INT("code", extended));
    return error;
}
