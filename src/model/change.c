/* SPDX-License-Identifier: Apache-2.0 */
/* Changes, the part that needs no transaction: what was sent, what it lacks, what is wrong with it.
 *
 * A protocol has already turned each value into its stored form (model/type.h) and reported those that have none. Here
 * the field's own rules are applied: who sets it, whether it must be there, what stands for it when it is not. Every
 * mistake becomes an item of the session's diag, so that a caller hears of all of them at once.
 *
 * Invariants
 *   (1) after change_prepare() succeeds, `written` marks the columns that the statement writes; `sent` stays what it
 * was, because rules ask about it (2) a password is in `values` as its hash before a unit of work sees it
 */
#include "model/change.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/password.h"
#include "base/random.h"
#include "base/timecode.h"
#include "base/uuid.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/reference.h"
#include "rt/offload.h"

static const enum action action_of[] = {
    [CHANGE_CREATE] = ACTION_CREATE,
    [CHANGE_REPLACE] = ACTION_UPDATE,
    [CHANGE_MERGE] = ACTION_UPDATE,
    [CHANGE_DELETE] = ACTION_DELETE,
};

enum error change_init(struct change *change, enum change_kind kind, const struct resource *resource,
                       struct session *session)
{
    struct value *values = arena_array(session->arena, resource->field_count, sizeof *values);
    struct value *key = arena_array(session->arena, resource->key_count, sizeof *key);
    if (!values || !key)
        return ERROR_MEMORY;
    *change = (struct change){.kind = kind, .resource = resource, .values = values, .key = key};
    return OK;
}

void change_set(struct change *change, const struct field *field, struct value value)
{
    change->values[field->index] = value;
    bits_add(change->sent, field->index);
    bits_remove(change->pending, field->index);
}

void change_announce(struct change *change, const struct field *field)
{
    bits_add(change->sent, field->index);
    bits_add(change->pending, field->index);
    bits_add(change->announced, field->index);
}

bool change_has(const struct change *change, const struct field *field)
{
    return bits_has(change->sent, field->index);
}

bool change_is_servers(const struct session *session, const struct field *field)
{
    return field->flags & (session->caller.is_operator ? FIELD_SYSTEM : FIELD_READONLY | FIELD_SYSTEM);
}

enum error change_admit(const struct session *session, const struct resource *resource, enum change_kind kind)
{
    struct expr_context context = session_context(session);
    return policy_admit(resource, action_of[kind], &context);
}

/* Decides a column without the caller having sent it. */
static void assign(struct change *change, const struct field *field, struct value value)
{
    change->values[field->index] = value;
    bits_add(change->written, field->index);
}

static void say(struct change *change, struct session *session, const struct field *field, const char *sentence)
{
    const char *name = arena_printf(session->arena, "%.*s%.*s", SLICE_ARG(change->prefix), SLICE_ARG(field->json_name));
    diag_field(session->diag, name ? slice_from(name) : field->json_name, NULL, "%s", sentence);
}

static struct value timestamp(struct session *session)
{
    char *text = arena_alloc(session->arena, TIMECODE_DATETIME_BYTES);
    if (!text)
        return VALUE_NOTHING;
    timecode_format_datetime(session->now_us, text);
    return value_text(slice_of(text, TIMECODE_DATETIME_BYTES));
}

/* The date in UTC. */
static struct value today(struct session *session)
{
    struct value now = timestamp(session);
    return now.kind == VALUE_NULL ? now : value_text(slice_of(now.text.ptr, TIMECODE_DATE_BYTES));
}

struct value change_default(const struct field *field, struct session *session)
{
    switch (field->default_kind) {
    case DEFAULT_VALUE: return field->default_value;
    case DEFAULT_NOW: return field->type.kind == FIELD_DATE ? today(session) : timestamp(session);
    case DEFAULT_AUTH_ID: return session->caller.id;
    case DEFAULT_NONE: break;
    }
    return VALUE_NOTHING;
}

