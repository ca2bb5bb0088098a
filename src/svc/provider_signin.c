/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in with a provider.
 *
 *     the person is linked                             -> that account
 *     the address is not verified by the provider      -> refused, whether there is such an account or not
 *     an account has the address, and it was proven    -> linked
 *     an account has the address, and it was not       -> reclaimed, then linked
 *     no account has it                                -> made by the rule for creating one, then linked
 *
 * Reclaimed: whoever made the account has not shown that the address is theirs; the person here has. So whatever lets
 * its maker in goes: the password, every sign-in, key, consent, link and token for another password.
 *
 * What is decided is decided again in the unit of work, of what it sees, with the account's row held; where something
 * came between (two first sign-ins at once), all of it is done anew.
 *
 * Invariants
 *   (1) a person is compared by provider, issuer and subject, byte by byte; never by an address once there is a link
 *   (2) an address is an account's only if it is the same text but for ASCII case, whatever the database folds
 *   (3) of what a provider says, only the standard claims become fields: none that could give rights */
#include "svc/provider_signin.h"

#include "base/bits.h"
#include "base/log.h"
#include "base/timecode.h"
#include "data/sql.h"
#include "http/exchange.h"
#include "model/change.h"
#include "model/field.h"
#include "model/model.h"
#include "model/type.h"
#include "svc/apikey.h"
#include "svc/consent.h"
#include "svc/gate.h"
#include "svc/grant.h"
#include "svc/provider_link.h"
#include "svc/reset.h"

enum { RUNS_MAX = 3, RETRY_AFTER_S = 5, CLOCKS_APART_US = 60 * 1000000 };

/* OpenID Connect Core 1.0 section 5.1, but for what says nothing unless it is verified. */
static const char *const claims_taken[] = {
    "name",    "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender",     "birthdate",   "zoneinfo",    "locale",
};

static struct identity *identity_of(const struct provider_signin *entry)
{
    return entry->signin->identity;
}

static const struct provider_config *config_of(const struct provider_signin *entry)
{
    return provider_config(entry->token.provider);
}

static struct diag *diag_of(const struct provider_signin *entry)
{
    return &entry->signin->x->diag;
}

static void tell(const struct provider_signin *entry, enum audit_kind event, struct slice subject, const char *reason)
{
    gate_tell(identity_of(entry), entry->signin->x, event, subject, reason);
}

const struct field *provider_signin_email_field(const struct account_form *form)
{
    if (form->login->type.kind == FIELD_EMAIL)
        return form->login;
    for (size_t i = 0; i < form->resource->field_count; i++) {
        const struct field *field = &form->resource->fields[i];
        if (field->type.kind == FIELD_EMAIL && field_is(field, FIELD_UNIQUE))
            return field;
    }
    return NULL;
}

const struct field *provider_signin_verified_field(const struct resource *account)
{
    const struct field *field = resource_find_field(account, SLICE("verified"));
    return field && field->type.kind == FIELD_BOOL && field_is(field, FIELD_READONLY) ? field : NULL;
}

static bool may_change(const struct resource *resource, const struct field *field)
{
    const struct access *access = &resource->access[ACTION_UPDATE];
    if (field->flags & (FIELD_READONLY | FIELD_IMMUTABLE))
        return false;
    for (size_t i = 0; i < access->count; i++) {
        const struct rule *rule = &access->rules[i];
        bool is_open = (!rule->whose || rule->allow) && !rule->is_denial; /* not for those who may change all rows */
        if (is_open && (!rule->fields || bits_has(rule->fields, field->index)))
            return true;
    }
    return false;
}

bool provider_signin_believes_verified(const struct account_form *form)
{
    const struct field *email = provider_signin_email_field(form);
    return provider_signin_verified_field(form->resource) && email && !may_change(form->resource, email);
}

/* ---- who it is ---- */

