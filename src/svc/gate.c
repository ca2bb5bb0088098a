/* SPDX-License-Identifier: Apache-2.0 */
/* The gate.
 *
 *   no credential                                -> nobody, at the price of three looks at the head
 *   known, and asked for within the last second  -> a digest and a look-up
 *   else                                         -> the database is asked (proof.c)
 *
 * A credential that is shown and not good is refused, also where nobody would need one: whoever sends it believes to be
 * somebody. But for a cookie, which a browser sends whether anybody wants it or not: it is taken away, and the caller
 * is nobody. */
#include "svc/gate.h"

#include "base/log.h"
#include "http/cors.h"
#include "http/exchange.h"
#include "http/guard.h"
#include "http/http1.h"
#include "http/site.h"
#include "http/throttle.h"
#include "rt/core.h"
#include "svc/apikey.h"
#include "svc/credential.h"
#include "svc/grant.h"
#include "svc/limit.h"
#include "svc/proof.h"

enum { TOUCH_US = 60 * 1000000 };

static enum audit_outcome outcome_of(enum audit_kind kind)
{
    switch (kind) {
    case AUDIT_SIGN_IN_FAILED:
    case AUDIT_CLIENT_REFUSED: return AUDIT_OUTCOME_FAILED;
    case AUDIT_DENIED:
    case AUDIT_CONSENT_DENIED:
    case AUDIT_CODE_REFUSED:
    case AUDIT_CODE_REPLAYED:
    case AUDIT_CSRF_REFUSED:
    case AUDIT_KEY_REFUSED:
    case AUDIT_PROVIDER_REFUSED:
    case AUDIT_TOKEN_REFUSED:
    case AUDIT_LOCKED_OUT:
    case AUDIT_TOKEN_REUSED: return AUDIT_OUTCOME_DENIED;
    default: return AUDIT_OUTCOME_DONE;
    }
}

void gate_tell(const struct identity *identity, struct exchange *x, enum audit_kind kind, struct slice subject,
               const char *reason)
{
    const struct audit_event event = {.kind = kind,
                                      .outcome = outcome_of(kind),
                                      .actor = x->caller ? x->caller->name : SLICE(""),
                                      .subject = subject,
                                      .reason = slice_from(reason)};
    audit_write_of(&identity->audits[core_index(x->core)], x, &event);
}

const struct principal *gate_principal(const struct exchange *x)
{
    return x->guarded;
}

enum error gate_require_person(struct exchange *x, const struct principal **out)
{
    *out = gate_principal(x);
    if (!*out)
        return ERROR_UNAUTHORIZED;
    bool is_signin = (*out)->kind == PRINCIPAL_TOKEN || (*out)->kind == PRINCIPAL_COOKIE;
    if (is_signin && (*out)->client.len == 0 && !(*out)->caller.scopes)
        return OK;
    diag_say(&x->diag, "sign in", "this is for people who have signed in here");
    return ERROR_FORBIDDEN;
}

/* ---- pages of other sites ---- */

static bool is_unsafe(const struct exchange *x)
{
    enum http_method method = x->head->method;
    return method != HTTP_GET && method != HTTP_HEAD && method != HTTP_OPTIONS;
}

/* The host and port of an origin are those that the request was sent to. */
static bool is_same_host(const struct exchange *x, struct slice origin)
{
    struct slice host = exchange_header(x, HTTP1_HEADER_HOST);
    size_t scheme = slice_starts(origin, SLICE("https://")) ? 8 : slice_starts(origin, SLICE("http://")) ? 7 : 0;
    return scheme > 0 && host.len > 0 && slice_eq_nocase(slice_from_index(origin, scheme), host);
}

static bool is_trusted(const struct exchange *x, struct slice origin)
{
    const struct http_cors *cors = &x->site->settings.cors;
    return is_same_host(x, origin) || (cors->credentials && cors_is_listed(cors, origin));
}

enum error gate_check_origin(struct exchange *x)
{
    struct slice origin = exchange_header(x, HTTP1_HEADER_ORIGIN);
    struct slice fetch = exchange_header(x, HTTP1_HEADER_SEC_FETCH_SITE);
    bool is_own = slice_eq_text(fetch, "same-origin") || slice_eq_text(fetch, "none");
    if (origin.ptr ? is_trusted(x, origin) : !fetch.ptr || is_own)
        return OK;
    diag_say(&x->diag, "cors.origins, with cors.credentials, names the pages that may",
             "a page of another site may not do this with a cookie");
    return ERROR_FORBIDDEN;
}

