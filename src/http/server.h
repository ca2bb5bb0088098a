/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "net/listener.h"

struct core;
struct http_site;
struct log;
struct server;

/* One core's part of one listening address. A port that four cores serve is four servers; the public and the admin port
 * have theirs. */
struct server_config {
    struct core *core;
    struct listener listener;       /* taken over; each core its own (listener_open(), listener_join()) */
    struct http_site *site;         /* sealed; the server takes its own reference */
    struct log *log;                /* NULL: nothing is logged */
    unsigned core_count;            /* in_flight is shared out among them */
    atomic_uint *connections;       /* those of all cores, counted against the limit; lives as long as the servers */
    void (*on_drained)(void *data); /* on the core, when server_drain() is done; NULL: none */
    void *data;
};

/* Makes a server that does not accept yet; before core_run() or on the core.
 * Owner:  the caller; server_destroy(). On failure the listener stays the caller's.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error server_create(const struct server_config *config, struct server **out);
/* Closes what is open. When the core does not run any more. Accepts NULL. */
void server_destroy(struct server *server);

/* Begins to accept; before core_run() or on the core.
 * Errors: ERROR_LIMIT, ERROR_MEMORY, ERROR_IO. */
MUST_USE enum error server_start(struct server *server);

/* Serves another site from the next request on; requests that run end on the old one.
 * Errors: ERROR_MEMORY: nothing changes. */
ANY_CORE MUST_USE enum error server_swap_site(struct server *server, struct http_site *site);
/* Stops accepting, answers what has been asked, closes. After `limit_ms` handlers are cancelled and connections cut. A
 * second call only shortens the time. `on_drained` follows. */
ANY_CORE void server_drain(struct server *server, int64_t limit_ms);

struct server_figures {
    size_t connections;
    size_t in_flight;
};
/* Of this core's part; on the core. */
struct server_figures server_figures(const struct server *server);

#endif
