/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_CHANNEL_H
#define RT_CHANNEL_H

#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"

struct fiber;
struct channel;

/* Pointers from fibers to fibers of one core, in order, with room for a bounded number. */

/* Makes a channel with room for `capacity` items (0: a sender waits for its receiver) and for `waiter_limit` fibers
 * that wait on either side. Owner: the caller; channel_destroy(). Errors: ERROR_MEMORY. */
MUST_USE enum error channel_create(size_t capacity, size_t waiter_limit, struct channel **out);
/* Accepts NULL. Nobody may wait any more; the items that nobody received are the caller's to have taken before. */
void channel_destroy(struct channel *channel);

/* Sends an item, waiting for room. After OK, `item` belongs to the receiver.
 * Errors: ERROR_CLOSED, ERROR_LIMIT (too many wait), ERROR_TIMEOUT, ERROR_CANCELLED: the item stays the sender's. */
YIELDS MUST_USE enum error channel_send(struct channel *channel, struct fiber *self, struct deadline deadline,
                                        void *item);
/* Receives the oldest item, waiting for one.
 * Errors: ERROR_CLOSED (and every item has been received), ERROR_LIMIT, ERROR_TIMEOUT, ERROR_CANCELLED. */
YIELDS MUST_USE enum error channel_receive(struct channel *channel, struct fiber *self, struct deadline deadline,
                                           void **out);
/* Ends sending: waiting senders and receivers get ERROR_CLOSED; items that were sent can still be received. */
void channel_close(struct channel *channel);

/* The items that can be received without waiting. */
size_t channel_count(const struct channel *channel);

#endif
