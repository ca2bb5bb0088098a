/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_READER_H
#define DATA_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "data/sqlite_conn.h"
#include "rt/core.h"
#include "rt/wait.h"

struct fiber;
struct log;

/* The read connections of one core. */
struct reader_pool {
    struct core *core;
    struct core_hook hook;
    const char *path;
    struct log *log;
    size_t statement_cache;
    struct sqlite_conn *idle; /* last given back first */
    unsigned open, lent, limit;
    uint64_t queries; /* begun; written by the core, read by whoever scrapes */
    struct wait_queue waiting;
};

struct reader_config {
    const char *path; /* lives as long as the pool */
    struct log *log;
    size_t statement_cache;
    unsigned limit;   /* connections */
    unsigned waiters; /* fibers that may wait for one */
};

/* Makes an empty pool and hooks it to the end of the core's turns. Before the core runs. */
void reader_pool_init(struct reader_pool *pool, struct core *core, const struct reader_config *config);
/* Opens one connection ahead, so that a program that runs out of descriptors later can still read.
 * Errors: those of sqlite_open(). */
MUST_USE enum error reader_pool_open_first(struct reader_pool *pool);
/* Closes the connections; the core no longer runs and none is lent. */
void reader_pool_fini(struct reader_pool *pool);

/* As db_read_begin() and db_read_end(). */
YIELDS MUST_USE enum error reader_acquire(struct reader_pool *pool, struct fiber *self, struct deadline deadline,
                                          struct sqlite_conn **out);
void reader_release(struct sqlite_conn *conn);

/* A connection for one thread that has no core; reader_close() ends it. */
MUST_USE enum error reader_open(const struct reader_config *config, struct sqlite_conn **out);
void reader_close(struct sqlite_conn *conn);

#endif
