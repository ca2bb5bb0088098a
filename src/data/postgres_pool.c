/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one core.
 *
 * Idea: statements that need no transaction of their own and wishes for a connection (leases) wait in a queue, first
 * come first served. At the end of each turn what waits is spread over the connections that owe nothing: statements go
 * out in batches, one system call each, and the next batch of a connection only when the last one was answered. So a
 * lone statement is sent at once, many share what is expensive, and no statement is stuck behind a slow one: what has
 * not been sent is anybody's to take. Statements that were slow before, or were never seen, go alone.
 *
 * Single writes have a queue of their own, and one batch of them is on its way at a time: the next one grows meanwhile,
 * and its writes share a commit. When a batch takes long (it waits for a lock, say), others are sent beside it.
 *
 * More connections are opened when those that are there cannot keep up, up to the limit.
 *
 *   request: QUEUED --dispatch--> SENT --answer--> SETTLED --drop--> spare
 *              ^--returned-----------'  (the batch failed, or the connection broke)
 *
 * Invariants
 *   (1) a request is in the queue, in flight on one connection, settled, or spare
 *   (2) one whose lease is NULL has no waiter: it is recycled when it is settled or comes back
 *   (3) a leased connection carries nobody else's statements
 *   (4) a broken connection is freed by the hook, never while somebody may look at it */
#include "data/postgres_pool.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "data/postgres_lease.h"
#include "rt/fiber.h"

enum {
    TICK_US = 250 * 1000,
    BATCH_MIN = 8,      /* before a second connection is used */
    PATIENCE_US = 1000, /* of the queue, before another connection is opened */
    COMMIT_US = 20000,  /* how long writes wait for the batch before theirs */
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 2000
};

static void count(unsigned *figure, int by)
{
    __atomic_store_n(figure, *figure + (unsigned)by, __ATOMIC_RELAXED);
}

static void count_up(uint64_t *figure)
{
    __atomic_store_n(figure, *figure + 1, __ATOMIC_RELAXED);
}

static void set_down(struct postgres_pool *pool, bool is_down)
{
    __atomic_store_n(&pool->figures.is_down, is_down, __ATOMIC_RELAXED);
}

/* ---- requests ---- */

enum error postgres_pool_request(struct postgres_pool *pool, struct postgres_lease *lease, enum postgres_kind kind,
                                 struct postgres_request **out)
{
    struct postgres_request *request = pool->spare;
    if (request)
        pool->spare = request->next;
    else if (!(request = calloc(1, sizeof *request)))
        return ERROR_MEMORY;
    *request = (struct postgres_request){.base.driver = pool->config.driver,
                                         .pool = pool,
                                         .lease = lease,
                                         .kind = kind,
                                         .row = -1,
                                         .room = request->room,
                                         .room_columns = request->room_columns};
    *out = request;
    return OK;
}

static void recycle(struct postgres_pool *pool, struct postgres_request *request)
{
    PQclear(request->result);
    request->result = NULL;
    if (request->statement)
        postgres_statement_release(request->statement);
    request->statement = NULL;
    request->next = pool->spare;
    pool->spare = request;
}

static struct postgres_queue *queue_of(struct postgres_pool *pool, const struct postgres_request *request)
{
    return request->kind == POSTGRES_WRITE ? &pool->writes : &pool->reads;
}

static void note_length(struct postgres_pool *pool, struct postgres_queue *queue, int by)
{
    queue->count += (unsigned)by;
    count(&pool->figures.waiting, by);
}

static void append(struct postgres_pool *pool, struct postgres_request *request)
{
    struct postgres_queue *queue = queue_of(pool, request);
    request->next = NULL;
    *queue->end = request;
    queue->end = &request->next;
    note_length(pool, queue, 1);
}

static void put_first(struct postgres_pool *pool, struct postgres_request *request)
{
    struct postgres_queue *queue = queue_of(pool, request);
    request->next = queue->first;
    queue->first = request;
    if (!request->next)
        queue->end = &request->next;
    note_length(pool, queue, 1);
}

