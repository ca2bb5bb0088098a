/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: values as text, appended to a buffer.
 *
 * Strings: runs that may stand as they are, which is nearly everything, are found eight bytes at a time and copied at
 * once; only what lies between two runs is looked at.
 *
 * Doubles: most that people store have few decimals. If m = round(x * 10^k) is below 2^53 and m / 10^k == x, then m
 * with its point k digits in is a text of x: the division of two exact doubles is rounded to the nearest, as a reader
 * rounds the text. The first k that does is the shortest. For the others printf writes 15, 16 or 17 digits: 17
 * always suffice, and where fewer than 15 do, the 15 end in zeros, which %g leaves out (but for subnormal numbers).
 */
#include "base/jsonwrite.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "base/swar.h"
#include "base/utf8.h"

static void put_escape(struct buf *buf, unsigned char byte)
{
    static const char letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    static const char digits[] = "0123456789abcdef";
    char letter = byte < ' ' ? letters[byte] : (char)byte;
    char escape[] = {'\\', letter, '0', '0', digits[byte >> 4], digits[byte & 15]};
    buf_put(buf, escape, letter == 'u' ? 6 : 2);
}

void jsonwrite_string(struct buf *buf, struct slice text)
{
    if (text.len == 0) {
        buf_put_literal(buf, "\"\"");
        return;
    }
    const char *at = text.ptr, *end = text.ptr + text.len, *run = at;
    buf_put_byte(buf, '"');
    while ((at += swar_plain_run(at, end)) < end) {
        struct slice rest = slice_of(at, (size_t)(end - at));
        uint32_t code_point;
        if ((*at & 0x80) && utf8_next(&rest, &code_point)) {
            at = rest.ptr;
            continue;
        }
        buf_put(buf, run, (size_t)(at - run));
        if (*at & 0x80)
            buf_put_literal(buf, "\xEF\xBF\xBD");
        else
            put_escape(buf, (unsigned char)*at);
        run = ++at;
    }
    buf_put(buf, run, (size_t)(end - run));
    buf_put_byte(buf, '"');
}

void jsonwrite_int(struct buf *buf, int64_t number)
{
    buf_put_int(buf, number);
}

static const double largest_exact = 9007199254740992.0; /* 2^53 */

/* Few decimals; false when there are more. */
static bool put_float_short(struct buf *buf, double number)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    double magnitude = fabs(number);
    if (magnitude >= 1e15)
        return false;
    for (unsigned decimals = 0; decimals < ARRAY_LEN(powers); decimals++) {
        double scaled = magnitude * powers[decimals];
        if (scaled >= largest_exact)
            return false;
        int64_t digits = (int64_t)(scaled + 0.5);
        if ((double)digits / powers[decimals] != magnitude)
            continue;
        if (signbit(number))
            buf_put_byte(buf, '-');
        number_format_decimal(buf, digits, decimals);
        return true;
    }
    return false;
}

/* printf writes the decimal point of the locale, which whoever embeds us may have set; so it is set aside. */
static void put_float_long(struct buf *buf, double number)
{
    enum { LENGTH_MAX = 32 };
    char text[LENGTH_MAX];
    locale_t before = uselocale(newlocale(LC_ALL_MASK, "C", NULL));
    int length = 0;
    for (int digits = fabs(number) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        double again;
        length = snprintf(text, sizeof text, "%.*g", digits, number);
        if (number_parse_float(slice_of(text, (size_t)length), &again) == OK && again == number)
            break;
    }
    uselocale(before);
    buf_put(buf, text, (size_t)length);
}

void jsonwrite_float(struct buf *buf, double number)
{
    if (!isfinite(number))
        jsonwrite_null(buf);
    else if (!put_float_short(buf, number))
        put_float_long(buf, number);
}

void jsonwrite_bool(struct buf *buf, bool value)
{
    if (value)
        buf_put_literal(buf, "true");
    else
        buf_put_literal(buf, "false");
}

void jsonwrite_null(struct buf *buf)
{
    buf_put_literal(buf, "null");
}
