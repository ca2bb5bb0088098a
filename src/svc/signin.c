/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in and out.
 *
 *   ask whether it may be tried -> check the password (offload pool) -> one unit: failures are forgotten, an old hash
 *   is replaced, the sign-in is stored, tokens or a cookie are made, the answer is written
 *
 * A wrong password is counted in a unit of its own, for the account that was named and for the address. Where there is
 * no account a stand-in is checked instead, and counted all the same.
 *
 * Invariants
 *   (1) no more passwords of one account are checked at once than may still be wrong: an attempt is counted as one
 *       before it asks how many have failed
 *   (2) a secret is given out behind the commit that stores its digest, and what could be stored can be told: the
 *       answer is there before the commit, and thrown away where that fails
 *   (3) who has shown a password is signed in only if it still is the account's when that is stored */
#include "svc/signin.h"

#include <string.h>

#include "base/digest.h"
#include "base/password.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "model/model.h"
#include "rt/fiber.h"
#include "svc/accesstoken.h"
#include "svc/credential.h"
#include "svc/gate.h"
#include "svc/grant.h"
#include "svc/hashing.h"
#include "svc/lockout.h"
#include "svc/passwordrule.h"
#include "svc/proof.h"

void signin_init(struct signin *signin, struct identity *identity, struct exchange *x, struct session *session,
                 enum signin_mode mode)
{
    *signin = (struct signin){.identity = identity, .x = x, .session = session, .mode = mode, .generation = 1};
    session->position = DB_POSITION_PRIMARY;
}

void signin_fini(struct signin *signin)
{
    principal_release(signin->principal);
    signin->principal = NULL;
}

static void tell(const struct signin *signin, enum audit_kind event, struct slice subject, const char *reason)
{
    gate_tell(signin->identity, signin->x, event, subject, reason);
}

/* ---- a sign-in ---- */

static struct slice cut(struct slice text)
{
    return slice_of(text.ptr ? text.ptr : "", text.len < GRANT_TEXT_MAX ? text.len : GRANT_TEXT_MAX);
}

static bool may_refresh(const struct signin *signin)
{
    return !signin->client || oauthclient_may(signin->client, OAUTHCLIENT_REFRESH);
}

/* A sign-in lasts at most config.absolute_ms; one by tokens ends sooner when it is not refreshed, or cannot be. */
static int64_t expiry_us(const struct signin *signin, int64_t created_us)
{
    const struct identity_config *config = signin->identity->config;
    int64_t last_us = created_us + config->absolute_ms * 1000;
    int64_t next_us = signin->session->now_us + (may_refresh(signin) ? config->refresh_ms : config->access_ms) * 1000;
    return signin->mode == SIGNIN_TOKENS && next_us < last_us ? next_us : last_us;
}

static struct slice client_of(const struct signin *signin)
{
    return signin->client ? signin->client->id : SLICE("");
}

static bool is_secret_of(const struct grant *grant, struct slice secret)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(secret, digest);
    return digest_equal(slice_of((const char *)digest, sizeof digest),
                        slice_of((const char *)grant->digest, sizeof grant->digest));
}

/* In a unit: the new cookie takes the place of the one that the browser came with, whose sign-in ends. */
static enum error replace_cookie(struct signin *signin)
{
    struct slice id, secret;
    struct grant grant;
    signin->replaced = SLICE("");
    bool has_cookie =
        signin->mode == SIGNIN_COOKIE && credential_parse_cookie(credential_cookie(signin->x), &id, &secret);
    if (!has_cookie)
        return OK;
    enum error error = grant_find(signin->session, id, &grant);
    if (error == ERROR_NOT_FOUND)
        return OK;
    TRY(error);
    if (grant.kind != GRANT_COOKIE || !is_secret_of(&grant, secret))
        return OK;
    signin->replaced = grant.account;
    return grant_revoke(signin->session, id);
}

static enum error make_principal(struct signin *signin)
{
    static const unsigned char none[DIGEST_SHA256_BYTES];
    signin_fini(signin);
    TRY(principal_create(none, &signin->principal));
    signin->principal->kind = signin->mode == SIGNIN_COOKIE ? PRINCIPAL_COOKIE : PRINCIPAL_TOKEN;
    signin->principal->client = client_of(signin);
    if (signin->client)
        signin->principal->scopes = signin->scopes;
    return proof_fill(signin->identity, &signin->account, signin->principal);
}

