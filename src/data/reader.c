/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: the connections of one core.
 *
 * Idea: a read transaction costs as much as a point query, so the reads of one loop turn share one. A connection that
 * is given back keeps its transaction until the turn ends; whoever asks next in the same turn gets it, transaction and
 * all. Every request of a turn was received before its first fiber ran (rt/core.h), so a snapshot of this turn is no
 * older than any request that it serves; one of an earlier turn may be, and is never lent again.
 *
 * A long statement does not block the core: SQLite calls back every PROGRESS_STEPS steps of its machine; the callback
 * lets other fibers run when this one has had SLICE_US, and cuts the statement at the lease's deadline. While it is
 * parked there, the connection belongs to that fiber alone; others get another one.
 *
 * Invariants
 *   (1) open counts the idle and the lent; open <= limit
 *   (2) no fiber waits while a connection is idle
 *   (3) after the hook no idle connection has a transaction open
 *   (4) `fiber` is set while a statement of a lease may run, and only then does the callback switch fibers
 */
#include "data/reader.h"

#include <stdlib.h>

#include "base/check.h"
#include "rt/fiber.h"

enum { PROGRESS_STEPS = 1000, SLICE_US = 500, BUSY_WAIT_MS = 1 };

/* A figure of the core's own that others may read at any time: no lock, and no torn value. */
static void count(unsigned *figure, int by)
{
    __atomic_store_n(figure, *figure + (unsigned)by, __ATOMIC_RELAXED);
}

static int on_progress(void *argument)
{
    struct sqlite_conn *conn = argument;
    struct core *core = conn->pool->core;
    if (!conn->fiber)
        return 0; /* a statement is prepared, or the hook ends a snapshot: its steps are counted over all its runs */
    int64_t now_us = core_refresh_us(core);
    if (now_us - conn->slice_began_us >= SLICE_US) {
        fiber_yield(conn->fiber);
        now_us = core_refresh_us(core);
        conn->slice_began_us = now_us;
    }
    if (fiber_is_cancelled(conn->fiber))
        conn->sqlite->interrupt = ERROR_CANCELLED;
    else if (deadline_passed(conn->deadline, now_us))
        conn->sqlite->interrupt = ERROR_TIMEOUT;
    return conn->sqlite->interrupt != OK;
}

/* A reader meets a lock only while another process recovers the log; it waits as a fiber does. */
static int on_busy(void *argument, int tries)
{
    struct sqlite_conn *conn = argument;
    if (!conn->fiber || deadline_passed(conn->deadline, core_refresh_us(conn->pool->core)))
        return 0;
    return fiber_sleep(conn->fiber, BUSY_WAIT_MS) == OK;
}

enum error reader_open(const struct reader_config *config, struct sqlite_conn **out)
{
    struct sqlite_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return ERROR_MEMORY;
    enum error error =
        sqlite_open(config->path, SQLITE_READER, config->statement_cache, config->log, NULL, &conn->sqlite);
    if (error != OK) {
        free(conn);
        return error;
    }
    conn->is_own = true;
    *out = conn;
    return OK;
}

void reader_close(struct sqlite_conn *conn)
{
    sqlite_close(conn->sqlite);
    free(conn);
}

/* Should it fail, for want of memory, the next turn tries again; nobody is given the old snapshot meanwhile. */
static enum error end_snapshot(struct sqlite_conn *conn)
{
    if (conn->snapshot_turn == 0)
        return OK;
    struct fiber *fiber = conn->fiber;
    conn->fiber = NULL;
    enum error error = sqlite_run(conn->sqlite, SQLITE_COMMIT_ALL);
    conn->fiber = fiber;
    if (error != OK && !sqlite_is_idle(conn->sqlite))
        return error;
    conn->snapshot_turn = 0;
    return OK;
}

static void end_turn(struct core *core, struct core_hook *hook)
{
    struct reader_pool *pool = CONTAINER_OF(hook, struct reader_pool, hook);
    for (struct sqlite_conn *conn = pool->idle; conn; conn = conn->next)
        (void)!end_snapshot(conn);
}

