/* SPDX-License-Identifier: Apache-2.0 */
/* The growing side of buf.h. Capacity doubles, so n appends cost n copies in all.
 *
 * Invariants
 *   (1) len <= cap <= limit_bytes
 *   (2) once failed, the bytes do not change until buf_clear()
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 512 };

void buf_fini(struct buf *buf)
{
    free(buf->ptr);
    buf_init(buf, buf->limit_bytes);
}

char *buf_reserve_slow(struct buf *buf, size_t size)
{
    if (buf->failed)
        return NULL;
    size_t needed;
    if (__builtin_add_overflow(buf->len, size, &needed) || needed > buf->limit_bytes) {
        buf->failed = buf->is_over = true;
        return NULL;
    }
    size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
    while (cap < needed)
        cap *= 2;
    if (cap > buf->limit_bytes)
        cap = buf->limit_bytes;
    char *grown = realloc(buf->ptr, cap ? cap : 1);
    if (!grown) {
        buf->failed = true;
        return NULL;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return buf->ptr + buf->len;
}

void buf_put_uint(struct buf *buf, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[20];
    char *at = digits + sizeof digits;
    while (number >= 100) {
        unsigned pair = (unsigned)(number % 100) * 2;
        number /= 100;
        *--at = pairs[pair + 1];
        *--at = pairs[pair];
    }
    if (number >= 10) {
        *--at = pairs[number * 2 + 1];
        *--at = pairs[number * 2];
    } else {
        *--at = (char)('0' + number);
    }
    buf_put(buf, at, (size_t)(digits + sizeof digits - at));
}

void buf_put_int(struct buf *buf, int64_t number)
{
    if (number < 0)
        buf_put_byte(buf, '-');
    buf_put_uint(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *room = length < 0 ? NULL : buf_reserve(buf, (size_t)length + 1);
    if (room) {
        vsnprintf(room, (size_t)length + 1, format, again);
        buf_advance(buf, (size_t)length);
    }
    va_end(again);
    va_end(arguments);
}
