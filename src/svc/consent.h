/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_CONSENT_H
#define SVC_CONSENT_H

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
/* In a unit: takes back all of an account. */
MUST_USE enum error consent_forget(struct session *session, struct slice account);

#endif