static struct postgres_request *take_first(struct postgres_pool *pool, struct postgres_queue *queue)
{
    struct postgres_request *request = queue->first;
    queue->first = request->next;
    if (!queue->first)
        queue->end = &queue->first;
    request->next = NULL;
    note_length(pool, queue, -1);
    return request;
}

static void take_out(struct postgres_pool *pool, struct postgres_request *request)
{
    struct postgres_queue *queue = queue_of(pool, request);
    struct postgres_request **link = &queue->first;
    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    if (!*link)
        queue->end = link;
    note_length(pool, queue, -1);
}

enum error postgres_pool_queue(struct postgres_pool *pool, struct postgres_request *request)
{
    if (pool->reads.count + pool->writes.count >= pool->config.waiters || pool->figures.is_down)
        return ERROR_UNAVAILABLE;
    request->state = POSTGRES_QUEUED;
    request->queued_us = core_now_us(pool->config.core);
    append(pool, request);
    return OK;
}

static void settle(struct postgres_pool *pool, struct postgres_request *request, enum error error)
{
    request->state = POSTGRES_SETTLED;
    request->error = error;
    if (request->lease)
        fiber_wake(request->lease->fiber);
    else
        recycle(pool, request);
}

struct cancelling {
    struct postgres_wish wish;
    struct postgres_conn *conn;
};

static void end_cancelling(struct core *core, struct core_message *message)
{
    struct cancelling *cancelling = CONTAINER_OF(message, struct cancelling, wish.message);
    cancelling->conn->cancels--;
    free(cancelling);
}

/* Asks the server to end what a connection is at. Until that was delivered nobody else is given the connection: it
 * would end theirs. */
static void cancel(struct postgres_pool *pool, struct postgres_conn *conn)
{
    struct cancelling *cancelling = conn ? calloc(1, sizeof *cancelling) : NULL;
    PGcancel *handle = cancelling ? PQgetCancel(conn->pg) : NULL;
    if (!handle) {
        free(cancelling);
        return;
    }
    cancelling->wish =
        (struct postgres_wish){.message.run = end_cancelling, .core = pool->config.core, .cancel = handle};
    cancelling->conn = conn;
    conn->cancels++;
    postgres_connect_wish(pool->config.connector, &cancelling->wish);
}

/* What was sent as part of a transaction, or is one, is waited for, because its outcome counts. A statement that nobody
 * wants any more is cut short by the server; of a batch of writes the others are then sent again. */
static void await_sent(struct postgres_pool *pool, struct postgres_request *request, struct fiber *self,
                       struct deadline deadline)
{
    bool can_be_cut = !request->is_final;
    while (request->state == POSTGRES_SENT) {
        if (!can_be_cut) {
            fiber_park_shielded(self);
            continue;
        }
        enum error error = fiber_park(self, deadline);
        if (error == OK || request->state != POSTGRES_SENT)
            continue;
        can_be_cut = false;
        if (request->kind == POSTGRES_STEP || error == ERROR_TIMEOUT) /* who leaves does not undo a batch of others */
            cancel(pool, request->conn);
    }
}

enum error postgres_pool_await(struct postgres_pool *pool, struct postgres_request *request, struct fiber *self,
                               struct deadline deadline)
{
    int64_t patience_us = request->queued_us + pool->config.acquire_ms * 1000;
    while (request->state != POSTGRES_SETTLED) {
        bool is_queued = request->state == POSTGRES_QUEUED;
        bool is_impatient = is_queued && patience_us < deadline.at_us;
        if (!is_queued && request->kind != POSTGRES_READ) {
            await_sent(pool, request, self, deadline);
            continue;
        }
        enum error error = fiber_park(self, is_impatient ? (struct deadline){patience_us} : deadline);
        if (error == OK || request->state == POSTGRES_SETTLED || (is_queued && request->state != POSTGRES_QUEUED))
            continue;
        if (error == ERROR_TIMEOUT && is_impatient) {
            count_up(&pool->figures.waits_timed_out);
            return ERROR_UNAVAILABLE;
        }
        return error;
    }
    return request->error;
}

