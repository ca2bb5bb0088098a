/* SPDX-License-Identifier: Apache-2.0 */
/* Every system call on a connection, and the one place that reads their errno. A simulated network replaces this file's
 * functions and nothing above. */
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static enum socket_result sort_error(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? SOCKET_AGAIN : SOCKET_FAILED;
}

enum socket_result socket_recv(int fd, char *bytes, size_t size, size_t *count)
{
    ssize_t got;
    do
        got = recv(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sort_error();
    if (got == 0)
        return SOCKET_END;
    *count = (size_t)got;
    return SOCKET_DONE;
}

enum socket_result socket_send(int fd, struct iovec *vectors, size_t vector_count, size_t *count)
{
    struct msghdr message = {.msg_iovlen = vector_count};
    ssize_t sent;
    do {
        if (vector_count == 1) {
            sent = send(fd, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL);
        } else {
            message.msg_iov = vectors;
            sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return sort_error();
    *count = (size_t)sent;
    return SOCKET_DONE;
}

void socket_set_nodelay(int fd)
{
    int on = 1;
    /* Refused by nothing but a socket that is broken already, which the next call will tell. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void socket_set_patience(int fd, int64_t after_ms)
{
    unsigned ms = after_ms < INT32_MAX ? (unsigned)after_ms : INT32_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void socket_end_output(int fd)
{
    (void)shutdown(fd, SHUT_WR);
}

void socket_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
