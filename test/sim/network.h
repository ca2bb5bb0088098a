/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_NETWORK_H
#define TEST_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/listener.h"
#include "rt/poller.h"

/* The network of the simulated world: byte pipes with delays in both directions, cut into segments, that may end or
 * break; and the poller that tells the server of them. */

struct link; /* one connection, as its client holds it */

/* Begins with no connection. `step` is called when the server waits, with the time until which it would: it does one
 * thing, at most at that time, and lets time pass. */
void network_begin(void (*step)(int64_t limit_us));
/* Frees all connections. The server is gone. */
void network_end(void);
/* The machine has lost power: nothing that the server sends arrives any more. */
void network_cut(void);

const struct poller_ops *network_poller(void);
struct listener network_listener(void);

/* When the next segment, end or break arrives somewhere; INT64_MAX: never. */
int64_t network_next_us(void);
/* Lets everything arrive that is due. */
void network_arrive(void);

/* The client's side. */
struct link *link_open(void);
/* Sends, in up to `pieces` segments that arrive one after the other. */
void link_send(struct link *link, const char *bytes, size_t size, unsigned pieces);
void link_finish(struct link *link); /* no more bytes from the client, once those sent have arrived */
void link_break(struct link *link);  /* a reset, soon */
/* Takes what has arrived; 0 when there is nothing. */
size_t link_take(struct link *link, char *bytes, size_t size);
/* The server has closed or broken it, and everything before was taken. */
bool link_is_over(const struct link *link);
/* The client lets go of it. */
void link_close(struct link *link);

#endif
