/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite behind the SQL interface. What opens first closes last: the checkpointer outlives the writer, which tells it
 * of every commit, and both outlive the readers. */
#include "data/sqlite_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/checkpointer.h"
#include "data/db_driver.h"
#include "data/reader.h"
#include "data/sqlite.h"
#include "data/sqlite_conn.h"
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

struct sqlite_db {
    struct db base;
    char path[PATH_BYTES_MAX];
    struct db_config config;
    struct reader_pool *pools; /* by core index */
    struct writer *writer;
    struct checkpointer *checkpointer;
};

static const struct db_driver driver;

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

bool sqlite_driver_exists(const struct db_config *config)
{
    char *path = malloc(PATH_BYTES_MAX);
    bool exists = path && resolve_path(config, NULL, path) == OK && access(path, F_OK) == 0;
    free(path);
    return exists;
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

static enum error open_pools(struct sqlite_db *db)
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

static enum error open_all(struct sqlite_db *db, struct diag *diag)
{
    const struct db_config *config = &db->config;
    TRY(resolve_path(config, diag, db->path));
    if (config->must_exist && access(db->path, F_OK) != 0) {
        diag_say(diag, "check the path; a relative one begins at the current folder", "there is no database at %s",
                 db->path);
        return ERROR_NOT_FOUND;
    }
    TRY(make_folders(db->path, diag));
    TRY(checkpointer_create(db->path, config->log, diag, &db->checkpointer));
    const struct writer_config writer = {.driver = &driver,
                                         .path = db->path,
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

static void close_all(struct db *base)
{
    struct sqlite_db *db = CONTAINER_OF(base, struct sqlite_db, base);
    writer_destroy(db->writer);
    for (unsigned i = 0; db->pools && i < db->config.core_count; i++)
        reader_pool_fini(&db->pools[i]);
    checkpointer_destroy(db->checkpointer);
    free(db->pools);
    free(db);
}

static struct sqlite_db *own(struct db *db)
{
    return CONTAINER_OF(db, struct sqlite_db, base);
}

static struct sqlite_conn *conn_of(const struct db_conn *conn)
{
    return (struct sqlite_conn *)(uintptr_t)conn; /* what they begin with */
}

static struct sqlite_rows *rows_of(const struct db_rows *rows)
{
    return (struct sqlite_rows *)(uintptr_t)rows;
}

static enum error position(struct db *db, struct fiber *self, struct deadline deadline, uint64_t *out)
{
    *out = 0;
    return OK;
}

static enum error read_begin(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                             struct db_conn **out)
{
    struct sqlite_conn *conn;
    TRY(reader_acquire(&own(db)->pools[core_index(fiber_core(self))], self, deadline, &conn));
    conn->base.driver = &driver;
    *out = &conn->base;
    return OK;
}

static enum error read_blocking(struct db *db, struct db_conn **out)
{
    const struct reader_config config = {.path = own(db)->path, .statement_cache = own(db)->config.statement_cache};
    struct sqlite_conn *conn;
    TRY(reader_open(&config, &conn));
    conn->base.driver = &driver;
    *out = &conn->base;
    return OK;
}

static enum error write_blocking(struct db *db, struct db_conn **out)
{
    struct sqlite_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return ERROR_MEMORY;
    *conn = (struct sqlite_conn){.base.driver = &driver, .is_own = true};
    enum error error =
        sqlite_open(own(db)->path, SQLITE_WRITER, own(db)->config.statement_cache, NULL, NULL, &conn->sqlite);
    if (error != OK) {
        free(conn);
        return error;
    }
    *out = &conn->base;
    return OK;
}

static void read_end(struct db_conn *conn)
{
    if (conn_of(conn)->is_own)
        reader_close(conn_of(conn));
    else
        reader_release(conn_of(conn));
}

static enum error tx(struct db *db, struct fiber *self, struct deadline deadline, enum db_isolation isolation,
                     db_tx_body *body, void *argument)
{
    return writer_run(own(db)->writer, self, deadline, body, argument);
}

static enum error tx_blocking(struct db *db, db_tx_body *body, void *argument)
{
    return writer_run_blocking(own(db)->writer, body, argument);
}

static enum error start(struct sqlite_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                        struct sqlite_rows **out)
{
    if (conn->unwanted && atomic_load_explicit(conn->unwanted, memory_order_relaxed) != OK)
        return (enum error)atomic_load_explicit(conn->unwanted, memory_order_relaxed);
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

static enum error query(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                        struct db_rows **out)
{
    struct sqlite_rows *rows;
    TRY(start(conn_of(conn), sql, arguments, count, &rows));
    rows->base.driver = &driver;
    *out = &rows->base;
    return OK;
}

static enum error next(struct db_rows *rows, bool *has_row)
{
    return sqlite_next(rows_of(rows), has_row);
}

static void rows_close(struct db_rows *rows)
{
    sqlite_rows_close(rows_of(rows));
}

static int64_t changes(const struct db_rows *rows)
{
    return sqlite3_changes64(rows_of(rows)->sqlite->handle);
}

static void effort(const struct db_rows *rows, struct db_effort *out)
{
    sqlite3_stmt *statement = rows_of(rows)->statement;
    *out = (struct db_effort){.scanned = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1),
                              .sorts = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 1),
                              .indexed = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_AUTOINDEX, 1),
                              .steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1)};
}