static enum error explain(struct provider_signin *entry, enum error error, const char *reason)
{
    struct exchange *x = entry->signin->x;
    if (error != ERROR_UNAUTHORIZED && error != ERROR_UNAVAILABLE && error != ERROR_LIMIT && error != ERROR_TIMEOUT &&
        error != ERROR_VALIDATION)
        return error;
    LOG_WARN(x->log, "a sign-in with a provider failed", LOG_STR("provider", config_of(entry)->name),
             LOG_TEXT("reason", reason ? reason : ""), LOG_TEXT("error", error_sentence(error)));
    tell(entry, AUDIT_PROVIDER_REFUSED, config_of(entry)->name, reason);
    if (error == ERROR_UNAUTHORIZED || error == ERROR_VALIDATION) {
        diag_say(&x->diag, "begin the sign-in again", "the provider has not proven who this is");
        return ERROR_UNAUTHORIZED;
    }
    x->retry_after_s = RETRY_AFTER_S;
    diag_say(&x->diag, "try again in a moment", "the provider cannot be reached, or does not answer as it should");
    return ERROR_UNAVAILABLE;
}

enum error provider_signin_identify(struct provider_signin *entry)
{
    const char *reason = NULL;
    enum error error = provider_token_take(&entry->token, entry->signin->x, &entry->person, &reason);
    return error == OK ? OK : explain(entry, error, reason);
}

/* ---- the account ---- */

static enum error find_link(struct provider_signin *entry, struct provider_link *out)
{
    const struct provider_config *config = config_of(entry);
    return provider_link_find(entry->signin->session, config->name, config->issuer, entry->person.subject, out);
}

/* The account that has the person's address: the same text, not what the database takes for the same. */
static enum error find_by_email(struct provider_signin *entry, struct account *out)
{
    struct session *session = entry->signin->session;
    const struct account_form *form = &identity_of(entry)->form;
    const struct field *email = provider_signin_email_field(form);
    TRY(account_find_by(session, form, email, entry->person.email, session->arena, out));
    struct value stored = out->values[email->index];
    if (stored.kind == VALUE_TEXT && slice_eq_nocase(stored.text, entry->person.email))
        return OK;
    diag_say(diag_of(entry), NULL, "an account has an e-mail address that only looks like this one");
    return ERROR_CONFLICT;
}

static enum error require_email(struct provider_signin *entry)
{
    const struct field *field = provider_signin_email_field(&identity_of(entry)->form);
    struct provider_person *person = &entry->person;
    struct value value;
    const char *why;
    if (person->email.len == 0) {
        diag_say(diag_of(entry), "the scope `email` lets it", "the provider does not say the e-mail address");
        return ERROR_UNPROCESSABLE;
    }
    if (!person->is_email_verified) {
        tell(entry, AUDIT_PROVIDER_REFUSED, config_of(entry)->name, "the e-mail address is not verified");
        diag_say(diag_of(entry), "verify it there, or sign in here as before",
                 "the provider has not verified this e-mail address");
        return ERROR_CONFLICT;
    }
    enum error error = field_parse_text(field, person->email, entry->signin->session->arena, &why, &value);
    if (error != ERROR_VALIDATION)
        return error;
    diag_field(diag_of(entry), field->json_name, NULL, "%s", why);
    return ERROR_UNPROCESSABLE;
}

static bool is_true(struct value value)
{
    return value.kind == VALUE_INT && value.integer != 0;
}

/* Whether somebody has shown that the account's present address is theirs. */
static enum error is_proven(struct provider_signin *entry, const struct account *account, bool *out)
{
    struct provider_link *links;
    size_t count;
    const struct account_form *form = &identity_of(entry)->form;
    const struct field *verified = provider_signin_verified_field(form->resource);
    TRY(provider_link_list(entry->signin->session, account->key, &links, &count));
    *out = provider_signin_believes_verified(form) && is_true(account->values[verified->index]);
    for (size_t i = 0; i < count; i++)
        *out = *out || slice_eq_nocase(links[i].email, entry->person.email);
    return OK;
}

