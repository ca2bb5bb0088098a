/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER TABLE on PostgreSQL: a list of actions, each with a lock of its own; the statement takes the strongest.
 *
 * The actions are a table of their first words, longest first, so that what is new in a later version is found unknown
 * and not taken for something else. */
#include "base/attr.h"
#include "data/verdict_reader.h"

struct action {
    const char *words;
    enum verdict_id id; /* what it is found to be, if it has no function of its own */
    void (*judge)(struct verdict_reader *reader, struct verdict_name table);
};

static void find_at(struct verdict_reader *reader, enum verdict_id id, struct verdict_name table)
{
    verdict_reader_find(reader, id, table, SLICE(""));
}

static void judge_new_value(struct verdict_reader *reader, struct verdict_name table,
                            const struct verdict_column *column, bool is_serial)
{
    struct slice name = column->name.text;
    if (is_serial || column->is_identity)
        verdict_reader_find(reader, VERDICT_ADDING_AUTO_INCREMENTING_COLUMN, table, name);
    else if (column->is_stored)
        verdict_reader_find(reader, VERDICT_ADDING_GENERATED_COLUMN, table, name);
    else if (verdict_reader_is_domain(reader, &column->type))
        verdict_reader_find(reader, VERDICT_ADDING_COLUMN_OF_DOMAIN, table, name);
    else if (column->is_computed)
        verdict_reader_find(reader, VERDICT_ADDING_FIELD_WITH_DEFAULT, table, name);
    else if ((column->is_not_null || column->is_primary) && (!column->has_default || column->is_null_default) &&
             !column->is_generated)
        verdict_reader_find(reader, VERDICT_ADDING_REQUIRED_FIELD, table, name);
}

static bool is_serial(const struct verdict_type *type)
{
    struct slice name = slice_from(type->name);
    return slice_eq_text(name, "serial") || slice_eq_text(name, "bigserial") || slice_eq_text(name, "smallserial");
}

static void judge_add_column(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_column column;
    verdict_reader_accept(reader, "if not exists");
    verdict_column_read(reader, &column);
    struct verdict_type *type = verdict_reader_type(reader, table, column.name);
    if (type)
        *type = column.type;
    struct verdict_finding **before = reader->entry->last;
    struct slice name = column.name.text;
    judge_new_value(reader, table, &column, is_serial(&column.type));
    if (column.is_primary)
        verdict_reader_find(reader, VERDICT_ADDING_SERIAL_PRIMARY_KEY_FIELD, table, name);
    if (column.is_unique)
        verdict_reader_find(reader, VERDICT_DISALLOWED_UNIQUE_CONSTRAINT, table, name);
    if (column.has_check)
        verdict_reader_find(reader, VERDICT_CONSTRAINT_MISSING_NOT_VALID, table, name);
    if (column.is_reference && column.has_default && !column.is_null_default) {
        verdict_reader_find(reader, VERDICT_ADDING_REFERENCE_COLUMN, table, name);
        find_at(reader, VERDICT_ADDING_FOREIGN_KEY_CONSTRAINT, table);
    } else if (column.is_reference)
        verdict_reader_find(reader, VERDICT_ADDING_REFERENCE_COLUMN, table, name);
    if (before == reader->entry->last)
        verdict_reader_find(reader, VERDICT_ADDING_COLUMN, table, name);
    verdict_column_note(reader, table, &column);
}

static void judge_add_foreign_key(struct verdict_reader *reader, struct verdict_name table, bool is_not_valid)
{
    struct verdict_reader at = *reader;
    while (!verdict_reader_is_end(&at) && !verdict_reader_accept(&at, "references"))
        verdict_reader_skip(&at);
    struct verdict_name target = verdict_reader_name(&at);
    find_at(reader, is_not_valid ? VERDICT_ADDING_FOREIGN_KEY_NOT_VALID : VERDICT_ADDING_FOREIGN_KEY_CONSTRAINT, table);
    if (verdict_reader_is_new(reader, table) && !verdict_reader_is_new(reader, target))
        find_at(reader, VERDICT_REFERENCING_EXISTING_TABLE, target);
}

