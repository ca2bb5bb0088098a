/* SPDX-License-Identifier: Apache-2.0 */
/* Clock, dice and diary of the simulated world, and the system calls that would bring in the real ones. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

static const int64_t EPOCH_US = INT64_C(1800000000) * 1000000;

static struct {
    uint64_t seed, dice, diary;
    int64_t now_us;
    bool is_told, is_allocating;
} world;

void world_begin(uint64_t seed, bool is_told)
{
    world.seed = seed;
    world.dice = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    world.diary = UINT64_C(0xcbf29ce484222325);
    world.now_us = 0;
    world.is_told = is_told;
}

int64_t world_now_us(void)
{
    return world.now_us;
}

void world_pass_us(int64_t us)
{
    world.now_us += us;
}

/* splitmix64 */
static uint64_t roll(void)
{
    uint64_t z = (world.dice += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t world_random(uint64_t bound)
{
    return roll() % bound;
}

bool world_chance(unsigned per_mille)
{
    return world_random(1000) < per_mille;
}

/* FNV-1a */
static void mix(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        world.diary = (world.diary ^ at[i]) * UINT64_C(0x100000001b3);
}

void world_note(const char *what, uint64_t which, const void *bytes, size_t size)
{
    mix(&world.now_us, sizeof world.now_us);
    mix(what, strlen(what));
    mix(&which, sizeof which);
    mix(bytes, size);
    if (world.is_told)
        printf("%10lld %-10s %6llu %6zu  %016llx\n", (long long)world.now_us, what, (unsigned long long)which, size,
               (unsigned long long)world.diary);
}

uint64_t world_diary(void)
{
    return world.diary;
}

void world_fail(const char *format, ...)
{
    va_list arguments;
    printf("Bail out! seed %llu at %lld us: ", (unsigned long long)world.seed, (long long)world.now_us);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    abort();
}

void *world_resize(void *bytes, size_t size)
{
    world.is_allocating = true;
    void *grown = realloc(bytes, size);
    world.is_allocating = false;
    if (!grown)
        world_fail("the world itself is out of memory");
    return grown;
}

void world_free(void *bytes)
{
    free(bytes);
}

bool world_is_allocating(void)
{
    return world.is_allocating;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    int64_t us = world.now_us + (id == CLOCK_REALTIME ? EPOCH_US : 0);
    *out = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    return 0;
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)roll();
    return (ssize_t)size;
}
