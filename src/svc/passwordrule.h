/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PASSWORDRULE_H
#define SVC_PASSWORDRULE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* What a new password must be (NIST SP 800-63B section 5.1.1.2, ASVS 5.0 V6.2): long enough, and not one that everybody
 * tries first. Nothing is asked of its characters. For passwords that are set, never for those that are checked. */

enum { PASSWORDRULE_LENGTH_MIN = 8, PASSWORDRULE_LENGTH_MAX = 128 }; /* code points */

/* What a password must not be, whatever the case of its letters (ASCII). Empty: there is none. */
struct passwordrule_context {
    struct slice login; /* of the account: "ada@example.org" */
    struct slice app;   /* the name of the app */
};

/* What is wrong with a password, as a constant sentence; NULL: nothing. */
ANY_CORE const char *passwordrule_refusal(struct slice password, const struct passwordrule_context *context);
/* The same as an error of the field `field` of a request.
 * Errors: ERROR_VALIDATION, told in `diag`. */
ANY_CORE MUST_USE enum error passwordrule_check(struct slice password, const struct passwordrule_context *context,
                                                struct slice field, struct diag *diag);
/* Whether it is one of the commonest (11,000 of 8 characters and more). */
ANY_CORE bool passwordrule_is_common(struct slice password);

#endif
