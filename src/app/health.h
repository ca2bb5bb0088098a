/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_HEALTH_H
#define APP_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"

struct db;
struct http_site;

/* Whether the process lives, and whether it should be sent requests. */
struct health {
    struct db *db;
    atomic_bool is_serving; /* false before the start is over, and from the first SIGTERM on */
};

enum health_state { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY };

/* What the whole is worth: the worst of its parts that a request needs. */
ANY_CORE enum health_state health_state(const struct health *health);

/* /health and /health/ready for the public port: alive, and one word. */
MUST_USE enum error health_add_public(struct health *health, struct http_site *site, struct diag *diag);
/* The same for the admin port, with a state for each dependency. */
MUST_USE enum error health_add_admin(struct health *health, struct http_site *site, struct diag *diag);

#endif
