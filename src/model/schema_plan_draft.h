/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_PLAN_DRAFT_H
#define MODEL_SCHEMA_PLAN_DRAFT_H

#include "base/buf.h"
#include "model/ddl.h"
#include "model/schema_plan.h"

/* A plan in the making: what the files of schema_plan share. */

enum schema_plan_way { SCHEMA_PLAN_UP, SCHEMA_PLAN_DOWN };

struct schema_plan_draft {
    const struct schema *from, *to;
    enum dialect dialect;
    struct arena *arena;
    struct diag *diag;
    struct ddl ddl[2];  /* of `from` and `to`: what makes them */
    struct buf text[2]; /* of the present part, by enum schema_plan_way */
    struct schema_plan_part *parts;
    size_t count, capacity;
};

/* A resource before and after. */
struct schema_plan_pair {
    const struct resource *old, *new;
};

/* Appends a statement to the present part. In the format %n is a name to be quoted, %s a text, both struct slice; %d is
 * an int64_t. */
void schema_plan_put(struct schema_plan_draft *draft, enum schema_plan_way way, const char *format, ...);
/* Appends a statement of the ddl with its comment. */
void schema_plan_put_ddl(struct schema_plan_draft *draft, enum schema_plan_way way,
                         const struct ddl_statement *statement);
/* Ends the part; one without statements is no part. `subject` names it: <verb>_<table>[_<subject>].
 * Errors: ERROR_MEMORY, ERROR_LIMIT. */
struct schema_plan_name {
    const char *verb;
    struct slice table, subject; /* empty: none */
    const char *summary;
    bool is_contract, is_stepwise;
};
MUST_USE enum error schema_plan_end(struct schema_plan_draft *draft, struct schema_plan_name name);

/* The resource that `resource` was; NULL: it is new. And what became of one; NULL: it is gone. */
const struct resource *schema_plan_before(const struct schema_plan_draft *draft, const struct resource *resource);
const struct resource *schema_plan_after(const struct schema_plan_draft *draft, const struct resource *resource);
/* The same of a field. */
const struct field *schema_plan_field_before(struct schema_plan_pair pair, const struct field *field);
const struct field *schema_plan_field_after(struct schema_plan_pair pair, const struct field *field);

/* The next statement of a resource of one of some kinds (bits 1 << enum ddl_kind) behind `previous`; NULL: the first.
 */
const struct ddl_statement *schema_plan_next(const struct ddl *ddl, const struct resource *resource, unsigned kinds,
                                             const struct ddl_statement *previous);
/* The statement of a ddl with that kind, name and text; NULL: there is none. */
const struct ddl_statement *schema_plan_find_same(const struct ddl *ddl, const struct ddl_statement *statement);
/* Whether a statement has that name in quotes. */
bool schema_plan_mentions(struct slice sql, struct slice name);
/* The type of a field's column. Errors: ERROR_MEMORY. */
MUST_USE enum error schema_plan_type(const struct schema_plan_draft *draft, const struct field *field,
                                     struct slice *out);

/* What each dialect does with a resource that is there before and after. */
MUST_USE enum error schema_plan_sqlite_change(struct schema_plan_draft *draft, struct schema_plan_pair pair);
MUST_USE enum error schema_plan_postgres_change(struct schema_plan_draft *draft, struct schema_plan_pair pair);
/* Tables that have another name. */
MUST_USE enum error schema_plan_postgres_rename(struct schema_plan_draft *draft);
/* What is taken away in the end. */
MUST_USE enum error schema_plan_postgres_contract(struct schema_plan_draft *draft, struct schema_plan_pair pair);

enum {
    SCHEMA_PLAN_DERIVED =
        1 << DDL_REFERENCE | 1 << DDL_INDEX | 1 << DDL_SEARCH | 1 << DDL_TRIGGER, /* made of a table's rows */
    SCHEMA_PLAN_ALL = SCHEMA_PLAN_DERIVED | 1 << DDL_TABLE
};

#endif
