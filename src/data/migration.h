/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_MIGRATION_H
#define DATA_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "data/db.h"
#include "data/migration_folder.h"

/* Which migrations of a folder a database has. */

enum migration_state {
    MIGRATION_PENDING,
    MIGRATION_APPLYING, /* some of its statements are done */
    MIGRATION_APPLIED,
    MIGRATION_UNDOING, /* some statements of its down are done */
    MIGRATION_EDITED,  /* it is applied, and its file is another one now */
    MIGRATION_MISSING, /* it is applied, and there is no file */
    MIGRATION_LATE,    /* it is not applied, but one with a higher number is */
};

struct migration_entry {
    struct slice id;
    const struct migration *file; /* NULL: missing */
    enum migration_state state;
    int64_t steps;           /* statements that are done, of one that is on its way */
    struct slice changed_at; /* RFC 3339; empty: it is pending */
};

struct migration_status {
    struct migration_entry *entries; /* in the order of their numbers */
    size_t count;
    size_t pending;   /* to be applied, or gone on with; without those that contract */
    size_t contracts; /* that wait until they are asked for */
    size_t wrong;     /* edited, missing, late */
};

/* Compares a folder with a database. Texts live in `arena`. Errors: those of db_query(). */
MUST_USE enum error migration_read_status(struct db_conn *conn, const struct migration_folder *folder,
                                          struct arena *arena, struct migration_status *out);
/* "pending", "applied", … */
const char *migration_state_name(enum migration_state state);

#endif
