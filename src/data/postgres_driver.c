/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL behind the SQL interface.
 *
 * Reading takes no connection: each statement goes through the pool's queue by itself. A transaction leases one; BEGIN
 * travels with its first statement, ROLLBACK is not waited for. One that fails because of others beside it (a
 * serialization failure, a deadlock) is run again after a short, growing, random pause.
 *
 * Threads without a core (start-up, the command line, housekeeping) have a connection that blocks; their transactions
 * come one after the other, on all nodes, by an advisory lock. */
#include "data/postgres_driver.h"

#include <stdlib.h>
#include <string.h>

#include "data/postgres_db.h"
#include "data/postgres_lease.h"
#include "rt/core.h"
#include "rt/fiber.h"

enum { RUNS_MAX = 12, PAUSE_MOST_MS = 64 };

static const struct db_driver driver;

static struct postgres_db *own(const struct db *db)
{
    return (struct postgres_db *)(uintptr_t)db; /* what they begin with */
}

static struct postgres_lease *lease_of(const struct db_conn *conn)
{
    return (struct postgres_lease *)(uintptr_t)conn;
}

static struct postgres_request *request_of(const struct db_rows *rows)
{
    return (struct postgres_request *)(uintptr_t)rows;
}

static struct postgres_pool *pool_of(struct postgres_db *db, struct fiber *self)
{
    return postgres_db_primary(db, core_index(fiber_core(self)));
}

/* ---- leases ---- */

static void link_request(struct postgres_lease *lease, struct postgres_request *request)
{
    request->lease_previous = NULL;
    request->lease_next = lease->requests;
    if (lease->requests)
        lease->requests->lease_previous = request;
    lease->requests = request;
}

static void rows_close(struct db_rows *rows)
{
    struct postgres_request *request = request_of(rows);
    struct postgres_lease *lease = request->lease;
    if (!lease)
        return;
    *(request->lease_previous ? &request->lease_previous->lease_next : &lease->requests) = request->lease_next;
    if (request->lease_next)
        request->lease_next->lease_previous = request->lease_previous;
    if (lease->pool)
        postgres_pool_drop(request);
    else
        postgres_blocking_drop(request);
}

static void close_all_rows(struct postgres_lease *lease)
{
    while (lease->requests)
        rows_close(&lease->requests->base);
}

static enum error read_begin(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                             struct db_conn **out)
{
    struct postgres_pool *primary = pool_of(own(db), self);
    struct postgres_lease *lease = primary->spare_leases;
    if (lease)
        primary->spare_leases = lease->next;
    else if (!(lease = malloc(sizeof *lease)))
        return ERROR_MEMORY;
    *lease = (struct postgres_lease){.base.driver = &driver,
                                     .mode = POSTGRES_READING,
                                     .pool = postgres_db_choose(own(db), core_index(fiber_core(self)), after),
                                     .primary = primary,
                                     .fiber = self,
                                     .deadline = deadline};
    *out = &lease->base;
    return OK;
}

static enum error connect_blocking(const struct postgres_target *target, struct db_conn **out)
{
    struct postgres_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return ERROR_MEMORY;
    *lease = (struct postgres_lease){.base.driver = &driver, .mode = POSTGRES_BLOCKING, .is_own = true};
    lease->pg = postgres_connect_now(target, lease->fault.message);
    if (!lease->pg) {
        free(lease);
        return ERROR_UNAVAILABLE;
    }
    *out = &lease->base;
    return OK;
}

static enum error read_blocking(struct db *db, struct db_conn **out)
{
    return connect_blocking(&own(db)->target, out);
}

static enum error write_blocking(struct db *db, struct db_conn **out)
{
    struct postgres_target target = own(db)->target;
    target.statement_ms = 0;
    return connect_blocking(&target, out);
}

static void read_end(struct db_conn *conn)
{
    struct postgres_lease *lease = lease_of(conn);
    close_all_rows(lease);
    if (lease->is_own) {
        PQfinish(lease->pg);
        free(lease);
        return;
    }
    lease->next = lease->primary->spare_leases;
    lease->primary->spare_leases = lease;
}

/* ---- statements ---- */

/* A transaction that nobody waits for any more goes no further. */
static enum error may_go_on(const struct postgres_lease *lease)
{
    if (fiber_is_cancelled(lease->fiber))
        return ERROR_CANCELLED;
    if (deadline_passed(lease->deadline, core_now_us(lease->pool->config.core)))
        return ERROR_TIMEOUT;
    return lease->conn->is_broken ? ERROR_UNAVAILABLE : OK;
}

