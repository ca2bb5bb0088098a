/* SPDX-License-Identifier: Apache-2.0 */
/* Watching replicas.
 *
 * Idea: a position is a place in the primary's log. The primary is asked for its own again and again, and each answer
 * is remembered with its time. A replica that has replayed up to position p lacks what came behind p: its lag is the
 * age of the first remembered position beyond p. So an idle primary makes nobody late, and a replica that receives
 * nothing any more becomes late however content it looks by itself. While the primary is away no time is counted
 * against anybody.
 *
 * Questions are asked with a limit of ASK_MS: a server that hangs is not waited for. */
#include "data/postgres_replica.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { TICK_MS = 100, ASK_MS = 1000, SAMPLES = 1024, RETRY_TICKS = 10 };

struct sample {
    int64_t at_us;
    uint64_t position;
};

/* A connection of the thread's own. */
struct line {
    const struct postgres_target *target;
    PGconn *pg;
    unsigned pause; /* ticks before it is tried again */
};

struct postgres_watch {
    struct postgres_replica *replicas;
    size_t count;
    int64_t lag_us;
    struct line primary, *lines;    /* lines: by replica */
    struct sample samples[SAMPLES]; /* a ring, oldest first from `first` */
    size_t first, sample_count;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
};

static void hang_up(struct line *line)
{
    PQfinish(line->pg);
    line->pg = NULL;
    line->pause = RETRY_TICKS;
}

static bool connect_line(struct line *line)
{
    char reason[POSTGRES_REASON_BYTES];
    if (line->pg)
        return true;
    if (line->pause > 0) {
        line->pause--;
        return false;
    }
    line->pg = postgres_connect_now(line->target, reason);
    if (!line->pg)
        line->pause = RETRY_TICKS;
    return line->pg != NULL;
}

/* Waits until the answer can be read without blocking. */
static bool await_answer(PGconn *pg)
{
    int64_t end_us = clock_monotonic_us(clock_system()) + (int64_t)ASK_MS * 1000;
    while (PQisBusy(pg)) {
        int64_t left_us = end_us - clock_monotonic_us(clock_system());
        struct pollfd descriptor = {.fd = PQsocket(pg), .events = POLLIN};
        if (left_us <= 0 || poll(&descriptor, 1, (int)(left_us / 1000) + 1) < 0 || !PQconsumeInput(pg))
            return false;
    }
    return true;
}

/* One number; false, and the line is closed, when there is no answer. */
static bool ask(struct line *line, const char *sql, uint64_t *out)
{
    if (!connect_line(line))
        return false;
    bool is_answered = PQsendQuery(line->pg, sql) && await_answer(line->pg);
    PGresult *result = is_answered ? PQgetResult(line->pg) : NULL;
    bool is_number = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
    if (is_number)
        *out = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    while (is_answered && (result = PQgetResult(line->pg)))
        PQclear(result);
    if (!is_number)
        hang_up(line);
    return is_number;
}

static void remember(struct postgres_watch *watch, uint64_t position)
{
    size_t last = (watch->first + watch->sample_count + SAMPLES - 1) % SAMPLES;
    if (watch->sample_count > 0 && watch->samples[last].position == position)
        return;
    if (watch->sample_count == SAMPLES) {
        watch->first = (watch->first + 1) % SAMPLES;
        watch->sample_count--;
    }
    watch->samples[(watch->first + watch->sample_count++) % SAMPLES] =
        (struct sample){clock_monotonic_us(clock_system()), position};
}

static bool is_late(const struct postgres_watch *watch, uint64_t replayed)
{
    for (size_t i = 0; i < watch->sample_count; i++) {
        const struct sample *sample = &watch->samples[(watch->first + i) % SAMPLES];
        if (sample->position > replayed)
            return clock_monotonic_us(clock_system()) - sample->at_us > watch->lag_us;
    }
    return false;
}

static void look(struct postgres_watch *watch)
{
    uint64_t position;
    bool has_primary = ask(&watch->primary, "SELECT (pg_current_wal_lsn() - '0/0')::bigint", &position);
    if (has_primary)
        remember(watch, position);
    for (size_t i = 0; i < watch->count; i++) {
        struct postgres_replica *replica = &watch->replicas[i];
        bool is_there = ask(&watch->lines[i], "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint", &position);
        if (is_there)
            atomic_store(&replica->replayed, position);
        bool was_fresh = atomic_load(&replica->is_fresh);
        bool is_fresh = is_there && (has_primary ? !is_late(watch, position) : was_fresh);
        atomic_store(&replica->is_fresh, is_fresh);
    }
}

static bool pause_tick(struct postgres_watch *watch)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&watch->mutex);
    if (!watch->is_stopping)
        pthread_cond_timedwait(&watch->wake, &watch->mutex, &until);
    bool is_stopping = watch->is_stopping;
    pthread_mutex_unlock(&watch->mutex);
    return !is_stopping;
}

static void *watch_main(void *argument)
{
    struct postgres_watch *watch = argument;
    do
        look(watch);
    while (pause_tick(watch));
    return NULL;
}

static void watch_free(struct postgres_watch *watch)
{
    PQfinish(watch->primary.pg);
    for (size_t i = 0; watch->lines && i < watch->count; i++)
        PQfinish(watch->lines[i].pg);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->mutex);
    free(watch->lines);
    free(watch);
}

enum error postgres_replica_watch(const struct postgres_target *primary, struct postgres_replica *replicas,
                                  size_t count, int64_t lag_ms, struct postgres_watch **out)
{
    struct postgres_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return ERROR_MEMORY;
    watch->replicas = replicas;
    watch->count = count;
    watch->lag_us = lag_ms * 1000;
    watch->primary.target = primary;
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_cond_init(&watch->wake, NULL);
    watch->lines = calloc(count, sizeof *watch->lines);
    for (size_t i = 0; watch->lines && i < count; i++)
        watch->lines[i].target = &replicas[i].target;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = watch->lines && pthread_create(&watch->thread, NULL, watch_main, watch) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_started) {
        enum error error = watch->lines ? ERROR_LIMIT : ERROR_MEMORY;
        watch_free(watch);
        return error;
    }
    *out = watch;
    return OK;
}

void postgres_replica_unwatch(struct postgres_watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->mutex);
    watch->is_stopping = true;
    pthread_mutex_unlock(&watch->mutex);
    pthread_cond_signal(&watch->wake);
    pthread_join(watch->thread, NULL);
    watch_free(watch);
}
