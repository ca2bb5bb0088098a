/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CONN_HOST_H
#define HTTP_CONN_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "http/conn_memory.h"
#include "http/middleware.h"
#include "rt/core.h"

struct conn;
struct http_metrics;
struct http_site;
struct log;

/* A site on one core, and how many requests there use it: a reload lets go of it when the last has ended. */
struct conn_site {
    struct http_site *site;
    size_t in_use;
    bool is_retired;
};

/* What the connections of one core share. */
struct conn_host {
    struct core *core;
    struct conn_site *site; /* what new requests get */
    struct log *log;
    struct conn *first;
    struct conn *resumed, *unsent, *last_unsent, *dead;
    int64_t unsent_since_us;
    struct core_message resume; /* posted while `resumed` is not empty */
    struct core_hook turn_end;
    size_t count;
    size_t in_flight;
    size_t in_flight_limit;
    size_t bodies_bytes; /* of the requests that have received a body, or are about to */
    size_t bodies_limit;
    bool is_draining;                         /* answers close their connections */
    atomic_uint *connections;                 /* of all cores together */
    void (*on_empty)(struct conn_host *host); /* draining, and the last connection has gone; NULL: nobody asks */
    struct conn_memory memory;
    struct middleware_local local;
    int64_t date_s;
    char date[40]; /* "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n" */
    size_t date_len;
};

/* Makes the host of a core; its hook runs at the end of every turn from then on. `connections` counts those of all
 * cores. Takes over one reference of the site.
 * Owner:  the caller; conn_host_fini() when the core has stopped.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error conn_host_init(struct conn_host *host, struct core *core, struct http_site *site,
                                   atomic_uint *connections);
void conn_host_fini(struct conn_host *host);

/* Wraps a site for conn_host_set_site(), so that that cannot fail; NULL when memory is exhausted. */
ANY_CORE MUST_USE struct conn_site *conn_host_wrap_site(struct http_site *site);
/* Replaces the site for the requests that begin from now on. Takes over one reference of it; drops its own of the old
 * one when the last request there has ended. */
void conn_host_set_site(struct conn_host *host, struct conn_site *use);
/* Counts a request in, and out. */
struct conn_site *conn_host_acquire_site(struct conn_host *host);
void conn_host_release_site(struct conn_host *host, struct conn_site *use);

/* Puts a connection into the host's lists: all of them, those to resume, to send for, and to free. */
void conn_host_add(struct conn_host *host, struct conn *conn);
void conn_host_remove(struct conn_host *host, struct conn *conn);
/* Has conn_resume() called before any fiber of a later turn runs. */
void conn_host_resume_later(struct conn_host *host, struct conn *conn);
/* Has what is unsent sent when this turn ends, or now when there is some that has waited for long. */
void conn_host_send_later(struct conn_host *host, struct conn *conn);

/* Closes what is idle, has every other connection close behind its present answer. */
void conn_host_drain(struct conn_host *host);
/* Gives up on every connection: handlers are cancelled, the rest is closed. */
void conn_host_abort(struct conn_host *host);

#endif
