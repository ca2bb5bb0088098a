/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded channel between fibers of one core.
 *
 * Idea: an item goes straight to a receiver that waits; else into the ring; else its sender waits with it. Whoever
 * makes room in the ring moves the first waiting sender's item in, in the same step. So items and fibers are first in,
 * first out, and no newcomer overtakes.
 *
 * A waiter brings the address of a struct handover on its stack, and its waker fills or empties that.
 *
 * Invariants
 *   (1) receivers wait only while the ring is empty and no sender waits
 *   (2) senders wait only while the ring is full
 *   (3) nobody waits on a closed channel */
#include "rt/channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "rt/wait.h"

struct handover {
    void *item;
    bool is_done; /* false after the wake: the channel was closed */
};

struct channel {
    struct wait_queue senders, receivers;
    bool is_closed;
    size_t capacity, count, first;
    void *ring[];
};

enum error channel_create(size_t capacity, size_t waiter_limit, struct channel **out)
{
    struct channel *channel;
    size_t size;
    if (__builtin_mul_overflow(capacity, sizeof(void *), &size) || __builtin_add_overflow(size, sizeof *channel, &size))
        return ERROR_MEMORY;
    channel = calloc(1, size);
    if (!channel)
        return ERROR_MEMORY;
    wait_queue_init(&channel->senders, waiter_limit);
    wait_queue_init(&channel->receivers, waiter_limit);
    channel->capacity = capacity;
    *out = channel;
    return OK;
}

void channel_destroy(struct channel *channel)
{
    if (!channel)
        return;
    CHECK(wait_queue_is_empty(&channel->senders), "no sender waits when its channel ends");
    CHECK(wait_queue_is_empty(&channel->receivers), "no receiver waits when its channel ends");
    free(channel);
}

static void push(struct channel *channel, void *item)
{
    channel->ring[(channel->first + channel->count++) % channel->capacity] = item;
}

static void *pop(struct channel *channel)
{
    void *item = channel->ring[channel->first];
    channel->first = (channel->first + 1) % channel->capacity;
    channel->count--;
    return item;
}

/* Ends the wait of the first one in the queue; `queue` is not empty. */
static void finish_first(struct wait_queue *queue)
{
    struct handover *handover = wait_queue_peek(queue);
    handover->is_done = true;
    wait_queue_wake_one(queue, handover);
}

static enum error wait_for_handover(struct wait_queue *queue, struct fiber *self, struct deadline deadline,
                                    struct handover *handover)
{
    void *held = handover;
    TRY(wait_queue_park(queue, self, deadline, &held));
    return handover->is_done ? OK : ERROR_CLOSED;
}

enum error channel_send(struct channel *channel, struct fiber *self, struct deadline deadline, void *item)
{
    if (channel->is_closed)
        return ERROR_CLOSED;
    struct handover *receiver = wait_queue_peek(&channel->receivers);
    if (receiver) {
        receiver->item = item;
        finish_first(&channel->receivers);
        return OK;
    }
    if (channel->count < channel->capacity) {
        push(channel, item);
        return OK;
    }
    struct handover handover = {.item = item};
    return wait_for_handover(&channel->senders, self, deadline, &handover);
}

/* Takes the item of the first waiting sender; false when none waits. */
static bool take_from_sender(struct channel *channel, void **item)
{
    const struct handover *sender = wait_queue_peek(&channel->senders);
    if (!sender)
        return false;
    *item = sender->item;
    finish_first(&channel->senders);
    return true;
}

enum error channel_receive(struct channel *channel, struct fiber *self, struct deadline deadline, void **out)
{
    void *item;
    if (channel->count > 0) {
        *out = pop(channel);
        if (take_from_sender(channel, &item))
            push(channel, item);
        return OK;
    }
    if (take_from_sender(channel, &item)) {
        *out = item;
        return OK;
    }
    if (channel->is_closed)
        return ERROR_CLOSED;
    struct handover handover = {.item = NULL};
    TRY(wait_for_handover(&channel->receivers, self, deadline, &handover));
    *out = handover.item;
    return OK;
}

void channel_close(struct channel *channel)
{
    channel->is_closed = true;
    wait_queue_wake_all(&channel->senders, NULL);
    wait_queue_wake_all(&channel->receivers, NULL);
}

size_t channel_count(const struct channel *channel)
{
    return channel->count;
}
