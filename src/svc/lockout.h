/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_LOCKOUT_H
#define SVC_LOCKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Wrong passwords: counted for the account that was named (whether there is one or not) and for the address that tried.
 * Each wrong one beyond the limit locks it for twice as long as the one before. Kept in the database, so that it
 * outlives a restart and holds on every node; a name is kept as its digest. */

struct lockout_config {
    unsigned failures;  /* so many wrong ones are free */
    int64_t window_ms;  /* without one for so long, all are forgotten */
    int64_t wait_ms;    /* the first lock; the next is twice as long */
    int64_t longest_ms; /* and no longer than this */
};

enum { LOCKOUT_WINDOW_DAYS_MAX = 7 };
enum lockout_kind { LOCKOUT_ACCOUNT, LOCKOUT_ADDRESS };
struct lockout_subject {
    unsigned char digest[DIGEST_SHA256_BYTES];
};
/* Names are without ASCII case. */
void lockout_subject_make(enum lockout_kind kind, struct slice name, struct lockout_subject *out);

struct lockout_state {
    unsigned wait_s; /* seconds before any of the subjects may try again; 0: now */
    unsigned tries;  /* how many the first may make at once before it is locked; 1 at least */
};
/* Errors: those of db_query(). */
YIELDS MUST_USE enum error lockout_ask(struct session *session, const struct lockout_config *config,
                                       const struct lockout_subject *subjects, size_t count, struct lockout_state *out);
/* In a unit: a wrong one. `*is_locked`: from now on nobody may try. Errors: those of db_execute(). */
MUST_USE enum error lockout_count(struct session *session, const struct lockout_config *config,
                                  const struct lockout_subject *subject, bool *is_locked);
/* In a unit: the right one. */
MUST_USE enum error lockout_clear(struct session *session, const struct lockout_subject *subject);
/* Deletes what no window reaches any more, `limit` rows at most; says how many. */
MUST_USE enum error lockout_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
