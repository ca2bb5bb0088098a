/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_BLOCKING_H
#define DATA_POSTGRES_BLOCKING_H

#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "data/db_driver.h"
#include "data/postgres_connect.h"
#include "data/postgres_lease.h"

struct bulk_fault;
struct postgres_request;

/* PostgreSQL for threads without a core: plain blocking calls, and one connection for their transactions, which come
 * one after the other on all nodes. */

struct postgres_blocking;

/* `target` is copied, but for its texts; what runs here has no limit of time. Errors: ERROR_MEMORY. */
MUST_USE enum error postgres_blocking_create(const struct postgres_target *target, struct postgres_blocking **out);
/* Accepts NULL. */
void postgres_blocking_destroy(struct postgres_blocking *blocking);
/* Connects, if it is not. Errors: ERROR_UNAVAILABLE; `reason` says why. */
MUST_USE enum error postgres_blocking_connect(struct postgres_blocking *blocking, char reason[POSTGRES_REASON_BYTES]);

/* Begins a transaction when those before it have ended, and lends the lease its connection. */
MUST_USE enum error postgres_blocking_begin(struct postgres_blocking *blocking, struct postgres_lease *lease);
/* Commits when `outcome` is OK, else rolls back; returns what came of it. */
MUST_USE enum error postgres_blocking_end(struct postgres_blocking *blocking, struct postgres_lease *lease,
                                          enum error outcome);

/* As db_query(), db_check() and db_script(); the rows are all there. */
MUST_USE enum error postgres_blocking_query(struct postgres_lease *lease, const struct db_driver *driver,
                                            struct slice sql, const struct value *arguments, size_t count,
                                            struct postgres_request **out);
/* As bulk_query() and then db_next(): the result holds the present row alone. */
MUST_USE enum error postgres_blocking_stream(struct postgres_lease *lease, const struct db_driver *driver,
                                             struct slice sql, struct postgres_request **out);
MUST_USE enum error postgres_blocking_next(struct postgres_request *request, bool *has_row);
void postgres_blocking_drop(struct postgres_request *request);
MUST_USE enum error postgres_blocking_check(struct postgres_lease *lease, struct slice sql, size_t *parameters);
MUST_USE enum error postgres_blocking_script(struct postgres_lease *lease, struct slice sql);

/* Bytes for COPY … FROM STDIN. The end gives it up unless `outcome` is OK, and returns what came of it; `fault` says
 * what the server had against which row. */
MUST_USE enum error postgres_blocking_copy_begin(struct postgres_lease *lease, struct slice sql);
MUST_USE enum error postgres_blocking_copy_put(struct postgres_lease *lease, struct slice bytes);
MUST_USE enum error postgres_blocking_copy_end(struct postgres_lease *lease, enum error outcome,
                                               struct bulk_fault *fault);

#endif