static enum error check_forgery(const struct identity *identity, struct exchange *x, const struct principal *principal)
{
    if (principal->kind != PRINCIPAL_COOKIE || !is_unsafe(x))
        return OK;
    TRY(gate_check_origin(x));
    struct slice token = exchange_header(x, HTTP1_HEADER_X_CSRF_TOKEN);
    if (credential_is_csrf(identity->mac, principal->id, token, x->arena))
        return OK;
    diag_say(&x->diag, "send X-CSRF-Token with what GET /auth/me gives", "the token against forged requests is %s",
             token.ptr ? "wrong" : "missing");
    return ERROR_FORBIDDEN;
}

/* ---- keys with a limit of their own ---- */

static bool find_rule(const struct principal *principal, struct limit_rule *out)
{
    struct limit_rate rate;
    if (principal->rate.len == 0 || limit_parse_rate(principal->rate, &rate) != OK)
        return false;
    limit_rule_init(out, SLICE("key"), LIMIT_TOKEN_BUCKET, rate, 0);
    return true;
}

static enum error check_rate(const struct identity *identity, struct exchange *x, const struct principal *principal)
{
    struct limit_rule rule;
    if (!find_rule(principal, &rule))
        return OK;
    const struct limit_rule *rules[] = {&rule};
    struct limit_result result = limit_take(identity->limit, &rule, principal->id, 1);
    if (result.is_allowed)
        return OK;
    limit_answer(x, rules, &result, 1);
    return ERROR_RATE_LIMITED;
}

enum error gate_charge(struct exchange *x, int64_t more)
{
    struct limit_rule rule;
    if (!x->guarded || more <= 0 || !find_rule(x->guarded, &rule))
        return OK;
    const struct principal *principal = x->guarded;
    const struct identity *identity = x->site->config.guard->state;
    struct limit_result result = limit_take(identity->limit, &rule, principal->id, more);
    if (result.is_allowed)
        return OK;
    x->retry_after_s = limit_retry_seconds(&result);
    diag_say(&x->diag, "send fewer operations, or wait", "each operation counts as a request of this key");
    return ERROR_RATE_LIMITED;
}

/* What remains when all of the request is counted. */
static void tell_rate(const struct identity *identity, struct exchange *x, const struct principal *principal)
{
    struct limit_rule rule;
    if (!find_rule(principal, &rule))
        return;
    const struct limit_rule *rules[] = {&rule};
    struct limit_result result = limit_look(identity->limit, &rule, principal->id);
    result.is_allowed = true; /* this one was; when the next may come is no news yet */
    limit_answer(x, rules, &result, 1);
}

/* ---- who asks ---- */

static bool is_fresh(const struct identity *identity, const struct exchange *x, const struct principal *principal)
{
    struct slice of = principal->account.len > 0 ? principal->account : principal->id;
    return core_now_us(x->core) - principal->checked_us < IDENTITY_FRESH_US &&
           principal->epoch == identity_epoch(identity, of) && x->now_us < principal->expires_us;
}

struct touch {
    const struct principal *principal;
};

static enum error note_use(struct session *session, void *argument)
{
    const struct touch *touch = argument;
    const struct principal *principal = touch->principal;
    return principal->kind == PRINCIPAL_KEY ? apikey_touch(session, principal->id)
                                            : grant_touch(session, principal->id);
}

/* How often the database hears that something is used: at least so often that a sign-in in use never looks idle. */
static int64_t touch_after_us(const struct identity *identity)
{
    int64_t quarter_us = identity->config->idle_ms * 1000 / 4;
    return quarter_us < TOUCH_US ? quarter_us : TOUCH_US;
}

