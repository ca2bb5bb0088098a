/* SPDX-License-Identifier: Apache-2.0 */
/* pthread_create() and what threads wait with, on coroutines. A thread that is signalled becomes runnable after a
 * delay that the seed decides; that is all the scheduling there is. */
#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

#include "world.h"

enum { THREADS_MAX = 16, STACK_BYTES = 1024 * 1024, DELAY_US = 300, EPOCH_S = 1800000000 };

struct thread {
    ucontext_t context;
    char *stack;
    void *(*start)(void *argument);
    void *argument;
    pthread_cond_t *waits_for; /* NULL: runnable */
    int64_t due_us;            /* when it goes on; of a waiter: its timeout */
    bool is_used, is_over, is_timed_out;
};

static struct thread threads[THREADS_MAX];
static struct thread *running;
static ucontext_t loop;

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_join(pthread_t thread, void **out);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);

static int64_t soon_us(void)
{
    return world_now_us() + (int64_t)world_random(DELAY_US);
}

static void enter(void)
{
    running->start(running->argument);
    running->is_over = true;
    swapcontext(&running->context, &loop);
}

static void prepare(struct thread *thread)
{
    thread->stack = world_resize(NULL, STACK_BYTES);
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&thread->context, enter, 0);
}

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (threads[i].is_used)
            continue;
        threads[i] = (struct thread){.start = start, .argument = argument, .is_used = true, .due_us = soon_us()};
        prepare(&threads[i]);
        *out = (pthread_t)(i + 1);
        return 0;
    }
    return EAGAIN;
}

static struct thread *next_thread(void)
{
    struct thread *next = NULL;
    for (size_t i = 0; i < THREADS_MAX; i++)
        if (threads[i].is_used && !threads[i].is_over && (!next || threads[i].due_us < next->due_us))
            next = &threads[i];
    return next;
}

int64_t threads_next_us(void)
{
    const struct thread *next = next_thread();
    return next ? next->due_us : INT64_MAX;
}

void threads_run_one(void)
{
    struct thread *thread = next_thread();
    if (!thread || thread->due_us == INT64_MAX)
        world_fail("the main thread waits for threads that wait");
    if (thread->due_us > world_now_us())
        world_pass_us(thread->due_us - world_now_us());
    thread->is_timed_out = thread->waits_for != NULL;
    thread->waits_for = NULL;
    world_note("thread", (uint64_t)(thread - threads), NULL, 0);
    running = thread;
    swapcontext(&loop, &thread->context);
    running = NULL;
}

int __wrap_pthread_join(pthread_t id, void **out)
{
    struct thread *thread = &threads[(size_t)id - 1];
    while (!thread->is_over)
        threads_run_one();
    world_free(thread->stack);
    thread->is_used = false;
    return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    return 0;
}

static int wait_until(pthread_cond_t *condition, int64_t due_us)
{
    if (!running) { /* the main thread: it looks at its condition again after each step of the others */
        threads_run_one();
        return 0;
    }
    struct thread *self = running;
    self->waits_for = condition;
    self->due_us = due_us;
    swapcontext(&self->context, &loop);
    return self->is_timed_out ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return wait_until(condition, INT64_MAX);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    return wait_until(condition, (int64_t)(until->tv_sec - EPOCH_S) * 1000000 + until->tv_nsec / 1000);
}

static void wake(pthread_cond_t *condition, size_t count)
{
    for (size_t i = 0; i < THREADS_MAX && count > 0; i++) {
        struct thread *thread = &threads[i];
        if (!thread->is_used || thread->is_over || thread->waits_for != condition)
            continue;
        thread->waits_for = NULL;
        thread->due_us = soon_us();
        count--;
    }
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    wake(condition, 1);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    wake(condition, THREADS_MAX);
    return 0;
}
