/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* Percent-encoding (RFC 3986 section 2.1). What comes out of decoding may be any bytes, NUL and what is not UTF-8
 * among them. */

/* A path segment without its escapes: borrowed when it has none, else arena memory.
 * Errors: ERROR_PARSE (a % without two hexadecimal digits), ERROR_MEMORY. */
MUST_USE
enum error percent_decode(struct slice text, struct arena *arena, struct slice *out);
/* The same for a name or value of a query string, where + is a space.
 * Errors: as percent_decode(). */
MUST_USE
enum error percent_decode_query(struct slice text, struct arena *arena, struct slice *out);
/* Appends a text as one path segment. */
void percent_encode_segment(struct buf *buf, struct slice text);
/* Appends a text as a name or value of a query string; a space is %20, which everybody reads. */
void percent_encode_query(struct buf *buf, struct slice text);
/* Appends a text as a name or value of a form (application/x-www-form-urlencoded); a space is %20. */
void percent_encode_form(struct buf *buf, struct slice text);

#endif
