/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from text, strictly, and decimals to text. Pure, and linear also for a number of a million digits.
 *
 * A double comes from one exact operation where the digits fit 53 bits and the power of ten is exact too (Clinger's
 * fast path), which is nearly always; else strtod decides, on a copy that is cut behind 800 digits, with a last 1 for
 * whatever was cut: 767 digits are the most that can matter.
 *
 * A decimal is summed up digit by digit, each by its place: a digit other than zero that has no place in the result
 * is what makes the number too large or too fine.
 */
#include "base/number.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

static const int64_t powers[] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

static size_t digit_run(struct slice text, size_t from)
{
    size_t at = from;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at - from;
}

static char byte_at(struct slice text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

/* The length of an exponent at `at`, 0 when the number ends there; false when an `e` has no digits. */
static bool scan_exponent(struct slice text, size_t at, int64_t *exponent, size_t *length)
{
    enum { LARGEST_DIGITS = 15 };
    *exponent = 0;
    *length = 0;
    if ((byte_at(text, at) | 0x20) != 'e')
        return true;
    size_t start = at + 1;
    bool is_negative = byte_at(text, start) == '-';
    if (is_negative || byte_at(text, start) == '+')
        start++;
    size_t digits = digit_run(text, start), zeros = 0;
    while (zeros < digits && text.ptr[start + zeros] == '0')
        zeros++;
    for (size_t i = zeros; i < digits && i - zeros < LARGEST_DIGITS; i++)
        *exponent = *exponent * 10 + (text.ptr[start + i] - '0');
    if (digits - zeros > LARGEST_DIGITS)
        *exponent = powers[LARGEST_DIGITS];
    if (is_negative)
        *exponent = -*exponent;
    *length = start + digits - at;
    return digits > 0;
}

size_t number_scan(struct slice text, struct number_parts *parts)
{
    struct number_parts found = {.is_negative = byte_at(text, 0) == '-'};
    size_t at = found.is_negative;
    size_t digits = byte_at(text, at) == '0' ? 1 : digit_run(text, at);
    if (digits == 0)
        return 0;
    found.whole = slice_of(text.ptr + at, digits);
    at += digits;
    if (byte_at(text, at) == '.') {
        digits = digit_run(text, at + 1);
        if (digits == 0)
            return 0;
        found.fraction = slice_of(text.ptr + at + 1, digits);
        at += 1 + digits;
    }
    size_t length;
    if (!scan_exponent(text, at, &found.exponent, &length))
        return 0;
    found.is_integer = found.fraction.len == 0 && length == 0;
    *parts = found;
    return at + length;
}

static enum error scan_all(struct slice text, struct number_parts *parts)
{
    size_t length = number_scan(text, parts);
    return length > 0 && length == text.len ? OK : ERROR_PARSE;
}

enum error number_parse_int(struct slice text, int64_t *out)
{
    struct number_parts parts;
    TRY(scan_all(text, &parts));
    if (!parts.is_integer)
        return ERROR_PARSE;
    int64_t value = 0;
    for (size_t i = 0; i < parts.whole.len; i++) {
        int digit = parts.whole.ptr[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, parts.is_negative ? -digit : digit, &value))
            return ERROR_VALIDATION;
    }
    *out = value;
    return OK;
}

/* All digits of a number as if they stood in one row. */
static char digit_at(const struct number_parts *parts, size_t index)
{
    return index < parts->whole.len ? parts->whole.ptr[index] : parts->fraction.ptr[index - parts->whole.len];
}

static size_t digit_count(const struct number_parts *parts)
{
    return parts->whole.len + parts->fraction.len;
}

static size_t leading_zeros(const struct number_parts *parts)
{
    size_t zeros = 0, count = digit_count(parts);
    while (zeros < count && digit_at(parts, zeros) == '0')
        zeros++;
    return zeros;
}

