/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_DRIVER_H
#define DATA_POSTGRES_DRIVER_H

#include "data/db.h"

/* PostgreSQL behind db.h: as db_open(), for URLs that begin with "postgres:" or "postgresql:".
 * A server that is away is none: db_figures() says so, the diag why, and the pools go on trying.
 * Errors: also ERROR_UNAVAILABLE: the server would not have us. */
MUST_USE enum error postgres_driver_open(const struct db_config *config, struct diag *diag, struct db **out);

#endif
