/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* Where time comes from. The real one reads the system's clocks; a simulated world brings its own. */
struct clock {
    int64_t (*monotonic_us)(void *state); /* never goes back; only differences mean something */
    int64_t (*wall_us)(void *state);      /* microseconds since 1970-01-01T00:00:00Z, leap seconds ignored */
    void *state;
};

/* The system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME). */
ANY_CORE const struct clock *clock_system(void);

static inline int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->state);
}

static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->state);
}

/* A point of the monotonic clock after which waiting is pointless. */
struct deadline {
    int64_t at_us;
};

#define DEADLINE_NEVER ((struct deadline){INT64_MAX})

static inline bool deadline_passed(struct deadline deadline, int64_t now_us)
{
    return now_us >= deadline.at_us;
}

static inline struct deadline deadline_earlier(struct deadline a, struct deadline b)
{
    return a.at_us < b.at_us ? a : b;
}

/* `after_ms` from `now_us`; a huge time is never. */
static inline struct deadline deadline_after(int64_t now_us, int64_t after_ms)
{
    if (after_ms > (INT64_MAX - now_us) / 1000)
        return DEADLINE_NEVER;
    return (struct deadline){now_us + after_ms * 1000};
}

#endif
