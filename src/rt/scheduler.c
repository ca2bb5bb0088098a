/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the fibers of a core from its loop.
 *
 * Idea: switches go only loop -> fiber -> loop. A direct switch between fibers would save a few nanoseconds of the
 * microseconds a request takes, and cost a second place where states, sanitizers and the turn's bound are looked after.
 * A fiber lives at the high end of its own stack: to spawn is to take a stack and write one struct.
 *
 *     NONE --spawn--> READY --run--> RUNNING --main returns--> ENDED (its stack goes back)
 *                       ^               |
 *                       |--- yield -----|
 *                       |--- wake -- PARKED <--park--
 *
 * A fiber that is made ready while fibers run is run in the same turn, behind those that are ready already; one that
 * yields waits for the next turn. Both queues are FIFO, and what the bound of a turn leaves over stays at the head.
 *
 * Invariants
 *   (1) a fiber is in `ready` or `yielded` exactly when its state is READY
 *   (2) at most one fiber is RUNNING; `running` names its stack
 *   (3) a fiber that has ended is not touched again, except by the loop that takes its stack back */
#include "rt/scheduler.h"

#include <errno.h>

#include "base/check.h"

enum { FIBER_LIMIT_DEFAULT = 10000 };

static const unsigned allowed_moves[] = {
    [FIBER_NONE] = 1u << FIBER_READY,
    [FIBER_READY] = 1u << FIBER_RUNNING,
    [FIBER_RUNNING] = 1u << FIBER_READY | 1u << FIBER_PARKED | 1u << FIBER_ENDED,
    [FIBER_PARKED] = 1u << FIBER_READY,
    [FIBER_ENDED] = 0,
};

static void move(struct fiber *fiber, enum fiber_state to)
{
    CHECK(allowed_moves[fiber->state] & 1u << to, "a fiber changes its state as the table allows");
    fiber->state = to;
}

static void enqueue(struct fiber_queue *queue, struct fiber *fiber)
{
    fiber->next = NULL;
    if (queue->last)
        queue->last->next = fiber;
    else
        queue->first = fiber;
    queue->last = fiber;
}

static struct fiber *dequeue(struct fiber_queue *queue)
{
    struct fiber *fiber = queue->first;
    queue->first = fiber->next;
    if (!queue->first)
        queue->last = NULL;
    return fiber;
}

/* Moves all of `from` to the end of `to`. */
static void append_queue(struct fiber_queue *to, struct fiber_queue *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    *from = (struct fiber_queue){NULL, NULL};
}

void scheduler_init(struct scheduler *sched, struct core *core, size_t fiber_limit, size_t stack_bytes)
{
    *sched = (struct scheduler){.core = core, .limit = fiber_limit ? fiber_limit : FIBER_LIMIT_DEFAULT};
    stack_pool_init(&sched->stacks, stack_bytes, STACK_GUARD_AUTO);
}

void scheduler_fini(struct scheduler *sched)
{
    stack_pool_fini(&sched->stacks);
}

/* The two halves of every switch. ThreadSanitizer's call stack changes in the middle of them, so they are not
 * instrumented, and not inlined into anything that is. */

TOOLING_SWITCHES
static void to_loop(struct fiber *self)
{
    struct scheduler *sched = self->sched;
    tooling_leave(&self->tooling, &sched->loop_tooling);
    context_switch(&self->context, &sched->loop);
    tooling_arrive(&self->tooling, &sched->loop_tooling);
}

TOOLING_SWITCHES
static void to_loop_for_good(struct fiber *self)
{
    struct scheduler *sched = self->sched;
    tooling_leave_for_good(&self->tooling, &sched->loop_tooling);
    context_switch(&self->context, &sched->loop);
}

TOOLING_SWITCHES
static void to_fiber(struct fiber *fiber)
{
    struct scheduler *sched = fiber->sched;
    tooling_leave(&sched->loop_tooling, &fiber->tooling);
    context_switch(&sched->loop, &fiber->context);
    tooling_arrive(&sched->loop_tooling, &fiber->tooling);
}

