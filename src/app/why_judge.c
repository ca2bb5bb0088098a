/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for a request, in the order in which a server asks them:
 *
 *   reach      does the token or key reach the action?                               403
 *   admit      is there a rule for this caller, and can it hold before any row?      401, 403
 *   fields     may the fields be written that were sent?                             403, also for nobody
 *   find       is there such a row, and may the caller read it?                      404
 *   decide     does the rule hold for the row as it is?                              401, 403
 *   outcome    does it hold for the row as the change leaves it?                     401, 403
 *
 * What a server would say of other things (a body that is not valid, a version that does not match, a value that is
 * taken) is not the rules' and not said here. */
#include "app/why_judge.h"

#include "app/storedrow.h"
#include "base/bits.h"
#include "model/permission.h"
#include "model/policy.h"

struct judging {
    struct why_scene *scene;
    struct why_target *target;
    struct why_report *report;
    struct why_rule *first, **end;
    struct expr_context context;
    struct arena *arena;
};

static struct value submitted(const void *state, const struct field *field)
{
    const struct change *change = state;
    return change_has(change, field) ? change->values[field->index] : VALUE_NOTHING;
}

/* The input of an action holds its defaults, too. */
static struct value completed(const void *state, const struct field *field)
{
    const struct change *change = state;
    return change->values[field->index];
}

static bool is_decided(const struct judging *own)
{
    return own->report->status != 0;
}

static int denied(const struct judging *own)
{
    return own->scene->session.caller.is_signed_in ? 403 : 401;
}

static enum error conclude(struct judging *own, int status, const char *reason)
{
    own->report->status = status;
    own->report->reason = reason;
    return reason ? OK : ERROR_MEMORY;
}

static const char *place_of(const struct judging *own, const struct why_rule *rule)
{
    return rule->place.file ? arena_printf(own->arena, " (%s:%u)", rule->place.file, rule->place.line) : "";
}

/* What of a rule has decided that it does not hold: the first false one of all, or the whole of any. */
static const char *decisive_of(const struct why_rule *rule)
{
    for (size_t i = 0; rule->join == EXPR_JOIN_ALL && i < rule->clause_count; i++)
        if (rule->clauses[i].verdict == EXPR_FALSE)
            return rule->clauses[i].text;
    return rule->text;
}

static const char *say_false(const struct judging *own, const struct why_rule *rule, const char *consequence)
{
    const char *place = place_of(own, rule);
    return place ? arena_printf(own->arena, "the rule for %s%s does not hold%s: %s", rule->subject, place, consequence,
                                decisive_of(rule))
                 : NULL;
}

/* ---- rules ---- */

static void keep(struct judging *own, struct why_rule *rule)
{
    *own->end = rule;
    own->end = &rule->next;
}

static const char *subject_of(const struct judging *own, enum action action)
{
    return arena_printf(own->arena, "%s of %.*s", schema_action_name(action), SLICE_ARG(own->target->resource->name));
}

/* The rules before the caller's own, which are for others; all of them where none is the caller's. */
static enum error list_others(struct judging *own, enum action action, const struct rule *chosen, struct why_rule *out)
{
    const struct access *access = &own->target->resource->access[action];
    size_t count = chosen ? (size_t)(chosen - access->rules) : access->count;
    struct why_other *others = arena_array(own->arena, count, sizeof *others);
    if (!others)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &access->rules[i];
        others[i].whose = rule->is_secret ? "(it holds a variable)" : why_rule_text(own->scene, rule->whose);
        others[i].place.file = arena_text(own->arena, slice_from(rule->place.file ? rule->place.file : ""));
        others[i].place.line = rule->place.line;
        if (!others[i].whose || !others[i].place.file)
            return ERROR_MEMORY;
    }
    out->others = others;
    out->other_count = count;
    return OK;
}

static enum error add_missing(struct judging *own, enum action action)
{
    struct why_rule *rule = arena_zalloc(own->arena, sizeof *rule);
    if (!rule)
        return ERROR_MEMORY;
    rule->subject = subject_of(own, action);
    rule->about = "this caller";
    rule->verdict = EXPR_FALSE;
    keep(own, rule);
    TRY(list_others(own, action, NULL, rule));
    const struct place place = own->target->resource->place;
    const char *reason = rule->other_count > 0
                             ? arena_printf(own->arena, "no rule for %s is for this caller", rule->subject)
                             : arena_printf(own->arena, "nothing under `access:` says who may do it: %s (%s:%u)",
                                            rule->subject, place.file ? place.file : "", place.line);
    return rule->subject ? conclude(own, denied(own), reason) : ERROR_MEMORY;
}

