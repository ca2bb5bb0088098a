/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct core;

/* A one-shot alarm, embedded in what it belongs to. `fire` is called on the loop, not in a fiber, at or a little
 * (at most 2 ms) after its time, never before; it may arm the timer again, disarm others, and free what it is in. */
struct timer {
    struct timer *next, *previous; /* in its slot of the wheel; NULL: not armed */
    int64_t at_us;
    void (*fire)(struct core *core, struct timer *timer);
};

static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->next != 0;
}

enum { TIMER_LEVELS = 9, TIMER_SLOTS = 64 };

/* The armed timers of one core; see timer.c. Users go through core_arm() and core_disarm(). */
struct timer_wheel {
    int64_t done_tick; /* every timer up to this tick (ms) has fired */
    uint64_t occupied[TIMER_LEVELS + 1];
    struct timer slots[TIMER_LEVELS * TIMER_SLOTS + 1]; /* heads of circular lists; the last: being fired */
};

/* Makes an empty wheel that stands at a time. */
void timer_wheel_init(struct timer_wheel *wheel, int64_t now_us);
/* Arms a timer, or moves an armed one. A time that has passed means as soon as possible, but never within this call. */
void timer_wheel_arm(struct timer_wheel *wheel, struct timer *timer, int64_t at_us);
/* Accepts a timer that is not armed. */
void timer_wheel_disarm(struct timer_wheel *wheel, struct timer *timer);
/* The time until which nothing needs to be done, at most the time of the earliest timer; INT64_MAX when none is armed.
 */
int64_t timer_wheel_next_us(const struct timer_wheel *wheel);
/* Fires what is due, tick by tick. Returns how many fired. */
uint64_t timer_wheel_advance(struct timer_wheel *wheel, struct core *core, int64_t now_us);

#endif
