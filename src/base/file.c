/* SPDX-License-Identifier: Apache-2.0 */
/* A file is written beside its place and then given its name: whoever reads finds the old one or the new one. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0666 };

static enum error fail(struct diag *diag, const char *path, const char *what)
{
    diag_say(diag, NULL, "%s cannot be %s: %s", path, what, strerror(errno));
    return ERROR_IO;
}

static enum error read_from(int fd, const char *path, size_t limit, struct arena *arena, struct diag *diag,
                            struct slice *out)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail(diag, path, "read");
    if (!S_ISREG(status.st_mode)) {
        diag_say(diag, NULL, "%s is no file", path);
        return ERROR_IO;
    }
    if ((unsigned long long)status.st_size > limit) {
        diag_say(diag, NULL, "%s is larger than %zu bytes", path, limit);
        return ERROR_LIMIT;
    }
    size_t size = (size_t)status.st_size, length = 0;
    char *text = arena_alloc(arena, size);
    if (!text)
        return ERROR_MEMORY;
    while (length < size) {
        ssize_t count = read(fd, text + length, size - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(diag, path, "read");
        if (count == 0)
            break;
        length += (size_t)count;
    }
    *out = slice_of(text, length);
    return OK;
}

enum error file_read(const char *path, size_t limit, struct arena *arena, struct diag *diag, struct slice *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERROR_NOT_FOUND : fail(diag, path, "read");
    enum error error = read_from(fd, path, limit, arena, diag, out);
    close(fd);
    return error;
}

static bool write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t count = write(fd, text.ptr, text.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text = slice_from_index(text, (size_t)count);
    }
    return fsync(fd) == 0;
}

static enum error put_in_place(const char *beside, const char *path, bool replaces, struct diag *diag)
{
    if (replaces)
        return rename(beside, path) == 0 ? OK : fail(diag, path, "written");
    if (link(beside, path) == 0)
        return OK;
    if (errno != EEXIST)
        return fail(diag, path, "written");
    diag_say(diag, NULL, "%s is there already", path);
    return ERROR_CONFLICT;
}

enum error file_write(const char *path, struct slice text, bool replaces, struct arena *arena, struct diag *diag)
{
    const char *beside = arena_printf(arena, "%s.%ld.tmp", path, (long)getpid());
    if (!beside)
        return ERROR_MEMORY;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return fail(diag, path, "written");
    bool is_written = write_all(fd, text);
    enum error error = is_written ? OK : fail(diag, path, "written");
    close(fd);
    if (error == OK)
        error = put_in_place(beside, path, replaces, diag);
    unlink(beside);
    return error;
}
