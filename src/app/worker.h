/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/log.h"
#include "rt/core.h"

struct settings;

/* One core with its thread and its log. Lines are gathered and written at the end of each turn. */
struct worker {
    struct core *core;
    struct log log;
    struct log_buffered lines;
    struct core_hook flush;
    pthread_t thread;
    bool is_running;
};

/* Makes the core; its thread does not run yet. `fd` (a pointer that lives as long) is where its log goes.
 * Errors: ERROR_MEMORY, ERROR_IO. */
MUST_USE enum error worker_init(struct worker *worker, unsigned index, const struct settings *settings, int *fd);
/* Starts the thread, pinned to no CPU. Errors: ERROR_LIMIT. */
MUST_USE enum error worker_start(struct worker *worker);
/* Ends the loop and waits for the thread. */
void worker_stop(struct worker *worker);
/* After worker_stop(). Accepts one that was never made. */
void worker_fini(struct worker *worker);

/* What the settings say of a log. */
void worker_configure_log(struct log *log, const struct settings *settings);

#endif
