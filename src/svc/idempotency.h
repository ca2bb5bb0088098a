/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_IDEMPOTENCY_H
#define SVC_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Idempotency keys: the same request, sent again, has the same effect and the same answer as once. An answer is stored
 * in the transaction of the change it answers; it is replayed for 24 hours. Source:
 * draft-ietf-httpapi-idempotency-key-header. */

struct idempotency;

enum { IDEMPOTENCY_HOURS = 24, IDEMPOTENCY_FINGERPRINT_BYTES = 32 };

/* Whose key, for what: the caller, the method and the path, and a digest of the body. */
struct idempotency_key {
    struct slice scope;                                       /* "<caller> <METHOD> <path>" */
    struct slice key;                                         /* 1 to 255 visible characters */
    unsigned char fingerprint[IDEMPOTENCY_FINGERPRINT_BYTES]; /* SHA-256 of the body */
};

struct idempotency_answer {
    int status;
    struct slice content_type;
    struct slice headers; /* ready lines */
    struct slice etag;
    bool etag_is_weak;
    struct slice body;
};

/* Makes the set of keys that are being worked on in this process, `in_flight_max` at most. Owner: the caller. */
MUST_USE ANY_CORE enum error idempotency_create(size_t in_flight_max, struct idempotency **out);
void idempotency_destroy(struct idempotency *idempotency);

/* Marks a key as being worked on; idempotency_leave() takes the mark away.
 * Errors: ERROR_CONFLICT (it is being worked on already), ERROR_UNAVAILABLE (too many at once). */
MUST_USE ANY_CORE enum error idempotency_enter(struct idempotency *idempotency, const struct idempotency_key *key);
ANY_CORE void idempotency_leave(struct idempotency *idempotency, const struct idempotency_key *key);

/* In a unit of work: the stored answer of an earlier request with this key, if it is not too old. Texts are copied to
 * the session's arena. Errors: ERROR_CONFLICT (another node is at work on it), ERROR_UNPROCESSABLE (the key was used
 * with another body), those of db_query(). */
MUST_USE enum error idempotency_find(struct session *session, const struct idempotency_key *key, bool *found,
                                     struct idempotency_answer *out);
/* In the same unit: stores the answer, in place of one that is too old. Errors: those of db_execute(). */
MUST_USE enum error idempotency_store(struct session *session, const struct idempotency_key *key,
                                      const struct idempotency_answer *answer);
/* In a unit: deletes answers that are too old, `limit` at most; says how many. Errors: those of db_execute(). */
MUST_USE enum error idempotency_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
