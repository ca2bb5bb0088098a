/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ADOPT_H
#define MODEL_ADOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/catalog.h"
#include "model/schema.h"

/* Adoption: from what a database holds to the app file that serves it. Pure but for memory: the catalog is read
 * already. Everything lives in the catalog's arena. */

/* What a person should know: what is left out and why, what the app file cannot say. */
struct adopt_note {
    struct adopt_note *next;
    struct slice table, column; /* column empty: of the table */
    const char *text;
};

struct adopt_notes {
    struct adopt_note *first, *last;
    size_t count;
};

struct adopt_field {
    const struct catalog_column *column;
    struct slice name;
    struct slice type; /* as the app file spells it */
    enum field_type kind;
    bool is_served;
    bool is_key, is_required, is_unique, is_readonly;
    const struct adopt_resource *target; /* NULL: no reference */
    enum on_delete on_delete;
    struct slice standard; /* the literal behind `=`; empty: none */
    struct adopt_notes notes;
};

struct adopt_resource {
    const struct catalog_table *table;
    struct slice *wheres; /* by index: the condition of a partial one; empty: none, or it cannot be said */
    struct slice name;
    bool is_served, is_view;
    struct adopt_field *fields; /* of all columns */
    struct adopt_field **key;
    size_t key_count;
    struct adopt_notes notes;
};

struct adopt_plan {
    const struct catalog *catalog;
    struct arena *arena;
    struct adopt_resource *resources; /* of all tables */
    size_t count;
    size_t left_out; /* columns and tables that are not served */
};

/* Decides what every table and column becomes. Errors: ERROR_MEMORY. */
MUST_USE enum error adopt_plan_make(const struct catalog *catalog, struct adopt_plan *out);

enum adopt_access { ADOPT_ACCESS_NONE, ADOPT_ACCESS_READ, ADOPT_ACCESS_ALL };
struct adopt_style {
    struct slice name, database; /* for the lines of these names */
    enum adopt_access access;
};
/* Writes the app file. Errors are the buffer's. */
void adopt_file_write(const struct adopt_plan *plan, const struct adopt_style *style, struct buf *out);

/* A name for a resource ("resource") or a field ("field") that is as near to `wanted` as names may be, and none of
 * those `taken`. Errors: ERROR_MEMORY. */
MUST_USE enum error adopt_name_make(const char *what, struct slice wanted, const struct slice *taken, size_t count,
                                    struct arena *arena, struct slice *out);

/* What a column becomes. */
struct adopt_type {
    enum field_type kind;
    struct slice text;
    bool is_served;
    const char *note; /* why not, or what to know; NULL: nothing */
};
/* Errors: ERROR_MEMORY. */
MUST_USE enum error adopt_type_choose(enum dialect dialect, const struct catalog_column *column, struct arena *arena,
                                      struct adopt_type *out);

/* The condition of a partial index in the expression language; empty: it cannot be said there.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error adopt_where_spell(struct slice sql, enum dialect dialect, const struct adopt_resource *resource,
                                      struct arena *arena, struct slice *out);

/* A default as the app file spells it; false: it cannot say it. An empty `out`: it is null, which needs no words.
 * Errors: ERROR_MEMORY. */
MUST_USE enum error adopt_default_spell(struct slice sql, enum field_type kind, struct arena *arena, bool *is_said,
                                        struct slice *out);

#endif
