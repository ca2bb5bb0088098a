/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_IMPERSONATE_H
#define APP_IMPERSONATE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "model/caller.h"
#include "model/schema.h"

/* Reads the account with that id ("7", or "users:7") and makes it the caller, as if it had signed in: its `role` and
 * every auth.<field> are those of its row. Without a resource that signs in the id is all there is. Blocks; what is
 * read lives in `arena`. Errors: ERROR_VALIDATION (not an id), ERROR_NOT_FOUND (no such account), those of db_query();
 * told in the diag. */
MUST_USE enum error impersonate_find(struct db *db, const struct schema *schema, const char *id, struct arena *arena,
                                     struct diag *diag, struct caller *out);

/* Narrows a caller to scopes, as a token or key is: what these patterns hold for, separated by spaces, and no more of
 * what the role holds. Errors: ERROR_MEMORY. */
MUST_USE enum error impersonate_narrow(const struct schema *schema, struct slice scopes, struct arena *arena,
                                       struct caller *caller);

#endif
