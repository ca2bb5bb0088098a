/* SPDX-License-Identifier: Apache-2.0 */
/* Housekeeping: small transactions from the main thread, a little every minute, so that no single one is long. */
#include "app/housekeeping.h"

#include "base/clock.h"
#include "model/model.h"
#include "model/session.h"
#include "svc/idempotency.h"

enum { ROWS_PER_TRANSACTION = 1000, TRANSACTIONS_MAX = 20, ARENA_BYTES_MAX = 1 << 20 };

static enum error sweep(struct session *session, void *argument)
{
    return idempotency_sweep(session, ROWS_PER_TRANSACTION, argument);
}

/* On a thread without a core: the scratch is the one that units on such threads use. */
static enum error sweep_all(struct model *model, struct arena *arena)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++) {
        int64_t deleted = 0;
        struct session session;
        session_init(&session, model, NULL, model->core_count);
        session.now_us = clock_wall_us(clock_system());
        session.arena = arena;
        TRY(session_write(&session, DB_READ_COMMITTED, sweep, &deleted));
        if (deleted < ROWS_PER_TRANSACTION)
            break;
    }
    return OK;
}

enum error housekeeping_run(struct model *model)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    enum error error = sweep_all(model, &arena);
    arena_fini(&arena);
    return error;
}
