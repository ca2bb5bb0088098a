/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_COMPRESS_H
#define HTTP_COMPRESS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "rt/timer.h"

struct compressor;
struct core;
struct middleware;

/* Answers in gzip when the client takes it and the body is worth it. */
extern const struct middleware compress_middleware;

/* The compressors of one core that are not in use: each holds 256 KiB, so they go when nobody wants them for a while.
 */
struct compress_pool {
    struct core *core;
    struct compressor *free;
    size_t count;
    struct timer trim;
};

void compress_pool_init(struct compress_pool *pool, struct core *core);
void compress_pool_fini(struct compress_pool *pool);

#endif
