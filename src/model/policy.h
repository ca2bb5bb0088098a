/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include <stdbool.h>

#include "base/error.h"
#include "model/expr.h"
#include "model/schema.h"

/* Who may do what: the access rules of a resource, asked in one place by every protocol. */

enum policy_verdict {
    POLICY_DENY,  /* nothing of it, whatever the row: 403, or 401 for an anonymous caller */
    POLICY_ALLOW, /* everything, whatever the row */
    POLICY_ASK,   /* the rule must be asked of each row */
};

/* What can be said before any row (and any input) is seen. */
enum policy_verdict policy_decide(const struct resource *resource, enum action action,
                                  const struct expr_context *context);

/* OK unless the verdict is POLICY_DENY. Errors: ERROR_UNAUTHORIZED (anonymous caller), ERROR_FORBIDDEN. */
MUST_USE enum error policy_admit(const struct resource *resource, enum action action,
                                 const struct expr_context *context);

/* Appends the rule as a condition over t<alias>: "1" when it is allowed, "0" when it is denied. */
void policy_compile(const struct resource *resource, enum action action, const struct expr_context *context,
                    unsigned alias, unsigned *next_alias, struct sql *sql);

/* Whether a caller who may do the action may write (or, for ACTION_READ, read) this field. Hidden fields are never
 * readable. */
bool policy_field(const struct resource *resource, enum action action, const struct field *field);

#endif