static void judge_add_check(struct verdict_reader *reader, struct verdict_name table, struct verdict_name name,
                            bool is_not_valid)
{
    struct slice column = verdict_column_of_not_null(reader);
    struct verdict_check *check = name.key.len && column.len ? verdict_reader_check(reader, table, name) : NULL;
    if (check)
        *check = (struct verdict_check){.column = column, .is_valid = !is_not_valid};
    find_at(reader, is_not_valid ? VERDICT_ADDING_CHECK_NOT_VALID : VERDICT_CONSTRAINT_MISSING_NOT_VALID, table);
}

static void judge_add_constraint(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_name name = {SLICE(""), SLICE("")};
    if (verdict_reader_accept(reader, "constraint"))
        name = verdict_reader_name(reader);
    struct verdict_reader item = *reader;
    bool is_not_valid = false, uses_index = false;
    while (!verdict_reader_is_end(&item) && !sqltoken_is_mark(&item.token, ',')) {
        is_not_valid |= verdict_reader_accept(&item, "not valid");
        if (verdict_reader_accept(&item, "using index")) /* without TABLESPACE */
            uses_index |= !verdict_reader_is(&item, "tablespace");
        if (!verdict_reader_is_end(&item) && !sqltoken_is_mark(&item.token, ','))
            verdict_reader_skip(&item);
    }
    if (verdict_reader_accept(reader, "foreign key"))
        judge_add_foreign_key(reader, table, is_not_valid);
    else if (verdict_reader_accept(reader, "check"))
        judge_add_check(reader, table, name, is_not_valid);
    else if (verdict_reader_is(reader, "exclude"))
        find_at(reader, VERDICT_ADDING_EXCLUSION_CONSTRAINT, table);
    else if (verdict_reader_is(reader, "unique") || verdict_reader_is(reader, "primary"))
        find_at(reader,
                uses_index                             ? VERDICT_ADDING_CONSTRAINT_USING_INDEX
                : verdict_reader_is(reader, "primary") ? VERDICT_ADDING_SERIAL_PRIMARY_KEY_FIELD
                                                       : VERDICT_DISALLOWED_UNIQUE_CONSTRAINT,
                table);
    else
        find_at(reader, VERDICT_UNKNOWN_STATEMENT, table);
}

static void judge_add(struct verdict_reader *reader, struct verdict_name table)
{
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign", "exclude"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (verdict_reader_is(reader, words[i])) {
            judge_add_constraint(reader, table);
            return;
        }
    judge_add_column(reader, table);
}

static void judge_drop_cascade(struct verdict_reader *reader, struct verdict_name name)
{
    while (!verdict_reader_is_end(reader) && !sqltoken_is_mark(&reader->token, ',')) {
        if (verdict_reader_is(reader, "cascade"))
            find_at(reader, VERDICT_DROP_CASCADE, name);
        verdict_reader_skip(reader);
    }
}

static void judge_drop_column(struct verdict_reader *reader, struct verdict_name table)
{
    verdict_reader_accept(reader, "if exists");
    struct verdict_name column = verdict_reader_name(reader);
    verdict_reader_find(reader, VERDICT_BAN_DROP_COLUMN, table, column.text);
    verdict_reader_drop_column(reader, table, column);
    judge_drop_cascade(reader, column);
}

static void judge_drop_constraint(struct verdict_reader *reader, struct verdict_name table)
{
    verdict_reader_accept(reader, "if exists");
    struct verdict_name name = verdict_reader_name(reader);
    struct verdict_check *check = verdict_reader_check(reader, table, name);
    if (check)
        check->is_dropped = true;
    find_at(reader, VERDICT_DROPPING_CONSTRAINT, table);
    judge_drop_cascade(reader, name);
}

static void judge_validate(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_check *check = verdict_reader_check(reader, table, verdict_reader_name(reader));
    if (check)
        check->is_valid = true;
    find_at(reader, VERDICT_VALIDATING_CONSTRAINT, table);
}

static void judge_type(struct verdict_reader *reader, struct verdict_name table, struct verdict_name column)
{
    struct verdict_type next, *present = verdict_reader_type(reader, table, column);
    verdict_column_read_type(reader, &next);
    bool is_converted = false;
    while (!verdict_reader_is_end(reader) && !sqltoken_is_mark(&reader->token, ',')) {
        is_converted |= verdict_reader_is(reader, "using") || verdict_reader_is(reader, "collate");
        verdict_reader_skip(reader);
    }
    bool widens = present && !is_converted && verdict_column_widens(present, &next);
    verdict_reader_find(reader, widens ? VERDICT_WIDENING_COLUMN_TYPE : VERDICT_CHANGING_COLUMN_TYPE, table,
                        column.text);
    if (present)
        *present = next;
    struct verdict_column changed = {.type = next};
    verdict_column_note(reader, table, &changed);
}

