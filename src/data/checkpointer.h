/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_CHECKPOINTER_H
#define DATA_CHECKPOINTER_H

#include <stdint.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"

struct checkpointer;
struct log;
struct sqlite;

/* Moves what was committed from the log into the database file, the bulk of it on a thread of its own. */

/* Starts the thread for a database that exists. Owner: the caller; checkpointer_destroy().
 * Errors: those of sqlite_open(), ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error checkpointer_create(const char *path, struct log *log, struct diag *diag,
                                        struct checkpointer **out);
/* Checkpoints a last time and ends. Accepts NULL. */
void checkpointer_destroy(struct checkpointer *checkpointer);

/* Says how many pages the log holds after a commit. */
ANY_CORE void checkpointer_tell(struct checkpointer *checkpointer, unsigned length);
/* For the writer, between two transactions: moves the last of a long log, if that is wanted, through its connection. */
void checkpointer_pause(struct checkpointer *checkpointer, struct sqlite *writer);
ANY_CORE uint64_t checkpointer_count(const struct checkpointer *checkpointer);

#endif
