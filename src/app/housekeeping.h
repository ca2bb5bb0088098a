/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_HOUSEKEEPING_H
#define APP_HOUSEKEEPING_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct model;

enum { HOUSEKEEPING_MS = 60000 };

/* Deletes what has had its time: answers kept for idempotency keys and, where people sign in, sign-ins, tokens for
 * another password, wrong passwords. A bounded amount a call. Blocks.
 * Errors: those of session_write(). */
MUST_USE enum error housekeeping_run(struct model *model, bool has_identity);

#endif
