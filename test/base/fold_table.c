/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what utf8_fold() makes of every code point that it changes: "65 97". For test/e2e/fold_test.py. */
#include <stdio.h>

#include "base/utf8.h"

int main(void)
{
    for (uint32_t point = 1; point <= 0x10FFFF; point++)
        if (utf8_fold(point) != point)
            printf("%u %u\n", point, utf8_fold(point));
    return 0;
}
