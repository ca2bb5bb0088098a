/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_CORE_H
#define RT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "rt/poller.h"
#include "rt/timer.h"

/* One core: a thread with one loop and many fibers. It shares nothing with the others; they post it messages. */
struct core;
struct log;
struct scheduler;

struct core_config {
    unsigned index;                  /* 0, 1, … : components index their per-core arrays with it */
    size_t fiber_limit;              /* live fibers, 0 = 10,000 */
    size_t stack_bytes;              /* 0 = 64 KiB (256 KiB under sanitizers) */
    const struct clock *clock;       /* NULL = the system's */
    const struct poller_ops *poller; /* NULL = epoll */
    struct log *log;                 /* NULL = none */
    int64_t stop_ms;                 /* how long core_run() waits for cancelled fibers, 0 = 10 s */
};

/* Work for a core from anywhere. Embed it; `run` is called once on the core's loop, not in a fiber. */
struct core_message {
    struct core_message *next;
    void (*run)(struct core *core, struct core_message *message);
};

/* Called at the end of every loop turn, before the loop waits again. */
struct core_hook {
    struct core_hook *next;
    void (*run)(struct core *core, struct core_hook *hook);
};

/* Makes a core that does not run yet. Owner: the caller; core_destroy() after core_run() has returned.
 * Errors: ERROR_MEMORY, ERROR_LIMIT (descriptors), ERROR_IO. */
MUST_USE enum error core_create(const struct core_config *config, struct core **out);
/* Accepts NULL. Every thread that posts to it must have ended or be past its last core_post(): destroy offload pools
 * and join the other cores' threads first. A core some of whose fibers would not end is left as it is. */
void core_destroy(struct core *core);

/* Runs the loop on the calling thread until core_stop(). Fibers that are still alive then are cancelled and waited for,
 * for config.stop_ms; the log and core_figures() say how many would not end. */
void core_run(struct core *core);
/* Makes core_run() return. Not from a signal handler. */
ANY_CORE void core_stop(struct core *core);

/* Hands a message over; wakes the core only if it may be asleep. FIFO per sender. */
ANY_CORE void core_post(struct core *core, struct core_message *message);
/* Hands over a chain (first … last linked by `next`) with one wake-up. */
ANY_CORE void core_post_chain(struct core *core, struct core_message *first, struct core_message *last);

/* Runs the hook at the end of each turn, in the order added. Before core_run() or from the core itself. */
void core_add_hook(struct core *core, struct core_hook *hook);

unsigned core_index(const struct core *core);
/* The monotonic clock as read at the begin of this turn and after each wait: free of system calls. */
int64_t core_now_us(const struct core *core);
/* The same for the wall clock (microseconds since 1970). */
int64_t core_wall_us(const struct core *core);
/* Reads the clock again, for what must not see the turn's start (a handler that burnt CPU). */
int64_t core_refresh_us(struct core *core);
/* The number of the present turn, from 1. Whatever was read in an earlier turn may be stale. */
uint64_t core_turn(const struct core *core);

/* Watches a descriptor, edge-triggered, for reading and writing, once for its whole life (see rt/poller.h). */
MUST_USE enum error core_watch(struct core *core, struct io *io);
void core_unwatch(struct core *core, struct io *io);

/* Arms (or re-arms) a timer; see rt/timer.h. */
void core_arm(struct core *core, struct timer *timer, int64_t at_us);
void core_disarm(struct core *core, struct timer *timer);

/* Figures of one core, for metrics. Read from any core; may be a turn old. */
struct core_figures {
    size_t fibers; /* alive */
    size_t fibers_peak;
    size_t stacks; /* mapped */
    uint64_t turns;
    uint64_t switches;
    uint64_t messages;
};
ANY_CORE struct core_figures core_figures(const struct core *core);

/* The fibers of the core, for rt/fiber.c. */
struct scheduler *core_scheduler(struct core *core);

#endif
