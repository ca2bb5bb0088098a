/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting. libpq looks names up with calls that block, so all of it happens on a thread of its own, with libpq's
 * plain blocking calls; the core gets the finished connection as a message. */
#include "data/postgres_connect.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

struct postgres_connector {
    struct postgres_target target;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct postgres_wish *first, **end; /* under the mutex */
    bool is_stopping;
};

/* The first line, without the URL that libpq quotes when it cannot read it: a password may stand in there. */
static void say(char *reason, const char *message)
{
    struct slice line = slice_from(message);
    const char *quoted = strstr(message, ": \"postgres");
    line = slice_trim(slice_of(line.ptr, slice_index(line, '\n')));
    if (quoted && quoted < line.ptr + line.len)
        line.len = (size_t)(quoted - line.ptr);
    snprintf(reason, POSTGRES_REASON_BYTES, "%.*s", SLICE_ARG(line));
}

bool postgres_connect_can_read(const char *url, char reason[POSTGRES_REASON_BYTES])
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &message);
    if (options) {
        PQconninfoFree(options);
        return true;
    }
    say(reason, message ? message : "out of memory");
    PQfreemem(message);
    return false;
}

bool postgres_connect_may_pass(const char *reason)
{
    /* libpq tells no code of a connection that failed (libpq 15), only words; ours are never translated. */
    static const char *const passing[] = {
        "Connection refused",
        "No such file or directory",
        "timeout expired",
        "could not translate host name",
        "No route to host",
        "Network is unreachable",
        "Connection timed out",
        "Connection reset",
        "server closed",
        "starting up",
        "shutting down",
        "not yet accepting",
        "too many clients",
        "too many connections",
        "remaining connection slots",
    };
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (strstr(reason, passing[i]))
            return true;
    return false;
}

/* What every session is: UTC, ISO, every statement limited, nothing that a role's own settings could change. */
static bool set_up(PGconn *pg, const struct postgres_target *target, char *reason)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SET TIME ZONE 'UTC'; SET client_min_messages = warning; SET standard_conforming_strings = on; "
             "SET statement_timeout = %lld; SET idle_in_transaction_session_timeout = %lld; SET bytea_output = 'hex'",
             (long long)target->statement_ms, (long long)(target->statement_ms ? target->statement_ms * 2 : 0));
    PGresult *result = PQexec(pg, sql);
    bool is_ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!is_ok)
        say(reason, PQerrorMessage(pg));
    PQclear(result);
    const char *encoding = PQparameterStatus(pg, "server_encoding");
    if (is_ok && (PQserverVersion(pg) < 130000 || !encoding || strcmp(encoding, "UTF8") != 0)) {
        snprintf(reason, POSTGRES_REASON_BYTES,
                 PQserverVersion(pg) < 130000 ? "the server is older than PostgreSQL 13"
                                              : "the database's encoding is not UTF8");
        is_ok = false;
    }
    return is_ok;
}

PGconn *postgres_connect_now(const struct postgres_target *target, char reason[POSTGRES_REASON_BYTES])
{
    char seconds[24], user_timeout[24];
    int64_t whole = (target->connect_ms + 999) / 1000;
    snprintf(seconds, sizeof seconds, "%lld", (long long)(whole < 2 ? 2 : whole));
    snprintf(user_timeout, sizeof user_timeout, "%lld",
             (long long)(target->statement_ms ? target->statement_ms : 30000));
    /* What stands before the URL is a default; what stands behind it cannot be overridden. */
    const char *const keys[] = {"fallback_application_name",
                                "connect_timeout",
                                "tcp_user_timeout",
                                "keepalives_idle",
                                "dbname",
                                "client_encoding",
                                NULL};
    const char *const values[] = {target->name, seconds, user_timeout, "30", target->url, "UTF8", NULL};
    PGconn *pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(pg) != CONNECTION_OK)
        say(reason, pg ? PQerrorMessage(pg) : "out of memory");
    else if (set_up(pg, target, reason))
        return pg;
    PQfinish(pg);
    return NULL;
}

/* Waits for a wish; NULL when the thread is to end. */
static struct postgres_wish *next_wish(struct postgres_connector *connector)
{
    pthread_mutex_lock(&connector->mutex);
    while (!connector->first && !connector->is_stopping)
        pthread_cond_wait(&connector->wake, &connector->mutex);
    struct postgres_wish *wish = connector->is_stopping ? NULL : connector->first;
    if (wish && !(connector->first = wish->next))
        connector->end = &connector->first;
    pthread_mutex_unlock(&connector->mutex);
    return wish;
}

static void *connector_main(void *argument)
{
    struct postgres_connector *connector = argument;
    struct postgres_wish *wish;
    while ((wish = next_wish(connector))) {
        if (wish->cancel) {
            PQcancel(wish->cancel, wish->reason, sizeof wish->reason);
            PQfreeCancel(wish->cancel);
            wish->cancel = NULL;
        } else {
            wish->pg = postgres_connect_now(&connector->target, wish->reason);
        }
        core_post(wish->core, &wish->message);
    }
    return NULL;
}

enum error postgres_connect_create(const struct postgres_target *target, struct postgres_connector **out)
{
    struct postgres_connector *connector = calloc(1, sizeof *connector);
    if (!connector)
        return ERROR_MEMORY;
    connector->target = *target;
    connector->end = &connector->first;
    pthread_mutex_init(&connector->mutex, NULL);
    pthread_cond_init(&connector->wake, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&connector->thread, NULL, connector_main, connector);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        free(connector);
        return ERROR_LIMIT;
    }
    *out = connector;
    return OK;
}

void postgres_connect_destroy(struct postgres_connector *connector)
{
    if (!connector)
        return;
    pthread_mutex_lock(&connector->mutex);
    connector->is_stopping = true;
    pthread_mutex_unlock(&connector->mutex);
    pthread_cond_signal(&connector->wake);
    pthread_join(connector->thread, NULL);
    pthread_cond_destroy(&connector->wake);
    pthread_mutex_destroy(&connector->mutex);
    free(connector);
}

void postgres_connect_wish(struct postgres_connector *connector, struct postgres_wish *wish)
{
    wish->next = NULL;
    pthread_mutex_lock(&connector->mutex);
    *connector->end = wish;
    connector->end = &wish->next;
    pthread_mutex_unlock(&connector->mutex);
    pthread_cond_signal(&connector->wake);
}
