/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_KEYRING_H
#define APP_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "app/office.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/apikey.h"

/* API keys of an app, made and ended: what `tenon key` does. */

enum { KEYRING_NAME_MAX = 200, KEYRING_SCOPES_MAX = 4000 };

/* What is asked for, as it was written; NULL: nothing was. */
struct keyring_request {
    const char *name, *scopes, *owner, *rate;
    const char *expires; /* "90d" */
    const char *overlap; /* "24h" */
};

/* The same, understood. */
struct keyring_order {
    struct slice name, rate;
    struct slice scopes; /* separated by one space */
    const char *owner;
    int64_t expires_us; /* from now on; 0: never */
    int64_t overlap_us; /* a day where nothing was said */
};

/* Without an app: what is written wrong is told in `diag`. Errors: ERROR_VALIDATION, ERROR_MEMORY. */
MUST_USE enum error keyring_read(const struct keyring_request *request, struct arena *arena, struct diag *diag,
                                 struct keyring_order *out);

struct keyring_made {
    struct apikey key;
    struct slice text;    /* to be shown once */
    int64_t old_until_us; /* of a rotation: when the old one ends; 0: it has */
};

/* Makes one; a scope that nothing in the app asks for is warned of. Errors: ERROR_VALIDATION and ERROR_NOT_FOUND (the
 * owner), told; those of session_write(). */
MUST_USE enum error keyring_create(struct office *office, const struct keyring_order *order, struct keyring_made *out);
/* All of them by the time they were made, also those that have expired. Errors: those of apikey_list(). */
MUST_USE enum error keyring_list(struct office *office, const struct apikey **out, size_t *count);
/* Makes one in place of another, with its name, owner, scopes and limit. It is good for as long as the order says, else
 * as the old one was made for; the old one ends when the overlap is over. Errors: ERROR_NOT_FOUND, told; those of
 * session_write(). */
MUST_USE enum error keyring_rotate(struct office *office, const char *id, const struct keyring_order *order,
                                   struct keyring_made *out);
/* Deletes one. Errors: ERROR_NOT_FOUND, told; those of session_write(). */
MUST_USE enum error keyring_revoke(struct office *office, const char *id);

#endif