static unsigned column_count(const struct db_rows *rows)
{
    return (unsigned)sqlite3_column_count(rows_of(rows)->statement);
}

static struct slice column_name(const struct db_rows *rows, unsigned column)
{
    return slice_from(sqlite3_column_name(rows_of(rows)->statement, (int)column));
}

static struct slice value_bytes(sqlite3_value *value, const void *bytes)
{
    return slice_of(bytes ? bytes : "", (size_t)sqlite3_value_bytes(value));
}

/* One call for the column, the rest on its value: with SQLite's mutexes off an unprotected value is as good as a
 * protected one (https://www.sqlite.org/c3ref/value.html), and the column calls would each finish an API call. */
static struct value column(const struct db_rows *rows, unsigned i)
{
    sqlite3_value *value = sqlite3_column_value(rows_of(rows)->statement, (int)i);
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: return value_int(sqlite3_value_int64(value));
    case SQLITE_FLOAT: return value_float(sqlite3_value_double(value));
    case SQLITE_TEXT: return value_text(value_bytes(value, sqlite3_value_text(value)));
    case SQLITE_BLOB: return value_blob(value_bytes(value, sqlite3_value_blob(value)));
    default: return VALUE_NOTHING;
    }
}

static enum db_type column_type(const struct db_rows *rows, unsigned i)
{
    return DB_TYPE_UNKNOWN;
}

static bool column_origin(const struct db_rows *rows, unsigned i, struct slice *table, struct slice *name)
{
    const char *from = sqlite3_column_table_name(rows_of(rows)->statement, (int)i);
    const char *origin = sqlite3_column_origin_name(rows_of(rows)->statement, (int)i);
    if (!from || !origin)
        return false;
    *table = slice_from(from);
    *name = slice_from(origin);
    return true;
}

static enum error check(struct db_conn *conn, struct slice sql, size_t *parameters)
{
    return sqlite_check(conn_of(conn)->sqlite, sql, parameters);
}

static enum error script(struct db_conn *conn, struct slice sql)
{
    return sqlite_script(conn_of(conn)->sqlite, sql);
}

static const struct db_fault *fault(const struct db_conn *conn)
{
    return &conn_of(conn)->sqlite->fault;
}

static const char *message(const struct db_conn *conn)
{
    return sqlite3_errmsg(conn_of(conn)->sqlite->handle);
}

static int64_t last_id(const struct db_conn *conn)
{
    return sqlite3_last_insert_rowid(conn_of(conn)->sqlite->handle);
}

static void figures(const struct db *base, struct db_figures *out)
{
    const struct sqlite_db *db = (const struct sqlite_db *)base;
    for (unsigned i = 0; i < db->config.core_count; i++) {
        const struct reader_pool *pool = &db->pools[i];
        out->queries += __atomic_load_n(&pool->queries, __ATOMIC_RELAXED);
        out->readers_open += __atomic_load_n(&pool->open, __ATOMIC_RELAXED);
        out->readers_lent += __atomic_load_n(&pool->lent, __ATOMIC_RELAXED);
        out->readers_waiting += (unsigned)__atomic_load_n(&pool->waiting.count, __ATOMIC_RELAXED);
    }
    writer_figures(db->writer, out);
    out->checkpoints = checkpointer_count(db->checkpointer);
}

static const struct db_driver driver = {
    .dialect = DIALECT_SQLITE,
    .close = close_all,
    .read_begin = read_begin,
    .position = position,
    .read_blocking = read_blocking,
    .write_blocking = write_blocking,
    .read_end = read_end,
    .tx = tx,
    .tx_blocking = tx_blocking,
    .query = query,
    .next = next,
    .rows_close = rows_close,
    .changes = changes,
    .effort = effort,
    .column_count = column_count,
    .column_name = column_name,
    .column = column,
    .column_type = column_type,
    .column_origin = column_origin,
    .check = check,
    .script = script,
    .fault = fault,
    .message = message,
    .last_id = last_id,
    .figures = figures,
};

enum error sqlite_driver_open(const struct db_config *config, struct diag *diag, struct db **out)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct sqlite_db *db = calloc(1, sizeof *db);
    if (!db)
        return ERROR_MEMORY;
    db->base.driver = &driver;
    db->config = *config;
    fill_defaults(&db->config);
    enum error error = open_all(db, diag);
    if (error != OK) {
        close_all(&db->base);
        return error;
    }
    *out = &db->base;
    return OK;
}
