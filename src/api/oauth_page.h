/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_PAGE_H
#define API_OAUTH_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct exchange;
struct provider_config;

/* The pages that people see: to sign in, to allow or deny, and when a request cannot go on. Plain HTML without a
 * script, that a screen reader and a screen of 320 pixels can show. Whatever is given here is shown as text. */

struct oauth_page {
    struct slice app, client; /* as people call them */
    struct slice query;       /* of the request: forms are sent back with it */
    struct slice form;        /* the token against forged requests */
    struct slice redirect;    /* where it all ends */
    const char *problem;      /* a constant sentence; NULL: none */

    /* To sign in. */
    struct slice login_name; /* what is asked for: "email" */
    struct slice login;      /* what was written there last time; also who is signed in */
    bool is_email;
    const struct provider_config *providers; /* who else can say who somebody is */
    size_t provider_count;
    struct slice again; /* the path that they are sent back to */

    /* To allow. */
    struct slice scopes;
    struct slice other_query; /* to sign in as somebody else */
};

/* Each fills the answer. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error oauth_page_signin(struct exchange *x, const struct oauth_page *page, int status);
MUST_USE enum error oauth_page_consent(struct exchange *x, const struct oauth_page *page, int status);
/* `sentence` is constant. */
MUST_USE enum error oauth_page_error(struct exchange *x, struct slice app, const char *sentence, int status);

#endif
