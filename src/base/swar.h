/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SWAR_H
#define BASE_SWAR_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes at a time in one word; the first byte is the lowest. In a mask the top bit of a byte marks it; what
 * lies above the lowest mark may be marked wrongly, because borrows travel upwards, so only the first one counts. */

#define SWAR_EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t swar_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

/* The index of the first marked byte of a mask that is not zero. */
static inline size_t swar_first(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

/* Marks what is not ASCII. */
static inline uint64_t swar_high(uint64_t word)
{
    return word & SWAR_EVERY(0x80);
}

/* Marks what cannot stand for itself in a JSON string: controls, the quote, the backslash; and what is not ASCII. */
static inline uint64_t swar_special(uint64_t word)
{
    uint64_t control = word - SWAR_EVERY(' ');
    uint64_t quote = (word ^ SWAR_EVERY('"')) - SWAR_EVERY(1);
    uint64_t backslash = (word ^ SWAR_EVERY('\\')) - SWAR_EVERY(1);
    return (word | control | quote | backslash) & SWAR_EVERY(0x80);
}

/* How many of the bytes from `at` on swar_special() does not mark. */
static inline size_t swar_plain_run(const char *at, const char *end)
{
    const char *start = at;
    for (; end - at >= 8; at += 8) {
        uint64_t special = swar_special(swar_load(at));
        if (special)
            return (size_t)(at - start) + swar_first(special);
    }
    while (at < end && *at >= ' ' && (*at & 0x80) == 0 && *at != '"' && *at != '\\')
        at++;
    return (size_t)(at - start);
}

#endif
