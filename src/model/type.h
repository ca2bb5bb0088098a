/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TYPE_H
#define MODEL_TYPE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "data/sql.h"
#include "model/schema.h"

/* Texts to stored values and back to an order, by type: model/schema.h says how each type is stored. */

/* Parses what a person wrote (a body's value, a default, a query string) into the stored form and holds it to the
 * type's limits. A reference is read as the other row's id. `*why` is a sentence without a subject: "must be …".
 * Owner:  the text of `out` lies in `text` or in `arena`.
 * Errors: ERROR_VALIDATION with `*why` (in `arena` or static), ERROR_MEMORY. JSON, lists and passwords are not text:
 * ERROR_VALIDATION. */
enum error type_parse_text(const struct type *type, struct slice text, struct arena *arena, const char **why,
                           struct value *out) MUST_USE;
/* The same for what is only compared with values of the type: its form must be right, but not its length or range;
 * texts, e-mail addresses and URLs may be parts of one. */
enum error type_parse_operand(const struct type *type, struct slice text, struct arena *arena, const char **why,
                              struct value *out) MUST_USE;
/* What a stored value of the type (NULL: of any) is to the database. */
/* What a value of a field is bound as where its column stands beside it: an adopted column says itself what it is. */
enum sql_type type_storage_of(const struct field *field);
enum sql_type type_storage(const struct type *type);
/* The order of two stored values of the type, as SQL sorts them; null is last. */
int type_compare(const struct type *type, struct value a, struct value b);
/* The order of an integer and a float, exact for all of both. */
int type_compare_mixed(int64_t a, double b);

/* What a reference is stored as, at last: the type of the key that it leads to. Others are what they are. */
const struct type *type_root(const struct type *type);

#endif
