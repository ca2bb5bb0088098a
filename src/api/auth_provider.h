/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_AUTH_PROVIDER_H
#define API_AUTH_PROVIDER_H

#include "base/attr.h"
#include "base/error.h"
#include "http/exchange.h"

struct auth;
struct http_site;

/* Signing in with a provider: to it and back, and which of them an account has. `data` is a struct auth. */

/* Adds the routes. Errors: those of site_add_route(). */
MUST_USE enum error auth_provider_add_routes(struct auth *auth, struct http_site *site, struct diag *diag);

#endif
