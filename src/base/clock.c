/* SPDX-License-Identifier: Apache-2.0 */
/* The system's clocks behind the interface of clock.h. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_monotonic_us(void *state)
{
    return read_us(CLOCK_MONOTONIC);
}

static int64_t system_wall_us(void *state)
{
    return read_us(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {system_monotonic_us, system_wall_us, NULL};
    return &system_clock;
}
