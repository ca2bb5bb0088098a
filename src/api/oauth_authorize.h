/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_AUTHORIZE_H
#define API_OAUTH_AUTHORIZE_H

#include "base/attr.h"
#include "base/error.h"

struct exchange;

/* Where people are sent by a client, sign in, and allow or deny (RFC 6749 section 4.1, RFC 7636, RFC 9207). Handlers;
 * the data is a struct oauth. */
YIELDS MUST_USE enum error oauth_authorize_get(struct exchange *x, void *oauth);
YIELDS MUST_USE enum error oauth_authorize_post(struct exchange *x, void *oauth);

#endif
