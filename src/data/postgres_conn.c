/* SPDX-License-Identifier: Apache-2.0 */
/* One pipelined connection.
 *
 * Idea: what is sent between two synchronisation points is a batch: one system call, and on the server one transaction,
 * unless it is inside an explicit one. Answers come in the order of what was sent; `items` remembers that order.
 *
 * Reads are settled as their answers come. Writes that share a batch are committed together when its end is reached,
 * so they are settled then; when one of them fails the server has undone all, and each is returned to be sent alone.
 * What stands behind a failure in a batch was skipped by the server and is returned.
 *
 * Invariants
 *   (1) every item has one answer to come, and items are in the order of these
 *   (2) a write is settled as done only after the synchronisation point behind it was answered: it is committed
 *   (3) a write whose connection breaks after it was sent has an unknown outcome; a read is returned, to be sent again
 */
#include "data/postgres_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "rt/core.h"

enum { TRIES_MAX = 2, SLOW_US = 5000, QUICK_US = 1000 };

static void push(struct postgres_conn *conn, enum postgres_item_kind kind, struct postgres_request *request)
{
    CHECK(conn->count < POSTGRES_ITEMS, "a batch fits into the ring");
    if (conn->count == 0)
        conn->heard_us = core_now_us(conn->core); /* from now on it owes an answer */
    conn->items[(conn->first + conn->count++) % POSTGRES_ITEMS] = (struct postgres_item){kind, request};
}

static struct postgres_item pop(struct postgres_conn *conn)
{
    struct postgres_item item = conn->items[conn->first];
    conn->first = (conn->first + 1) % POSTGRES_ITEMS;
    conn->count--;
    return item;
}

static void on_ready(struct io *io, unsigned ready);

static enum error watch(struct postgres_conn *conn, unsigned level)
{
    if (conn->is_watched && conn->io.level == level)
        return OK;
    if (conn->is_watched)
        core_unwatch(conn->core, &conn->io);
    conn->io = (struct io){.fd = PQsocket(conn->pg), .level = level, .on_ready = on_ready};
    enum error error = core_watch(conn->core, &conn->io);
    conn->is_watched = error == OK;
    return error;
}

enum error postgres_conn_open(struct postgres_conn *conn, struct core *core, PGconn *pg)
{
    conn->pg = pg;
    conn->core = core;
    conn->open_end = &conn->open;
    postgres_value_init(&conn->arguments);
    if (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1)
        return ERROR_IO;
    return watch(conn, IO_READABLE);
}

void postgres_conn_close(struct postgres_conn *conn)
{
    if (conn->is_watched)
        core_unwatch(conn->core, &conn->io);
    conn->is_watched = false;
    PQfinish(conn->pg);
    conn->pg = NULL;
    postgres_value_fini(&conn->arguments);
}

/* ---- settling ---- */

static void settle(struct postgres_conn *conn, struct postgres_request *request, enum error error)
{
    request->state = POSTGRES_SETTLED;
    request->error = error;
    request->conn = NULL;
    conn->events->settled(conn, request);
}

static void give_back(struct postgres_conn *conn, struct postgres_request *request)
{
    PQclear(request->result);
    request->result = NULL;
    request->state = POSTGRES_QUEUED;
    request->conn = NULL;
    conn->events->returned(conn, request);
}

static struct postgres_request *take_open(struct postgres_conn *conn)
{
    struct postgres_request *first = conn->open;
    conn->open = NULL;
    conn->open_end = &conn->open;
    return first;
}

/* The batch has ended. */
static void settle_writes(struct postgres_conn *conn)
{
    struct postgres_request *request = take_open(conn), *next;
    bool has_failed = false, is_single = request && !request->next;
    for (const struct postgres_request *each = request; each; each = each->next)
        has_failed = has_failed || each->is_failed || each->is_skipped;
    if (request && !has_failed)
        __atomic_store_n(conn->commits, *conn->commits + 1, __ATOMIC_RELAXED);
    for (; request; request = next) {
        next = request->next;
        request->next = NULL;
        if (!has_failed || is_single) {
            settle(conn, request, request->is_failed ? request->error : OK);
        } else {
            request->is_alone = true;
            request->is_failed = request->is_skipped = false;
            give_back(conn, request);
        }
    }
}

