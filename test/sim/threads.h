/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_THREADS_H
#define TEST_SIM_THREADS_H

#include <stdint.h>

/* Threads of the simulated world: each is a stack of its own that runs until it waits for a condition, and goes on some
 * time after it was signalled. Only one runs at a time, so a mutex is never taken by another. */

/* When the next one wants to run; INT64_MAX: none does. */
int64_t threads_next_us(void);
/* Runs the one that is due first until it waits or ends. */
void threads_run_one(void);

#endif
