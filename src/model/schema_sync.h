/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_SYNC_H
#define MODEL_SCHEMA_SYNC_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "model/ddl.h"
#include "model/schema.h"

enum schema_sync_mode {
    SCHEMA_SYNC_CREATE_IF_EMPTY, /* serve: makes the tables of a database that has none of them */
    SCHEMA_SYNC_ADDITIVE,        /* dev: also adds what is missing, and remakes what is derived from rows */
    SCHEMA_SYNC_CHECK,           /* changes nothing */
};

/* Brings a database in line with a schema as far as the mode allows, in one transaction, and never at the price of a
 * stored value. Blocks; for threads without a core. Two processes at once do not both create.
 * Errors: ERROR_CONFLICT (the database differs: each difference is in the diag), those of db_tx_blocking(). */
MUST_USE enum error schema_sync(struct db *db, const struct schema *schema, enum schema_sync_mode mode,
                                struct diag *diag);
/* Records in _tenon_schema what the tables were made by: for whoever has made them otherwise, in their transaction.
 * Errors: ERROR_MEMORY, those of db_execute(). */
MUST_USE enum error schema_sync_record(struct db_conn *tx, const struct ddl *ddl, struct arena *arena,
                                       struct diag *diag);

#endif
