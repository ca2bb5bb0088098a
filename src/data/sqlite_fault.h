/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLITE_FAULT_H
#define DATA_SQLITE_FAULT_H

#include "base/error.h"
#include "data/sqlite.h"

/* What a result code of SQLite means to us (https://www.sqlite.org/rescode.html); fills the fault of a broken
 * constraint and logs what a client is not told. */
MUST_USE enum error sqlite_fault_error(struct sqlite *sqlite, int code);

/* Reads SQLite's message of a broken constraint, "UNIQUE constraint failed: markets.slug". Pure. */
void sqlite_fault_parse(int extended_code, const char *message, struct db_fault *out);

#endif