static void lose(struct postgres_conn *conn, struct postgres_request *request)
{
    bool is_described = request->statement && request->statement->is_described;
    if (request->is_failed)
        settle(conn, request, request->error);
    else if ((request->kind == POSTGRES_WRITE || request->is_final) && is_described)
        settle(conn, request, ERROR_OUTCOME_UNKNOWN);
    else if (request->kind != POSTGRES_STEP && ++request->tries <= TRIES_MAX)
        give_back(conn, request);
    else
        settle(conn, request, ERROR_UNAVAILABLE);
}

static struct slice first_line(const char *reason)
{
    struct slice text = slice_from(reason);
    return slice_trim(slice_of(text.ptr, slice_index(text, '\n')));
}

void postgres_conn_break(struct postgres_conn *conn, const char *reason)
{
    if (conn->is_broken)
        return;
    conn->is_broken = true;
    if (conn->log)
        LOG_WARN(conn->log, "a connection to the database broke", LOG_STR("reason", first_line(reason)));
    struct postgres_request *open = take_open(conn), *next;
    for (; open; open = next) {
        next = open->next;
        open->next = NULL;
        lose(conn, open);
    }
    while (conn->count > 0) {
        struct postgres_item item = pop(conn);
        bool is_last = item.kind == POSTGRES_ITEM_QUERY || item.kind == POSTGRES_ITEM_DESCRIBE;
        if (item.request && is_last)
            lose(conn, item.request);
    }
    conn->events->broken(conn);
}

/* ---- answers ---- */

/* Whether others may be sent behind this statement: answers of a batch come one after the other. */
static void note_speed(struct postgres_conn *conn, struct postgres_request *request)
{
    int64_t now_us = core_now_us(conn->core);
    int64_t took_us = now_us - conn->heard_us;
    conn->heard_us = now_us;
    if (took_us > SLOW_US)
        request->statement->is_slow = true;
    else if (took_us < QUICK_US)
        request->statement->is_slow = false;
}

static void fail(struct postgres_conn *conn, struct postgres_request *request, const PGresult *result)
{
    request->is_failed = true;
    request->error = postgres_fault_read(result, conn->log, &request->fault);
}

static void answer_query(struct postgres_conn *conn, struct postgres_request *request, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    note_speed(conn, request);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        request->result = result;
        result = NULL;
    } else if (status == PGRES_PIPELINE_ABORTED) {
        request->is_skipped = !request->is_failed;
    } else {
        fail(conn, request, result);
    }
    PQclear(result);
    if (request->kind == POSTGRES_WRITE) {
        request->next = NULL;
        *conn->open_end = request;
        conn->open_end = &request->next;
    } else if (request->is_skipped && request->kind == POSTGRES_READ) {
        request->is_skipped = false;
        give_back(conn, request);
    } else {
        settle(conn, request, request->is_failed ? request->error : request->is_skipped ? ERROR_UNAVAILABLE : OK);
    }
}

static void answer_prepare(struct postgres_conn *conn, struct postgres_request *request, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        return;
    conn->prepared[request->statement->place] = 0;
    if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED)
        fail(conn, request, result);
}

static void answer_describe(struct postgres_conn *conn, struct postgres_request *request, const PGresult *result)
{
    enum error error = OK;
    if (request->is_failed)
        error = request->error;
    else if (PQresultStatus(result) == PGRES_COMMAND_OK)
        error = postgres_statement_describe(request->statement, result);
    else if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED)
        error = postgres_fault_read(result, conn->log, &request->fault);
    if (error == OK)
        give_back(conn, request);
    else
        settle(conn, request, error);
}

/* The end of the connection rather than of a statement: the server says so, or libpq itself, which knows no code. What
 * was sent may have been done. */
