/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_MIGRATION_FOLDER_H
#define DATA_MIGRATION_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"

/* The migrations that a folder holds, for one kind of database.
 *
 * NNNN_name.up.sql, NNNN_name.down.sql: for any database.
 * NNNN_name.postgres.up.sql, NNNN_name.sqlite.down.sql and so on: for that one.
 *
 * Lines `-- tenon: …` say how a file is run:
 *   generated       written by `tenon migrate diff`: what it does can be found in the database
 *   initial         makes the first tables
 *   contract        takes away what older servers still use: applied when asked for
 *   no transaction  each statement commits by itself, and is remembered
 *   batch T N       (above a statement) run it for N rows of table T at a time, from :after to :upto of its id
 *   allow RULE      (above a statement) data/verdict.h's finding is known and accepted */

enum { MIGRATION_BYTES_MAX = 16 * 1024 * 1024, MIGRATION_COUNT_MAX = 10000, MIGRATION_CHECKSUM_BYTES = 64 };

/* One direction of a migration. */
struct migration_script {
    const char *path; /* NULL: there is none */
    struct slice text;
    bool is_stepwise; /* no transaction */
};

struct migration {
    struct slice id; /* "0002_add_slug" */
    int64_t number;
    struct migration_script up, down;
    char checksum[MIGRATION_CHECKSUM_BYTES + 1]; /* SHA-256 of the text of `up`, in hexadecimal */
    bool is_generated, is_initial, is_contract;
};

struct migration_folder {
    struct migration *items; /* by number */
    size_t count;
    int64_t last_number; /* of all files, also those for other databases; 0: there are none */
};

/* Reads a folder; one that is not there is empty. All mistakes are told at their files. Texts live in `arena`.
 * Errors: ERROR_VALIDATION (a name that is no migration's, two with one number, a down without its up, an unknown
 * directive), ERROR_IO, ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE enum error migration_folder_read(const char *path, enum dialect dialect, struct arena *arena,
                                          struct diag *diag, struct migration_folder *out);

/* "sqlite", "postgres". */
const char *migration_folder_dialect(enum dialect dialect);

#endif
