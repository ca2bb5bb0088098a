/* SPDX-License-Identifier: Apache-2.0 */
/* How PostgreSQL's tables are changed while they are used.
 *
 * Nothing here holds a lock that keeps readers or writers out for longer than a moment: columns come without a rewrite,
 * constraints as NOT VALID and are validated afterwards, indexes CONCURRENTLY, values in batches (PostgreSQL 15,
 * "Explicit Locking", and the notes of ALTER TABLE and CREATE INDEX). The exception is another type: it writes the
 * table anew, and the verdict says so.
 *
 * Another name for a column: a new column, a trigger that keeps both alike whoever writes, the rows that are there in
 * batches; servers with the old app file go on with the old one. Another name for a table: a view has the old one. What
 * old servers use is taken away by parts that contract, when no old server is left. */
#include <string.h>

#include "data/sql.h"
#include "model/schema_plan_draft.h"

enum { BATCH_ROWS = 5000 };

static const enum schema_plan_way UP = SCHEMA_PLAN_UP, DOWN = SCHEMA_PLAN_DOWN;

static struct slice text_of(struct schema_plan_draft *draft, const char *lead, struct slice table, const char *between,
                            struct slice column)
{
    const char *text = arena_printf(draft->arena, "%s%.*s%s%.*s", lead, SLICE_ARG(table), between, SLICE_ARG(column));
    char room[SQL_IDENTIFIER_BYTES];
    return text ? arena_slice(draft->arena, sql_identifier(DIALECT_POSTGRES, slice_from(text), room)) : SLICE("");
}

/* ---- the name of a table ---- */

/* A statement with another table's name in it. */
static struct slice rename_in(struct schema_plan_draft *draft, struct slice sql, struct slice from, struct slice to)
{
    struct buf out;
    buf_init(&out, sql.len * 2 + 1024);
    for (size_t i = 0; i < sql.len;) {
        bool is_name = sql.ptr[i] == '"' && i + from.len + 1 < sql.len && sql.ptr[i + from.len + 1] == '"' &&
                       memcmp(sql.ptr + i + 1, from.ptr, from.len) == 0;
        if (!is_name) {
            buf_put_byte(&out, sql.ptr[i++]);
            continue;
        }
        buf_printf(&out, "\"%.*s\"", SLICE_ARG(to));
        i += from.len + 2;
    }
    struct slice text = buf_failed(&out) ? SLICE("") : arena_slice(draft->arena, buf_slice(&out));
    buf_fini(&out);
    return text;
}

/* The statement of the new schema that is this one but for the names of tables that were renamed; NULL: there is none.
 */
static const struct ddl_statement *find_renamed(struct schema_plan_draft *draft, const struct ddl_statement *old)
{
    const struct resource *after = schema_plan_after(draft, old->resource);
    const struct ddl_statement *new = NULL;
    if (!after)
        return NULL;
    while ((new = schema_plan_next(&draft->ddl[1], after, 1u << old->kind, new))) {
        struct slice sql = rename_in(draft, old->sql, old->name, new->name);
        for (size_t i = 0; i < draft->from->resource_count; i++) {
            const struct resource *before = &draft->from->resources[i], *renamed = schema_plan_after(draft, before);
            if (renamed && !slice_eq(before->name, renamed->name))
                sql = rename_in(draft, sql, before->name, renamed->name);
        }
        if (slice_eq(sql, new->sql))
            return new;
    }
    return NULL;
}

static void put_renamed(struct schema_plan_draft *draft, enum schema_plan_way way, const struct ddl_statement *from,
                        const struct ddl_statement *to, struct slice table)
{
    static const struct slice kinds[] = {[DDL_INDEX] = SLICE_INIT("INDEX"), [DDL_TRIGGER] = SLICE_INIT("TRIGGER")};
    if (!slice_eq(from->name, to->name)) {
        if (from->kind == DDL_REFERENCE)
            schema_plan_put(draft, way, "ALTER TABLE %n RENAME CONSTRAINT %n TO %n", table, from->name, to->name);
        else if (from->kind == DDL_TRIGGER)
            schema_plan_put(draft, way, "ALTER TRIGGER %n ON %n RENAME TO %n", from->name, table, to->name);
        else
            schema_plan_put(draft, way, "ALTER %s %n RENAME TO %n", kinds[DDL_INDEX], from->name, to->name);
    }
    if (to->comment.len > 0)
        schema_plan_put(draft, way, "%s", to->comment);
}

