/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_POLLER_H
#define RT_POLLER_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct poller;

enum {
    IO_READABLE = 1,
    IO_WRITABLE = 2,
    IO_HANGUP = 4, /* broken or closed in both directions: nothing can be sent any more */
    IO_ENDED = 8   /* the peer sends no more; whether it still reads nobody can tell */
};

/* A watched descriptor. Edge-triggered: `on_ready` says that something has changed since the last EAGAIN; the watcher
 * tries the system call first and waits only when that says EAGAIN. Called on the loop, not in a fiber.
 * A library that does its own system calls hides their EAGAIN: its descriptors have `level` set to what they wait for,
 * and on_ready is called for as long as that is so. To wait for something else, remove the io and add it again. */
struct io {
    int fd;
    unsigned level; /* 0: edge-triggered; else IO_READABLE, IO_WRITABLE or both */
    void (*on_ready)(struct io *io, unsigned ready);
};

/* Where readiness comes from. epoll in the world, a fake in a simulated one. */
struct poller_ops {
    enum error (*open)(struct poller **out);
    void (*close)(struct poller *poller);
    enum error (*add)(struct poller *poller, struct io *io);
    void (*remove)(struct poller *poller, struct io *io);
    /* Waits at most `timeout_us` (negative: for ever), then calls on_ready of each ready io. `awake` is called between
     * the wait and the first on_ready, so that the clock is read once in between. An io that is removed by an earlier
     * on_ready of the same wait is not called any more. */
    void (*wait)(struct poller *poller, int64_t timeout_us, void (*awake)(void *argument), void *argument);
};

/* The system's epoll. */
const struct poller_ops *poller_epoll(void);

#endif
