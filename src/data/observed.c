/* SPDX-License-Identifier: Apache-2.0 */
/* A window onto a database: its driver, connections and rows stand in front of another driver's, count what goes by,
 * and hand everything on.
 *
 * Invariants
 *   (1) every open statement is in the list of its connection, so that ending the lease ends and tells it
 *   (2) a statement is told once, before what is behind it is closed */
#include "data/observed.h"

#include <stdlib.h>

#include "base/clock.h"
#include "data/db_driver.h"

struct observed_db {
    struct db base;
    struct db *inner;
    struct observed_watcher watcher;
};

struct observed_conn {
    struct db_conn base;
    struct db_conn *inner;
    struct observed_db *db;
    struct observed_rows *open;
};

struct observed_rows {
    struct db_rows base;
    struct db_rows *inner;
    struct observed_conn *conn;
    struct observed_rows *next;
    struct observed_run run;
    void *seen; /* by the watcher */
    int64_t began_us;
};

static struct db_driver make_driver(enum dialect dialect);

static struct observed_db *own(const struct db *db)
{
    return (struct observed_db *)(uintptr_t)db; /* what they begin with */
}

static struct observed_conn *conn_of(const struct db_conn *conn)
{
    return (struct observed_conn *)(uintptr_t)conn;
}

static struct observed_rows *rows_of(const struct db_rows *rows)
{
    return (struct observed_rows *)(uintptr_t)rows;
}

static void close_window(struct db *db)
{
    free((void *)(uintptr_t)db->driver);
    free(db);
}

static enum error read_begin(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                             struct db_conn **out)
{
    struct observed_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return ERROR_MEMORY;
    enum error error = db_read_begin(own(db)->inner, self, deadline, after, &conn->inner);
    if (error != OK) {
        free(conn);
        return error;
    }
    conn->base.driver = db->driver;
    conn->db = own(db);
    *out = &conn->base;
    return OK;
}

static void rows_close(struct db_rows *base)
{
    struct observed_rows *rows = rows_of(base);
    const struct observed_watcher *watcher = &rows->conn->db->watcher;
    struct observed_rows **link = &rows->conn->open;
    while (*link != rows)
        link = &(*link)->next;
    *link = rows->next;
    rows->run.elapsed_us = clock_monotonic_us(clock_system()) - rows->began_us;
    if (rows->inner->driver->effort)
        rows->inner->driver->effort(rows->inner, &rows->run.effort);
    watcher->ended(watcher->state, rows->seen, &rows->run);
    db_rows_close(rows->inner);
    free(rows);
}

static void read_end(struct db_conn *conn)
{
    while (conn_of(conn)->open)
        rows_close(&conn_of(conn)->open->base);
    db_read_end(conn_of(conn)->inner);
    free(conn);
}

static enum error query(struct db_conn *base, struct slice sql, const struct value *arguments, size_t count,
                        struct db_rows **out)
{
    struct observed_conn *conn = conn_of(base);
    const struct observed_watcher *watcher = &conn->db->watcher;
    struct observed_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return ERROR_MEMORY;
    *rows = (struct observed_rows){.base.driver = base->driver, .conn = conn};
    rows->seen = watcher->begun(watcher->state, sql, arguments, count);
    rows->began_us = clock_monotonic_us(clock_system());
    enum error error = db_query(conn->inner, sql, arguments, count, &rows->inner);
    if (error != OK) {
        free(rows);
        return error;
    }
    rows->next = conn->open;
    conn->open = rows;
    *out = &rows->base;
    return OK;
}

static enum error next(struct db_rows *base, bool *has_row)
{
    struct observed_rows *rows = rows_of(base);
    TRY(db_next(rows->inner, has_row));
    if (!*has_row)
        return OK;
    struct value first = db_column(rows->inner, 0);
    rows->run.returned++;
    rows->run.columns = db_column_count(rows->inner);
    rows->run.number = first.kind == VALUE_INT ? first.integer : 0;
    return OK;
}

static enum error position(struct db *db, struct fiber *self, struct deadline deadline, uint64_t *out)
{
    return db_position(own(db)->inner, self, deadline, out);
}

static enum error read_blocking(struct db *db, struct db_conn **out)
{
    return db_read_blocking(own(db)->inner, out);
}

static enum error tx(struct db *db, struct fiber *self, struct deadline deadline, enum db_isolation isolation,
                     db_tx_body *body, void *argument)
{
    return ERROR_NOT_IMPLEMENTED;
}

static enum error tx_blocking(struct db *db, db_tx_body *body, void *argument)
{
    return ERROR_NOT_IMPLEMENTED;
}

static int64_t changes(const struct db_rows *rows)
{
    return rows_of(rows)->inner->driver->changes(rows_of(rows)->inner);
}

static unsigned column_count(const struct db_rows *rows)
{
    return db_column_count(rows_of(rows)->inner);
}

static struct slice column_name(const struct db_rows *rows, unsigned i)
{
    return db_column_name(rows_of(rows)->inner, i);
}

static struct value column(const struct db_rows *rows, unsigned i)
{
    return db_column(rows_of(rows)->inner, i);
}

static enum db_type column_type(const struct db_rows *rows, unsigned i)
{
    return db_column_type(rows_of(rows)->inner, i);
}

static bool column_origin(const struct db_rows *rows, unsigned i, struct slice *table, struct slice *name)
{
    return db_column_origin(rows_of(rows)->inner, i, table, name);
}

static enum error check(struct db_conn *conn, struct slice sql, size_t *parameters)
{
    return db_check(conn_of(conn)->inner, sql, parameters);
}

static enum error script(struct db_conn *conn, struct slice sql)
{
    return db_script(conn_of(conn)->inner, sql);
}

static const struct db_fault *fault(const struct db_conn *conn)
{
    return db_fault(conn_of(conn)->inner);
}

static const char *message(const struct db_conn *conn)
{
    return db_message(conn_of(conn)->inner);
}

static int64_t last_id(const struct db_conn *conn)
{
    return db_last_id(conn_of(conn)->inner);
}

static void figures(const struct db *db, struct db_figures *out)
{
    *out = db_figures(own(db)->inner);
}

static struct db_driver make_driver(enum dialect dialect)
{
    return (struct db_driver){
        .dialect = dialect,
        .close = close_window,
        .read_begin = read_begin,
        .position = position,
        .read_blocking = read_blocking,
        .read_end = read_end,
        .tx = tx,
        .tx_blocking = tx_blocking,
        .query = query,
        .next = next,
        .rows_close = rows_close,
        .changes = changes,
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
}

enum error observed_open(struct db *inner, const struct observed_watcher *watcher, struct db **out)
{
    struct observed_db *db = calloc(1, sizeof *db);
    struct db_driver *driver = malloc(sizeof *driver);
    if (!db || !driver) {
        free(db);
        free(driver);
        return ERROR_MEMORY;
    }
    *driver = make_driver(db_dialect(inner));
    *db = (struct observed_db){.base.driver = driver, .inner = inner, .watcher = *watcher};
    *out = &db->base;
    return OK;
}
