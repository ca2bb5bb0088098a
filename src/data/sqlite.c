/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection.
 *
 * Statements are cached by their text: a hash finds the bucket, the text decides. The cache entry is also the running
 * statement, so a query that was seen before allocates nothing. A text that is running already is prepared once more
 * and that second one lives only until it is closed.
 *
 * Invariants
 *   (1) every entry of the cache is in one bucket and in the list of use; cached counts them
 *   (2) an entry that is in use is never evicted
 *   (3) a closed statement is reset and holds no binding: what was bound is the caller's memory
 */
#include "data/sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/log.h"
#include "data/sqlite_fault.h"
#include "data/sqlite_function.h"

enum { HASH_SEED = 0x7e, STATEMENT_BYTES_MAX = 1000000 };

/* The triggers that keep a full-text table in step use a virtual table, which SQLite lets a trusted schema do only. The
 * writer trusts: the schema is what this program has made; what reads need not. */
static const char *const role_pragmas[] = {
    [SQLITE_READER] = "PRAGMA trusted_schema=OFF; PRAGMA query_only=ON;",
    [SQLITE_WRITER] = "PRAGMA trusted_schema=ON;",
    [SQLITE_CHECKPOINTER] = "PRAGMA trusted_schema=OFF;",
};

static const char pragmas[] = "PRAGMA journal_mode=WAL;"
                              "PRAGMA synchronous=FULL;"
                              "PRAGMA foreign_keys=ON;"
                              "PRAGMA temp_store=MEMORY;"
                              "PRAGMA cache_size=-8192;"
                              "PRAGMA mmap_size=268435456;"
                              "PRAGMA wal_autocheckpoint=0;";

/* The statements of a body run inside the writer's transaction and its savepoint: they may not end either. */
static int authorize(void *argument, int action, const char *first, const char *second, const char *database,
                     const char *trigger)
{
    const struct sqlite *sqlite = argument;
    bool is_forbidden = action == SQLITE_TRANSACTION || action == SQLITE_ATTACH || action == SQLITE_DETACH ||
                        (action == SQLITE_SAVEPOINT && strcasecmp(second, SQLITE_JOB_SAVEPOINT) == 0);
    return sqlite->refuses_transactions && is_forbidden ? SQLITE_DENY : SQLITE_OK;
}

