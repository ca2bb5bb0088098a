/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_DB_H
#define DATA_POSTGRES_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db_driver.h"
#include "data/postgres_blocking.h"
#include "data/postgres_pool.h"
#include "data/postgres_replica.h"

/* PostgreSQL's db: the pools of every core to every server, and the threads that serve them. */

struct postgres_db {
    struct db base;
    struct db_config config;
    struct postgres_target target;
    struct postgres_connector *connector;
    struct postgres_pool *pools; /* by core index: the primary's, then those of each replica */
    size_t pool_count;           /* of those that were made */
    struct postgres_replica *replicas;
    struct postgres_connector **replica_connectors;
    size_t replica_count;
    struct postgres_watch *watch;
    struct postgres_blocking *blocking;
    char *url, *name; /* the database outlives what it was configured from */
    bool is_away;     /* when it was opened */
};

/* As db_open(), for the driver's rows and connections. */
MUST_USE enum error postgres_db_open(const struct db_config *config, const struct db_driver *driver, struct diag *diag,
                                     struct postgres_db **out);
/* Accepts one that was not opened to the end. No core runs any more. */
void postgres_db_close(struct postgres_db *db);
/* The pool of a core to the primary. */
static inline struct postgres_pool *postgres_db_primary(struct postgres_db *db, unsigned core)
{
    return &db->pools[core];
}
/* The pool of a core for a read that must see `after`: a replica's by turns, or the primary's when none may be asked.
 */
struct postgres_pool *postgres_db_choose(struct postgres_db *db, unsigned core, uint64_t after);
ANY_CORE void postgres_db_figures(const struct postgres_db *db, struct db_figures *out);

#endif
