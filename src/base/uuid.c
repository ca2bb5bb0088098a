/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs: the text form, and version 7: 48 bits of milliseconds, 4 of version, a counter of 12, 2 of variant, 62 random.
 *
 * The counter (RFC 9562 section 6.2, method 1) starts at a random number below 2^11 with each new millisecond and is
 * incremented within one; when its 12 bits are used up the time moves on by one.
 *
 * Invariant: (last_ms, counter) grows with every UUID, so of one source each is larger than those before.
 */
#include "base/uuid.h"

#include "base/hex.h"
#include "base/random.h"

enum { COUNTER_MAX = 0xFFF, COUNTER_START_MASK = 0x7FF };

#define MS_MAX (UINT64_C(1) << 48)

void uuid_source_init(struct uuid_source *source)
{
    *source = (struct uuid_source){0};
}

static bool is_dash(size_t index)
{
    return index == 8 || index == 13 || index == 18 || index == 23;
}

void uuid_format(const unsigned char bytes[UUID_BYTES], char text[UUID_TEXT_BYTES])
{
    char digits[2 * UUID_BYTES];
    hex_encode(slice_of((const char *)bytes, UUID_BYTES), digits);
    for (size_t i = 0, at = 0; i < UUID_TEXT_BYTES; i++)
        text[i] = is_dash(i) ? '-' : digits[at++];
}

enum error uuid_parse(struct slice text, char out[UUID_TEXT_BYTES])
{
    if (text.len != UUID_TEXT_BYTES)
        return ERROR_PARSE;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++)
        if (is_dash(i) ? text.ptr[i] != '-' : hex_digit(text.ptr[i]) < 0)
            return ERROR_PARSE;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++)
        out[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'F' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
    return OK;
}

static void advance(struct uuid_source *source, uint64_t now_ms, unsigned start)
{
    if (now_ms > source->last_ms) {
        source->last_ms = now_ms;
        source->counter = start;
    } else if (source->counter == COUNTER_MAX) {
        source->last_ms++;
        source->counter = start;
    } else {
        source->counter++;
    }
}

enum error uuid_generate(struct uuid_source *source, int64_t wall_ms, struct random_source *random,
                         char text[UUID_TEXT_BYTES])
{
    unsigned char bytes[UUID_BYTES], seed[2];
    TRY(random_bytes(random, bytes + 8, 8));
    TRY(random_bytes(random, seed, sizeof seed));
    advance(source, wall_ms > 0 ? (uint64_t)wall_ms % MS_MAX : 0,
            (unsigned)(seed[0] << 8 | seed[1]) & COUNTER_START_MASK);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(source->last_ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(0x70 | source->counter >> 8);
    bytes[7] = (unsigned char)source->counter;
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    uuid_format(bytes, text);
    return OK;
}
