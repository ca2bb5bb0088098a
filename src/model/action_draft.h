/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ACTION_DRAFT_H
#define MODEL_ACTION_DRAFT_H

#include "base/node.h"
#include "model/action.h"
#include "model/schema_draft.h"

/* An action in the making: what action.c and action_step.c pass to each other. */
struct action_draft {
    struct schema_draft *schema;
    struct diag *diag;
    struct arena *arena;
    struct action_spec *action;
    struct action_step *steps; /* of the action */
    const struct node *node;   /* a map */
};

/* Reads the steps; the input is known. Mistakes are told. Errors: ERROR_MEMORY. */
MUST_USE enum error action_step_build(struct action_draft *draft);
/* Tells of keys that are not one of `keys`. */
void action_draft_check_keys(const struct action_draft *draft, const struct node *map, const char *const *keys,
                             size_t count, const char *hint);
/* The text of a key; false (told, if it is there and no text): there is none. */
bool action_draft_text(const struct action_draft *draft, const struct node *map, const char *key,
                       const struct node **out);

#endif
