/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_TOKEN_H
#define API_OAUTH_TOKEN_H

#include "base/attr.h"
#include "base/error.h"

struct exchange;

/* Where clients come themselves: for tokens (RFC 6749), to ask what one is worth (RFC 7662), to end it (RFC 7009).
 * Handlers; the data is a struct oauth. */
YIELDS MUST_USE enum error oauth_token(struct exchange *x, void *oauth);
YIELDS MUST_USE enum error oauth_token_introspect(struct exchange *x, void *oauth);
YIELDS MUST_USE enum error oauth_token_revoke(struct exchange *x, void *oauth);

#endif
