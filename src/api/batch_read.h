/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_BATCH_READ_H
#define API_BATCH_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/change.h"
#include "model/session.h"

struct rest;
struct rest_resource;

/* A batch as it was sent: operations, and which of their values refer to earlier results. */

/* "$m.creator": a field of the row that an earlier operation leaves. */
struct batch_reference {
    struct batch_reference *next;
    const struct field *target; /* whose value it is; NULL: the id in the path */
    size_t operation;           /* the earlier one */
    const struct field *source; /* of that operation's row */
};

struct batch_operation {
    struct rest_resource *resource;
    enum change_kind kind;
    struct slice method, path, label, body; /* as they were sent; body is raw JSON; NULL pointers: not sent */
    struct slice if_match;
    struct slice prefix; /* "operations.1." */
    struct change change;
    struct batch_reference *references;
};

struct batch {
    struct rest *rest;
    struct batch_operation *operations;
    size_t count;
};

/* Reads the JSON of a batch into operations; every mistake becomes a field item of the session's diag.
 * Errors: ERROR_PARSE, ERROR_VALIDATION, ERROR_UNAUTHORIZED and ERROR_FORBIDDEN (an operation that nobody like the
 * caller may do), ERROR_MEMORY. */
MUST_USE enum error batch_read(struct rest *rest, struct slice text, struct session *session, struct batch *out);

#endif