enum error postgres_pool_move(struct postgres_pool *pool, struct postgres_request *request)
{
    struct postgres_statement *statement;
    struct slice text = slice_of(request->statement->text, request->statement->length);
    TRY(postgres_statement_find(&pool->statements, text, &statement));
    postgres_statement_release(request->statement);
    request->statement = statement;
    request->pool = pool;
    request->tries = 0;
    request->fault = (struct postgres_fault){.is_transient = false};
    return postgres_pool_queue(pool, request);
}

void postgres_pool_drop(struct postgres_request *request)
{
    struct postgres_pool *pool = request->pool;
    request->lease = NULL;
    if (request->state == POSTGRES_SENT)
        return; /* its answer will find nobody */
    if (request->state == POSTGRES_QUEUED && request->queued_us != 0)
        take_out(pool, request);
    recycle(pool, request);
}

void postgres_pool_send(struct postgres_pool *pool, struct postgres_conn *conn, struct postgres_request *request)
{
    postgres_conn_add(conn, request);
    postgres_conn_flush(conn);
}

/* ---- connections ---- */

static void on_settled(struct postgres_conn *conn, struct postgres_request *request)
{
    struct postgres_pool *pool = conn->owner;
    if (request->lease)
        fiber_wake(request->lease->fiber);
    else
        recycle(pool, request);
}

static void on_returned(struct postgres_conn *conn, struct postgres_request *request)
{
    struct postgres_pool *pool = conn->owner;
    if (!request->lease)
        recycle(pool, request);
    else if (request->kind == POSTGRES_STEP)
        postgres_pool_send(pool, conn, request); /* described by now */
    else
        put_first(pool, request);
    if (request->lease && request->kind == POSTGRES_WRITE)
        fiber_wake(request->lease->fiber); /* it may have waited long enough */
}

static void on_broken(struct postgres_conn *conn)
{
    struct postgres_pool *pool = conn->owner;
    count(&pool->figures.open, -1);
    pool->retry_us = core_now_us(pool->config.core); /* whether the server is there is seen at once */
}

static const struct postgres_conn_events events = {on_settled, on_returned, on_broken};

static enum error add(struct postgres_pool *pool, PGconn *pg)
{
    struct postgres_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return ERROR_MEMORY;
    *conn = (struct postgres_conn){.events = &events,
                                   .owner = pool,
                                   .log = pool->config.log,
                                   .commits = &pool->figures.commits,
                                   .round_trips = &pool->figures.round_trips};
    enum error error = postgres_conn_open(conn, pool->config.core, pg);
    if (error != OK) {
        conn->pg = NULL;
        postgres_value_fini(&conn->arguments);
        free(conn);
        return error;
    }
    int64_t life_us = pool->config.lifetime_ms * 1000;
    conn->opened_us = conn->used_us = core_now_us(pool->config.core);
    conn->expires_us = conn->opened_us + life_us - life_us / 10 * (int64_t)(PQbackendPID(pg) % 16) / 16;
    conn->next = pool->conns;
    pool->conns = conn;
    count(&pool->figures.open, 1);
    return OK;
}

void postgres_pool_adopt(struct postgres_pool *pool, PGconn *pg)
{
    if (add(pool, pg) != OK)
        PQfinish(pg);
}

static void fail_queue(struct postgres_pool *pool)
{
    while (pool->reads.first)
        settle(pool, take_first(pool, &pool->reads), ERROR_UNAVAILABLE);
    while (pool->writes.first)
        settle(pool, take_first(pool, &pool->writes), ERROR_UNAVAILABLE);
}

static void on_connected(struct core *core, struct core_message *message)
{
    struct postgres_pool *pool = CONTAINER_OF(message, struct postgres_pool, wish.message);
    PGconn *pg = pool->wish.pg;
    pool->is_connecting = false;
    pool->wish.pg = NULL;
    if (pg && add(pool, pg) == OK) {
        if (pool->figures.is_down && pool->config.log)
            LOG_INFO(pool->config.log, "the database is there again");
        pool->failures = 0;
        set_down(pool, false);
        return;
    }
    PQfinish(pg);
    int64_t wait_ms = (int64_t)RETRY_FIRST_MS << (pool->failures < 5 ? pool->failures : 5);
    pool->retry_us = core_now_us(core) + 1000 * (wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS);
    if (pool->failures++ == 0 && pool->config.log)
        LOG_WARN(pool->config.log, "the database cannot be connected to",
                 LOG_STR("reason", slice_from(pool->wish.reason)));
    if (pool->figures.open == 0) {
        set_down(pool, true);
        fail_queue(pool);
    }
}

