/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: one caller's dealings with the model.
 *
 * Idea: whatever a protocol does for a caller goes through one struct that says who asks, until when, from which
 * memory, and on which connection. Reading takes a lease at the first query and keeps it to the end, so that a list,
 * its count and its expanded rows are one snapshot. Writing moves the whole session into a unit of work and back.
 *
 * Invariants
 *   (1) conn is a read lease, a transaction, or NULL; never both
 *   (2) inside a unit `core` is the writer's scratch, because the unit runs on the writer's thread
 */
#include "model/session.h"

#include "base/check.h"
#include "data/db.h"
#include "data/sql.h"
#include "model/model.h"
#include "rt/core.h"
#include "rt/fiber.h"

void session_init(struct session *session, struct model *model, struct fiber *fiber, unsigned core_index)
{
    *session = (struct session){.model = model,
                                .core = &model->cores[core_index],
                                .fiber = fiber,
                                .deadline = DEADLINE_NEVER,
                                .caller = CALLER_ANONYMOUS};
}

void session_fini(struct session *session)
{
    if (session->conn)
        db_read_end(session->conn);
    session->conn = NULL;
}

enum error session_read(struct session *session)
{
    if (session->conn)
        return OK;
    return db_read_begin(session->model->db, session->fiber, session->deadline, &session->conn);
}

struct unit_call {
    struct session *session;
    session_unit *unit;
    void *argument;
};

static enum error run_unit(struct db_conn *tx, void *argument)
{
    struct unit_call *call = argument;
    struct session *session = call->session;
    struct model_core *own = session->core;
    session->conn = tx;
    session->core = &session->model->cores[session->model->core_count];
    enum error error = call->unit(session, call->argument);
    session->conn = NULL;
    session->core = own;
    return error;
}

enum error session_write(struct session *session, session_unit *unit, void *argument)
{
    session_fini(session);
    struct unit_call call = {session, unit, argument};
    if (!session->fiber)
        return db_tx_blocking(session->model->db, run_unit, &call);
    return db_tx(session->model->db, session->fiber, session->deadline, run_unit, &call);
}

enum error session_nested(struct session *session, session_unit *unit, void *argument)
{
    TRY(db_execute(session->conn, SLICE("SAVEPOINT tenon_nested"), NULL, 0, NULL));
    enum error outcome = unit(session, argument);
    if (outcome != OK)
        TRY(db_execute(session->conn, SLICE("ROLLBACK TO tenon_nested"), NULL, 0, NULL));
    TRY(db_execute(session->conn, SLICE("RELEASE tenon_nested"), NULL, 0, NULL));
    return outcome;
}

struct expr_context session_context(const struct session *session)
{
    return (struct expr_context){.caller = &session->caller, .now_us = session->now_us};
}

struct sql *session_sql(struct session *session)
{
    struct sql *sql = session->core->sql;
    sql_clear(sql);
    sql->arena = session->arena;
    return sql;
}
