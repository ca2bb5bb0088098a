/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts as rows.
 *
 *   another password  every sign-in of the account ends, in the same transaction
 *   another role      its sign-ins by cookie end: an id that was somebody's with less is nobody's with more
 *   deleted           its sign-ins, keys, consents, codes, links to providers and mailed tokens go with it
 *   anything else     it is asked for again with its next request: its role, whether it may sign in
 *
 * What others must hear is said behind the commit. */
#include "svc/accountwatch.h"

#include "base/bits.h"
#include "model/change.h"
#include "model/session.h"
#include "svc/apikey.h"
#include "svc/consent.h"
#include "svc/gate.h"
#include "svc/grant.h"
#include "svc/passwordrule.h"
#include "svc/provider_link.h"
#include "svc/provider_signin.h"
#include "svc/reset.h"

static const char *judge(void *state, const struct change *change, struct slice password)
{
    const struct identity *identity = state;
    struct value login = change->values[identity->form.login->index];
    const struct passwordrule_context context = {.login = login.kind == VALUE_TEXT ? login.text : SLICE(""),
                                                 .app = identity->config->app};
    return passwordrule_refusal(password, &context);
}

struct news {
    struct identity *identity;
    struct exchange *x;
    struct slice account;
    bool has_password, has_role;
    bool has_way_in; /* the password, or an address by which another is given */
};

static void spread(void *argument)
{
    const struct news *news = argument;
    identity_changed(news->identity, news->account);
    if (news->x && news->has_password)
        gate_tell(news->identity, news->x, AUDIT_PASSWORD_CHANGED, news->account, NULL);
    if (news->x && news->has_role)
        gate_tell(news->identity, news->x, AUDIT_ROLE_CHANGED, news->account, NULL);
}

/* A client that somebody has let in changes none of what lets people in: it would have the account for good. A password
 * takes a while to be hashed: whoever set it is still signed in when it is stored. */
static enum error check_signin(struct session *session, const struct news *news)
{
    const struct principal *principal = news->x ? gate_principal(news->x) : NULL;
    struct grant grant;
    if (!news->has_way_in || !principal || (principal->kind != PRINCIPAL_TOKEN && principal->kind != PRINCIPAL_COOKIE))
        return OK;
    if (principal->client.len > 0) {
        diag_say(session->diag, "sign in with a password", "this is not for a program that acts for somebody");
        return ERROR_FORBIDDEN;
    }
    if (!news->has_password)
        return OK;
    enum error error = grant_find(session, principal->id, &grant);
    return error == ERROR_NOT_FOUND ? ERROR_UNAUTHORIZED : error;
}

/* Where a password can be mailed to, and by which somebody who comes with a provider is known. */
static bool has_address(const struct identity *identity, const struct change *change)
{
    const struct account_form *form = &identity->form;
    const struct field *email = provider_signin_email_field(form);
    return bits_has(change->written, form->login->index) || (email && bits_has(change->written, email->index));
}

static enum error changed(void *state, struct session *session, const struct change *change)
{
    struct identity *identity = state;
    struct news *news = arena_zalloc(session->arena, sizeof *news);
    int64_t count;
    if (!news)
        return ERROR_MEMORY;
    const struct field *role = identity->form.role;
    bool is_update = change->kind == CHANGE_MERGE || change->kind == CHANGE_REPLACE;
    *news = (struct news){.identity = identity, .x = session->request};
    news->has_password = is_update && change_has(change, identity->form.password);
    news->has_way_in = news->has_password || (is_update && has_address(identity, change));
    news->has_role = is_update && role && bits_has(change->written, role->index);
    TRY(account_key_of(change->key[0], session->arena, &news->account));
    TRY(check_signin(session, news));
    if (news->has_password || change->kind == CHANGE_DELETE) {
        TRY(grant_revoke_all(session, news->account, &count));
        TRY(reset_forget(session, news->account));
    }
    if (news->has_role)
        TRY(grant_revoke_cookies(session, news->account));
    if (change->kind == CHANGE_DELETE) {
        TRY(apikey_delete_all(session, news->account, &count));
        TRY(consent_forget(session, news->account));
        TRY(provider_link_delete_all(session, news->account, &count));
    }
    return session_after_commit(session, spread, news);
}

static void touched(void *state)
{
    identity_changed(state, SLICE(""));
}

struct model_accounts accountwatch_hooks(void *identity)
{
    return (struct model_accounts){.judge = judge, .changed = changed, .touched = touched, .state = identity};
}