/* A key that is given to the row later, and what the database itself sets in an adopted table. */
static bool is_left_out(const struct resource *resource, const struct field *field)
{
    bool is_given = field_is(field, FIELD_KEY) && resource->id_kind != ID_SENT;
    bool is_databases = field_is(field, FIELD_ADOPTED) && field_is(field, FIELD_READONLY);
    return is_given || (is_databases && field->default_kind == DEFAULT_NONE);
}

/* The value that stands for a field that was not sent. */
static enum error fill(struct change *change, struct session *session, const struct field *field)
{
    if (is_left_out(change->resource, field))
        return OK;
    struct value value = change_default(field, session);
    if (value.kind == VALUE_NULL && field_is(field, FIELD_REQUIRED)) {
        if (field->default_kind == DEFAULT_AUTH_ID && !session->caller.is_operator)
            return ERROR_UNAUTHORIZED;
        say(change, session, field, "is required");
        return OK;
    }
    assign(change, field, value);
    return OK;
}

/* A field that this change leaves alone when it is not sent: also what the caller cannot know that it replaces. */
bool change_keeps(const struct change *change, const struct session *session, const struct field *field)
{
    const struct expr_context context = session_context(session);
    if (change->kind == CHANGE_MERGE)
        return true;
    return change->kind == CHANGE_REPLACE &&
           (field->flags & (FIELD_READONLY | FIELD_HIDDEN | FIELD_IMMUTABLE | FIELD_SYSTEM) ||
            !policy_field(change->resource, ACTION_UPDATE, &context, field) ||
            !policy_field(change->resource, ACTION_READ, &context, field));
}

void change_check_required(struct change *change, struct session *session, const struct field *field)
{
    bool is_pending = bits_has(change->pending, field->index);
    bool is_required = field->flags & (FIELD_REQUIRED | FIELD_KEY);
    if (change->values[field->index].kind == VALUE_NULL && is_required && !is_pending)
        say(change, session, field, "is required");
}

/* A new password of an account is held to more than its length. */
static void judge_password(struct change *change, struct session *session, const struct field *field)
{
    const struct model_accounts *accounts = session->model->accounts;
    struct value value = change->values[field->index];
    bool is_judged = field->type.kind == FIELD_PASSWORD && change->resource == session->model->schema->account;
    if (!accounts || !is_judged || value.kind != VALUE_TEXT)
        return;
    const char *why = accounts->judge(accounts->state, change, value.text);
    if (why)
        say(change, session, field, why);
}

/* What was sent for a field: may this caller write it, may it be null? */
static enum error check_sent(struct change *change, struct session *session, const struct field *field,
                             enum error *denied)
{
    const struct expr_context context = session_context(session);
    bool is_servers = change_is_servers(session, field);
    if (is_servers && change->kind == CHANGE_CREATE) {
        say(change, session, field, "is set by the server");
    } else if (!is_servers && !policy_field(change->resource, action_of[change->kind], &context, field)) {
        say(change, session, field, "may not be written");
        *denied = ERROR_FORBIDDEN;
    } else {
        change_check_required(change, session, field);
        judge_password(change, session, field);
    }
    return OK;
}

static enum error check_fields(struct change *change, struct session *session, enum error *denied)
{
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (change_has(change, field))
            TRY(check_sent(change, session, field, denied));
        else if (!field_is(field, FIELD_SYSTEM) && !change_keeps(change, session, field))
            TRY(fill(change, session, field));
    }
    return OK;
}

/* Someone already has to correct this request: tell about its references too. */
static enum error check_references(struct change *change, struct session *session)
{
    TRY(session_read(session));
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (field->type.kind == FIELD_REFERENCE && change_has(change, field))
            TRY(reference_check(session, field, change->values[i], change->prefix));
    }
    return OK;
}

