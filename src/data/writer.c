/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: every transaction of the process, one after the other, many to a commit.
 *
 * Idea: SQLite has one writer and a durable commit costs an fsync, so transactions that arrive together share one. A
 * core gathers those of a loop turn and hands them over at its end, with one lock and at most one wake-up. The writer
 * takes what there is, runs each body in a savepoint of its own, commits once, and posts the outcomes back, one chain
 * per core.
 *
 *   job:  QUEUED --writer--> RUNNING --> done          the fiber waits for the outcome
 *           \----fiber----> ABANDONED --> recycled     the deadline passed, or the caller went away, while it waited
 *
 * Invariants
 *   (1) no outcome is posted before the commit that covers it has returned
 *   (2) a body that fails is rolled back to its savepoint; those before and behind it are not touched
 *   (3) when SQLite itself has ended the transaction (no room, no memory, an I/O error), every body that ran in it
 *       fails
 *   (4) a job leaves QUEUED once, by one compare-and-swap; what RUNNING touches is the fiber's memory, and the fiber
 *       waits */
#include "data/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/log.h"
#include "data/checkpointer.h"
#include "data/sqlite.h"
#include "data/sqlite_conn.h"
#include "rt/core.h"
#include "rt/fiber.h"

enum { BATCH_US = 5000, PROBE_S = 1, PROGRESS_STEPS = 4000 };
enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_ABANDONED };

struct outbox;

struct job {
    struct core_message message; /* the way back */
    struct job *next;
    struct job *made_before; /* by the same outbox */
    db_tx_body *body;
    void *argument;
    enum error error;
    _Atomic int state;
    _Atomic int unwanted; /* while it runs: the error that its fiber has stopped waiting with; OK: it waits */
    /* A fiber's job belongs to the outbox of its core, a thread's job to the thread. */
    struct outbox *outbox;
    struct fiber *fiber;
    bool is_done;
    pthread_cond_t *done;
};

struct job_list {
    struct job *first, *last;
    size_t count;
};

/* What one core has gathered in this turn. */
struct outbox {
    struct core_hook hook;
    struct core *core;
    struct writer *writer;
    struct job_list jobs;
    struct job *spare;
    struct job *made; /* all of them, wherever they are: a core that stops never sees some of them again */
};

struct writer {
    struct sqlite_conn conn;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job_list queue; /* under the mutex */
    bool is_asleep, is_stopping;
    unsigned queue_limit, batch_limit;
    struct outbox *outboxes;
    unsigned core_count;
    struct checkpointer *checkpointer;
    struct log *log;
    atomic_size_t queued;
    atomic_ullong commits, transactions, rollbacks, last_commit_us;
    _Atomic int health;
};

static void list_append(struct job_list *list, struct job *first, struct job *last, size_t count)
{
    last->next = NULL;
    if (list->last)
        list->last->next = first;
    else
        list->first = first;
    list->last = last;
    list->count += count;
}

static struct job *list_take(struct job_list *list)
{
    struct job *job = list->first;
    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    return job;
}

/* The queue. */

static void submit(struct writer *writer, struct job_list *jobs)
{
    pthread_mutex_lock(&writer->mutex);
    list_append(&writer->queue, jobs->first, jobs->last, jobs->count);
    bool is_asleep = writer->is_asleep;
    writer->is_asleep = false;
    pthread_mutex_unlock(&writer->mutex);
    if (is_asleep)
        pthread_cond_signal(&writer->wake);
    *jobs = (struct job_list){0};
}

static void end_turn(struct core *core, struct core_hook *hook)
{
    struct outbox *outbox = CONTAINER_OF(hook, struct outbox, hook);
    if (outbox->jobs.count > 0)
        submit(outbox->writer, &outbox->jobs);
}

