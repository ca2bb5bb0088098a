/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/password.h"
#include "data/db.h"
#include "model/schema.h"

/* What all sessions of an app share: its schema, its database, and the per-core scratch of the query path. Immutable
 * while cores run, but for what belongs to one core. */

struct caller;
struct offload;
struct query;
struct random_source;
struct session;
struct sql;
struct uuid_source;

struct model_core {
    struct sql *sql; /* where this core writes its statements */
    struct random_source *random;
    struct uuid_source *uuids;
};

/* Who hears of each query before its statement is run; for looking at an app, not for serving it. */
struct model_watch {
    void (*query)(void *state, const struct session *session, const struct query *query, bool is_count);
    void *state;
};

struct change;

/* Who hears of accounts, and judges their passwords: filled in by whoever knows of signing in. */
struct model_accounts {
    /* What is wrong with a new password of a row, a constant sentence; NULL: nothing. */
    const char *(*judge)(void *state, const struct change *change, struct slice password);
    /* In the unit, behind a change of an account that has worked; an error undoes it. */
    enum error (*changed)(void *state, struct session *session, const struct change *change);
    /* Behind a commit that may have changed any account, in ways that nobody has followed. */
    void (*touched)(void *state);
    void *state;
};

struct model {
    const struct schema *schema;
    struct db *db;
    struct offload *offload; /* hashes passwords */
    struct password_params password;
    struct model_core *cores;              /* by core index; the last one is the writer's */
    unsigned core_count;                   /* without the writer's */
    const struct caller *caller;           /* who every session is for, where the protocol does not say; NULL: nobody */
    const struct model_watch *watch;       /* NULL: nobody */
    const struct model_accounts *accounts; /* NULL: nobody */
    char cursor_key[32];                   /* signs cursors; stored in the database, so that they outlive a restart */
};

/* Makes a model over an open database for `core_count` cores. Owner: the caller; `schema` and `db` are borrowed.
 * `db` NULL: one that is only looked at, with a key that nobody else has.
 * Errors: ERROR_MEMORY, ERROR_IO. */
MUST_USE enum error model_create(const struct schema *schema, struct db *db, struct offload *offload,
                                 unsigned core_count, struct model **out);
/* Accepts NULL. */
void model_destroy(struct model *model);

#endif
