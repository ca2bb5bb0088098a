/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_WAIT_H
#define RT_WAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"

struct fiber;
struct wait;

/* Fibers of one core that wait for the same thing, first come first served. Part of what they wait for. */
struct wait_queue {
    struct wait *first, *last;
    size_t count; /* written by its core only; others may read it atomically, for a figure */
    size_t limit;
};

/* Makes an empty queue of at most `limit` waiters. */
void wait_queue_init(struct wait_queue *queue, size_t limit);

/* Waits at the end of the queue until wait_queue_wake_one() or _all() reaches this fiber. `held`, which may be NULL,
 * holds what the waiter brings (wait_queue_peek() sees it) and after OK what the waker gave. Whoever was woken gets OK
 * and the gift, even if the deadline or a cancellation came at the same time: a gift is never lost.
 * Errors: ERROR_LIMIT (the queue is full), ERROR_TIMEOUT, ERROR_CANCELLED. */
YIELDS MUST_USE enum error wait_queue_park(struct wait_queue *queue, struct fiber *self, struct deadline deadline,
                                           void **held);

/* Wakes the first waiter and gives it `gift`; false when nobody waits. */
bool wait_queue_wake_one(struct wait_queue *queue, void *gift);
/* Wakes all with `gift`; returns how many. */
size_t wait_queue_wake_all(struct wait_queue *queue, void *gift);
/* What the first waiter has brought; NULL also when nobody waits. */
void *wait_queue_peek(const struct wait_queue *queue);

static inline bool wait_queue_is_empty(const struct wait_queue *queue)
{
    return queue->count == 0;
}

#endif
