/* SPDX-License-Identifier: Apache-2.0 */
/* Codes and tokens of OAuth clients.
 *
 *   leave -> code -> sign-in -> tokens      a person's, through a client
 *   client -> sign-in -> token              the client's own
 *
 * A sign-in of a client is a row as any other: what ends it (the person signs out everywhere, changes the password, is
 * disabled; the client revokes it; a code or a refresh token is shown twice) deletes the row, and every token of it is
 * void with the next request.
 *
 * Invariants
 *   (1) of all who show one code at once, one gets tokens; if anybody else has shown it, these are void (RFC 9700)
 *   (2) nothing is said of a token to whom it was not given
 *   (3) there is no code of an account without its consent, nor behind the end of the sign-in that gave it */
#include "svc/oauthgrant.h"

#include "base/base64.h"
#include "base/digest.h"
#include "http/exchange.h"
#include "model/model.h"
#include "svc/accesstoken.h"
#include "svc/consent.h"
#include "svc/credential.h"
#include "svc/gate.h"
#include "svc/grant.h"
#include "svc/oauthcode.h"
#include "svc/proof.h"

/* How long a code that was used can be told from one that never was. */
static const int64_t used_us = INT64_C(24) * 3600 * 1000000;

/* ---- leave ---- */

struct allowing {
    const struct identity *identity;
    const struct oauthgrant_leave *leave;
    int64_t expires_us;
    struct slice code;
};

/* With the account held: whoever takes back what was allowed, or the account itself, waits for the code, or was before
 * it. */
static enum error hold_person(const struct allowing *allowing, struct session *session)
{
    const struct principal *person = allowing->leave->person;
    struct account account;
    struct grant origin;
    enum error error = account_hold(session, &allowing->identity->form, person->caller.id, session->arena, &account);
    if (error == OK)
        error = grant_find(session, person->id, &origin);
    return error == ERROR_NOT_FOUND ? ERROR_UNAUTHORIZED : error;
}

static enum error check_consent(const struct oauthgrant_leave *leave, struct session *session)
{
    struct slice allowed;
    TRY(consent_find(session, leave->person->account, leave->client->id, &allowed));
    return oauthclient_covers(allowed, leave->scopes) ? OK : ERROR_FORBIDDEN;
}

static enum error allow(struct session *session, void *argument)
{
    const struct allowing *allowing = argument;
    const struct oauthgrant_leave *leave = allowing->leave;
    const struct oauthcode code = {.client = leave->client->id,
                                   .account = leave->person->account,
                                   .origin = leave->person->id,
                                   .redirect = leave->redirect,
                                   .challenge = leave->challenge,
                                   .scopes = leave->scopes,
                                   .expires_us = allowing->expires_us};
    TRY(hold_person(allowing, session));
    TRY(leave->is_new ? consent_add(session, code.account, code.client, leave->scopes) : check_consent(leave, session));
    return oauthcode_store(session, allowing->code, &code);
}

enum error oauthgrant_allow(struct identity *identity, struct exchange *x, struct session *session,
                            const struct oauthgrant_leave *leave, struct slice code)
{
    struct allowing allowing = {identity, leave, session->now_us + identity->config->oauth.code_ms * 1000, code};
    TRY(session_write(session, DB_READ_COMMITTED, allow, &allowing));
    if (leave->is_new)
        gate_tell(identity, x, AUDIT_CONSENT_GIVEN, leave->client->id, NULL);
    return OK;
}

/* ---- codes ---- */

enum outcome { OUTCOME_NONE, OUTCOME_REDEEMED, OUTCOME_REFUSED, OUTCOME_REPLAYED };

struct redeeming {
    struct signin *signin;
    const struct oauthgrant_code *shown;
    enum outcome outcome;
    const char *why;
    struct slice account;
};

/* S256 of RFC 7636 section 4.6. */
static bool is_verifier_of(struct slice challenge, struct slice verifier, struct arena *arena)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct slice made;
    digest_sha256(verifier, digest);
    return base64_encode_url(slice_of((const char *)digest, sizeof digest), arena, &made) == OK &&
           digest_equal(made, challenge);
}

/* A code that was used already: what it has become ends here. */
static enum error look_back(struct session *session, struct redeeming *redeeming)
{
    struct slice grant;
    enum error error = oauthcode_find_used(session, redeeming->shown->text, redeeming->signin->client->id, &grant,
                                           &redeeming->account);
    redeeming->outcome = error == OK ? OUTCOME_REPLAYED : OUTCOME_NONE;
    redeeming->why = error == OK ? "every token of this code is void now" : "there is no such code, or it is too old";
    if (error != OK)
        return error == ERROR_NOT_FOUND ? OK : error;
    return grant_revoke(session, grant);
}

