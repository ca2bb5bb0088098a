/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_OFFLOAD_H
#define RT_OFFLOAD_H

#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"

struct fiber;
struct offload;

/* A bounded pool of threads for what blocks or burns CPU. */

/* Starts `threads` threads (signals blocked) with room for `queue_limit` jobs that wait while all are busy. `niceness`
 * (0 to 19) is how far they stand back where there are more threads than CPUs; 10 leaves a loop nine tenths of one that
 * it shares. Owner: the caller; offload_destroy(). Errors: ERROR_MEMORY, ERROR_LIMIT (no more threads). */
MUST_USE enum error offload_create(unsigned threads, size_t queue_limit, int niceness, struct offload **out);
/* Finishes the jobs that wait, then ends the threads. Accepts NULL. */
void offload_destroy(struct offload *offload);

/* Runs `work` on a pool thread while the calling fiber waits; OK says that it has run. `argument` is the work's alone
 * until this returns, so a work that has begun is always waited for; one that still waits in the queue is given up at
 * the deadline or when the fiber is cancelled. Errors: ERROR_UNAVAILABLE (the queue is full), ERROR_TIMEOUT,
 * ERROR_CANCELLED. */
YIELDS ANY_CORE MUST_USE enum error offload_run(struct offload *offload, struct fiber *self, struct deadline deadline,
                                                void (*work)(void *argument), void *argument);

struct offload_figures {
    size_t threads, busy, queued;
};
ANY_CORE struct offload_figures offload_figures(struct offload *offload);

#endif