static enum error mark_verified(struct provider_signin *entry, const struct account *account)
{
    const struct account_form *form = &identity_of(entry)->form;
    const struct field *verified = provider_signin_verified_field(form->resource);
    struct session *session = entry->signin->session;
    if (!verified || is_true(account->values[verified->index]))
        return OK;
    struct sql *sql = session_sql(session);
    sql_update(sql, form->resource->table);
    sql_set(sql, verified->column);
    sql_bind(sql, type_storage_of(verified), value_int(1));
    sql_where(sql);
    sql_name(sql, form->resource->id->column);
    sql_put(sql, " = ");
    sql_bind(sql, type_storage_of(form->resource->id), account->id);
    return sql_execute(sql, session->conn, NULL);
}

static enum error reclaim(struct provider_signin *entry, const struct account *account)
{
    struct session *session = entry->signin->session;
    int64_t count;
    TRY(account_set_hash(session, &identity_of(entry)->form, account->id, SLICE(ACCOUNT_NO_PASSWORD)));
    TRY(grant_revoke_all(session, account->key, &count));
    TRY(reset_forget(session, account->key));
    TRY(apikey_delete_all(session, account->key, &count));
    TRY(consent_forget(session, account->key));
    TRY(provider_link_delete_all(session, account->key, &count));
    entry->is_reclaimed = true;
    return OK;
}

static enum error insert_link(struct provider_signin *entry, struct slice account)
{
    struct session *session = entry->signin->session;
    const struct provider_link link = {.provider = config_of(entry)->name,
                                       .issuer = config_of(entry)->issuer,
                                       .subject = entry->person.subject,
                                       .account = account,
                                       .email = entry->person.email,
                                       .created_us = session->now_us};
    entry->is_linked = true;
    return provider_link_insert(session, &link);
}

/* What look() has seen is not so any more. */
static enum error give_way(struct provider_signin *entry)
{
    entry->is_overtaken = true;
    return ERROR_CONFLICT;
}

/* The account that was found, held: it has the address still. */
static enum error hold(struct provider_signin *entry, struct account *account)
{
    struct session *session = entry->signin->session;
    const struct account_form *form = &identity_of(entry)->form;
    enum error error = account_hold(session, form, account->id, session->arena, account);
    if (error == ERROR_NOT_FOUND)
        return give_way(entry);
    TRY(error);
    struct value stored = account->values[provider_signin_email_field(form)->index];
    bool is_same = stored.kind == VALUE_TEXT && slice_eq_nocase(stored.text, entry->person.email);
    return is_same ? OK : give_way(entry);
}

static enum error link(struct provider_signin *entry, struct account *account)
{
    bool was_proven;
    if (!config_of(entry)->may_link) {
        diag_say(diag_of(entry), "sign in the way you did before", "there is an account with this e-mail address");
        return ERROR_CONFLICT;
    }
    TRY(hold(entry, account));
    TRY(is_proven(entry, account, &was_proven));
    if (!was_proven)
        TRY(reclaim(entry, account));
    TRY(mark_verified(entry, account));
    return insert_link(entry, account->key);
}

/* ---- a new account ---- */

static bool is_for_server(const struct field *field)
{
    return field->flags & (FIELD_READONLY | FIELD_SYSTEM | FIELD_KEY);
}

/* What does not fit is left out: an account is worth more than a middle name. */
static void take_claims(struct provider_signin *entry, struct change *change)
{
    struct session *session = entry->signin->session;
    const char *why;
    for (size_t i = 0; i < ARRAY_LEN(claims_taken); i++) {
        struct slice name = slice_from(claims_taken[i]);
        const struct field *field = resource_find_field(change->resource, name);
        const struct jsonobject_member *member = jsonobject_find(&entry->person.claims, name);
        struct value value;
        if (field && !is_for_server(field) && member && member->value.token == JSON_STRING &&
            field_parse_text(field, member->value.text, session->arena, &why, &value) == OK)
            change_set(change, field, value);
    }
}

