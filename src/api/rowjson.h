/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_ROWJSON_H
#define API_ROWJSON_H

#include <stdbool.h>

#include "api/shape.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "model/query.h"
#include "model/session.h"

/* Rows as JSON, written from the database's columns straight into the answer: no tree, no allocation per row. */

struct api_settings;

/* Appends the JSON of one stored value. */
void rowjson_value(struct buf *out, const struct api_settings *settings, const struct type *type, struct value value);

/* Appends a row of a plain shape (nothing expanded) from values by field index. */
void rowjson_values(struct buf *out, const struct api_settings *settings, const struct shape *shape,
                    const struct value *values);

/* Steps through a query whose columns are the shape's and appends its rows, separated by commas, `limit` at most
 * (negative: all). `seen` (may be NULL) is called for each row with its index after it was written, while its keys can
 * be read. Expanded references are loaded with one query per relation per level.
 * A row more than `limit` is not written, only noticed: `*has_more`.
 * Errors: those of query_next() and query_open(); ERROR_LIMIT when the answer outgrows its buffer. */
struct rowjson {
    struct session *session;
    const struct api_settings *settings;
    const struct shape *shape;
    int64_t limit;
    void (*seen)(void *argument, const struct query_rows *rows, int64_t index);
    void *argument;
};

/* Appends the rows of these ids, separated by commas, in their order; what the caller may not read is null. One query,
 * and one per relation per level. Errors: as above. */
YIELDS MUST_USE enum error rowjson_write_ids(const struct rowjson *writer, const struct value *ids, size_t count,
                                             struct buf *out);
YIELDS MUST_USE enum error rowjson_write(const struct rowjson *writer, struct query_rows *rows, struct buf *out,
                                         int64_t *count, bool *has_more);

#endif
