/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing PostgreSQL, and which server is asked. What opens first closes last: connectors and the watch end
 * before the pools whose wishes they serve. */
#include "data/postgres_db.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum {
    POOL_MAX = 16,
    POOL_WAITERS = 1000,
    ACQUIRE_MS = 5000,
    LIFETIME_MS = 30 * 60 * 1000,
    IDLE_MS = 10 * 60 * 1000,
    STATEMENT_MS = 30 * 1000,
    CONNECT_MS = 5000,
    REPLICA_LAG_MS = 10 * 1000
};

struct postgres_pool *postgres_db_choose(struct postgres_db *db, unsigned core, uint64_t after)
{
    struct postgres_pool *primary = postgres_db_primary(db, core);
    for (size_t i = 0; i < db->replica_count && after != DB_POSITION_PRIMARY; i++) {
        size_t at = primary->turn++ % db->replica_count;
        const struct postgres_replica *replica = &db->replicas[at];
        struct postgres_pool *pool = &db->pools[db->config.core_count * (at + 1) + core];
        if (atomic_load_explicit(&replica->is_fresh, memory_order_relaxed) && !pool->figures.is_down &&
            atomic_load_explicit(&replica->replayed, memory_order_relaxed) >= after)
            return pool;
    }
    return primary;
}

static void add_figures(const struct postgres_pool_figures *from, struct db_figures *out)
{
    out->readers_open += __atomic_load_n(&from->open, __ATOMIC_RELAXED);
    out->readers_lent += __atomic_load_n(&from->leased, __ATOMIC_RELAXED);
    out->readers_waiting += __atomic_load_n(&from->waiting, __ATOMIC_RELAXED);
    out->queries += __atomic_load_n(&from->queries, __ATOMIC_RELAXED);
    out->round_trips += __atomic_load_n(&from->round_trips, __ATOMIC_RELAXED);
    out->commits += __atomic_load_n(&from->commits, __ATOMIC_RELAXED);
    out->transactions += __atomic_load_n(&from->transactions, __ATOMIC_RELAXED);
    out->rollbacks += __atomic_load_n(&from->rollbacks, __ATOMIC_RELAXED);
    out->reruns += __atomic_load_n(&from->reruns, __ATOMIC_RELAXED);
    out->waits_timed_out += __atomic_load_n(&from->waits_timed_out, __ATOMIC_RELAXED);
    uint64_t last_us = __atomic_load_n(&from->last_commit_us, __ATOMIC_RELAXED);
    out->last_commit_us = last_us > out->last_commit_us ? last_us : out->last_commit_us;
}

void postgres_db_figures(const struct postgres_db *db, struct db_figures *out)
{
    out->is_down = db->config.core_count == 0 && db->is_away; /* without pools: as it was when it was opened */
    for (size_t i = 0; i < db->pool_count; i++) {
        add_figures(&db->pools[i].figures, out);
        if (i < db->config.core_count) /* the primary's */
            out->is_down = out->is_down || __atomic_load_n(&db->pools[i].figures.is_down, __ATOMIC_RELAXED);
        else
            out->replica_queries += __atomic_load_n(&db->pools[i].figures.queries, __ATOMIC_RELAXED);
    }
    out->replicas = (unsigned)db->replica_count;
    for (size_t i = 0; i < db->replica_count; i++)
        out->replicas_up += atomic_load(&db->replicas[i].is_fresh);
    out->state = out->is_down ? ERROR_UNAVAILABLE : OK;
    out->is_down = out->is_down && out->replicas_up == 0;
}

void postgres_db_close(struct postgres_db *db)
{
    postgres_replica_unwatch(db->watch);
    postgres_connect_destroy(db->connector);
    for (size_t i = 0; i < db->replica_count; i++)
        postgres_connect_destroy(db->replica_connectors[i]);
    for (size_t i = 0; i < db->pool_count; i++)
        postgres_pool_fini(&db->pools[i]);
    postgres_blocking_destroy(db->blocking);
    for (size_t i = 0; i < db->replica_count; i++)
        free(db->replicas[i].url);
    free(db->replicas);
    free(db->replica_connectors);
    free(db->pools);
    free(db->url);
    free(db->name);
    free(db);
}

static void fill_defaults(struct db_pool *pool, unsigned core_count)
{
    pool->max = pool->max ? pool->max : POOL_MAX;
    pool->waiters = pool->waiters ? pool->waiters : POOL_WAITERS;
    pool->acquire_ms = pool->acquire_ms ? pool->acquire_ms : ACQUIRE_MS;
    pool->lifetime_ms = pool->lifetime_ms ? pool->lifetime_ms : LIFETIME_MS;
    pool->idle_ms = pool->idle_ms ? pool->idle_ms : IDLE_MS;
    pool->statement_ms = pool->statement_ms ? pool->statement_ms : STATEMENT_MS;
    pool->connect_ms = pool->connect_ms ? pool->connect_ms : CONNECT_MS;
    pool->replica_lag_ms = pool->replica_lag_ms ? pool->replica_lag_ms : REPLICA_LAG_MS;
    pool->max = core_count ? (pool->max + core_count - 1) / core_count : pool->max;
    pool->idle = pool->idle && core_count ? (pool->idle + core_count - 1) / core_count : pool->max;
}

