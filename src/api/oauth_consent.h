/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_CONSENT_H
#define API_OAUTH_CONSENT_H

#include "base/attr.h"
#include "base/error.h"

struct exchange;

/* What I have allowed, and taking it back: for people, not for the clients that they have let in. Handlers, behind the
 * guard; the data is a struct oauth. */
YIELDS MUST_USE enum error oauth_consent_list(struct exchange *x, void *oauth);
YIELDS MUST_USE enum error oauth_consent_withdraw(struct exchange *x, void *oauth);

#endif
