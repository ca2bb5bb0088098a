/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_DRAFT_H
#define MODEL_SCHEMA_DRAFT_H

#include "base/node.h"
#include "model/fieldspec.h"
#include "model/permission.h"
#include "model/schema.h"
#include "model/schema_build.h"

/* A schema in the making: what schema_build.c and the files beside it, one per noun, pass to each other. Each takes
 * the draft, tells mistakes in its diag, goes on where it can, and fails only for want of memory. */

struct field_draft {
    struct field *field;
    const struct node *node; /* the line, or the map of the long form */
    const struct node *line; /* the line in either; NULL: there is none */
    struct fieldspec spec;
    bool is_read;     /* `spec` holds what the line says */
    bool is_resolved; /* the field's type is known */
};

struct resource_draft {
    struct resource *resource;
    const struct node *node; /* the map; NULL when it is none */
    struct field *fields;
    struct field_draft *drafts; /* of the declared fields, in their order */
    size_t draft_count;
    bool has_own_key;           /* `key:` names it, or it is a view: there is no `id` */
    bool has_no_timestamps;     /* `timestamps: false` */
    bool has_no_version;        /* `version: false` */
    struct relation *relations; /* room for all that refer here */
};

struct schema_draft {
    struct arena *arena;
    struct diag *diag;
    struct schema *schema;
    enum schema_naming naming;
    bool has_capitals; /* names of the present resource may have them: it is an adopted one */
    struct resource_draft *resources;
    struct permission_list permissions;
    const struct node *role_map; /* or NULL */
    struct role *roles;          /* schema.roles, being filled */
};

/* Whether a name has the right letters and is not reserved. */
bool schema_name_is_free(const char *what, struct slice name);
/* Tells what is wrong with a name; `what` is "resource", "field", "action", "input" or "step". False: it is wrong. */
bool schema_name_check(struct schema_draft *draft, const char *what, const struct node *node);
/* What stands behind `renamed_from:`; empty: nothing, or it is wrong, which is told. */
struct slice schema_name_before(struct schema_draft *draft, const struct node *node, struct slice name);
/* Fills json_name and json_key.
 * Errors: ERROR_MEMORY. */
MUST_USE
enum error schema_name_json(struct schema_draft *draft, struct field *field);
/* Adds `unknown <what> "…"` with the nearest field of the resource. */
void schema_name_unknown_field(struct schema_draft *draft, const struct resource *resource, struct slice name,
                               struct place place);
/* An index name that nothing else in the database has. */
MUST_USE
enum error schema_name_index(struct schema_draft *draft, const struct resource *resource, struct slice wanted,
                             struct slice *out);

/* What an adopted table lacks and is called: `table`, `key`, `view`, `timestamps`, `version`. Before its fields. */
void schema_key_read(struct schema_draft *draft, struct resource_draft *resource);
/* Finds the fields of `key:`; all are declared. */
MUST_USE
enum error schema_key_declare(struct schema_draft *draft, struct resource_draft *resource);
/* Says who gives the key, and checks what it is made of; the types of all fields are known. */
void schema_key_resolve(struct schema_draft *draft, struct resource_draft *resource);
/* Whether the resource has a system field of this name by itself. */
bool schema_key_has_system(const struct resource_draft *resource, struct slice name);

/* Declares the fields of a resource: names, flags, places; reads their lines. */
MUST_USE
enum error schema_field_declare(struct schema_draft *draft, struct resource_draft *resource);
/* The same for one field alone, from its node: a line or a map. */
MUST_USE
enum error schema_field_declare_one(struct schema_draft *draft, struct field_draft *own, const struct node *node,
                                    const char *what);
MUST_USE
enum error schema_field_resolve_one(struct schema_draft *draft, struct field_draft *own);
/* The nodes that YAML makes of a line that it ends at a comma; the last one of them. */
const struct node *schema_field_skip_cut(const struct node *node);
/* Gives each field its type (all resources are declared) and checks what its line says against it. */
MUST_USE
enum error schema_field_resolve(struct schema_draft *draft, struct resource_draft *resource);

/* Sets the type of a field from its line and its long form; false: told. */
bool schema_type_resolve(struct schema_draft *draft, struct field_draft *field);
/* Sets a field's default; its type is known. */
MUST_USE
enum error schema_default_resolve(struct schema_draft *draft, struct field_draft *field);

/* The input of an action: fields without the system ones, as the fields of a resource that is no table. All resources
 * are resolved. `map` may be NULL. */
MUST_USE
enum error schema_input_build(struct schema_draft *draft, struct slice name, const struct node *map,
                              const struct resource **out);
/* The actions of an app; all resources are resolved. */
MUST_USE
enum error action_build(struct schema_draft *draft, const struct node *actions);

/* Declares the roles by name, so that expressions may ask for them. */
MUST_USE
enum error schema_role_declare(struct schema_draft *draft);
/* Says what each role holds; every expression has been read. */
MUST_USE
enum error schema_role_resolve(struct schema_draft *draft);

/* The reverse of each reference. */
MUST_USE
enum error schema_relation_resolve(struct schema_draft *draft);
MUST_USE
enum error schema_index_resolve(struct schema_draft *draft, struct resource_draft *resource);
MUST_USE
enum error schema_index_search(struct schema_draft *draft, struct resource_draft *resource);
MUST_USE
enum error schema_access_resolve(struct schema_draft *draft, struct resource_draft *resource);

/* Reads an expression of the app file; `*out` is NULL when it was wrong (told) and for `true`.
 * Errors: ERROR_MEMORY. */
struct expr;
struct expr_scope;
MUST_USE
enum error schema_build_expr(struct schema_draft *draft, const struct node *node, const struct expr_scope *scope,
                             struct expr **out);

#endif
