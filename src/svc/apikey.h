/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_APIKEY_H
#define SVC_APIKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

struct random_source;

/* Keys of programs, "tk_<id>_<secret>": 64 random bits to find it by, 256 to prove it. The secret is shown once; of it
 * only the SHA-256 is stored. */

enum { APIKEY_ID_BYTES = 16, APIKEY_TEXT_BYTES = 3 + APIKEY_ID_BYTES + 1 + 43 };

struct apikey {
    struct slice id;
    struct slice name;    /* for people */
    struct slice scopes;  /* patterns of permissions, separated by spaces */
    struct slice account; /* whose it is: the id as text; empty: nobody's, it holds its scopes by itself */
    struct slice rate;    /* "100/m"; empty: no limit of its own */
    unsigned char digest[DIGEST_SHA256_BYTES];
    int64_t created_us;
    int64_t seen_us;    /* 0: never used */
    int64_t expires_us; /* 0: never */
};

/* Makes another id and secret: fills `id` and `digest`, and gives the text to show. Errors: ERROR_IO, ERROR_MEMORY. */
MUST_USE enum error apikey_make(struct random_source *random, struct arena *arena, struct apikey *key,
                                struct slice *text);
/* Takes a text apart; false: it is no key. */
bool apikey_parse(struct slice text, struct slice *id, struct slice *secret);
/* Whether this is its secret, in a time that tells nothing. */
bool apikey_is_secret(const struct apikey *key, struct slice secret);

/* The key of that id, if it has not expired; texts are the session's arena. Errors: ERROR_NOT_FOUND, those of
 * db_query().
 */
YIELDS MUST_USE enum error apikey_find(struct session *session, struct slice id, struct apikey *out);
/* All of them, also those that have expired, by the time they were made. Errors: those of db_query(), ERROR_MEMORY. */
YIELDS MUST_USE enum error apikey_list(struct session *session, const struct apikey **out, size_t *count);

/* The rest is done in a unit of work. Errors: those of db_execute(). */
MUST_USE enum error apikey_insert(struct session *session, const struct apikey *key);
MUST_USE enum error apikey_touch(struct session *session, struct slice id);
/* Makes it end then, if it does not end sooner. Errors: ERROR_NOT_FOUND. */
MUST_USE enum error apikey_end(struct session *session, struct slice id, int64_t expires_us);
/* Errors: ERROR_NOT_FOUND. */
MUST_USE enum error apikey_delete(struct session *session, struct slice id);
MUST_USE enum error apikey_delete_all(struct session *session, struct slice account, int64_t *count);

#endif
