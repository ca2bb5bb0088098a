/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL interface over its drivers: the URL's scheme chooses one, everything else goes to it. */
#include "data/db.h"

#include "data/db_driver.h"
#include "data/postgres_driver.h"
#include "data/sqlite_driver.h"

enum error db_open(const struct db_config *config, struct diag *diag, struct db **out)
{
    struct slice url = slice_from(config->url);
    if (slice_starts(url, SLICE("sqlite:")))
        return sqlite_driver_open(config, diag, out);
    if (slice_starts(url, SLICE("postgres:")) || slice_starts(url, SLICE("postgresql:")))
        return postgres_driver_open(config, diag, out);
    diag_say(diag, "write sqlite:data/app.db, or postgres://user@host/database",
             "the database URL has an unknown scheme");
    return ERROR_VALIDATION;
}

bool db_exists(const struct db_config *config)
{
    return !slice_starts(slice_from(config->url), SLICE("sqlite:")) || sqlite_driver_exists(config);
}

void db_close(struct db *db)
{
    if (db)
        db->driver->close(db);
}

enum dialect db_dialect(const struct db *db)
{
    return db->driver->dialect;
}

enum dialect db_conn_dialect(const struct db_conn *conn)
{
    return conn->driver->dialect;
}

enum error db_read_begin(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                         struct db_conn **out)
{
    return db->driver->read_begin(db, self, deadline, after, out);
}

enum error db_position(struct db *db, struct fiber *self, struct deadline deadline, uint64_t *out)
{
    return db->driver->position(db, self, deadline, out);
}

void db_read_end(struct db_conn *conn)
{
    conn->driver->read_end(conn);
}

enum error db_tx(struct db *db, struct fiber *self, struct deadline deadline, enum db_isolation isolation,
                 db_tx_body *body, void *argument)
{
    return db->driver->tx(db, self, deadline, isolation, body, argument);
}

enum error db_tx_blocking(struct db *db, db_tx_body *body, void *argument)
{
    return db->driver->tx_blocking(db, body, argument);
}

enum error db_read_blocking(struct db *db, struct db_conn **out)
{
    return db->driver->read_blocking(db, out);
}

enum error db_write_blocking(struct db *db, struct db_conn **out)
{
    return db->driver->write_blocking(db, out);
}

enum error db_query(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                    struct db_rows **out)
{
    return conn->driver->query(conn, sql, arguments, count, out);
}

enum error db_next(struct db_rows *rows, bool *has_row)
{
    return rows->driver->next(rows, has_row);
}

void db_rows_close(struct db_rows *rows)
{
    if (rows)
        rows->driver->rows_close(rows);
}

unsigned db_column_count(const struct db_rows *rows)
{
    return rows->driver->column_count(rows);
}

struct slice db_column_name(const struct db_rows *rows, unsigned column)
{
    return rows->driver->column_name(rows, column);
}

struct value db_column(const struct db_rows *rows, unsigned column)
{
    return rows->driver->column(rows, column);
}

enum db_type db_column_type(const struct db_rows *rows, unsigned column)
{
    return rows->driver->column_type(rows, column);
}

bool db_column_origin(const struct db_rows *rows, unsigned column, struct slice *table, struct slice *name)
{
    return rows->driver->column_origin(rows, column, table, name);
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
        *changes = rows->driver->changes(rows);
    db_rows_close(rows);
    return error;
}

enum error db_check(struct db_conn *conn, struct slice sql, size_t *parameters)
{
    return conn->driver->check(conn, sql, parameters);
}

enum error db_try_lock(struct db_conn *conn, uint64_t lock, bool *is_locked)
{
    const struct value number = value_int((int64_t)lock);
    struct db_rows *rows;
    *is_locked = true;
    if (conn->driver->dialect == DIALECT_SQLITE)
        return OK;
    TRY(db_query(conn, SLICE("SELECT pg_try_advisory_xact_lock($1::bigint)"), &number, 1, &rows));
    bool has_row;
    enum error error = db_next(rows, &has_row);
    *is_locked = error == OK && has_row && db_column(rows, 0).integer != 0;
    db_rows_close(rows);
    return error;
}

enum error db_script(struct db_conn *conn, struct slice sql)
{
    return conn->driver->script(conn, sql);
}

const struct db_fault *db_fault(const struct db_conn *conn)
{
    return conn->driver->fault(conn);
}

const char *db_message(const struct db_conn *conn)
{
    return conn->driver->message(conn);
}

int64_t db_last_id(const struct db_conn *conn)
{
    return conn->driver->last_id(conn);
}

struct db_figures db_figures(const struct db *db)
{
    struct db_figures figures = {0};
    db->driver->figures(db, &figures);
    return figures;
}
