/* SPDX-License-Identifier: Apache-2.0 */
/* Whole tables.
 *
 * Reading is a snapshot and a stream of rows. Writing is a stream too: on PostgreSQL the bytes of COPY, gathered into
 * pieces; on SQLite an insert that the connection's statement cache keeps ready. */
#include "data/bulk.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/db_driver.h"
#include "data/postgres_copy.h"

enum { PIECE_BYTES = 128 * 1024, PIECE_BYTES_MAX = 1024 * 1024 * 1024 };

struct bulk_load {
    struct db_conn *tx;
    const struct bulk_column *columns;
    size_t count;
    int64_t rows;
    struct sql sql;       /* SQLite: the insert; its arguments are given anew for each row */
    struct buf piece;     /* PostgreSQL: what is not sent yet */
    enum sql_type *types; /* PostgreSQL */
    struct bulk_fault fault;
};

enum error bulk_snapshot(struct db *db, struct db_conn **out)
{
    /* A mapped file would count as memory of this process, all of it. */
    static const char *const begin[] = {[DIALECT_SQLITE] = "PRAGMA mmap_size=0; BEGIN",
                                        [DIALECT_POSTGRES] = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"};
    struct db_conn *conn;
    TRY(db_read_blocking(db, &conn));
    enum error error = db_script(conn, slice_from(begin[db_dialect(db)]));
    if (error != OK) {
        db_read_end(conn);
        return error;
    }
    *out = conn;
    return OK;
}

enum error bulk_query(struct db_conn *conn, struct slice sql, struct db_rows **out)
{
    if (!conn->driver->stream)
        return db_query(conn, sql, NULL, 0, out);
    return conn->driver->stream(conn, sql, out);
}

static bool is_postgres(const struct bulk_load *load)
{
    return db_conn_dialect(load->tx) == DIALECT_POSTGRES;
}

static void put_names(struct bulk_load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        if (i > 0)
            sql_put(&load->sql, ", ");
        sql_name(&load->sql, load->columns[i].name);
    }
}

static void write_insert(struct bulk_load *load, struct slice table)
{
    struct sql *sql = &load->sql;
    sql_put(sql, "INSERT INTO ");
    sql_name(sql, table);
    sql_put(sql, " (");
    put_names(load);
    sql_put(sql, ") VALUES (");
    for (size_t i = 0; i < load->count; i++) {
        buf_put_text(&sql->text, i > 0 ? ", ?" : "?");
        buf_put_uint(&sql->text, i + 1);
    }
    sql_put(sql, ")");
}

static enum error begin_copy(struct bulk_load *load, struct slice table)
{
    struct sql *sql = &load->sql;
    sql_put(sql, "COPY ");
    sql_name(sql, table);
    sql_put(sql, " (");
    put_names(load);
    sql_put(sql, ") FROM STDIN WITH (FORMAT binary, FREEZE true)");
    TRY(sql_finish(sql));
    for (size_t i = 0; i < load->count; i++)
        load->types[i] = load->columns[i].type;
    postgres_copy_put_head(&load->piece);
    return load->tx->driver->copy_begin(load->tx, buf_slice(&sql->text));
}

static void destroy(struct bulk_load *load)
{
    buf_fini(&load->piece);
    sql_fini(&load->sql);
    free(load->types);
    free(load);
}

enum error bulk_load_begin(struct db_conn *tx, struct slice table, const struct bulk_column *columns, size_t count,
                           struct bulk_load **out)
{
    struct bulk_load *load = calloc(1, sizeof *load);
    if (!load)
        return ERROR_MEMORY;
    *load = (struct bulk_load){.tx = tx, .columns = columns, .count = count};
    load->types = calloc(count + 1, sizeof *load->types);
    sql_init(&load->sql, NULL, db_conn_dialect(tx));
    buf_init(&load->piece, PIECE_BYTES_MAX);
    enum error error = load->types ? OK : ERROR_MEMORY;
    if (error == OK && is_postgres(load))
        error = begin_copy(load, table);
    else if (error == OK) {
        write_insert(load, table);
        error = sql_finish(&load->sql);
    }
    if (error != OK) {
        destroy(load);
        return error;
    }
    *out = load;
    return OK;
}

static enum error insert(struct bulk_load *load, const struct value *values)
{
    struct db_rows *rows;
    bool has_row;
    enum error error = db_query(load->tx, buf_slice(&load->sql.text), values, load->count, &rows);
    if (error == OK) {
        error = db_next(rows, &has_row);
        db_rows_close(rows);
    }
    if (error != OK) {
        load->fault.row = load->rows;
        snprintf(load->fault.message, sizeof load->fault.message, "%s", db_message(load->tx));
    }
    return error;
}

static enum error send_piece(struct bulk_load *load)
{
    enum error error = load->tx->driver->copy_put(load->tx, buf_slice(&load->piece));
    buf_clear(&load->piece);
    return error;
}

enum error bulk_load_row(struct bulk_load *load, const struct value *values)
{
    size_t column;
    load->rows++;
    if (!is_postgres(load))
        return insert(load, values);
    enum error error = postgres_copy_put_row(&load->piece, load->types, values, load->count, &column);
    if (error == ERROR_VALIDATION) {
        struct slice name = load->columns[column].name;
        load->fault.row = load->rows;
        snprintf(load->fault.column, sizeof load->fault.column, "%.*s", SLICE_ARG(name));
        snprintf(load->fault.message, sizeof load->fault.message, "the value is not of the column's type");
    }
    TRY(error);
    return load->piece.len < PIECE_BYTES ? OK : send_piece(load);
}

/* The server's answer, which also says what it has against rows that were sent long ago. */
static enum error end_copy(struct bulk_load *load, enum error outcome)
{
    if (outcome == OK) {
        postgres_copy_put_end(&load->piece);
        outcome = send_piece(load);
    }
    return load->tx->driver->copy_end(load->tx, outcome, &load->fault);
}

enum error bulk_load_end(struct bulk_load *load, enum error outcome, struct bulk_fault *fault)
{
    if (is_postgres(load))
        outcome = end_copy(load, outcome);
    *fault = load->fault;
    destroy(load);
    return outcome;
}
