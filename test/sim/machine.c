/* SPDX-License-Identifier: Apache-2.0 */
/* What src/app/engine.c composes, without signals, admin port and metrics, over the simulated poller. */
#include "machine.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "app/generation.h"
#include "base/digest.h"
#include "base/log.h"
#include "data/db.h"
#include "http/server.h"
#include "http/site.h"
#include "model/schema_sync.h"
#include "model/secret.h"
#include "network.h"
#include "rt/core.h"
#include "rt/offload.h"
#include "svc/audit.h"
#include "svc/identity.h"
#include "svc/limit.h"
#include "world.h"

enum { DIAG_BYTES_MAX = 1 << 20, DRAIN_MS = 5000 };

static struct {
    struct core *core;
    struct offload *offload;
    struct generation *generation;
    struct http_site *site;
    struct db *db;
    struct hmac_key *audit_key;
    struct audit *audit; /* NULL: nobody signs in */
    struct limit *limit;
    struct log log;
    struct log *core_log;
    struct server *server;
    atomic_uint connections;
    bool is_up;
} machine;

static void drained(void *data)
{
    core_stop(machine.core);
}

static enum error open_database(struct diag *diag)
{
    const struct db_config config = {.url = "sqlite:/sim.db", .cores = &machine.core, .core_count = 1};
    TRY(db_open(&config, diag, &machine.db));
    return schema_sync(machine.db, machine.generation->settings.schema, SCHEMA_SYNC_CREATE_IF_EMPTY, diag);
}

static enum error drop_lines(void *unused, struct slice lines)
{
    return OK;
}

static enum error open_audit(void)
{
    char key[AUDIT_KEY_BYTES];
    TRY(secret_get(machine.db, "audit", key, sizeof key));
    TRY(digest_hmac_create(slice_of(key, sizeof key), &machine.audit_key));
    machine.audit = calloc(1, sizeof *machine.audit);
    return machine.audit ? audit_init(machine.audit, &machine.log, machine.audit_key) : ERROR_MEMORY;
}

static enum error open_parts(void)
{
    const struct settings *settings = &machine.generation->settings;
    if (!identity_is_needed(&settings->auth.config, settings->schema))
        return OK;
    TRY(open_audit());
    return limit_create(&(const struct limit_config){.clock = clock_system()}, &machine.limit);
}

static enum error open_server(struct diag *diag)
{
    TRY(open_parts());
    const struct generation_parts parts = {.db = machine.db,
                                           .offload = machine.offload,
                                           .audits = machine.audit,
                                           .limit = machine.limit,
                                           .core_logs = &machine.core_log,
                                           .core_count = 1};
    TRY(generation_build(machine.generation, &parts, diag));
    machine.site = machine.generation->site;
    const struct server_config config = {.core = machine.core,
                                         .listener = network_listener(),
                                         .site = machine.site,
                                         .core_count = 1,
                                         .connections = &machine.connections,
                                         .on_drained = drained};
    TRY(server_create(&config, &machine.server));
    return server_start(machine.server);
}

static enum error open_all(const char *app_path, struct diag *diag)
{
    log_init(&machine.log, clock_system(), drop_lines, NULL);
    machine.core_log = &machine.log;
    const struct core_config config = {.poller = network_poller(), .stop_ms = 60 * 1000};
    TRY(core_create(&config, &machine.core));
    TRY(offload_create(1, 16, 0, &machine.offload));
    TRY(generation_load(app_path, diag, &machine.generation));
    TRY(open_database(diag));
    return open_server(diag);
}

static void close_all(void)
{
    server_destroy(machine.server);
    if (machine.site)
        site_unref(machine.site);
    else
        generation_destroy(machine.generation);
    if (machine.audit)
        audit_fini(machine.audit);
    free(machine.audit);
    digest_hmac_destroy(machine.audit_key);
    limit_destroy(machine.limit);
    log_fini(&machine.log);
    db_close(machine.db);
    offload_destroy(machine.offload);
    core_destroy(machine.core);
    machine.server = NULL;
    machine.site = NULL;
    machine.generation = NULL;
    machine.audit = NULL;
    machine.audit_key = NULL;
    machine.limit = NULL;
    machine.db = NULL;
    machine.offload = NULL;
    machine.core = NULL;
}

bool machine_run(const char *app_path)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, DIAG_BYTES_MAX);
    diag_init(&diag, &arena);
    enum error error = open_all(app_path, &diag);
    if (error == ERROR_VALIDATION || error == ERROR_CONFLICT)
        world_fail("the app does not start: %s: %s", error_code(error),
                   diag.first ? diag.first->message : diag.message);
    arena_fini(&arena);
    if (error == OK) {
        machine.is_up = true;
        core_run(machine.core);
    }
    machine.is_up = false;
    close_all();
    return error == OK;
}

void machine_stop(bool is_drained)
{
    if (!machine.is_up)
        return;
    machine.is_up = false;
    if (is_drained)
        server_drain(machine.server, DRAIN_MS);
    else
        core_stop(machine.core);
}

bool machine_is_up(void)
{
    return machine.is_up;
}
