/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSONWRITE_H
#define BASE_JSONWRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* JSON values (RFC 8259) to the end of a buffer. Commas, colons and brackets are the caller's. */

/* A string in quotes. What is not UTF-8 comes out as U+FFFD, byte by byte, so the result is always valid. */
void jsonwrite_string(struct buf *buf, struct slice text);
void jsonwrite_int(struct buf *buf, int64_t number);
/* The shortest text that reads back as the same double, 1.0 as `1`; `null` when it is not finite. */
void jsonwrite_float(struct buf *buf, double number);
void jsonwrite_bool(struct buf *buf, bool value);
void jsonwrite_null(struct buf *buf);

#endif
