/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of one core.
 *
 * Idea: a core never looks for work; each turn it waits for what may come, hands it to the fibers it belongs to, and
 * lets them run. The phases of a turn are turn(), in this order:
 *
 *     wait -> clock -> io callbacks -> messages -> timers -> fibers -> hooks
 *
 * Invariants
 *   (1) every on_ready of a wait has run before any fiber runs: what one turn brings can be treated as one batch
 *   (2) a fiber that is woken in a turn runs in that turn, up to RUNS_PER_TURN, behind those that were woken before;
 *       one that yields runs in the next turn, after that turn's input
 *   (3) the loop waits only when no fiber can run, no message is there, and no timer is due
 *   (4) everything but the inbox and the figures is touched by the core's own thread only */
#include "rt/core.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "rt/inbox.h"
#include "rt/overflow.h"
#include "rt/scheduler.h"

enum {
    /* Enough that a batch is not cut up, few enough that two fibers that wake each other do not keep out the input. */
    RUNS_PER_TURN = 512,
    TRIM_US = 10 * 1000 * 1000,
    STOP_MS_DEFAULT = 10 * 1000,
};

/* What other threads may read; written once a turn. */
struct published {
    _Atomic size_t fibers, fibers_peak, stacks;
    _Atomic uint64_t turns, switches, messages;
};

struct core {
    struct scheduler sched;
    struct timer_wheel timers;
    int64_t now_us, wall_us;
    uint64_t turn;
    uint64_t messages;
    struct log *log;
    const struct clock *clock;
    const struct poller_ops *ops;
    struct poller *poller;
    struct core_hook *first_hook, *last_hook;
    struct timer trim;      /* gives back the memory of idle stacks */
    struct timer stop_late; /* ends the wait for cancelled fibers */
    int64_t stop_ms;
    bool is_stopping, is_late;
    unsigned index;
    struct core_message stop_message;
    _Alignas(64) struct inbox inbox;
    atomic_bool is_stop_posted;
    _Alignas(64) struct published published;
};

static void trim_stacks(struct core *core, struct timer *timer)
{
    stack_pool_trim(&core->sched.stacks);
}

static void give_up_stopping(struct core *core, struct timer *timer)
{
    core->is_late = true;
}

static void begin_stopping(struct core *core, struct core_message *message)
{
    core->is_stopping = true;
    scheduler_cancel_all(&core->sched);
    core_arm(core, &core->stop_late, deadline_after(core->now_us, core->stop_ms).at_us);
}

static void read_clock(struct core *core)
{
    core->now_us = clock_monotonic_us(core->clock);
    core->wall_us = clock_wall_us(core->clock);
}

static void init(struct core *core, const struct core_config *config)
{
    core->index = config->index;
    core->log = config->log;
    core->clock = config->clock ? config->clock : clock_system();
    core->ops = config->poller ? config->poller : poller_epoll();
    core->stop_ms = config->stop_ms ? config->stop_ms : STOP_MS_DEFAULT;
    core->trim.fire = trim_stacks;
    core->stop_late.fire = give_up_stopping;
    core->stop_message.run = begin_stopping;
    scheduler_init(&core->sched, core, config->fiber_limit, config->stack_bytes);
    read_clock(core);
    timer_wheel_init(&core->timers, core->now_us);
}

static enum error open_poller(struct core *core)
{
    TRY(core->ops->open(&core->poller));
    enum error error = core->ops->add(core->poller, &core->inbox.bell);
    if (error != OK)
        core->ops->close(core->poller);
    return error;
}

enum error core_create(const struct core_config *config, struct core **out)
{
    struct core *core = aligned_alloc(_Alignof(struct core), sizeof *core);
    if (!core)
        return ERROR_MEMORY;
    *core = (struct core){0};
    init(core, config);
    enum error error = inbox_init(&core->inbox);
    if (error == OK) {
        error = open_poller(core);
        if (error != OK)
            inbox_fini(&core->inbox);
    }
    if (error != OK) {
        free(core);
        return error;
    }
    *out = core;
    return OK;
}

void core_destroy(struct core *core)
{
    if (!core || core->sched.count > 0)
        return;
    core->ops->close(core->poller);
    inbox_fini(&core->inbox);
    scheduler_fini(&core->sched);
    free(core);
}

/* How long the wait may be, in microseconds; negative: for ever. */
static int64_t patience_us(struct core *core)
{
    if (scheduler_has_work(&core->sched))
        return 0;
    int64_t next_us = timer_wheel_next_us(&core->timers);
    int64_t patience = -1;
    if (next_us != INT64_MAX) {
        patience = next_us - core_refresh_us(core); /* the turn itself has taken time */
        if (patience <= 0)
            return 0;
    }
    return inbox_fall_asleep(&core->inbox) ? patience : 0;
}

