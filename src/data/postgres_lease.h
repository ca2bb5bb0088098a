/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_LEASE_H
#define DATA_POSTGRES_LEASE_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/clock.h"
#include "data/db_driver.h"
#include "data/postgres_fault.h"

struct fiber;
struct postgres_conn;
struct postgres_pool;
struct postgres_request;

enum postgres_mode {
    POSTGRES_READING,     /* each statement by itself, on any connection */
    POSTGRES_SINGLE,      /* one statement that writes, on any connection */
    POSTGRES_TRANSACTION, /* on a connection of its own */
    POSTGRES_BLOCKING     /* of a thread without a core */
};

/* PostgreSQL's db_conn: what one fiber (or thread) does with the database at the moment. */
struct postgres_lease {
    struct db_conn base;
    struct postgres_lease *next; /* among the spare ones */
    enum postgres_mode mode;
    enum db_isolation isolation;   /* of a transaction */
    struct postgres_pool *pool;    /* NULL: blocking */
    struct postgres_pool *primary; /* of a reading one, whose pool may be a replica's */
    struct fiber *fiber;
    struct deadline deadline;
    struct postgres_conn *conn; /* of a transaction */
    PGconn *pg;                 /* of a blocking one */
    struct postgres_request *requests;
    struct postgres_fault fault;
    bool is_own;       /* a blocking one that is closed when it is given back */
    bool has_begun;    /* a transaction: BEGIN is sent */
    bool has_run;      /* a single one: its statement */
    bool is_transient; /* a statement failed in a way that may pass when all is run again */
};

#endif
