/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_POOL_H
#define DATA_POSTGRES_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "data/postgres_conn.h"
#include "data/postgres_connect.h"
#include "data/postgres_statement.h"
#include "rt/core.h"

struct fiber;
struct log;

/* The connections of one core to one server, and what waits for them. */

struct postgres_pool_config {
    const struct db_driver *driver; /* of the rows that requests become */
    struct core *core;
    struct log *log;
    struct postgres_connector *connector;
    unsigned limit, idle, waiters;
    int64_t acquire_ms, lifetime_ms, idle_ms;
    int64_t silence_ms; /* a connection that owes an answer for so long is given up */
};

/* Figures of one pool: written by its core, read by whoever asks. */
struct postgres_pool_figures {
    unsigned open, leased, waiting;
    uint64_t queries, round_trips, commits, transactions, rollbacks, reruns, waits_timed_out, last_commit_us;
    bool is_down;
};

struct postgres_queue {
    struct postgres_request *first, **end;
    unsigned count;
};

struct postgres_pool {
    struct postgres_pool_config config;
    struct core_hook hook;
    struct timer timer; /* closes what is too old, and connects again */
    struct postgres_statements statements;
    struct postgres_conn *conns;
    struct postgres_queue reads, writes; /* leases wait among the reads */
    struct postgres_request *spare;
    struct postgres_lease *spare_leases;
    struct postgres_wish wish;
    bool is_connecting, is_stopping;
    unsigned failures; /* to connect, one after the other */
    int64_t retry_us;  /* when to connect again */
    struct postgres_pool_figures figures;
    unsigned turn; /* of the replicas beside it */
    struct random_source random;
};

/* Makes a pool without connections and hooks it to its core, which does not run yet. */
void postgres_pool_init(struct postgres_pool *pool, const struct postgres_pool_config *config);
/* Closes the connections. The core no longer runs, the connector has ended. */
void postgres_pool_fini(struct postgres_pool *pool);
/* Gives the pool a connection that was made elsewhere. */
void postgres_pool_adopt(struct postgres_pool *pool, PGconn *pg);

/* A request of a lease, not queued yet; it belongs to the lease until postgres_pool_drop(). Errors: ERROR_MEMORY. */
MUST_USE enum error postgres_pool_request(struct postgres_pool *pool, struct postgres_lease *lease,
                                          enum postgres_kind kind, struct postgres_request **out);
/* Queues it. Errors: ERROR_UNAVAILABLE (as many wait as may, or the server is away). */
MUST_USE enum error postgres_pool_queue(struct postgres_pool *pool, struct postgres_request *request);
/* Sends a statement of a transaction at once, on the connection that is leased. */
void postgres_pool_send(struct postgres_pool *pool, struct postgres_conn *conn, struct postgres_request *request);
/* Waits until the request is settled, and returns its error. One that waits for its turn is given up after acquire_ms,
 * at the deadline, or when the fiber is cancelled; a read that was sent is given up, too; a write is always waited for.
 */
YIELDS MUST_USE enum error postgres_pool_await(struct postgres_pool *pool, struct postgres_request *request,
                                               struct fiber *self, struct deadline deadline);
/* Ends a request: it is forgotten at once, or, when it was sent, as soon as its answer has come. */
void postgres_pool_drop(struct postgres_request *request);
/* Queues a read that has failed in its own pool in another one of the same core. Errors: as postgres_pool_queue(),
 * those of postgres_statement_find(). */
MUST_USE enum error postgres_pool_move(struct postgres_pool *pool, struct postgres_request *request);

/* Gives a leased connection back; one that is broken or owes answers to an unfinished transaction is closed. */
void postgres_pool_release(struct postgres_pool *pool, struct postgres_conn *conn, bool is_clean);

#endif
