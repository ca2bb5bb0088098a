/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as hexadecimal digits and back. Pure. */
#include "base/hex.h"

void hex_encode(struct slice bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
}

enum error hex_decode(struct slice text, void *bytes, size_t size)
{
    if (text.len % 2 != 0 || text.len / 2 != size)
        return ERROR_PARSE;
    for (size_t i = 0; i < text.len; i++)
        if (hex_digit(text.ptr[i]) < 0)
            return ERROR_PARSE;
    unsigned char *out = bytes;
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(hex_digit(text.ptr[2 * i]) << 4 | hex_digit(text.ptr[2 * i + 1]));
    return OK;
}
