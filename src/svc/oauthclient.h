/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_OAUTHCLIENT_H
#define SVC_OAUTHCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"

/* Programs that may ask people for leave to act for them (OAuth 2.0 clients, RFC 6749), as the app file declares them.
 * Immutable; nothing here asks a database. */

enum oauthclient_grant {
    OAUTHCLIENT_CODE,        /* authorization_code */
    OAUTHCLIENT_REFRESH,     /* refresh_token */
    OAUTHCLIENT_CREDENTIALS, /* client_credentials */
    OAUTHCLIENT_GRANT_COUNT
};

enum { OAUTHCLIENT_SECRET_BYTES_MIN = 32, OAUTHCLIENT_SCOPES_MAX = 32, OAUTHCLIENT_SCOPE_BYTES_MAX = 1000 };

struct oauthclient {
    struct slice id, name;
    const struct slice *redirects; /* where people are sent back to */
    size_t redirect_count;
    struct slice scopes; /* what it may ask for: patterns of permissions, separated by spaces */
    struct slice role;   /* as which it acts by itself; empty: as none, and its scopes are all it has */
    unsigned grants;     /* set of enum oauthclient_grant */
    bool is_confidential;
    unsigned char secret[DIGEST_SHA256_BYTES]; /* of a confidential one */
};

struct oauthclient_config {
    const struct oauthclient *clients;
    size_t client_count;
    int64_t code_ms; /* how long a code is good for */
};

/* NULL: there is none. */
const struct oauthclient *oauthclient_find(const struct oauthclient_config *config, struct slice id);
/* In constant time; a client without a secret has none that is right, nor has NULL. */
bool oauthclient_is_secret(const struct oauthclient *client, struct slice secret);
static inline bool oauthclient_may(const struct oauthclient *client, enum oauthclient_grant grant)
{
    return client->grants >> grant & 1;
}

/* Why a redirect cannot be declared, a constant sentence; NULL: it can. */
const char *oauthclient_redirect_fault(struct slice redirect);
/* Whether it is one of the declared ones, byte for byte; but for the port where a declared one is http://127.0.0.1 or
 * http://[::1], because an application on somebody's machine listens where it can (RFC 8252 section 7.3). */
bool oauthclient_has_redirect(const struct oauthclient *client, struct slice redirect);
/* Whether only the client can be there to receive: others may listen on a loopback address or take a scheme. */
bool oauthclient_is_certain(const struct oauthclient *client, struct slice redirect);

/* Reads a scope as it is sent (RFC 6749 section 3.3): patterns of permissions with one space between; what stands twice
 * is left out. Errors: ERROR_VALIDATION (another form, too many), ERROR_MEMORY. */
MUST_USE enum error oauthclient_read_scope(struct slice text, struct arena *arena, struct slice *out);
/* Whether all that `wanted` names is held by `granted`. */
bool oauthclient_covers(struct slice granted, struct slice wanted);
/* Both together, each pattern once. Errors: ERROR_MEMORY. */
MUST_USE enum error oauthclient_join(struct slice a, struct slice b, struct arena *arena, struct slice *out);
/* What both hold, of each pair the pattern that holds less; of two that only overlap, nothing. Errors: ERROR_MEMORY. */
MUST_USE enum error oauthclient_meet(struct slice a, struct slice b, struct arena *arena, struct slice *out);

#endif
