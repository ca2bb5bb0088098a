/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_ENGINE_H
#define APP_ENGINE_H

#include <stdbool.h>

#include "app/generation.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "model/schema_sync.h"

/* The running whole: cores, database, servers, and the generation they serve. */
struct engine;

struct engine_options {
    const char *app_path;
    const char *listen; /* instead of the app file's; NULL: the app file's */
    const char *admin_listen;
    unsigned cores;             /* 0: the app file's, or one per CPU */
    enum schema_sync_mode sync; /* CREATE_IF_EMPTY for serve, ADDITIVE for dev */
    bool watch;                 /* dev: reload when a file of the app changes */
    bool shares_port;           /* another process may listen on the same public addresses */
    int log_fd;                 /* where log lines go; 1 */
    generation_extend *extend;  /* routes and hooks of a C program; NULL: none */
    void *extend_state;
    void (*on_ready)(void *state, const struct engine *engine); /* when requests are served; NULL: none */
    void *ready_state;
};

/* Reads the app file, opens the database, brings it in line, and listens; nothing runs yet. Every signal that the
 * engine answers is blocked in the calling thread from now on. Owner: the caller; engine_close(). Errors:
 * ERROR_VALIDATION (the app file), ERROR_CONFLICT (the database differs, or an address is taken), ERROR_IO,
 * ERROR_MEMORY; the diag says what and why. */
MUST_USE enum error engine_open(const struct engine_options *options, struct diag *diag, struct engine **out);

/* Serves until SIGTERM or SIGINT: then readiness says 503, listening ends, requests are drained within the shutdown
 * timeout, and what was written is committed. A second signal ends at once. SIGHUP reloads the app file, or keeps the
 * old one and logs why. Errors: ERROR_TIMEOUT (the drain was cut), ERROR_LIMIT (no threads). */
MUST_USE enum error engine_run(struct engine *engine);

/* Closes all. Accepts NULL. */
void engine_close(struct engine *engine);

/* The addresses that were really taken, "http://127.0.0.1:8080"; for people. Static for the engine's life. */
const char *engine_url(const struct engine *engine);
const char *engine_admin_url(const struct engine *engine);
const struct generation *engine_generation(const struct engine *engine);

#endif
