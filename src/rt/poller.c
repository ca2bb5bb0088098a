/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness from epoll, edge-triggered.
 *
 * A descriptor is registered once, for reading and writing, and never touched again: no system call per wait. Because
 * an event carries a pointer to its io, an io that goes away in the middle of a batch must be struck from what is left
 * of it; the batch is in the poller for that.
 *
 * The wait is epoll_pwait2() with its nanoseconds; a kernel without it (before 5.11) gets whole milliseconds, rounded
 * up so that a timer is not waited for twice. */
#include "rt/poller.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 512 };

struct poller {
    int epoll;
    bool lacks_pwait2;
    int next, count; /* the events of the batch that have not been delivered are [next, count) */
    struct epoll_event events[BATCH];
};

static enum error error_of(int number)
{
    switch (number) {
    case EMFILE:
    case ENFILE:
    case ENOSPC: return ERROR_LIMIT;
    case ENOMEM: return ERROR_MEMORY;
    default: return ERROR_IO;
    }
}

static enum error epoll_poller_open(struct poller **out)
{
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller)
        return ERROR_MEMORY;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0) {
        enum error error = error_of(errno);
        free(poller);
        return error;
    }
    *out = poller;
    return OK;
}

static void epoll_poller_close(struct poller *poller)
{
    close(poller->epoll);
    free(poller);
}

static enum error epoll_poller_add(struct poller *poller, struct io *io)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = io};
    if (io->level)
        event.events = (io->level & IO_READABLE ? EPOLLIN : 0u) | (io->level & IO_WRITABLE ? EPOLLOUT : 0u);
    if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, io->fd, &event) < 0)
        return error_of(errno);
    return OK;
}

static void epoll_poller_remove(struct poller *poller, struct io *io)
{
    epoll_ctl(poller->epoll, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = poller->next; i < poller->count; i++)
        if (poller->events[i].data.ptr == io)
            poller->events[i].data.ptr = NULL;
}

/* epoll_wait()'s milliseconds, rounded up. */
static int rounded_ms(int64_t timeout_us)
{
    if (timeout_us < 0)
        return -1;
    int64_t ms = timeout_us / 1000 + (timeout_us % 1000 != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int wait_events(struct poller *poller, int64_t timeout_us)
{
    if (timeout_us <= 0 || poller->lacks_pwait2)
        return epoll_wait(poller->epoll, poller->events, BATCH, rounded_ms(timeout_us));
    struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
    int count = epoll_pwait2(poller->epoll, poller->events, BATCH, &timeout, NULL);
    if (count >= 0 || errno != ENOSYS)
        return count;
    poller->lacks_pwait2 = true;
    return epoll_wait(poller->epoll, poller->events, BATCH, rounded_ms(timeout_us));
}

/* An error or a full hang-up makes reading and writing worth a try: the system call says what is wrong. */
static unsigned ready_of(uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        return IO_READABLE | IO_WRITABLE | IO_HANGUP | IO_ENDED;
    return (events & (EPOLLIN | EPOLLRDHUP) ? IO_READABLE : 0) | (events & EPOLLOUT ? IO_WRITABLE : 0) |
           (events & EPOLLRDHUP ? IO_ENDED : 0);
}

static void epoll_poller_wait(struct poller *poller, int64_t timeout_us, void (*awake)(void *argument), void *argument)
{
    int count = wait_events(poller, timeout_us);
    awake(argument);
    poller->count = count > 0 ? count : 0; /* a signal ends a wait like a timeout does */
    for (poller->next = 0; poller->next < poller->count;) {
        const struct epoll_event *event = &poller->events[poller->next++];
        struct io *io = event->data.ptr;
        if (io)
            io->on_ready(io, ready_of(event->events));
    }
}

const struct poller_ops *poller_epoll(void)
{
    static const struct poller_ops ops = {
        .open = epoll_poller_open,
        .close = epoll_poller_close,
        .add = epoll_poller_add,
        .remove = epoll_poller_remove,
        .wait = epoll_poller_wait,
    };
    return &ops;
}