/* Waits for work; false when storage is in trouble and it is time to see whether it still is. */
static bool wait_for_work(struct writer *writer)
{
    struct timespec until;
    writer->is_asleep = true;
    if (atomic_load(&writer->health) == OK) {
        pthread_cond_wait(&writer->wake, &writer->mutex);
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PROBE_S;
    return pthread_cond_timedwait(&writer->wake, &writer->mutex, &until) != ETIMEDOUT;
}

/* Waits for work and takes as much as one commit may cover; false when the writer is to end and nothing is left. While
 * storage is in trouble the batch may be empty: it is to be probed. */
static bool next_batch(struct writer *writer, struct job_list *batch)
{
    *batch = (struct job_list){0};
    pthread_mutex_lock(&writer->mutex);
    bool is_awaited = true;
    while (is_awaited && writer->queue.count == 0 && !writer->is_stopping)
        is_awaited = wait_for_work(writer);
    writer->is_asleep = false;
    while (batch->count < writer->batch_limit && writer->queue.count > 0) {
        struct job *job = list_take(&writer->queue);
        list_append(batch, job, job, 1);
    }
    pthread_mutex_unlock(&writer->mutex);
    return batch->count > 0 || !is_awaited;
}

/* The way back. */

static void recycle(struct job *job)
{
    job->next = job->outbox->spare;
    job->outbox->spare = job;
}

static void deliver(struct core *core, struct core_message *message)
{
    struct job *job = CONTAINER_OF(message, struct job, message);
    if (atomic_load_explicit(&job->state, memory_order_relaxed) == JOB_ABANDONED) {
        recycle(job);
        return;
    }
    job->is_done = true;
    fiber_wake(job->fiber);
}

/* Posts the outcomes of one core as one chain; takes its jobs out of the batch. */
static void post_core(struct job_list *batch, struct outbox *outbox)
{
    struct core_message *first = NULL, *last = NULL;
    for (struct job **link = &batch->first; *link;) {
        struct job *job = *link;
        if (job->outbox != outbox) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        job->message.next = NULL;
        if (last)
            last->next = &job->message;
        else
            first = &job->message;
        last = &job->message;
    }
    if (first)
        core_post_chain(outbox->core, first, last);
}

static void post_threads(struct writer *writer, struct job_list *batch)
{
    pthread_mutex_lock(&writer->mutex);
    for (struct job *job = batch->first, *next; job; job = next) {
        next = job->next;
        job->is_done = true;
        pthread_cond_signal(job->done);
    }
    pthread_mutex_unlock(&writer->mutex);
}

static void post(struct writer *writer, struct job_list *batch)
{
    for (unsigned i = 0; i < writer->core_count && batch->first; i++)
        post_core(batch, &writer->outboxes[i]);
    if (batch->first)
        post_threads(writer, batch);
}

/* One commit. */

static bool start(struct job *job)
{
    int expected = JOB_QUEUED;
    return atomic_compare_exchange_strong(&job->state, &expected, JOB_RUNNING);
}

/* Runs one body in its savepoint. Its error stays its own, unless the transaction itself is gone. */
static enum error run_body(struct writer *writer, struct job *job)
{
    struct sqlite *sqlite = writer->conn.sqlite;
    TRY(sqlite_run(sqlite, SQLITE_BEGIN_JOB));
    sqlite->refuses_transactions = true;
    sqlite->interrupt = OK;
    writer->conn.unwanted = &job->unwanted;
    job->error = job->body(&writer->conn.base, job->argument);
    writer->conn.unwanted = NULL;
    sqlite->refuses_transactions = false;
    sqlite_close_all_rows(sqlite);
    if (sqlite_is_idle(sqlite))
        return job->error != OK ? job->error : ERROR_IO;
    if (job->error != OK) {
        atomic_fetch_add(&writer->rollbacks, 1);
        TRY(sqlite_run(sqlite, SQLITE_ROLLBACK_JOB));
    }
    return sqlite_run(sqlite, SQLITE_END_JOB);
}

static enum error run_bodies(struct writer *writer, struct job *first, struct job **end)
{
    int64_t began_us = clock_monotonic_us(clock_system());
    struct job *job = first;
    enum error error = OK;
    for (; job && error == OK; job = job->next) {
        if (job != first && clock_monotonic_us(clock_system()) - began_us > BATCH_US)
            break;
        if (start(job))
            error = run_body(writer, job);
    }
    *end = job;
    return error;
}

static enum error commit(struct writer *writer)
{
    int64_t began_us = clock_monotonic_us(clock_system());
    enum error error = sqlite_run(writer->conn.sqlite, SQLITE_COMMIT_ALL);
    atomic_store(&writer->last_commit_us, (unsigned long long)(clock_monotonic_us(clock_system()) - began_us));
    if (error == OK)
        atomic_fetch_add(&writer->commits, 1);
    return error;
}

static void fail_all(struct job *first, const struct job *end, enum error error)
{
    for (struct job *job = first; job != end; job = job->next)
        if (job->error == OK)
            job->error = error;
}

static bool is_storage_fault(enum error error)
{
    return error == ERROR_INSUFFICIENT_STORAGE || error == ERROR_IO;
}

/* Storage that fails one job is in trouble, whatever becomes of the others; only a change that was stored says that it
 * is well again. */
static void note_health(struct writer *writer, const struct job *first, const struct job *end,
                        sqlite3_int64 changes_before)
{
    bool is_stored = sqlite3_total_changes64(writer->conn.sqlite->handle) != changes_before;
    for (const struct job *job = first; job != end; job = job->next) {
        if (is_storage_fault(job->error)) {
            atomic_store(&writer->health, (int)job->error);
            return;
        }
        is_stored = is_stored && job->error != ERROR_MEMORY;
    }
    if (is_stored)
        atomic_store(&writer->health, OK);
}

/* Runs jobs from `first` on in one transaction, and returns the first one that is not in it. */
static struct job *run_transaction(struct writer *writer, struct job *first)
{
    struct sqlite *sqlite = writer->conn.sqlite;
    struct job *end = NULL;
    sqlite3_int64 changes_before = sqlite3_total_changes64(sqlite->handle);
    enum error error = sqlite_run(sqlite, SQLITE_BEGIN_WRITE);
    if (error == OK)
        error = run_bodies(writer, first, &end);
    if (error == OK)
        error = commit(writer);
    if (error != OK) {
        if (!sqlite_is_idle(sqlite) && sqlite_run(sqlite, SQLITE_ROLLBACK_ALL) != OK)
            CHECK(sqlite_is_idle(sqlite), "a failed transaction can always be rolled back");
        fail_all(first, end, error);
    }
    note_health(writer, first, end, changes_before);
    return end;
}

static void run_batch(struct writer *writer, struct job_list *batch)
{
    size_t count = batch->count;
    checkpointer_pause(writer->checkpointer, writer->conn.sqlite);
    for (struct job *job = batch->first; job;)
        job = run_transaction(writer, job);
    atomic_fetch_add(&writer->transactions, count);
    atomic_fetch_sub(&writer->queued, count);
    post(writer, batch);
}

/* Writes one page that says what it said before: readiness is not to wait for a client to write. */
static void probe(struct writer *writer)
{
    sqlite3 *handle = writer->conn.sqlite->handle;
    sqlite3_stmt *statement = NULL;
    char write[48] = "";
    if (sqlite3_prepare_v2(handle, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        snprintf(write, sizeof write, "PRAGMA user_version=%d", sqlite3_column_int(statement, 0));
    sqlite3_finalize(statement);
    if (write[0] && sqlite3_exec(handle, write, NULL, NULL, NULL) == SQLITE_OK)
        atomic_store(&writer->health, OK);
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct job_list batch;
    while (next_batch(writer, &batch)) {
        if (batch.count > 0)
            run_batch(writer, &batch);
        else
            probe(writer);
    }
    return NULL;
}

/* Cuts the statement of a body that nobody waits for any more. */
static int on_progress(void *argument)
{
    struct writer *writer = argument;
    if (writer->conn.unwanted)
        writer->conn.sqlite->interrupt = (enum error)atomic_load_explicit(writer->conn.unwanted, memory_order_relaxed);
    return writer->conn.unwanted && writer->conn.sqlite->interrupt != OK;
}

static int on_wal(void *argument, sqlite3 *handle, const char *name, int pages)
{
    struct writer *writer = argument;
    checkpointer_tell(writer->checkpointer, (unsigned)pages);
    return SQLITE_OK;
}

/* The callers' side. */

static enum error reserve(struct writer *writer)
{
    if (atomic_fetch_add(&writer->queued, 1) < writer->queue_limit)
        return OK;
    atomic_fetch_sub(&writer->queued, 1);
    return ERROR_UNAVAILABLE;
}

static struct job *job_create(struct outbox *outbox)
{
    struct job *job = outbox->spare;
    if (job) {
        outbox->spare = job->next;
    } else if ((job = calloc(1, sizeof *job))) {
        job->made_before = outbox->made;
        outbox->made = job;
    }
    return job;
}

/* Waits for the outcome. When waiting ends early, a job that the writer has not begun is given up, and one that runs
 * fails at its next statement, or in the middle of it; one that only lacks the commit is committed. */
static enum error await(struct job *job, struct fiber *self, struct deadline deadline)
{
    while (!job->is_done) {
        enum error error = fiber_park(self, deadline);
        int expected = JOB_QUEUED;
        if (error == OK || job->is_done)
            continue;
        if (atomic_compare_exchange_strong(&job->state, &expected, JOB_ABANDONED))
            return error;
        atomic_store_explicit(&job->unwanted, (int)error, memory_order_relaxed);
        while (!job->is_done)
            fiber_park_shielded(self);
    }
    enum error outcome = job->error;
    recycle(job);
    return outcome;
}

enum error writer_run(struct writer *writer, struct fiber *self, struct deadline deadline, db_tx_body *body,
                      void *argument)
{
    struct outbox *outbox = &writer->outboxes[core_index(fiber_core(self))];
    if (fiber_is_cancelled(self))
        return ERROR_CANCELLED;
    TRY(reserve(writer));
    struct job *job = job_create(outbox);
    if (!job) {
        atomic_fetch_sub(&writer->queued, 1);
        return ERROR_MEMORY;
    }
    *job = (struct job){.message = {.run = deliver},
                        .made_before = job->made_before,
                        .body = body,
                        .argument = argument,
                        .outbox = outbox,
                        .fiber = self};
    list_append(&outbox->jobs, job, job, 1);
    return await(job, self, deadline);
}

enum error writer_run_blocking(struct writer *writer, db_tx_body *body, void *argument)
{
    TRY(reserve(writer));
    pthread_cond_t done = PTHREAD_COND_INITIALIZER;
    struct job job = {.body = body, .argument = argument, .done = &done};
    struct job_list jobs = {&job, &job, 1};
    submit(writer, &jobs);
    pthread_mutex_lock(&writer->mutex);
    while (!job.is_done)
        pthread_cond_wait(&done, &writer->mutex);
    pthread_mutex_unlock(&writer->mutex);
    return job.error;
}

static void init_outbox(struct writer *writer, struct outbox *outbox, struct core *core)
{
    *outbox = (struct outbox){.hook = {.run = end_turn}, .core = core, .writer = writer};
    core_add_hook(core, &outbox->hook);
}

enum error writer_create(const struct writer_config *config, struct diag *diag, struct writer **out)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return ERROR_MEMORY;
    writer->conn.base.driver = config->driver;
    writer->queue_limit = config->queue_limit;
    writer->batch_limit = config->batch_limit;
    writer->core_count = config->core_count;
    writer->checkpointer = config->checkpointer;
    writer->log = config->log;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->wake, NULL);
    writer->outboxes = calloc(config->core_count + 1, sizeof *writer->outboxes);
    enum error error = writer->outboxes ? sqlite_open(config->path, SQLITE_WRITER, config->statement_cache, config->log,
                                                      diag, &writer->conn.sqlite)
                                        : ERROR_MEMORY;
    if (error == OK && pthread_create(&writer->thread, NULL, writer_main, writer) != 0)
        error = ERROR_LIMIT;
    if (error != OK) {
        sqlite_close(writer->conn.sqlite);
        free(writer->outboxes);
        free(writer);
        return error;
    }
    sqlite3_wal_hook(writer->conn.sqlite->handle, on_wal, writer);
    sqlite3_progress_handler(writer->conn.sqlite->handle, PROGRESS_STEPS, on_progress, writer);
    for (unsigned i = 0; i < config->core_count; i++)
        init_outbox(writer, &writer->outboxes[i], config->cores[i]);
    *out = writer;
    return OK;
}

static void free_jobs(struct job *job)
{
    while (job) {
        struct job *before = job->made_before;
        free(job);
        job = before;
    }
}

void writer_destroy(struct writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->is_stopping = true;
    pthread_mutex_unlock(&writer->mutex);
    pthread_cond_signal(&writer->wake);
    pthread_join(writer->thread, NULL);
    sqlite_close(writer->conn.sqlite);
    for (unsigned i = 0; i < writer->core_count; i++)
        free_jobs(writer->outboxes[i].made);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->outboxes);
    free(writer);
}

void writer_figures(const struct writer *writer, struct db_figures *out)
{
    out->writer_queue = atomic_load(&writer->queued);
    out->commits = atomic_load(&writer->commits);
    out->transactions = atomic_load(&writer->transactions);
    out->rollbacks = atomic_load(&writer->rollbacks);
    out->last_commit_us = atomic_load(&writer->last_commit_us);
    out->state = (enum error)atomic_load(&writer->health);
}
