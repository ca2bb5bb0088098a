/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_IDENTITY_H
#define SVC_IDENTITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/jwk.h"
#include "base/password.h"
#include "base/slice.h"
#include "model/model.h"
#include "svc/account.h"
#include "svc/lockout.h"
#include "svc/oauthclient.h"
#include "svc/principal.h"

/* Identity: what signing in, tokens, keys and permissions of one app share. One for each reading of the app file; its
 * parts are the files beside it. Immutable while cores run, but for what is atomic or belongs to one core. */

struct audit;
struct fetch;
struct hmac_key;
struct issuer;
struct limit;
struct log;
struct mailer;
struct provider;
struct provider_config;

/* A key that signs or verifies the app's own tokens, as the app file has it. */
struct identity_key {
    struct slice text; /* PEM, or a secret */
    bool is_secret;
    uint32_t algorithms; /* set of enum jwk_algorithm; the first that fits */
    struct slice kid;    /* empty: none, or its thumbprint */
    struct place place;
};

/* Somebody else whose tokens are taken. */
struct identity_issuer {
    struct slice issuer, audience, jwks;
    uint32_t algorithms;
    struct slice subject; /* the claim that names the account; empty: "sub" */
    struct slice field;   /* the schema name of the account's field that it is compared with; empty: the id */
    bool trusts_email;    /* every address that it gives is its holder's, whatever it says of that */
    struct slice role;    /* the claim that names the role, where there are no accounts; empty: none */
};

struct identity_config {
    struct slice app; /* its name: issuer and audience where none is given */
    struct slice issuer, audience;
    int64_t access_ms, refresh_ms; /* how long tokens are good for */
    int64_t idle_ms, absolute_ms;  /* how long a sign-in by cookie is: unused, and at all */
    int64_t reset_ms;
    struct slice login; /* the field to sign in with; empty: it is found */
    const struct expr *when;
    struct password_params password;
    struct lockout_config lockout;
    const struct identity_key *keys; /* the first signs; none: a secret is made and kept in the database */
    size_t key_count;
    const struct identity_issuer *issuers;
    size_t issuer_count;
    const struct provider_config *providers; /* whom people sign in with */
    size_t provider_count;
    struct slice url;   /* of this server, as browsers and providers know it, without a slash behind */
    struct slice after; /* where browsers go that have signed in with a provider: a path or a URL */
    struct oauthclient_config oauth;
    struct slice mail_reset; /* the address in a mail, with {token} in it; empty: the token alone */
};

enum { IDENTITY_EPOCHS = 1024, IDENTITY_ATTEMPTS = 4096, IDENTITY_FRESH_US = 1000000 };

struct identity {
    const struct identity_config *config;
    struct model *model;
    bool has_accounts;
    struct account_form form;
    struct slice issuer, audience;
    struct jwk **keys;
    size_t key_count;
    struct issuer **issuers;          /* as many as the config's */
    struct provider **providers;      /* the same */
    struct hmac_key *mac;             /* of refresh tokens and tokens against forged requests */
    struct limit *limit;              /* borrowed; of API keys, and of what is mailed */
    struct mailer *mailer;            /* borrowed; NULL: nothing can be mailed */
    struct audit *audits;             /* borrowed; by core */
    struct model_accounts accounts;   /* what the model calls */
    char stand_in[PASSWORD_HASH_MAX]; /* checked where there is no account, so that it takes as long */
    struct principal_cache *caches;   /* by core */
    unsigned core_count;
    /* What has changed since: an account's principals are asked for again when its epoch is another. */
    atomic_uint_fast64_t epochs[IDENTITY_EPOCHS], everybody, changes;
    atomic_uint attempts[IDENTITY_ATTEMPTS]; /* passwords being checked, by account */
};

/* Whether an app has anything to do with who asks: accounts, roles, keys, issuers, clients, or a rule that asks
 * can(). */
bool identity_is_needed(const struct identity_config *config, const struct schema *schema);
/* Whether people can sign in: there is an account resource, and a field to sign in with. */
bool identity_has_accounts(const struct identity_config *config, const struct schema *schema);

/* What is borrowed from the engine. */
struct identity_parts {
    struct model *model;
    struct mailer *mailer;
    struct fetch *fetch; /* for what other issuers publish */
    struct audit *audits;
    struct limit *limit;
    struct log *const *core_logs;
    unsigned core_count;
};

/* Makes it over a database that is open: its tables, its secrets. Blocks. Owner: the caller; identity_destroy() when no
 * request uses it. `config` is borrowed. Errors: ERROR_VALIDATION (keys, the account resource: told), ERROR_MEMORY,
 * those of db_tx_blocking(). */
MUST_USE enum error identity_create(const struct identity_config *config, const struct identity_parts *parts,
                                    struct diag *diag, struct identity **out);
/* Accepts NULL. */
void identity_destroy(struct identity *identity);

/* The provider of that name; NULL: there is none. */
struct provider *identity_find_provider(const struct identity *identity, struct slice name);

/* What is known of an account (its id as text), or of whoever holds a key of that id, must be asked for again: its row,
 * role, sign-ins or keys have changed, and are committed. Empty: of everybody. */
ANY_CORE void identity_changed(struct identity *identity, struct slice account);
/* The epoch to remember a principal with, read before the database is; and how many changes there were in all: what was
 * read between two different ones is not to be remembered. */
ANY_CORE uint64_t identity_epoch(const struct identity *identity, struct slice account);
ANY_CORE uint64_t identity_changes(const struct identity *identity);

#endif