static enum error make_tokens(struct signin *signin)
{
    struct session *session = signin->session;
    const struct credential_refresh refresh = {
        .id = signin->grant, .secret = signin->secret, .generation = signin->generation};
    const struct accesstoken access = {.account = signin->account.key,
                                       .role = signin->account.role,
                                       .grant = signin->grant,
                                       .client = client_of(signin),
                                       .scopes = signin->scopes};
    if (may_refresh(signin))
        TRY(credential_make_refresh(signin->identity->mac, &refresh, session->arena, &signin->refresh));
    return accesstoken_make(signin->identity, session, &access, &signin->access);
}

static enum error make_cookie(struct signin *signin)
{
    struct session *session = signin->session;
    const char *cookie = arena_printf(session->arena, "%.*s.%.*s", SLICE_ARG(signin->grant), SLICE_ARG(signin->secret));
    signin->cookie = slice_from(cookie);
    if (!cookie)
        return ERROR_MEMORY;
    credential_put_cookie(signin->x, signin->cookie, signin->identity->config->absolute_ms / 1000);
    return credential_make_csrf(signin->identity->mac, signin->grant, session->core->random, session->arena,
                                &signin->csrf);
}

/* Makes all that whoever signs in is given. */
static enum error make_all(struct signin *signin)
{
    struct session *session = signin->session;
    if (signin->grant.len == 0)
        TRY(credential_random(session->core->random, session->arena, &signin->grant));
    TRY(credential_random(session->core->random, session->arena, &signin->secret));
    digest_sha256(signin->secret, signin->digest);
    TRY(make_principal(signin));
    return signin->mode == SIGNIN_COOKIE ? make_cookie(signin) : make_tokens(signin);
}

/* Makes tokens before the unit, which then waits for no signature. */
static enum error make_ready(struct signin *signin)
{
    signin->is_ready = signin->mode == SIGNIN_TOKENS;
    return signin->is_ready ? make_all(signin) : OK;
}

/* The session goes on as the account's. */
static enum error answer(struct signin *signin)
{
    signin->session->caller = signin->principal->caller;
    return signin->answer ? signin->answer(signin, signin->answer_state) : OK;
}

enum error signin_begin(struct signin *signin, struct slice account)
{
    struct session *session = signin->session;
    const struct identity *identity = signin->identity;
    TRY(replace_cookie(signin));
    TRY(account_find_key(session, &identity->form, account, session->arena, &signin->account));
    if (!signin->is_ready)
        TRY(make_all(signin));
    struct grant grant = {.id = signin->grant,
                          .kind = signin->mode == SIGNIN_COOKIE ? GRANT_COOKIE : GRANT_TOKEN,
                          .account = signin->account.key,
                          .generation = signin->generation,
                          .created_us = session->now_us,
                          .seen_us = session->now_us,
                          .expires_us = expiry_us(signin, session->now_us),
                          .address = exchange_remote(signin->x),
                          .agent = cut(exchange_header(signin->x, HTTP1_HEADER_USER_AGENT)),
                          .client = client_of(signin),
                          .scopes = signin->client ? signin->scopes : SLICE("")};
    memcpy(grant.digest, signin->digest, sizeof grant.digest);
    TRY(grant_insert(session, &grant));
    return answer(signin);
}

struct trial {
    struct signin *signin;
    struct exchange_mark mark;
    struct caller caller;
};

static void take_back(void *state)
{
    struct trial *trial = state;
    exchange_restart(&trial->mark);
    trial->signin->session->caller = trial->caller;
}

enum error signin_write(struct signin *signin, session_unit *unit, void *argument)
{
    struct session *session = signin->session;
    struct trial trial = {signin, exchange_mark(signin->x), session->caller};
    session->restart = take_back;
    session->restart_state = &trial;
    enum error error = session_write(session, DB_READ_COMMITTED, unit, argument);
    session->restart = NULL;
    if (error != OK)
        take_back(&trial);
    else if (signin->replaced.len > 0)
        identity_changed(signin->identity, signin->replaced);
    return error;
}

/* ---- with a password ---- */

struct attempt {
    struct signin *signin;
    struct slice login, password;
    struct lockout_subject subjects[2]; /* the account, the address */
    bool is_found, is_right;
    bool is_locked;
    struct slice judged; /* the hash that the password was held against */
    struct slice hash;   /* in place of one of other params; empty: the old one will do */
};

static void attempt_init(struct attempt *attempt, struct signin *signin, struct slice login, struct slice password)
{
    *attempt = (struct attempt){.signin = signin, .login = login, .password = password};
    lockout_subject_make(LOCKOUT_ACCOUNT, login, &attempt->subjects[0]);
    lockout_subject_make(LOCKOUT_ADDRESS, exchange_remote(signin->x), &attempt->subjects[1]);
}

