/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite's tables are changed.
 *
 * SQLite can rename, add and (where nothing depends on it) drop a column in place. Anything else makes the table anew:
 * a table with the right columns, the rows copied, the old one dropped, the name given back
 * (sqlite.org/lang_altertable, section 7); migrations run without foreign keys, and check them before the commit. Types
 * need no casts: a STRICT table takes what can be converted without loss, and refuses the rest, which undoes all.
 *
 * The way down is the same change with both sides exchanged. */
#include "model/schema_plan_draft.h"

#include "data/sql.h"

/* One direction: what a table is, and what it shall be. */
struct change {
    struct schema_plan_draft *draft;
    enum schema_plan_way way;
    struct schema_plan_pair pair;
    const struct resource *is, *shall;
    const struct ddl *ddl_is, *ddl_shall;
};

static const struct field *source_of(const struct change *change, const struct field *field)
{
    return change->way == SCHEMA_PLAN_UP ? schema_plan_field_before(change->pair, field)
                                         : schema_plan_field_after(change->pair, field);
}

static bool is_same_target(const struct schema_plan_draft *draft, const struct resource *old,
                           const struct resource *new)
{
    if (old->is_adopted && new->is_adopted)
        return slice_eq_nocase(old->table, new->table) && slice_eq_nocase(old->id->column, new->id->column);
    return schema_plan_before(draft, new) == old;
}

static const struct field *target_of(const struct change *change, const struct field *field)
{
    return change->way == SCHEMA_PLAN_UP ? schema_plan_field_after(change->pair, field)
                                         : schema_plan_field_before(change->pair, field);
}

static enum error is_same_column(const struct change *change, const struct field *a, const struct field *b, bool *out)
{
    struct slice type_a, type_b;
    TRY(schema_plan_type(change->draft, a, &type_a));
    TRY(schema_plan_type(change->draft, b, &type_b));
    bool is_reference = a->type.kind == FIELD_REFERENCE, is_decimal = a->type.kind == FIELD_DECIMAL;
    *out = slice_eq(type_a, type_b) && field_is(a, FIELD_REQUIRED) == field_is(b, FIELD_REQUIRED) &&
           (a->type.kind == FIELD_EMAIL) == (b->type.kind == FIELD_EMAIL) &&
           is_reference == (b->type.kind == FIELD_REFERENCE) && is_decimal == (b->type.kind == FIELD_DECIMAL);
    if (is_reference && *out)
        *out = a->on_delete == b->on_delete && is_same_target(change->draft, a->type.target, b->type.target);
    if (is_decimal && *out)
        *out = a->type.scale == b->type.scale;
    return OK;
}

/* Whether the table has to be made anew. */
static enum error needs_new_table(const struct change *change, bool *out)
{
    *out = false;
    for (size_t i = 0; i < change->pair.new->field_count && !*out; i++) {
        const struct field *new = &change->pair.new->fields[i], *old = schema_plan_field_before(change->pair, new);
        bool is_same = true;
        if (old)
            TRY(is_same_column(change, old, new, &is_same));
        *out = !is_same;
    }
    for (size_t i = 0; i < change->is->field_count; i++) /* a column of a foreign key cannot be dropped */
        *out =
            *out || (!target_of(change, &change->is->fields[i]) && change->is->fields[i].type.kind == FIELD_REFERENCE);
    return OK;
}

static bool is_added_required(const struct change *change)
{
    for (size_t i = 0; i < change->shall->field_count; i++) {
        const struct field *field = &change->shall->fields[i];
        if (!source_of(change, field) && field_is(field, FIELD_REQUIRED) && field->default_kind != DEFAULT_VALUE)
            return true;
    }
    return false;
}

/* Whether a name that others may use goes: what is derived is made again then. */
static bool takes_names(const struct change *change)
{
    bool takes = !slice_eq(change->is->name, change->shall->name);
    for (size_t i = 0; i < change->is->field_count && !takes; i++) {
        const struct field *target = target_of(change, &change->is->fields[i]);
        takes = !target || !slice_eq(target->name, change->is->fields[i].name);
    }
    return takes;
}

/* ---- what is derived ---- */

