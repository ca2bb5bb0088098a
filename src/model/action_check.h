/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ACTION_CHECK_H
#define MODEL_ACTION_CHECK_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "model/schema.h"

struct db;

/* Has the database compile every statement of the actions; its tables exist. Each mistake is told at its statement,
 * with the database's own words. Blocks; for start-up and reloads.
 * Errors: ERROR_VALIDATION, ERROR_MEMORY, those of db_read_blocking(). */
MUST_USE enum error action_check(const struct schema *schema, struct db *db, struct diag *diag);

#endif
