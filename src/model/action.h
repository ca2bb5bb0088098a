/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ACTION_H
#define MODEL_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/slice.h"
#include "model/expr.h"
#include "model/schema.h"
#include "model/statement.h"

/* Actions: several statements of the app file that run as one transaction. Declared here, built by action.c and
 * action_step.c, held against the database by action_check.h, run by action_run.h. Immutable once loaded. */

enum { ACTION_STEPS_MAX = 50, ACTION_PATH_MAX = 8 };

/* What a parameter of a statement stands for. */
enum action_source {
    ACTION_FROM_INPUT,   /* `field` of the input */
    ACTION_FROM_ELEMENT, /* `field` of the present object of the list that the step is run for */
    ACTION_FROM_AUTH_ID,
    ACTION_FROM_AUTH_ROLE,
    ACTION_FROM_NOW,  /* the instant of the request */
    ACTION_FROM_UUID, /* a new one at each use */
    ACTION_FROM_STEP  /* `column` of a row of the earlier step `step` */
};

struct action_parameter {
    enum action_source source;
    const struct field *field;
    size_t step;
    struct slice column;
    struct place place;
};

/* What is answered when an expectation fails. */
struct action_failure {
    int status;
    const char *code, *sentence;
};

/* What a step is run for, one after the other; nothing: it is run once. */
struct action_each {
    const struct field *list;       /* the objects of this list of the input */
    const struct action_step *step; /* or the rows that this earlier step has returned */
};

struct action_step {
    struct slice name; /* `as:`; empty: none */
    struct action_each each;
    struct statement statement;
    const struct action_parameter *parameters; /* by placeholder */
    bool has_expect;
    int64_t least, most; /* rows returned, or changed when none are returned; each time it is run */
    bool has_failure;
    struct action_failure failure;
    bool is_answered;
    bool is_referred_to;  /* a later step uses the first row of each time it is run */
    bool is_gone_through; /* a later step is run for each of its rows */
    struct place place;   /* of its statement */
};

struct action_spec {
    struct slice name;
    const char *description;
    struct slice method, path;                    /* POST, and the pattern behind api.base */
    const struct field *in_path[ACTION_PATH_MAX]; /* the inputs that stand in the path, in its order */
    size_t in_path_count;
    const struct resource *input; /* no table: what may be sent */
    bool is_allowed;              /* `access:` is given; `allow` NULL: to anyone */
    const struct expr *allow;
    bool is_secret; /* variables were replaced in `allow`: its text must not be shown */
    enum db_isolation isolation;
    const struct action_step *steps;
    size_t step_count;
    struct place place, route_place;
};

static inline bool action_step_is_repeated(const struct action_step *step)
{
    return step->each.list || step->each.step;
}

/* Whether the answer holds one row of the step, and not a list of them. */
static inline bool action_step_is_single(const struct action_step *step)
{
    return step->has_expect && step->least == 1 && step->most == 1 && !action_step_is_repeated(step);
}

#endif
