/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

struct address;
struct http1_head;
struct network;

/* Who a request comes from when proxies stand before the server.
 *
 * Only what a proxy in `proxies` has written is believed: Forwarded (RFC 7239) or X-Forwarded-For is read from its end,
 * where the nearest proxy writes; addresses of proxies are skipped, and the first other one is the client. Both headers
 * must agree where both were sent, since most proxies write one and let the other through. `peer` itself where it is no
 * proxy, nothing was sent, or what stands there is no address; never NULL. Another address is the arena's. Pure. */
ANY_CORE const struct address *forwarded_find(const struct http1_head *head, const struct address *peer,
                                              const struct network *proxies, size_t proxy_count, struct arena *arena);

#endif