static bool is_on_replica(const struct postgres_lease *lease)
{
    return lease->primary && lease->pool != lease->primary;
}

/* What a replica cannot answer, because it is away or in the middle of catching up, the primary can. */
static enum error fall_back(struct postgres_lease *lease, struct postgres_request *request)
{
    lease->pool = lease->primary;
    return postgres_pool_move(lease->primary, request);
}

static enum error submit(struct postgres_lease *lease, struct postgres_request *request)
{
    if (lease->mode != POSTGRES_TRANSACTION) {
        enum error error = postgres_pool_queue(lease->pool, request);
        return error == ERROR_UNAVAILABLE && is_on_replica(lease) ? fall_back(lease, request) : error;
    }
    if (!lease->has_begun)
        postgres_conn_control(lease->conn, lease->isolation == DB_SERIALIZABLE
                                               ? "BEGIN ISOLATION LEVEL SERIALIZABLE"
                                               : "BEGIN ISOLATION LEVEL READ COMMITTED");
    lease->has_begun = true;
    postgres_pool_send(lease->pool, lease->conn, request);
    return OK;
}

static enum error query(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                        struct db_rows **out)
{
    static const enum postgres_kind kinds[] = {
        [POSTGRES_READING] = POSTGRES_READ, [POSTGRES_SINGLE] = POSTGRES_WRITE, [POSTGRES_TRANSACTION] = POSTGRES_STEP};
    struct postgres_lease *lease = lease_of(conn);
    struct postgres_request *request;
    if (lease->mode == POSTGRES_BLOCKING) {
        TRY(postgres_blocking_query(lease, &driver, sql, arguments, count, &request));
        link_request(lease, request);
        *out = &request->base;
        return OK;
    }
    if (lease->mode == POSTGRES_TRANSACTION)
        TRY(may_go_on(lease));
    if (lease->mode == POSTGRES_SINGLE && lease->has_run)
        return ERROR_INTERNAL;
    lease->has_run = true;
    TRY(postgres_pool_request(lease->pool, lease, kinds[lease->mode], &request));
    link_request(lease, request);
    request->arguments = arguments;
    request->argument_count = count;
    enum error error = postgres_statement_find(&lease->pool->statements, sql, &request->statement);
    if (error == OK)
        error = submit(lease, request);
    if (error != OK) {
        rows_close(&request->base);
        return error == ERROR_LIMIT ? ERROR_UNAVAILABLE : error;
    }
    *out = &request->base;
    return OK;
}

static enum error stream(struct db_conn *conn, struct slice sql, struct db_rows **out)
{
    struct postgres_lease *lease = lease_of(conn);
    struct postgres_request *request;
    if (lease->mode != POSTGRES_BLOCKING)
        return ERROR_INTERNAL;
    TRY(postgres_blocking_stream(lease, &driver, sql, &request));
    link_request(lease, request);
    *out = &request->base;
    return OK;
}

static enum error make_room(struct postgres_request *request)
{
    size_t columns = (size_t)PQnfields(request->result);
    if (columns <= request->room_columns)
        return OK;
    char *room = realloc(request->room, columns * POSTGRES_VALUE_ROOM);
    if (!room)
        return ERROR_MEMORY;
    request->room = room;
    request->room_columns = columns;
    return OK;
}

static enum error await(struct postgres_lease *lease, struct postgres_request *request)
{
    enum error error = postgres_pool_await(request->pool, request, lease->fiber, lease->deadline);
    bool is_elsewhere = lease->primary && request->pool != lease->primary;
    bool may_pass = error == ERROR_UNAVAILABLE || request->fault.is_transient;
    if (error == OK || !is_elsewhere || !may_pass || request->state != POSTGRES_SETTLED)
        return error;
    TRY(fall_back(lease, request));
    return postgres_pool_await(request->pool, request, lease->fiber, lease->deadline);
}

static enum error next(struct db_rows *rows, bool *has_row)
{
    struct postgres_request *request = request_of(rows);
    struct postgres_lease *lease = request->lease;
    *has_row = false;
    if (request->is_stream) {
        TRY(postgres_blocking_next(request, has_row));
        return make_room(request);
    }
    if (request->row < 0) {
        if (lease->pool) {
            enum error error = await(lease, request);
            if (error != OK) {
                lease->fault = request->fault;
                lease->is_transient = lease->is_transient || request->fault.is_transient;
                return error;
            }
        }
        TRY(make_room(request));
    }
    *has_row = ++request->row < PQntuples(request->result);
    return OK;
}

