/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens.
 *
 * Which key may have signed a token is decided by what it claims to be (issuer, key id, algorithm), and each key is
 * pinned to one algorithm; so a claim chooses only among keys that are trusted for exactly that. A token of ours has
 * the type "at+jwt": what another service signs with the same key for another purpose is none.
 *
 * Keys rotate with overlap: the first signs, all verify. */
#include "svc/accesstoken.h"

#include "base/buf.h"
#include "base/jsonwrite.h"
#include "base/jws.h"
#include "model/permission.h"
#include "rt/offload.h"
#include "svc/credential.h"
#include "svc/issuer.h"

enum { LEEWAY_S = 30, PAYLOAD_BYTES_MAX = 4096 };
static const struct slice token_type = SLICE_INIT("at+jwt");
#define CLIENT_PREFIX "client:"

/* ---- making ---- */

static void put_text(struct buf *out, const char *before, struct slice text)
{
    buf_put_text(out, before);
    jsonwrite_string(out, text);
}

/* A client that acts for itself is its own subject (RFC 9068 section 2.2), in a form that no account's id has. */
static enum error name_subject(const struct accesstoken *token, struct arena *arena, struct slice *out)
{
    *out = token->account;
    if (token->account.len > 0)
        return OK;
    *out = slice_from(arena_printf(arena, CLIENT_PREFIX "%.*s", SLICE_ARG(token->client)));
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error write_claims(const struct identity *identity, struct session *session,
                               const struct accesstoken *token, struct buf *out)
{
    struct slice jti, subject;
    int64_t now_s = session->now_us / 1000000;
    TRY(credential_random(session->core->random, session->arena, &jti));
    TRY(name_subject(token, session->arena, &subject));
    put_text(out, "{\"iss\":", identity->issuer);
    put_text(out, ",\"aud\":", identity->audience);
    put_text(out, ",\"sub\":", subject);
    put_text(out, ",\"sid\":", token->grant);
    put_text(out, ",\"jti\":", jti);
    if (token->role.len > 0)
        put_text(out, ",\"role\":", token->role);
    if (token->client.len > 0) {
        put_text(out, ",\"client_id\":", token->client);
        put_text(out, ",\"scope\":", token->scopes);
    }
    buf_put_literal(out, ",\"iat\":");
    buf_put_int(out, now_s);
    buf_put_literal(out, ",\"exp\":");
    buf_put_int(out, now_s + identity->config->access_ms / 1000);
    buf_put_byte(out, '}');
    return buf_error(out);
}

struct signing {
    const struct jwk *key;
    struct slice payload;
    struct arena *arena;
    struct slice token;
    enum error error;
};

static void sign(void *argument)
{
    struct signing *signing = argument;
    signing->error = jws_sign(signing->key, token_type, signing->payload, signing->arena, &signing->token);
}

/* RSA takes a millisecond, the others some microseconds. */
static bool is_slow(enum jwk_algorithm algorithm)
{
    return algorithm >= JWK_RS256 && algorithm <= JWK_PS512;
}

enum error accesstoken_make(const struct identity *identity, struct session *session, const struct accesstoken *token,
                            struct slice *out)
{
    struct buf payload;
    struct signing signing = {.key = identity->keys[0], .arena = session->arena};
    buf_init(&payload, PAYLOAD_BYTES_MAX);
    enum error error = write_claims(identity, session, token, &payload);
    signing.payload = buf_slice(&payload);
    if (error == OK && is_slow(jwk_algorithm(signing.key)) && session_may_wait(session))
        error = offload_run(session->model->offload, session->fiber, session->deadline, sign, &signing);
    else if (error == OK)
        sign(&signing);
    buf_fini(&payload);
    TRY(error);
    *out = signing.token;
    return signing.error;
}

/* ---- verifying ---- */

static enum error keep(struct principal *principal, struct slice text, struct slice *out)
{
    *out = arena_slice(&principal->arena, text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static bool is_ours(const struct identity *identity, const struct jws *jws)
{
    return jwk_find(identity->keys, identity->key_count, jws->kid, jws->algorithm) != NULL;
}

/* Whether a token is its client's own. Should an account have such an id, its sign-in tells the two apart. */
static bool is_own_of(struct slice client, struct slice subject)
{
    static const struct slice prefix = SLICE_INIT(CLIENT_PREFIX);
    return client.len > 0 && slice_starts(subject, prefix) && slice_eq(slice_from_index(subject, prefix.len), client);
}

/* A token of a client is narrowed, even to nothing. */
static enum error take_ours(const struct jws_claims *claims, struct principal *principal, const char **why)
{
    if (claims->session.len == 0) {
        *why = "the token names no sign-in";
        return ERROR_UNAUTHORIZED;
    }
    TRY(keep(principal, claims->session, &principal->id));
    TRY(keep(principal, jws_claims_text(claims, SLICE("client_id")), &principal->client));
    if (claims->scope.ptr || principal->client.len > 0)
        TRY(keep(principal, claims->scope, &principal->scopes));
    bool is_own = is_own_of(principal->client, claims->subject);
    principal->kind = is_own ? PRINCIPAL_CLIENT : PRINCIPAL_TOKEN;
    return keep(principal, is_own ? SLICE("") : claims->subject, &principal->account);
}

static enum error verify_ours(const struct identity *identity, const struct session *session, const struct jws *jws,
                              struct principal *principal, const char **why)
{
    const struct jwk *key = jwk_find(identity->keys, identity->key_count, jws->kid, jws->algorithm);
    const struct jws_policy policy = {.now_us = session->now_us,
                                      .issuer = identity->issuer,
                                      .audiences = &identity->audience,
                                      .audience_count = 1,
                                      .typ = token_type};
    struct jws_claims claims;
    TRY(jws_check(jws, key, why));
    TRY(jws_claims_check_typ(jws->typ, &policy, why));
    TRY(jws_claims_read(jws->payload, session->arena, &claims, why));
    TRY(jws_claims_check(&claims, &policy, why));
    principal->expires_us = claims.expires_us;
    return take_ours(&claims, principal, why);
}

/* The issuer that the token claims to be from, if the app file declares it. */
static const struct identity_issuer *find_issuer(const struct identity *identity, struct slice name, size_t *index)
{
    for (size_t i = 0; name.len > 0 && i < identity->config->issuer_count; i++)
        if (slice_eq(identity->config->issuers[i].issuer, name)) {
            *index = i;
            return &identity->config->issuers[i];
        }
    return NULL;
}

/* The account that a stranger's token speaks of: found by the field that the app file names, or by its id. */
static enum error find_account(const struct identity *identity, struct session *session,
                               const struct identity_issuer *declared, struct slice subject,
                               struct principal *principal, const char **why)
{
    if (!identity->has_accounts || declared->field.len == 0)
        return keep(principal, subject, &principal->account);
    const struct field *field = resource_find_field(identity->form.resource, declared->field);
    struct account account;
    enum error error = field ? account_find_by(session, &identity->form, field, subject, &principal->arena, &account)
                             : ERROR_NOT_FOUND;
    if (error == ERROR_NOT_FOUND) {
        *why = "no account belongs to the token's subject";
        return ERROR_UNAUTHORIZED;
    }
    TRY(error);
    principal->account = account.key;
    return OK;
}

static enum error check_foreign(const struct identity_issuer *declared, struct issuer *issuer, struct session *session,
                                const struct jws *jws, const struct jws_claims *claims, const char **why)
{
    const struct jws_policy policy = {.now_us = session->now_us,
                                      .leeway_s = LEEWAY_S,
                                      .issuer = declared->issuer,
                                      .audiences = &declared->audience,
                                      .audience_count = 1};
    const struct jwk *key;
    struct issuer_hold *hold;
    TRY(issuer_find_key(issuer, session->fiber, session->deadline, jws->kid, jws->algorithm, &key, &hold, why));
    enum error error = jws_check(jws, key, why);
    issuer_release(hold);
    TRY(error);
    return jws_claims_check(claims, &policy, why);
}

/* An e-mail address that nobody has verified may be anybody's: whoever made an account with it there would be whoever
 * has one with it here. */
static bool is_proven(const struct identity_issuer *declared, const struct jws_claims *claims)
{
    if (!slice_eq_text(declared->subject, "email") || declared->trusts_email)
        return true;
    const struct jsonobject_member *member = jsonobject_find(&claims->all, SLICE("email_verified"));
    return member && member->value.token == JSON_TRUE;
}

static enum error verify_foreign(const struct identity *identity, struct session *session, const struct jws *jws,
                                 struct principal *principal, const char **why)
{
    struct jws_claims claims;
    size_t index = 0;
    TRY(jws_claims_read(jws->payload, session->arena, &claims, why));
    const struct identity_issuer *declared = find_issuer(identity, claims.issuer, &index);
    if (!declared) {
        *why = "the token's issuer is not one of those in the app file";
        return ERROR_UNAUTHORIZED;
    }
    TRY(check_foreign(declared, identity->issuers[index], session, jws, &claims, why));
    struct slice subject = declared->subject.len > 0 ? jws_claims_text(&claims, declared->subject) : claims.subject;
    if (subject.len == 0) {
        *why = "the token lacks the claim that names the account";
        return ERROR_UNAUTHORIZED;
    }
    if (!is_proven(declared, &claims)) {
        *why = "the token does not say that the e-mail address was verified";
        return ERROR_UNAUTHORIZED;
    }
    principal->kind = PRINCIPAL_FOREIGN;
    principal->expires_us = claims.expires_us + (int64_t)LEEWAY_S * 1000000;
    if (claims.scope.ptr)
        TRY(keep(principal, claims.scope, &principal->scopes));
    TRY(keep(principal, declared->role.len > 0 ? jws_claims_text(&claims, declared->role) : SLICE(""),
             &principal->role));
    return find_account(identity, session, declared, subject, principal, why);
}

enum error accesstoken_verify(struct identity *identity, struct session *session, struct slice token,
                              struct principal *principal, const char **why)
{
    struct jws jws;
    TRY(jws_parse(token, session->arena, &jws, why));
    if (is_ours(identity, &jws))
        return verify_ours(identity, session, &jws, principal, why);
    return verify_foreign(identity, session, &jws, principal, why);
}
