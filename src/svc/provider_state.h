/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_STATE_H
#define SVC_PROVIDER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/signin.h"

struct exchange;
struct hmac_key;

/* What goes to a provider and comes back with somebody (`state`, RFC 6749 section 10.12), and what belongs to it: a
 * secret in a cookie of the browser that began, the nonce, and the verifier of PKCE (RFC 7636). Nothing is stored until
 * it comes back: the text says all, signed; the nonce and the verifier are made of it and of the cookie. */

enum { PROVIDER_STATE_S = 600, PROVIDER_STATE_BYTES_MAX = 4096, PROVIDER_STATE_RETURN_MAX = 2048 };
#define PROVIDER_STATE_COOKIE "__Host-signin"

struct provider_state {
    struct slice id; /* 128 random bits */
    int64_t expires_s;
    enum signin_mode mode;
    struct slice path; /* where the browser goes afterwards; empty: where the app file says */
};

/* What signs it: the key, the provider it is for, and the cookie of the browser. */
struct provider_state_binding {
    const struct hmac_key *key;
    struct slice provider, cookie;
};

/* The text of a state. Errors: ERROR_MEMORY. */
MUST_USE enum error provider_state_make(const struct provider_state_binding *binding,
                                        const struct provider_state *state, struct arena *arena, struct slice *out);
/* Reads one back; false: it is none of ours, not for this provider, not this browser's, or too old. */
bool provider_state_parse(const struct provider_state_binding *binding, struct slice text, int64_t now_us,
                          struct arena *arena, struct provider_state *out);
/* 43 characters each. Errors: ERROR_MEMORY. */
MUST_USE enum error provider_state_nonce(const struct provider_state_binding *binding, struct slice id,
                                         struct arena *arena, struct slice *out);
MUST_USE enum error provider_state_verifier(const struct provider_state_binding *binding, struct slice id,
                                            struct arena *arena, struct slice *out);
/* What is shown of a verifier first (S256). Errors: ERROR_MEMORY. */
MUST_USE enum error provider_state_challenge(struct slice verifier, struct arena *arena, struct slice *out);

/* Whether a path stays on the site: it begins with one slash, and has nothing that a browser reads as another host. */
bool provider_state_is_path(struct slice path);

/* The secret of the browser; empty: it has none. All of its tabs have one, for as long as the last state is good. */
struct slice provider_state_cookie(const struct exchange *x);
/* Gives the browser one. */
void provider_state_put_cookie(struct exchange *x, struct slice secret);

#endif
