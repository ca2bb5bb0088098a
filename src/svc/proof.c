/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs.
 *
 *   cookie  id -> sign-in, whose digest the secret must have            \
 *   token   signature and claims -> sign-in by its id, account by its id  > account's row -> role -> permissions
 *   key     id -> key, whose digest the secret must have                /
 *
 * What the database says is read behind the count of changes, and remembered only if that has not moved: a revocation
 * that is committed while a credential is being looked up is not overwritten by what was true before it.
 *
 * Invariants
 *   (1) whatever is not proven is ERROR_UNAUTHORIZED; a database that cannot be asked is its own error, never nobody
 *   (2) everything that a principal refers to is in its arena, or in the app file's */
#include "svc/proof.h"

#include "base/digest.h"
#include "http/exchange.h"
#include "model/permission.h"
#include "rt/core.h"
#include "svc/accesstoken.h"
#include "svc/apikey.h"
#include "svc/grant.h"

struct proof {
    struct identity *identity;
    struct exchange *x;
    const struct credential *credential;
    const struct principal *stale;
    struct principal *principal;
    struct session session;
    const char *why;
};

static enum error refuse(struct proof *proof, const char *why)
{
    proof->why = why;
    return ERROR_UNAUTHORIZED;
}

static enum error keep(struct principal *principal, struct slice text, struct slice *out)
{
    *out = arena_slice(&principal->arena, text);
    return out->ptr ? OK : ERROR_MEMORY;
}

/* What is not there is not proven; what could not be asked is an error of its own. */
static enum error found(struct proof *proof, enum error error, const char *why)
{
    return error == ERROR_NOT_FOUND ? refuse(proof, why) : error;
}

/* ---- the caller ---- */

static struct value value_of(const void *state, const struct field *field)
{
    const struct value *values = state;
    return values[field->index];
}

static enum error make_name(struct principal *principal)
{
    struct slice of = principal->account.len > 0 ? principal->account : principal->id;
    bool is_client = principal->kind == PRINCIPAL_CLIENT;
    const char *kind = principal->account.len > 0 ? "user" : is_client ? "client" : "key";
    if (is_client)
        of = principal->client;
    const char *name = arena_printf(&principal->arena, "%s:%.*s", kind, SLICE_ARG(of));
    principal->caller.name = slice_from(name);
    return name ? OK : ERROR_MEMORY;
}

/* can() holds for what the role has, as far as the scopes go; a key of nobody's has its scopes by themselves. */
static enum error fill_permissions(const struct schema *schema, bool has_role, struct principal *principal)
{
    size_t words = permission_words(schema);
    uint64_t *held = arena_array(&principal->arena, words, sizeof *held);
    uint64_t *scopes = arena_array(&principal->arena, words, sizeof *scopes);
    if (!held || !scopes)
        return ERROR_MEMORY;
    const struct role *role = has_role ? permission_role(schema, principal->caller.role) : NULL;
    bool is_narrowed = principal->scopes.ptr != NULL;
    permission_add(schema, principal->scopes, scopes);
    for (size_t i = 0; i < words; i++) {
        uint64_t of_role = role ? role->permissions[i] : 0;
        held[i] = !has_role ? scopes[i] : is_narrowed ? of_role & scopes[i] : of_role;
    }
    principal->caller.held = held;
    principal->caller.scopes = is_narrowed ? scopes : NULL;
    return OK;
}

/* A client has no more than it may ask for now, whatever it was given earlier. */
static enum error narrow_to_client(const struct identity *identity, struct principal *principal)
{
    const struct schema *schema = identity->model->schema;
    const struct oauthclient *client = oauthclient_find(&identity->config->oauth, principal->client);
    if (!client)
        return OK;
    size_t words = permission_words(schema);
    uint64_t *allowed = arena_array(&principal->arena, words * 3, sizeof *allowed);
    if (!allowed)
        return ERROR_MEMORY;
    uint64_t *held = allowed + words, *scopes = held + words;
    permission_add(schema, client->scopes, allowed);
    for (size_t i = 0; i < words; i++) {
        held[i] = principal->caller.held[i] & allowed[i];
        scopes[i] = principal->caller.scopes[i] & allowed[i];
    }
    principal->caller.held = held;
    principal->caller.scopes = scopes;
    return OK;
}