static int64_t changes(const struct db_rows *rows)
{
    return strtoll(PQcmdTuples(request_of(rows)->result), NULL, 10);
}

static unsigned column_count(const struct db_rows *rows)
{
    return (unsigned)PQnfields(request_of(rows)->result);
}

static struct slice column_name(const struct db_rows *rows, unsigned column)
{
    return slice_from(PQfname(request_of(rows)->result, (int)column));
}

static struct value column(const struct db_rows *rows, unsigned i)
{
    struct postgres_request *request = request_of(rows);
    const PGresult *result = request->result;
    int at = (int)i;
    if (PQgetisnull(result, request->row, at))
        return VALUE_NOTHING;
    struct slice bytes = slice_of(PQgetvalue(result, request->row, at), (size_t)PQgetlength(result, request->row, at));
    if (PQfformat(result, at) == 0)
        return value_text(bytes);
    return postgres_value_decode(PQftype(result, at), bytes, request->room + i * POSTGRES_VALUE_ROOM);
}

static enum db_type column_type(const struct db_rows *rows, unsigned i)
{
    return postgres_value_type(PQftype(request_of(rows)->result, (int)i));
}

static bool column_origin(const struct db_rows *rows, unsigned i, struct slice *table, struct slice *name)
{
    return false;
}

static enum error check(struct db_conn *conn, struct slice sql, size_t *parameters)
{
    return postgres_blocking_check(lease_of(conn), sql, parameters);
}

static enum error script(struct db_conn *conn, struct slice sql)
{
    return postgres_blocking_script(lease_of(conn), sql);
}

static enum error copy_begin(struct db_conn *conn, struct slice sql)
{
    return postgres_blocking_copy_begin(lease_of(conn), sql);
}

static enum error copy_put(struct db_conn *conn, struct slice bytes)
{
    return postgres_blocking_copy_put(lease_of(conn), bytes);
}

static enum error copy_end(struct db_conn *conn, enum error outcome, struct bulk_fault *fault)
{
    return postgres_blocking_copy_end(lease_of(conn), outcome, fault);
}

static const struct db_fault *fault(const struct db_conn *conn)
{
    return &lease_of(conn)->fault.constraint;
}

static const char *message(const struct db_conn *conn)
{
    return lease_of(conn)->fault.message;
}

static int64_t last_id(const struct db_conn *conn)
{
    return 0;
}

static enum error position(struct db *base, struct fiber *self, struct deadline deadline, uint64_t *out)
{
    struct db_conn *conn;
    struct db_rows *rows;
    bool has_row;
    *out = 0;
    if (own(base)->replica_count == 0)
        return OK;
    TRY(read_begin(base, self, deadline, DB_POSITION_PRIMARY, &conn));
    enum error error = query(conn, SLICE("SELECT (pg_current_wal_lsn() - '0/0')::bigint"), NULL, 0, &rows);
    if (error == OK)
        error = next(rows, &has_row);
    if (error == OK && has_row)
        *out = (uint64_t)column(rows, 0).integer;
    read_end(conn);
    return error;
}

/* ---- transactions ---- */

static void count_up(uint64_t *figure)
{
    __atomic_store_n(figure, *figure + 1, __ATOMIC_RELAXED);
}

static enum error run_control(struct postgres_lease *lease, struct slice sql)
{
    struct postgres_request *request;
    TRY(postgres_pool_request(lease->pool, lease, POSTGRES_STEP, &request));
    enum error error = postgres_statement_find(&lease->pool->statements, sql, &request->statement);
    if (error == OK) {
        request->is_final = true;
        postgres_pool_send(lease->pool, lease->conn, request);
        error = postgres_pool_await(lease->pool, request, lease->fiber, DEADLINE_NEVER);
        lease->is_transient = lease->is_transient || request->fault.is_transient;
        if (error == OK && strcmp(PQcmdStatus(request->result), "ROLLBACK") == 0)
            error = ERROR_INTERNAL; /* a statement had failed, and the body did not say so */
    }
    postgres_pool_drop(request);
    return error;
}

static enum error commit(struct postgres_lease *lease)
{
    struct core *core = lease->pool->config.core;
    int64_t began_us = core_now_us(core);
    if (!lease->has_begun)
        return OK;
    enum error error = run_control(lease, SLICE("COMMIT"));
    if (error == OK) {
        count_up(&lease->pool->figures.commits);
        __atomic_store_n(&lease->pool->figures.last_commit_us, (uint64_t)(core_now_us(core) - began_us),
                         __ATOMIC_RELAXED);
    }
    return error;
}