static enum error compile_controls(struct sqlite *sqlite)
{
    static const char *const texts[] = {
        [SQLITE_BEGIN_READ] = "BEGIN",
        [SQLITE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
        [SQLITE_COMMIT_ALL] = "COMMIT",
        [SQLITE_ROLLBACK_ALL] = "ROLLBACK",
        [SQLITE_BEGIN_JOB] = "SAVEPOINT " SQLITE_JOB_SAVEPOINT,
        [SQLITE_ROLLBACK_JOB] = "ROLLBACK TO " SQLITE_JOB_SAVEPOINT,
        [SQLITE_END_JOB] = "RELEASE " SQLITE_JOB_SAVEPOINT,
    };
    for (size_t i = 0; i < SQLITE_CONTROL_COUNT; i++) {
        int code =
            sqlite3_prepare_v3(sqlite->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &sqlite->controls[i], NULL);
        if (code != SQLITE_OK)
            return sqlite_fault_error(sqlite, code);
    }
    return OK;
}

static enum error configure(struct sqlite *sqlite, enum sqlite_role role)
{
    sqlite3_extended_result_codes(sqlite->handle, 1);
    sqlite3_busy_timeout(sqlite->handle, 5000);
    sqlite3_db_config(sqlite->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sqlite->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(sqlite->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    int code = sqlite3_exec(sqlite->handle, pragmas, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return sqlite_fault_error(sqlite, code);
    if ((code = sqlite3_exec(sqlite->handle, role_pragmas[role], NULL, NULL, NULL)) != SQLITE_OK)
        return sqlite_fault_error(sqlite, code);
    sqlite3_set_authorizer(sqlite->handle, authorize, sqlite);
    TRY(sqlite_function_register(sqlite->handle));
    return compile_controls(sqlite); /* both before would have it compiled again */
}

enum error sqlite_open(const char *path, enum sqlite_role role, size_t statement_cache, struct log *log,
                       struct diag *diag, struct sqlite **out)
{
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        return ERROR_MEMORY;
    sqlite->cache_limit = statement_cache;
    sqlite->log = log;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_READWRITE;
    if (role != SQLITE_READER)
        flags |= SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &sqlite->handle, flags, NULL);
    enum error error = ERROR_MEMORY;
    if (sqlite->handle)
        error = code == SQLITE_OK ? configure(sqlite, role) : sqlite_fault_error(sqlite, code);
    if (error == OK) {
        *out = sqlite;
        return OK;
    }
    diag_say(diag, NULL, "the database %s does not open: %s", path,
             sqlite->handle ? sqlite3_errmsg(sqlite->handle) : "out of memory");
    sqlite_close(sqlite);
    return error;
}

static void entry_destroy(struct sqlite_rows *entry)
{
    sqlite3_finalize(entry->statement);
    free(entry);
}

void sqlite_close(struct sqlite *sqlite)
{
    if (!sqlite)
        return;
    sqlite_close_all_rows(sqlite);
    for (struct sqlite_rows *entry = sqlite->newest; entry;) {
        struct sqlite_rows *older = entry->older;
        entry_destroy(entry);
        entry = older;
    }
    for (size_t i = 0; i < SQLITE_CONTROL_COUNT; i++)
        sqlite3_finalize(sqlite->controls[i]);
    sqlite3_close_v2(sqlite->handle);
    free(sqlite);
}

static void list_take_out(struct sqlite *sqlite, struct sqlite_rows *entry)
{
    *(entry->newer ? &entry->newer->older : &sqlite->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &sqlite->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void list_put_newest(struct sqlite *sqlite, struct sqlite_rows *entry)
{
    entry->newer = NULL;
    entry->older = sqlite->newest;
    *(sqlite->newest ? &sqlite->newest->newer : &sqlite->oldest) = entry;
    sqlite->newest = entry;
}

static struct sqlite_rows *find(struct sqlite *sqlite, struct slice sql, uint64_t hash)
{
    for (struct sqlite_rows *entry = sqlite->buckets[hash % SQLITE_BUCKETS]; entry; entry = entry->bucket_next)
        if (entry->hash == hash && entry->length == sql.len && !entry->is_in_use &&
            memcmp(sqlite3_sql(entry->statement), sql.ptr, sql.len) == 0)
            return entry;
    return NULL;
}

static void evict(struct sqlite *sqlite)
{
    struct sqlite_rows *entry = sqlite->oldest;
    while (entry && entry->is_in_use)
        entry = entry->newer;
    if (!entry)
        return;
    struct sqlite_rows **link = &sqlite->buckets[entry->hash % SQLITE_BUCKETS];
    while (*link != entry)
        link = &(*link)->bucket_next;
    *link = entry->bucket_next;
    list_take_out(sqlite, entry);
    sqlite->cached--;
    entry_destroy(entry);
}

static bool is_blank_byte(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r' || byte == ';';
}

static bool is_blank(const char *text, const char *end)
{
    while (text < end && is_blank_byte(*text))
        text++;
    return text == end;
}

static enum error compile(struct sqlite *sqlite, struct slice sql, sqlite3_stmt **out)
{
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(sqlite->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, out, &tail);
    if (code != SQLITE_OK)
        return sqlite_fault_error(sqlite, code);
    if (*out && is_blank(tail, sql.ptr + sql.len))
        return OK;
    sqlite3_finalize(*out);
    return ERROR_INTERNAL;
}

static enum error prepare(struct sqlite *sqlite, struct slice sql, uint64_t hash, struct sqlite_rows **out)
{
    if (sql.len > STATEMENT_BYTES_MAX)
        return ERROR_LIMIT;
    struct sqlite_rows *entry = calloc(1, sizeof *entry);
    if (!entry)
        return ERROR_MEMORY;
    enum error error = compile(sqlite, sql, &entry->statement);
    if (error != OK) {
        free(entry);
        return error;
    }
    if (sqlite->cached >= sqlite->cache_limit)
        evict(sqlite);
    entry->sqlite = sqlite;
    entry->hash = hash;
    entry->length = sql.len;
    entry->bucket_next = sqlite->buckets[hash % SQLITE_BUCKETS];
    sqlite->buckets[hash % SQLITE_BUCKETS] = entry;
    list_put_newest(sqlite, entry);
    sqlite->cached++;
    *out = entry;
    return OK;
}

static int bind_one(sqlite3_stmt *statement, int place, struct value value)
{
    switch (value.kind) {
    case VALUE_NULL: return sqlite3_bind_null(statement, place);
    case VALUE_INT: return sqlite3_bind_int64(statement, place, value.integer);
    case VALUE_FLOAT: return sqlite3_bind_double(statement, place, value.number);
    case VALUE_TEXT:
        return sqlite3_bind_text64(statement, place, value.text.ptr ? value.text.ptr : "", value.text.len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(statement, place, value.text.ptr ? value.text.ptr : "", value.text.len,
                                   SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static enum error bind(struct sqlite_rows *rows, const struct value *arguments, size_t count)
{
    if ((size_t)sqlite3_bind_parameter_count(rows->statement) != count)
        return ERROR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        int code = bind_one(rows->statement, (int)i + 1, arguments[i]);
        if (code != SQLITE_OK)
            return sqlite_fault_error(rows->sqlite, code);
    }
    return OK;
}

static void mark_used(struct sqlite *sqlite, struct sqlite_rows *rows)
{
    rows->is_in_use = true;
    rows->used_previous = NULL;
    rows->used_next = sqlite->in_use;
    if (sqlite->in_use)
        sqlite->in_use->used_previous = rows;
    sqlite->in_use = rows;
    if (sqlite->newest != rows) {
        list_take_out(sqlite, rows);
        list_put_newest(sqlite, rows);
    }
}

enum error sqlite_query(struct sqlite *sqlite, struct slice sql, const struct value *arguments, size_t count,
                        struct sqlite_rows **out)
{
    while (sql.len > 0 && is_blank_byte(sql.ptr[sql.len - 1]))
        sql.len--; /* SQLite keeps the text up to its end only, and find() compares with that */
    uint64_t hash = digest_hash64(HASH_SEED, sql);
    struct sqlite_rows *rows = find(sqlite, sql, hash);
    if (!rows)
        TRY(prepare(sqlite, sql, hash, &rows));
    mark_used(sqlite, rows);
    enum error error = bind(rows, arguments, count);
    if (error != OK) {
        sqlite_rows_close(rows);
        return error;
    }
    *out = rows;
    return OK;
}

enum error sqlite_next(struct sqlite_rows *rows, bool *has_row)
{
    int code = sqlite3_step(rows->statement);
    *has_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return OK;
    return sqlite_fault_error(rows->sqlite, code);
}

void sqlite_rows_close(struct sqlite_rows *rows)
{
    if (!rows || !rows->is_in_use)
        return;
    sqlite3_reset(rows->statement);
    sqlite3_clear_bindings(rows->statement);
    rows->is_in_use = false;
    *(rows->used_previous ? &rows->used_previous->used_next : &rows->sqlite->in_use) = rows->used_next;
    if (rows->used_next)
        rows->used_next->used_previous = rows->used_previous;
    rows->used_next = rows->used_previous = NULL;
}

void sqlite_close_all_rows(struct sqlite *sqlite)
{
    while (sqlite->in_use)
        sqlite_rows_close(sqlite->in_use);
}

enum error sqlite_run(struct sqlite *sqlite, enum sqlite_control control)
{
    int code = sqlite3_step(sqlite->controls[control]);
    enum error error = code == SQLITE_DONE ? OK : sqlite_fault_error(sqlite, code);
    sqlite3_reset(sqlite->controls[control]);
    return error;
}

static enum error run_prepared(struct sqlite *sqlite, sqlite3_stmt *statement)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        continue;
    return code == SQLITE_DONE ? OK : sqlite_fault_error(sqlite, code);
}

enum error sqlite_script(struct sqlite *sqlite, struct slice sql)
{
    const char *at = sql.ptr;
    const char *end = sql.ptr + sql.len;
    while (!is_blank(at, end)) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(sqlite->handle, at, (int)(end - at), &statement, &at);
        if (code != SQLITE_OK)
            return sqlite_fault_error(sqlite, code);
        enum error error = statement ? run_prepared(sqlite, statement) : OK;
        sqlite3_finalize(statement);
        TRY(error);
    }
    return OK;
}

enum error sqlite_check(struct sqlite *sqlite, struct slice sql, size_t *parameters)
{
    sqlite3_stmt *statement = NULL;
    const char *tail = NULL;
    int code = sqlite3_prepare_v2(sqlite->handle, sql.ptr, (int)sql.len, &statement, &tail);
    if (code == SQLITE_NOMEM)
        return ERROR_MEMORY;
    if (code != SQLITE_OK)
        return ERROR_VALIDATION;
    *parameters = (size_t)sqlite3_bind_parameter_count(statement);
    bool is_one = statement && is_blank(tail, sql.ptr + sql.len);
    sqlite3_finalize(statement);
    return is_one ? OK : ERROR_VALIDATION;
}

bool sqlite_is_idle(const struct sqlite *sqlite)
{
    return sqlite3_get_autocommit(sqlite->handle) != 0;
}
