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

/* The rule that is this caller's, whatever a token or key is narrowed to; NULL: there is none. */
const struct rule *policy_rule(const struct resource *resource, enum action action, const struct expr_context *context);

/* The rule that decides; NULL: the action is denied, by the rules or because the token or key does not reach it. */
const struct rule *policy_find(const struct resource *resource, enum action action, const struct expr_context *context);

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
 * readable, the key is always. Where the caller has no rule, every field passes: no value of it will be seen. */
bool policy_field(const struct resource *resource, enum action action, const struct expr_context *context,
                  const struct field *field);

/* The same for reading by a rule with these fields (NULL: every field). */
bool policy_names(const struct resource *resource, const uint64_t *fields, const struct field *field);

/* Whether the caller may hear of a value of this field in some row. */
bool policy_tells(const struct resource *resource, const struct expr_context *context, const struct field *field);

#endif