void reader_pool_init(struct reader_pool *pool, struct core *core, const struct reader_config *config)
{
    *pool = (struct reader_pool){.core = core,
                                 .hook = {.run = end_turn},
                                 .path = config->path,
                                 .log = config->log,
                                 .statement_cache = config->statement_cache,
                                 .limit = config->limit};
    wait_queue_init(&pool->waiting, config->waiters);
    core_add_hook(core, &pool->hook);
}

void reader_pool_fini(struct reader_pool *pool)
{
    CHECK(pool->lent == 0, "no read connection is lent when its pool ends");
    while (pool->idle) {
        struct sqlite_conn *conn = pool->idle;
        pool->idle = conn->next;
        reader_close(conn);
    }
}

static enum error open_one(struct reader_pool *pool, struct sqlite_conn **out)
{
    const struct reader_config config = {
        .path = pool->path, .log = pool->log, .statement_cache = pool->statement_cache};
    TRY(reader_open(&config, out));
    (*out)->is_own = false;
    (*out)->pool = pool;
    count(&pool->open, 1);
    count(&pool->lent, 1);
    return OK;
}

enum error reader_pool_open_first(struct reader_pool *pool)
{
    struct sqlite_conn *conn;
    TRY(open_one(pool, &conn));
    count(&pool->lent, -1);
    conn->next = pool->idle;
    pool->idle = conn;
    return OK;
}

static enum error take(struct reader_pool *pool, struct fiber *self, struct deadline deadline, struct sqlite_conn **out)
{
    if (pool->idle) {
        *out = pool->idle;
        pool->idle = pool->idle->next;
        count(&pool->lent, 1);
        return OK;
    }
    if (pool->open < pool->limit) {
        enum error error = open_one(pool, out);
        if (error == OK || pool->open == 0)
            return error; /* without descriptors or memory, those that are open have to do */
    }
    void *gift = NULL;
    enum error error = wait_queue_park(&pool->waiting, self, deadline, &gift);
    if (error != OK)
        return error == ERROR_LIMIT ? ERROR_UNAVAILABLE : error;
    *out = gift;
    return OK;
}

/* Makes the connection the fiber's own, with a snapshot of this turn. */
static enum error begin(struct sqlite_conn *conn, struct fiber *self, struct deadline deadline)
{
    struct core *core = conn->pool->core;
    conn->fiber = self;
    conn->deadline = deadline;
    conn->slice_began_us = core_now_us(core);
    conn->sqlite->interrupt = OK;
    sqlite3_progress_handler(conn->sqlite->handle, PROGRESS_STEPS, on_progress, conn);
    sqlite3_busy_handler(conn->sqlite->handle, on_busy, conn);
    if (conn->snapshot_turn == core_turn(core))
        return OK;
    TRY(end_snapshot(conn));
    TRY(sqlite_run(conn->sqlite, SQLITE_BEGIN_READ));
    conn->snapshot_turn = core_turn(core);
    return OK;
}

enum error reader_acquire(struct reader_pool *pool, struct fiber *self, struct deadline deadline,
                          struct sqlite_conn **out)
{
    struct sqlite_conn *conn;
    TRY(take(pool, self, deadline, &conn));
    enum error error = begin(conn, self, deadline);
    if (error != OK) {
        reader_release(conn);
        return error;
    }
    *out = conn;
    return OK;
}

void reader_release(struct sqlite_conn *conn)
{
    struct reader_pool *pool = conn->pool;
    sqlite_close_all_rows(conn->sqlite);
    if (conn->snapshot_turn != core_turn(pool->core))
        (void)!end_snapshot(conn);
    if (wait_queue_wake_one(&pool->waiting, conn))
        return;
    count(&pool->lent, -1);
    conn->fiber = NULL;
    conn->next = pool->idle;
    pool->idle = conn;
}