static enum error refuse_for_now(struct attempt *attempt, unsigned wait_s)
{
    struct exchange *x = attempt->signin->x;
    x->retry_after_s = wait_s;
    diag_say(&x->diag, NULL, "too many attempts; try again later");
    tell(attempt->signin, AUDIT_SIGN_IN_FAILED, attempt->login, "locked out");
    return ERROR_RATE_LIMITED;
}

static atomic_uint *in_flight(struct attempt *attempt)
{
    uint64_t hash;
    memcpy(&hash, attempt->subjects[0].digest, sizeof hash);
    return &attempt->signin->identity->attempts[hash % IDENTITY_ATTEMPTS];
}

static enum error count_both(struct session *session, void *argument)
{
    struct attempt *attempt = argument;
    const struct lockout_config *config = &attempt->signin->identity->config->lockout;
    bool is_locked[2];
    for (size_t i = 0; i < 2; i++)
        TRY(lockout_count(session, config, &attempt->subjects[i], &is_locked[i]));
    attempt->is_locked = is_locked[0] || is_locked[1];
    return OK;
}

static enum error count_failure(struct attempt *attempt, const char *reason)
{
    struct signin *signin = attempt->signin;
    TRY(session_write(signin->session, DB_READ_COMMITTED, count_both, attempt));
    tell(signin, AUDIT_SIGN_IN_FAILED, attempt->login, reason);
    if (attempt->is_locked)
        tell(signin, AUDIT_LOCKED_OUT, attempt->login, NULL);
    diag_say(&signin->x->diag, NULL, "the account or the password is wrong");
    return ERROR_UNAUTHORIZED;
}

static enum error find(struct attempt *attempt, struct account *account)
{
    struct signin *signin = attempt->signin;
    const struct account_form *form = &signin->identity->form;
    enum error error =
        account_find_by(signin->session, form, form->login, attempt->login, signin->session->arena, account);
    attempt->is_found = error == OK;
    if (error != ERROR_NOT_FOUND)
        return error;
    *account = (struct account){.is_active = true};
    return OK;
}

/* A password that is right is at hand here: the time to give an old hash the present params. */
static enum error renew_hash(struct attempt *attempt, const struct account *account)
{
    if (!password_needs_rehash(&attempt->signin->identity->config->password, account->hash))
        return OK;
    return hashing_make(attempt->signin->identity, attempt->signin->session, attempt->password, &attempt->hash);
}

static enum error try_password(struct attempt *attempt, struct account *account)
{
    TRY(find(attempt, account));
    attempt->judged = account->hash;
    TRY(hashing_check(attempt->signin->identity, attempt->signin->session, account->hash, attempt->password,
                      &attempt->is_right));
    if (!attempt->is_right)
        return count_failure(attempt, attempt->is_found ? "wrong password" : "no such account");
    if (!account->is_active)
        return count_failure(attempt, "the account may not sign in");
    return renew_hash(attempt, account);
}

/* `others`: how many attempts were under way when this one began. */
static enum error try_if_free(struct attempt *attempt, unsigned others, struct account *account)
{
    struct session *session = attempt->signin->session;
    struct lockout_state state;
    session_fini(session);
    fiber_yield(session->fiber); /* what this turn's reads see may be older than the last failure */
    TRY(lockout_ask(session, &attempt->signin->identity->config->lockout, attempt->subjects, 2, &state));
    if (state.wait_s > 0)
        return refuse_for_now(attempt, state.wait_s);
    return others < state.tries ? try_password(attempt, account) : refuse_for_now(attempt, 1);
}

/* Tries the password, if it may be tried now. */
static enum error attempt_run(struct attempt *attempt, struct account *account)
{
    atomic_uint *count = in_flight(attempt);
    enum error error = try_if_free(attempt, atomic_fetch_add(count, 1), account);
    atomic_fetch_sub(count, 1);
    return error;
}

/* In a unit: the account is still the one whose password was checked, and stays so until the unit ends. */
static enum error hold_account(const struct attempt *attempt)
{
    const struct signin *signin = attempt->signin;
    struct account present;
    enum error error =
        account_hold(signin->session, &signin->identity->form, signin->account.id, signin->session->arena, &present);
    if (error == ERROR_NOT_FOUND)
        return ERROR_UNAUTHORIZED;
    TRY(error);
    return present.is_active && slice_eq(present.hash, attempt->judged) ? OK : ERROR_UNAUTHORIZED;
}

