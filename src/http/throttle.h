/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_THROTTLE_H
#define HTTP_THROTTLE_H

#include "base/attr.h"
#include "base/error.h"

struct exchange;
struct middleware;

/* Who says how much callers may ask for. HTTP knows of no limits: a site is given them (struct site_config) by whoever
 * does. */
struct http_throttle {
    /* Before anything of the request but its head is looked at: what can be said without knowing the caller. An error
     * is the answer. May wait. */
    enum error (*enter)(struct exchange *x, void *state);
    /* When the site's guard knows who asks, or that nobody does: see throttle_admit(). */
    enum error (*admit)(struct exchange *x, void *state);
    /* When the request has ended, with its status and error decided; only when `enter` was OK. */
    void (*leave)(struct exchange *x, void *state);
    void *state;
};

/* The item of the chain that asks the site's throttle, also of paths without a route. */
extern const struct middleware throttle_middleware;

/* What a guard calls once it knows who asks (exchange.caller), before anything else is refused: what is limited by
 * caller. Without a throttle: OK. */
YIELDS MUST_USE enum error throttle_admit(struct exchange *x);

#endif
