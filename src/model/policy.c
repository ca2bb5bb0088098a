/* SPDX-License-Identifier: Apache-2.0 */
/* Access rules, asked in one place. A rule that does not look at the row is decided once per request and costs the
 * statement nothing; any other becomes a condition of the statement itself, so that no row that it hides is ever read.
 */
#include "model/policy.h"

#include "base/bits.h"

enum policy_verdict policy_decide(const struct resource *resource, enum action action,
                                  const struct expr_context *context)
{
    const struct access *access = &resource->access[action];
    if (!access->is_given)
        return POLICY_DENY;
    if (!access->allow)
        return POLICY_ALLOW;
    if (expr_needs_row(access->allow))
        return POLICY_ASK;
    return expr_eval(access->allow, context, NULL) ? POLICY_ALLOW : POLICY_DENY;
}

enum error policy_admit(const struct resource *resource, enum action action, const struct expr_context *context)
{
    if (policy_decide(resource, action, context) != POLICY_DENY)
        return OK;
    return context->caller->is_signed_in ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED;
}

void policy_compile(const struct resource *resource, enum action action, const struct expr_context *context,
                    unsigned alias, unsigned *next_alias, struct sql *sql)
{
    switch (policy_decide(resource, action, context)) {
    case POLICY_DENY: sql_truth(sql, false); break;
    case POLICY_ALLOW: sql_truth(sql, true); break;
    case POLICY_ASK: expr_compile(resource->access[action].allow, context, alias, next_alias, sql); break;
    }
}

bool policy_field(const struct resource *resource, enum action action, const struct field *field)
{
    const uint64_t *fields = resource->access[action].fields;
    if (action == ACTION_READ && field_is(field, FIELD_HIDDEN))
        return false;
    if (!fields || field_is(field, FIELD_SYSTEM))
        return true;
    return bits_has(fields, field->index);
}
