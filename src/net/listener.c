/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets.
 *
 * The loop watches a listener edge-triggered, so the caller accepts until LISTENER_EMPTY. A process that has run out of
 * descriptors cannot accept, and its waiting clients would hang while the listener stays readable. So a listener keeps
 * one descriptor in reserve (on /dev/null): when accept says EMFILE it gives the reserve up, accepts, closes that
 * connection at once and takes the reserve back. Each turn of that consumes one waiting connection, so it is no busy
 * loop. If another thread snatches the descriptor in between, the caller is told to pause.
 *
 * SO_REUSEPORT lets the cores share a port, but it would also let a second copy of the program take half of the
 * connections in silence. So, unless sharing with others is wanted, the first listener of an address binds once
 * without it, to ask whether anyone is there. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static enum error tell(struct diag *diag, const struct address *address, int code)
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    switch (code) {
    case EADDRINUSE:
        diag_say(diag, "another program listens there; stop it or choose another port", "%s: the address is taken",
                 text);
        return ERROR_CONFLICT;
    case EACCES:
        diag_say(diag, "ports below 1024 need a privilege; choose a higher one", "%s: listening is not permitted",
                 text);
        return ERROR_FORBIDDEN;
    case EADDRNOTAVAIL:
        diag_say(diag, "use an address of this machine, 127.0.0.1, or only a port such as :8080",
                 "%s: this machine does not have this address", text);
        return ERROR_IO;
    default: diag_say(diag, NULL, "%s: cannot listen (error %d)", text, code); return ERROR_IO;
    }
}

static int bind_and_listen(const struct address *address, const int *options, size_t option_count, int backlog)
{
    int on = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool is_good = true;
    for (size_t i = 0; i < option_count; i++)
        is_good = is_good && setsockopt(fd, SOL_SOCKET, options[i], &on, sizeof(on)) == 0;
    if (is_good && bind(fd, &address->any, address_length(address)) == 0 && listen(fd, backlog) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static enum error open_shared(const struct address *address, int backlog, struct diag *diag, struct listener *out)
{
    static const int options[] = {SO_REUSEADDR, SO_REUSEPORT};
    struct listener listener = {.spare_fd = -1, .address = *address};
    listener.fd = bind_and_listen(address, options, ARRAY_LEN(options), backlog);
    if (listener.fd < 0)
        return tell(diag, address, errno);
    socklen_t length = sizeof(listener.address);
    if (getsockname(listener.fd, &listener.address.any, &length) < 0) {
        int code = errno;
        listener_close(&listener);
        return tell(diag, address, code);
    }
    listener.spare_fd = open_spare();
    *out = listener;
    return OK;
}

enum error listener_open(const struct address *address, enum listener_sharing sharing, int backlog, struct diag *diag,
                         struct listener *out)
{
    static const int options[] = {SO_REUSEADDR};
    if (sharing == LISTENER_SHARED)
        return open_shared(address, backlog, diag, out);
    int probe = bind_and_listen(address, options, ARRAY_LEN(options), backlog);
    if (probe < 0)
        return tell(diag, address, errno);
    socket_close(probe);
    return open_shared(address, backlog, diag, out);
}

enum error listener_join(const struct listener *first, int backlog, struct diag *diag, struct listener *out)
{
    return open_shared(&first->address, backlog, diag, out);
}

static enum listener_result shed(struct listener *listener)
{
    if (listener->spare_fd < 0)
        listener->spare_fd = open_spare();
    if (listener->spare_fd < 0)
        return LISTENER_EXHAUSTED;
    close(listener->spare_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    int code = errno;
    if (fd >= 0)
        close(fd);
    listener->spare_fd = open_spare();
    if (fd >= 0)
        return LISTENER_SHED;
    return code == EAGAIN ? LISTENER_EMPTY : LISTENER_EXHAUSTED;
}

enum listener_result listener_accept(struct listener *listener, int *fd, struct address *peer)
{
    for (;;) {
        socklen_t length = sizeof(*peer);
        int got = accept4(listener->fd, &peer->any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got >= 0) {
            socket_set_nodelay(got);
            *fd = got;
            return LISTENER_ACCEPTED;
        }
        switch (errno) {
        case EAGAIN: return LISTENER_EMPTY;
        case EMFILE:
        case ENFILE: return shed(listener);
        case ENOBUFS:
        case ENOMEM: return LISTENER_EXHAUSTED;
        case EBADF:
        case EINVAL: return LISTENER_EMPTY;
        default: break; /* that one connection failed before it was taken (accept(2)): look for the next */
        }
    }
}

void listener_close(struct listener *listener)
{
    socket_close(listener->fd);
    socket_close(listener->spare_fd);
    listener->fd = -1;
    listener->spare_fd = -1;
}