/* Drops what is derived from the rows: all of it, or what is not the same afterwards. */
static void drop_derived(const struct change *change, bool all)
{
    const struct ddl_statement *statement = NULL;
    while ((statement = schema_plan_next(change->ddl_is, change->is, SCHEMA_PLAN_DERIVED, statement))) {
        if (!all && schema_plan_find_same(change->ddl_shall, statement))
            continue;
        if (statement->kind == DDL_TRIGGER)
            schema_plan_put(change->draft, change->way, "DROP TRIGGER %n", statement->name);
        else if (statement->kind == DDL_INDEX)
            schema_plan_put(change->draft, change->way, "DROP INDEX %n", statement->name);
        else
            schema_plan_put(change->draft, change->way, "DROP TABLE %n", statement->name);
    }
}

static void make_derived(const struct change *change, bool all)
{
    const struct ddl_statement *statement = NULL;
    while ((statement = schema_plan_next(change->ddl_shall, change->shall, SCHEMA_PLAN_DERIVED, statement))) {
        if (!all && schema_plan_find_same(change->ddl_is, statement))
            continue;
        schema_plan_put_ddl(change->draft, change->way, statement);
        if (statement->kind == DDL_SEARCH)
            schema_plan_put(change->draft, change->way, "INSERT INTO %n (%n) VALUES ('rebuild')", statement->name,
                            statement->name);
    }
}

/* ---- in place ---- */

static enum error add_column(const struct change *change, const struct field *field)
{
    struct slice sql;
    TRY(ddl_add_column(change->shall, field, DIALECT_SQLITE, change->draft->arena, &sql));
    schema_plan_put(change->draft, change->way, "%s", sql);
    return OK;
}

static enum error change_in_place(const struct change *change)
{
    struct schema_plan_draft *draft = change->draft;
    struct slice table = change->shall->name;
    if (!slice_eq(change->is->name, table))
        schema_plan_put(draft, change->way, "ALTER TABLE %n RENAME TO %n", change->is->name, table);
    for (size_t i = 0; i < change->is->field_count; i++) {
        const struct field *field = &change->is->fields[i], *target = target_of(change, field);
        if (!target)
            schema_plan_put(draft, change->way, "ALTER TABLE %n DROP COLUMN %n", table, field->name);
        else if (!slice_eq(field->name, target->name))
            schema_plan_put(draft, change->way, "ALTER TABLE %n RENAME COLUMN %n TO %n", table, field->name,
                            target->name);
    }
    for (size_t i = 0; i < change->shall->field_count; i++)
        if (!source_of(change, &change->shall->fields[i]))
            TRY(add_column(change, &change->shall->fields[i]));
    return OK;
}

/* ---- anew ---- */

static int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* A decimal is an integer scaled by its digits: other digits are another integer. */
static void put_scaled(struct sql *sql, const struct field *source, const struct field *field)
{
    unsigned from = source->type.kind == FIELD_DECIMAL ? source->type.scale : 0;
    unsigned to = field->type.kind == FIELD_DECIMAL ? field->type.scale : 0;
    bool is_number = source->type.kind == FIELD_DECIMAL || source->type.kind == FIELD_INT;
    sql_put(sql, "CAST(round(");
    sql_name(sql, source->name);
    buf_put_text(&sql->text, is_number && from > to ? " / " : " * ");
    sql_number(sql, power_of_ten(from > to ? from - to : to - from));
    sql_put(sql, ".0) AS INTEGER)");
}

static void put_unscaled(struct sql *sql, const struct field *source, const struct field *field)
{
    bool is_text = field->type.kind != FIELD_FLOAT;
    if (is_text)
        buf_printf(&sql->text, "printf('%%.%uf', ", source->type.scale);
    sql_name(sql, source->name);
    sql_put(sql, " / ");
    sql_number(sql, power_of_ten(source->type.scale));
    sql_put(sql, ".0");
    buf_put_text(&sql->text, is_text ? ")" : "");
}

static bool is_scaled(const struct field *source, const struct field *field)
{
    bool is_source = source->type.kind == FIELD_DECIMAL, is_field = field->type.kind == FIELD_DECIMAL;
    bool is_number = field->type.kind == FIELD_INT || source->type.kind == FIELD_INT ||
                     source->type.kind == FIELD_FLOAT || (is_source && is_field);
    return (is_source || is_field) && is_number && !(is_source && is_field && source->type.scale == field->type.scale);
}

static enum error put_default(const struct change *change, const struct field *field, struct sql *sql)
{
    struct slice literal;
    TRY(ddl_default(field, DIALECT_SQLITE, change->draft->arena, &literal));
    buf_put_slice(&sql->text, literal);
    return OK;
}

