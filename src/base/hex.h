/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* The value of a hexadecimal digit of either case; -1 when it is none. */
static inline int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Writes 2 * bytes.len lower-case digits, without a NUL. */
void hex_encode(struct slice bytes, char *text);
/* Reads exactly 2 * size digits of either case.
 * Errors: ERROR_PARSE. */
MUST_USE
enum error hex_decode(struct slice text, void *bytes, size_t size);

#endif
