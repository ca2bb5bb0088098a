/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "net/address.h"

/* A listening TCP socket. Each core opens its own on the same address (SO_REUSEPORT); the kernel spreads connections.
 */
struct listener {
    int fd; /* -1: closed */
    int spare_fd;
    struct address address; /* with the port that was really taken */
};

enum listener_result {
    LISTENER_ACCEPTED,
    LISTENER_EMPTY,     /* nobody waits; the loop tells when somebody does */
    LISTENER_SHED,      /* out of descriptors: one waiting connection was closed instead */
    LISTENER_EXHAUSTED, /* out of descriptors or memory, and nothing to shed with: try again after a while */
};

/* Whether other processes, of the same user, may listen on the address too; those that share it all say so. */
enum listener_sharing { LISTENER_ALONE, LISTENER_SHARED };

/* Starts listening on an address. Port 0 takes a free one, which `address` then holds.
 * Owner:  the caller; listener_close().
 * Errors: ERROR_CONFLICT (the address is taken), ERROR_FORBIDDEN (a port below 1024), ERROR_IO; told in `diag`. */
MUST_USE
enum error listener_open(const struct address *address, enum listener_sharing sharing, int backlog, struct diag *diag,
                         struct listener *out);
/* Starts listening beside `first`, on the same address, for another core. The same rules. */
MUST_USE
enum error listener_join(const struct listener *first, int backlog, struct diag *diag, struct listener *out);
/* Takes one connection, non-blocking, closed on exec, with TCP_NODELAY. */
MUST_USE
enum listener_result listener_accept(struct listener *listener, int *fd, struct address *peer);
/* Accepts a closed one. */
void listener_close(struct listener *listener);

static inline bool listener_is_open(const struct listener *listener)
{
    return listener->fd >= 0;
}

#endif
