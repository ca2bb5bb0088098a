/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* Numbers are written as JSON writes them (RFC 8259 section 6): no plus sign, no leading zero, no bare point. */

/* The parts of a number; they point into its text. */
struct number_parts {
    bool is_negative;
    bool is_integer;       /* it has neither a fraction nor an exponent */
    struct slice whole;    /* the digits before the point, at least one */
    struct slice fraction; /* the digits behind it, often none */
    int64_t exponent;      /* kept within 10^15 either way */
};

enum { NUMBER_DECIMAL_DIGITS_MAX = 18 };

/* How many bytes a number at the beginning of `text` takes; 0, and no parts, when it does not begin with one. */
size_t number_scan(struct slice text, struct number_parts *parts);
/* An integer, without fraction and exponent.
 * Errors: ERROR_PARSE (not an integer), ERROR_VALIDATION (not within 64 bits). */
MUST_USE
enum error number_parse_int(struct slice text, int64_t *out);
/* The double nearest to a number, whatever the locale is.
 * Errors: ERROR_PARSE (not a number), ERROR_VALIDATION (too large for a double). */
MUST_USE
enum error number_parse_float(struct slice text, double *out);
/* A number as a count of 10^-scale: "-12.50" with scale 2 is -1250. Exact or refused; 0 <= scale <= precision <= 18.
 * Errors: ERROR_PARSE (not a number), ERROR_VALIDATION (more than precision - scale digits before the point),
 *         ERROR_UNPROCESSABLE (more than scale digits behind it, other than zeros). */
MUST_USE
enum error number_parse_decimal(struct slice text, unsigned precision, unsigned scale, int64_t *out);
/* Appends a count of 10^-scale with all of its scale: 1250 with scale 2 is 12.50. */
void number_format_decimal(struct buf *buf, int64_t scaled, unsigned scale);

/* The double next to scaled / 10^scale. */
double number_of_decimal(int64_t scaled, unsigned scale);

#endif
