/* SPDX-License-Identifier: Apache-2.0 */
/* Watching files by looking at them: their times, sizes and inodes, a few times a second. It works on every file system
 * and through every editor's way of replacing a file. */
#include "app/watch.h"

#include <sys/stat.h>

#include "base/digest.h"

static uint64_t look(const struct watch *watch)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < watch->count; i++) {
        struct stat status = {0};
        int64_t facts[4] = {-1, 0, 0, 0};
        if (stat(watch->files[i], &status) == 0) {
            facts[0] = status.st_mtim.tv_sec;
            facts[1] = status.st_mtim.tv_nsec;
            facts[2] = status.st_size;
            facts[3] = (int64_t)status.st_ino;
        }
        seen = digest_hash64(seen, slice_of((const char *)facts, sizeof facts));
    }
    return seen;
}

void watch_init(struct watch *watch, const char *const *files, size_t count)
{
    *watch = (struct watch){.files = files, .count = count};
    watch->seen = look(watch);
}

bool watch_has_changed(const struct watch *watch)
{
    return look(watch) != watch->seen;
}