static void judge_column(struct verdict_reader *reader, struct verdict_name table)
{
    static const struct action actions[] = {
        {"set default", VERDICT_CHANGING_DEFAULT},       {"drop default", VERDICT_CHANGING_DEFAULT},
        {"drop not null", VERDICT_BAN_DROP_NOT_NULL},    {"set statistics", VERDICT_CHANGING_STORAGE_PARAMETERS},
        {"set storage", VERDICT_CHANGING_CATALOG},       {"set compression", VERDICT_CHANGING_CATALOG},
        {"set expression", VERDICT_CHANGING_EXPRESSION}, {"drop expression", VERDICT_CHANGING_IDENTITY},
        {"add generated", VERDICT_CHANGING_IDENTITY},    {"set generated", VERDICT_CHANGING_IDENTITY},
        {"drop identity", VERDICT_CHANGING_IDENTITY},    {"restart", VERDICT_CHANGING_IDENTITY},
        {"set increment", VERDICT_CHANGING_IDENTITY},    {"set", VERDICT_CHANGING_STORAGE_PARAMETERS},
        {"reset", VERDICT_CHANGING_STORAGE_PARAMETERS},
    };
    struct verdict_name column = verdict_reader_name(reader);
    if (verdict_reader_accept(reader, "type") || verdict_reader_accept(reader, "set data type")) {
        judge_type(reader, table, column);
        return;
    }
    if (verdict_reader_accept(reader, "set not null")) {
        bool is_shown = verdict_reader_is_checked(reader, table, column);
        verdict_reader_find(reader, is_shown ? VERDICT_SET_NOT_NULL_AFTER_CHECK : VERDICT_ADDING_NOT_NULLABLE_FIELD,
                            table, column.text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (verdict_reader_accept(reader, actions[i].words)) {
            bool is_known = actions[i].id != VERDICT_CHANGING_STORAGE_PARAMETERS ||
                            slice_eq_text(slice_from(actions[i].words), "set statistics") ||
                            sqltoken_is_mark(&reader->token, '(');
            verdict_reader_find(reader, is_known ? actions[i].id : VERDICT_UNKNOWN_STATEMENT, table, column.text);
            return;
        }
    find_at(reader, VERDICT_UNKNOWN_STATEMENT, table);
}

static void judge_rename_column(struct verdict_reader *reader, struct verdict_name table)
{
    verdict_reader_accept(reader, "column");
    struct verdict_name column = verdict_reader_name(reader);
    const struct verdict_type *known = verdict_reader_type(reader, table, column);
    verdict_reader_find(reader, VERDICT_RENAMING_COLUMN, table, column.text);
    if (!known || !verdict_reader_accept(reader, "to"))
        return;
    struct verdict_type type = *known, *renamed = verdict_reader_type(reader, table, verdict_reader_name(reader));
    verdict_reader_drop_column(reader, table, column);
    if (renamed)
        *renamed = type;
}

static void judge_rename_constraint(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_check *check = verdict_reader_check(reader, table, verdict_reader_name(reader));
    if (check)
        check->is_dropped = true;
    find_at(reader, VERDICT_CHANGING_CONSTRAINT, table);
}

static void judge_rename_table(struct verdict_reader *reader, struct verdict_name table)
{
    find_at(reader, VERDICT_RENAMING_TABLE, table);
    verdict_reader_drop(reader, table, NULL);
    verdict_reader_drop(reader, verdict_reader_name(reader), NULL); /* by its new name it may be in use */
}

static void judge_set_schema(struct verdict_reader *reader, struct verdict_name table)
{
    find_at(reader, VERDICT_MOVING_TABLE, table);
    verdict_reader_drop(reader, table, NULL);
}

static void judge_attach(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_name partition = verdict_reader_name(reader);
    find_at(reader, VERDICT_CHANGING_STORAGE_PARAMETERS, table);
    find_at(reader, VERDICT_ATTACHING_PARTITION, partition);
}

static void judge_detach(struct verdict_reader *reader, struct verdict_name table)
{
    verdict_reader_name(reader);
    if (!verdict_reader_is(reader, "concurrently") && !verdict_reader_is(reader, "finalize")) {
        find_at(reader, VERDICT_REQUIRE_CONCURRENT_PARTITION_DETACH, table);
        return;
    }
    reader->entry->statement.is_transactional = !verdict_reader_is(reader, "concurrently");
    find_at(reader, VERDICT_DETACHING_PARTITION_CONCURRENTLY, table);
    if (reader->in_transaction && !reader->entry->statement.is_transactional)
        find_at(reader, VERDICT_BAN_IN_TRANSACTION, table);
}

static void judge_set(struct verdict_reader *reader, struct verdict_name table)
{
    bool is_parameters = sqltoken_is_mark(&reader->token, '(');
    find_at(reader, is_parameters ? VERDICT_CHANGING_STORAGE_PARAMETERS : VERDICT_UNKNOWN_STATEMENT, table);
}

static const struct action actions[] = {
    {"add column", 0, judge_add_column},
    {"add", 0, judge_add},
    {"drop constraint", 0, judge_drop_constraint},
    {"drop column", 0, judge_drop_column},
    {"drop", 0, judge_drop_column},
    {"alter constraint", VERDICT_CHANGING_CONSTRAINT},
    {"alter column", 0, judge_column},
    {"alter", 0, judge_column},
    {"validate constraint", 0, judge_validate},
    {"rename to", 0, judge_rename_table},
    {"rename constraint", 0, judge_rename_constraint},
    {"rename", 0, judge_rename_column},
    {"set schema", 0, judge_set_schema},
    {"set logged", VERDICT_REWRITING_TABLE},
    {"set unlogged", VERDICT_REWRITING_TABLE},
    {"set tablespace", VERDICT_REWRITING_TABLE},
    {"set access method", VERDICT_REWRITING_TABLE},
    {"set without cluster", VERDICT_CHANGING_STORAGE_PARAMETERS},
    {"set", 0, judge_set},
    {"reset", VERDICT_CHANGING_STORAGE_PARAMETERS},
    {"cluster on", VERDICT_CHANGING_STORAGE_PARAMETERS},
    {"enable row level security", VERDICT_BAN_ALTER_ROW_LEVEL_SECURITY},
    {"disable row level security", VERDICT_BAN_ALTER_ROW_LEVEL_SECURITY},
    {"force row level security", VERDICT_BAN_ALTER_ROW_LEVEL_SECURITY},
    {"no force row level security", VERDICT_BAN_ALTER_ROW_LEVEL_SECURITY},
    {"enable trigger", VERDICT_ENABLING_TRIGGER},
    {"enable always trigger", VERDICT_ENABLING_TRIGGER},
    {"enable replica trigger", VERDICT_BAN_DISABLE_TRIGGER},
    {"disable trigger", VERDICT_BAN_DISABLE_TRIGGER},
    {"enable rule", VERDICT_CREATING_RULE},
    {"enable always rule", VERDICT_CREATING_RULE},
    {"enable replica rule", VERDICT_CREATING_RULE},
    {"disable rule", VERDICT_CREATING_RULE},
    {"inherit", VERDICT_CHANGING_INHERITANCE},
    {"no inherit", VERDICT_CHANGING_INHERITANCE},
    {"of", VERDICT_CHANGING_CATALOG},
    {"not of", VERDICT_CHANGING_CATALOG},
    {"owner to", VERDICT_CHANGING_CATALOG},
    {"replica identity", VERDICT_CHANGING_CATALOG},
    {"attach partition", 0, judge_attach},
    {"detach partition", 0, judge_detach},
};

static void judge_action(struct verdict_reader *reader, struct verdict_name table)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!verdict_reader_accept(reader, actions[i].words))
            continue;
        if (actions[i].judge)
            actions[i].judge(reader, table);
        else
            find_at(reader, actions[i].id, table);
        return;
    }
    find_at(reader, VERDICT_UNKNOWN_STATEMENT, table);
}

void verdict_alter_judge(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "if exists");
    verdict_reader_accept(reader, "only");
    struct verdict_name table = verdict_reader_name(reader);
    verdict_reader_accept_mark(reader, '*');
    if (verdict_reader_is_end(reader))
        find_at(reader, VERDICT_UNKNOWN_STATEMENT, table);
    while (!verdict_reader_is_end(reader)) {
        judge_action(reader, table);
        while (!verdict_reader_is_end(reader) && !verdict_reader_accept_mark(reader, ','))
            verdict_reader_skip(reader);
    }
}
