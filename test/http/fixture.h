/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_FIXTURE_H
#define TEST_HTTP_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/http_settings.h"
#include "http/server.h"
#include "http/site.h"

struct http_metrics;
struct log;
struct metrics;

/* A server on one core in a thread of its own, on a free port of 127.0.0.1, and a client that speaks bytes. */
struct fixture {
    struct core *core;
    struct server *server;
    struct listener listener;
    struct metrics *metrics;
    struct http_metrics *http_metrics;
    struct http_site *site;
    struct log *log;
    struct http_settings settings;
    size_t fiber_limit; /* set before fixture_start(); 0: the default */
    atomic_uint connections;
    atomic_bool is_drained;
    pthread_t thread;
    bool is_running;
};

/* The routes of the tests: /health, /text, POST /echo, /items/:id, /slow (sleeps ?ms=), /big?bytes=, /fail?error=,
 * /wait (until it is cancelled). */
extern const struct site_route fixture_routes[];
extern const size_t fixture_route_count;

/* Handlers that ended because they were cancelled, since the start of the program. */
int fixture_cancelled(void);

void fixture_start(struct fixture *fixture, const struct http_settings *settings);
/* Waits for the core to end. */
void fixture_stop(struct fixture *fixture);
struct http_site *fixture_site(const struct fixture *fixture, const struct http_settings *settings,
                               const struct site_route *routes, size_t count);

struct client {
    int fd;
    struct buf in;
    size_t used;
};

struct answer {
    int status;
    char head[2048]; /* with a NUL */
    struct slice body;
};

void client_open(struct client *client, const struct fixture *fixture);
void client_close(struct client *client);
/* Closes with a reset instead of an orderly end. */
void client_reset(struct client *client);
void client_send(struct client *client, const char *text);
void client_send_slice(struct client *client, struct slice bytes);
/* Reads the next answer; `has_body` false is for an answer to HEAD. The body lives until the next call. */
void client_read(struct client *client, struct answer *answer);
void client_read_head(struct client *client, struct answer *answer);
/* Sends and reads. */
void client_ask(struct client *client, const char *request, struct answer *answer);
/* Whether the server closes within five seconds, sending nothing more. */
bool client_sees_end(struct client *client);
/* The value of a header, or NULL. Static memory. */
const char *answer_header(const struct answer *answer, const char *name);

#endif
