/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_ISSUER_H
#define SVC_ISSUER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/jwk.h"
#include "base/slice.h"

/* The public keys of somebody else who signs tokens, from the URL of its JWK set. All cores share one issuer. Nothing
 * is fetched before the first token of the issuer comes. */

struct fetch;
struct fiber;
struct issuer;
struct issuer_hold;
struct log;

enum {
    ISSUER_MAX_AGE_MS = 10 * 60 * 1000,   /* how old keys get before they are fetched again */
    ISSUER_KEEP_MS = 24 * 60 * 60 * 1000, /* how old they get when that fails */
    ISSUER_PAUSE_MS = 30 * 1000,          /* between two requests for keys that are not among them */
    ISSUER_TIMEOUT_MS = 5 * 1000,         /* of a request; shorter than a core waits for its fibers to end */
    ISSUER_WAITERS_MAX = 1000,
};

struct issuer_config {
    struct slice issuer;          /* `iss` of its tokens, for the caller and the log; copied */
    struct slice jwks_url;        /* https, or http to this machine; copied */
    uint32_t algorithms;          /* a set of asymmetric ones (jwk.h); 0: JWK_ASYMMETRIC & JWK_RECOMMENDED */
    int64_t max_age_ms;           /* 0: ISSUER_MAX_AGE_MS */
    struct fetch *fetch;          /* outlives the cores */
    struct log *const *core_logs; /* by core_index(); outlive the cores; NULL: none */
};

/* Makes an issuer. The URL must be https, as keys that come in the clear may be anybody's, unless its host is
 * localhost, 127.0.0.1 or [::1]. Owner: the caller; issuer_destroy(). Errors: ERROR_VALIDATION (told in `diag`),
 * ERROR_MEMORY. */
MUST_USE enum error issuer_create(const struct issuer_config *config, struct diag *diag, struct issuer **out);
/* Gives up the caller's part; a request for keys that is still under way ends by itself. No fiber may be within
 * issuer_find_key(). Accepts NULL. */
ANY_CORE void issuer_destroy(struct issuer *issuer);
/* What config.issuer was. */
ANY_CORE struct slice issuer_name(const struct issuer *issuer);

/* The key for a token's header, as jwk_find() has it. The keys at hand serve at once, also while older ones are being
 * replaced. A kid that is not among them, or no keys at all, makes one request for all who ask at that time; they wait
 * for it until their deadlines. Kids that nobody knows cost one request each ISSUER_PAUSE_MS, however many they are.
 * `*out` lives until `*hold` is given to issuer_release(), from any core.
 * `reason` (NULL allowed) is a constant sentence for the log.
 * Errors: ERROR_UNAUTHORIZED (it has no such key), ERROR_UNAVAILABLE (its keys could not be had), ERROR_LIMIT (too many
 *         wait), ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS ANY_CORE MUST_USE enum error issuer_find_key(struct issuer *issuer, struct fiber *self, struct deadline deadline,
                                                    struct slice kid, enum jwk_algorithm algorithm,
                                                    const struct jwk **out, struct issuer_hold **hold,
                                                    const char **reason);
/* Accepts NULL. */
ANY_CORE void issuer_release(struct issuer_hold *hold);

struct issuer_figures {
    uint64_t requests, failures;
    size_t keys;    /* at hand */
    size_t waiters; /* fibers that wait */
    bool is_asking; /* a request is under way */
};
ANY_CORE struct issuer_figures issuer_figures(struct issuer *issuer);

#endif