/* What is derived keeps its rows, and is called as the app file has it. */
static void put_derived_names(struct schema_plan_draft *draft, const struct resource *resource)
{
    const struct resource *after = schema_plan_after(draft, resource);
    const struct ddl_statement *old = NULL;
    while ((old = schema_plan_next(&draft->ddl[0], resource, SCHEMA_PLAN_DERIVED, old))) {
        const struct ddl_statement *new = schema_plan_find_same(&draft->ddl[1], old) ? NULL : find_renamed(draft, old);
        if (!new)
            continue;
        put_renamed(draft, UP, old, new, after->name);
        put_renamed(draft, DOWN, new, old, resource->name);
    }
}

enum error schema_plan_postgres_rename(struct schema_plan_draft *draft)
{
    const struct resource *first = NULL;
    for (size_t i = 0; i < draft->from->resource_count; i++) {
        const struct resource *old = &draft->from->resources[i], *new = schema_plan_after(draft, old);
        if (!new || slice_eq(old->name, new->name))
            continue;
        first = first ? first : new;
        schema_plan_put(draft, UP,
                        "-- the view keeps the old name\n-- tenon: allow renaming-table\nALTER TABLE %n RENAME TO %n",
                        old->name, new->name);
        schema_plan_put(draft, UP, "CREATE VIEW %n AS SELECT * FROM %n", old->name, new->name);
        schema_plan_put(draft, DOWN, "DROP VIEW IF EXISTS %n", old->name);
    }
    for (size_t i = 0; i < draft->from->resource_count; i++) {
        const struct resource *old = &draft->from->resources[i], *new = schema_plan_after(draft, old);
        if (new && !slice_eq(old->name, new->name))
            schema_plan_put(draft, DOWN, "ALTER TABLE %n RENAME TO %n", new->name, old->name);
    }
    for (size_t i = 0; first && i < draft->from->resource_count; i++)
        if (schema_plan_after(draft, &draft->from->resources[i]))
            put_derived_names(draft, &draft->from->resources[i]);
    return schema_plan_end(
        draft, (struct schema_plan_name){.verb = "rename_to",
                                         .table = first ? first->name : SLICE(""),
                                         .summary = "Gives tables another name; views keep the old ones until no "
                                                    "server with the old app file is left."});
}

/* ---- the name of a column ---- */

struct rename {
    struct slice table, old, new, name; /* of the trigger and its function */
};

static struct rename rename_of(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *old,
                               const struct field *new)
{
    return (struct rename){pair.new->name, old->name, new->name,
                           text_of(draft, "_tenon_rename_", pair.new->name, "_", new->name)};
}

static void put_sync(struct schema_plan_draft *draft, enum schema_plan_way way, const struct rename *rename)
{
    schema_plan_put(draft, way,
                    "CREATE FUNCTION %n() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
                    "  IF TG_OP = 'INSERT' AND NEW.%n IS NULL OR\n"
                    "     TG_OP = 'UPDATE' AND NEW.%n::text IS NOT DISTINCT FROM OLD.%n::text THEN\n"
                    "    NEW.%n := NEW.%n;\n  ELSE\n    NEW.%n := NEW.%n;\n  END IF;\n  RETURN NEW;\nEND\n$$",
                    rename->name, rename->new, rename->new, rename->new, rename->new, rename->old, rename->old,
                    rename->new);
    schema_plan_put(draft, way, "CREATE TRIGGER %n BEFORE INSERT OR UPDATE ON %n FOR EACH ROW EXECUTE FUNCTION %n()",
                    rename->name, rename->table, rename->name);
}

