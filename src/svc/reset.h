/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_RESET_H
#define SVC_RESET_H

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Tokens that let somebody who has forgotten a password set another one: 256 random bits, used once, stored as their
 * SHA-256. Whoever can read the mail of the account has it. */

/* In a unit: makes one for an account, in place of those it may have. Errors: those of db_execute(), ERROR_IO. */
MUST_USE enum error reset_make(struct session *session, struct slice account, int64_t expires_us, struct slice *token);
/* Whose it is, without using it. Errors: the same as of reset_take(). */
YIELDS MUST_USE enum error reset_look(struct session *session, struct slice token, struct slice *account);
/* In a unit: uses one up, and says whose it is; text in the session's arena.
 * Errors: ERROR_NOT_FOUND (there is none, or it is too old), those of db_execute(). */
MUST_USE enum error reset_take(struct session *session, struct slice token, struct slice *account);
/* In a unit: forgets those of an account. */
MUST_USE enum error reset_forget(struct session *session, struct slice account);
MUST_USE enum error reset_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