static enum error refuse_changed(const struct attempt *attempt)
{
    tell(attempt->signin, AUDIT_SIGN_IN_FAILED, attempt->login, "the account was changed meanwhile");
    diag_say(&attempt->signin->x->diag, NULL, "the account or the password is wrong");
    return ERROR_UNAUTHORIZED;
}

static enum error store(struct session *session, void *argument)
{
    struct attempt *attempt = argument;
    struct signin *signin = attempt->signin;
    struct slice account = signin->account.key;
    TRY(hold_account(attempt));
    TRY(lockout_clear(session, &attempt->subjects[0]));
    if (attempt->hash.len > 0)
        TRY(account_set_hash(session, &signin->identity->form, signin->account.id, attempt->hash));
    return signin_begin(signin, account);
}

enum error signin_password(struct signin *signin, struct slice login, struct slice password)
{
    struct attempt attempt;
    attempt_init(&attempt, signin, login, password);
    TRY(attempt_run(&attempt, &signin->account));
    TRY(make_ready(signin));
    enum error error = signin_write(signin, store, &attempt);
    if (error == ERROR_UNAUTHORIZED)
        return refuse_changed(&attempt);
    TRY(error);
    tell(signin, AUDIT_SIGN_IN, signin->account.key, NULL);
    return OK;
}

/* ---- with a refresh token ---- */

struct refreshing {
    struct signin *signin;
    struct grant grant;
    bool is_present, is_done;
};

static enum error refuse_refresh(struct signin *signin, const char *reason)
{
    diag_say(&signin->x->diag, "sign in again", "the refresh token is not good any more");
    tell(signin, AUDIT_SIGN_IN_FAILED, SLICE(""), reason);
    return ERROR_UNAUTHORIZED;
}

/* Somebody has two tokens of one sign-in: it ends, for nobody can say which of the two is the thief. */
static enum error replace_or_revoke(struct session *session, void *argument)
{
    struct refreshing *refreshing = argument;
    struct signin *signin = refreshing->signin;
    const struct grant *grant = &refreshing->grant;
    refreshing->is_done = false;
    if (refreshing->is_present)
        TRY(grant_replace(session, grant, signin->digest, expiry_us(signin, grant->created_us), &refreshing->is_done));
    return refreshing->is_done ? answer(signin) : grant_revoke(session, grant->id);
}

static bool is_present(const struct grant *grant, const struct credential_refresh *token)
{
    return token->generation == grant->generation && is_secret_of(grant, token->secret);
}

static enum error find_holder(struct signin *signin, const struct grant *grant)
{
    enum error error = account_find_key(signin->session, &signin->identity->form, grant->account,
                                        signin->session->arena, &signin->account);
    if (error == ERROR_NOT_FOUND || (error == OK && !signin->account.is_active))
        return refuse_refresh(signin, "the account may not sign in");
    return error;
}

/* Whose it is, and whether a client asks for no more than it was given. Where it does not say it has what it was given,
 * as far as it may have that still. */
static enum error check_client(struct signin *signin, const struct grant *grant)
{
    if (!slice_eq(grant->client, client_of(signin)))
        return refuse_refresh(signin, "the refresh token is another client's");
    if (!signin->client)
        return OK;
    if (signin->scopes.len == 0)
        TRY(oauthclient_meet(grant->scopes, signin->client->scopes, signin->session->arena, &signin->scopes));
    return signin->scopes.len > 0 && oauthclient_covers(grant->scopes, signin->scopes) ? OK : ERROR_VALIDATION;
}

enum error signin_refresh(struct signin *signin, struct slice token)
{
    struct credential_refresh parsed;
    struct refreshing refreshing = {.signin = signin};
    struct session *session = signin->session;
    if (!credential_parse_refresh(signin->identity->mac, token, session->arena, &parsed))
        return refuse_refresh(signin, "the refresh token is none of ours");
    enum error error = grant_find(session, parsed.id, &refreshing.grant);
    if (error == ERROR_NOT_FOUND || (error == OK && refreshing.grant.kind != GRANT_TOKEN))
        return refuse_refresh(signin, "the sign-in has ended");
    TRY(error);
    TRY(check_client(signin, &refreshing.grant));
    TRY(find_holder(signin, &refreshing.grant));
    refreshing.is_present = is_present(&refreshing.grant, &parsed);
    signin->grant = refreshing.grant.id;
    signin->generation = refreshing.grant.generation + 1;
    if (refreshing.is_present)
        TRY(make_ready(signin));
    TRY(signin_write(signin, replace_or_revoke, &refreshing));
    if (!refreshing.is_done) {
        identity_changed(signin->identity, refreshing.grant.account);
        tell(signin, AUDIT_TOKEN_REUSED, refreshing.grant.account, "every token of this sign-in is void now");
        return refuse_refresh(signin, "a refresh token was used twice");
    }
    tell(signin, AUDIT_TOKEN_REFRESHED, signin->account.key, NULL);
    return OK;
}

