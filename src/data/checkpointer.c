/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints. A passive one disturbs nobody but may leave pages behind while somebody reads an old snapshot; when the
 * log has grown past LARGE_PAGES all the same, a restarting one waits for a moment without such readers, bounded by
 * LARGE_WAIT_MS, so that the log's file does not grow for ever. A short log is moved once commits have paused for
 * QUIET_MS, and what a checkpoint had to leave behind is tried again as late: while the log is empty, readers need not
 * look into it. */
#include "data/checkpointer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "data/sqlite.h"

enum { DUE_PAGES = 1000, LARGE_PAGES = 16384, LARGE_WAIT_MS = 100, QUIET_MS = 500 };

struct checkpointer {
    struct sqlite *sqlite;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    unsigned pages; /* under the mutex: of the log that were not moved as far as we know */
    bool is_quiet;  /* no commit came for QUIET_MS */
    bool is_stopping;
    atomic_ullong count;
};

/* Returns how many pages stay behind. */
static unsigned run(struct checkpointer *checkpointer, unsigned pages)
{
    int mode = pages >= LARGE_PAGES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int in_log = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(checkpointer->sqlite->handle, NULL, mode, &in_log, &moved);
    atomic_fetch_add(&checkpointer->count, 1);
    return code == SQLITE_OK && in_log > moved ? (unsigned)(in_log - moved) : 0;
}

/* Sleeps until enough is due, or a little is and nothing more came for a while. */
static void wait_until_due(struct checkpointer *checkpointer)
{
    if (checkpointer->pages == 0) {
        pthread_cond_wait(&checkpointer->wake, &checkpointer->mutex);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += QUIET_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (pthread_cond_timedwait(&checkpointer->wake, &checkpointer->mutex, &until) == ETIMEDOUT)
        checkpointer->is_quiet = true;
}

static void *checkpointer_main(void *argument)
{
    struct checkpointer *checkpointer = argument;
    pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->is_stopping) {
        unsigned pages = checkpointer->pages;
        if (pages < DUE_PAGES && !(checkpointer->is_quiet && pages > 0)) {
            wait_until_due(checkpointer);
            continue;
        }
        checkpointer->pages = 0;
        checkpointer->is_quiet = false;
        pthread_mutex_unlock(&checkpointer->mutex);
        unsigned behind = run(checkpointer, pages);
        pthread_mutex_lock(&checkpointer->mutex);
        if (checkpointer->pages == 0 && behind > 0)
            checkpointer->pages = behind < DUE_PAGES ? behind : DUE_PAGES - 1;
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    return NULL;
}

enum error checkpointer_create(const char *path, struct log *log, struct diag *diag, struct checkpointer **out)
{
    struct checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    if (!checkpointer)
        return ERROR_MEMORY;
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_cond_init(&checkpointer->wake, NULL);
    enum error error = sqlite_open(path, SQLITE_CHECKPOINTER, 8, log, diag, &checkpointer->sqlite);
    if (error == OK && pthread_create(&checkpointer->thread, NULL, checkpointer_main, checkpointer) != 0)
        error = ERROR_LIMIT;
    if (error != OK) {
        sqlite_close(checkpointer->sqlite);
        free(checkpointer);
        return error;
    }
    sqlite3_busy_timeout(checkpointer->sqlite->handle, LARGE_WAIT_MS);
    *out = checkpointer;
    return OK;
}

void checkpointer_destroy(struct checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->is_stopping = true;
    pthread_mutex_unlock(&checkpointer->mutex);
    pthread_cond_signal(&checkpointer->wake);
    pthread_join(checkpointer->thread, NULL);
    sqlite3_wal_checkpoint_v2(checkpointer->sqlite->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite_close(checkpointer->sqlite);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer);
}

void checkpointer_tell(struct checkpointer *checkpointer, unsigned pages)
{
    pthread_mutex_lock(&checkpointer->mutex);
    bool wakes = checkpointer->pages == 0 || (checkpointer->pages < DUE_PAGES && pages >= DUE_PAGES);
    checkpointer->pages = pages;
    checkpointer->is_quiet = false;
    pthread_mutex_unlock(&checkpointer->mutex);
    if (wakes)
        pthread_cond_signal(&checkpointer->wake);
}

uint64_t checkpointer_count(const struct checkpointer *checkpointer)
{
    return atomic_load(&checkpointer->count);
}
