/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSONOBJECT_H
#define BASE_JSONOBJECT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/jsonread.h"
#include "base/slice.h"

/* A small JSON object as a list of its members, for what comes from strangers and must have one reading: keys, the
 * headers and the claims of tokens. */

enum { JSONOBJECT_MEMBERS_MAX = 256, JSONOBJECT_DEPTH_MAX = 16 };

struct jsonobject_member {
    struct slice name;
    struct json_value value; /* STRING: `text` without quotes and escapes; an object or an array: as it stands there */
};

struct jsonobject {
    struct jsonobject_member *members; /* in the order of the text */
    size_t count;
};

/* Reads a text that is one object with at most `limit` members (JSONOBJECT_MEMBERS_MAX at most), of which no two have
 * the same name, and nested JSONOBJECT_DEPTH_MAX deep at most. Names and texts are borrowed from `text` or lie in the
 * arena. `reason`, set on ERROR_PARSE, is a constant sentence; NULL allowed.
 * Errors: ERROR_PARSE, ERROR_MEMORY. */
MUST_USE enum error jsonobject_read(struct slice text, size_t limit, struct arena *arena, struct jsonobject *out,
                                    const char **reason);
/* Reads a text that is one array with at most `limit` values into a list of them, in the same way.
 * Errors: ERROR_PARSE, ERROR_MEMORY. */
MUST_USE enum error jsonobject_read_list(struct slice text, size_t limit, struct arena *arena, struct json_value **out,
                                         size_t *count, const char **reason);
/* The member of a name; NULL when there is none. */
const struct jsonobject_member *jsonobject_find(const struct jsonobject *object, struct slice name);

#endif