static void connect_one(struct postgres_pool *pool)
{
    if (pool->is_connecting || pool->is_stopping || pool->figures.open >= pool->config.limit ||
        core_now_us(pool->config.core) < pool->retry_us)
        return;
    pool->is_connecting = true;
    pool->wish = (struct postgres_wish){.message.run = on_connected, .core = pool->config.core};
    postgres_connect_wish(pool->config.connector, &pool->wish);
}

static bool is_free(const struct postgres_conn *conn)
{
    return !conn->is_leased && !conn->is_broken && conn->cancels == 0 && postgres_conn_is_idle(conn);
}

static void close_conn(struct postgres_conn **link)
{
    struct postgres_conn *conn = *link;
    *link = conn->next;
    postgres_conn_close(conn);
    free(conn);
}

/* Connections that are broken, or too old, or not needed for long, or do not answer. */
static void sweep(struct postgres_pool *pool, bool is_tick)
{
    int64_t now_us = core_now_us(pool->config.core);
    for (struct postgres_conn **link = &pool->conns; *link;) {
        struct postgres_conn *conn = *link;
        if (is_tick && !postgres_conn_is_idle(conn) && now_us - conn->heard_us > pool->config.silence_ms * 1000)
            postgres_conn_break(conn, "it does not answer");
        bool is_old = is_tick && is_free(conn) &&
                      (now_us > conn->expires_us || (pool->figures.open > pool->config.idle &&
                                                     now_us - conn->used_us > pool->config.idle_ms * 1000));
        if (is_old)
            count(&pool->figures.open, -1);
        if (is_old || (conn->is_broken && !conn->is_leased && conn->cancels == 0))
            close_conn(link);
        else
            link = &conn->next;
    }
}

static void tick(struct core *core, struct timer *timer)
{
    struct postgres_pool *pool = CONTAINER_OF(timer, struct postgres_pool, timer);
    sweep(pool, true);
    if (pool->figures.open == 0)
        connect_one(pool);
    core_arm(core, &pool->timer, core_now_us(core) + TICK_US);
}

void postgres_pool_release(struct postgres_pool *pool, struct postgres_conn *conn, bool is_clean)
{
    count(&pool->figures.leased, -1);
    conn->is_leased = false;
    conn->used_us = core_now_us(pool->config.core);
    if (!is_clean)
        postgres_conn_break(conn, "a transaction was given up");
}

/* ---- dispatch ---- */

static bool goes_alone(const struct postgres_request *request)
{
    return request->is_alone || !request->statement->is_described || request->statement->is_slow;
}

static void lease_out(struct postgres_pool *pool, struct postgres_conn *conn)
{
    struct postgres_request *request = take_first(pool, &pool->reads);
    conn->is_leased = true;
    count(&pool->figures.leased, 1);
    request->conn = conn;
    settle(pool, request, OK);
}

/* Sends the first of a queue, and as many behind it as may share its batch. */
static void send_batch(struct postgres_pool *pool, struct postgres_queue *queue, struct postgres_conn *conn,
                       unsigned most)
{
    enum postgres_kind kind = queue->first->kind;
    conn->is_writing = kind == POSTGRES_WRITE;
    for (unsigned sent = 0; sent < most && queue->first && !conn->is_broken; sent++) {
        if (queue->first->kind != kind)
            break;
        bool is_alone = goes_alone(queue->first);
        if (is_alone && sent > 0)
            break;
        if (queue->first->statement->is_described)
            count_up(&pool->figures.queries);
        postgres_conn_add(conn, take_first(pool, queue));
        if (is_alone)
            break;
    }
    conn->used_us = core_now_us(pool->config.core);
    postgres_conn_flush(conn);
}

/* What the connections of the pool are at. */
struct activity {
    unsigned free;
    bool is_writing; /* a batch of writes is on its way, and not for too long */
};

