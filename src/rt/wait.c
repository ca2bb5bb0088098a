/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of waiting fibers.
 *
 * Idea: a waiter is a struct on the stack of the fiber that waits. The waker takes it out of the queue and marks it;
 * from then on it has what it waited for, whatever else happens before it runs. So a thing that is handed over is owned
 * at every moment, and a newcomer cannot overtake: what is given to a waiter was never free in between.
 *
 * Invariants
 *   (1) a waiter is in the queue until it is woken or its wait ends, and never longer than its stack frame lives
 *   (2) count is the length of the list, and at most limit */
#include "rt/wait.h"

#include "rt/fiber.h"

struct wait {
    struct wait *next, *previous;
    struct fiber *fiber;
    void *held;
    bool is_woken;
};

void wait_queue_init(struct wait_queue *queue, size_t limit)
{
    *queue = (struct wait_queue){.limit = limit};
}

static void append(struct wait_queue *queue, struct wait *wait)
{
    wait->next = NULL;
    wait->previous = queue->last;
    if (queue->last)
        queue->last->next = wait;
    else
        queue->first = wait;
    queue->last = wait;
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
}

static void take_out(struct wait_queue *queue, struct wait *wait)
{
    if (wait->previous)
        wait->previous->next = wait->next;
    else
        queue->first = wait->next;
    if (wait->next)
        wait->next->previous = wait->previous;
    else
        queue->last = wait->previous;
    __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
}

enum error wait_queue_park(struct wait_queue *queue, struct fiber *self, struct deadline deadline, void **held)
{
    if (queue->count >= queue->limit)
        return ERROR_LIMIT;
    struct wait wait = {.fiber = self, .held = held ? *held : NULL};
    append(queue, &wait);
    enum error error = OK;
    while (!wait.is_woken && error == OK)
        error = fiber_park(self, deadline);
    if (!wait.is_woken) {
        take_out(queue, &wait);
        return error;
    }
    if (held)
        *held = wait.held;
    return OK;
}

bool wait_queue_wake_one(struct wait_queue *queue, void *gift)
{
    struct wait *wait = queue->first;
    if (!wait)
        return false;
    take_out(queue, wait);
    wait->held = gift;
    wait->is_woken = true;
    fiber_wake(wait->fiber);
    return true;
}

size_t wait_queue_wake_all(struct wait_queue *queue, void *gift)
{
    size_t count = 0;
    while (wait_queue_wake_one(queue, gift))
        count++;
    return count;
}

void *wait_queue_peek(const struct wait_queue *queue)
{
    return queue->first ? queue->first->held : NULL;
}
