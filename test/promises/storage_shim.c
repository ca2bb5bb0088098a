/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the program and the kernel (LD_PRELOAD), for tests of what is stored.
 *
 *   TENON_SHIM_LOG=file    records what is written to the database's files, when syncs begin and end, and what is sent
 *   TENON_SHIM_BLIND=yes   leaves the syncs out of it, to see that the test can fail
 *   TENON_SHIM_FAULT=file  while it exists, writes and syncs of the database's files fail with the errno in it; behind
 *                          the number "w" or "s" means only writes or only syncs, "d" or "l" only the database or its
 * log
 *   TENON_SHIM_KILL=n      kills the program before its n-th write of the database's files, from 0
 *
 * A record is struct record and its bytes. The number is taken after what changes a file, before a send, and before and
 * after a sync; the end of a sync bears the number of its beginning as its offset, a truncation the new size.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    WRITE = 'w',
    TRUNCATE = 't',
    UNLINK = 'u',
    SYNC_BEGIN = 'b',
    SYNC_END = 'e',
    SYNC_FAILED = 'f',
    SEND = 's'
};
enum target { OTHER = 0, DATABASE = 'd', LOG = 'l', JOURNAL = 'j', FOLDER = 'f' };

enum { FD_COUNT = 1024 };

struct record {
    uint64_t number;
    uint64_t offset;
    uint32_t size;
    uint8_t kind, target;
    uint8_t padding[2];
};

static _Atomic uint64_t numbers;
static _Atomic int log_fd = -2;
static _Atomic unsigned failures[128]; /* of syncs, by target */
static _Atomic unsigned told[FD_COUNT];

static int ends(const char *path, const char *tail)
{
    size_t len = strlen(path), tail_len = strlen(tail);
    return len >= tail_len && strcmp(path + len - tail_len, tail) == 0;
}

static enum target target_of_path(const char *path)
{
    if (ends(path, ".db"))
        return DATABASE;
    if (ends(path, "-wal"))
        return LOG;
    return ends(path, "-journal") ? JOURNAL : OTHER;
}

static enum target target_of(int fd)
{
    char link[64], path[1024];
    struct stat info;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0)
        return OTHER;
    path[len] = '\0';
    enum target target = target_of_path(path);
    return target == OTHER && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? FOLDER : target;
}

static uint64_t record(enum kind kind, enum target target, uint64_t offset, const struct iovec *vectors, size_t count)
{
    int fd = atomic_load(&log_fd);
    if (fd == -2) {
        const char *path = getenv("TENON_SHIM_LOG");
        fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
        atomic_store(&log_fd, fd);
    }
    if (fd < 0 || (strchr("bef", kind) && getenv("TENON_SHIM_BLIND")))
        return 0;
    struct record head = {.number = atomic_fetch_add(&numbers, 1), .offset = offset, .kind = kind, .target = target};
    struct iovec all[16] = {{&head, sizeof head}};
    for (size_t i = 0; i < count && i < 15; i++) {
        all[i + 1] = vectors[i];
        head.size += (uint32_t)vectors[i].iov_len;
    }
    if (syscall(SYS_writev, fd, all, count + 1) < 0)
        abort();
    return head.number;
}

/* The errno that a write or a sync of this file shall fail with; 0: none. */
static int fault(enum target target, char operation)
{
    const char *path = target == OTHER || target == FOLDER ? NULL : getenv("TENON_SHIM_FAULT");
    char text[16] = "", *only = text;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    long code = len > 0 ? strtol(text, &only, 10) : EIO;
    int is_meant = strpbrk(only, "ws") == NULL || strchr(only, operation) != NULL;
    int is_here = strpbrk(only, "dl") == NULL || strchr(only, (int)target) != NULL;
    return is_meant && is_here ? (int)code : 0;
}

/* Ends the process before a write of a database's file that is not to happen. */
static void die_here(enum target target)
{
    static atomic_long left = -1;
    const char *number = target == OTHER || target == FOLDER ? NULL : getenv("TENON_SHIM_KILL");
    long none = -1;
    if (!number)
        return;
    atomic_compare_exchange_strong(&left, &none, atol(number));
    if (atomic_fetch_sub(&left, 1) == 0)
        kill(getpid(), SIGKILL);
}

/* Also pwrite64(): offsets have 64 bits here. */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    enum target target = target_of(fd);
    die_here(target);
    int code = fault(target, 'w');
    if (code != 0) {
        errno = code;
        return -1;
    }
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, size, offset);
    if (target != OTHER && written > 0)
        record(WRITE, target, (uint64_t)offset, &(struct iovec){(void *)(uintptr_t)bytes, (size_t)written}, 1);
    return written;
}

int ftruncate(int fd, off_t size)
{
    enum target target = target_of(fd);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (target != OTHER && result == 0)
        record(TRUNCATE, target, (uint64_t)size, NULL, 0);
    return result;
}

int unlink(const char *path)
{
    enum target target = target_of_path(path);
    int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (target != OTHER && result == 0)
        record(UNLINK, target, 0, NULL, 0);
    return result;
}

/* As Linux does it, a sync that failed is told once to each descriptor of the file. */
static int has_failed_elsewhere(int fd, enum target target)
{
    unsigned count = atomic_load(&failures[target]);
    return fd < FD_COUNT && atomic_exchange(&told[fd], count) != count;
}

static int sync_by(long call, int fd)
{
    enum target target = target_of(fd);
    uint64_t began = record(SYNC_BEGIN, target, 0, NULL, 0);
    int code = fault(target, 's');
    if (code != 0)
        atomic_fetch_add(&failures[target], 1);
    if (target != OTHER && target != FOLDER && has_failed_elsewhere(fd, target) && code == 0)
        code = EIO;
    int result = code == 0 ? (int)syscall(call, fd) : -1;
    record(result == 0 ? SYNC_END : SYNC_FAILED, target, began, NULL, 0);
    if (code != 0)
        errno = code;
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
