/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_SCHEDULER_H
#define RT_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "rt/context.h"
#include "rt/fiber.h"
#include "rt/stack.h"
#include "rt/timer.h"
#include "rt/tooling.h"

/* What fibers are and how a core's loop runs them. Inside rt only; everyone else sees rt/fiber.h. */

enum fiber_state {
    FIBER_NONE, /* zero, as in a stack whose memory was given back */
    FIBER_READY,
    FIBER_RUNNING,
    FIBER_PARKED,
    FIBER_ENDED,
};

struct fiber {
    struct fiber *next; /* in a run queue */
    struct scheduler *sched;
    struct context context;
    struct tooling tooling;
    struct stack stack;
    fiber_main *main;
    void *argument;
    struct timer timer;                        /* ends a park */
    struct fiber *alive_next, *alive_previous; /* all fibers of the core */
    enum fiber_state state;
    bool is_woken;     /* a wake that no park has taken yet */
    bool is_cancelled; /* for the rest of its life */
    bool is_shielded;  /* parked so that only a wake ends it */
};

struct fiber_queue {
    struct fiber *first, *last;
};

/* The fibers of one core. */
struct scheduler {
    struct core *core;
    struct fiber_queue ready;   /* run in this turn */
    struct fiber_queue yielded; /* run in the next, after the input of that turn */
    struct fiber *alive;
    size_t count, peak, limit;
    uint64_t switches;  /* from the loop to a fiber */
    bool is_cancelling; /* new fibers are cancelled at birth */
    struct stack_pool stacks;
    struct context loop;
    struct tooling loop_tooling;
    const struct stack *running; /* for the handler of stack overflows; NULL on the loop */
};

void scheduler_init(struct scheduler *sched, struct core *core, size_t fiber_limit, size_t stack_bytes);
/* Every fiber must have ended. */
void scheduler_fini(struct scheduler *sched);

/* Makes a fiber, ready to run. Errors: ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE
enum error scheduler_spawn(struct scheduler *sched, fiber_main *main, void *argument);
/* Lets the fibers that yielded in earlier turns join the ready ones, then runs at most `most` times. On the loop. */
void scheduler_run(struct scheduler *sched, unsigned most);
/* Whether a fiber could run without anything happening first. */
bool scheduler_has_work(const struct scheduler *sched);
/* Cancels every fiber, and those that are spawned from now on. */
void scheduler_cancel_all(struct scheduler *sched);

/* Makes a parked fiber ready. */
void scheduler_ready(struct fiber *fiber);
/* Parks the running fiber until scheduler_ready(). Keeps its errno. */
YIELDS
void scheduler_park(struct fiber *self);
/* Lets the running fiber wait for the next turn. Keeps its errno. */
YIELDS
void scheduler_yield_turn(struct fiber *self);

#endif
