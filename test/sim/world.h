/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One simulated machine at a time: its clock, its dice, its diary. Everything that happens in it happens on the thread
 * of the test, in an order that the seed decides. */

/* Begins a world; `is_told` prints the diary as it is written. */
void world_begin(uint64_t seed, bool is_told);

/* Microseconds since the world began. Time moves only here. */
int64_t world_now_us(void);
void world_pass_us(int64_t us);

/* A number below `bound`, which is not 0. */
uint64_t world_random(uint64_t bound);
/* True that often in a thousand times. */
bool world_chance(unsigned per_mille);

/* Writes into the diary, whose hash is what two runs of one seed must have in common. */
void world_note(const char *what, uint64_t which, const void *bytes, size_t size);
uint64_t world_diary(void);

/* The world's own memory, which is never short: realloc() and free() that no test counts or fails. */
void *world_resize(void *bytes, size_t size);
void world_free(void *bytes);
bool world_is_allocating(void);

/* The world has found a promise broken: prints the seed and the reason, and ends the program. */
void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
