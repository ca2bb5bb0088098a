/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints. The bulk of the log is moved beside the writer, each time that it has grown by DUE_PAGES. While the
 * writer goes on it is never moved to its end, and SQLite begins it anew only then; so when it has become LONG_PAGES,
 * the writer is asked for a pause between two transactions and moves the little that is left itself. Both are passive:
 * they disturb nobody, but leave pages behind while somebody reads an old snapshot. Past LARGE_PAGES a restarting
 * checkpoint waits for a moment without such readers, bounded by LARGE_WAIT_MS, so that the file does not grow for
 * ever. A short log is moved once commits have paused for QUIET_MS: while it is empty, readers need not look into it.
 *
 * A checkpoint that does not reach the end of the log syncs nothing: SQLite notes in the log's index how far it has
 * moved it, and leaves the sync to the one that does reach the end. When that sync fails, the system may have forgotten
 * the pages of all of them, and SQLite would go on behind the note. So after any failure the note is set back to 0, and
 * the whole log is moved again (https://www.sqlite.org/walformat.html, section 2.2, says where it is and which lock it
 * has).
 *
 * Invariants
 *   (1) moved <= length and tried <= length, as far as the present log is known
 *   (2) no checkpoint of this process runs between one that failed and the setting back of the note */
#include "data/checkpointer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "data/sqlite.h"

enum { CHECKPOINT_LOCK = 1, INDEX_BYTES = 32768, MOVED_PLACE = 96 / sizeof(uint32_t) };
enum { DUE_PAGES = 1000, LONG_PAGES = 4000, LARGE_PAGES = 16384, LARGE_WAIT_MS = 100, QUIET_MS = 500 };

struct checkpointer {
    struct sqlite *sqlite;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* Under the mutex, in pages of the log: how long it is, how much of it is in the database, and how long it was when
     * that was last tried. */
    unsigned length, moved, tried;
    bool is_quiet; /* no commit came for QUIET_MS */
    bool is_stopping;
    atomic_bool wants_pause;
    atomic_ullong count;
    atomic_bool is_moving; /* by either thread; the other one leaves it to a later time */
    bool must_forget;      /* the note could not be set back yet; belongs to whoever moves */
};

/* Sets the note of what is moved back to 0; false while another process holds the lock. */
static bool forget_moved(sqlite3 *handle)
{
    sqlite3_file *file = NULL;
    volatile void *index = NULL;
    if (sqlite3_file_control(handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) != SQLITE_OK)
        return false;
    bool is_mapped = file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0, &index) == SQLITE_OK && index;
    if (is_mapped)
        __atomic_store_n((volatile uint32_t *)index + MOVED_PLACE, 0, __ATOMIC_SEQ_CST);
    file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    return is_mapped;
}

static bool is_harmless(int code)
{
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

/* One checkpoint, by the one who moves. */
static int move(struct checkpointer *checkpointer, sqlite3 *handle, int mode, int *moved)
{
    int in_log = 0;
    if (checkpointer->must_forget && !forget_moved(handle))
        return SQLITE_BUSY;
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, mode, &in_log, moved);
    checkpointer->must_forget = !is_harmless(code) && !forget_moved(handle);
    return code;
}

/* Moves what it can, without the mutex; returns how much of the log is moved now. */
static unsigned run(struct checkpointer *checkpointer, sqlite3 *handle, unsigned length)
{
    int mode = length >= LARGE_PAGES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int moved = 0;
    if (atomic_exchange(&checkpointer->is_moving, true))
        return 0;
    int code = move(checkpointer, handle, mode, &moved);
    atomic_store(&checkpointer->is_moving, false);
    atomic_fetch_add(&checkpointer->count, 1);
    return code == SQLITE_OK && moved > 0 ? (unsigned)moved : 0;
}

/* Sleeps until enough is due, or a little is and nothing more came for a while. */
static void wait_until_due(struct checkpointer *checkpointer)
{
    if (checkpointer->moved == checkpointer->length) {
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

static bool is_due(const struct checkpointer *checkpointer)
{
    bool is_left = checkpointer->moved < checkpointer->length;
    return checkpointer->length - checkpointer->tried >= DUE_PAGES || (checkpointer->is_quiet && is_left);
}

static void *checkpointer_main(void *argument)
{
    struct checkpointer *checkpointer = argument;
    pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->is_stopping) {
        if (!is_due(checkpointer)) {
            wait_until_due(checkpointer);
            continue;
        }
        unsigned length = checkpointer->length;
        checkpointer->tried = length;
        checkpointer->is_quiet = false;
        pthread_mutex_unlock(&checkpointer->mutex);
        unsigned moved = run(checkpointer, checkpointer->sqlite->handle, length);
        atomic_store(&checkpointer->wants_pause, length >= LONG_PAGES);
        pthread_mutex_lock(&checkpointer->mutex);
        if (checkpointer->length >= length) /* else it began anew meanwhile */
            checkpointer->moved = moved < checkpointer->length ? moved : checkpointer->length;
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
    int moved;
    (void)move(checkpointer, checkpointer->sqlite->handle, SQLITE_CHECKPOINT_TRUNCATE, &moved);
    sqlite_close(checkpointer->sqlite);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer);
}

void checkpointer_tell(struct checkpointer *checkpointer, unsigned length)
{
    pthread_mutex_lock(&checkpointer->mutex);
    bool was_due = is_due(checkpointer);
    bool was_idle = checkpointer->moved == checkpointer->length;
    if (length < checkpointer->length)
        checkpointer->moved = checkpointer->tried = 0;
    checkpointer->length = length;
    checkpointer->is_quiet = false;
    bool wakes = was_idle || (is_due(checkpointer) && !was_due);
    pthread_mutex_unlock(&checkpointer->mutex);
    if (wakes)
        pthread_cond_signal(&checkpointer->wake);
}

void checkpointer_pause(struct checkpointer *checkpointer, struct sqlite *writer)
{
    if (atomic_load_explicit(&checkpointer->wants_pause, memory_order_relaxed) &&
        atomic_exchange(&checkpointer->wants_pause, false))
        run(checkpointer, writer->handle, 0);
}

uint64_t checkpointer_count(const struct checkpointer *checkpointer)
{
    return atomic_load(&checkpointer->count);
}
