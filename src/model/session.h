/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "model/caller.h"
#include "model/expr.h"

struct db_conn;
struct fiber;
struct session_effect;
struct model;
struct model_core;

/* One caller's dealings with the model: what a request, an action or a job holds while it queries and changes. It lives
 * on the stack of a fiber; everything it allocates is in `arena`. */
struct session {
    struct model *model;
    struct model_core *core; /* the scratch of the thread that runs now: the fiber's core, or the writer in a unit */
    struct fiber *fiber;     /* NULL: a thread without a core, which may be blocked */
    struct deadline deadline;
    struct caller caller;
    int64_t now_us; /* wall clock, fixed for the request */
    struct arena *arena;
    struct diag *diag;
    struct db_conn *conn; /* the read lease or the transaction; NULL: none */
    uint64_t position;    /* what reads must see at least (data/db.h); behind each of the session's own writes */
    void *request;        /* what asks, for the hooks of the layers above; NULL: nobody knows */
    bool is_in_unit;
    struct session_effect *effects, **effects_end; /* of the unit, in the order of session_after_commit() */
    /* Takes back what the unit has done to memory, before it is run again; NULL: nothing. */
    void (*restart)(void *state);
    void *restart_state;
};

/* Begins a session; nothing is lent yet. `core_index` is the fiber's core, or model.core_count where there is none. */
void session_init(struct session *session, struct model *model, struct fiber *fiber, unsigned core_index);
/* Gives back what is lent. Accepts a session that holds nothing. */
void session_fini(struct session *session);

/* Makes sure the session may read: from now on until session_fini() it sees one snapshot.
 * Errors: those of db_read_begin(). */
YIELDS MUST_USE enum error session_read(struct session *session);

/* A unit of work: what it does is committed together or not at all. Runs where db_tx_body says, and, as it says there,
 * perhaps more than once: the session's diag, effects and (by `restart`) the rest are then as they were before. */
typedef enum error session_unit(struct session *session, void *argument);

/* Runs `unit` in a transaction of its own and returns when its commit is on disk; a read lease is given back first. It
 * is rolled back when the unit fails, when the deadline passes or the caller goes away before the commit was begun.
 * Errors: those of the unit and of db_tx(). */
YIELDS MUST_USE enum error session_write(struct session *session, enum db_isolation isolation, session_unit *unit,
                                         void *argument);

/* Whether what runs now may wait for something else: not a unit on SQLite, which all writers wait for. */
bool session_may_wait(const struct session *session);

/* What is to happen when, and only when, the unit has been committed: called on the session's fiber, in the order in
 * which it was asked for, before session_write() returns. Memory is the session's arena. Errors: ERROR_MEMORY. */
MUST_USE enum error session_after_commit(struct session *session, void (*effect)(void *argument), void *argument);

/* In a unit, behind a statement that an app's author has written: if it names the table of the accounts, who has signed
 * in is asked for again when the unit is committed. Errors: ERROR_MEMORY. */
MUST_USE enum error session_note_statement(struct session *session, struct slice sql);

/* Runs `unit` inside a unit so that its failure undoes only its own changes and effects. Errors: those of the unit. */
MUST_USE enum error session_nested(struct session *session, session_unit *unit, void *argument);

/* What expressions are evaluated against in this session, without input. */
struct expr_context session_context(const struct session *session);

/* The session's statement writer, emptied. One at a time: finish with it before anything else of the model is called.
 */
struct sql *session_sql(struct session *session);

#endif
