/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum { RANDOM_BUFFER_BYTES = 512 };

/* Fills all of `bytes`, or fails. */
typedef enum error (*random_fill_fn)(void *state, void *bytes, size_t size);

/* Where random bytes come from, fetched ahead. A test brings bytes that it knows. Not to be copied, nor used on both
 * sides of a fork. */
struct random_source {
    random_fill_fn fill;
    void *state;
    size_t left; /* unused bytes, at the end of `ahead` */
    unsigned char ahead[RANDOM_BUFFER_BYTES];
};

/* The system's: fit for keys. */
void random_source_system(struct random_source *source);
/* One that `fill` feeds. */
void random_source_init(struct random_source *source, random_fill_fn fill, void *state);
/* Writes `size` random bytes.
 * Errors: ERROR_IO (the system has none). */
MUST_USE
enum error random_bytes(struct random_source *source, void *out, size_t size);
/* A number of 64 random bits.
 * Errors: as random_bytes(). */
MUST_USE
enum error random_u64(struct random_source *source, uint64_t *out);
/* A number below `bound`, which is not 0, each equally likely.
 * Errors: as random_bytes(). */
MUST_USE
enum error random_below(struct random_source *source, uint64_t bound, uint64_t *out);

#endif
