/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_GRANT_H
#define SVC_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* A sign-in, as it is stored: one row of _tenon_grants from login to logout, whether the caller then shows a cookie or
 * tokens, and whether it is a person who has them or a client of OAuth. Whatever ends it deletes the row. Of its secret
 * only the SHA-256 is kept. */

enum grant_kind { GRANT_TOKEN, GRANT_COOKIE };
enum { GRANT_ID_BYTES = 22 /* 128 random bits in base64url */, GRANT_TEXT_MAX = 200 };

struct grant {
    struct slice id;
    enum grant_kind kind;
    struct slice account;                      /* its id as text; empty: the client's own */
    struct slice client;                       /* the OAuth client that has it; empty: whoever signed in */
    struct slice scopes;                       /* what a client was given: patterns, separated by spaces */
    unsigned char digest[DIGEST_SHA256_BYTES]; /* of the secret that is good now */
    int64_t generation;                        /* how often the secret was replaced */
    int64_t created_us, seen_us, expires_us;   /* wall clock */
    struct slice address, agent; /* who signed in, cut at GRANT_TEXT_MAX bytes; not read by grant_find() */
};

/* The sign-in of that id that has not expired; texts are the session's arena.
 * Errors: ERROR_NOT_FOUND, those of db_query(). */
YIELDS MUST_USE enum error grant_find(struct session *session, struct slice id, struct grant *out);

/* The rest is done in a unit of work. Errors: those of db_execute(). */
MUST_USE enum error grant_insert(struct session *session, const struct grant *grant);
/* Gives a sign-in another secret, if it still has the one of `grant`; false: somebody was faster. */
MUST_USE enum error grant_replace(struct session *session, const struct grant *grant,
                                  const unsigned char digest[DIGEST_SHA256_BYTES], int64_t expires_us, bool *is_done);
/* Notes that it was used. */
MUST_USE enum error grant_touch(struct session *session, struct slice id);
MUST_USE enum error grant_revoke(struct session *session, struct slice id);
/* Those of an account that are by cookie. */
MUST_USE enum error grant_revoke_cookies(struct session *session, struct slice account);
/* All sign-ins of an account, and the codes that could become one; says how many there were. */
MUST_USE enum error grant_revoke_all(struct session *session, struct slice account, int64_t *count);
/* Deletes what has expired, `limit` rows at most; says how many. */
MUST_USE enum error grant_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
