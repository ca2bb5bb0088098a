/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_RECOVERY_H
#define SVC_RECOVERY_H

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"
#include "svc/identity.h"

struct exchange;

/* A forgotten password: a token goes to the account's mail address, and lets another one be set, once. */

/* Mails a token to an account, if there is one; the same answer, and the same work but for the mail, if there is none.
 * Errors: ERROR_RATE_LIMITED (asked for too often), ERROR_NOT_IMPLEMENTED (the app file has no `mail:`), those of
 * session_write(). */
YIELDS MUST_USE enum error recovery_ask(struct identity *identity, struct exchange *x, struct session *session,
                                        struct slice login);
/* Uses a token. Every sign-in of the account ends. Errors: ERROR_UNAUTHORIZED (there is no such token),
 * ERROR_VALIDATION (the new password: told as a field), those of session_write(). */
YIELDS MUST_USE enum error recovery_use(struct identity *identity, struct exchange *x, struct session *session,
                                        struct slice token, struct slice wanted);

#endif
