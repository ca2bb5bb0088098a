/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WHY_TARGET_H
#define APP_WHY_TARGET_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/action.h"
#include "model/change.h"
#include "model/session.h"

/* What a request is about, read from its text: `PATCH /api/v1/markets/7 {"status": "active"}`. */
struct why_target {
    struct slice method, path;
    const struct resource *resource; /* NULL: an action */
    const struct action_spec *spec;
    enum action action;      /* of the resource */
    bool is_list;            /* GET without a key */
    bool has_key_form;       /* false: the key has not the form of one, and names no row */
    const struct value *key; /* of GET, PUT, PATCH and DELETE */
    bool has_body;
    struct change change; /* what was sent: of POST, PUT and PATCH, or of an action */
};

/* Reads a request. The path may lack what `api.base` says; a query string is left aside. Memory is the session's arena.
 * Errors: ERROR_PARSE (it is none, or nothing answers it), ERROR_VALIDATION (the body); told in the session's diag. */
MUST_USE enum error why_target_read(const struct settings *settings, struct slice request, struct session *session,
                                    struct why_target *out);

#endif
