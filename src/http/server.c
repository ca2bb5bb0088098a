/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, reloading, draining: what happens to a core's connections as a whole.
 *
 * Limits. Connections are counted over all cores in one atomic, because the kernel spreads them by hash and a core's
 * share would be refused while others are empty; it is touched once per connection. Requests in flight are counted per
 * core against the core's share of the limit, because they are counted on the hot path.
 *
 * What others ask for comes as a message to the core, so everything below runs on one thread. The message of a drain is
 * part of the server and is posted at most once; its time limit is an atomic that later calls may shorten.
 *
 * States: made -> accepting <-> pausing (out of descriptors) -> draining -> drained */
#include "http/server.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "http/conn.h"
#include "http/conn_host.h"
#include "http/http_metrics.h"
#include "http/site.h"
#include "net/socket.h"

enum { ACCEPTS_PER_TURN = 256, PAUSE_MS = 100, REFUSED_MAX = 64 };

struct server {
    struct conn_host host;
    struct listener listener;
    struct io io;
    struct timer pause;      /* until accepting is tried again */
    struct timer drain_late; /* ends the patience of a drain */
    struct core_message drain_message;
    atomic_bool is_drain_asked;
    _Atomic int64_t drain_ms;
    unsigned core_count;
    bool is_watched;
    void (*on_drained)(void *data);
    void *data;
};

struct swap {
    struct core_message message;
    struct server *server;
    struct conn_site *use;
};

static const struct http_limits *limits_of(const struct server *server)
{
    return &server->host.site->site->settings.limits;
}

static void apply_limits(struct server *server)
{
    size_t share = limits_of(server)->in_flight / server->core_count;
    server->host.in_flight_limit = share > 0 ? share : 1;
    server->host.bodies_limit = limits_of(server)->bodies_bytes / server->core_count;
}

static void admit(struct server *server, int fd, const struct address *peer)
{
    unsigned open = atomic_load_explicit(server->host.connections, memory_order_relaxed);
    unsigned limit = limits_of(server)->connections;
    if (open < limit) {
        /* An error has closed the descriptor: memory is short, and the client will see that. */
        (void)!conn_open(&server->host, fd, peer);
    } else if (open < limit + REFUSED_MAX) {
        conn_refuse(&server->host, fd, peer);
    } else {
        socket_close(fd);
    }
}

static void accept_later(struct server *server, int64_t after_ms)
{
    struct core *core = server->host.core;
    core_arm(core, &server->pause, deadline_after(core_now_us(core), after_ms).at_us);
}

/* Accepts until nobody waits or it has accepted many; the verdict on the last one. */
static enum listener_result accept_some(struct server *server)
{
    enum listener_result result = LISTENER_ACCEPTED;
    for (int i = 0; i < ACCEPTS_PER_TURN && (result == LISTENER_ACCEPTED || result == LISTENER_SHED); i++) {
        struct address peer;
        int fd;
        result = listener_accept(&server->listener, &fd, &peer);
        if (result == LISTENER_ACCEPTED)
            admit(server, fd, &peer);
    }
    return result;
}

/* Not for so long that those who are connected starve. */
static void accept_waiting(struct server *server)
{
    enum listener_result result = accept_some(server);
    if (result != LISTENER_EMPTY)
        accept_later(server, result == LISTENER_EXHAUSTED ? PAUSE_MS : 0);
}

static void on_ready(struct io *io, unsigned ready)
{
    accept_waiting(CONTAINER_OF(io, struct server, io));
}

static void end_pause(struct core *core, struct timer *timer)
{
    accept_waiting(CONTAINER_OF(timer, struct server, pause));
}

static void stop_accepting(struct server *server)
{
    if (!listener_is_open(&server->listener))
        return;
    core_disarm(server->host.core, &server->pause);
    if (server->is_watched)
        core_unwatch(server->host.core, &server->io);
    listener_close(&server->listener);
}

static void on_empty(struct conn_host *host)
{
    struct server *server = CONTAINER_OF(host, struct server, host);
    core_disarm(host->core, &server->drain_late);
    if (server->on_drained)
        server->on_drained(server->data);
}

static void end_drain(struct core *core, struct timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, drain_late);
    conn_host_abort(&server->host);
}

/* Who has connected already is answered: the kernel would reset those it had to drop. */
static void drain(struct core *core, struct core_message *message)
{
    struct server *server = CONTAINER_OF(message, struct server, drain_message);
    int64_t limit_ms = atomic_load(&server->drain_ms);
    atomic_store(&server->is_drain_asked, false);
    if (!server->host.is_draining) {
        while (server->is_watched && accept_some(server) == LISTENER_ACCEPTED)
            continue;
        stop_accepting(server);
        server->host.on_empty = on_empty;
        conn_host_drain(&server->host);
    }
    struct deadline deadline = deadline_after(core_now_us(core), limit_ms);
    if (!timer_is_armed(&server->drain_late) || server->drain_late.at_us > deadline.at_us)
        core_arm(core, &server->drain_late, deadline.at_us);
}

void server_drain(struct server *server, int64_t limit_ms)
{
    atomic_store(&server->drain_ms, limit_ms);
    if (!atomic_exchange(&server->is_drain_asked, true))
        core_post(server->host.core, &server->drain_message);
}

static void swap(struct core *core, struct core_message *message)
{
    struct swap *asked = CONTAINER_OF(message, struct swap, message);
    conn_host_set_site(&asked->server->host, asked->use);
    apply_limits(asked->server);
    free(asked);
}

enum error server_swap_site(struct server *server, struct http_site *site)
{
    struct swap *asked = calloc(1, sizeof(*asked));
    struct conn_site *use = conn_host_wrap_site(site);
    if (!asked || !use) {
        free(asked);
        free(use);
        return ERROR_MEMORY;
    }
    site_ref(site);
    *asked = (struct swap){.message.run = swap, .server = server, .use = use};
    core_post(server->host.core, &asked->message);
    return OK;
}

enum error server_create(const struct server_config *config, struct server **out)
{
    struct server *server = calloc(1, sizeof(*server));
    if (!server)
        return ERROR_MEMORY;
    if (conn_host_init(&server->host, config->core, config->site, config->connections) != OK) {
        free(server);
        return ERROR_MEMORY;
    }
    site_ref(config->site);
    if (config->site->config.metrics)
        http_metrics_freeze(config->site->config.metrics);
    server->host.log = config->log;
    server->listener = config->listener;
    server->io = (struct io){.fd = config->listener.fd, .on_ready = on_ready};
    server->pause.fire = end_pause;
    server->drain_late.fire = end_drain;
    server->drain_message.run = drain;
    server->core_count = config->core_count > 0 ? config->core_count : 1;
    server->on_drained = config->on_drained;
    server->data = config->data;
    apply_limits(server);
    *out = server;
    return OK;
}

void server_destroy(struct server *server)
{
    if (!server)
        return;
    stop_accepting(server);
    core_disarm(server->host.core, &server->drain_late);
    conn_host_fini(&server->host);
    free(server);
}

enum error server_start(struct server *server)
{
    TRY(core_watch(server->host.core, &server->io));
    server->is_watched = true;
    return OK;
}

struct server_figures server_figures(const struct server *server)
{
    return (struct server_figures){.connections = server->host.count, .in_flight = server->host.in_flight};
}
