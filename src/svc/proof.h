/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROOF_H
#define SVC_PROOF_H

#include "base/attr.h"
#include "base/error.h"
#include "svc/account.h"
#include "svc/credential.h"
#include "svc/identity.h"
#include "svc/principal.h"

struct exchange;

/* From a credential to who it stands for. */

/* Proves a credential and asks the database what it stands for; `stale` (may be NULL) is what was known of it, so that
 * a signature is not checked again. The principal is held once and, unless something has changed meanwhile, remembered.
 * Errors: ERROR_UNAUTHORIZED (`*why` says it for the log, static), those of db_query(). */
YIELDS MUST_USE enum error proof_make(struct identity *identity, struct exchange *x,
                                      const struct credential *credential, const unsigned char *digest,
                                      const struct principal *stale, const char **why, struct principal **out);

/* Fills the caller of a principal from the row of its account (NULL: a program's own key, or a stranger's token), its
 * scopes and its kind. The account's texts must live in the principal's arena. Errors: ERROR_MEMORY. */
MUST_USE enum error proof_fill(const struct identity *identity, const struct account *account,
                               struct principal *principal);

#endif
