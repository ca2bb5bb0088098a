/* SPDX-License-Identifier: Apache-2.0 */
/* Plans what leads from one schema to another.
 *
 * Idea: what a schema needs of a database is the list of statements that make it (ddl.c). Tables are compared field by
 * field; what is derived from rows (references, indexes, search, triggers) by the texts of its statements. Each concern
 * is a part with a way up and a way down.
 *
 * The order: tables that have another name, new tables, tables that have changed, and last what is taken away. */
#include "model/schema_plan_draft.h"
#include "model/type.h"

#include <stdarg.h>
#include <string.h>

#include "data/sql.h"

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024, NAME_BYTES_MAX = 80 };

/* ---- writing ---- */

static void put_name(struct buf *out, struct slice name)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, name.ptr[i]);
    }
    buf_put_byte(out, '"');
}

void schema_plan_put(struct schema_plan_draft *draft, enum schema_plan_way way, const char *format, ...)
{
    struct buf *out = &draft->text[way];
    va_list arguments;
    va_start(arguments, format);
    for (const char *c = format; *c; c++) {
        if (*c != '%') {
            buf_put_byte(out, *c);
            continue;
        }
        switch (*++c) {
        case 'n': put_name(out, va_arg(arguments, struct slice)); break;
        case 's': buf_put_slice(out, va_arg(arguments, struct slice)); break;
        default: buf_put_int(out, va_arg(arguments, int64_t)); break;
        }
    }
    va_end(arguments);
    buf_put_literal(out, ";\n");
}

void schema_plan_put_ddl(struct schema_plan_draft *draft, enum schema_plan_way way,
                         const struct ddl_statement *statement)
{
    schema_plan_put(draft, way, "%s", statement->sql);
    if (statement->comment.len > 0)
        schema_plan_put(draft, way, "%s", statement->comment);
}

