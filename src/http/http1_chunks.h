/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP1_CHUNKS_H
#define HTTP_HTTP1_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "http/http1.h"

/* A chunked body (RFC 9112 section 7.1), strictly. Pure and resumable at every byte. */
struct http1_chunks {
    const char *sentence; /* REFUSED (always a 400): why; static memory */

    unsigned state;
    uint64_t size;          /* of the chunk whose size is being read, then what is left of its bytes */
    unsigned digits;        /* of the size */
    size_t extension_bytes; /* of this chunk */
    size_t extensions_bytes;
    size_t trailer_bytes;
};

enum {
    HTTP1_CHUNKS_DIGITS_MAX = 16,
    HTTP1_CHUNKS_EXTENSION_MAX = 256,        /* bytes, per chunk */
    HTTP1_CHUNKS_EXTENSIONS_MAX = 16 * 1024, /* bytes, per body */
    HTTP1_CHUNKS_TRAILER_MAX = 8 * 1024      /* bytes, per body */
};

/* Makes it ready for the body behind a head. */
ANY_CORE void http1_chunks_init(struct http1_chunks *chunks);

/* Takes in bytes of the body. `consumed` is how many of `in` are done with, `data` the run of body bytes among them
 * (inside `in`; empty unless the result is DATA). DATA: call again with what follows `consumed`. NEED_MORE: all of `in`
 * is consumed. DONE: the body and its trailers end at `consumed`. The sizes are not held to a limit: that is the
 * caller's, who counts the data. Extensions and trailers are checked, bounded and dropped. */
MUST_USE ANY_CORE enum http1_result http1_chunks_feed(struct http1_chunks *chunks, struct slice in, size_t *consumed,
                                                      struct slice *data);

#endif
