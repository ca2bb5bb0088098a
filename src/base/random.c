/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: the kernel's generator, fetched 512 bytes at a time, since a system call for each identifier would
 * cost more than all else about it.
 *
 * Invariant: bytes that were handed out are no longer here; whoever reads this memory later learns nothing about
 * keys that were made before.
 */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

static enum error fill_from_system(void *state, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ERROR_IO;
        at += got;
        size -= (size_t)got;
    }
    return OK;
}

void random_source_init(struct random_source *source, random_fill_fn fill, void *state)
{
    source->fill = fill;
    source->state = state;
    source->left = 0;
}

void random_source_system(struct random_source *source)
{
    random_source_init(source, fill_from_system, NULL);
}

enum error random_bytes(struct random_source *source, void *out, size_t size)
{
    if (size > RANDOM_BUFFER_BYTES)
        return source->fill(source->state, out, size);
    if (size > source->left) {
        TRY(source->fill(source->state, source->ahead, RANDOM_BUFFER_BYTES));
        source->left = RANDOM_BUFFER_BYTES;
    }
    unsigned char *from = source->ahead + RANDOM_BUFFER_BYTES - source->left;
    memcpy(out, from, size);
    explicit_bzero(from, size);
    source->left -= size;
    return OK;
}

enum error random_u64(struct random_source *source, uint64_t *out)
{
    return random_bytes(source, out, sizeof *out);
}

enum error random_below(struct random_source *source, uint64_t bound, uint64_t *out)
{
    CHECK(bound > 0, "there is a number below the bound");
    uint64_t number, uneven = -bound % bound; /* 2^64 mod bound: that many numbers would be likelier */
    do
        TRY(random_u64(source, &number));
    while (number < uneven);
    *out = number % bound;
    return OK;
}