/* That it was used is noted now and then; a note that fails is no reason to refuse anybody. */
static void touch(struct identity *identity, struct exchange *x, struct principal *principal)
{
    struct touch touch = {.principal = principal};
    struct session session;
    bool is_noted = principal->kind == PRINCIPAL_KEY || principal->kind == PRINCIPAL_COOKIE;
    if (!is_noted || x->now_us - principal->seen_us < touch_after_us(identity))
        return;
    session_init(&session, identity->model, x->fiber, core_index(x->core));
    session.deadline = x->deadline;
    session.now_us = x->now_us;
    session.arena = x->arena;
    principal->seen_us = x->now_us;
    if (session_write(&session, DB_READ_COMMITTED, note_use, &touch) != OK)
        LOG_WARN(x->log, "the last use of a sign-in could not be noted");
}

static enum error find(struct identity *identity, struct exchange *x, const struct credential *credential,
                       const char **why, struct principal **out)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    credential_digest(credential, digest);
    struct principal *known = principal_find(&identity->caches[core_index(x->core)], digest);
    if (known && is_fresh(identity, x, known)) {
        *out = known;
        return OK;
    }
    const struct principal *stale = known && x->now_us < known->expires_us ? known : NULL;
    enum error error = proof_make(identity, x, credential, digest, stale, why, out);
    if (error == ERROR_UNAUTHORIZED && known)
        principal_forget(&identity->caches[core_index(x->core)], known);
    principal_release(known);
    if (error == OK)
        touch(identity, x, *out);
    return error;
}

enum error gate_find_cookie(struct exchange *x, struct identity *identity, struct principal **out)
{
    struct credential credential;
    const char *why = NULL;
    *out = NULL;
    credential_read_cookie(x, &credential);
    if (credential.kind == CREDENTIAL_NONE)
        return OK;
    enum error error = find(identity, x, &credential, &why, out);
    if (error == ERROR_UNAUTHORIZED)
        gate_tell(identity, x, AUDIT_TOKEN_REFUSED, SLICE(""), why);
    return error == ERROR_UNAUTHORIZED ? OK : error;
}

static enum error refuse(struct identity *identity, struct exchange *x, const struct credential *credential,
                         const char *why)
{
    gate_tell(identity, x, credential->kind == CREDENTIAL_KEY ? AUDIT_KEY_REFUSED : AUDIT_TOKEN_REFUSED, SLICE(""),
              why);
    if (credential->kind == CREDENTIAL_COOKIE) {
        credential_put_cookie(x, SLICE(""), 0);
        return OK;
    }
    x->challenge = SLICE("Bearer error=\"invalid_token\"");
    diag_say(&x->diag, "sign in again", "this %s is not good, or not any more",
             credential->kind == CREDENTIAL_KEY ? "key" : "token");
    return ERROR_UNAUTHORIZED;
}

static enum error check(struct identity *identity, struct exchange *x, const struct principal *principal)
{
    TRY(throttle_admit(x));
    TRY(check_rate(identity, x, principal));
    return check_forgery(identity, x, principal);
}

static void let_go(struct exchange *x)
{
    principal_release(x->guarded);
    x->guarded = NULL;
    x->caller = NULL;
}

enum error gate_enter(struct exchange *x, void *state)
{
    struct identity *identity = state;
    struct credential credential;
    struct principal *principal;
    const char *why = NULL;
    enum error error = credential_read(x, &credential);
    if (error != OK) {
        TRY(throttle_admit(x)); /* whoever shows what is no credential is nobody, and is counted as such */
        return error;
    }
    if (credential.kind == CREDENTIAL_NONE)
        return throttle_admit(x);
    error = find(identity, x, &credential, &why, &principal);
    if (error == ERROR_UNAUTHORIZED) {
        TRY(throttle_admit(x)); /* nor what is not good */
        return refuse(identity, x, &credential, why);
    }
    TRY(error);
    x->guarded = principal;
    x->caller = &principal->caller;
    buf_put_literal(&x->server_headers, "Cache-Control: no-store\r\n");
    error = check(identity, x, principal);
    if (error == ERROR_FORBIDDEN)
        gate_tell(identity, x, AUDIT_CSRF_REFUSED, SLICE(""), NULL);
    if (error != OK)
        let_go(x);
    return error;
}

void gate_leave(struct exchange *x, void *identity)
{
    if (x->error == ERROR_FORBIDDEN || x->error == ERROR_UNAUTHORIZED)
        gate_tell(identity, x, AUDIT_DENIED, SLICE(""), error_code(x->error));
    if (!x->caller)
        return;
    tell_rate(identity, x, x->guarded);
    let_go(x);
}
