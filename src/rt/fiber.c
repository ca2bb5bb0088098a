/* SPDX-License-Identifier: Apache-2.0 */
/* What a fiber may ask for: to wait, to be woken, to be cancelled.
 *
 * Idea: a wake is a flag that the next park takes. A waker sets it and, if the fiber is parked, makes it ready; so it
 * does not matter who comes first, and two wakes are one. Whoever waits therefore waits for a condition, in a loop: a
 * flag may be left over from something that was waited for before.
 *
 * What a park answers when several things happened to it: the wake, which somebody may count on, before the
 * cancellation, which the next park tells again, before the deadline, which stays passed.
 *
 * Invariants
 *   (1) the timer of a fiber is armed only inside its park
 *   (2) is_cancelled is never taken back */
#include "rt/fiber.h"

#include "base/check.h"
#include "rt/core.h"
#include "rt/scheduler.h"

enum error fiber_spawn(struct core *core, fiber_main *main, void *argument)
{
    return scheduler_spawn(core_scheduler(core), main, argument);
}

struct core *fiber_core(const struct fiber *self)
{
    return self->sched->core;
}

/* A fiber that something else has made ready already finds its answer when it runs. */
static void time_is_up(struct core *core, struct timer *timer)
{
    struct fiber *fiber = CONTAINER_OF(timer, struct fiber, timer);
    if (fiber->state == FIBER_PARKED)
        scheduler_ready(fiber);
}

/* Parks, with the alarm set. */
static void park_until(struct fiber *self, struct deadline deadline)
{
    struct core *core = self->sched->core;
    if (deadline.at_us == INT64_MAX) {
        scheduler_park(self);
        return;
    }
    self->timer.fire = time_is_up;
    core_arm(core, &self->timer, deadline.at_us);
    scheduler_park(self);
    core_disarm(core, &self->timer);
}

enum error fiber_park(struct fiber *self, struct deadline deadline)
{
    if (self->is_cancelled)
        return ERROR_CANCELLED;
    if (!self->is_woken) {
        if (deadline_passed(deadline, core_now_us(self->sched->core)))
            return ERROR_TIMEOUT;
        park_until(self, deadline);
    }
    if (self->is_woken) {
        self->is_woken = false;
        return OK;
    }
    return self->is_cancelled ? ERROR_CANCELLED : ERROR_TIMEOUT;
}

void fiber_park_shielded(struct fiber *self)
{
    if (!self->is_woken) {
        self->is_shielded = true;
        scheduler_park(self);
        self->is_shielded = false;
    }
    self->is_woken = false;
}

void fiber_wake(struct fiber *fiber)
{
    CHECK(fiber->state != FIBER_NONE && fiber->state != FIBER_ENDED, "only a living fiber is woken");
    fiber->is_woken = true;
    if (fiber->state == FIBER_PARKED)
        scheduler_ready(fiber);
}

void fiber_yield(struct fiber *self)
{
    scheduler_yield_turn(self);
}

enum error fiber_sleep(struct fiber *self, int64_t milliseconds)
{
    struct deadline end = deadline_after(core_now_us(self->sched->core), milliseconds);
    bool was_woken = false;
    enum error error;
    while ((error = fiber_park(self, end)) == OK)
        was_woken = true;
    self->is_woken |= was_woken; /* it was meant for a park, and this was none */
    return error == ERROR_TIMEOUT ? OK : error;
}

void fiber_cancel(struct fiber *fiber)
{
    CHECK(fiber->state != FIBER_NONE && fiber->state != FIBER_ENDED, "only a living fiber is cancelled");
    fiber->is_cancelled = true;
    if (fiber->state == FIBER_PARKED && !fiber->is_shielded)
        scheduler_ready(fiber);
}

bool fiber_is_cancelled(const struct fiber *fiber)
{
    return fiber->is_cancelled;
}

size_t fiber_stack_left(const struct fiber *self)
{
    const char *here = __builtin_frame_address(0);
    return here > self->stack.low ? (size_t)(here - self->stack.low) : 0;
}