static struct activity look(const struct postgres_pool *pool)
{
    struct activity activity = {.free = 0};
    for (const struct postgres_conn *conn = pool->conns; conn; conn = conn->next) {
        bool writes = conn->is_writing && !conn->is_leased && !conn->is_broken && !postgres_conn_is_idle(conn);
        int64_t since_us = core_now_us(pool->config.core) - conn->used_us;
        activity.free += is_free(conn);
        activity.is_writing = activity.is_writing || (writes && since_us < COMMIT_US);
    }
    return activity;
}

static bool is_turn_of_writes(const struct postgres_pool *pool, const struct activity *activity)
{
    const struct postgres_request *write = pool->writes.first, *read = pool->reads.first;
    return write && !activity->is_writing && (!read || write->queued_us <= read->queued_us);
}

/* Gives a free connection what has waited longest. Writes wait for the batch before theirs, so that many share a
 * commit. */
static void employ(struct postgres_pool *pool, struct postgres_conn *conn, struct activity *activity)
{
    if (is_turn_of_writes(pool, activity)) {
        send_batch(pool, &pool->writes, conn, POSTGRES_BATCH_MAX);
        activity->is_writing = true;
    } else if (pool->reads.first && pool->reads.first->kind == POSTGRES_LEASE) {
        lease_out(pool, conn);
    } else if (pool->reads.first) {
        unsigned share = (pool->reads.count + activity->free - 1) / activity->free;
        share = share < POSTGRES_BATCH_MAX ? share : POSTGRES_BATCH_MAX;
        send_batch(pool, &pool->reads, conn, share < BATCH_MIN ? BATCH_MIN : share);
    }
    activity->free--;
}

/* More connections for those who wait because there are none, and not because of a commit. */
static void grow(struct postgres_pool *pool, const struct activity *activity)
{
    const struct postgres_request *first = pool->reads.first ? pool->reads.first : pool->writes.first;
    if (!first || (!pool->reads.first && activity->is_writing))
        return;
    int64_t now_us = core_now_us(pool->config.core);
    if (now_us - first->queued_us > PATIENCE_US || first->kind == POSTGRES_LEASE || pool->figures.open == 0)
        connect_one(pool);
    else if (pool->figures.open < pool->config.limit && !pool->is_connecting)
        core_arm(pool->config.core, &pool->timer, now_us + PATIENCE_US);
}

static void dispatch(struct postgres_pool *pool)
{
    struct activity activity = look(pool);
    for (struct postgres_conn *conn = pool->conns; conn && (pool->reads.first || pool->writes.first); conn = conn->next)
        if (is_free(conn))
            employ(pool, conn, &activity);
    grow(pool, &activity);
}

static void end_turn(struct core *core, struct core_hook *hook)
{
    struct postgres_pool *pool = CONTAINER_OF(hook, struct postgres_pool, hook);
    sweep(pool, false);
    if (pool->reads.first || pool->writes.first)
        dispatch(pool);
    if (!timer_is_armed(&pool->timer) && !pool->is_stopping)
        core_arm(core, &pool->timer, core_now_us(core)); /* the first turn: connects */
}

void postgres_pool_init(struct postgres_pool *pool, const struct postgres_pool_config *config)
{
    *pool = (struct postgres_pool){.config = *config, .hook = {.run = end_turn}, .timer = {.fire = tick}};
    pool->reads.end = &pool->reads.first;
    pool->writes.end = &pool->writes.first;
    random_source_system(&pool->random);
    core_add_hook(config->core, &pool->hook);
}

void postgres_pool_fini(struct postgres_pool *pool)
{
    pool->is_stopping = true;
    while (pool->conns) {
        struct postgres_conn *conn = pool->conns;
        while (conn->count > 0 && !conn->is_broken)
            postgres_conn_break(conn, "the program ends");
        close_conn(&pool->conns);
    }
    PQfinish(pool->wish.pg);
    core_disarm(pool->config.core, &pool->timer);
    while (pool->spare) {
        struct postgres_request *request = pool->spare;
        pool->spare = request->next;
        free(request->room);
        free(request);
    }
    while (pool->spare_leases) {
        struct postgres_lease *lease = pool->spare_leases;
        pool->spare_leases = lease->next;
        free(lease);
    }
    postgres_statement_fini(&pool->statements);
}
