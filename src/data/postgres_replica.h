/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_REPLICA_H
#define DATA_POSTGRES_REPLICA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "data/postgres_connect.h"

/* How far behind the replicas are. A thread asks each of them, and the primary, several times a second; cores only look
 * at what it has found. */

/* Of one replica; written by the watching thread. */
struct postgres_replica {
    struct postgres_target target;
    char *url;                 /* the target's */
    _Atomic uint64_t replayed; /* the position up to which it shows what the primary has committed */
    atomic_bool is_fresh;      /* it answers, and is not further behind than it may be */
};

struct postgres_watch;

/* Starts the thread. `primary` and the replicas outlive it. Owner: the caller. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error postgres_replica_watch(const struct postgres_target *primary, struct postgres_replica *replicas,
                                           size_t count, int64_t lag_ms, struct postgres_watch **out);
/* Ends the thread. Accepts NULL. */
void postgres_replica_unwatch(struct postgres_watch *watch);

#endif
