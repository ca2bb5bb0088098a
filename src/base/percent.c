/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding of the parts of a URL, and back. What may stand in a segment (RFC 3986: pchar) and what may stand
 * in a query without meaning anything there are two sets of bytes; everything else becomes an escape. */
#include "base/percent.h"

#include <stdbool.h>

#include "base/hex.h"

static enum error decode(struct slice text, char space, struct arena *arena, struct slice *out)
{
    char *bytes = arena_alloc(arena, text.len), *end = bytes;
    if (!bytes)
        return ERROR_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '%') {
            if (text.len - i < 3 || hex_digit(text.ptr[i + 1]) < 0 || hex_digit(text.ptr[i + 2]) < 0)
                return ERROR_PARSE;
            byte = (char)(hex_digit(text.ptr[i + 1]) << 4 | hex_digit(text.ptr[i + 2]));
            i += 2;
        } else if (byte == space) {
            byte = ' ';
        }
        *end++ = byte;
    }
    *out = slice_of(bytes, (size_t)(end - bytes));
    return OK;
}

enum error percent_decode(struct slice text, struct arena *arena, struct slice *out)
{
    if (slice_index(text, '%') < text.len)
        return decode(text, ' ', arena, out);
    *out = text;
    return OK;
}

enum error percent_decode_query(struct slice text, struct arena *arena, struct slice *out)
{
    if (slice_index(text, '%') < text.len || slice_index(text, '+') < text.len)
        return decode(text, '+', arena, out);
    *out = text;
    return OK;
}

static void encode(struct buf *buf, struct slice text, const char *beside)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        unsigned char lower = byte | 0x20;
        bool is_plain = (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9');
        if (is_plain || (byte != '\0' && strchr(beside, byte))) {
            buf_put_byte(buf, (char)byte);
        } else {
            char escape[] = {'%', digits[byte >> 4], digits[byte & 15]};
            buf_put(buf, escape, sizeof escape);
        }
    }
}

void percent_encode_segment(struct buf *buf, struct slice text)
{
    encode(buf, text, "-._~!$&'()*+,;=:@");
}

void percent_encode_query(struct buf *buf, struct slice text)
{
    encode(buf, text, "-._~!$'()*,:@/?");
}

void percent_encode_form(struct buf *buf, struct slice text)
{
    encode(buf, text, "-._");
}
