/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLITE_FUNCTION_H
#define DATA_SQLITE_FUNCTION_H

#include <sqlite3.h>

#include "base/error.h"

/* Registers tn_contains(text, needle) and tn_like(text, pattern): case-insensitive, in linear time (SQLite's own LIKE
 * backtracks within one opcode, where no deadline reaches it). Null in, null out. */
MUST_USE enum error sqlite_function_register(sqlite3 *handle);

#endif
