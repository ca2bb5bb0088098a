/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_BODY_H
#define API_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/exchange.h"
#include "model/change.h"
#include "model/session.h"

struct jsonread;
struct json_value;

/* Request bodies: JSON read in one pass into changes, validated while it is read. */

enum { BODY_ROWS_MAX = 1000 };

/* Reads the body of an exchange, which must be JSON (for PATCH also merge-patch+json).
 * Errors: ERROR_UNSUPPORTED_MEDIA_TYPE, those of exchange_read_body(). */
YIELDS MUST_USE enum error body_read_json(struct exchange *x, struct slice *out);

/* A text value that stands for something known only later ("$m.id" in a batch): true when `text` is one and was noted.
 */
typedef bool body_defer(void *state, const struct field *field, struct slice text);

/* A list of objects, behind its opening bracket; reads up to and with the closing one. */
typedef enum error body_list(void *state, const struct field *field, struct jsonread *reader);

struct body_rules {
    body_defer *defer; /* NULL: texts are texts */
    body_list *list;   /* NULL: there are no fields with a record */
    void *state;
};

/* Reads the members of an object (its begin has been read) as the values of a change; each mistake becomes a field item
 * of the session's diag, under the change's prefix, and reading goes on.
 * Errors: ERROR_PARSE (no JSON: the diag says where), ERROR_MEMORY. Mistakes in values are none: ask diag.count. */
MUST_USE enum error body_read_object(struct jsonread *reader, struct change *change, struct session *session,
                                     const struct body_rules *rules);

/* Reads a whole body: one object, or (create) an array of objects: `*changes` has `*count` of them, `*is_many` tells.
 * Errors: ERROR_PARSE, ERROR_VALIDATION (neither of the two, empty or too many), ERROR_MEMORY. */
MUST_USE enum error body_read_changes(struct slice text, enum change_kind kind, const struct resource *resource,
                                      struct session *session, struct change **changes, size_t *count, bool *is_many);

/* Reads a whole body that must be one object. Errors: as above. */
MUST_USE enum error body_read_input(struct slice text, struct change *change, struct session *session,
                                    const struct body_rules *rules);

/* Puts the place and the reason of a JSON error into words. Returns ERROR_PARSE. */
MUST_USE enum error body_parse_error(struct jsonread *reader, struct session *session);

/* Turns the text of a value into what is stored, by the rules of its field; a mistake becomes a field item.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error body_set_text(struct change *change, const struct field *field, struct slice text,
                                  struct session *session);

#endif