/* The password is no password; and the server itself says that the address was proven. */
static void complete(struct provider_signin *entry, struct change *change)
{
    const struct account_form *form = &identity_of(entry)->form;
    const struct field *verified = provider_signin_verified_field(form->resource);
    change_set(change, form->password, value_text(SLICE(ACCOUNT_NO_PASSWORD)));
    if (!verified)
        return;
    change->values[verified->index] = value_int(1);
    bits_add(change->written, verified->index);
}

/* Mistakes of a body are here what the provider does not give. */
static enum error explain_change(struct provider_signin *entry, enum error error)
{
    if (error == ERROR_VALIDATION) {
        diag_say(diag_of(entry), "ask the provider for more (scopes), or make these fields optional",
                 "an account needs what the provider does not give");
        return ERROR_UNPROCESSABLE;
    }
    if (error != ERROR_UNAUTHORIZED && error != ERROR_FORBIDDEN)
        return error;
    diag_say(diag_of(entry), "ask for an account first", "no account has this e-mail address, and none may be made");
    return ERROR_FORBIDDEN;
}

static enum error fill_change(struct provider_signin *entry, struct change *change)
{
    struct session *session = entry->signin->session;
    const struct account_form *form = &identity_of(entry)->form;
    TRY(change_admit(session, form->resource, CHANGE_CREATE));
    TRY(change_init(change, CHANGE_CREATE, form->resource, session));
    take_claims(entry, change);
    change_set(change, provider_signin_email_field(form), value_text(entry->person.email));
    change_announce(change, form->password);
    if (entry->before)
        TRY(entry->before(entry->before_state));
    TRY(change_prepare(change, session));
    complete(entry, change);
    return OK;
}

static enum error prepare(struct provider_signin *entry)
{
    entry->change = arena_zalloc(entry->signin->session->arena, sizeof *entry->change);
    if (!entry->change)
        return ERROR_MEMORY;
    return explain_change(entry, fill_change(entry, entry->change));
}

static enum error create(struct provider_signin *entry, struct value *account)
{
    struct session *session = entry->signin->session;
    struct change_result result;
    TRY(explain_change(entry, change_apply(entry->change, session, &result)));
    struct slice key;
    TRY(account_key_of(result.key[0], session->arena, &key));
    *account = result.key[0];
    entry->is_new = true;
    return insert_link(entry, key);
}

/* ---- the unit of work ---- */

/* Databases may give the number of an account that was deleted to another, where that happened past this server. What
 * was made well behind the link is not what it leads to. */
static bool is_another(const struct provider_signin *entry, const struct provider_link *known,
                       const struct account *account)
{
    char room[TIMECODE_DATETIME_BYTES];
    const struct field *created = identity_of(entry)->form.resource->created_at;
    struct value value = created ? account->values[created->index] : VALUE_NOTHING;
    if (account->id.kind != VALUE_INT || value.kind != VALUE_TEXT)
        return false;
    timecode_format_datetime(known->created_us + CLOCKS_APART_US, room);
    return slice_compare(value.text, slice_of(room, sizeof room)) > 0;
}

/* The account of a link. Without one it is `known` that leads nowhere, if it has a provider. */
static enum error follow_link(struct provider_signin *entry, struct provider_link *known, struct account *out)
{
    struct session *session = entry->signin->session;
    *known = (struct provider_link){.provider = SLICE("")};
    TRY(find_link(entry, known));
    TRY(account_find_key(session, &identity_of(entry)->form, known->account, session->arena, out));
    return is_another(entry, known, out) ? ERROR_NOT_FOUND : OK;
}

