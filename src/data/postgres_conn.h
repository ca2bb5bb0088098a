/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_CONN_H
#define DATA_POSTGRES_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "data/db_driver.h"
#include "data/postgres_fault.h"
#include "data/postgres_statement.h"
#include "data/postgres_value.h"
#include "rt/poller.h"

/* One connection in libpq's pipeline mode, on a core's loop. It sends requests and settles them; who waits for what is
 * the pool's business. */

struct core;
struct fiber;
struct log;
struct postgres_conn;
struct postgres_lease;
struct postgres_pool;

enum postgres_kind {
    POSTGRES_READ,  /* may be sent again when its connection breaks */
    POSTGRES_WRITE, /* a transaction of its own */
    POSTGRES_STEP,  /* of the transaction of a leased connection */
    POSTGRES_LEASE  /* asks for a connection of its own */
};

enum postgres_state { POSTGRES_QUEUED, POSTGRES_SENT, POSTGRES_SETTLED };

/* A statement on its way, and then its rows. */
struct postgres_request {
    struct db_rows base;
    struct postgres_request *next;                        /* in the pool's queue, or among the spare ones */
    struct postgres_request *lease_next, *lease_previous; /* of one lease */
    struct postgres_pool *pool;                           /* whose queue it stands in */
    struct postgres_lease *lease;                         /* NULL: nobody waits any more */
    struct postgres_conn *conn;                           /* while it is sent */
    struct postgres_statement *statement;
    const struct value *arguments; /* borrowed until it is sent */
    size_t argument_count;
    enum postgres_kind kind;
    enum postgres_state state;
    enum error error;
    bool is_final;   /* a commit: whoever waits for it waits to the end */
    bool is_alone;   /* not to be sent together with others */
    bool is_failed;  /* in a batch that is still open: by itself */
    bool is_stream;  /* of a thread without a core: its rows come one by one */
    bool is_skipped; /* in a batch that is still open: because another failed */
    unsigned tries;  /* how often its connection has broken */
    int64_t queued_us;
    PGresult *result;
    int row;
    char *room; /* for texts of the present row: POSTGRES_VALUE_ROOM for each column */
    size_t room_columns;
    struct postgres_fault fault;
};

/* What comes of requests and connections. Called on the loop; a request that is settled has left the connection. */
struct postgres_conn_events {
    void (*settled)(struct postgres_conn *conn, struct postgres_request *request);
    /* Not done: to be sent again, before those that came later. */
    void (*returned)(struct postgres_conn *conn, struct postgres_request *request);
    void (*broken)(struct postgres_conn *conn); /* after every request was settled or returned */
};

enum { POSTGRES_BATCH_MAX = 64, POSTGRES_ITEMS = 256 };

/* What the server owes an answer for. */
enum postgres_item_kind {
    POSTGRES_ITEM_CONTROL,
    POSTGRES_ITEM_PREPARE,
    POSTGRES_ITEM_DESCRIBE,
    POSTGRES_ITEM_QUERY,
    POSTGRES_ITEM_SYNC
};
struct postgres_item {
    enum postgres_item_kind kind;
    struct postgres_request *request; /* NULL: nobody's */
};

struct postgres_conn {
    struct io io;
    struct postgres_conn *next; /* of its pool */
    PGconn *pg;
    struct core *core;
    struct log *log;
    const struct postgres_conn_events *events;
    void *owner;
    uint64_t *commits;                          /* counted up by each batch of writes that is committed */
    uint64_t *round_trips;                      /* counted up by each batch that is sent */
    struct postgres_item items[POSTGRES_ITEMS]; /* a ring */
    unsigned first, count;
    uint32_t prepared[POSTGRES_STATEMENTS]; /* by place: the edition, 0: none */
    struct postgres_arguments arguments;
    struct postgres_request *open; /* writes of the batch that is not committed yet, linked by `next` */
    struct postgres_request **open_end;
    int64_t heard_us; /* when the last answer came */
    int64_t opened_us, used_us, expires_us;
    unsigned cancels; /* on their way to the server */
    bool is_leased;
    bool is_writing; /* its present batch is one of writes */
    bool is_broken;
    bool is_watched;
};

/* Takes over an established connection. Errors: those of core_watch(); the connection is the caller's then. */
MUST_USE enum error postgres_conn_open(struct postgres_conn *conn, struct core *core, PGconn *pg);
/* Ends it; nothing is in flight, or nobody waits for it. */
void postgres_conn_close(struct postgres_conn *conn);
/* Nothing is owed: the next batch can be sent. */
static inline bool postgres_conn_is_idle(const struct postgres_conn *conn)
{
    return conn->count == 0;
}
/* Adds a request (with what prepares its statement) to what will be sent. A statement that was never described is
 * described instead, and its request returned. What cannot be sent is settled with its error. */
void postgres_conn_add(struct postgres_conn *conn, struct postgres_request *request);
/* Adds a statement without arguments or rows, such as BEGIN, for which nobody waits. */
void postgres_conn_control(struct postgres_conn *conn, const char *sql);
/* Ends the batch and sends it. */
void postgres_conn_flush(struct postgres_conn *conn);
/* Settles everything in flight as lost, and tells events->broken(). */
void postgres_conn_break(struct postgres_conn *conn, const char *reason);

#endif