enum error proof_fill(const struct identity *identity, const struct account *account, struct principal *principal)
{
    struct caller *caller = &principal->caller;
    *caller = (struct caller){.is_signed_in = true};
    if (principal->client.len > 0 && !principal->scopes.ptr)
        principal->scopes = SLICE("");
    if (account) {
        principal->account = account->key;
        caller->id = account->id;
        caller->role = account->role;
        caller->field = value_of;
        caller->state = account->values;
    } else if (principal->kind == PRINCIPAL_FOREIGN) {
        caller->id = value_text(principal->account);
        caller->role = principal->role;
    } else if (principal->kind == PRINCIPAL_CLIENT) {
        caller->role = principal->role;
    }
    bool has_role = account || principal->kind == PRINCIPAL_FOREIGN || caller->role.len > 0;
    TRY(make_name(principal));
    TRY(fill_permissions(identity->model->schema, has_role, principal));
    return narrow_to_client(identity, principal);
}

/* ---- what each kind proves ---- */

static bool is_secret_of(const struct grant *grant, struct slice secret)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(secret, digest);
    return digest_equal(slice_of((const char *)digest, sizeof digest),
                        slice_of((const char *)grant->digest, sizeof grant->digest));
}

static enum error take_grant(struct proof *proof, const struct grant *grant)
{
    struct principal *principal = proof->principal;
    principal->seen_us = grant->seen_us;
    TRY(keep(principal, grant->id, &principal->id));
    return keep(principal, grant->account, &principal->account);
}

static enum error prove_cookie(struct proof *proof)
{
    struct slice id, secret;
    struct grant grant;
    int64_t idle_us = proof->identity->config->idle_ms * 1000;
    if (!credential_parse_cookie(proof->credential->text, &id, &secret))
        return refuse(proof, "the cookie is none of ours");
    TRY(found(proof, grant_find(&proof->session, id, &grant), "there is no such sign-in any more"));
    if (grant.kind != GRANT_COOKIE || !is_secret_of(&grant, secret))
        return refuse(proof, "the cookie's secret is wrong");
    if (grant.seen_us + idle_us <= proof->x->now_us)
        return refuse(proof, "the sign-in was not used for too long");
    proof->principal->kind = PRINCIPAL_COOKIE;
    proof->principal->expires_us = grant.expires_us;
    return take_grant(proof, &grant);
}

static enum error prove_key(struct proof *proof)
{
    struct slice id, secret;
    struct apikey key;
    struct principal *principal = proof->principal;
    if (!apikey_parse(proof->credential->text, &id, &secret))
        return refuse(proof, "the key has not the form of one");
    TRY(found(proof, apikey_find(&proof->session, id, &key), "there is no such key, or it has expired"));
    if (!apikey_is_secret(&key, secret))
        return refuse(proof, "the key's secret is wrong");
    principal->kind = PRINCIPAL_KEY;
    principal->expires_us = key.expires_us ? key.expires_us : INT64_MAX;
    principal->seen_us = key.seen_us;
    TRY(keep(principal, key.id, &principal->id));
    TRY(keep(principal, key.account, &principal->account));
    TRY(keep(principal, key.rate, &principal->rate));
    return keep(principal, key.scopes, &principal->scopes);
}

