/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct core;

/* A one-shot alarm, embedded in what it belongs to. `fire` is called on the loop, not in a fiber, at or a little
 * (at most 2 ms) after its time; it may arm the timer again. */
struct timer {
    struct timer *next, *previous; /* in its slot of the wheel; NULL: not armed */
    int64_t at_us;
    void (*fire)(struct core *core, struct timer *timer);
};

static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->next != 0;
}

#endif
