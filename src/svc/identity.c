/* SPDX-License-Identifier: Apache-2.0 */
/* Identity: made once, shared by all cores.
 *
 * Epochs: each account falls, by a hash of its id, on one of IDENTITY_EPOCHS counters. Whoever commits a change of an
 * account, its sign-ins or keys counts it up; a principal that was made at another count is asked for again. So what is
 * changed on this node holds for the next request, and what is changed elsewhere once IDENTITY_FRESH_US have passed. */
#include "svc/identity.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/random.h"
#include "model/secret.h"
#include "svc/accountwatch.h"
#include "svc/identity_table.h"
#include "svc/issuer.h"
#include "svc/provider.h"

enum { SECRET_BYTES = 32, PRINCIPALS_PER_CORE = 4096 };

/* ---- what has changed ---- */

static size_t slot_of(struct slice account)
{
    return digest_hash64(0, account) % IDENTITY_EPOCHS;
}

void identity_changed(struct identity *identity, struct slice account)
{
    if (account.len == 0)
        atomic_fetch_add(&identity->everybody, 1);
    else
        atomic_fetch_add(&identity->epochs[slot_of(account)], 1);
    atomic_fetch_add(&identity->changes, 1);
}

uint64_t identity_epoch(const struct identity *identity, struct slice account)
{
    return atomic_load(&identity->epochs[slot_of(account)]) + atomic_load(&identity->everybody);
}

uint64_t identity_changes(const struct identity *identity)
{
    return atomic_load(&identity->changes);
}

/* ---- making ---- */

bool identity_is_needed(const struct identity_config *config, const struct schema *schema)
{
    size_t of_resources = schema->resource_count * ACTION_COUNT + schema->action_count;
    return schema->account || schema->role_count > 0 || config->key_count > 0 || config->issuer_count > 0 ||
           config->oauth.client_count > 0 || schema->permission_count > of_resources;
}

static enum error make_mac(struct identity *identity)
{
    char bytes[SECRET_BYTES];
    TRY(secret_get(identity->model->db, "mac", bytes, sizeof bytes));
    return digest_hmac_create(slice_of(bytes, sizeof bytes), &identity->mac);
}

static enum error make_key(const struct identity_key *key, struct diag *diag, struct jwk **out)
{
    if (!key->is_secret)
        return jwk_create_pem(key->text, key->algorithms, key->kid, diag, out);
    return jwk_create_secret(key->text, JWK_HS256, key->kid, diag, out);
}

/* Where the app file has no key, the database keeps one: nothing has to be set up, and every node has the same. */
static enum error make_own_key(struct identity *identity, struct diag *diag)
{
    char bytes[SECRET_BYTES];
    TRY(secret_get(identity->model->db, "jwt", bytes, sizeof bytes));
    TRY(jwk_create_secret(slice_of(bytes, sizeof bytes), JWK_HS256, SLICE(""), diag, &identity->keys[0]));
    identity->key_count = 1;
    return OK;
}

static enum error make_keys(struct identity *identity, struct diag *diag)
{
    const struct identity_config *config = identity->config;
    identity->keys = calloc(config->key_count + 1, sizeof *identity->keys);
    if (!identity->keys)
        return ERROR_MEMORY;
    if (config->key_count == 0)
        return make_own_key(identity, diag);
    for (size_t i = 0; i < config->key_count; i++) {
        TRY(make_key(&config->keys[i], diag, &identity->keys[i]));
        identity->key_count++;
    }
    return OK;
}

static enum error make_issuers(struct identity *identity, const struct identity_parts *parts, struct diag *diag)
{
    const struct identity_config *config = identity->config;
    identity->issuers = calloc(config->issuer_count + 1, sizeof(struct issuer *));
    if (!identity->issuers)
        return ERROR_MEMORY;
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct identity_issuer *declared = &config->issuers[i];
        const struct issuer_config issuer = {.issuer = declared->issuer,
                                             .jwks_url = declared->jwks,
                                             .algorithms = declared->algorithms,
                                             .fetch = parts->fetch,
                                             .core_logs = parts->core_logs};
        TRY(issuer_create(&issuer, diag, &identity->issuers[i]));
    }
    return OK;
}

