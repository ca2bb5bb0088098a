/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WHY_RULE_H
#define APP_WHY_RULE_H

#include "app/settings.h"
#include "app/why.h"
#include "base/attr.h"
#include "base/error.h"
#include "data/db.h"
#include "model/session.h"

/* One rule and what it comes to, clause by clause. */

/* What explanations are made with. The session is without a fiber and reads on `conn`; memory is its arena. */
struct why_scene {
    const struct settings *settings;
    struct session session;
    struct db_conn *conn;
};

/* What a rule is asked of. */
struct why_row {
    const char *about;
    const struct resource *resource; /* NULL: there is no row */
    const struct value *key;         /* a stored row; NULL: one that is only in `values`, or none yet */
    const struct value *values;      /* by field index; NULL: no row in particular */
};

/* A condition that decides: an access rule, or the access of an action. */
struct why_condition {
    const char *subject; /* "update of markets" */
    const struct expr *whose, *allow;
    bool is_denial;
    bool is_secret; /* nothing of its text, and no value, may be shown */
    struct place place;
};

/* Judges a condition. Blocks. Errors: ERROR_MEMORY, those of db_query(). */
MUST_USE enum error why_rule_judge(struct why_scene *scene, const struct why_condition *condition,
                                   const struct expr_context *context, const struct why_row *row,
                                   struct why_rule **out);

/* The text of an expression; NULL when memory is exhausted. */
const char *why_rule_text(struct why_scene *scene, const struct expr *expr);

#endif
