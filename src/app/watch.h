/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Files whose change reloads the app. */
struct watch {
    const char *const *files; /* borrowed */
    size_t count;
    uint64_t seen; /* a digest of what they looked like */
};

/* Remembers how the files look now. */
void watch_init(struct watch *watch, const char *const *files, size_t count);
/* Whether one of them has changed, appeared or gone since. */
bool watch_has_changed(const struct watch *watch);

#endif
