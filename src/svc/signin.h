/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_SIGNIN_H
#define SVC_SIGNIN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"
#include "svc/account.h"
#include "svc/identity.h"

struct exchange;

/* Signing in and out, and the passwords that it takes. Refusals are the same, take as long and do the same work whether
 * there is such an account or not. */

enum signin_mode { SIGNIN_TOKENS, SIGNIN_COOKIE };

/* One sign-in: what asks for it, and what came of it. Texts are the session's arena. */
struct signin {
    struct identity *identity;
    struct exchange *x;
    struct session *session; /* of the exchange; nobody's until it has worked, the account's then */
    enum signin_mode mode;
    /* Set by whoever signs a client of OAuth in (mode SIGNIN_TOKENS); NULL and empty: people sign in for themselves. */
    const struct oauthclient *client;
    struct slice scopes; /* what its tokens are narrowed to; for signin_refresh() empty: to what they were before */
    /* Writes the answer, as the last step of the unit that stores the sign-in, so that nothing is stored where there is
     * no memory to tell of it. NULL: there is none. */
    enum error (*answer)(struct signin *signin, void *state);
    void *answer_state;

    struct account account;
    struct principal *principal;  /* signin_fini() lets go of it */
    struct slice grant;           /* its id; made where it is empty */
    struct slice access, refresh; /* tokens; a client that may not refresh gets none for that */
    struct slice cookie, csrf;
    struct slice replaced; /* whose sign-in ended because the browser came with its cookie; empty: nobody's */
    int64_t generation;
    bool is_ready;       /* the tokens were made before the unit: the account was known */
    struct slice secret; /* of the cookie or of the refresh token */
    unsigned char digest[32];
};

void signin_init(struct signin *signin, struct identity *identity, struct exchange *x, struct session *session,
                 enum signin_mode mode);
void signin_fini(struct signin *signin);

/* With a password. Errors: ERROR_UNAUTHORIZED (no such account, a wrong password, it may not sign in),
 * ERROR_RATE_LIMITED (too many wrong ones; exchange.retry_after_s says how long), ERROR_UNAVAILABLE (too many are being
 * checked), those of session_write(). */
YIELDS MUST_USE enum error signin_password(struct signin *signin, struct slice login, struct slice password);
/* With a refresh token, which is used up. One that was used before ends the sign-in, whoever has it; one of another
 * client, or of people where a client asks, is none. Errors: ERROR_UNAUTHORIZED, ERROR_VALIDATION (the client asks for
 * more than it was given), those of session_write(). */
YIELDS MUST_USE enum error signin_refresh(struct signin *signin, struct slice token);
/* Runs a unit that may begin a sign-in. Errors: those of session_write(). */
YIELDS MUST_USE enum error signin_write(struct signin *signin, session_unit *unit, void *argument);
/* In that unit, as its last step: stores a sign-in of the account, makes its tokens or cookie, and answers. The session
 * goes on as the account's. Errors: those of db_execute() and of `answer`, ERROR_MEMORY, ERROR_IO (no random bytes). */
MUST_USE enum error signin_begin(struct signin *signin, struct slice account);

/* Ends the sign-in that the request came with, or all of its account's.
 * Errors: ERROR_FORBIDDEN (an API key, a stranger's token, a client that wants to end others), those of
 * session_write(). */
YIELDS MUST_USE enum error signin_end(struct signin *signin, bool everywhere);

/* Changes the password of whoever asks; every sign-in of the account ends and one begins: signin->account is set.
 * Errors: ERROR_FORBIDDEN (no account behind it, or a client), ERROR_VALIDATION (the new one: told as a field),
 * ERROR_UNAUTHORIZED (the present one is wrong), ERROR_RATE_LIMITED, ERROR_UNAVAILABLE, those of session_write(). */
YIELDS MUST_USE enum error signin_change_password(struct signin *signin, struct slice present, struct slice wanted);
#endif
