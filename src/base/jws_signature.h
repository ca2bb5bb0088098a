/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JWS_SIGNATURE_H
#define BASE_JWS_SIGNATURE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/jwk.h"
#include "base/slice.h"

/* Signatures over bytes, in the forms of RFC 7518 section 3 and RFC 8037 section 3.1. */

/* Whether `signature` is that of the key over the text, with its algorithm. Errors: ERROR_UNAUTHORIZED, ERROR_MEMORY.
 */
MUST_USE ANY_CORE enum error jws_signature_check(const struct jwk *key, struct slice text, struct slice signature);
/* The signature of the key over the text. Errors: ERROR_VALIDATION (the key cannot sign), ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_signature_make(const struct jwk *key, struct slice text, struct arena *arena,
                                                struct slice *out);

#endif