static enum error make_providers(struct identity *identity, const struct identity_parts *parts)
{
    const struct identity_config *config = identity->config;
    identity->providers = calloc(config->provider_count + 1, sizeof(struct provider *));
    if (!identity->providers)
        return ERROR_MEMORY;
    for (size_t i = 0; i < config->provider_count; i++)
        TRY(provider_create(&config->providers[i], parts->fetch, parts->core_logs, parts->core_count,
                            &identity->providers[i]));
    return OK;
}

struct provider *identity_find_provider(const struct identity *identity, struct slice name)
{
    for (size_t i = 0; i < identity->config->provider_count; i++)
        if (slice_eq(identity->config->providers[i].name, name))
            return identity->providers[i];
    return NULL;
}

/* Any hash will do, as long as it costs what the accounts' do. */
static enum error make_stand_in(struct identity *identity)
{
    struct random_source random;
    char password[SECRET_BYTES];
    random_source_system(&random);
    TRY(random_bytes(&random, password, sizeof password));
    return password_hash(&identity->config->password, slice_of(password, sizeof password), &random, identity->stand_in,
                         sizeof identity->stand_in);
}

bool identity_has_accounts(const struct identity_config *config, const struct schema *schema)
{
    struct account_form form;
    const char *why;
    return schema->account && account_form_find(schema, config->login, &form, &why) == OK;
}

static enum error find_form(struct identity *identity)
{
    const char *why;
    const struct identity_config *config = identity->config;
    if (!identity_has_accounts(config, identity->model->schema))
        return OK;
    TRY(account_form_find(identity->model->schema, config->login, &identity->form, &why));
    identity->form.when = config->when;
    identity->has_accounts = true;
    identity->model->password = config->password;
    identity->accounts = accountwatch_hooks(identity);
    identity->model->accounts = &identity->accounts;
    return make_stand_in(identity);
}

static enum error build(struct identity *identity, const struct identity_parts *parts, struct diag *diag)
{
    const struct identity_config *config = identity->config;
    identity->issuer = config->issuer.len > 0 ? config->issuer : config->app;
    identity->audience = config->audience.len > 0 ? config->audience : config->app;
    identity->caches = calloc(parts->core_count, sizeof *identity->caches);
    if (!identity->caches)
        return ERROR_MEMORY;
    identity->core_count = parts->core_count;
    for (unsigned i = 0; i < parts->core_count; i++)
        principal_cache_init(&identity->caches[i], PRINCIPALS_PER_CORE);
    TRY(find_form(identity));
    TRY(identity_table_make(parts->model->db));
    TRY(make_mac(identity));
    TRY(make_keys(identity, diag));
    TRY(make_issuers(identity, parts, diag));
    return make_providers(identity, parts);
}

enum error identity_create(const struct identity_config *config, const struct identity_parts *parts, struct diag *diag,
                           struct identity **out)
{
    struct identity *identity = calloc(1, sizeof *identity);
    if (!identity)
        return ERROR_MEMORY;
    identity->config = config;
    identity->model = parts->model;
    identity->mailer = parts->mailer;
    identity->audits = parts->audits;
    identity->limit = parts->limit;
    enum error error = build(identity, parts, diag);
    if (error != OK) {
        identity_destroy(identity);
        return error;
    }
    *out = identity;
    return OK;
}

void identity_destroy(struct identity *identity)
{
    if (!identity)
        return;
    for (unsigned i = 0; i < identity->core_count; i++)
        principal_cache_fini(&identity->caches[i]);
    for (size_t i = 0; i < identity->key_count; i++)
        jwk_destroy(identity->keys[i]);
    for (size_t i = 0; identity->issuers && i < identity->config->issuer_count; i++)
        issuer_destroy(identity->issuers[i]);
    for (size_t i = 0; identity->providers && i < identity->config->provider_count; i++)
        provider_destroy(identity->providers[i]);
    digest_hmac_destroy(identity->mac);
    free(identity->issuers);
    free(identity->providers);
    free(identity->keys);
    free(identity->caches);
    free(identity);
}
