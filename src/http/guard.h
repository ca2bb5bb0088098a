/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/error.h"

struct exchange;
struct middleware;

/* Who finds out who asks. HTTP knows of no accounts: a site is given its guard (struct site_config) by whoever does. */
struct http_guard {
    /* Before the handler; sets exchange.caller, and calls throttle_admit(). An error is the answer. May wait. */
    enum error (*enter)(struct exchange *x, void *state);
    /* Behind it, with the error decided so far in exchange.error; only when `enter` was OK. */
    void (*leave)(struct exchange *x, void *state);
    void *state;
};

/* The item of the chain that asks the site's guard; routes with `is_open` and paths without a route are not asked for.
 */
extern const struct middleware guard_middleware;

#endif
