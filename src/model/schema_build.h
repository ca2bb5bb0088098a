/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_BUILD_H
#define MODEL_SCHEMA_BUILD_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"
#include "model/schema.h"

/* How fields are spelt in JSON: as in the schema, or created_at as createdAt. */
enum schema_naming { SCHEMA_SNAKE, SCHEMA_CAMEL };

/* The parts of an app file that a schema is built of: maps, each NULL where there is none. */
struct schema_source {
    const struct node *resources, *actions, *roles;
    enum schema_naming naming;
};

/* Builds the schema that an app file declares. Everything lives in `arena`. All mistakes are told in one run; what
 * nobody may do is a warning.
 * Errors: ERROR_VALIDATION (the diag, not NULL, has every mistake), ERROR_MEMORY. */
MUST_USE
enum error schema_build(const struct schema_source *source, struct arena *arena, struct diag *diag,
                        struct schema **out);

/* Gives back what a schema holds outside of its arena (compiled patterns); accepts NULL. Before the arena is freed. */
void schema_build_release(const struct schema *schema);

/* The sections of a resource, and whether this version serves them; ends with a NULL name. */
struct schema_section {
    const char *name;
    const char *help; /* NULL: not available yet */
};
const struct schema_section *schema_build_sections(void);

/* Whether a "resource" or a "field" may have this name: its letters, and that nothing else means something by it. */
bool schema_build_is_name(const char *what, struct slice name);

#endif
