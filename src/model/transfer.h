/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TRANSFER_H
#define MODEL_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"
#include "model/schema.h"
#include "model/transfer_value.h"

/* An app's database copied into an empty one, of the same kind or another. */

enum transfer_phase { TRANSFER_COPY, TRANSFER_FINISH, TRANSFER_VERIFY };

/* How far it is: rows of all tables; in TRANSFER_FINISH statements. */
struct transfer_progress {
    enum transfer_phase phase;
    struct slice table; /* that is worked on; of TRANSFER_FINISH the index, trigger or constraint */
    int64_t done, total;
    int64_t table_rows; /* of this table, so far */
    bool is_table_done;
};

struct migration_folder;

struct transfer_options {
    struct db *from, *to;
    const struct schema *schema;
    const struct migration_folder *migrations; /* of the target's dialect: when it is another one than the source's,
                                                  they are recorded as applied; NULL: there are none */
    bool is_unlocked; /* others may write to the source meanwhile; what they write is not copied */
    void (*on_progress)(void *state, const struct transfer_progress *progress); /* NULL: nobody is told */
    void *state;
};

struct transfer_report {
    const struct transfer_report_table {
        struct slice name;
        int64_t rows;
        char checksum[TRANSFER_SUM_TEXT];
    } * tables;
    size_t count;
    int64_t rows;
};

/* Copies every row of the schema's tables and of the engine's own, makes what is derived from them, reads both sides
 * back and compares them, all in one transaction of the target: unless it returns OK, nothing of it stays. The source
 * is read in one snapshot and, unless `is_unlocked`, nobody else writes to it meanwhile. Blocks; for a thread without a
 * core; on_progress() may be called on another thread while this one waits. The report is the arena's
 * alone, and outlives the schema.
 * Errors: ERROR_CONFLICT (the target is not empty, the source differs from the schema, the copy from the source),
 * ERROR_VALIDATION (an adopted table, values that the target cannot hold: each is in the diag), ERROR_UNAVAILABLE,
 * ERROR_MEMORY, those of db_tx_blocking(). */
MUST_USE enum error transfer_run(const struct transfer_options *options, struct arena *arena, struct diag *diag,
                                 struct transfer_report *out);

#endif
