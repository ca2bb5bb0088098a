/* SPDX-License-Identifier: Apache-2.0 */
/* What the connections of one core share: the site, the pools, the lists that a turn works off.
 *
 * At the end of each turn, in this order: answers are sent; closed connections are freed (nothing of the turn points to
 * them any more); figures are told to the metrics. Answers do not wait for the end of a turn whose handlers are slow:
 * once the first one has waited for UNSENT_US, all go.
 *
 * Invariants
 *   (1) count = connections in the list = descriptors open; each also counted once in `connections` of all cores
 *   (2) a connection is freed only by turn_end() or the resume message, when it is in no list
 *   (3) `resume` is posted exactly while `resumed` is not empty */
#include "http/conn_host.h"

#include <stdlib.h>

#include "http/conn.h"
#include "http/conn_write.h"
#include "http/http_metrics.h"
#include "http/site.h"

enum { UNSENT_US = 500 };

static void send_unsent(struct conn_host *host)
{
    while (host->unsent) {
        struct conn *conn = host->unsent;
        host->unsent = conn->next_unsent;
        conn->is_unsent = false;
        if (conn->state == CONN_BUSY)
            conn_send(conn);
    }
}

static void free_dead(struct conn_host *host)
{
    struct conn *conn = host->dead;
    host->dead = NULL;
    while (conn) {
        struct conn *next = conn->next_dead;
        if (conn->is_resumed) {
            conn->next_dead = host->dead;
            host->dead = conn;
        } else {
            free(conn);
        }
        conn = next;
    }
}

static void turn_end(struct core *core, struct core_hook *hook)
{
    struct conn_host *host = CONTAINER_OF(hook, struct conn_host, turn_end);
    send_unsent(host);
    free_dead(host);
    if (host->site->site->config.metrics)
        http_metrics_set_load(host->site->site->config.metrics, core_index(core), host->count, host->in_flight);
    if (host->is_draining && host->count == 0 && host->on_empty) {
        void (*on_empty)(struct conn_host *) = host->on_empty;
        host->on_empty = NULL;
        on_empty(host);
    }
}

static void run_resumed(struct core *core, struct core_message *message)
{
    struct conn_host *host = CONTAINER_OF(message, struct conn_host, resume);
    struct conn *conn = host->resumed;
    host->resumed = NULL;
    while (conn) {
        struct conn *next = conn->next_resumed;
        conn->is_resumed = false;
        if (conn->state != CONN_CLOSED)
            conn_resume(conn);
        conn = next;
    }
}

struct conn_site *conn_host_wrap_site(struct http_site *site)
{
    struct conn_site *use = calloc(1, sizeof(*use));
    if (use)
        use->site = site;
    return use;
}

enum error conn_host_init(struct conn_host *host, struct core *core, struct http_site *site, atomic_uint *connections)
{
    *host = (struct conn_host){.core = core, .connections = connections, .date_s = -1};
    host->site = conn_host_wrap_site(site);
    if (!host->site)
        return ERROR_MEMORY;
    host->resume.run = run_resumed;
    host->turn_end.run = turn_end;
    middleware_local_init(&host->local, core);
    core_add_hook(core, &host->turn_end);
    return OK;
}

void conn_host_fini(struct conn_host *host)
{
    conn_host_abort(host);
    for (struct conn *conn = host->resumed; conn; conn = conn->next_resumed)
        conn->is_resumed = false; /* no message will come any more */
    host->resumed = NULL;
    free_dead(host);
    middleware_local_fini(&host->local);
    conn_memory_fini(&host->memory);
    site_unref(host->site->site);
    free(host->site);
}

static void forget_site(struct conn_site *use)
{
    if (!use->is_retired || use->in_use > 0)
        return;
    site_unref(use->site);
    free(use);
}

void conn_host_set_site(struct conn_host *host, struct conn_site *use)
{
    struct conn_site *old = host->site;
    host->site = use;
    old->is_retired = true;
    forget_site(old);
}

struct conn_site *conn_host_acquire_site(struct conn_host *host)
{
    host->in_flight++;
    host->site->in_use++;
    return host->site;
}

void conn_host_release_site(struct conn_host *host, struct conn_site *use)
{
    host->in_flight--;
    use->in_use--;
    forget_site(use);
}

void conn_host_add(struct conn_host *host, struct conn *conn)
{
    conn->previous = NULL;
    conn->next = host->first;
    if (host->first)
        host->first->previous = conn;
    host->first = conn;
    host->count++;
    atomic_fetch_add_explicit(host->connections, 1, memory_order_relaxed);
}

void conn_host_remove(struct conn_host *host, struct conn *conn)
{
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        host->first = conn->next;
    if (conn->next)
        conn->next->previous = conn->previous;
    host->count--;
    atomic_fetch_sub_explicit(host->connections, 1, memory_order_relaxed);
    conn->next_dead = host->dead;
    host->dead = conn;
}

void conn_host_resume_later(struct conn_host *host, struct conn *conn)
{
    if (conn->is_resumed)
        return;
    if (!host->resumed)
        core_post(host->core, &host->resume);
    conn->is_resumed = true;
    conn->next_resumed = host->resumed;
    host->resumed = conn;
}

void conn_host_send_later(struct conn_host *host, struct conn *conn)
{
    int64_t now_us = core_now_us(host->core);
    if (!host->unsent)
        host->unsent_since_us = now_us;
    if (!conn->is_unsent) {
        conn->is_unsent = true;
        conn->next_unsent = NULL;
        *(host->unsent ? &host->last_unsent->next_unsent : &host->unsent) = conn;
        host->last_unsent = conn;
    }
    if (now_us - host->unsent_since_us > UNSENT_US)
        send_unsent(host);
}

void conn_host_drain(struct conn_host *host)
{
    host->is_draining = true;
    struct conn *next;
    for (struct conn *conn = host->first; conn; conn = next) {
        next = conn->next;
        conn_drain(conn);
    }
}

void conn_host_abort(struct conn_host *host)
{
    struct conn *next;
    for (struct conn *conn = host->first; conn; conn = next) {
        next = conn->next;
        conn_abort(conn);
    }
}
