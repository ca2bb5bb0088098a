/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_REFERENCE_H
#define MODEL_REFERENCE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "model/schema.h"
#include "model/session.h"

/* Adds a field error to the session's diag unless `value` is the id of a row of the field's target that the caller may
 * read: one that may not be read fails like one that is missing. Null passes, and so does the caller's own account.
 * `prefix` stands before the field's name. Errors: those of db_query(); a missing row is none. */
YIELDS MUST_USE enum error reference_check(struct session *session, const struct field *field, struct value value,
                                           struct slice prefix);

/* Whether the database's own foreign key asks the same: every row that it can lead to may be read by the caller. */
bool reference_is_left_to_key(const struct field *field, const struct session *session);

#endif
