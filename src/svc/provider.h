/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_H
#define SVC_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/provider_metadata.h"

/* A provider that people sign in with (OpenID Connect Core 1.0, code flow): what the app file says of it, and what it
 * says of itself. Nothing is fetched before somebody signs in with it. */

struct fetch;
struct fiber;
struct issuer;
struct log;
struct provider;

struct provider_config {
    struct slice name; /* of its path: letters, digits, - and _ */
    struct slice issuer;
    struct slice client, secret; /* what it has given the app; no secret: a public client */
    struct slice scopes;         /* with a space between */
    bool may_link;               /* whether an account may be found by its e-mail address */
};

enum {
    PROVIDER_MAX_AGE_MS = 60 * 60 * 1000, /* how old its document gets */
    PROVIDER_PAUSE_MS = 2 * 1000,         /* behind a request for it that failed */
    PROVIDER_TIMEOUT_MS = 5 * 1000,       /* of every request to it */
    PROVIDER_WAITERS_MAX = 1000,          /* on each core */
};

/* What it says of itself, and its keys; held by whoever uses it. */
struct provider_hold {
    struct provider_metadata metadata;
    struct issuer *issuer;
};

/* `config` is borrowed; `fetch` and the logs outlive the cores. Owner: the caller; provider_destroy().
 * Errors: ERROR_MEMORY. */
MUST_USE enum error provider_create(const struct provider_config *config, struct fetch *fetch,
                                    struct log *const *core_logs, unsigned core_count, struct provider **out);
/* When no fiber is within provider_discover(). Accepts NULL. */
void provider_destroy(struct provider *provider);
const struct provider_config *provider_config(const struct provider *provider);
struct fetch *provider_fetch(const struct provider *provider);

/* What it says of itself, asked for if that is not known or too old; all who ask at that time wait for one request.
 * `*out` is given back with provider_release(). `reason` is a constant sentence for the log.
 * Errors: ERROR_UNAVAILABLE (it could not be asked, or what it says is not to be trusted), ERROR_LIMIT (too many wait),
 *         ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_MEMORY. */
YIELDS ANY_CORE MUST_USE enum error provider_discover(struct provider *provider, struct fiber *self,
                                                      struct deadline deadline, struct provider_hold **out,
                                                      const char **reason);
/* Accepts NULL. */
ANY_CORE void provider_release(struct provider_hold *hold);

#endif
