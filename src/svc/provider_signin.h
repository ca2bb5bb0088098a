/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_SIGNIN_H
#define SVC_PROVIDER_SIGNIN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/schema.h"
#include "svc/provider.h"
#include "svc/provider_token.h"
#include "svc/signin.h"

struct change;

/* Signing in as whoever a provider vouches for: which account that is, and what becomes of it. */

/* How far a sign-in has come; in the order of the calls below. */
struct provider_signin {
    struct signin *signin; /* its mode says what is given in the end */
    struct provider_token_request token;
    struct provider_person person;
    /* Before an account is made: an error refuses that. */
    enum error (*before)(void *state);
    void *before_state;

    bool is_new, is_linked, is_reclaimed; /* what became of the account */
    struct change *change;                /* the account to be made; NULL: there is one */
    bool is_known;                        /* the person is linked */
    bool is_active, is_overtaken;
};

/* The field that an e-mail address is compared with and stored in: unique, of type email; the login if it is one.
 * NULL: there is none, and nobody can sign in with a provider. */
const struct field *provider_signin_email_field(const struct account_form *form);
/* The field that says whether an address was proven: `verified`, a boolean that only the server writes; or NULL. */
const struct field *provider_signin_verified_field(const struct resource *account);
/* Whether that field is believed: not where accounts may change their address and stay verified. A rule for updates
 * that is `for:` somebody is taken for that of administrators. */
bool provider_signin_believes_verified(const struct account_form *form);

/* Whom the provider vouches for, by the code. Refusals are told and noted.
 * Errors: ERROR_UNAUTHORIZED (nobody is proven), ERROR_UNAVAILABLE (the provider could not be asked; when to try again
 *         is in exchange.retry_after_s), those of session_write(). */
YIELDS MUST_USE enum error provider_signin_identify(struct provider_signin *entry);
/* Signs in as the account of that person: the one that is linked; the one with the same e-mail address, which is linked
 * if the provider has verified it, and whoever had made that account without proving the address is out; or a new one.
 * Errors: ERROR_CONFLICT (the address is not verified, or accounts are not to be found by it), ERROR_UNPROCESSABLE (an
 *         account needs what the provider does not give), ERROR_FORBIDDEN (the account may not sign in, or none may be
 *         made), those of session_write(). */
YIELDS MUST_USE enum error provider_signin_enter(struct provider_signin *entry);

#endif