/* The pools of one server. */
static void open_pools(struct postgres_db *db, struct postgres_connector *connector, bool is_down)
{
    const struct db_config *config = &db->config;
    for (unsigned i = 0; i < config->core_count; i++) {
        const struct postgres_pool_config pool = {.driver = db->base.driver,
                                                  .core = config->cores[i],
                                                  .log = config->core_logs ? config->core_logs[i] : NULL,
                                                  .connector = connector,
                                                  .limit = config->pool.max,
                                                  .idle = config->pool.idle,
                                                  .waiters = config->pool.waiters,
                                                  .acquire_ms = config->pool.acquire_ms,
                                                  .lifetime_ms = config->pool.lifetime_ms,
                                                  .idle_ms = config->pool.idle_ms,
                                                  .silence_ms = config->pool.statement_ms * 3 / 2};
        postgres_pool_init(&db->pools[db->pool_count], &pool);
        db->pools[db->pool_count++].figures.is_down = is_down;
    }
}

static enum error open_replica(struct postgres_db *db, size_t i, struct diag *diag)
{
    char reason[POSTGRES_REASON_BYTES];
    struct postgres_replica *replica = &db->replicas[i];
    replica->url = strdup(db->config.pool.replicas[i]);
    if (!replica->url)
        return ERROR_MEMORY;
    if (!postgres_connect_can_read(replica->url, reason)) {
        diag_say(diag, "write postgres://user:password@host:5432/database", "the URL of a replica cannot be read: %s",
                 reason);
        return ERROR_VALIDATION;
    }
    replica->target = db->target;
    replica->target.url = replica->url;
    TRY(postgres_connect_create(&replica->target, &db->replica_connectors[i]));
    open_pools(db, db->replica_connectors[i], true); /* until a connection is there */
    return OK;
}

static enum error open_replicas(struct postgres_db *db, struct diag *diag)
{
    const struct db_pool *pool = &db->config.pool;
    if (pool->replica_count == 0 || db->config.core_count == 0)
        return OK;
    db->replicas = calloc(pool->replica_count, sizeof *db->replicas);
    db->replica_connectors = calloc(pool->replica_count, sizeof *db->replica_connectors);
    if (!db->replicas || !db->replica_connectors)
        return ERROR_MEMORY;
    db->replica_count = pool->replica_count;
    for (size_t i = 0; i < pool->replica_count; i++)
        TRY(open_replica(db, i, diag));
    return postgres_replica_watch(&db->target, db->replicas, db->replica_count, pool->replica_lag_ms, &db->watch);
}

/* A server that would not have us never will; one that is away may come. */
static enum error first_contact(struct postgres_db *db, struct diag *diag)
{
    char reason[POSTGRES_REASON_BYTES];
    if (postgres_blocking_connect(db->blocking, reason) == OK)
        return OK;
    db->is_away = postgres_connect_may_pass(reason);
    diag_say(diag, NULL, "the database cannot be connected to: %s", reason);
    if (db->is_away && db->config.log)
        LOG_WARN(db->config.log, "the database cannot be connected to", LOG_STR("reason", slice_from(reason)));
    return db->is_away ? OK : ERROR_UNAVAILABLE;
}

static enum error open_all(struct postgres_db *db, struct diag *diag)
{
    char reason[POSTGRES_REASON_BYTES];
    if (!postgres_connect_can_read(db->config.url, reason)) {
        diag_say(diag, "write postgres://user:password@host:5432/database", "the database URL cannot be read: %s",
                 reason);
        return ERROR_VALIDATION;
    }
    TRY(postgres_blocking_create(&db->target, &db->blocking));
    TRY(first_contact(db, diag));
    TRY(postgres_connect_create(&db->target, &db->connector));
    db->pools = calloc(db->config.core_count * (db->config.pool.replica_count + 1) + 1, sizeof *db->pools);
    if (!db->pools)
        return ERROR_MEMORY;
    open_pools(db, db->connector, db->is_away);
    return open_replicas(db, diag);
}

enum error postgres_db_open(const struct db_config *config, const struct db_driver *driver, struct diag *diag,
                            struct postgres_db **out)
{
    struct postgres_db *db = calloc(1, sizeof *db);
    if (!db)
        return ERROR_MEMORY;
    db->base.driver = driver;
    db->config = *config;
    fill_defaults(&db->config.pool, config->core_count);
    db->url = strdup(config->url);
    db->name = strdup(config->name ? config->name : "tenon");
    db->target = (struct postgres_target){.url = db->url,
                                          .name = db->name,
                                          .connect_ms = db->config.pool.connect_ms,
                                          .statement_ms = db->config.pool.statement_ms};
    enum error error = db->url && db->name ? open_all(db, diag) : ERROR_MEMORY;
    if (error != OK) {
        postgres_db_close(db);
        return error;
    }
    *out = db;
    return OK;
}
