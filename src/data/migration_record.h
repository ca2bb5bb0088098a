/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_MIGRATION_RECORD_H
#define DATA_MIGRATION_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "data/db.h"
#include "data/migration.h"

/* The rows of _tenon_migrations. Texts live in an arena. Errors: those of db_query() and db_next(). */

struct migration_record {
    bool is_there;
    enum migration_state state; /* applying, applied or undoing */
    int64_t steps;              /* statements that are done */
    struct slice id, checksum, changed_at;
    struct slice cursor; /* of a batch: how far it is; `ptr` NULL: at its beginning */
};

struct migration_records {
    struct migration_record *items; /* by id */
    size_t count;
};

/* Makes the table where it is missing. */
MUST_USE enum error migration_record_prepare(struct db_conn *conn);
/* All of them; none where there is no table. */
MUST_USE enum error migration_record_read_all(struct db_conn *conn, struct arena *arena, struct migration_records *out);
MUST_USE enum error migration_record_read(struct db_conn *conn, struct slice id, struct arena *arena,
                                          struct migration_record *out);
MUST_USE enum error migration_record_write(struct db_conn *conn, const struct migration *migration,
                                           enum migration_state state, int64_t steps, struct slice cursor);
MUST_USE enum error migration_record_erase(struct db_conn *conn, struct slice id);

#endif
