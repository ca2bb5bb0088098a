/* SPDX-License-Identifier: Apache-2.0 */
/* Housekeeping: small transactions from the main thread, a little every minute, so that no single one is long. */
#include "app/housekeeping.h"

#include "base/clock.h"
#include "model/session.h"
#include "svc/idempotency.h"

enum { ROWS_PER_TRANSACTION = 1000, TRANSACTIONS_MAX = 20 };

static enum error sweep(struct session *session, void *argument)
{
    return idempotency_sweep(session, ROWS_PER_TRANSACTION, argument);
}

enum error housekeeping_run(struct model *model)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++) {
        int64_t deleted = 0;
        struct session session;
        session_init(&session, model, NULL, 0);
        session.now_us = clock_wall_us(clock_system());
        TRY(session_write(&session, sweep, &deleted));
        if (deleted < ROWS_PER_TRANSACTION)
            break;
    }
    return OK;
}