static enum error acquire(struct postgres_lease *lease)
{
    struct postgres_request *wish;
    TRY(postgres_pool_request(lease->pool, lease, POSTGRES_LEASE, &wish));
    enum error error = postgres_pool_queue(lease->pool, wish);
    if (error == OK)
        error = postgres_pool_await(lease->pool, wish, lease->fiber, lease->deadline);
    if (error == OK)
        lease->conn = wish->conn;
    postgres_pool_drop(wish);
    return error;
}

/* Runs the body once, in a transaction of its own. */
static enum error run_once(struct postgres_lease *lease, db_tx_body *body, void *argument)
{
    TRY(acquire(lease));
    enum error error = body(&lease->base, argument);
    close_all_rows(lease);
    if (error == OK)
        error = commit(lease);
    bool is_over = error == OK || !lease->has_begun;
    if (!is_over && !lease->conn->is_broken) {
        postgres_conn_control(lease->conn, "ROLLBACK");
        postgres_conn_flush(lease->conn);
        count_up(&lease->pool->figures.rollbacks);
    }
    postgres_pool_release(lease->pool, lease->conn, true);
    return error;
}

static enum error run_single(struct postgres_lease *lease, db_tx_body *body, void *argument)
{
    enum error error = body(&lease->base, argument);
    close_all_rows(lease);
    return error;
}

/* A random pause of up to twice the last one, so that those who met do not meet again. */
static enum error pause_before(struct postgres_pool *pool, struct fiber *self, unsigned run)
{
    uint64_t random;
    int64_t most_ms = 1 << (run < 6 ? run : 6);
    TRY(random_u64(&pool->random, &random));
    return fiber_sleep(self, (int64_t)(random % (uint64_t)(most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS)) + 1);
}

static enum error tx(struct db *base, struct fiber *self, struct deadline deadline, enum db_isolation isolation,
                     db_tx_body *body, void *argument)
{
    struct postgres_pool *pool = pool_of(own(base), self);
    struct postgres_lease lease;
    count_up(&pool->figures.transactions);
    for (unsigned run = 1;; run++) {
        if (fiber_is_cancelled(self))
            return ERROR_CANCELLED;
        lease = (struct postgres_lease){.base.driver = &driver,
                                        .mode = isolation == DB_STATEMENT ? POSTGRES_SINGLE : POSTGRES_TRANSACTION,
                                        .isolation = isolation,
                                        .pool = pool,
                                        .fiber = self,
                                        .deadline = deadline};
        enum error error =
            isolation == DB_STATEMENT ? run_single(&lease, body, argument) : run_once(&lease, body, argument);
        bool is_late = deadline_passed(deadline, core_now_us(pool->config.core));
        if (error == OK || !lease.is_transient || error == ERROR_OUTCOME_UNKNOWN || run == RUNS_MAX || is_late)
            return error;
        count_up(&pool->figures.reruns);
        TRY(pause_before(pool, self, run));
    }
}

static enum error tx_blocking(struct db *base, db_tx_body *body, void *argument)
{
    struct postgres_lease lease = {.base.driver = &driver, .mode = POSTGRES_BLOCKING};
    struct postgres_db *db = own(base);
    TRY(postgres_blocking_begin(db->blocking, &lease));
    enum error error = body(&lease.base, argument);
    close_all_rows(&lease);
    return postgres_blocking_end(db->blocking, &lease, error);
}

/* ---- life ---- */

static void figures(const struct db *db, struct db_figures *out)
{
    postgres_db_figures(own(db), out);
}

static void close_db(struct db *db)
{
    postgres_db_close(own(db));
}

static const struct db_driver driver = {
    .dialect = DIALECT_POSTGRES,
    .close = close_db,
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
    .column_count = column_count,
    .column_name = column_name,
    .column = column,
    .column_type = column_type,
    .column_origin = column_origin,
    .check = check,
    .script = script,
    .stream = stream,
    .copy_begin = copy_begin,
    .copy_put = copy_put,
    .copy_end = copy_end,
    .fault = fault,
    .message = message,
    .last_id = last_id,
    .figures = figures,
};

enum error postgres_driver_open(const struct db_config *config, struct diag *diag, struct db **out)
{
    struct postgres_db *db;
    TRY(postgres_db_open(config, &driver, diag, &db));
    *out = &db->base;
    return OK;
}