/* Whoever could give leave has signed out, or was thrown out, since: an answer that was on its way then is none. */
static enum error judge_origin(struct session *session, struct redeeming *redeeming, const struct oauthcode *code)
{
    struct grant origin;
    enum error error = grant_find(session, code->origin, &origin);
    if (error == ERROR_NOT_FOUND)
        redeeming->why = "the sign-in that allowed it has ended";
    return error == ERROR_NOT_FOUND ? OK : error;
}

static const char *judge(const struct redeeming *redeeming, const struct oauthcode *code, struct arena *arena)
{
    if (!slice_eq(code->redirect, redeeming->shown->redirect))
        return "the redirect is not the one that the code was sent to";
    if (!is_verifier_of(code->challenge, redeeming->shown->verifier, arena))
        return "the code verifier is wrong";
    return NULL;
}

static enum error redeem(struct session *session, void *argument)
{
    struct redeeming *redeeming = argument;
    struct signin *signin = redeeming->signin;
    struct oauthcode code;
    enum error error = oauthcode_take(session, redeeming->shown->text, signin->client->id, signin->grant,
                                      session->now_us + used_us, &code);
    if (error == ERROR_NOT_FOUND)
        return look_back(session, redeeming);
    TRY(error);
    redeeming->account = code.account;
    redeeming->outcome = OUTCOME_REFUSED;
    redeeming->why = judge(redeeming, &code, session->arena);
    if (!redeeming->why)
        TRY(judge_origin(session, redeeming, &code));
    if (redeeming->why)
        return OK;
    TRY(oauthclient_meet(code.scopes, signin->client->scopes, session->arena, &signin->scopes));
    redeeming->why = "the client may have none of it any more";
    if (signin->scopes.len == 0)
        return OK;
    redeeming->why = "the account may not sign in";
    error = account_find_key(session, &signin->identity->form, code.account, session->arena, &signin->account);
    if (error == ERROR_NOT_FOUND || (error == OK && !signin->account.is_active))
        return OK;
    TRY(error);
    redeeming->outcome = OUTCOME_REDEEMED;
    redeeming->why = NULL;
    return signin_begin(signin, code.account);
}

enum error oauthgrant_redeem(struct signin *signin, const struct oauthgrant_code *shown)
{
    static const enum audit_kind events[] = {
        [OUTCOME_NONE] = AUDIT_CODE_REFUSED,
        [OUTCOME_REDEEMED] = AUDIT_CODE_REDEEMED,
        [OUTCOME_REFUSED] = AUDIT_CODE_REFUSED,
        [OUTCOME_REPLAYED] = AUDIT_CODE_REPLAYED,
    };
    struct session *session = signin->session;
    struct redeeming redeeming = {.signin = signin, .shown = shown};
    TRY(credential_random(session->core->random, session->arena, &signin->grant));
    TRY(signin_write(signin, redeem, &redeeming));
    if (redeeming.outcome == OUTCOME_REPLAYED)
        identity_changed(signin->identity, redeeming.account);
    gate_tell(signin->identity, signin->x, events[redeeming.outcome],
              redeeming.account.len > 0 ? redeeming.account : signin->client->id, redeeming.why);
    return redeeming.outcome == OUTCOME_REDEEMED ? OK : ERROR_UNAUTHORIZED;
}

/* ---- a client for itself ---- */

static enum error insert(struct session *session, void *argument)
{
    return grant_insert(session, argument);
}

enum error oauthgrant_client(struct identity *identity, struct exchange *x, struct session *session,
                             const struct oauthclient *client, struct slice scopes, struct slice *access)
{
    struct grant grant = {.kind = GRANT_TOKEN,
                          .generation = 1,
                          .created_us = session->now_us,
                          .seen_us = session->now_us,
                          .expires_us = session->now_us + identity->config->access_ms * 1000,
                          .account = SLICE(""),
                          .client = client->id,
                          .scopes = scopes,
                          .address = exchange_remote(x),
                          .agent = SLICE("")};
    TRY(credential_random(session->core->random, session->arena, &grant.id));
    const struct accesstoken token = {
        .account = SLICE(""), .role = client->role, .grant = grant.id, .client = client->id, .scopes = scopes};
    TRY(accesstoken_make(identity, session, &token, access));
    TRY(session_write(session, DB_READ_COMMITTED, insert, &grant));
    gate_tell(identity, x, AUDIT_CLIENT_SIGN_IN, client->id, NULL);
    return OK;
}