static enum error settle(struct provider_signin *entry, struct value *account)
{
    struct account found;
    struct provider_link known;
    enum error error = follow_link(entry, &known, &found);
    if (error == ERROR_NOT_FOUND) {
        if (entry->is_known)
            return give_way(entry);
        if (known.provider.len > 0)
            TRY(provider_link_delete(entry->signin->session, &known));
        error = find_by_email(entry, &found);
        if (error == OK)
            error = link(entry, &found);
    }
    if (error == ERROR_NOT_FOUND)
        return entry->change ? create(entry, account) : give_way(entry);
    *account = found.id;
    return error;
}

/* The account is held now, and the person is linked to it still: whoever reclaims it waits, or was before. */
static enum error check_link(struct provider_signin *entry)
{
    struct provider_link known;
    enum error error = find_link(entry, &known);
    if (error != OK && error != ERROR_NOT_FOUND)
        return error;
    return error == OK && slice_eq(known.account, entry->signin->account.key) ? OK : give_way(entry);
}

static enum error enter(struct session *session, void *argument)
{
    struct provider_signin *entry = argument;
    struct signin *signin = entry->signin;
    struct value account;
    entry->is_new = entry->is_linked = entry->is_reclaimed = entry->is_overtaken = false;
    TRY(settle(entry, &account));
    enum error error = account_hold(session, &signin->identity->form, account, session->arena, &signin->account);
    if (error == ERROR_NOT_FOUND)
        return give_way(entry);
    TRY(error);
    TRY(check_link(entry));
    entry->is_active = signin->account.is_active;
    return entry->is_active ? signin_begin(signin, signin->account.key) : OK;
}

/* What the unit will need: nothing where the person is linked; else an address, and perhaps a new account. */
static enum error look(struct provider_signin *entry)
{
    struct provider_link known;
    struct account account;
    const char *reason = NULL;
    entry->change = NULL;
    enum error error = follow_link(entry, &known, &account);
    entry->is_known = error == OK;
    if (error != ERROR_NOT_FOUND)
        return error;
    session_fini(entry->signin->session); /* nothing is held while others are asked */
    error = provider_token_complete(&entry->token, entry->signin->x, &entry->person, &reason);
    if (error != OK)
        return explain(entry, error, reason);
    TRY(require_email(entry));
    error = find_by_email(entry, &account);
    return error == ERROR_NOT_FOUND ? prepare(entry) : error;
}

static void note(const struct provider_signin *entry)
{
    struct slice account = entry->signin->account.key;
    if (entry->is_new)
        tell(entry, AUDIT_REGISTERED, account, "with a provider");
    if (entry->is_reclaimed)
        tell(entry, AUDIT_ACCOUNT_RECLAIMED, account, "its address was never proven: its password and sign-ins ended");
    if (entry->is_linked)
        tell(entry, AUDIT_IDENTITY_LINKED, account, NULL);
    if (entry->is_active)
        tell(entry, AUDIT_SIGN_IN, account, "with a provider");
}

static enum error try_to_enter(struct provider_signin *entry)
{
    TRY(look(entry));
    return signin_write(entry->signin, enter, entry);
}

enum error provider_signin_enter(struct provider_signin *entry)
{
    struct exchange *x = entry->signin->x;
    enum error error = ERROR_CONFLICT;
    for (int run = 0; error == ERROR_CONFLICT && run < RUNS_MAX; run++) {
        diag_init(&x->diag, x->arena);
        error = try_to_enter(entry);
        if (error == ERROR_CONFLICT && !entry->is_overtaken && x->diag.message && x->diag.count == 0)
            break; /* it was said why, and will be again */
    }
    TRY(error);
    identity_changed(identity_of(entry), entry->signin->account.key);
    note(entry);
    if (entry->is_active)
        return OK;
    tell(entry, AUDIT_SIGN_IN_FAILED, entry->signin->account.key, "the account may not sign in");
    diag_say(&x->diag, NULL, "this account may not sign in");
    return ERROR_FORBIDDEN;
}