static enum error put_copied(const struct change *change, const struct field *field, struct sql *sql)
{
    const struct field *source = source_of(change, field);
    if (!source)
        return put_default(change, field, sql);
    bool is_filled =
        field_is(field, FIELD_REQUIRED) && !field_is(source, FIELD_REQUIRED) && field->default_kind == DEFAULT_VALUE;
    buf_put_text(&sql->text, is_filled ? "coalesce(" : "");
    if (is_scaled(source, field))
        put_scaled(sql, source, field);
    else if (source->type.kind == FIELD_DECIMAL && field->type.kind != FIELD_DECIMAL)
        put_unscaled(sql, source, field);
    else
        sql_name(sql, source->name);
    if (!is_filled)
        return OK;
    sql_put(sql, ", ");
    TRY(put_default(change, field, sql));
    sql_put(sql, ")");
    return OK;
}

/* INSERT INTO "_tenon_new" (…) SELECT … FROM "table" */
static enum error put_copy(const struct change *change, struct slice temporary)
{
    struct sql sql;
    enum error error = OK;
    sql_init(&sql, change->draft->arena, DIALECT_SQLITE);
    for (size_t i = 0; i < change->shall->field_count; i++) {
        buf_put_text(&sql.text, i > 0 ? ", " : "");
        sql_name(&sql, change->shall->fields[i].name);
    }
    sql_put(&sql, ") SELECT ");
    for (size_t i = 0; i < change->shall->field_count && error == OK; i++) {
        buf_put_text(&sql.text, i > 0 ? ", " : "");
        error = put_copied(change, &change->shall->fields[i], &sql);
    }
    if (error == OK && (error = sql_finish(&sql)) == OK)
        schema_plan_put(change->draft, change->way, "INSERT INTO %n (%s FROM %n", temporary, buf_slice(&sql.text),
                        change->is->name);
    sql_fini(&sql);
    return error;
}

static enum error change_anew(const struct change *change)
{
    struct schema_plan_draft *draft = change->draft;
    const struct slice temporary = SLICE("_tenon_new"), name = change->shall->name;
    const struct ddl_statement *table = schema_plan_next(change->ddl_shall, change->shall, 1 << DDL_TABLE, NULL);
    size_t begin = sizeof "CREATE TABLE \"\"" - 1 + name.len;
    schema_plan_put(draft, change->way, "CREATE TABLE %n%s", temporary, slice_from_index(table->sql, begin));
    TRY(put_copy(change, temporary));
    if (change->is->id_kind == ID_INT) /* no id is given twice */
        schema_plan_put(
            draft, change->way,
            "UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM sqlite_sequence AS old WHERE old.name IN "
            "('%s', '%s')) WHERE name = '%s'",
            change->is->name, temporary, temporary);
    schema_plan_put(draft, change->way, "DROP TABLE %n", change->is->name);
    schema_plan_put(draft, change->way, "ALTER TABLE %n RENAME TO %n", temporary, name);
    return OK;
}

/* ---- one way ---- */

static enum error put_change(const struct change *change)
{
    bool is_new_table;
    TRY(needs_new_table(change, &is_new_table));
    is_new_table = is_new_table || is_added_required(change);
    bool all = is_new_table || takes_names(change);
    drop_derived(change, all);
    if (is_new_table)
        TRY(change_anew(change));
    else
        TRY(change_in_place(change));
    make_derived(change, all);
    return OK;
}

enum error schema_plan_sqlite_change(struct schema_plan_draft *draft, struct schema_plan_pair pair)
{
    const struct change up = {draft, SCHEMA_PLAN_UP, pair, pair.old, pair.new, &draft->ddl[0], &draft->ddl[1]};
    const struct change down = {draft, SCHEMA_PLAN_DOWN, pair, pair.new, pair.old, &draft->ddl[1], &draft->ddl[0]};
    TRY(put_change(&up));
    TRY(put_change(&down));
    bool is_renamed = !slice_eq(pair.old->name, pair.new->name);
    return schema_plan_end(draft, (struct schema_plan_name){.verb = is_renamed ? "rename" : "change",
                                                            .table = pair.old->name,
                                                            .subject = is_renamed ? pair.new->name : SLICE(""),
                                                            .summary = "Changes a table to what the app file says."});
}
