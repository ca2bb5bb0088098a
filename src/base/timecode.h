/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TIMECODE_H
#define BASE_TIMECODE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Points of time as text: microseconds (or days, or seconds) since 1970-01-01T00:00:00Z in the Gregorian calendar,
 * years 0001 to 9999, without leap seconds. What is formatted lies within these years; what does not is drawn to the
 * nearest end. Texts are written without a NUL. */

enum { TIMECODE_DATETIME_BYTES = 27, TIMECODE_DATE_BYTES = 10, TIMECODE_HTTP_BYTES = 29 };

#define TIMECODE_DAYS_MIN (-719162)
#define TIMECODE_DAYS_MAX 2932896
#define TIMECODE_US_MIN   (TIMECODE_DAYS_MIN * INT64_C(86400000000))
#define TIMECODE_US_MAX   ((TIMECODE_DAYS_MAX + 1) * INT64_C(86400000000) - 1)

/* A date and time with its offset (RFC 3339): "2026-01-02T03:04:05.678901Z" or "…+02:00", six digits behind the
 * point at most, beside zeros.
 * Errors: ERROR_PARSE; timecode_refusal() says why. */
MUST_USE
enum error timecode_parse_datetime(struct slice text, int64_t *out_us);
/* What is wrong with a text that timecode_parse_datetime() refuses: a constant sentence; NULL for one that it takes. */
const char *timecode_refusal(struct slice text);
/* Writes "2026-01-02T03:04:05.678901Z". */
void timecode_format_datetime(int64_t us, char text[TIMECODE_DATETIME_BYTES]);
/* A date, "2026-01-02", as days since 1970-01-01.
 * Errors: ERROR_PARSE. */
MUST_USE
enum error timecode_parse_date(struct slice text, int32_t *out_days);
/* Writes "2026-01-02". */
void timecode_format_date(int32_t days, char text[TIMECODE_DATE_BYTES]);
/* Writes "Fri, 02 Jan 2026 03:04:05 GMT" (RFC 9110 section 5.6.7). */
void timecode_format_http(int64_t seconds, char text[TIMECODE_HTTP_BYTES]);
/* A length of time for settings: a whole number and one of ms s m h d w, "30s", "500ms"; or 0.
 * Errors: ERROR_PARSE (not one), ERROR_VALIDATION (too long). */
MUST_USE
enum error timecode_parse_duration(struct slice text, int64_t *out_ms);
/* A size for settings: a whole number and one of B KB MB GB TB (powers of 1000) KiB MiB GiB TiB (of 1024), "8KiB";
 * or 0.
 * Errors: ERROR_PARSE (not one), ERROR_VALIDATION (too large). */
MUST_USE
enum error timecode_parse_size(struct slice text, int64_t *out_bytes);

#endif
