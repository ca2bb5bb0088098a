/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the program and the kernel (LD_PRELOAD), for tests of what is stored.
 *
 *   TENON_SHIM_LOG=file    records what is written to the database's files, when syncs begin and end, and what is sent
 *   TENON_SHIM_BLIND=yes   leaves the syncs out of it, to see that the test can fail
 *   TENON_SHIM_FAULT=file  while it exists, writes and syncs of the database's files fail with the errno in it
 *
 * A record is struct record and its bytes. The number is taken before a write or a send, and before and after a sync.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 'w', SYNC_BEGIN = 'b', SYNC_END = 'e', SEND = 's' };
enum target { OTHER = 0, DATABASE = 'd', LOG = 'l' };

struct record {
    uint64_t number;
    uint64_t offset;
    uint32_t size;
    uint8_t kind, target;
    uint8_t padding[2];
};

static _Atomic uint64_t numbers;
static _Atomic int log_fd = -2;

static enum target target_of(int fd)
{
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 4)
        return OTHER;
    path[len] = '\0';
    if (strcmp(path + len - 3, ".db") == 0)
        return DATABASE;
    return strcmp(path + len - 4, "-wal") == 0 ? LOG : OTHER;
}

static void record(enum kind kind, enum target target, uint64_t offset, const struct iovec *vectors, size_t count)
{
    int fd = atomic_load(&log_fd);
    if (fd == -2) {
        const char *path = getenv("TENON_SHIM_LOG");
        fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
        atomic_store(&log_fd, fd);
    }
    if (fd < 0 || ((kind == SYNC_BEGIN || kind == SYNC_END) && getenv("TENON_SHIM_BLIND")))
        return;
    struct record head = {.number = atomic_fetch_add(&numbers, 1), .offset = offset, .kind = kind, .target = target};
    struct iovec all[16] = {{&head, sizeof head}};
    for (size_t i = 0; i < count && i < 15; i++) {
        all[i + 1] = vectors[i];
        head.size += (uint32_t)vectors[i].iov_len;
    }
    if (syscall(SYS_writev, fd, all, count + 1) < 0)
        abort();
}

/* The errno that operations on the database's files shall fail with; 0: none. */
static int fault(enum target target)
{
    const char *path = target == OTHER ? NULL : getenv("TENON_SHIM_FAULT");
    char text[16] = "";
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 ? atoi(text) : EIO;
}

/* Also pwrite64(): offsets have 64 bits here. */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    enum target target = target_of(fd);
    int code = fault(target);
    if (code != 0) {
        errno = code;
        return -1;
    }
    if (target != OTHER)
        record(WRITE, target, (uint64_t)offset, &(struct iovec){(void *)(uintptr_t)bytes, size}, 1);
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static int sync_by(long call, int fd)
{
    enum target target = target_of(fd);
    int code = fault(target);
    if (code != 0) {
        errno = code;
        return -1;
    }
    record(SYNC_BEGIN, target, 0, NULL, 0);
    int result = (int)syscall(call, fd);
    record(SYNC_END, target, 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    record(SEND, OTHER, (uint64_t)fd, &(struct iovec){(void *)(uintptr_t)bytes, size}, 1);
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    record(SEND, OTHER, (uint64_t)fd, message->msg_iov, message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}