/* The first function on a fiber's stack. */
TOOLING_SWITCHES
static void begin(void *argument)
{
    struct fiber *self = argument;
    tooling_arrive(&self->tooling, &self->sched->loop_tooling);
    self->main(self, self->argument);
    move(self, FIBER_ENDED);
    to_loop_for_good(self);
}

static void enter_alive(struct scheduler *sched, struct fiber *fiber)
{
    fiber->alive_previous = NULL;
    fiber->alive_next = sched->alive;
    if (sched->alive)
        sched->alive->alive_previous = fiber;
    sched->alive = fiber;
    sched->count++;
    if (sched->count > sched->peak)
        sched->peak = sched->count;
}

static void leave_alive(struct scheduler *sched, struct fiber *fiber)
{
    if (fiber->alive_previous)
        fiber->alive_previous->alive_next = fiber->alive_next;
    else
        sched->alive = fiber->alive_next;
    if (fiber->alive_next)
        fiber->alive_next->alive_previous = fiber->alive_previous;
    sched->count--;
}

/* The fiber and its room at the high end of a stack, whole cache lines. */
static struct fiber *fiber_on(const struct stack *stack)
{
    return (struct fiber *)(void *)(stack->low + stack->size_bytes - ((sizeof(struct fiber) + 63) & ~(size_t)63));
}

enum error scheduler_spawn(struct scheduler *sched, fiber_main *main, void *argument)
{
    if (sched->count >= sched->limit)
        return ERROR_LIMIT;
    struct stack stack;
    TRY(stack_acquire(&sched->stacks, &stack));
    struct fiber *fiber = fiber_on(&stack);
    size_t room = (size_t)((char *)fiber - stack.low);
    *fiber = (struct fiber){
        .sched = sched, .stack = stack, .main = main, .argument = argument, .is_cancelled = sched->is_cancelling};
    context_make(&fiber->context, stack.low, room, begin, fiber);
    tooling_begin_fiber(&fiber->tooling, stack.low, room);
    enter_alive(sched, fiber);
    move(fiber, FIBER_READY);
    enqueue(&sched->ready, fiber);
    return OK;
}

static void bury(struct scheduler *sched, struct fiber *fiber)
{
    struct stack stack = fiber->stack;
    tooling_forget(&fiber->tooling);
    leave_alive(sched, fiber);
    stack_release(&sched->stacks, &stack);
}

static void run_one(struct scheduler *sched, struct fiber *fiber)
{
    move(fiber, FIBER_RUNNING);
    sched->switches++;
    sched->running = &fiber->stack;
    to_fiber(fiber);
    sched->running = NULL;
    if (fiber->state == FIBER_ENDED)
        bury(sched, fiber);
}

void scheduler_run(struct scheduler *sched, unsigned most)
{
    append_queue(&sched->ready, &sched->yielded);
    while (sched->ready.first && most-- > 0)
        run_one(sched, dequeue(&sched->ready));
}

bool scheduler_has_work(const struct scheduler *sched)
{
    return sched->ready.first || sched->yielded.first;
}

void scheduler_cancel_all(struct scheduler *sched)
{
    sched->is_cancelling = true;
    for (struct fiber *fiber = sched->alive; fiber; fiber = fiber->alive_next)
        fiber_cancel(fiber);
}

void scheduler_ready(struct fiber *fiber)
{
    move(fiber, FIBER_READY);
    enqueue(&fiber->sched->ready, fiber);
}

/* errno is the thread's: what the other fibers do to it in between is not this one's business. */
static void leave(struct fiber *self)
{
    int saved = errno;
    to_loop(self);
    errno = saved;
}

void scheduler_park(struct fiber *self)
{
    move(self, FIBER_PARKED);
    leave(self);
}

void scheduler_yield_turn(struct fiber *self)
{
    move(self, FIBER_READY);
    enqueue(&self->sched->yielded, self);
    leave(self);
}
