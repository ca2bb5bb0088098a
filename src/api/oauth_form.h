/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OAUTH_FORM_H
#define API_OAUTH_FORM_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct exchange;

/* Parameters of OAuth as they are sent: application/x-www-form-urlencoded, in a query string or in a body
 * (RFC 6749 appendix B). Names that nobody knows are passed over, as it asks. */

enum oauth_parameter {
    OAUTH_RESPONSE_TYPE,
    OAUTH_RESPONSE_MODE,
    OAUTH_CLIENT_ID,
    OAUTH_CLIENT_SECRET,
    OAUTH_REDIRECT_URI,
    OAUTH_SCOPE,
    OAUTH_STATE,
    OAUTH_CODE_CHALLENGE,
    OAUTH_CODE_CHALLENGE_METHOD,
    OAUTH_PROMPT,
    OAUTH_REQUEST,
    OAUTH_REQUEST_URI,
    OAUTH_GRANT_TYPE,
    OAUTH_CODE,
    OAUTH_CODE_VERIFIER,
    OAUTH_REFRESH_TOKEN,
    OAUTH_TOKEN,
    OAUTH_TOKEN_TYPE_HINT,
    OAUTH_LOGIN, /* these four are of the pages' own forms */
    OAUTH_PASSWORD,
    OAUTH_FORM,
    OAUTH_DECISION,
    OAUTH_PARAMETER_COUNT
};

struct oauth_form {
    struct slice values[OAUTH_PARAMETER_COUNT]; /* valid UTF-8 without NUL; what is sent without a value is not sent */
    unsigned twice;                             /* set of those that stand there more than once */
};

/* "client_id"; static memory. */
ANY_CORE const char *oauth_form_name(enum oauth_parameter parameter);
/* Whether a parameter stands there once, and not twice. */
static inline bool oauth_form_has(const struct oauth_form *form, enum oauth_parameter parameter)
{
    return form->values[parameter].len > 0 && !(form->twice >> parameter & 1);
}

/* Texts are the arena's or the raw text's.
 * Errors: ERROR_PARSE (escapes that are none, no UTF-8), ERROR_LIMIT (too long), ERROR_MEMORY. */
MUST_USE ANY_CORE enum error oauth_form_parse(struct slice raw, struct arena *arena, struct oauth_form *out);
/* The same of a request's body. Errors: the same, ERROR_UNSUPPORTED_MEDIA_TYPE, those of exchange_read_body(). */
YIELDS MUST_USE enum error oauth_form_read(struct exchange *x, struct oauth_form *out);

#endif
