/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes may stand where, one table and two fast scans.
 *
 * Idea: values and targets are looked at eight bytes at a time. Subtracting n from each byte of a word borrows out of
 * its highest bit exactly when some byte is below n (the lowest such byte is always found; a borrow may also mark a
 * higher one, so the word says whether, not which). Whatever is not plainly good is looked up byte by byte in the
 * table, which alone decides. The last word overlaps the one before it, so there is no tail loop.
 */
#include "http/http1_bytes.h"

#include <stdint.h>

#include "base/swar.h"

#define T HTTP1_BYTES_TOKEN
#define V HTTP1_BYTES_VALUE
#define U HTTP1_BYTES_TARGET
#define H HTTP1_BYTES_HOST
#define I HTTP1_BYTES_IPV6

const unsigned char http1_bytes_classes[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | U | H,
    ['"'] = V | U,
    ['#'] = T | V,
    ['$'] = T | V | U | H,
    ['%'] = T | V | U,
    ['&'] = T | V | U | H,
    ['\''] = T | V | U | H,
    ['('] = V | U | H,
    [')'] = V | U | H,
    ['*'] = T | V | U | H,
    ['+'] = T | V | U | H,
    [','] = V | U | H,
    ['-'] = T | V | U | H,
    ['.'] = T | V | U | H | I,
    ['/'] = V | U,
    ['0' ... '9'] = T | V | U | H | I,
    [':'] = V | U | I,
    [';'] = V | U | H,
    ['<'] = V | U,
    ['='] = V | U | H,
    ['>'] = V | U,
    ['?'] = V | U,
    ['@'] = V | U,
    ['A' ... 'F'] = T | V | U | H | I,
    ['G' ... 'Z'] = T | V | U | H,
    ['['] = V | U,
    ['\\'] = V | U,
    [']'] = V | U,
    ['^'] = T | V | U,
    ['_'] = T | V | U | H,
    ['`'] = T | V | U,
    ['a' ... 'f'] = T | V | U | H | I,
    ['g' ... 'z'] = T | V | U | H,
    ['{'] = V | U,
    ['|'] = T | V | U,
    ['}'] = V | U,
    ['~'] = T | V | U | H,
    [128 ... 255] = V,
};

#undef T
#undef V
#undef U
#undef H
#undef I

enum { WORD = sizeof(uint64_t), PORT_DIGITS_MAX = 5 };

/* Not 0 exactly when some byte of the word is below `bound` (128 at most). */
static inline uint64_t has_below(uint64_t word, unsigned char bound)
{
    return (word - SWAR_EVERY(bound)) & ~word & SWAR_EVERY(0x80);
}

static inline uint64_t has_byte(uint64_t word, unsigned char byte)
{
    return has_below(word ^ SWAR_EVERY(byte), 1);
}

static inline uint64_t suspect_in_value(uint64_t word)
{
    return has_below(word, ' ') | has_byte(word, 0x7f);
}

static inline uint64_t suspect_in_target(uint64_t word)
{
    return has_below(word, '!') | has_byte(word, 0x7f) | has_byte(word, '#') | (word & SWAR_EVERY(0x80));
}

static bool all_in(struct slice text, unsigned class)
{
    return http1_bytes_span(text, class) == text.len;
}

bool http1_bytes_are_value(struct slice text)
{
    if (text.len < WORD)
        return all_in(text, HTTP1_BYTES_VALUE);
    uint64_t suspect = suspect_in_value(swar_load(text.ptr + text.len - WORD));
    for (size_t i = 0; i + WORD < text.len; i += WORD)
        suspect |= suspect_in_value(swar_load(text.ptr + i));
    return LIKELY(!suspect) || all_in(text, HTTP1_BYTES_VALUE);
}

bool http1_bytes_are_target(struct slice text)
{
    if (text.len < WORD)
        return all_in(text, HTTP1_BYTES_TARGET);
    uint64_t suspect = suspect_in_target(swar_load(text.ptr + text.len - WORD));
    for (size_t i = 0; i + WORD < text.len; i += WORD)
        suspect |= suspect_in_target(swar_load(text.ptr + i));
    return !suspect;
}

static bool is_port(struct slice text)
{
    if (text.len > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

bool http1_bytes_are_host(struct slice text)
{
    size_t len;
    if (text.len && text.ptr[0] == '[') {
        size_t inside = http1_bytes_span(slice_from_index(text, 1), HTTP1_BYTES_IPV6);
        if (inside < 2 || 1 + inside == text.len || text.ptr[1 + inside] != ']')
            return false;
        len = inside + 2;
    } else {
        len = http1_bytes_span(text, HTTP1_BYTES_HOST);
    }
    if (len == 0)
        return false;
    return len == text.len || (text.ptr[len] == ':' && is_port(slice_from_index(text, len + 1)));
}