/* Between the wait and the first io callback. */
static void begin_turn(void *argument)
{
    struct core *core = argument;
    inbox_wake_up(&core->inbox);
    read_clock(core);
    core->turn++;
}

static void run_messages(struct core *core)
{
    struct core_message *message = inbox_take(&core->inbox);
    while (message) {
        struct core_message *next = message->next;
        message->run(core, message);
        core->messages++;
        message = next;
    }
}

static void run_hooks(struct core *core)
{
    for (struct core_hook *hook = core->first_hook; hook; hook = hook->next)
        hook->run(core, hook);
}

static void trim_later(struct core *core)
{
    if (stack_pool_is_trimmable(&core->sched.stacks) && !timer_is_armed(&core->trim))
        core_arm(core, &core->trim, core->now_us + TRIM_US);
}

static void publish(struct core *core)
{
    struct published *to = &core->published;
    atomic_store_explicit(&to->fibers, core->sched.count, memory_order_relaxed);
    atomic_store_explicit(&to->fibers_peak, core->sched.peak, memory_order_relaxed);
    atomic_store_explicit(&to->stacks, core->sched.stacks.mapped, memory_order_relaxed);
    atomic_store_explicit(&to->turns, core->turn, memory_order_relaxed);
    atomic_store_explicit(&to->switches, core->sched.switches, memory_order_relaxed);
    atomic_store_explicit(&to->messages, core->messages, memory_order_relaxed);
}

static void turn(struct core *core)
{
    core->ops->wait(core->poller, patience_us(core), begin_turn, core); /* and the io callbacks */
    run_messages(core);
    timer_wheel_advance(&core->timers, core, core->now_us);
    scheduler_run(&core->sched, RUNS_PER_TURN);
    run_hooks(core);
    trim_later(core);
    publish(core);
}

void core_run(struct core *core)
{
    struct overflow overflow;
    bool is_watched = overflow_watch(&overflow, &core->sched.running) == OK;
    tooling_begin_thread(&core->sched.loop_tooling);
    while (!core->is_stopping || (core->sched.count > 0 && !core->is_late))
        turn(core);
    if (core->sched.count > 0)
        LOG_ERROR(core->log, "fibers did not end when the core stopped", LOG_INT("core", core->index),
                  LOG_INT("fibers", (int64_t)core->sched.count));
    if (is_watched)
        overflow_unwatch(&overflow);
}

void core_stop(struct core *core)
{
    if (!atomic_exchange(&core->is_stop_posted, true))
        core_post(core, &core->stop_message);
}

void core_post(struct core *core, struct core_message *message)
{
    inbox_push(&core->inbox, message, message);
}

void core_post_chain(struct core *core, struct core_message *first, struct core_message *last)
{
    inbox_push(&core->inbox, first, last);
}

void core_add_hook(struct core *core, struct core_hook *hook)
{
    hook->next = NULL;
    if (core->last_hook)
        core->last_hook->next = hook;
    else
        core->first_hook = hook;
    core->last_hook = hook;
}

unsigned core_index(const struct core *core)
{
    return core->index;
}

int64_t core_now_us(const struct core *core)
{
    return core->now_us;
}

int64_t core_wall_us(const struct core *core)
{
    return core->wall_us;
}

int64_t core_refresh_us(struct core *core)
{
    core->now_us = clock_monotonic_us(core->clock);
    return core->now_us;
}

uint64_t core_turn(const struct core *core)
{
    return core->turn;
}

enum error core_watch(struct core *core, struct io *io)
{
    return core->ops->add(core->poller, io);
}

void core_unwatch(struct core *core, struct io *io)
{
    core->ops->remove(core->poller, io);
}

void core_arm(struct core *core, struct timer *timer, int64_t at_us)
{
    timer_wheel_arm(&core->timers, timer, at_us);
}

void core_disarm(struct core *core, struct timer *timer)
{
    timer_wheel_disarm(&core->timers, timer);
}

struct core_figures core_figures(const struct core *core)
{
    const struct published *from = &core->published;
    return (struct core_figures){
        .fibers = atomic_load_explicit(&from->fibers, memory_order_relaxed),
        .fibers_peak = atomic_load_explicit(&from->fibers_peak, memory_order_relaxed),
        .stacks = atomic_load_explicit(&from->stacks, memory_order_relaxed),
        .turns = atomic_load_explicit(&from->turns, memory_order_relaxed),
        .switches = atomic_load_explicit(&from->switches, memory_order_relaxed),
        .messages = atomic_load_explicit(&from->messages, memory_order_relaxed),
    };
}

struct scheduler *core_scheduler(struct core *core)
{
    return &core->sched;
}
