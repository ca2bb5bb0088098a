/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_PERMISSION_H
#define MODEL_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/node.h"
#include "base/slice.h"
#include "model/schema.h"

/* Permissions have names, "markets:read"; roles and scopes are lists of patterns over them. The names are counted once,
 * when the schema is built, so that asking is the test of a bit.
 *
 * A pattern is `*`, a name, or a name with `*` for one of its two parts: "markets:*", "*:read". */

/* The permission that scopes must hold for this action on this resource: "<resource>:<action>". */
unsigned permission_of(const struct resource *resource, enum action action);
/* The same for a declared action: "actions:<name>"; `index` is its place in schema.actions. */
unsigned permission_of_action(const struct schema *schema, size_t index);
/* The permission of that name: `schema.permission_count` when nothing in the app asks for it. */
unsigned permission_find(const struct schema *schema, struct slice name);

/* Whether a pattern has the right form. */
bool permission_is_pattern(struct slice pattern);
/* Whether it is a name: a pattern without `*`. */
bool permission_is_name(struct slice name);
/* Whether it holds for a name. */
bool permission_matches(struct slice pattern, struct slice name);

/* Words of a set over schema.permissions. */
static inline size_t permission_words(const struct schema *schema)
{
    return schema->permission_count / 64 + 1;
}
/* Adds what the patterns hold for, which are separated by spaces, to a set of permission_words(). */
void permission_add(const struct schema *schema, struct slice patterns, uint64_t *set);

/* The names of a schema that is being built; from the first one on schema.permissions are these. */
struct permission_list {
    struct arena *arena;
    struct schema *schema;
    struct slice *names;
    size_t capacity;
};
/* The number of the permission of that name, which is added where nothing has asked for it; `name` is borrowed.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error permission_ask(struct permission_list *list, struct slice name, unsigned *out);
/* Adds the names that every app has: those of its resources, then those of its actions (the keys of a map, or NULL).
 * Errors: ERROR_MEMORY. */
MUST_USE enum error permission_declare(struct permission_list *list, const struct node *actions);

/* The role of that name, or NULL. */
const struct role *permission_role(const struct schema *schema, struct slice name);

#endif