static void put_sync_drop(struct schema_plan_draft *draft, enum schema_plan_way way, const struct rename *rename)
{
    schema_plan_put(draft, way, "DROP TRIGGER %n ON %n", rename->name, rename->table);
    schema_plan_put(draft, way, "DROP FUNCTION %n()", rename->name);
}

static enum error add_renamed(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *old,
                              const struct field *new)
{
    struct rename rename = rename_of(draft, pair, old, new);
    struct slice type;
    TRY(schema_plan_type(draft, new, &type));
    schema_plan_put(draft, UP, "ALTER TABLE %n ADD COLUMN %n %s", rename.table, rename.new, type);
    schema_plan_put(draft, UP, "ALTER TABLE %n ALTER COLUMN %n DROP DEFAULT", rename.table, rename.old);
    if (field_is(old, FIELD_REQUIRED))
        schema_plan_put(draft, UP, "ALTER TABLE %n ALTER COLUMN %n DROP NOT NULL", rename.table, rename.old);
    put_sync(draft, UP, &rename);
    put_sync_drop(draft, DOWN, &rename);
    if (field_is(old, FIELD_REQUIRED))
        schema_plan_put(draft, DOWN, "ALTER TABLE %n ALTER COLUMN %n SET NOT NULL", rename.table, rename.old);
    if (old->default_kind == DEFAULT_VALUE) {
        struct slice literal;
        TRY(ddl_default(old, DIALECT_POSTGRES, draft->arena, &literal));
        schema_plan_put(draft, DOWN, "ALTER TABLE %n ALTER COLUMN %n SET DEFAULT %s", rename.table, rename.old,
                        literal);
    }
    schema_plan_put(draft, DOWN, "ALTER TABLE %n DROP COLUMN %n", rename.table, rename.new);
    TRY(schema_plan_end(draft, (struct schema_plan_name){.verb = "add",
                                                         .table = rename.table,
                                                         .subject = rename.new,
                                                         .summary = "Adds the column under its new name; a trigger "
                                                                    "keeps both alike, whoever writes."}));
    schema_plan_put(draft, UP,
                    "-- tenon: batch %s %d\nUPDATE %n SET %n = %n WHERE \"id\" > :after AND \"id\" <= :upto AND\n"
                    "  %n::text IS DISTINCT FROM %n::text",
                    rename.table, (int64_t)BATCH_ROWS, rename.table, rename.new, rename.old, rename.new, rename.old);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "fill",
                                                            .table = rename.table,
                                                            .subject = rename.new,
                                                            .summary = "Copies what the rows hold, in batches.",
                                                            .is_stepwise = true});
}

/* ---- columns ---- */

/* The k-th reference of a resource is made by its k-th statement of that kind. */
static const struct ddl_statement *find_reference(const struct ddl *ddl, const struct resource *resource,
                                                  const struct field *field)
{
    const struct ddl_statement *statement = NULL;
    for (size_t i = 0; i <= field->index; i++)
        if (resource->fields[i].type.kind == FIELD_REFERENCE)
            statement = schema_plan_next(ddl, resource, 1 << DDL_REFERENCE, statement);
    return statement;
}

static void put_reference(struct schema_plan_draft *draft, enum schema_plan_way way,
                          const struct ddl_statement *statement)
{
    schema_plan_put(draft, way, "%s NOT VALID", statement->sql);
    schema_plan_put(draft, way, "%s", statement->comment);
    schema_plan_put(draft, way, "ALTER TABLE %n VALIDATE CONSTRAINT %n", statement->resource->name, statement->name);
}

/* The constraint of a column that is new under this name. */
static enum error add_reference(struct schema_plan_draft *draft, struct schema_plan_pair pair,
                                const struct field *field)
{
    const struct ddl_statement *reference = find_reference(&draft->ddl[1], pair.new, field);
    put_reference(draft, UP, reference);
    schema_plan_put(draft, DOWN, "ALTER TABLE %n DROP CONSTRAINT %n", pair.new->name, reference->name);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "refer",
                                                            .table = pair.new->name,
                                                            .subject = field->name,
                                                            .summary = "Adds a reference, and checks it afterwards.",
                                                            .is_stepwise = true});
}

