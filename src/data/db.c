/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL interface over its one driver so far. What opens first closes last: the checkpointer outlives the writer,
 * which tells it of every commit, and both outlive the readers. */
#include "data/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/checkpointer.h"
#include "data/db_conn.h"
#include "data/reader.h"
#include "data/sqlite.h"
#include "data/writer.h"
#include "rt/core.h"
#include "rt/fiber.h"

enum {
    READERS_PER_CORE = 8,
    READER_WAITERS = 1000,
    WRITER_QUEUE_LIMIT = 10000,
    COMMIT_BATCH_LIMIT = 512,
    STATEMENT_CACHE = 256,
    PATH_BYTES_MAX = 4096
};

struct db {
    char path[PATH_BYTES_MAX];
    struct db_config config;
    struct reader_pool *pools; /* by core index */
    struct writer *writer;
    struct checkpointer *checkpointer;
};

static unsigned or_default(unsigned chosen, unsigned otherwise)
{
    return chosen ? chosen : otherwise;
}

static void fill_defaults(struct db_config *config)
{
    config->readers_per_core = or_default(config->readers_per_core, READERS_PER_CORE);
    config->reader_waiters = or_default(config->reader_waiters, READER_WAITERS);
    config->writer_queue_limit = or_default(config->writer_queue_limit, WRITER_QUEUE_LIMIT);
    config->commit_batch_limit = or_default(config->commit_batch_limit, COMMIT_BATCH_LIMIT);
    config->statement_cache = or_default(config->statement_cache, STATEMENT_CACHE);
}

static enum error resolve_path(const struct db_config *config, struct diag *diag, char *path)
{
    struct slice url = slice_from(config->url);
    struct slice scheme = SLICE("sqlite:");
    if (!slice_starts(url, scheme)) {
        diag_say(diag, "write sqlite:data/app.db", "the database URL has an unknown scheme");
        return ERROR_VALIDATION;
    }
    struct slice name = slice_from_index(url, scheme.len);
    if (slice_starts(name, SLICE("//")))
        name = slice_from_index(name, 2);
    bool is_absolute = name.len > 0 && name.ptr[0] == '/';
    size_t lead = is_absolute || !config->directory ? 0 : strlen(config->directory) + 1;
    if (name.len == 0 || name.ptr[0] == ':' || lead + name.len >= PATH_BYTES_MAX) {
        diag_say(diag, "write sqlite:data/app.db", "the database URL names no file");
        return ERROR_VALIDATION;
    }
    if (lead > 0) {
        memcpy(path, config->directory, lead - 1);
        path[lead - 1] = '/';
    }
    memcpy(path + lead, name.ptr, name.len);
    path[lead + name.len] = '\0';
    return OK;
}

/* A folder that was just made outlives the power only when the one it is in was synced. */
static void sync_parent(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) {
        fsync(parent);
        close(parent);
    }
    if (fd >= 0)
        close(fd);
}

/* Makes the parent folders of a file; the path is cut at each slash in turn and mended again. */
static enum error make_folders(char *path, struct diag *diag)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_new = mkdir(path, 0777) == 0;
        bool exists = is_new || errno == EEXIST;
        if (is_new)
            sync_parent(path);
        if (!exists)
            diag_say(diag, NULL, "the folder %s cannot be made: %s", path, strerrordesc_np(errno));
        *slash = '/';
        if (!exists)
            return ERROR_IO;
    }
    return OK;
}

static enum error open_pools(struct db *db)
{
    const struct db_config *config = &db->config;
    struct reader_config reader = {.path = db->path,
                                   .statement_cache = config->statement_cache,
                                   .limit = config->readers_per_core,
                                   .waiters = config->reader_waiters};
    db->pools = calloc(config->core_count + 1, sizeof *db->pools);
    if (!db->pools)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < config->core_count; i++) {
        reader.log = config->core_logs ? config->core_logs[i] : NULL;
        reader_pool_init(&db->pools[i], config->cores[i], &reader);
        TRY(reader_pool_open_first(&db->pools[i]));
    }
    return OK;
}

static enum error open_all(struct db *db, struct diag *diag)
{
    const struct db_config *config = &db->config;
    TRY(resolve_path(config, diag, db->path));
    TRY(make_folders(db->path, diag));
    TRY(checkpointer_create(db->path, config->log, diag, &db->checkpointer));
    const struct writer_config writer = {.path = db->path,
                                         .cores = config->cores,
                                         .core_count = config->core_count,
                                         .queue_limit = config->writer_queue_limit,
                                         .batch_limit = config->commit_batch_limit,
                                         .statement_cache = config->statement_cache,
                                         .log = config->log,
                                         .checkpointer = db->checkpointer};
    TRY(writer_create(&writer, diag, &db->writer));
    return open_pools(db);
}

