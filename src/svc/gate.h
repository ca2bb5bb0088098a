/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_GATE_H
#define SVC_GATE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/audit.h"
#include "svc/identity.h"

struct exchange;

/* The guard of a site (http/guard.h): finds out who asks, refuses credentials that are none, requests that another site
 * makes with a cookie, and keys that ask too often; notes what was denied. The state is a struct identity. */
YIELDS MUST_USE enum error gate_enter(struct exchange *x, void *identity);
void gate_leave(struct exchange *x, void *identity);

/* Who asks, as gate_enter() has found out; NULL: nobody. */
const struct principal *gate_principal(const struct exchange *x);
/* The same, where that is a person who has signed in here: no key, no stranger's token, none that is narrowed, and no
 * client that somebody has let in, which is not to see or let in others. Errors: ERROR_UNAUTHORIZED (nobody),
 * ERROR_FORBIDDEN (told). */
MUST_USE enum error gate_require_person(struct exchange *x, const struct principal **out);

/* Counts a request that does the work of several as that many more, where the key that asks has a limit of its own: a
 * batch is no way around it. Errors: ERROR_RATE_LIMITED, told. */
MUST_USE enum error gate_charge(struct exchange *x, int64_t more);

/* Who a browser is, by its cookie alone, on a page that is open to everybody: the principal, held once, or NULL.
 * Whoever asks lets go of it, and sees to forged requests. Errors: ERROR_MEMORY, those of db_query(). */
YIELDS MUST_USE enum error gate_find_cookie(struct exchange *x, struct identity *identity, struct principal **out);

/* Whether a request comes from a page of another site, by what the browser says of it: such a one may not sign in with
 * a cookie, either. Errors: ERROR_FORBIDDEN, told. */
MUST_USE enum error gate_check_origin(struct exchange *x);

/* Notes an event of an exchange; `subject` is what it is about (may be a stranger's text), `reason` static or NULL. */
void gate_tell(const struct identity *identity, struct exchange *x, enum audit_kind event, struct slice subject,
               const char *reason);

#endif
