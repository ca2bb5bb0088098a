/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_H
#define API_OAUTH_H

#include "api/rest.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "http/exchange.h"

struct http_site;
struct identity;

/* Where people come to with what a client asks for. */
#define OAUTH_AUTHORIZE "/oauth/authorize"

/* The OAuth 2.0 server: the routes under /oauth, which declared clients bring, and what is published of them
 * (RFC 8414). Answers are those of the RFCs, never in the app's envelope. */

struct oauth {
    struct rest *rest;
    struct identity *identity; /* NULL: the app is only looked at */
    bool has_accounts;
};

/* Adds the routes; those for people where there are accounts. Errors: those of site_add_route(), ERROR_MEMORY. */
MUST_USE enum error oauth_add_routes(struct rest *rest, struct identity *identity, bool has_accounts,
                                     struct http_site *site, struct arena *arena, struct diag *diag);

/* Begins the session of an exchange, which session_fini() ends, whatever the client accepts. */
void oauth_begin(struct oauth *oauth, struct exchange *x, struct session *session);
/* Answers an error as RFC 6749 section 5.2 has it; the description is a constant sentence, or NULL. */
void oauth_refuse(struct exchange *x, int status, const char *code, const char *description);
/* Says that nobody may keep the answer. */
void oauth_forbid_keeping(struct exchange *x);

#endif
