/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_SQLITE_DRIVER_H
#define DATA_SQLITE_DRIVER_H

#include "data/db.h"

/* SQLite behind db.h: as db_open(), for URLs that begin with "sqlite:". */
MUST_USE enum error sqlite_driver_open(const struct db_config *config, struct diag *diag, struct db **out);
/* As db_exists(). */
MUST_USE bool sqlite_driver_exists(const struct db_config *config);

#endif
