/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_TOKEN_H
#define SVC_PROVIDER_TOKEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/jsonobject.h"
#include "base/slice.h"
#include "svc/provider.h"

struct exchange;

/* From the code that a browser brings to the person that the provider vouches for: the code is exchanged for an ID
 * token (RFC 6749 section 4.1.3), which is held to OpenID Connect Core 1.0 section 3.1.3.7. */

enum { PROVIDER_TOKEN_BYTES_MAX = 64 * 1024, PROVIDER_TOKEN_SUBJECT_MAX = 255 };

/* What a sign-in has come with, and under what it was begun. */
struct provider_token_request {
    struct provider *provider;
    const struct provider_hold *hold;
    struct slice code, verifier, nonce, redirect;
};

/* Whom the provider vouches for. Texts are the exchange's arena. */
struct provider_person {
    struct slice subject;
    struct slice email; /* empty: not said */
    bool is_email_verified;
    struct jsonobject claims; /* of the ID token; of the userinfo, once that was asked */
    struct slice access;      /* the access token, for the userinfo; empty: none */
};

/* Exchanges the code and checks the ID token. `reason` is a constant sentence for the log.
 * Errors: ERROR_UNAUTHORIZED (what the provider gives proves nobody), ERROR_UNAVAILABLE (it could not be asked),
 *         ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS MUST_USE enum error provider_token_take(const struct provider_token_request *request, struct exchange *x,
                                               struct provider_person *out, const char **reason);
/* Asks the userinfo for what the ID token does not say, where the provider has one; it must be of the same person.
 * Errors: the same. */
YIELDS MUST_USE enum error provider_token_complete(const struct provider_token_request *request, struct exchange *x,
                                                   struct provider_person *person, const char **reason);

#endif
