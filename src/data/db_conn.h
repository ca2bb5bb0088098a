/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_DB_CONN_H
#define DATA_DB_CONN_H

#include <stdint.h>

#include "base/clock.h"
#include "data/sqlite.h"

struct core;
struct fiber;
struct reader_pool;

/* What db.h calls a connection: a reader that is lent, a reader opened for one thread, or the writer inside a body. */
struct db_conn {
    struct sqlite *sqlite;
    struct reader_pool *pool; /* NULL: the writer's, or a thread's own */
    struct db_conn *next;     /* among the idle ones */
    bool is_own;              /* a thread's own: closed when it is given back */

    /* Of a lease. */
    struct fiber *fiber;
    struct deadline deadline;
    int64_t slice_began_us; /* since when the fiber has not let others run */
    uint64_t snapshot_turn; /* in which turn its read transaction began; 0: none is open */
};

#endif
