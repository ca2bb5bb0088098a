/* SPDX-License-Identifier: Apache-2.0 */
/* Access rules, asked in one place. Of an action's rules the first that is for the caller is theirs, and a token or key
 * that does not reach the action is denied it, whatever the rule says. A rule that does not look at the row is decided
 * once per request and costs the statement nothing; any other becomes a condition of the statement itself, so that no
 * row that it hides is ever read.
 */
#include "model/policy.h"

#include "base/bits.h"
#include "model/permission.h"

/* No rule is asked: who owns the database may do everything. */
static bool is_operator(const struct expr_context *context)
{
    return context->caller && context->caller->is_operator;
}

static bool is_theirs(const struct rule *rule, const struct expr_context *context)
{
    return !rule->whose || expr_decide(rule->whose, context) == EXPR_TRUE;
}

const struct rule *policy_rule(const struct resource *resource, enum action action, const struct expr_context *context)
{
    const struct access *access = &resource->access[action];
    for (size_t i = 0; i < access->count; i++)
        if (is_theirs(&access->rules[i], context))
            return &access->rules[i];
    return NULL;
}

static bool is_in_scope(const struct resource *resource, enum action action, const struct caller *caller)
{
    return !caller || !caller->scopes || bits_has(caller->scopes, permission_of(resource, action));
}

const struct rule *policy_find(const struct resource *resource, enum action action, const struct expr_context *context)
{
    if (!is_in_scope(resource, action, context->caller))
        return NULL;
    const struct rule *rule = policy_rule(resource, action, context);
    return rule && !rule->is_denial ? rule : NULL;
}

static enum policy_verdict decide(const struct rule *rule, const struct expr_context *context)
{
    if (!rule)
        return POLICY_DENY;
    if (expr_decide(rule->allow, context) == EXPR_TRUE)
        return POLICY_ALLOW;
    return expr_needs_row(rule->allow) ? POLICY_ASK : POLICY_DENY;
}

enum policy_verdict policy_decide(const struct resource *resource, enum action action,
                                  const struct expr_context *context)
{
    return is_operator(context) ? POLICY_ALLOW : decide(policy_find(resource, action, context), context);
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
    const struct rule *rule = policy_find(resource, action, context);
    switch (is_operator(context) ? POLICY_ALLOW : decide(rule, context)) {
    case POLICY_DENY: sql_truth(sql, false); break;
    case POLICY_ALLOW: sql_truth(sql, true); break;
    case POLICY_ASK: expr_compile(rule->allow, context, alias, next_alias, sql); break;
    }
}

bool policy_names(const struct resource *resource, const uint64_t *fields, const struct field *field)
{
    if (field_is(field, FIELD_HIDDEN) || field->type.kind == FIELD_PASSWORD)
        return false;
    return !fields || field_is(field, FIELD_KEY) || field == resource->id || bits_has(fields, field->index);
}

bool policy_field(const struct resource *resource, enum action action, const struct expr_context *context,
                  const struct field *field)
{
    const struct rule *rule = is_operator(context) ? NULL : policy_rule(resource, action, context);
    const uint64_t *fields = rule ? rule->fields : NULL;
    if (action == ACTION_READ)
        return policy_names(resource, fields, field);
    return !fields || field_is(field, FIELD_SYSTEM) || bits_has(fields, field->index);
}

bool policy_tells(const struct resource *resource, const struct expr_context *context, const struct field *field)
{
    bool may_read = is_operator(context) || policy_find(resource, ACTION_READ, context);
    return may_read && policy_field(resource, ACTION_READ, context, field);
}