enum error db_open(const struct db_config *config, struct diag *diag, struct db **out)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return ERROR_MEMORY;
    db->config = *config;
    fill_defaults(&db->config);
    enum error error = open_all(db, diag);
    if (error != OK) {
        db_close(db);
        return error;
    }
    *out = db;
    return OK;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    writer_destroy(db->writer);
    for (unsigned i = 0; db->pools && i < db->config.core_count; i++)
        reader_pool_fini(&db->pools[i]);
    checkpointer_destroy(db->checkpointer);
    free(db->pools);
    free(db);
}

enum dialect db_dialect(const struct db *db)
{
    return DIALECT_SQLITE;
}

enum error db_read_begin(struct db *db, struct fiber *self, struct deadline deadline, struct db_conn **out)
{
    return reader_acquire(&db->pools[core_index(fiber_core(self))], self, deadline, out);
}

void db_read_end(struct db_conn *conn)
{
    if (conn->is_own)
        reader_close(conn);
    else
        reader_release(conn);
}

enum error db_tx(struct db *db, struct fiber *self, struct deadline deadline, db_tx_body *body, void *argument)
{
    return writer_run(db->writer, self, deadline, body, argument);
}

enum error db_tx_blocking(struct db *db, db_tx_body *body, void *argument)
{
    return writer_run_blocking(db->writer, body, argument);
}

enum error db_read_blocking(struct db *db, struct db_conn **out)
{
    const struct reader_config config = {.path = db->path, .statement_cache = db->config.statement_cache};
    return reader_open(&config, out);
}

enum error db_query(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                    struct db_rows **out)
{
    if (!conn->pool)
        return sqlite_query(conn->sqlite, sql, arguments, count, out);
    __atomic_store_n(&conn->pool->queries, conn->pool->queries + 1, __ATOMIC_RELAXED);
    /* Preparing may call back too, and must not let another fiber run: the text is the core's scratch. */
    struct fiber *fiber = conn->fiber;
    conn->fiber = NULL;
    enum error error = sqlite_query(conn->sqlite, sql, arguments, count, out);
    conn->fiber = fiber;
    return error;
}

enum error db_next(struct db_rows *rows, bool *has_row)
{
    return sqlite_next(rows, has_row);
}

void db_rows_close(struct db_rows *rows)
{
    sqlite_rows_close(rows);
}

unsigned db_column_count(const struct db_rows *rows)
{
    return (unsigned)sqlite3_column_count(rows->statement);
}

struct slice db_column_name(const struct db_rows *rows, unsigned column)
{
    return slice_from(sqlite3_column_name(rows->statement, (int)column));
}

static struct slice value_bytes(sqlite3_value *value, const void *bytes)
{
    return slice_of(bytes ? bytes : "", (size_t)sqlite3_value_bytes(value));
}

/* One call for the column, the rest on its value: with SQLite's mutexes off an unprotected value is as good as a
 * protected one (https://www.sqlite.org/c3ref/value.html), and the column calls would each finish an API call. */
struct value db_column(const struct db_rows *rows, unsigned column)
{
    sqlite3_value *value = sqlite3_column_value(rows->statement, (int)column);
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: return value_int(sqlite3_value_int64(value));
    case SQLITE_FLOAT: return value_float(sqlite3_value_double(value));
    case SQLITE_TEXT: return value_text(value_bytes(value, sqlite3_value_text(value)));
    case SQLITE_BLOB: return value_blob(value_bytes(value, sqlite3_value_blob(value)));
    default: return VALUE_NOTHING;
    }
}

enum error db_execute(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                      int64_t *changes)
{
    struct db_rows *rows;
    TRY(db_query(conn, sql, arguments, count, &rows));
    bool has_row = true;
    enum error error = OK;
    while (error == OK && has_row)
        error = db_next(rows, &has_row);
    if (error == OK && changes)
        *changes = sqlite3_changes64(conn->sqlite->handle);
    db_rows_close(rows);
    return error;
}

enum error db_script(struct db_conn *conn, struct slice sql)
{
    return sqlite_script(conn->sqlite, sql);
}

const struct db_fault *db_fault(const struct db_conn *conn)
{
    return &conn->sqlite->fault;
}

const char *db_message(const struct db_conn *conn)
{
    return sqlite3_errmsg(conn->sqlite->handle);
}

int64_t db_last_id(const struct db_conn *conn)
{
    return sqlite3_last_insert_rowid(conn->sqlite->handle);
}

struct db_figures db_figures(const struct db *db)
{
    struct db_figures figures = {0};
    for (unsigned i = 0; i < db->config.core_count; i++) {
        const struct reader_pool *pool = &db->pools[i];
        figures.queries += __atomic_load_n(&pool->queries, __ATOMIC_RELAXED);
        figures.readers_open += __atomic_load_n(&pool->open, __ATOMIC_RELAXED);
        figures.readers_lent += __atomic_load_n(&pool->lent, __ATOMIC_RELAXED);
        figures.readers_waiting += (unsigned)__atomic_load_n(&pool->waiting.count, __ATOMIC_RELAXED);
    }
    writer_figures(db->writer, &figures);
    figures.checkpoints = checkpointer_count(db->checkpointer);
    return figures;
}
