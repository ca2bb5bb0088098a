/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_REST_ACTION_H
#define API_REST_ACTION_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"

struct http_site;
struct rest;

/* Adds the route of each action. Errors: ERROR_VALIDATION (told at the action's place: a bad path, or one that is
 * taken), ERROR_MEMORY. */
MUST_USE enum error rest_action_add_routes(struct rest *rest, struct http_site *site, struct arena *arena,
                                           struct diag *diag);

#endif
