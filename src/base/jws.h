/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JWS_H
#define BASE_JWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/jsonobject.h"
#include "base/jwk.h"
#include "base/slice.h"

/* Signed tokens: the compact form of JWS (RFC 7515) with the claims of JWT (RFC 7519), as RFC 8725 advises.
 *
 *     TRY(jws_parse(token, arena, &jws, &reason));          what it says; nothing of it is true yet
 *     key = … of jws.kid and jws.algorithm …                jwk_find(), or an issuer's
 *     TRY(jws_check(&jws, key, &reason));                   who has said it
 *     TRY(jws_claims_read(jws.payload, arena, &claims, &reason));
 *     TRY(jws_claims_check(&claims, &policy, &reason));     whether it is meant for us, and now
 *
 * A token that is refused gives ERROR_UNAUTHORIZED, and `reason` (NULL allowed) a constant sentence for the log; a
 * client is never told which. None of this yields, and nothing that a token names is ever fetched or opened. */

enum { JWS_BYTES_MAX = 16 * 1024, JWS_MEMBERS_MAX = 64, JWS_LEEWAY_S_MAX = 60, JWS_AUDIENCES_MAX = 32 };

/* A token taken apart. Texts are borrowed from the token or lie in the arena. */
struct jws {
    enum jwk_algorithm algorithm; /* as it claims; jws_check() compares it with the key's */
    struct slice kid;             /* any bytes, 256 at most; empty: none */
    struct slice typ;             /* empty: none */
    struct slice signed_text;     /* header and payload as they stand in the token */
    struct slice payload;         /* decoded; not read yet */
    struct slice signature;       /* decoded */
};

/* Takes a token apart: three segments in strict base64url, 16 KiB at most, a header that is a JSON object without
 * duplicates and whose `alg` is one of jwk_algorithm_name(). A header with `crit` or `b64` is refused; `jwk`, `jku`,
 * `x5c`, `x5u` and whatever else it holds mean nothing.
 * Errors: ERROR_UNAUTHORIZED, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_parse(struct slice token, struct arena *arena, struct jws *out, const char **reason);

/* Whether the key's algorithm is the token's, and the signature the key's. A NULL key is nobody's.
 * Burns 2 µs (HS256) to 100 µs (ES256). Errors: ERROR_UNAUTHORIZED, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_check(const struct jws *jws, const struct jwk *key, const char **reason);

/* What a payload says. A text that is not there is empty, one that is there never is. */
struct jws_claims {
    struct slice issuer;           /* iss */
    struct slice subject;          /* sub */
    const struct slice *audiences; /* aud: one text or a list */
    size_t audience_count;
    struct slice id;      /* jti */
    struct slice session; /* sid */
    struct slice scope;   /* names with a space between (RFC 8693 section 4.2) */
    struct slice typ;
    int64_t expires_us, not_before_us, issued_us; /* exp, nbf, iat: microseconds since 1970; -1: not there */
    struct jsonobject all;                        /* every claim, those above too */
};

/* Reads the claims of a payload: an object without duplicates and at most 64 members, whose claims above have their
 * types. Times are JSON numbers from 0 to the year 9999, fractions cut off behind the microsecond.
 * Errors: ERROR_UNAUTHORIZED, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_claims_read(struct slice payload, struct arena *arena, struct jws_claims *out,
                                             const char **reason);
/* The text of any claim; empty when it is not there or no text. */
ANY_CORE struct slice jws_claims_text(const struct jws_claims *claims, struct slice name);

/* What is asked of claims. */
struct jws_policy {
    int64_t now_us;                /* of the wall clock */
    int leeway_s;                  /* how far others' clocks may be off, JWS_LEEWAY_S_MAX at most */
    struct slice issuer;           /* iss must be this; empty: it is not looked at */
    const struct slice *audiences; /* aud must name one of these; */
    size_t audience_count;         /* 0: it is not looked at */
    struct slice typ;              /* typ of the header must be this (RFC 9068: "at+jwt"), in any case, with or without
                                      "application/"; empty: it is not looked at */
};

/* Whether claims hold: `sub` and `exp` are there, exp > now - leeway, nbf and iat <= now + leeway, issuer and audience
 * as asked. Errors: ERROR_UNAUTHORIZED. */
MUST_USE ANY_CORE enum error jws_claims_check(const struct jws_claims *claims, const struct jws_policy *policy,
                                              const char **reason);
/* Whether the typ of a header is the one asked for. Errors: ERROR_UNAUTHORIZED. */
MUST_USE ANY_CORE enum error jws_claims_check_typ(struct slice typ, const struct jws_policy *policy,
                                                  const char **reason);

/* All of it, with a key among those at hand.
 * Errors: ERROR_UNAUTHORIZED, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_verify(struct slice token, struct jwk *const *keys, size_t key_count,
                                        const struct jws_policy *policy, struct arena *arena, struct jws_claims *out,
                                        const char **reason);

/* Signs a payload (a JSON object, which is the caller's to have written) into a token whose header has the key's
 * algorithm, `typ` if it is not empty, and the key's kid if it has one. RSA burns a millisecond.
 * Errors: ERROR_VALIDATION (the key cannot sign), ERROR_LIMIT (the token would be larger than JWS_BYTES_MAX),
 *         ERROR_MEMORY. */
MUST_USE ANY_CORE enum error jws_sign(const struct jwk *key, struct slice typ, struct slice payload,
                                      struct arena *arena, struct slice *out);

#endif