static enum error ask(struct judging *own, enum action action, const struct why_row *row, struct why_rule **out)
{
    const struct rule *rule = policy_rule(own->target->resource, action, &own->context);
    struct why_condition condition = {.subject = subject_of(own, action),
                                      .whose = rule->whose,
                                      .allow = rule->allow,
                                      .is_denial = rule->is_denial,
                                      .is_secret = rule->is_secret,
                                      .place = rule->place};
    TRY(why_rule_judge(own->scene, &condition, &own->context, row, out));
    keep(own, *out);
    return list_others(own, action, rule, *out);
}

static enum error check_reach(struct judging *own, unsigned permission)
{
    const struct schema *schema = own->scene->settings->schema;
    const uint64_t *scopes = own->scene->session.caller.scopes;
    if (!scopes || bits_has(scopes, permission))
        return OK;
    return conclude(
        own, 403,
        arena_printf(own->arena, "the scopes do not hold \"%.*s\"", SLICE_ARG(schema->permissions[permission])));
}

/* What is decided before any row is seen. */
static enum error check_admitted(struct judging *own, enum action action)
{
    const struct why_row nothing = {.about = "the caller alone, before any row is seen",
                                    .resource = own->target->resource};
    struct why_rule *rule;
    if (!policy_rule(own->target->resource, action, &own->context))
        return add_missing(own, action);
    if (policy_decide(own->target->resource, action, &own->context) != POLICY_DENY)
        return OK;
    TRY(ask(own, action, &nothing, &rule));
    return conclude(own, denied(own), say_false(own, rule, ""));
}

/* ---- fields ---- */

static enum error list_fields(struct judging *own, enum action action, struct why_names *out)
{
    const struct resource *resource = own->target->resource;
    const unsigned servers = FIELD_READONLY | FIELD_SYSTEM | (action == ACTION_UPDATE ? FIELD_IMMUTABLE : 0);
    const char **items = arena_array(own->arena, resource->field_count + 1, sizeof *items);
    if (!items)
        return ERROR_MEMORY;
    out->items = items;
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        if (!policy_field(resource, action, &own->context, field) || (action != ACTION_READ && field->flags & servers))
            continue;
        items[out->count] = arena_text(own->arena, field->json_name);
        if (!items[out->count++])
            return ERROR_MEMORY;
    }
    return OK;
}

static enum error tell_fields(struct judging *own)
{
    const struct resource *resource = own->target->resource;
    own->report->has_fields = true;
    if (policy_find(resource, ACTION_READ, &own->context))
        TRY(list_fields(own, ACTION_READ, &own->report->readable));
    bool is_write = own->target->action == ACTION_CREATE || own->target->action == ACTION_UPDATE;
    if (is_write && policy_find(resource, own->target->action, &own->context))
        TRY(list_fields(own, own->target->action, &own->report->writable));
    return OK;
}

static enum error check_fields(struct judging *own)
{
    const struct why_target *target = own->target;
    for (size_t i = 0; target->has_body && i < target->resource->field_count; i++) {
        const struct field *field = &target->resource->fields[i];
        bool is_servers = field->flags & (FIELD_READONLY | FIELD_SYSTEM);
        if (is_servers || !change_has(&target->change, field) ||
            policy_field(target->resource, target->action, &own->context, field))
            continue;
        return conclude(
            own, 403,
            arena_printf(own->arena, "the rule does not let \"%.*s\" be written", SLICE_ARG(field->json_name)));
    }
    return OK;
}

/* ---- rows ---- */

static enum error find_row(struct judging *own, const struct value **out)
{
    const struct why_target *target = own->target;
    enum error error = target->has_key_form
                           ? storedrow_read(own->scene->conn, target->resource, target->key, own->arena, out)
                           : ERROR_NOT_FOUND;
    if (error == ERROR_NOT_FOUND)
        return conclude(own, 404, "there is no such row");
    return error;
}

static enum error check_readable(struct judging *own, const struct why_row *row)
{
    const struct resource *resource = own->target->resource;
    struct why_rule *rule;
    TRY(check_reach(own, permission_of(resource, ACTION_READ)));
    if (!is_decided(own) && !policy_rule(resource, ACTION_READ, &own->context))
        TRY(add_missing(own, ACTION_READ));
    if (is_decided(own)) { /* what may not be read is not there, whatever is to be done with it */
        own->report->status = 404;
        return OK;
    }
    TRY(ask(own, ACTION_READ, row, &rule));
    if (rule->verdict == EXPR_TRUE)
        return OK;
    return conclude(own, 404, say_false(own, rule, " for this row, which is then as good as missing"));
}

/* The row as the change would leave it. */
static enum error merge(struct judging *own, const struct value *stored, const struct value **out)
{
    const struct why_target *target = own->target;
    struct session *session = &own->scene->session;
    struct value *values = arena_array(own->arena, target->resource->field_count, sizeof *values);
    if (!values)
        return ERROR_MEMORY;
    for (size_t i = 0; i < target->resource->field_count; i++) {
        const struct field *field = &target->resource->fields[i];
        if (change_has(&target->change, field))
            values[i] = target->change.values[i];
        else if (stored && (field_is(field, FIELD_SYSTEM) || change_keeps(&target->change, session, field)))
            values[i] = stored[i];
        else
            values[i] = change_default(field, session);
    }
    *out = values;
    return OK;
}