static enum error add_column(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *field)
{
    struct slice sql;
    TRY(ddl_add_column(pair.new, field, DIALECT_POSTGRES, draft->arena, &sql));
    schema_plan_put(draft, UP, "%s", sql);
    schema_plan_put(draft, DOWN, "ALTER TABLE %n DROP COLUMN %n", pair.new->name, field->name);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "add",
                                                            .table = pair.new->name,
                                                            .subject = field->name,
                                                            .summary = "Adds a column, without touching a row."});
}

/* ---- null ---- */

static void put_required(struct schema_plan_draft *draft, enum schema_plan_way way, struct slice table,
                         struct slice column)
{
    struct slice check = text_of(draft, "_tenon_required_", table, "_", column);
    schema_plan_put(draft, way, "ALTER TABLE %n ADD CONSTRAINT %n CHECK (%n IS NOT NULL) NOT VALID", table, check,
                    column);
    schema_plan_put(draft, way, "ALTER TABLE %n VALIDATE CONSTRAINT %n", table, check);
    schema_plan_put(draft, way, "ALTER TABLE %n ALTER COLUMN %n SET NOT NULL", table, column);
    schema_plan_put(draft, way, "ALTER TABLE %n DROP CONSTRAINT %n", table, check);
}

static enum error require(struct schema_plan_draft *draft, struct slice table, const struct field *field,
                          bool is_filled)
{
    if (is_filled) {
        struct slice literal;
        TRY(ddl_default(field, DIALECT_POSTGRES, draft->arena, &literal));
        schema_plan_put(draft, UP,
                        "-- tenon: batch %s %d\nUPDATE %n SET %n = %s WHERE \"id\" > :after AND \"id\" <= :upto AND "
                        "%n IS NULL",
                        table, (int64_t)BATCH_ROWS, table, field->name, literal, field->name);
    }
    put_required(draft, UP, table, field->name);
    schema_plan_put(draft, DOWN, "ALTER TABLE %n ALTER COLUMN %n DROP NOT NULL", table, field->name);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "require",
                                                            .table = table,
                                                            .subject = field->name,
                                                            .summary = "Allows no more nulls, once there are none.",
                                                            .is_stepwise = true});
}

static enum error relax(struct schema_plan_draft *draft, struct slice table, const struct field *field)
{
    schema_plan_put(draft, UP, "ALTER TABLE %n ALTER COLUMN %n DROP NOT NULL", table, field->name);
    put_required(draft, DOWN, table, field->name);
    return schema_plan_end(
        draft,
        (struct schema_plan_name){
            .verb = "relax", .table = table, .subject = field->name, .summary = "Allows nulls.", .is_stepwise = true});
}

/* ---- types and references ---- */

/* A type of the same kind needs no words to convert, and more digits no rewrite. */
static void put_type(struct schema_plan_draft *draft, enum schema_plan_way way, struct slice table, struct slice column,
                     struct slice type, bool is_same_kind)
{
    struct slice cast = slice_of(type.ptr, slice_starts(type, SLICE("text ")) ? sizeof "text" - 1 : type.len);
    if (is_same_kind) {
        schema_plan_put(draft, way, "ALTER TABLE %n ALTER COLUMN %n TYPE %s", table, column, type);
        return;
    }
    schema_plan_put(draft, way, "ALTER TABLE %n ALTER COLUMN %n DROP DEFAULT", table, column);
    schema_plan_put(draft, way, "ALTER TABLE %n ALTER COLUMN %n TYPE %s USING %n::%s", table, column, type, column,
                    cast);
}