/* ---- the end ---- */

struct ending {
    struct slice grant, account;
    bool is_everywhere;
};

static enum error end(struct session *session, void *argument)
{
    const struct ending *ending = argument;
    int64_t count;
    return ending->is_everywhere ? grant_revoke_all(session, ending->account, &count)
                                 : grant_revoke(session, ending->grant);
}

static enum error require_signin(const struct signin *signin, const struct principal **out)
{
    const struct principal *principal = gate_principal(signin->x);
    if (!principal)
        return ERROR_UNAUTHORIZED;
    *out = principal;
    if (principal->kind == PRINCIPAL_TOKEN || principal->kind == PRINCIPAL_COOKIE)
        return OK;
    diag_say(&signin->x->diag, "sign in with a password", "this is for people who have signed in here");
    return ERROR_FORBIDDEN;
}

/* What reaches beyond its own sign-in is not for a client that somebody has let in. */
static enum error require_person(const struct signin *signin, const struct principal **out)
{
    TRY(require_signin(signin, out));
    if ((*out)->client.len == 0)
        return OK;
    diag_say(&signin->x->diag, "sign in with a password", "this is not for a program that acts for somebody");
    return ERROR_FORBIDDEN;
}

enum error signin_end(struct signin *signin, bool everywhere)
{
    const struct principal *principal = NULL;
    TRY(everywhere ? require_person(signin, &principal) : require_signin(signin, &principal));
    struct ending ending = {.grant = principal->id, .account = principal->account, .is_everywhere = everywhere};
    if (principal->kind == PRINCIPAL_COOKIE)
        credential_put_cookie(signin->x, SLICE(""), 0);
    TRY(buf_error(&signin->x->headers));
    TRY(session_write(signin->session, DB_READ_COMMITTED, end, &ending));
    identity_changed(signin->identity, principal->account);
    tell(signin, AUDIT_SIGN_OUT, principal->account, everywhere ? "everywhere" : NULL);
    return OK;
}

/* ---- another password ---- */

struct renewal {
    struct signin *signin;
    const struct attempt *attempt;
    struct slice account, hash;
    struct value id;
};

static enum error judge(struct signin *signin, const struct account *account, struct slice wanted)
{
    const struct passwordrule_context context = {.login = account->login, .app = signin->identity->config->app};
    return passwordrule_check(wanted, &context, SLICE("new_password"), &signin->x->diag);
}

static enum error change(struct session *session, void *argument)
{
    struct renewal *renewal = argument;
    struct signin *signin = renewal->signin;
    int64_t count;
    TRY(hold_account(renewal->attempt));
    TRY(account_set_hash(session, &signin->identity->form, renewal->id, renewal->hash));
    TRY(grant_revoke_all(session, renewal->account, &count));
    TRY(lockout_clear(session, &renewal->attempt->subjects[0]));
    return signin_begin(signin, renewal->account);
}

enum error signin_change_password(struct signin *signin, struct slice present, struct slice wanted)
{
    const struct principal *principal = NULL;
    struct attempt attempt;
    TRY(require_person(signin, &principal));
    struct account *account = &signin->account;
    TRY(account_find_key(signin->session, &signin->identity->form, principal->account, signin->session->arena,
                         account));
    TRY(judge(signin, account, wanted));
    attempt_init(&attempt, signin, account->login, present);
    TRY(attempt_run(&attempt, account));
    struct renewal renewal = {.signin = signin, .attempt = &attempt, .account = account->key, .id = account->id};
    signin->mode = principal->kind == PRINCIPAL_COOKIE ? SIGNIN_COOKIE : SIGNIN_TOKENS;
    TRY(hashing_make(signin->identity, signin->session, wanted, &renewal.hash));
    TRY(make_ready(signin));
    enum error error = signin_write(signin, change, &renewal);
    if (error == ERROR_UNAUTHORIZED)
        return refuse_changed(&attempt);
    TRY(error);
    identity_changed(signin->identity, renewal.account);
    tell(signin, AUDIT_PASSWORD_CHANGED, renewal.account, NULL);
    return OK;
}
