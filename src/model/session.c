/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: one caller's dealings with the model.
 *
 * Idea: whatever a protocol does for a caller goes through one struct that says who asks, until when, from which
 * memory, and on which connection. Reading takes a lease at the first query and keeps it to the end, so that a list,
 * its count and its expanded rows are one snapshot. Writing moves the whole session into a unit of work and back.
 *
 * Invariants
 *   (1) conn is a read lease, a transaction, or NULL; never both
 *   (2) inside a unit on SQLite `core` is the writer's scratch, because the unit runs on the writer's thread
 *   (3) effects run once, after the commit; those of a run that was undone are forgotten
 */
#include "model/session.h"

#include "base/check.h"
#include "data/db.h"
#include "data/sql.h"
#include "model/model.h"
#include "model/statement.h"
#include "rt/core.h"
#include "rt/fiber.h"

void session_init(struct session *session, struct model *model, struct fiber *fiber, unsigned core_index)
{
    *session = (struct session){.model = model,
                                .core = &model->cores[core_index],
                                .fiber = fiber,
                                .deadline = DEADLINE_NEVER,
                                .caller = model->caller ? *model->caller : CALLER_ANONYMOUS};
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
    if (!session->fiber)
        return db_read_blocking(session->model->db, &session->conn);
    return db_read_begin(session->model->db, session->fiber, session->deadline, session->position, &session->conn);
}

struct session_effect {
    struct session_effect *next;
    void (*run)(void *argument);
    void *argument;
};

enum error session_after_commit(struct session *session, void (*run)(void *argument), void *argument)
{
    struct session_effect *effect = arena_alloc(session->arena, sizeof *effect);
    if (!effect)
        return ERROR_MEMORY;
    *effect = (struct session_effect){.run = run, .argument = argument};
    *session->effects_end = effect;
    session->effects_end = &effect->next;
    return OK;
}

struct unit_call {
    struct session *session;
    session_unit *unit;
    void *argument;
    struct diag before; /* what was said before the unit */
    unsigned runs;
};

/* Makes everything as it was before the last run. */
static void start_over(struct unit_call *call)
{
    struct session *session = call->session;
    if (call->runs++ > 0 && session->restart)
        session->restart(session->restart_state);
    session->effects = NULL;
    session->effects_end = &session->effects;
    if (!session->diag)
        return;
    *session->diag = call->before;
    if (session->diag->last)
        session->diag->last->next = NULL;
}

bool session_may_wait(const struct session *session)
{
    return session->fiber && !(session->is_in_unit && db_dialect(session->model->db) == DIALECT_SQLITE);
}

/* On SQLite this is the writer's thread, which has a scratch of its own. */
static enum error run_unit(struct db_conn *tx, void *argument)
{
    struct unit_call *call = argument;
    struct session *session = call->session;
    struct model *model = session->model;
    struct model_core *own = session->core;
    start_over(call);
    session->conn = tx;
    session->is_in_unit = true;
    if (db_dialect(model->db) == DIALECT_SQLITE)
        session->core = &model->cores[model->core_count];
    enum error error = call->unit(session, call->argument);
    session->conn = NULL;
    session->is_in_unit = false;
    session->core = own;
    return error;
}

enum error session_write(struct session *session, enum db_isolation isolation, session_unit *unit, void *argument)
{
    session_fini(session);
    struct unit_call call = {.session = session, .unit = unit, .argument = argument};
    if (session->diag)
        call.before = *session->diag;
    enum error error = session->fiber
                           ? db_tx(session->model->db, session->fiber, session->deadline, isolation, run_unit, &call)
                           : db_tx_blocking(session->model->db, run_unit, &call);
    if (error == OK && session->fiber &&
        db_position(session->model->db, session->fiber, session->deadline, &session->position) != OK)
        session->position = DB_POSITION_PRIMARY;
    for (struct session_effect *effect = error == OK ? session->effects : NULL; effect; effect = effect->next)
        effect->run(effect->argument);
    return error;
}

static void tell_touched(void *argument)
{
    const struct model_accounts *accounts = argument;
    accounts->touched(accounts->state);
}

enum error session_note_statement(struct session *session, struct slice sql)
{
    const struct model *model = session->model;
    union {
        const struct model_accounts *given;
        void *argument;
    } accounts = {.given = model->accounts};
    if (!accounts.given || !session->is_in_unit || !statement_mentions(sql, model->schema->account->table))
        return OK;
    return session_after_commit(session, tell_touched, accounts.argument);
}

enum error session_nested(struct session *session, session_unit *unit, void *argument)
{
    struct session_effect **effects_end = session->effects_end;
    TRY(db_execute(session->conn, SLICE("SAVEPOINT tenon_nested"), NULL, 0, NULL));
    enum error outcome = unit(session, argument);
    if (outcome != OK) {
        *effects_end = NULL;
        session->effects_end = effects_end;
        TRY(db_execute(session->conn, SLICE("ROLLBACK TO tenon_nested"), NULL, 0, NULL));
    }
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
