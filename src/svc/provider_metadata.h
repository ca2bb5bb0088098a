/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_METADATA_H
#define SVC_PROVIDER_METADATA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* What a provider says of itself: the document at /.well-known/openid-configuration (OpenID Connect Discovery 1.0
 * section 3). Pure. */

enum { PROVIDER_METADATA_BYTES_MAX = 64 * 1024, PROVIDER_METADATA_URL_MAX = 1024 };

/* How a client shows its secret to the token endpoint (OpenID Connect Core 1.0 section 9). */
enum provider_metadata_secret { PROVIDER_METADATA_BASIC, PROVIDER_METADATA_POST };

struct provider_metadata {
    struct slice authorization, token, jwks; /* URLs */
    struct slice userinfo;                   /* empty: it has none */
    enum provider_metadata_secret secret;
    bool names_itself; /* its answers have `iss` (RFC 9207), always */
};

/* Whether a URL may be trusted with secrets: https; or http to localhost, 127.0.0.1 or [::1]. */
bool provider_metadata_is_safe_url(struct slice url);

/* Reads the document of the issuer that the app file names. It must be of exactly that issuer, and its endpoints as
 * safe as the issuer itself: https, unless the issuer is on this machine and speaks http. Texts are the arena's.
 * `reason` is a constant sentence. Errors: ERROR_UNAVAILABLE, ERROR_MEMORY. */
MUST_USE enum error provider_metadata_read(struct slice text, struct slice issuer, struct arena *arena,
                                           struct provider_metadata *out, const char **reason);

#endif
