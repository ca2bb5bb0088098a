/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLITE_H
#define DATA_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db_driver.h"

/* One SQLite connection with its prepared statements. Belongs to one thread (and one fiber) at a time: it is opened
 * without SQLite's own mutexes. */

struct log;
struct sqlite;

/* A cached statement; while it is in use it is the db_rows of whoever runs it. */
struct sqlite_rows {
    struct db_rows base;
    sqlite3_stmt *statement;
    struct sqlite *sqlite;
    uint64_t hash;
    size_t length; /* of its text */
    bool is_in_use;
    struct sqlite_rows *bucket_next;               /* in the cache, by hash */
    struct sqlite_rows *newer, *older;             /* in the cache, by last use */
    struct sqlite_rows *used_next, *used_previous; /* among those in use */
};

enum { SQLITE_BUCKETS = 256 };

/* What the writer has around each body. */
#define SQLITE_JOB_SAVEPOINT "tenon_job"

/* The statements that begin and end what others run in. They are compiled when the connection opens, so that the end of
 * a transaction needs no memory. */
enum sqlite_control {
    SQLITE_BEGIN_READ,
    SQLITE_BEGIN_WRITE,
    SQLITE_COMMIT_ALL,
    SQLITE_ROLLBACK_ALL,
    SQLITE_BEGIN_JOB,
    SQLITE_ROLLBACK_JOB,
    SQLITE_END_JOB,
    SQLITE_CONTROL_COUNT
};

struct sqlite {
    sqlite3 *handle;
    sqlite3_stmt *controls[SQLITE_CONTROL_COUNT];
    struct sqlite_rows *buckets[SQLITE_BUCKETS];
    struct sqlite_rows *newest, *oldest;
    struct sqlite_rows *in_use;
    size_t cached, cache_limit;
    enum error interrupt; /* why the progress handler has cut a statement; OK: it has not */
    struct db_fault fault;
    struct log *log;
    bool refuses_transactions; /* the statements of a body may not begin or end one */
};

enum sqlite_role { SQLITE_READER, SQLITE_WRITER, SQLITE_CHECKPOINTER };

/* Opens a connection to a file; the writer's creates it. Owner: the caller; sqlite_close().
 * Errors: ERROR_IO, ERROR_MEMORY; the diag says why. */
MUST_USE enum error sqlite_open(const char *path, enum sqlite_role role, size_t statement_cache, struct log *log,
                                struct diag *diag, struct sqlite **out);
/* Ends whatever still runs, and closes. Accepts NULL. */
void sqlite_close(struct sqlite *sqlite);

/* As db_query(), db_next() and so on, on this connection. */
MUST_USE enum error sqlite_query(struct sqlite *sqlite, struct slice sql, const struct value *arguments, size_t count,
                                 struct sqlite_rows **out);
MUST_USE enum error sqlite_next(struct sqlite_rows *rows, bool *has_row);
void sqlite_rows_close(struct sqlite_rows *rows);
/* As db_check(). */
MUST_USE enum error sqlite_check(struct sqlite *sqlite, struct slice sql, size_t *parameters);
/* Ends every statement that is still running. */
void sqlite_close_all_rows(struct sqlite *sqlite);
MUST_USE enum error sqlite_run(struct sqlite *sqlite, enum sqlite_control control);
MUST_USE enum error sqlite_script(struct sqlite *sqlite, struct slice sql);

/* Whether no transaction is open (any more). */
bool sqlite_is_idle(const struct sqlite *sqlite);

#endif
