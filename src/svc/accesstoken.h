/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_ACCESSTOKEN_H
#define SVC_ACCESSTOKEN_H

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"
#include "svc/identity.h"

/* Access tokens: signed claims (RFC 9068) that are good for minutes. They say which sign-in they belong to, so that
 * they end with it. */

/* What a token says. */
struct accesstoken {
    struct slice account; /* its id as text; empty: the client acts for itself */
    struct slice role;    /* of the account; empty: none */
    struct slice grant;   /* the id of its sign-in */
    struct slice client;  /* of OAuth; empty: none, and the token is not narrowed */
    struct slice scopes;  /* what the client was given */
};

/* Makes one for a sign-in; text in the session's arena. A signature that burns long is made on the offload pool;
 * in a unit on SQLite, which may not wait, at once.
 * Errors: ERROR_MEMORY, ERROR_IO (no random bytes), ERROR_UNAVAILABLE (too many wait for the pool). */
YIELDS MUST_USE enum error accesstoken_make(const struct identity *identity, struct session *session,
                                            const struct accesstoken *token, struct slice *out);

/* Verifies a token, one of ours or of a declared issuer, and puts what it says into an empty principal: kind, account,
 * sign-in, client, scopes, expiry. Errors: ERROR_UNAUTHORIZED (`*why` for the log, static), ERROR_UNAVAILABLE (the
 * issuer's keys cannot be had), those of db_query(). */
YIELDS MUST_USE enum error accesstoken_verify(struct identity *identity, struct session *session, struct slice token,
                                              struct principal *principal, const char **why);

#endif
