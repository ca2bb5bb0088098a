/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/rest.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "http/exchange.h"
#include "svc/signin.h"

struct http_site;
struct identity;

/* Signing in and out over HTTP: the routes under /auth, which a resource with a password brings, and the public keys of
 * the app's tokens. */

struct auth {
    struct rest *rest;
    struct identity *identity; /* NULL: the app is only looked at */
};

/* What an app has to offer. */
struct auth_offer {
    bool has_accounts, has_providers;
};
/* Adds the routes; those under /auth where there are accounts. Errors: those of site_add_route(), ERROR_MEMORY. */
MUST_USE enum error auth_add_routes(struct rest *rest, struct identity *identity, struct auth_offer offer,
                                    struct http_site *site, struct arena *arena, struct diag *diag);

/* What a body must hold: texts by name. */
struct auth_text {
    struct slice name;
    struct slice *out; /* empty when it was not sent */
    bool is_optional;
};
/* Reads the body, which must be an object of these texts and nothing else; all mistakes are told at once.
 * Errors: ERROR_VALIDATION, ERROR_PARSE, those of body_read_json(). */
YIELDS MUST_USE enum error auth_read_texts(struct exchange *x, struct session *session, const struct auth_text *texts,
                                           size_t count);
/* What `?session=cookie` asks for; a cookie is not given to a page of another site.
 * Errors: ERROR_VALIDATION, ERROR_FORBIDDEN, ERROR_PARSE, ERROR_MEMORY. */
MUST_USE enum error auth_read_mode(struct exchange *x, enum signin_mode *out);
/* Whether a flag such as `?everywhere=true` is set; no other parameter is known. Errors: as above. */
MUST_USE enum error auth_read_flag(struct exchange *x, const char *name, bool *out);

/* Answers a sign-in: the tokens, or the token against forged requests, and the account as it may see itself. For
 * signin.answer; the state is the struct auth. */
MUST_USE enum error auth_answer(struct signin *signin, void *auth);
/* Appends ,"account":{…} if the caller of the session may read that row. */
YIELDS MUST_USE enum error auth_put_account(struct auth *auth, struct session *session, struct value id,
                                            struct buf *out);

#endif