static bool is_end(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool has_code = PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL;
    if (PQresultStatus(result) == PGRES_FATAL_ERROR && !has_code)
        return true;
    return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* Takes one answer; `result` is freed or kept. */
static void answer(struct postgres_conn *conn, PGresult *result)
{
    if (is_end(result)) {
        char reason[POSTGRES_MESSAGE_BYTES];
        snprintf(reason, sizeof reason, "%s", PQresultErrorMessage(result));
        PQclear(result);
        postgres_conn_break(conn, reason);
        return;
    }
    struct postgres_item item = pop(conn);
    bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    CHECK(is_sync == (item.kind == POSTGRES_ITEM_SYNC), "answers come in the order of what was sent");
    switch (item.kind) {
    case POSTGRES_ITEM_SYNC: settle_writes(conn); break;
    case POSTGRES_ITEM_PREPARE: answer_prepare(conn, item.request, result); break;
    case POSTGRES_ITEM_DESCRIBE: answer_describe(conn, item.request, result); break;
    case POSTGRES_ITEM_QUERY: answer_query(conn, item.request, result); return;
    case POSTGRES_ITEM_CONTROL: break;
    }
    PQclear(result);
}

static void receive(struct postgres_conn *conn)
{
    bool has_ended = false; /* the rows of one statement: libpq says so with a NULL */
    while (!conn->is_broken && conn->count > 0 && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (result)
            answer(conn, result);
        else if (has_ended)
            break;
        has_ended = !result;
    }
}

static void on_ready(struct io *io, unsigned ready)
{
    struct postgres_conn *conn = CONTAINER_OF(io, struct postgres_conn, io);
    if (!PQconsumeInput(conn->pg)) {
        receive(conn); /* what came before the end */
        postgres_conn_break(conn, PQerrorMessage(conn->pg));
        return;
    }
    receive(conn);
    if (!conn->is_broken && conn->io.level != IO_READABLE && PQflush(conn->pg) == 0)
        (void)!watch(conn, IO_READABLE);
}

/* ---- sending ---- */

/* What cannot be sent breaks the connection: how much of it the server has is not known. */
static bool sent(struct postgres_conn *conn, int code)
{
    if (code == 1)
        return true;
    postgres_conn_break(conn, PQerrorMessage(conn->pg));
    return false;
}

void postgres_conn_control(struct postgres_conn *conn, const char *sql)
{
    push(conn, POSTGRES_ITEM_CONTROL, NULL);
    sent(conn, PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
}

/* Prepares the statement on this connection unless it is. */
static bool prepare(struct postgres_conn *conn, struct postgres_request *request, const char *name)
{
    const struct postgres_statement *statement = request->statement;
    uint32_t *edition = &conn->prepared[statement->place];
    if (*edition == statement->edition)
        return true;
    if (*edition != 0) {
        char sql[POSTGRES_STATEMENT_NAME + 16];
        snprintf(sql, sizeof sql, "DEALLOCATE %s", name);
        postgres_conn_control(conn, sql);
        if (conn->is_broken)
            return false;
    }
    *edition = statement->edition;
    push(conn, POSTGRES_ITEM_PREPARE, request);
    return sent(conn, PQsendPrepare(conn->pg, name, statement->text, 0, NULL));
}

static bool describe(struct postgres_conn *conn, struct postgres_request *request, const char *name)
{
    push(conn, POSTGRES_ITEM_DESCRIBE, request);
    return sent(conn, PQsendDescribePrepared(conn->pg, name));
}

static void execute(struct postgres_conn *conn, struct postgres_request *request, const char *name)
{
    const struct postgres_statement *statement = request->statement;
    enum error error = ERROR_INTERNAL;
    if (statement->parameter_count == request->argument_count)
        error =
            postgres_value_encode(&conn->arguments, statement->parameters, request->arguments, request->argument_count);
    if (error != OK) {
        settle(conn, request, error);
        return;
    }
    push(conn, POSTGRES_ITEM_QUERY, request);
    const struct postgres_arguments *arguments = &conn->arguments;
    sent(conn, PQsendQueryPrepared(conn->pg, name, (int)request->argument_count, arguments->values, arguments->lengths,
                                   arguments->formats, !statement->is_text));
}

void postgres_conn_add(struct postgres_conn *conn, struct postgres_request *request)
{
    char name[POSTGRES_STATEMENT_NAME];
    request->state = POSTGRES_SENT;
    request->conn = conn;
    request->is_failed = request->is_skipped = false;
    postgres_statement_name(request->statement, name);
    if (!prepare(conn, request, name)) {
        lose(conn, request);
        return;
    }
    if (request->statement->is_described)
        execute(conn, request, name);
    else
        describe(conn, request, name);
}

void postgres_conn_flush(struct postgres_conn *conn)
{
    if (conn->is_broken || postgres_conn_is_idle(conn))
        return;
    push(conn, POSTGRES_ITEM_SYNC, NULL);
    __atomic_store_n(conn->round_trips, *conn->round_trips + 1, __ATOMIC_RELAXED);
    if (!sent(conn, PQpipelineSync(conn->pg)))
        return;
    int left = PQflush(conn->pg);
    if (left < 0)
        postgres_conn_break(conn, PQerrorMessage(conn->pg));
    else if (left > 0 && watch(conn, IO_READABLE | IO_WRITABLE) != OK)
        postgres_conn_break(conn, "out of memory");
}
