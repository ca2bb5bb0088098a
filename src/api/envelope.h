/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_ENVELOPE_H
#define API_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct api_settings;
struct exchange;

/* The four envelopes of the design, section 3: what stands around data and errors. Their own keys are fixed. */

enum page_kind { PAGE_NUMBER, PAGE_OFFSET, PAGE_CURSOR };

/* Where in its list an answer stands. */
struct page {
    enum page_kind kind;
    int64_t number; /* from 1 */
    int64_t offset;
    int64_t limit;
    bool has_total;
    int64_t total;
    struct slice next_cursor; /* empty: the last page */
};

/* Appends what stands before the data, then what stands behind it; `page` NULL for a single record. */
void envelope_begin(const struct api_settings *settings, struct buf *out);
void envelope_end(const struct api_settings *settings, struct buf *out, const struct page *page, int64_t now_us);
/* The headers of a list: Link (RFC 8288) and X-Total-Count, for the envelope that has no place in the body. */
void envelope_list_headers(const struct api_settings *settings, struct exchange *x, const struct page *page);
/* Fills the whole answer of an exchange with an error and what its diag says about it. */
void envelope_error(const struct api_settings *settings, struct exchange *x, enum error error);

#endif
