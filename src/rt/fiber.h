/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_FIBER_H
#define RT_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"

struct core;
struct fiber;

typedef void fiber_main(struct fiber *self, void *argument);

/* Starts `main` on a pooled stack; it first runs later in this turn, or in the next.
 * Errors: ERROR_LIMIT (as many fibers as allowed), ERROR_MEMORY. */
MUST_USE enum error fiber_spawn(struct core *core, fiber_main *main, void *argument);

/* The core that runs this fiber, now and always. */
struct core *fiber_core(const struct fiber *self);

/* Waits until fiber_wake(), the deadline, or fiber_cancel(). A wake that came before the park is not lost: it is
 * remembered (one, not a count) and the next park returns OK at once. It may have been meant for an earlier wait, so
 * wait for a condition, in a loop: `while (!job.is_done) fiber_park(…)`. When a wake and something else happened during
 * the park, it returns OK.
 * Errors: ERROR_TIMEOUT, ERROR_CANCELLED (also at once when the fiber was cancelled before). */
YIELDS MUST_USE enum error fiber_park(struct fiber *self, struct deadline deadline);

/* Waits for fiber_wake() and nothing else: for answers that will certainly come and must not be missed (a commit).
 * In a loop over a condition, like fiber_park(). */
YIELDS void fiber_park_shielded(struct fiber *self);

/* Makes a parked fiber runnable; one that is not parked yet will not park the next time. Same core only. */
void fiber_wake(struct fiber *fiber);

/* Lets every other runnable fiber and all ready input of this core go first. No cancellation point. */
YIELDS void fiber_yield(struct fiber *self);

/* Waits for a time; a wake in between is remembered for the next park. Errors: ERROR_CANCELLED. */
YIELDS MUST_USE enum error fiber_sleep(struct fiber *self, int64_t milliseconds);

/* Asks a fiber to give up: its park, present or next, and every later one returns ERROR_CANCELLED. Same core only. */
void fiber_cancel(struct fiber *fiber);
bool fiber_is_cancelled(const struct fiber *fiber);

/* The bytes of the calling fiber's stack that are left, to refuse deep work in time. */
size_t fiber_stack_left(const struct fiber *self);

#endif
