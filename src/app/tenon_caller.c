/* SPDX-License-Identifier: Apache-2.0 */
/* The public C API: who asks, and what they hold. A program may ask for permissions that the app file names nowhere, so
 * the patterns themselves are looked at. */
#include "app/program.h"
#include "http/exchange.h"
#include "model/caller.h"
#include "model/model.h"
#include "model/permission.h"
#include "svc/gate.h"

static const struct caller *caller_of(const tn_request *request)
{
    return request->x->caller;
}

const char *tn_caller(tn_request *request)
{
    const struct caller *caller = caller_of(request);
    return caller ? arena_text(request->x->arena, caller->name) : NULL;
}

tn_value tn_caller_id(tn_request *request)
{
    const struct caller *caller = caller_of(request);
    if (!caller || caller->id.kind == VALUE_NULL)
        return (tn_value){.kind = TN_NULL};
    if (caller->id.kind == VALUE_INT)
        return (tn_value){.kind = TN_INT, .integer = caller->id.integer};
    return (tn_value){.kind = TN_TEXT, .text = caller->id.text.ptr, .length = caller->id.text.len};
}

const char *tn_caller_role(tn_request *request)
{
    const struct caller *caller = caller_of(request);
    return caller && caller->role.len > 0 ? arena_text(request->x->arena, caller->role) : NULL;
}

static bool role_holds(const struct role *role, struct slice permission)
{
    for (size_t i = 0; role && i < role->pattern_count; i++)
        if (permission_matches(role->patterns[i], permission))
            return true;
    return false;
}

static bool scopes_hold(struct slice scopes, struct slice permission)
{
    struct slice pattern;
    while (scopes.len > 0 && slice_split(&scopes, ' ', &pattern))
        if (permission_matches(pattern, permission))
            return true;
    return false;
}

bool tn_can(tn_request *request, const char *permission)
{
    const struct principal *principal = gate_principal(request->x);
    const struct schema *schema = request->rest->model->schema;
    struct slice name = slice_from(permission);
    if (!principal)
        return false;
    if (principal->scopes.ptr && !scopes_hold(principal->scopes, name))
        return false;
    bool has_role = principal->account.len > 0;
    return !has_role || role_holds(permission_role(schema, principal->caller.role), name);
}

tn_error tn_require(tn_request *request, const char *permission)
{
    if (tn_can(request, permission))
        return TN_OK;
    return caller_of(request) ? TN_FORBIDDEN : TN_UNAUTHORIZED;
}
