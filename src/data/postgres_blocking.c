/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL with calls that block. A connection that broke is made anew by the next transaction. */
#include "data/postgres_blocking.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bulk.h"
#include "data/postgres_conn.h"
#include "data/postgres_copy.h"
#include "data/postgres_value.h"

/* "tenon" as a number: what all nodes agree upon. */
#define LOCK_SQL "SELECT pg_advisory_xact_lock(500068215662)"

struct postgres_blocking {
    struct postgres_target target;
    pthread_mutex_t mutex; /* held by whoever has a transaction */
    PGconn *pg;
};

/* A copy with a NUL behind it, as libpq takes texts; malloc'ed, NULL without memory. */
static char *terminated(struct slice text)
{
    char *copy = malloc(text.len + 1);
    if (!copy)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

enum error postgres_blocking_create(const struct postgres_target *target, struct postgres_blocking **out)
{
    struct postgres_blocking *blocking = calloc(1, sizeof *blocking);
    if (!blocking)
        return ERROR_MEMORY;
    blocking->target = *target;
    blocking->target.statement_ms = 0; /* an index may take its time */
    pthread_mutex_init(&blocking->mutex, NULL);
    *out = blocking;
    return OK;
}

void postgres_blocking_destroy(struct postgres_blocking *blocking)
{
    if (!blocking)
        return;
    PQfinish(blocking->pg);
    pthread_mutex_destroy(&blocking->mutex);
    free(blocking);
}

enum error postgres_blocking_connect(struct postgres_blocking *blocking, char reason[POSTGRES_REASON_BYTES])
{
    if (PQstatus(blocking->pg) == CONNECTION_OK)
        return OK;
    PQfinish(blocking->pg);
    blocking->pg = postgres_connect_now(&blocking->target, reason);
    return blocking->pg ? OK : ERROR_UNAVAILABLE;
}

/* Takes over a result: OK, or its failure. */
static enum error judge(struct postgres_lease *lease, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    enum error error = OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        error = postgres_fault_read(result, NULL, &lease->fault);
    PQclear(result);
    return error;
}

static enum error begin(struct postgres_lease *lease)
{
    TRY(judge(lease, PQexec(lease->pg, "BEGIN")));
    return judge(lease, PQexec(lease->pg, LOCK_SQL));
}

enum error postgres_blocking_begin(struct postgres_blocking *blocking, struct postgres_lease *lease)
{
    char reason[POSTGRES_REASON_BYTES];
    pthread_mutex_lock(&blocking->mutex);
    enum error error = ERROR_UNAVAILABLE;
    for (int tries = 0; tries < 2 && error == ERROR_UNAVAILABLE; tries++) {
        error = postgres_blocking_connect(blocking, reason);
        lease->pg = blocking->pg;
        if (error == OK)
            error = begin(lease);
    }
    if (error != OK)
        pthread_mutex_unlock(&blocking->mutex);
    return error;
}

enum error postgres_blocking_end(struct postgres_blocking *blocking, struct postgres_lease *lease, enum error outcome)
{
    PGresult *result = PQexec(lease->pg, outcome == OK ? "COMMIT" : "ROLLBACK");
    const char *status = PQcmdStatus(result); /* NULL when there is no result, for want of a connection */
    bool was_undone = status && strcmp(status, "ROLLBACK") == 0;
    if (outcome == OK && was_undone)
        outcome = ERROR_INTERNAL;
    if (outcome == OK && PQstatus(lease->pg) != CONNECTION_OK)
        outcome = ERROR_OUTCOME_UNKNOWN;
    else if (outcome == OK)
        outcome = judge(lease, result), result = NULL;
    PQclear(result);
    pthread_mutex_unlock(&blocking->mutex);
    return outcome;
}

enum error postgres_blocking_query(struct postgres_lease *lease, const struct db_driver *driver, struct slice sql,
                                   const struct value *arguments, size_t count, struct postgres_request **out)
{
    struct postgres_arguments encoded;
    char *text = terminated(sql);
    struct postgres_request *request = calloc(1, sizeof *request);
    postgres_value_init(&encoded);
    enum error error = text && request ? postgres_value_encode(&encoded, NULL, arguments, count) : ERROR_MEMORY;
    if (error == OK) {
        *request =
            (struct postgres_request){.base.driver = driver, .lease = lease, .state = POSTGRES_SETTLED, .row = -1};
        request->result =
            PQexecParams(lease->pg, text, (int)count, NULL, encoded.values, encoded.lengths, encoded.formats, 1);
        ExecStatusType status = PQresultStatus(request->result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            error = postgres_fault_read(request->result, NULL, &lease->fault);
    }
    postgres_value_fini(&encoded);
    free(text);
    if (error == OK)
        *out = request;
    else if (request)
        postgres_blocking_drop(request);
    return error;
}

enum error postgres_blocking_stream(struct postgres_lease *lease, const struct db_driver *driver, struct slice sql,
                                    struct postgres_request **out)
{
    char *text = terminated(sql);
    struct postgres_request *request = calloc(1, sizeof *request);
    enum error error = text && request ? OK : ERROR_MEMORY;
    if (error == OK) {
        *request = (struct postgres_request){
            .base.driver = driver, .lease = lease, .state = POSTGRES_SETTLED, .row = -1, .is_stream = true};
        bool is_sent = PQsendQueryParams(lease->pg, text, 0, NULL, NULL, NULL, NULL, 1) == 1;
        error = is_sent && PQsetSingleRowMode(lease->pg) == 1 ? OK : ERROR_UNAVAILABLE;
    }
    free(text);
    if (error == OK)
        *out = request;
    else
        free(request);
    return error;
}

enum error postgres_blocking_next(struct postgres_request *request, bool *has_row)
{
    struct postgres_lease *lease = request->lease;
    PQclear(request->result);
    request->result = PQgetResult(lease->pg);
    request->row = 0;
    *has_row = PQresultStatus(request->result) == PGRES_SINGLE_TUPLE;
    if (*has_row || PQresultStatus(request->result) == PGRES_TUPLES_OK)
        return OK;
    return postgres_fault_read(request->result, NULL, &lease->fault);
}

/* Ends a statement whose rows were not all taken: the server is told, and what it has sent is thrown away. */
static void drain(struct postgres_request *request)
{
    PGconn *pg = request->lease->pg;
    char reason[POSTGRES_REASON_BYTES];
    PGcancel *cancel = PQresultStatus(request->result) == PGRES_TUPLES_OK ? NULL : PQgetCancel(pg);
    if (cancel)
        (void)PQcancel(cancel, reason, sizeof reason);
    PQfreeCancel(cancel);
    for (PGresult *result; (result = PQgetResult(pg));)
        PQclear(result);
}

void postgres_blocking_drop(struct postgres_request *request)
{
    if (request->is_stream)
        drain(request);
    PQclear(request->result);
    free(request->room);
    free(request);
}

enum error postgres_blocking_check(struct postgres_lease *lease, struct slice sql, size_t *parameters)
{
    char *text = lease->pg ? terminated(sql) : NULL;
    if (!text)
        return lease->pg ? ERROR_MEMORY : ERROR_INTERNAL;
    enum error error = judge(lease, PQprepare(lease->pg, "", text, 0, NULL));
    free(text);
    if (error != OK)
        return error == ERROR_UNAVAILABLE ? error : ERROR_VALIDATION;
    PGresult *result = PQdescribePrepared(lease->pg, "");
    *parameters = (size_t)PQnparams(result);
    return judge(lease, result);
}

enum error postgres_blocking_script(struct postgres_lease *lease, struct slice sql)
{
    char *text = lease->pg ? terminated(sql) : NULL;
    if (!text)
        return lease->pg ? ERROR_MEMORY : ERROR_INTERNAL;
    enum error error = judge(lease, PQexec(lease->pg, text));
    free(text);
    return error;
}

enum error postgres_blocking_copy_begin(struct postgres_lease *lease, struct slice sql)
{
    char *text = terminated(sql);
    PGresult *result = text ? PQexec(lease->pg, text) : NULL;
    free(text);
    if (PQresultStatus(result) != PGRES_COPY_IN)
        return text ? judge(lease, result) : ERROR_MEMORY;
    PQclear(result);
    return OK;
}

enum error postgres_blocking_copy_put(struct postgres_lease *lease, struct slice bytes)
{
    return PQputCopyData(lease->pg, bytes.ptr, (int)bytes.len) == 1 ? OK : ERROR_UNAVAILABLE;
}

static void describe(const PGresult *result, const struct postgres_lease *lease, struct bulk_fault *fault)
{
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    struct postgres_copy_place place = postgres_copy_parse_context(slice_from(context ? context : ""));
    fault->row = place.row;
    snprintf(fault->column, sizeof fault->column, "%.*s", SLICE_ARG(place.column));
    snprintf(fault->message, sizeof fault->message, "%s", lease->fault.message);
}

enum error postgres_blocking_copy_end(struct postgres_lease *lease, enum error outcome, struct bulk_fault *fault)
{
    bool is_sent = PQputCopyEnd(lease->pg, outcome == OK ? NULL : "given up") == 1;
    if (!is_sent && outcome == OK)
        outcome = ERROR_UNAVAILABLE;
    for (PGresult *result; (result = PQgetResult(lease->pg));) {
        if (outcome == OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
            outcome = postgres_fault_read(result, NULL, &lease->fault);
            describe(result, lease, fault);
        }
        PQclear(result);
    }
    return outcome;
}
