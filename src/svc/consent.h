/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_CONSENT_H
#define SVC_CONSENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Consents: what a person has let a client do, so that they are asked once. A row of _tenon_consents for each pair. */

/* The scopes that an account has let a client have; empty: none. Text is the session's arena.
 * Errors: ERROR_MEMORY, those of db_query(). */
YIELDS MUST_USE enum error consent_find(struct session *session, struct slice account, struct slice client,
                                        struct slice *scopes);
/* In a unit: adds to them. Errors: ERROR_MEMORY, those of db_execute(). */
MUST_USE enum error consent_add(struct session *session, struct slice account, struct slice client,
                                struct slice scopes);
struct consent {
    struct slice client, scopes;
    int64_t given_us; /* wall clock */
};
/* All of an account, by client. Texts are the session's arena. Errors: ERROR_MEMORY, those of db_query(). */
YIELDS MUST_USE enum error consent_list(struct session *session, struct slice account, const struct consent **out,
                                        size_t *count);
/* In a unit: takes one back, with every sign-in and code of this client for this account.
 * Errors: ERROR_NOT_FOUND (there is none), those of db_execute(). */
MUST_USE enum error consent_withdraw(struct session *session, struct slice account, struct slice client);
/* In a unit: takes back all of an account. */
MUST_USE enum error consent_forget(struct session *session, struct slice account);

#endif
