/* SPDX-License-Identifier: Apache-2.0 */
/* The handler's deadline. Nothing interrupts a handler: its waits end with ERROR_TIMEOUT, which it passes on and which
 * becomes a 504. A handler that ends late but well keeps its answer, because what it did is done. */
#include "http/time_limit.h"

#include "http/middleware.h"
#include "http/site.h"

static enum error time_limit_enter(struct exchange *x)
{
    struct deadline limit = deadline_after(x->started_us, x->site->settings.timeouts.handler_ms);
    x->deadline = deadline_earlier(x->deadline, limit);
    return OK;
}

const struct middleware time_limit_middleware = {.name = "timeout", .enter = time_limit_enter};