static enum error change_type(struct schema_plan_draft *draft, struct slice table, const struct field *old,
                              const struct field *new)
{
    struct slice before, after;
    TRY(schema_plan_type(draft, old, &before));
    TRY(schema_plan_type(draft, new, &after));
    if (slice_eq(before, after))
        return OK;
    put_type(draft, UP, table, new->name, after, old->type.kind == new->type.kind);
    put_type(draft, DOWN, table, new->name, before, old->type.kind == new->type.kind);
    return schema_plan_end(
        draft, (struct schema_plan_name){
                   .verb = "change", .table = table, .subject = new->name, .summary = "Gives a column another type."});
}

/* A reference that leads elsewhere, or deletes otherwise, is another constraint of the same name. */
static enum error change_reference(struct schema_plan_draft *draft, struct schema_plan_pair pair,
                                   const struct field *old, const struct field *new)
{
    bool was = old->type.kind == FIELD_REFERENCE, is = new->type.kind == FIELD_REFERENCE;
    const struct ddl_statement *before = was ? find_reference(&draft->ddl[0], pair.old, old) : NULL;
    const struct ddl_statement *after = is ? find_reference(&draft->ddl[1], pair.new, new) : NULL;
    if (before && after && (slice_eq(before->sql, after->sql) || find_renamed(draft, before) == after))
        return OK;
    if (before)
        schema_plan_put(draft, UP, "ALTER TABLE %n DROP CONSTRAINT %n", pair.new->name, before->name);
    if (after) {
        put_reference(draft, UP, after);
        schema_plan_put(draft, DOWN, "ALTER TABLE %n DROP CONSTRAINT %n", pair.new->name, after->name);
    }
    if (before) {
        schema_plan_put(draft, DOWN, "%s NOT VALID", before->sql);
        schema_plan_put(draft, DOWN, "%s", before->comment);
        schema_plan_put(draft, DOWN, "ALTER TABLE %n VALIDATE CONSTRAINT %n", pair.new->name, before->name);
    }
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "refer",
                                                            .table = pair.new->name,
                                                            .subject = new->name,
                                                            .summary = "Changes where a reference leads, or what "
                                                                       "deleting does.",
                                                            .is_stepwise = true});
}

static enum error change_kept(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *old,
                              const struct field *new)
{
    bool was_required = field_is(old, FIELD_REQUIRED), is_required = field_is(new, FIELD_REQUIRED);
    struct slice table = pair.new->name;
    TRY(change_type(draft, table, old, new));
    TRY(change_reference(draft, pair, old, new));
    if (!was_required && is_required)
        TRY(require(draft, table, new, new->default_kind == DEFAULT_VALUE));
    return was_required && !is_required ? relax(draft, table, new) : OK;
}

static enum error change_field(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *field)
{
    const struct field *old = schema_plan_field_before(pair, field);
    bool is_renamed = old && !slice_eq(old->name, field->name);
    if (old && !is_renamed)
        return field == pair.new->id ? OK : change_kept(draft, pair, old, field);
    TRY(is_renamed ? add_renamed(draft, pair, old, field) : add_column(draft, pair, field));
    if (field->type.kind == FIELD_REFERENCE)
        TRY(add_reference(draft, pair, field));
    if (is_renamed && field_is(field, FIELD_REQUIRED))
        return require(draft, pair.new->name, field, false);
    return OK;
}

/* ---- what is derived ---- */

/* CREATE INDEX … as CREATE INDEX CONCURRENTLY IF NOT EXISTS …: a run that was cut may have made it. */
static void put_index(struct schema_plan_draft *draft, enum schema_plan_way way, const struct ddl_statement *statement)
{
    const struct slice unique = SLICE("CREATE UNIQUE INDEX "), plain = SLICE("CREATE INDEX ");
    bool is_unique = slice_starts(statement->sql, unique);
    schema_plan_put(draft, way, "%sCONCURRENTLY IF NOT EXISTS %s", is_unique ? unique : plain,
                    slice_from_index(statement->sql, is_unique ? unique.len : plain.len));
    if (statement->comment.len > 0)
        schema_plan_put(draft, way, "%s", statement->comment);
}