static const char *name_part(const struct schema_plan_draft *draft, const struct schema_plan_name *name)
{
    struct slice subject = name->subject;
    bool is_named_already = subject.len > name->table.len && slice_starts(subject, name->table);
    struct slice table = is_named_already ? SLICE("") : name->table;
    char *text = arena_printf(draft->arena, "%s%s%.*s%s%.*s", name->verb, table.len ? "_" : "", SLICE_ARG(table),
                              subject.len ? "_" : "", SLICE_ARG(subject));
    for (char *c = text; c && *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    if (text && strlen(text) > NAME_BYTES_MAX)
        text[NAME_BYTES_MAX] = '\0';
    return text;
}

enum error schema_plan_end(struct schema_plan_draft *draft, struct schema_plan_name name)
{
    struct buf *up = &draft->text[SCHEMA_PLAN_UP], *down = &draft->text[SCHEMA_PLAN_DOWN];
    TRY(buf_error(up));
    TRY(buf_error(down));
    if (up->len == 0 && down->len == 0)
        return OK;
    struct schema_plan_part *parts =
        arena_grow(draft->arena, draft->parts, draft->count, &draft->capacity, sizeof *draft->parts);
    if (!parts)
        return ERROR_MEMORY;
    draft->parts = parts;
    struct schema_plan_part *part = &draft->parts[draft->count++];
    *part = (struct schema_plan_part){.name = name_part(draft, &name),
                                      .summary = name.summary,
                                      .is_contract = name.is_contract,
                                      .is_stepwise = name.is_stepwise,
                                      .up = arena_slice(draft->arena, buf_slice(up)),
                                      .down = arena_slice(draft->arena, buf_slice(down))};
    buf_clear(up);
    buf_clear(down);
    return part->name && part->up.ptr && part->down.ptr ? OK : ERROR_MEMORY;
}

/* ---- before and after ---- */

const struct resource *schema_plan_before(const struct schema_plan_draft *draft, const struct resource *resource)
{
    const struct resource *same = draft->from ? schema_find(draft->from, resource->name) : NULL;
    if (resource->is_adopted || (same && same->is_adopted))
        return NULL;
    if (same || !draft->from || resource->renamed_from.len == 0 || schema_find(draft->to, resource->renamed_from))
        return same;
    return schema_find(draft->from, resource->renamed_from);
}

const struct resource *schema_plan_after(const struct schema_plan_draft *draft, const struct resource *resource)
{
    for (size_t i = 0; i < draft->to->resource_count; i++)
        if (schema_plan_before(draft, &draft->to->resources[i]) == resource)
            return &draft->to->resources[i];
    return NULL;
}

const struct field *schema_plan_field_before(struct schema_plan_pair pair, const struct field *field)
{
    const struct field *same = resource_find_field(pair.old, field->name);
    if (same || field->renamed_from.len == 0 || resource_find_field(pair.new, field->renamed_from))
        return same;
    return resource_find_field(pair.old, field->renamed_from);
}

const struct field *schema_plan_field_after(struct schema_plan_pair pair, const struct field *field)
{
    for (size_t i = 0; i < pair.new->field_count; i++)
        if (schema_plan_field_before(pair, &pair.new->fields[i]) == field)
            return &pair.new->fields[i];
    return NULL;
}

/* ---- statements ---- */

const struct ddl_statement *schema_plan_next(const struct ddl *ddl, const struct resource *resource, unsigned kinds,
                                             const struct ddl_statement *previous)
{
    for (size_t i = previous ? (size_t)(previous - ddl->statements) + 1 : 0; i < ddl->count; i++)
        if (ddl->statements[i].resource == resource && (kinds & 1u << ddl->statements[i].kind))
            return &ddl->statements[i];
    return NULL;
}

const struct ddl_statement *schema_plan_find_same(const struct ddl *ddl, const struct ddl_statement *statement)
{
    for (size_t i = 0; i < ddl->count; i++)
        if (ddl->statements[i].kind == statement->kind && slice_eq(ddl->statements[i].name, statement->name) &&
            slice_eq(ddl->statements[i].sql, statement->sql))
            return &ddl->statements[i];
    return NULL;
}

bool schema_plan_mentions(struct slice sql, struct slice name)
{
    for (size_t i = 0; i + name.len + 2 <= sql.len; i++)
        if (sql.ptr[i] == '"' && sql.ptr[i + name.len + 1] == '"' && memcmp(sql.ptr + i + 1, name.ptr, name.len) == 0)
            return true;
    return false;
}

enum error schema_plan_type(const struct schema_plan_draft *draft, const struct field *field, struct slice *out)
{
    return ddl_column_type(field, draft->dialect, draft->arena, out);
}

/* ---- whole tables ---- */

/* All that makes the resources that one schema has and the other has not; and what drops them again. */
static void put_tables(struct schema_plan_draft *draft, const struct ddl *ddl, const struct resource *resource,
                       enum schema_plan_way make, unsigned kinds)
{
    const struct ddl_statement *statement = NULL;
    while ((statement = schema_plan_next(ddl, resource, kinds, statement)))
        schema_plan_put_ddl(draft, make, statement);
}

/* References go first: tables may refer to each other. SQLite's full-text tables do not go with their table. */
static void put_drops(struct schema_plan_draft *draft, const struct ddl *ddl, const struct resource *resource,
                      enum schema_plan_way way, unsigned kinds)
{
    const struct ddl_statement *statement = NULL;
    while ((statement = schema_plan_next(ddl, resource, kinds, statement)))
        if (statement->kind == DDL_REFERENCE)
            schema_plan_put(draft, way, "ALTER TABLE IF EXISTS %n DROP CONSTRAINT IF EXISTS %n", resource->name,
                            statement->name);
        else if (statement->kind == DDL_SEARCH || statement->kind == DDL_TABLE)
            schema_plan_put(draft, way, "DROP TABLE IF EXISTS %n", statement->name);
}

/* A table that somebody else made, in either of the schemas: migrations leave it alone. */
static bool is_foreign(const struct schema_plan_draft *draft, const struct resource *resource)
{
    for (size_t i = 0; i < draft->to->resource_count; i++)
        if (draft->to->resources[i].is_adopted && slice_eq_nocase(draft->to->resources[i].table, resource->table))
            return true;
    return resource->is_adopted;
}

/* `is_new`: the tables that `to` has and `from` has not, which are made; else those that are gone. */
static enum error plan_whole(struct schema_plan_draft *draft, bool is_new)
{
    const struct schema *schema = is_new ? draft->to : draft->from;
    const struct ddl *ddl = &draft->ddl[is_new];
    enum schema_plan_way make = is_new ? SCHEMA_PLAN_UP : SCHEMA_PLAN_DOWN, drop = !make;
    static const unsigned makes[] = {1 << DDL_TABLE, 1 << DDL_REFERENCE, 1 << DDL_INDEX, 1 << DDL_SEARCH,
                                     1 << DDL_TRIGGER};
    static const unsigned drops[] = {1 << DDL_REFERENCE, 1 << DDL_SEARCH, 1 << DDL_TABLE};
    const struct resource *first = NULL;
    size_t count = 0;
    for (size_t kind = 0; kind < ARRAY_LEN(makes) + ARRAY_LEN(drops); kind++)
        for (size_t i = 0; i < schema->resource_count; i++) {
            const struct resource *resource = &schema->resources[i];
            if (is_foreign(draft, resource) ||
                (is_new ? schema_plan_before(draft, resource) : schema_plan_after(draft, resource)))
                continue;
            first = first ? first : resource;
            count += kind == 0;
            if (kind < ARRAY_LEN(makes))
                put_tables(draft, ddl, resource, make, makes[kind]);
            else
                put_drops(draft, ddl, resource, drop, drops[kind - ARRAY_LEN(makes)]);
        }
    return schema_plan_end(
        draft, (struct schema_plan_name){.verb = is_new ? "create" : "drop",
                                         .table = first ? first->name : SLICE(""),
                                         .subject = count > 1 ? SLICE("and_others") : SLICE(""),
                                         .summary = is_new ? "Makes new tables." : "Drops tables, with all their rows.",
                                         .is_contract = !is_new && draft->dialect == DIALECT_POSTGRES});
}

/* The first migration of all: the engine's own tables and functions, too. */
static enum error plan_initial(struct schema_plan_draft *draft)
{
    const struct ddl *ddl = &draft->ddl[1];
    for (size_t i = 0; i < ddl->count; i++)
        schema_plan_put_ddl(draft, SCHEMA_PLAN_UP, &ddl->statements[i]);
    for (size_t pass = 0; pass < 4; pass++)
        for (size_t i = ddl->count; i-- > 0;) {
            const struct ddl_statement *statement = &ddl->statements[i];
            bool is_table = statement->kind == DDL_TABLE || statement->kind == DDL_SEARCH ||
                            (statement->kind == DDL_ENGINE && slice_starts(statement->sql, SLICE("CREATE TABLE")));
            if (pass == 0 && statement->kind == DDL_REFERENCE)
                schema_plan_put(draft, SCHEMA_PLAN_DOWN, "ALTER TABLE %n DROP CONSTRAINT %n", statement->resource->name,
                                statement->name);
            else if (is_table && pass == (statement->kind == DDL_SEARCH ? 1 : 2))
                schema_plan_put(draft, SCHEMA_PLAN_DOWN, "DROP TABLE %n", statement->name);
            else if (pass == 3 && statement->kind == DDL_FUNCTION)
                schema_plan_put(draft, SCHEMA_PLAN_DOWN, "DROP FUNCTION %n", statement->name);
        }
    return schema_plan_end(draft, (struct schema_plan_name){.verb = "initial", .summary = "Makes the first tables."});
}

/* ---- what cannot be ---- */

static void refuse(const struct schema_plan_draft *draft, const struct field *field, struct place place,
                   const char *hint, const char *message)
{
    diag_at(draft->diag, place, hint, "field \"%.*s\": %s", SLICE_ARG(field->name), message);
}

static bool is_text(enum field_type kind)
{
    return kind == FIELD_TEXT || kind == FIELD_ENUM || kind == FIELD_EMAIL || kind == FIELD_URL;
}

/* Whether every value of one type, or none, can be written as the other by both databases alike. */
static bool is_convertible(const struct field *old, const struct field *new)
{
    enum field_type from = old->type.kind, to = new->type.kind;
    if (from == FIELD_REFERENCE && to != FIELD_REFERENCE)
        from = type_root(&old->type)->kind;
    if (to == FIELD_REFERENCE && from != FIELD_REFERENCE)
        to = type_root(&new->type)->kind;
    if (from == FIELD_REFERENCE && to == FIELD_REFERENCE)
        return type_root(&old->type)->kind == type_root(&new->type)->kind;
    if (from == to || (is_text(from) && is_text(to)) || (from == FIELD_LIST && to == FIELD_JSON))
        return true;
    switch (from) {
    case FIELD_INT: return to == FIELD_FLOAT || to == FIELD_DECIMAL || to == FIELD_TEXT;
    case FIELD_FLOAT: return to == FIELD_DECIMAL || to == FIELD_INT;
    case FIELD_DECIMAL: return to == FIELD_INT || to == FIELD_FLOAT || to == FIELD_TEXT;
    case FIELD_TEXT: return to == FIELD_INT || to == FIELD_FLOAT;
    case FIELD_UUID:
    case FIELD_DATE: return to == FIELD_TEXT;
    default: return false;
    }
}

static void check_pair(const struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    if (pair.old->id_kind != pair.new->id_kind)
        diag_at(draft->diag, pair.new->place, "make a new resource, and move the rows with a migration of your own",
                "resource \"%.*s\": the kind of its ids cannot be changed", SLICE_ARG(pair.new->name));
    for (size_t i = 0; i < pair.new->field_count; i++) {
        const struct field *field = &pair.new->fields[i];
        const struct field *old = schema_plan_field_before(pair, field);
        if (old && !is_convertible(old, field))
            refuse(draft, field, field->place,
                   "add a field with another name, fill it with a migration of your own, and remove this one",
                   "its values cannot be turned into the new type by themselves");
        if (!old && field_is(field, FIELD_REQUIRED) && field->default_kind != DEFAULT_VALUE)
            refuse(draft, field, field->place,
                   "give it a default; or leave out `required`, fill the column with a migration of your own "
                   "(tenon migrate new), and make it required then",
                   "rows that are there already would have nothing in it");
    }
}

static enum error plan_pairs(struct schema_plan_draft *draft,
                             enum error (*what)(struct schema_plan_draft *draft, struct schema_plan_pair pair))
{
    for (size_t i = 0; i < draft->to->resource_count; i++) {
        const struct schema_plan_pair pair = {schema_plan_before(draft, &draft->to->resources[i]),
                                              &draft->to->resources[i]};
        if (pair.old)
            TRY(what(draft, pair));
    }
    return OK;
}

static enum error check(struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    check_pair(draft, pair);
    return OK;
}

static enum error plan(struct schema_plan_draft *draft)
{
    size_t mistakes = draft->diag->count;
    TRY(ddl_create(draft->to, draft->dialect, draft->arena, &draft->ddl[1]));
    if (!draft->from)
        return plan_initial(draft);
    TRY(ddl_create(draft->from, draft->dialect, draft->arena, &draft->ddl[0]));
    TRY(plan_pairs(draft, check));
    if (draft->diag->count > mistakes)
        return ERROR_VALIDATION;
    if (draft->dialect == DIALECT_POSTGRES)
        TRY(schema_plan_postgres_rename(draft));
    TRY(plan_whole(draft, true));
    TRY(plan_pairs(draft,
                   draft->dialect == DIALECT_POSTGRES ? schema_plan_postgres_change : schema_plan_sqlite_change));
    if (draft->dialect == DIALECT_POSTGRES)
        TRY(plan_pairs(draft, schema_plan_postgres_contract));
    return plan_whole(draft, false);
}

enum error schema_plan_make(const struct schema *from, const struct schema *to, enum dialect dialect,
                            struct arena *arena, struct diag *diag, struct schema_plan *out)
{
    struct schema_plan_draft draft = {.from = from, .to = to, .dialect = dialect, .arena = arena, .diag = diag};
    buf_init(&draft.text[SCHEMA_PLAN_UP], TEXT_BYTES_MAX);
    buf_init(&draft.text[SCHEMA_PLAN_DOWN], TEXT_BYTES_MAX);
    enum error error = plan(&draft);
    buf_fini(&draft.text[SCHEMA_PLAN_UP]);
    buf_fini(&draft.text[SCHEMA_PLAN_DOWN]);
    TRY(error);
    *out = (struct schema_plan){draft.parts, draft.count};
    return OK;
}
