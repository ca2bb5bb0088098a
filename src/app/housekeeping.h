/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_HOUSEKEEPING_H
#define APP_HOUSEKEEPING_H

#include "base/attr.h"
#include "base/error.h"

struct audit;
struct model;

enum { HOUSEKEEPING_MS = 60000 };

/* Deletes what has had its time: answers kept for idempotency keys and, where people sign in, sign-ins, tokens for
 * another password, wrong passwords. Writes to `audit` (NULL: nobody signs in) what others have left for the audit
 * trail. A bounded amount a call. Blocks. Errors: those of session_write(). */
MUST_USE enum error housekeeping_run(struct model *model, struct audit *audit);

#endif
