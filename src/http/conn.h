/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "http/conn_memory.h"
#include "net/address.h"
#include "rt/poller.h"
#include "rt/timer.h"

struct conn_host;
struct fiber;

/* One HTTP/1.1 connection of one core; http/conn.c says how it lives. */

enum conn_state {
    CONN_IDLE,   /* between two requests: no buffer, no request, no fiber */
    CONN_HEAD,   /* a part of a head has come */
    CONN_BUSY,   /* a fiber serves what has come */
    CONN_LINGER, /* answered for the last time; what still comes is thrown away, so that the answer is not */
    CONN_CLOSED, /* the descriptor is closed; the memory goes at the end of the turn */
    CONN_STATE_COUNT
};

struct conn {
    struct io io;
    struct timer timer; /* armed at or before `expires_us` */
    struct conn_host *host;
    struct conn *previous, *next; /* among all of this core */
    struct conn *next_resumed, *next_unsent, *next_dead;
    int64_t expires_us; /* of idle, head and linger */
    enum conn_state state;
    bool is_readable; /* something may be there to receive: nobody has seen EAGAIN since */
    bool is_ended;    /* the client sends no more; it may still read */
    bool is_broken;   /* nothing can be sent any more */
    bool is_resumed;  /* in the host's list of those to look at again next turn */
    bool is_unsent;   /* in the host's list of those with answers to send when the turn ends */
    uint8_t awaits;   /* IO_…: what the parked fiber waits for */
    struct fiber *fiber;
    struct conn_request *request;
    struct conn_buffer in;
    size_t lingered_bytes;
    struct address peer;
};

/* Takes an accepted descriptor, and closes it in any case that is not OK.
 * Errors: ERROR_MEMORY, ERROR_LIMIT, ERROR_IO. */
MUST_USE
enum error conn_open(struct conn_host *host, int fd, const struct address *peer);
/* Takes a descriptor only to say that there are too many connections. */
void conn_refuse(struct conn_host *host, int fd, const struct address *peer);

/* The server drains: an idle connection closes unless a request comes at once, a busy one behind its answer. */
void conn_drain(struct conn *conn);
/* Gives up: a handler is cancelled, anything else closed. */
void conn_abort(struct conn *conn);
/* Sends what was answered and not sent; what the socket does not take goes on in a fiber. For conn_host.c. */
void conn_send(struct conn *conn);
/* Looks again at what may have come while the connection was busy. On the loop. */
void conn_resume(struct conn *conn);

/* For conn_read.c and conn_write.c. */

/* Waits until the loop says that the socket is ready for `awaits` (IO_READABLE or IO_WRITABLE).
 * Errors: ERROR_TIMEOUT, ERROR_CANCELLED (also when the connection is broken). */
YIELDS
MUST_USE
enum error conn_wait(struct conn *conn, unsigned awaits, struct deadline deadline);

#endif