static void put_derived(struct schema_plan_draft *draft, enum schema_plan_way way,
                        const struct ddl_statement *statement)
{
    if (statement->kind == DDL_INDEX)
        put_index(draft, way, statement);
    else
        schema_plan_put_ddl(draft, way, statement);
}

static void put_derived_drop(struct schema_plan_draft *draft, enum schema_plan_way way, struct slice table,
                             const struct ddl_statement *statement)
{
    if (statement->kind == DDL_INDEX)
        schema_plan_put(draft, way, "DROP INDEX CONCURRENTLY IF EXISTS %n", statement->name);
    else
        schema_plan_put(draft, way, "DROP TRIGGER %n ON %n", statement->name, table);
}

/* The statement of that kind and name; NULL: there is none. */
static const struct ddl_statement *find_named(const struct ddl *ddl, const struct ddl_statement *like)
{
    for (size_t i = 0; i < ddl->count; i++)
        if (ddl->statements[i].kind == like->kind && slice_eq(ddl->statements[i].name, like->name))
            return &ddl->statements[i];
    return NULL;
}

/* Puts an index in the place of one with its name, or a trigger. */
static void put_replaced(struct schema_plan_draft *draft, enum schema_plan_way way, struct slice table,
                         const struct ddl_statement *statement)
{
    struct slice beside = text_of(draft, "", statement->name, "_", SLICE("new"));
    if (statement->kind != DDL_INDEX) {
        put_derived_drop(draft, way, table, statement);
        put_derived(draft, way, statement);
        return;
    }
    const struct ddl_statement made = {.kind = DDL_INDEX,
                                       .sql = rename_in(draft, statement->sql, statement->name, beside)};
    put_index(draft, way, &made);
    put_derived_drop(draft, way, table, statement);
    schema_plan_put(draft, way, "ALTER INDEX %n RENAME TO %n", beside, statement->name);
    schema_plan_put(draft, way, "%s", statement->comment);
}

/* Whether a statement is about a column that goes: it goes with it. */
static bool goes_with_column(struct schema_plan_pair pair, const struct ddl_statement *statement)
{
    for (size_t i = 0; i < pair.old->field_count; i++) {
        const struct field *field = &pair.old->fields[i];
        if (!resource_find_field(pair.new, field->name) && schema_plan_mentions(statement->sql, field->name))
            return true;
    }
    return false;
}

static enum error end_derived(struct schema_plan_draft *draft, const char *verb, struct schema_plan_pair pair,
                              const struct ddl_statement *statement)
{
    bool is_index = statement->kind == DDL_INDEX;
    return schema_plan_end(draft, (struct schema_plan_name){.verb = verb,
                                                            .table = pair.new->name,
                                                            .subject = statement->name,
                                                            .summary = is_index ? "Builds, or drops, an index beside "
                                                                                  "whoever reads and writes."
                                                                                : "Changes a trigger.",
                                                            .is_stepwise = is_index});
}

enum { BUILT = 1 << DDL_INDEX | 1 << DDL_TRIGGER };

static enum error change_derived(struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    const struct ddl_statement *statement = NULL;
    while ((statement = schema_plan_next(&draft->ddl[0], pair.old, BUILT, statement))) {
        if (schema_plan_find_same(&draft->ddl[1], statement) || find_renamed(draft, statement) ||
            goes_with_column(pair, statement) || find_named(&draft->ddl[1], statement))
            continue;
        put_derived_drop(draft, UP, pair.new->name, statement);
        put_derived(draft, DOWN, statement);
        TRY(end_derived(draft, "drop", pair, statement));
    }
    while ((statement = schema_plan_next(&draft->ddl[1], pair.new, BUILT, statement))) {
        const struct ddl_statement *old = NULL;
        while ((old = schema_plan_next(&draft->ddl[0], pair.old, BUILT, old)))
            if (schema_plan_find_same(&draft->ddl[1], old) == statement || find_renamed(draft, old) == statement)
                break;
        const struct ddl_statement *same = find_named(&draft->ddl[0], statement);
        if (old)
            continue;
        if (same) {
            put_replaced(draft, UP, pair.new->name, statement);
            put_replaced(draft, DOWN, pair.new->name, same);
        } else {
            put_derived(draft, UP, statement);
            put_derived_drop(draft, DOWN, pair.new->name, statement);
        }
        TRY(end_derived(draft, same ? "replace" : "create", pair, statement));
    }
    return OK;
}

