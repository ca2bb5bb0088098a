/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLITE_CONN_H
#define DATA_SQLITE_CONN_H

#include <stdint.h>

#include "base/clock.h"
#include "data/sqlite.h"

struct core;
struct fiber;
struct reader_pool;

/* SQLite's db_conn: a reader that is lent, a reader opened for one thread, or the writer inside a body. */
struct sqlite_conn {
    struct db_conn base;
    struct sqlite *sqlite;
    struct reader_pool *pool; /* NULL: the writer's, or a thread's own */
    struct sqlite_conn *next; /* among the idle ones */
    bool is_own;              /* a thread's own: closed when it is given back */
    _Atomic int
        *unwanted; /* the writer's, inside a body: why nobody wants it any more, as an error; OK: somebody does */

    /* Of a lease. */
    struct fiber *fiber;
    struct deadline deadline;
    int64_t slice_began_us; /* since when the fiber has not let others run */
    uint64_t snapshot_turn; /* in which turn its read transaction began; 0: none is open */
};

#endif