/* ---- what a token is ---- */

/* A token, found out: which sign-in it is of. */
struct found {
    struct oauthgrant_token token;
    struct slice grant;
};

static bool is_present(const struct grant *grant, const struct credential_refresh *shown)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(shown->secret, digest);
    return shown->generation == grant->generation &&
           digest_equal(slice_of((const char *)digest, sizeof digest),
                        slice_of((const char *)grant->digest, sizeof grant->digest));
}

static enum error ask_account(const struct identity *identity, struct session *session, struct slice key, bool *out)
{
    struct account account;
    enum error error = account_find_key(session, &identity->form, key, session->arena, &account);
    *out = error == OK && account.is_active;
    return error == ERROR_NOT_FOUND ? OK : error;
}

/* One that was used already is of its sign-in all the same, and good for nothing else. */
static enum error look_refresh(const struct identity *identity, struct session *session,
                               const struct oauthclient *client, const struct credential_refresh *shown,
                               struct found *out)
{
    struct grant grant;
    enum error error = grant_find(session, shown->id, &grant);
    if (error == ERROR_NOT_FOUND || (error == OK && !slice_eq(grant.client, client->id)))
        return OK;
    TRY(error);
    out->grant = grant.id;
    out->token = (struct oauthgrant_token){
        .is_refresh = true, .account = grant.account, .scopes = grant.scopes, .expires_us = grant.expires_us};
    return is_present(&grant, shown) ? ask_account(identity, session, grant.account, &out->token.is_active) : OK;
}

static enum error copy_principal(const struct principal *principal, struct arena *arena, struct found *out)
{
    out->grant = arena_slice(arena, principal->id);
    out->token = (struct oauthgrant_token){.is_active = true,
                                           .account = arena_slice(arena, principal->account),
                                           .scopes = arena_slice(arena, principal->scopes),
                                           .expires_us = principal->expires_us};
    return out->grant.ptr && out->token.account.ptr && out->token.scopes.ptr ? OK : ERROR_MEMORY;
}

static enum error look_access(struct identity *identity, struct exchange *x, struct session *session,
                              const struct oauthclient *client, struct slice token, struct found *out)
{
    const struct credential credential = {CREDENTIAL_BEARER, token};
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct principal *principal;
    const char *why;
    session_fini(session);
    credential_digest(&credential, digest);
    enum error error = proof_make(identity, x, &credential, digest, NULL, &why, &principal);
    if (error != OK)
        return error == ERROR_UNAUTHORIZED ? OK : error;
    bool is_own = (principal->kind == PRINCIPAL_TOKEN || principal->kind == PRINCIPAL_CLIENT) &&
                  slice_eq(principal->client, client->id);
    if (is_own)
        error = copy_principal(principal, session->arena, out);
    principal_release(principal);
    return error;
}

static enum error look(struct identity *identity, struct exchange *x, struct session *session,
                       const struct oauthclient *client, struct slice token, struct found *out)
{
    struct credential_refresh shown;
    *out = (struct found){0};
    session->position = DB_POSITION_PRIMARY;
    if (credential_parse_refresh(identity->mac, token, session->arena, &shown))
        return look_refresh(identity, session, client, &shown, out);
    return look_access(identity, x, session, client, token, out);
}

enum error oauthgrant_look(struct identity *identity, struct exchange *x, struct session *session,
                           const struct oauthclient *client, struct slice token, struct oauthgrant_token *out)
{
    struct found found;
    TRY(look(identity, x, session, client, token, &found));
    *out = found.token;
    return oauthclient_meet(found.token.scopes, client->scopes, session->arena, &out->scopes);
}

static enum error revoke(struct session *session, void *argument)
{
    const struct found *found = argument;
    return grant_revoke(session, found->grant);
}

enum error oauthgrant_revoke(struct identity *identity, struct exchange *x, struct session *session,
                             const struct oauthclient *client, struct slice token)
{
    struct found found;
    TRY(look(identity, x, session, client, token, &found));
    if (found.grant.len == 0)
        return OK;
    TRY(session_write(session, DB_READ_COMMITTED, revoke, &found));
    struct slice of = found.token.account.len > 0 ? found.token.account : found.grant;
    identity_changed(identity, of);
    gate_tell(identity, x, AUDIT_TOKEN_REVOKED, of, "by its client");
    return OK;
}
