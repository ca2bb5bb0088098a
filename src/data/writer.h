/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_WRITER_H
#define DATA_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"

struct checkpointer;
struct core;
struct fiber;
struct log;
struct writer;

struct db_driver;

struct writer_config {
    const struct db_driver *driver; /* of the connection that bodies are given */
    const char *path;
    struct core **cores;
    unsigned core_count;
    unsigned queue_limit;
    unsigned batch_limit;
    size_t statement_cache;
    struct log *log;
    struct checkpointer *checkpointer; /* told how long the log has become */
};

/* The one writer: a thread with a connection, a queue, and a commit for many. */

/* Opens the connection and starts the thread. Owner: the caller; writer_destroy() after the cores have ended.
 * Errors: those of sqlite_open(), ERROR_MEMORY. */
MUST_USE enum error writer_create(const struct writer_config *config, struct diag *diag, struct writer **out);
/* Runs what is still queued, then ends. Accepts NULL. */
void writer_destroy(struct writer *writer);

/* As db_tx() and db_tx_blocking(). */
YIELDS MUST_USE enum error writer_run(struct writer *writer, struct fiber *self, struct deadline deadline,
                                      db_tx_body *body, void *argument);
MUST_USE ANY_CORE enum error writer_run_blocking(struct writer *writer, db_tx_body *body, void *argument);

/* Adds the writer's figures. */
ANY_CORE void writer_figures(const struct writer *writer, struct db_figures *out);

#endif