static enum error check_outcome(struct judging *own, const struct value *stored)
{
    struct why_row row = {.about = stored ? "the row as it would be afterwards" : "the new row",
                          .resource = own->target->resource};
    struct why_rule *rule;
    TRY(merge(own, stored, &row.values));
    TRY(ask(own, own->target->action, &row, &rule));
    if (rule->verdict == EXPR_FALSE)
        return conclude(own, denied(own), say_false(own, rule, stored ? " for the row as it would be" : ""));
    return OK;
}

static const char *say_allowed(const struct judging *own)
{
    for (const struct why_rule *rule = own->first; rule; rule = rule->next)
        if (rule->verdict == EXPR_UNDECIDED)
            return own->target->is_list ? "the rows for which the rule holds, and no others"
                                        : "as far as can be said before the row is stored";
    return "every rule holds";
}

/* ---- requests ---- */

static enum error judge_list(struct judging *own)
{
    const struct why_row every = {.about = "each row", .resource = own->target->resource};
    struct why_rule *rule;
    TRY(ask(own, ACTION_READ, &every, &rule));
    return conclude(own, 200,
                    rule->verdict == EXPR_FALSE ? say_false(own, rule, ", so the list is empty") : say_allowed(own));
}

static enum error judge_create(struct judging *own)
{
    TRY(check_outcome(own, NULL));
    return is_decided(own) ? OK : conclude(own, 201, say_allowed(own));
}

static enum error judge_stored(struct judging *own)
{
    const struct why_target *target = own->target;
    struct why_row row = {.about = "the row as it is", .resource = target->resource, .key = target->key};
    struct why_rule *rule;
    TRY(find_row(own, &row.values));
    if (!is_decided(own))
        TRY(check_readable(own, &row));
    if (is_decided(own))
        return OK;
    if (target->action == ACTION_READ)
        return conclude(own, 200, say_allowed(own));
    TRY(ask(own, target->action, &row, &rule));
    if (rule->verdict != EXPR_TRUE)
        return conclude(own, denied(own), say_false(own, rule, " for this row"));
    if (target->has_body)
        TRY(check_outcome(own, row.values));
    return is_decided(own) ? OK : conclude(own, target->action == ACTION_DELETE ? 204 : 200, say_allowed(own));
}

static enum error judge_resource(struct judging *own)
{
    const struct why_target *target = own->target;
    TRY(tell_fields(own));
    TRY(check_reach(own, permission_of(target->resource, target->action)));
    if (!is_decided(own))
        TRY(check_admitted(own, target->action));
    if (!is_decided(own))
        TRY(check_fields(own));
    if (is_decided(own))
        return OK;
    if (target->is_list)
        return judge_list(own);
    return target->action == ACTION_CREATE ? judge_create(own) : judge_stored(own);
}

/* An action of which no step is answered has no body. */
static int status_of(const struct action_spec *spec)
{
    for (size_t i = 0; i < spec->step_count; i++)
        if (spec->steps[i].is_answered)
            return 200;
    return 204;
}

static enum error judge_action(struct judging *own)
{
    const struct action_spec *spec = own->target->spec;
    const struct schema *schema = own->scene->settings->schema;
    const struct why_row input = {.about = "the caller and the input"};
    struct why_condition condition = {.subject = arena_printf(own->arena, "the action %.*s", SLICE_ARG(spec->name)),
                                      .allow = spec->allow,
                                      .is_denial = !spec->is_allowed,
                                      .is_secret = spec->is_secret,
                                      .place = spec->place};
    struct why_rule *rule;
    own->context.input = completed;
    TRY(check_reach(own, permission_of_action(schema, (size_t)(spec - schema->actions))));
    if (is_decided(own))
        return OK;
    TRY(why_rule_judge(own->scene, &condition, &own->context, &input, &rule));
    keep(own, rule);
    if (rule->verdict != EXPR_TRUE)
        return conclude(own, denied(own), say_false(own, rule, ""));
    return conclude(own, status_of(spec), say_allowed(own));
}

enum error why_judge(struct why_scene *scene, struct why_target *target, struct why_report *report)
{
    struct judging own = {.scene = scene,
                          .target = target,
                          .report = report,
                          .context = session_context(&scene->session),
                          .arena = scene->session.arena};
    own.end = &own.first;
    if (target->spec || target->action == ACTION_CREATE || target->action == ACTION_UPDATE) {
        own.context.input = submitted;
        own.context.input_state = &target->change;
    }
    enum error error = target->spec ? judge_action(&own) : judge_resource(&own);
    report->rules = own.first;
    return error;
}
