/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_MEMBER_H
#define MODEL_EXPR_MEMBER_H

#include <stdbool.h>

#include "model/expr.h"

/* Whether a stored list (a JSON array of scalars) holds a value, as SQLite's json_each() would compare them; undecided
 * when the text is no such array or memory is exhausted. */
enum expr_verdict expr_member_of(struct slice list, struct value wanted, const struct type *element,
                                 const struct type *type);

#endif
