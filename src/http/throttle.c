/* SPDX-License-Identifier: Apache-2.0 */
/* The item "limit" of the chain. It stands before "authenticate": whoever asks too often costs neither a body nor a
 * look at the database. */
#include "http/throttle.h"

#include "http/middleware.h"
#include "http/site.h"

static enum error throttle_enter(struct exchange *x)
{
    const struct http_throttle *throttle = x->site->config.throttle;
    return throttle ? throttle->enter(x, throttle->state) : OK;
}

static void throttle_leave(struct exchange *x)
{
    const struct http_throttle *throttle = x->site->config.throttle;
    if (throttle)
        throttle->leave(x, throttle->state);
}

enum error throttle_admit(struct exchange *x)
{
    const struct http_throttle *throttle = x->site->config.throttle;
    return throttle ? throttle->admit(x, throttle->state) : OK;
}

const struct middleware throttle_middleware = {.name = "limit", .enter = throttle_enter, .leave = throttle_leave};
