/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of threads for work that blocks or burns CPU.
 *
 * Idea: a job is a struct on the stack of the fiber that waits for it. It stands in one queue under one mutex; a thread
 * that has done it posts a message, which lies in the job too, to the fiber's core, and never touches it again.
 *
 *     waiting --a thread takes it--> begun --its message has run--> done
 *        |--deadline or cancellation--> taken out of the queue; it never runs
 *
 * Invariants
 *   (1) has_begun is touched under the mutex only, is_done on the fiber's core only
 *   (2) a fiber returns only when its job is done or out of the queue: no thread sees a dead stack frame
 *   (3) queued <= limit + the threads that are idle */
#include "rt/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rt/core.h"
#include "rt/fiber.h"

struct job {
    struct core_message message;
    struct job *next, *previous;
    struct fiber *fiber;
    struct core *core;
    void (*work)(void *argument);
    void *argument;
    bool has_begun; /* under the mutex */
    bool is_done;   /* on the fiber's core */
};

struct offload {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a job was queued, or the pool ends */
    struct job *first, *last;
    size_t queued, limit, busy;
    bool is_ending;
    int niceness;
    unsigned thread_count;
    pthread_t threads[];
};

static void append(struct offload *offload, struct job *job)
{
    job->next = NULL;
    job->previous = offload->last;
    if (offload->last)
        offload->last->next = job;
    else
        offload->first = job;
    offload->last = job;
    offload->queued++;
}

static void take_out(struct offload *offload, struct job *job)
{
    if (job->previous)
        job->previous->next = job->next;
    else
        offload->first = job->next;
    if (job->next)
        job->next->previous = job->previous;
    else
        offload->last = job->previous;
    offload->queued--;
}

static void finished(struct core *core, struct core_message *message)
{
    struct job *job = CONTAINER_OF(message, struct job, message);
    job->is_done = true;
    fiber_wake(job->fiber);
}

/* The next job, begun; NULL when the pool ends and none waits. With the mutex held. */
static struct job *next_job(struct offload *offload)
{
    while (!offload->first && !offload->is_ending)
        pthread_cond_wait(&offload->changed, &offload->mutex);
    struct job *job = offload->first;
    if (!job)
        return NULL;
    take_out(offload, job);
    job->has_begun = true;
    return job;
}

/* On Linux a thread has a niceness of its own. Where a sandbox refuses it, the work is done all the same. */
static void be_nice(int niceness)
{
    if (niceness > 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), niceness);
}

static void *thread_main(void *argument)
{
    struct offload *offload = argument;
    be_nice(offload->niceness);
    pthread_mutex_lock(&offload->mutex);
    for (struct job *job; (job = next_job(offload));) {
        offload->busy++;
        pthread_mutex_unlock(&offload->mutex);
        job->work(job->argument);
        core_post(job->core, &job->message);
        pthread_mutex_lock(&offload->mutex);
        offload->busy--;
    }
    pthread_mutex_unlock(&offload->mutex);
    return NULL;
}

/* Starts the threads with all signals blocked: those are for the thread that waits for them. */
static enum error start_threads(struct offload *offload, unsigned threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (offload->thread_count < threads &&
           pthread_create(&offload->threads[offload->thread_count], NULL, thread_main, offload) == 0)
        offload->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return offload->thread_count == threads ? OK : ERROR_LIMIT;
}

enum error offload_create(unsigned threads, size_t queue_limit, int niceness, struct offload **out)
{
    struct offload *offload = calloc(1, sizeof *offload + threads * sizeof(pthread_t));
    if (!offload)
        return ERROR_MEMORY;
    offload->limit = queue_limit;
    offload->niceness = niceness;
    pthread_mutex_init(&offload->mutex, NULL);
    pthread_cond_init(&offload->changed, NULL);
    enum error error = start_threads(offload, threads);
    if (error != OK) {
        offload_destroy(offload);
        return error;
    }
    *out = offload;
    return OK;
}

void offload_destroy(struct offload *offload)
{
    if (!offload)
        return;
    pthread_mutex_lock(&offload->mutex);
    offload->is_ending = true;
    pthread_cond_broadcast(&offload->changed);
    pthread_mutex_unlock(&offload->mutex);
    for (unsigned i = 0; i < offload->thread_count; i++)
        pthread_join(offload->threads[i], NULL);
    pthread_cond_destroy(&offload->changed);
    pthread_mutex_destroy(&offload->mutex);
    free(offload);
}

static bool enqueue(struct offload *offload, struct job *job)
{
    pthread_mutex_lock(&offload->mutex);
    size_t idle = offload->thread_count - offload->busy; /* they have not woken up yet, but will take one each */
    bool has_room = offload->queued < offload->limit + idle;
    if (has_room) {
        append(offload, job);
        pthread_cond_signal(&offload->changed);
    }
    pthread_mutex_unlock(&offload->mutex);
    return has_room;
}

/* Takes a job out of the queue unless it has begun. */
static bool give_up(struct offload *offload, struct job *job)
{
    pthread_mutex_lock(&offload->mutex);
    bool is_waiting = !job->has_begun;
    if (is_waiting)
        take_out(offload, job);
    pthread_mutex_unlock(&offload->mutex);
    return is_waiting;
}

enum error offload_run(struct offload *offload, struct fiber *self, struct deadline deadline,
                       void (*work)(void *argument), void *argument)
{
    struct core *core = fiber_core(self);
    if (fiber_is_cancelled(self))
        return ERROR_CANCELLED;
    if (deadline_passed(deadline, core_now_us(core)))
        return ERROR_TIMEOUT;
    struct job job = {.message.run = finished, .fiber = self, .core = core, .work = work, .argument = argument};
    if (!enqueue(offload, &job))
        return ERROR_UNAVAILABLE;
    enum error error = OK;
    while (!job.is_done && error == OK)
        error = fiber_park(self, deadline);
    if (!job.is_done && give_up(offload, &job))
        return error;
    while (!job.is_done)
        fiber_park_shielded(self);
    return OK;
}

struct offload_figures offload_figures(struct offload *offload)
{
    pthread_mutex_lock(&offload->mutex);
    struct offload_figures figures = {offload->thread_count, offload->busy, offload->queued};
    pthread_mutex_unlock(&offload->mutex);
    return figures;
}
