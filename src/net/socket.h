/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/attr.h"

/* The system calls on a connected, non-blocking socket, with errno sorted into what a caller can do about it. */

enum socket_result {
    SOCKET_DONE,   /* some bytes moved */
    SOCKET_AGAIN,  /* none now: wait until the loop says that it is ready */
    SOCKET_END,    /* reading: the peer sends no more */
    SOCKET_FAILED, /* the connection is broken */
};

/* Receives at most `size` bytes; `count` is set with SOCKET_DONE. Fewer than asked for means that the socket is empty,
 * so the edge-triggered event of the next byte will come (epoll(7), question 9). */
MUST_USE
enum socket_result socket_recv(int fd, char *bytes, size_t size, size_t *count);
/* Sends what it can of the vectors; `count` is set with SOCKET_DONE. Never raises SIGPIPE. */
MUST_USE
enum socket_result socket_send(int fd, struct iovec *vectors, size_t vector_count, size_t *count);
/* Sends small answers at once instead of waiting for more (TCP_NODELAY). */
void socket_set_nodelay(int fd);
/* Has the kernel break the connection when the peer takes nothing of what was sent for so long (TCP_USER_TIMEOUT): its
 * buffers may hold a whole answer, and then nobody else would notice. */
void socket_set_patience(int fd, int64_t after_ms);
/* Tells the peer that nothing more will be sent; what it sends is still received. */
void socket_end_output(int fd);
void socket_close(int fd);

#endif
