/* SPDX-License-Identifier: Apache-2.0 */
/* Housekeeping: small transactions from the main thread, a little every minute, so that no single one is long. */
#include "app/housekeeping.h"

#include "base/clock.h"
#include "model/model.h"
#include "model/session.h"
#include "svc/auditqueue.h"
#include "svc/grant.h"
#include "svc/idempotency.h"
#include "svc/lockout.h"
#include "svc/oauthcode.h"
#include "svc/provider_link.h"
#include "svc/reset.h"

enum { ROWS_PER_TRANSACTION = 1000, EVENTS_PER_TRANSACTION = 100, TRANSACTIONS_MAX = 20, ARENA_BYTES_MAX = 1 << 20 };

struct sweeping {
    enum error (*sweep)(struct session *session, int64_t limit, int64_t *deleted);
    int64_t deleted;
};

static enum error sweep(struct session *session, void *argument)
{
    struct sweeping *sweeping = argument;
    return sweeping->sweep(session, ROWS_PER_TRANSACTION, &sweeping->deleted);
}

static void begin(struct session *session, struct model *model, struct arena *arena)
{
    session_init(session, model, NULL, model->core_count);
    session->now_us = clock_wall_us(clock_system());
    session->arena = arena;
}

static enum error sweep_table(struct model *model, struct arena *arena, struct sweeping *sweeping)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++) {
        struct session session;
        begin(&session, model, arena);
        sweeping->deleted = 0;
        TRY(session_write(&session, DB_READ_COMMITTED, sweep, sweeping));
        if (sweeping->deleted < ROWS_PER_TRANSACTION)
            break;
    }
    return OK;
}

static enum error write_events(struct model *model, struct audit *audit, struct arena *arena)
{
    int64_t count = EVENTS_PER_TRANSACTION;
    for (int i = 0; i < TRANSACTIONS_MAX && count == EVENTS_PER_TRANSACTION; i++) {
        struct session session;
        arena_reset(arena);
        begin(&session, model, arena);
        TRY(auditqueue_write(&session, audit, EVENTS_PER_TRANSACTION, &count));
    }
    return OK;
}

static enum error sweep_all(struct model *model, bool has_identity, struct arena *arena)
{
    struct sweeping tables[] = {{.sweep = idempotency_sweep}, {.sweep = grant_sweep},
                                {.sweep = reset_sweep},       {.sweep = lockout_sweep},
                                {.sweep = oauthcode_sweep},   {.sweep = provider_link_sweep}};
    for (size_t i = 0; i < (has_identity ? ARRAY_LEN(tables) : 1); i++)
        TRY(sweep_table(model, arena, &tables[i]));
    return OK;
}

enum error housekeeping_run(struct model *model, struct audit *audit)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    enum error error = sweep_all(model, audit != NULL, &arena);
    if (error == OK && audit)
        error = write_events(model, audit, &arena);
    arena_fini(&arena);
    return error;
}
