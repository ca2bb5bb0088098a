/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 in its two alphabets: three bytes are four digits of six bits. Pure. */
#include "base/base64.h"

#include <stdbool.h>

enum kind { STANDARD, URL };

static const char *digits_of(enum kind kind)
{
    return kind == URL ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                       : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

static enum error encode(enum kind kind, struct slice bytes, struct arena *arena, struct slice *out)
{
    const char *digits = digits_of(kind);
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    char *start = arena_alloc(arena, bytes.len / 3 * 4 + 4), *at = start;
    if (!start)
        return ERROR_MEMORY;
    for (size_t groups = bytes.len / 3; groups > 0; groups--, in += 3) {
        *at++ = digits[in[0] >> 2];
        *at++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
        *at++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
        *at++ = digits[in[2] & 63];
    }
    if (bytes.len % 3 > 0) {
        unsigned second = bytes.len % 3 == 2 ? in[1] : 0;
        *at++ = digits[in[0] >> 2];
        *at++ = digits[(in[0] & 3) << 4 | second >> 4];
        if (bytes.len % 3 == 2)
            *at++ = digits[(second & 15) << 2];
    }
    while (kind == STANDARD && (at - start) % 4 != 0)
        *at++ = '=';
    *out = slice_of(start, (size_t)(at - start));
    return OK;
}

static int digit_value(char digit, enum kind kind)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == (kind == URL ? '-' : '+'))
        return 62;
    return digit == (kind == URL ? '_' : '/') ? 63 : -1;
}

/* Takes the padding off; false when it is not as it must be. */
static bool unpad(struct slice *text)
{
    if (text->len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text->len > 0 && text->ptr[text->len - 1] == '='; i++)
        text->len--;
    return true;
}

static enum error decode(enum kind kind, struct slice text, struct arena *arena, struct slice *out)
{
    if ((kind == STANDARD && !unpad(&text)) || text.len % 4 == 1)
        return ERROR_PARSE;
    char *bytes = arena_alloc(arena, text.len / 4 * 3 + 3), *end = bytes;
    if (!bytes)
        return ERROR_MEMORY;
    unsigned pending = 0, bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i], kind);
        if (value < 0)
            return ERROR_PARSE;
        pending = (pending << 6 | (unsigned)value) & 0xFFFF;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        *end++ = (char)(pending >> bits);
    }
    if ((pending & ((1u << bits) - 1)) != 0)
        return ERROR_PARSE;
    *out = slice_of(bytes, (size_t)(end - bytes));
    return OK;
}

enum error base64_encode_standard(struct slice bytes, struct arena *arena, struct slice *out)
{
    return encode(STANDARD, bytes, arena, out);
}

enum error base64_encode_url(struct slice bytes, struct arena *arena, struct slice *out)
{
    return encode(URL, bytes, arena, out);
}

enum error base64_decode_standard(struct slice text, struct arena *arena, struct slice *out)
{
    return decode(STANDARD, text, arena, out);
}

enum error base64_decode_url(struct slice text, struct arena *arena, struct slice *out)
{
    return decode(URL, text, arena, out);
}
