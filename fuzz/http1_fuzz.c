/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1: a stream of requests is understood the same whether it comes whole, byte by byte, in a buffer that moves
 * or cut anyhow. */
#include <stdint.h>

#include "../test/http/http1_events.h"
#include "base/check.h"

enum { MEMORY = 64 << 20, MOVING_BYTES_MAX = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Any seed will do, as long as the input alone decides it. */
static unsigned random_cut(const uint8_t *bytes, size_t size)
{
    unsigned seed = HTTP1_EVENTS_RANDOM;
    for (size_t i = 0; i < size && i < 16; i++)
        seed = (seed * 31 + bytes[i]) & 0xffff;
    return seed < HTTP1_EVENTS_RANDOM ? HTTP1_EVENTS_RANDOM : seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const unsigned cuts[] = {HTTP1_EVENTS_BYTEWISE, random_cut(bytes, size), HTTP1_EVENTS_BYTEWISE_MOVING};
    struct slice input = slice_of((const char *)bytes, size);
    struct buf whole, again;
    buf_init(&whole, MEMORY);
    buf_init(&again, MEMORY);
    http1_events_run(input, HTTP1_EVENTS_WHOLE, &whole);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        if (cuts[i] == HTTP1_EVENTS_BYTEWISE_MOVING && size > MOVING_BYTES_MAX)
            continue;
        buf_clear(&again);
        http1_events_run(input, cuts[i], &again);
        CHECK(slice_eq(buf_slice(&whole), buf_slice(&again)), "how bytes are cut does not change what they say");
    }
    buf_fini(&whole);
    buf_fini(&again);
    return 0;
}
