/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is two pipes. What is written has a time of arrival, never before what was written earlier; the reader
 * sees only what has arrived. The server's side is what net/socket.h and net/listener.h promise, and a poller that
 * tells of changes once, as epoll does edge-triggered. */
#include "network.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "net/socket.h"
#include "world.h"

enum {
    LINKS_MAX = 8192,
    FD_FIRST = 100000,
    FD_LISTENER = 99999,
    SEGMENTS_MAX = 64,
    WINDOW_BYTES = 4096,
    DELAY_US = 2000
};

struct segment {
    size_t end;
    int64_t at_us;
};

struct pipe {
    char *bytes;
    size_t written, arrived, taken, capacity;
    struct segment segments[SEGMENTS_MAX]; /* under way, in order */
    size_t count;
    int64_t last_us; /* nothing arrives earlier than this */
    int64_t end_us;  /* when the end arrives; 0: none was sent */
    bool has_ended;  /* it has arrived */
};

struct link {
    struct pipe up, down; /* to the server, to the client */
    struct io *io;
    unsigned ready;   /* what the poller has to tell */
    int64_t break_us; /* when a reset arrives; 0: none */
    bool is_broken, is_accepted, is_server_closed, is_client_closed, wants_room;
};

struct poller {
    struct io *listener;
};

static struct {
    struct link *links[LINKS_MAX];
    size_t count, accepted;
    struct io *listener;
    bool is_listener_ready, is_cut;
    void (*step)(int64_t limit_us);
} network;

enum socket_result __wrap_socket_recv(int fd, char *bytes, size_t size, size_t *count);
enum socket_result __wrap_socket_send(int fd, struct iovec *vectors, size_t vector_count, size_t *count);
void __wrap_socket_set_nodelay(int fd);
void __wrap_socket_set_patience(int fd, int64_t after_ms);
void __wrap_socket_end_output(int fd);
void __wrap_socket_close(int fd);
enum listener_result __wrap_listener_accept(struct listener *listener, int *fd, struct address *peer);
void __wrap_listener_close(struct listener *listener);

void network_begin(void (*step)(int64_t limit_us))
{
    memset(&network, 0, sizeof network);
    network.step = step;
}

void network_end(void)
{
    for (size_t i = 0; i < network.count; i++) {
        world_free(network.links[i]->up.bytes);
        world_free(network.links[i]->down.bytes);
        world_free(network.links[i]);
    }
    network.count = 0;
}

void network_cut(void)
{
    network.is_cut = true;
}

/* Pipes */

static void pipe_write(struct pipe *pipe, const void *bytes, size_t size)
{
    if (pipe->written + size > pipe->capacity) {
        pipe->capacity = (pipe->written + size) * 2;
        pipe->bytes = world_resize(pipe->bytes, pipe->capacity);
    }
    memcpy(pipe->bytes + pipe->written, bytes, size);
    pipe->written += size;
    int64_t at_us = world_now_us() + 1 + (int64_t)world_random(DELAY_US);
    pipe->last_us = at_us > pipe->last_us ? at_us : pipe->last_us;
    if (pipe->count == SEGMENTS_MAX)
        pipe->count--; /* it travels with the last one */
    pipe->segments[pipe->count++] = (struct segment){pipe->written, pipe->last_us};
}

static void pipe_end(struct pipe *pipe)
{
    if (pipe->end_us == 0)
        pipe->end_us = (pipe->last_us > world_now_us() ? pipe->last_us : world_now_us()) + 1;
}

static int64_t pipe_next_us(const struct pipe *pipe)
{
    if (pipe->count > 0)
        return pipe->segments[0].at_us;
    return pipe->end_us > 0 && !pipe->has_ended ? pipe->end_us : INT64_MAX;
}

/* Lets arrive what is due; true when anything did. */
static bool pipe_arrive(struct pipe *pipe)
{
    size_t due = 0;
    while (due < pipe->count && pipe->segments[due].at_us <= world_now_us())
        pipe->arrived = pipe->segments[due++].end;
    memmove(pipe->segments, pipe->segments + due, (pipe->count - due) * sizeof *pipe->segments);
    pipe->count -= due;
    bool ends = pipe->count == 0 && pipe->end_us > 0 && pipe->end_us <= world_now_us() && !pipe->has_ended;
    pipe->has_ended |= ends;
    return due > 0 || ends;
}

static size_t pipe_take(struct pipe *pipe, char *bytes, size_t size)
{
    size_t left = pipe->arrived - pipe->taken;
    size_t taken = left < size ? left : size;
    if (taken > 0)
        memcpy(bytes, pipe->bytes + pipe->taken, taken);
    pipe->taken += taken;
    return taken;
}

/* Arrivals */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t network_next_us(void)
{
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < network.count; i++) {
        const struct link *link = network.links[i];
        if (link->is_broken || (link->is_server_closed && link->is_client_closed))
            continue;
        next_us = earlier(next_us, earlier(pipe_next_us(&link->up), pipe_next_us(&link->down)));
        if (link->break_us > 0)
            next_us = earlier(next_us, link->break_us);
    }
    return next_us;
}

static void arrive(struct link *link)
{
    if (link->is_broken)
        return;
    if (link->break_us > 0 && link->break_us <= world_now_us()) {
        link->is_broken = true;
        link->ready |= IO_READABLE | IO_WRITABLE | IO_HANGUP | IO_ENDED;
        return;
    }
    if (pipe_arrive(&link->up))
        link->ready |= IO_READABLE | (link->up.has_ended ? IO_ENDED : 0);
    pipe_arrive(&link->down);
}

void network_arrive(void)
{
    for (size_t i = 0; i < network.count; i++)
        arrive(network.links[i]);
}

/* The poller */