enum error change_count_passwords(const struct change *change, struct session *session, size_t *count)
{
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        *count += field->type.kind == FIELD_PASSWORD && change_has(change, field);
    }
    if (*count <= CHANGE_PASSWORDS_MAX)
        return OK;
    diag_say(session->diag, "send them in several requests", "more than %d passwords", CHANGE_PASSWORDS_MAX);
    return ERROR_VALIDATION;
}

struct hashing {
    const struct model *model;
    struct random_source *random;
    struct slice password;
    char hash[PASSWORD_HASH_MAX];
    enum error error;
};

static void hash_on_pool(void *argument)
{
    struct hashing *hashing = argument;
    hashing->error = password_hash(&hashing->model->password, hashing->password, hashing->random, hashing->hash,
                                   sizeof hashing->hash);
}

static enum error hash_password(struct change *change, struct session *session, const struct field *field)
{
    struct hashing *hashing = arena_zalloc(session->arena, sizeof *hashing);
    if (!hashing)
        return ERROR_MEMORY;
    struct random_source random;
    random_source_system(&random);
    hashing->model = session->model;
    hashing->random = &random;
    hashing->password = change->values[field->index].text;
    if (session->fiber)
        TRY(offload_run(session->model->offload, session->fiber, session->deadline, hash_on_pool, hashing));
    else
        hash_on_pool(hashing);
    TRY(hashing->error);
    change->values[field->index] = value_text(slice_from(hashing->hash));
    return OK;
}

static enum error hash_passwords(struct change *change, struct session *session)
{
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (field->type.kind == FIELD_PASSWORD && change_has(change, field) && change->values[i].kind != VALUE_NULL)
            TRY(hash_password(change, session, field));
    }
    return OK;
}

/* What the server itself sets on a new row. */
static enum error fill_system(struct change *change, struct session *session)
{
    const struct resource *resource = change->resource;
    struct value now = timestamp(session);
    if (now.kind == VALUE_NULL)
        return ERROR_MEMORY;
    if (resource->created_at)
        assign(change, resource->created_at, now);
    if (resource->updated_at)
        assign(change, resource->updated_at, now);
    if (resource->version)
        assign(change, resource->version, value_int(1));
    if (resource->id_kind != ID_UUID || change_has(change, resource->id))
        return OK;
    char *text = arena_alloc(session->arena, UUID_TEXT_BYTES);
    if (!text)
        return ERROR_MEMORY;
    TRY(uuid_generate(session->core->uuids, session->now_us / 1000, session->core->random, text));
    assign(change, resource->id, value_text(slice_of(text, UUID_TEXT_BYTES)));
    return OK;
}

enum error change_prepare(struct change *change, struct session *session)
{
    if (change->kind == CHANGE_DELETE)
        return OK;
    enum error denied = OK;
    TRY(check_fields(change, session, &denied));
    if (denied != OK)
        return denied;
    if (session->diag->count > 0) {
        TRY(check_references(change, session));
        return ERROR_VALIDATION;
    }
    TRY(hash_passwords(change, session));
    for (size_t i = 0; i < ARRAY_LEN(change->written); i++)
        change->written[i] |= change->sent[i];
    return change->kind == CHANGE_CREATE ? fill_system(change, session) : OK;
}

bool change_is_single(const struct change *change, const struct session *session)
{
    const struct expr_context context = session_context(session);
    if (change->kind != CHANGE_CREATE || policy_decide(change->resource, ACTION_CREATE, &context) != POLICY_ALLOW)
        return false;
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (field->type.kind == FIELD_REFERENCE && change_has(change, field) &&
            !reference_is_left_to_key(field, session))
            return false;
    }
    return true;
}

enum error change_explain(const struct change *change, struct session *session)
{
    TRY(session_read(session));
    for (size_t i = 0; change->kind != CHANGE_DELETE && i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        bool is_lasting = change_has(change, field) && !bits_has(change->announced, i);
        if (field->type.kind == FIELD_REFERENCE && is_lasting)
            TRY(reference_check(session, field, change->values[i], change->prefix));
    }
    return OK;
}
