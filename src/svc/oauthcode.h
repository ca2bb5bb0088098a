/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_OAUTHCODE_H
#define SVC_OAUTHCODE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Authorization codes: what a person's leave is, until the client has fetched its tokens. Rows of _tenon_codes, of
 * whose code only the SHA-256 is kept; one that was used is kept for a while, so that a second use can be told from
 * none. */

enum { OAUTHCODE_BYTES = 43 /* 256 random bits in base64url */ };

struct oauthcode {
    struct slice client, account;
    struct slice redirect;  /* where it was sent to */
    struct slice challenge; /* BASE64URL(SHA-256(verifier)), RFC 7636 */
    struct slice scopes;
    struct slice origin; /* the sign-in of the person who has allowed it: with that it ends */
    int64_t expires_us;  /* wall clock */
};

/* The text of a new one. Errors: ERROR_IO (no random bytes), ERROR_MEMORY. */
MUST_USE enum error oauthcode_make(struct session *session, struct slice *text);

/* All in a unit of work. Errors: those of db_execute(), and as said. */

MUST_USE enum error oauthcode_store(struct session *session, struct slice text, const struct oauthcode *code);
/* Uses a code up for the sign-in of that id: of many who try, one gets it. It is kept until `keep_until_us`.
 * Texts are the session's arena. Errors: ERROR_NOT_FOUND (used, expired, another client's, none). */
MUST_USE enum error oauthcode_take(struct session *session, struct slice text, struct slice client, struct slice grant,
                                   int64_t keep_until_us, struct oauthcode *out);
/* The sign-in that a used code of this client has become, and its account. Errors: ERROR_NOT_FOUND. */
MUST_USE enum error oauthcode_find_used(struct session *session, struct slice text, struct slice client,
                                        struct slice *grant, struct slice *account);
/* Deletes all of an account. */
MUST_USE enum error oauthcode_forget(struct session *session, struct slice account);
/* Deletes what has expired, `limit` rows at most; says how many. */
MUST_USE enum error oauthcode_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