static enum error poller_open(struct poller **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? OK : ERROR_MEMORY;
}

static void poller_close(struct poller *poller)
{
    free(poller);
}

static enum error poller_add(struct poller *poller, struct io *io)
{
    if (io->fd == FD_LISTENER) {
        network.listener = io;
        network.is_listener_ready = true;
    } else if (io->fd >= FD_FIRST) {
        struct link *link = network.links[io->fd - FD_FIRST];
        link->io = io;
        link->ready |= IO_WRITABLE | (link->up.arrived > 0 || link->up.has_ended ? IO_READABLE : 0);
    }
    return OK; /* the bell of the inbox needs no watching: the world rings nobody */
}

static void poller_remove(struct poller *poller, struct io *io)
{
    if (io->fd == FD_LISTENER)
        network.listener = NULL;
    else if (io->fd >= FD_FIRST)
        network.links[io->fd - FD_FIRST]->io = NULL;
}

static void tell(struct io *io, unsigned ready)
{
    world_note("ready", (uint64_t)io->fd, &ready, sizeof ready);
    io->on_ready(io, ready);
}

static void poller_wait(struct poller *poller, int64_t timeout_us, void (*awake)(void *argument), void *argument)
{
    network.step(timeout_us < 0 ? INT64_MAX : world_now_us() + timeout_us);
    awake(argument);
    if (network.listener && network.is_listener_ready) {
        network.is_listener_ready = false;
        tell(network.listener, IO_READABLE);
    }
    for (size_t i = 0; i < network.count; i++) {
        struct link *link = network.links[i];
        unsigned ready = link->ready;
        if (!link->io || ready == 0)
            continue;
        link->ready = 0;
        tell(link->io, ready);
    }
}

const struct poller_ops *network_poller(void)
{
    static const struct poller_ops ops = {
        .open = poller_open, .close = poller_close, .add = poller_add, .remove = poller_remove, .wait = poller_wait};
    return &ops;
}

/* The server's side */

struct listener network_listener(void)
{
    return (struct listener){.fd = FD_LISTENER, .spare_fd = -1};
}

enum listener_result __wrap_listener_accept(struct listener *listener, int *fd, struct address *peer)
{
    if (network.accepted == network.count)
        return LISTENER_EMPTY;
    memset(peer, 0, sizeof *peer);
    peer->any.sa_family = AF_INET;
    struct link *link = network.links[network.accepted];
    link->is_accepted = true;
    *fd = FD_FIRST + (int)network.accepted++;
    return LISTENER_ACCEPTED;
}

void __wrap_listener_close(struct listener *listener)
{
    listener->fd = -1;
}

static struct link *link_of(int fd)
{
    return network.links[fd - FD_FIRST];
}

enum socket_result __wrap_socket_recv(int fd, char *bytes, size_t size, size_t *count)
{
    struct link *link = link_of(fd);
    if (link->is_broken)
        return SOCKET_FAILED;
    *count = pipe_take(&link->up, bytes, size);
    if (*count > 0)
        return SOCKET_DONE;
    return link->up.has_ended ? SOCKET_END : SOCKET_AGAIN;
}

enum socket_result __wrap_socket_send(int fd, struct iovec *vectors, size_t vector_count, size_t *count)
{
    struct link *link = link_of(fd);
    if (link->is_broken)
        return SOCKET_FAILED;
    size_t room = WINDOW_BYTES - (link->down.written - link->down.taken);
    *count = 0;
    for (size_t i = 0; i < vector_count && room > 0; i++) {
        size_t size = vectors[i].iov_len < room ? vectors[i].iov_len : room;
        if (!network.is_cut && size > 0)
            pipe_write(&link->down, vectors[i].iov_base, size);
        world_note("send", (uint64_t)fd, vectors[i].iov_base, size);
        *count += size;
        room -= size;
    }
    link->wants_room = *count == 0;
    return *count > 0 ? SOCKET_DONE : SOCKET_AGAIN;
}

void __wrap_socket_set_nodelay(int fd)
{
}

void __wrap_socket_set_patience(int fd, int64_t after_ms)
{
}

void __wrap_socket_end_output(int fd)
{
    pipe_end(&link_of(fd)->down);
}

void __wrap_socket_close(int fd)
{
    if (fd < FD_FIRST)
        return;
    link_of(fd)->is_server_closed = true;
    pipe_end(&link_of(fd)->down);
}

/* The client's side */

struct link *link_open(void)
{
    if (network.count == LINKS_MAX)
        world_fail("more than %d connections", LINKS_MAX);
    struct link *link = world_resize(NULL, sizeof *link);
    *link = (struct link){0};
    network.links[network.count++] = link;
    network.is_listener_ready = true;
    return link;
}

void link_send(struct link *link, const char *bytes, size_t size, unsigned pieces)
{
    while (size > 0) {
        size_t part = pieces > 1 ? 1 + world_random(size) : size;
        pipe_write(&link->up, bytes, part);
        bytes += part;
        size -= part;
        pieces--;
    }
}

void link_finish(struct link *link)
{
    pipe_end(&link->up);
}

void link_break(struct link *link)
{
    link->break_us = world_now_us() + 1 + (int64_t)world_random(DELAY_US);
}

size_t link_take(struct link *link, char *bytes, size_t size)
{
    size_t taken = pipe_take(&link->down, bytes, size);
    if (taken > 0 && link->wants_room) {
        link->wants_room = false;
        link->ready |= IO_WRITABLE;
    }
    return taken;
}

bool link_is_over(const struct link *link)
{
    return link->is_broken || (link->down.has_ended && link->down.taken == link->down.written);
}

void link_close(struct link *link)
{
    link->is_client_closed = true;
    if (!link->is_server_closed)
        link_break(link);
}
