/* SPDX-License-Identifier: Apache-2.0 */
/* Known headers by name. The table is ordered by length, and `range` says where each length begins, so that a name is
 * compared with the one to three rows of its own length, and most names with none.
 *
 * Invariant
 *   (1) the lengths in http1_known.def do not fall, and range[] has every length in it (the test finds each name)
 */
#include "http/http1_known.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/swar.h"

enum { LONGEST = 30 };

static const struct slice names[HTTP1_HEADER_COUNT] = {
#define X(id, name, repeat) SLICE_INIT(name),
#include "http/http1_known.def"
#undef X
};

/* Of each length, the first row and the one behind the last. */
static const unsigned char range[LONGEST + 1][2] = {
    [4] = {HTTP1_HEADER_HOST, HTTP1_HEADER_HOST + 1},
    [6] = {HTTP1_HEADER_ACCEPT, HTTP1_HEADER_PREFER + 1},
    [7] = {HTTP1_HEADER_UPGRADE, HTTP1_HEADER_UPGRADE + 1},
    [8] = {HTTP1_HEADER_IF_MATCH, HTTP1_HEADER_IF_MATCH + 1},
    [9] = {HTTP1_HEADER_FORWARDED, HTTP1_HEADER_X_API_KEY + 1},
    [10] = {HTTP1_HEADER_CONNECTION, HTTP1_HEADER_USER_AGENT + 1},
    [11] = {HTTP1_HEADER_TRACEPARENT, HTTP1_HEADER_TRACEPARENT + 1},
    [12] = {HTTP1_HEADER_CONTENT_TYPE, HTTP1_HEADER_X_REQUEST_ID + 1},
    [13] = {HTTP1_HEADER_AUTHORIZATION, HTTP1_HEADER_IF_NONE_MATCH + 1},
    [14] = {HTTP1_HEADER_CONTENT_LENGTH, HTTP1_HEADER_TENON_POSITION + 1},
    [15] = {HTTP1_HEADER_ACCEPT_ENCODING, HTTP1_HEADER_X_FORWARDED_FOR + 1},
    [16] = {HTTP1_HEADER_CONTENT_ENCODING, HTTP1_HEADER_CONTENT_ENCODING + 1},
    [17] = {HTTP1_HEADER_TRANSFER_ENCODING, HTTP1_HEADER_TRANSFER_ENCODING + 1},
    [29] = {HTTP1_HEADER_ACCESS_CONTROL_REQUEST_METHOD, HTTP1_HEADER_ACCESS_CONTROL_REQUEST_METHOD + 1},
    [30] = {HTTP1_HEADER_ACCESS_CONTROL_REQUEST_HEADERS, HTTP1_HEADER_ACCESS_CONTROL_REQUEST_HEADERS + 1},
};

static uint32_t half(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Whether a token is the name, without case. Bit 5 is the case of a letter, and among the bytes of tokens it
 * tells nothing else apart from a letter or '-', which is all that names consist of. The last word overlaps the one
 * before it, and all known names have 4 bytes at least. */
static bool is_name(const char *token, const char *name, size_t len)
{
    const uint64_t lower = SWAR_EVERY(0x20);
    if (len < sizeof lower) {
        uint32_t front = half(token) ^ half(name), back = half(token + len - 4) ^ half(name + len - 4);
        return ((front | back) & ~(uint32_t)lower) == 0;
    }
    uint64_t difference = swar_load(token + len - sizeof lower) ^ swar_load(name + len - sizeof lower);
    for (size_t i = 0; i + sizeof lower < len; i += sizeof lower)
        difference |= swar_load(token + i) ^ swar_load(name + i);
    return (difference & ~lower) == 0;
}

enum http1_known http1_known_find(struct slice name)
{
    if (name.len > LONGEST)
        return HTTP1_HEADER_COUNT;
    for (unsigned row = range[name.len][0]; row < range[name.len][1]; row++)
        if (is_name(name.ptr, names[row].ptr, name.len))
            return (enum http1_known)row;
    return HTTP1_HEADER_COUNT;
}

struct slice http1_known_name(enum http1_known known)
{
    return names[known];
}