enum error schema_plan_postgres_change(struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    for (size_t i = 0; i < pair.new->field_count; i++)
        TRY(change_field(draft, pair, &pair.new->fields[i]));
    for (size_t i = 0; i < pair.old->field_count; i++) {
        const struct field *field = &pair.old->fields[i];
        if (!schema_plan_field_after(pair, field) && field_is(field, FIELD_REQUIRED))
            TRY(relax(draft, pair.new->name, field));
    }
    return change_derived(draft, pair);
}

/* ---- what is taken away ---- */

/* The column and what is derived from it; the way back brings them without what they held. */
static enum error drop_column(struct schema_plan_draft *draft, struct schema_plan_pair pair, const struct field *field)
{
    struct slice table = pair.new->name, type;
    const struct field *after = schema_plan_field_after(pair, field);
    const struct ddl_statement *statement = NULL;
    TRY(schema_plan_type(draft, field, &type));
    if (after) {
        struct rename rename = rename_of(draft, pair, field, after);
        schema_plan_put(draft, UP, "DROP TRIGGER IF EXISTS %n ON %n", rename.name, rename.table);
        schema_plan_put(draft, UP, "DROP FUNCTION IF EXISTS %n()", rename.name);
    }
    while ((statement = schema_plan_next(&draft->ddl[0], pair.old, 1 << DDL_TRIGGER, statement)))
        if (schema_plan_mentions(statement->sql, field->name))
            schema_plan_put(draft, UP, "DROP TRIGGER IF EXISTS %n ON %n", statement->name, table);
    schema_plan_put(draft, UP, "ALTER TABLE %n DROP COLUMN IF EXISTS %n", table, field->name);
    if (!after && field->default_kind == DEFAULT_VALUE)
        TRY(ddl_add_column(pair.old, field, DIALECT_POSTGRES, draft->arena, &type));
    if (!after && field->default_kind == DEFAULT_VALUE)
        schema_plan_put(draft, DOWN, "%s", type);
    else
        schema_plan_put(draft, DOWN, "ALTER TABLE %n ADD COLUMN %n %s", table, field->name, type);
    if (after) {
        struct rename rename = rename_of(draft, pair, field, after);
        schema_plan_put(draft, DOWN, "UPDATE %n SET %n = %n", table, field->name, after->name);
        put_sync(draft, DOWN, &rename);
    }
    while ((statement = schema_plan_next(&draft->ddl[0], pair.old, SCHEMA_PLAN_DERIVED, statement)))
        if (schema_plan_mentions(statement->sql, field->name) && !find_named(&draft->ddl[1], statement))
            schema_plan_put_ddl(draft, DOWN, statement);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "drop",
                                                            .table = table,
                                                            .subject = field->name,
                                                            .summary = "Drops a column, with what it holds.",
                                                            .is_contract = true});
}

enum error schema_plan_postgres_contract(struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    for (size_t i = 0; i < pair.old->field_count; i++)
        if (!resource_find_field(pair.new, pair.old->fields[i].name))
            TRY(drop_column(draft, pair, &pair.old->fields[i]));
    if (slice_eq(pair.old->name, pair.new->name))
        return OK;
    schema_plan_put(draft, UP, "DROP VIEW IF EXISTS %n", pair.old->name);
    schema_plan_put(draft, DOWN, "CREATE VIEW %n AS SELECT * FROM %n", pair.old->name, pair.new->name);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "drop_view",
                                                            .table = pair.old->name,
                                                            .summary = "Takes away a table's old name.",
                                                            .is_contract = true});
}