static bool parse_float_fast(const struct number_parts *parts, size_t zeros, double *out)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t count = digit_count(parts);
    int64_t exponent = parts->exponent - (int64_t)parts->fraction.len;
    if (count - zeros > 15 || exponent < -22 || exponent > 22)
        return false;
    int64_t digits = 0;
    for (size_t i = zeros; i < count; i++)
        digits = digits * 10 + (digit_at(parts, i) - '0');
    double value = (double)digits;
    value = exponent < 0 ? value / exact[-exponent] : value * exact[exponent];
    *out = parts->is_negative ? -value : value;
    return true;
}

static double parse_float_slow(const struct number_parts *parts, size_t zeros)
{
    enum { DIGITS_MAX = 800 };
    char text[DIGITS_MAX + 40];
    size_t length = 0, at = zeros, count = digit_count(parts);
    int64_t exponent = parts->exponent - (int64_t)parts->fraction.len;
    if (parts->is_negative)
        text[length++] = '-';
    for (; at < count && at - zeros < DIGITS_MAX; at++)
        text[length++] = digit_at(parts, at);
    exponent += (int64_t)(count - at);
    for (; at < count; at++) {
        if (digit_at(parts, at) == '0')
            continue;
        text[length++] = '1';
        exponent--;
        break;
    }
    snprintf(text + length, sizeof text - length, "e%lld", (long long)exponent);
    /* The locale named "C" is static in libc: nothing is allocated, nothing to free. */
    return strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", NULL));
}

enum error number_parse_float(struct slice text, double *out)
{
    struct number_parts parts;
    TRY(scan_all(text, &parts));
    size_t zeros = leading_zeros(&parts);
    double value = parts.is_negative ? -0.0 : 0.0;
    if (zeros < digit_count(&parts) && !parse_float_fast(&parts, zeros, &value))
        value = parse_float_slow(&parts, zeros);
    if (!isfinite(value))
        return ERROR_VALIDATION;
    *out = value;
    return OK;
}

enum error number_parse_decimal(struct slice text, unsigned precision, unsigned scale, int64_t *out)
{
    CHECK(precision <= NUMBER_DECIMAL_DIGITS_MAX, "a decimal has at most 18 digits");
    CHECK(scale <= precision, "a decimal's scale is within its precision");
    struct number_parts parts;
    TRY(scan_all(text, &parts));
    int64_t scaled = 0;
    bool is_too_fine = false;
    size_t count = digit_count(&parts);
    int64_t first = (int64_t)parts.whole.len - 1 + parts.exponent + scale;
    for (size_t i = leading_zeros(&parts); i < count; i++) {
        int64_t place = first - (int64_t)i;
        int digit = digit_at(&parts, i) - '0';
        if (digit != 0 && place >= precision)
            return ERROR_VALIDATION;
        if (digit != 0 && place >= 0)
            scaled += digit * powers[place];
        is_too_fine = is_too_fine || (digit != 0 && place < 0);
    }
    if (is_too_fine)
        return ERROR_UNPROCESSABLE;
    *out = parts.is_negative ? -scaled : scaled;
    return OK;
}

void number_format_decimal(struct buf *buf, int64_t scaled, unsigned scale)
{
    CHECK(scale <= NUMBER_DECIMAL_DIGITS_MAX, "a decimal has at most 18 digits");
    uint64_t magnitude = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    uint64_t unit = (uint64_t)powers[scale];
    if (scaled < 0)
        buf_put_byte(buf, '-');
    buf_put_uint(buf, magnitude / unit);
    if (scale == 0)
        return;
    char *room = buf_reserve(buf, 1 + scale);
    if (!room)
        return;
    room[0] = '.';
    uint64_t rest = magnitude % unit;
    for (unsigned i = scale; i > 0; i--, rest /= 10)
        room[i] = (char)('0' + rest % 10);
    buf_advance(buf, 1 + scale);
}

double number_of_decimal(int64_t scaled, unsigned scale)
{
    char text[48];
    snprintf(text, sizeof text, "%" PRId64 "e-%u", scaled, scale);
    return strtod(text, NULL);
}