/* What was proven of a token once stays proven until it expires. */
static enum error recall_token(struct proof *proof)
{
    const struct principal *stale = proof->stale;
    struct principal *principal = proof->principal;
    principal->kind = stale->kind;
    principal->expires_us = stale->expires_us;
    TRY(keep(principal, stale->id, &principal->id));
    TRY(keep(principal, stale->account, &principal->account));
    TRY(keep(principal, stale->client, &principal->client));
    if (stale->scopes.ptr)
        TRY(keep(principal, stale->scopes, &principal->scopes));
    return keep(principal, stale->role, &principal->role);
}

static enum error prove_client(struct proof *proof)
{
    struct principal *principal = proof->principal;
    const struct oauthclient *client = oauthclient_find(&proof->identity->config->oauth, principal->client);
    if (!client || !principal->scopes.ptr)
        return refuse(proof, "the token's client is not in the app file");
    if (principal->kind == PRINCIPAL_CLIENT && !oauthclient_may(client, OAUTHCLIENT_CREDENTIALS))
        return refuse(proof, "the client may not act for itself any more");
    return principal->kind == PRINCIPAL_CLIENT ? keep(principal, client->role, &principal->role) : OK;
}

static enum error prove_token(struct proof *proof)
{
    struct principal *principal = proof->principal;
    struct grant grant;
    if (proof->stale)
        TRY(recall_token(proof));
    else
        TRY(accesstoken_verify(proof->identity, &proof->session, proof->credential->text, principal, &proof->why));
    if (principal->kind == PRINCIPAL_FOREIGN)
        return OK;
    TRY(found(proof, grant_find(&proof->session, principal->id, &grant), "the token's sign-in has ended"));
    if (grant.kind != GRANT_TOKEN || !slice_eq(grant.account, principal->account) ||
        !slice_eq(grant.client, principal->client))
        return refuse(proof, "the token is not of its sign-in");
    principal->seen_us = grant.seen_us;
    return principal->client.len > 0 ? prove_client(proof) : OK;
}

static enum error prove(struct proof *proof)
{
    switch (proof->credential->kind) {
    case CREDENTIAL_COOKIE: return prove_cookie(proof);
    case CREDENTIAL_KEY: return prove_key(proof);
    default: return prove_token(proof);
    }
}

static enum error ask_account(struct proof *proof)
{
    struct identity *identity = proof->identity;
    struct principal *principal = proof->principal;
    struct account account;
    if (!identity->has_accounts || principal->account.len == 0)
        return proof_fill(identity, NULL, principal);
    enum error error =
        account_find_key(&proof->session, &identity->form, principal->account, &principal->arena, &account);
    TRY(found(proof, error, "there is no such account"));
    if (!account.is_active)
        return refuse(proof, "the account may not sign in");
    return proof_fill(identity, &account, principal);
}

static void begin(struct proof *proof)
{
    struct exchange *x = proof->x;
    struct session *session = &proof->session;
    session_init(session, proof->identity->model, x->fiber, core_index(x->core));
    session->deadline = x->deadline;
    session->now_us = x->now_us;
    session->arena = x->arena;
    session->position = DB_POSITION_PRIMARY; /* a replica may not know yet what was revoked */
}

enum error proof_make(struct identity *identity, struct exchange *x, const struct credential *credential,
                      const unsigned char *digest, const struct principal *stale, const char **why,
                      struct principal **out)
{
    struct proof proof = {.identity = identity, .x = x, .credential = credential, .stale = stale};
    TRY(principal_create(digest, &proof.principal));
    begin(&proof);
    uint64_t changes = identity_changes(identity);
    enum error error = prove(&proof);
    if (error == OK)
        error = ask_account(&proof);
    session_fini(&proof.session);
    *why = proof.why;
    struct principal *principal = proof.principal;
    if (error != OK) {
        principal_release(principal);
        return error;
    }
    principal->checked_us = core_now_us(x->core);
    principal->epoch = identity_epoch(identity, principal->account.len > 0 ? principal->account : principal->id);
    if (identity_changes(identity) == changes)
        principal_remember(&identity->caches[core_index(x->core)], principal);
    *out = principal;
    return OK;
}
