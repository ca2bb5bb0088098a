/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/value.h"
#include "data/sql.h"
#include "model/schema.h"

/* Parses the text of a value as type_parse_text() does, and holds it to the field's pattern. A password is only
 * measured: it is hashed when the change is prepared. Owner:  the text of `out` lies in `text` or in `arena`. Errors:
 * ERROR_VALIDATION with `*why`, a sentence without a subject; ERROR_MEMORY. */
MUST_USE enum error field_parse_text(const struct field *field, struct slice text, struct arena *arena,
                                     const char **why, struct value *out);

/* Appends t<alias>.column as it is read. An enumerated type of PostgreSQL's, which only an adopted column has, is read
 * as a text. */
void field_put_column(struct sql *sql, unsigned alias, const struct field *field);

#endif
