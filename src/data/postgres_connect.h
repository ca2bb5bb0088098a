/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_CONNECT_H
#define DATA_POSTGRES_CONNECT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "rt/core.h"

/* What blocks: looking up a host, TLS, signing in, cancelling. A thread per server does it, one thing at a time. */

struct postgres_connector;

/* A wish. Embed it; it comes back to its core as a message. */
struct postgres_wish {
    struct core_message message; /* `run` is called on `core` when it is done */
    struct core *core;
    struct postgres_wish *next;
    PGcancel *cancel; /* to be sent and freed; NULL: a connection is wished for */
    PGconn *pg;       /* the connection; NULL: there is none, and `reason` says why */
    char reason[256];
};

struct postgres_target {
    const char *url;
    const char *name;     /* of the application */
    int64_t connect_ms;   /* for one attempt */
    int64_t statement_ms; /* the server's limit of one statement; 0: none */
};

/* Starts the thread. `target` and what it points to outlive it. Owner: the caller. Errors: ERROR_MEMORY, ERROR_LIMIT.
 */
MUST_USE enum error postgres_connect_create(const struct postgres_target *target, struct postgres_connector **out);
/* Ends the thread; wishes that were not begun are dropped. No core runs any more. Accepts NULL. */
void postgres_connect_destroy(struct postgres_connector *connector);
ANY_CORE void postgres_connect_wish(struct postgres_connector *connector, struct postgres_wish *wish);

/* Connects on the calling thread, sets the session up as every other, and checks what the server is. NULL when that
 * failed: `reason` says why. Owner: the caller; PQfinish(). */
enum { POSTGRES_REASON_BYTES = 256 };
MUST_USE PGconn *postgres_connect_now(const struct postgres_target *target, char reason[POSTGRES_REASON_BYTES]);
/* Whether what postgres_connect_now() has said may pass by waiting: the server is away or full. Else it would not have
 * us: a wrong password, an unknown database, TLS that it does not speak. */
bool postgres_connect_may_pass(const char *reason);
/* Whether libpq can read the URL; else `reason`. */
bool postgres_connect_can_read(const char *url, char reason[POSTGRES_REASON_BYTES]);

#endif
