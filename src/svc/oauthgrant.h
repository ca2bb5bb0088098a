/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_OAUTHGRANT_H
#define SVC_OAUTHGRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"
#include "svc/identity.h"
#include "svc/signin.h"

struct exchange;
struct principal;

/* What clients of OAuth are given and what is taken from them: codes, tokens, and what a token is worth. Whoever calls
 * these writes the answer, and has found out that the client is who it says. */

/* A person's leave. */
struct oauthgrant_leave {
    const struct oauthclient *client;
    const struct principal *person; /* signed in, with a cookie */
    struct slice redirect, challenge, scopes;
    bool is_new; /* it was asked for just now: it is noted, so that it is not asked for again */
};

/* Makes a code good for it, which oauthcode_make() has made: it is known before, so that the answer can be, too.
 * Errors: ERROR_UNAUTHORIZED (their sign-in has ended), ERROR_FORBIDDEN (what was allowed earlier was taken back),
 * those of session_write(). */
YIELDS MUST_USE enum error oauthgrant_allow(struct identity *identity, struct exchange *x, struct session *session,
                                            const struct oauthgrant_leave *leave, struct slice code);

/* What a client shows for its tokens. */
struct oauthgrant_code {
    struct slice text, redirect, verifier;
};
/* Makes tokens of a code, in `signin`, whose client is set. A code works once: a second use ends what the first one
 * began, and one with another verifier or redirect uses it up, too.
 * Errors: ERROR_UNAUTHORIZED (the code is not good), those of session_write(). */
YIELDS MUST_USE enum error oauthgrant_redeem(struct signin *signin, const struct oauthgrant_code *shown);

/* A token for a client that acts for itself. Errors: those of session_write() and of accesstoken_make(). */
YIELDS MUST_USE enum error oauthgrant_client(struct identity *identity, struct exchange *x, struct session *session,
                                             const struct oauthclient *client, struct slice scopes,
                                             struct slice *access);

/* Ends the sign-in of a token of this client, refresh or access; any other text changes nothing.
 * Errors: those of session_write(). */
YIELDS MUST_USE enum error oauthgrant_revoke(struct identity *identity, struct exchange *x, struct session *session,
                                             const struct oauthclient *client, struct slice token);

/* What a token is. */
struct oauthgrant_token {
    bool is_active; /* without it there is nothing else */
    bool is_refresh;
    struct slice account; /* empty: the client acts for itself */
    struct slice scopes;
    int64_t expires_us;
};
/* Looks at a token of this client; of any other text nothing is said. Texts are the session's arena.
 * Errors: ERROR_MEMORY, those of db_query(). */
YIELDS MUST_USE enum error oauthgrant_look(struct identity *identity, struct exchange *x, struct session *session,
                                           const struct oauthclient *client, struct slice token,
                                           struct oauthgrant_token *out);

#endif
