/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of SQLite. There is one lock: who changes anything is the only writer until the transaction ends, and
 * readers go on (WAL). So what counts is how long a statement takes, what it loses, and what SQLite refuses.
 *
 * What ALTER TABLE cannot do is done by a rebuild (sqlite.org/lang_altertable.html, section 7): create the new table,
 * copy, drop the old one, rename. Only the rename shows that it was one; the statements before it are found anew then.
 */
#include "base/attr.h"
#include "data/verdict_reader.h"

struct kind {
    const char *words;
    enum verdict_id id;
    void (*judge)(struct verdict_reader *reader);
};

static struct verdict_finding *find(struct verdict_reader *reader, enum verdict_id id, struct verdict_name name)
{
    return verdict_reader_find(reader, id, name, SLICE(""));
}

static void find_bare(struct verdict_reader *reader, enum verdict_id id)
{
    find(reader, id, (struct verdict_name){SLICE(""), SLICE("")});
}

static void judge_kinds(struct verdict_reader *reader, const struct kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!verdict_reader_accept(reader, kinds[i].words))
            continue;
        if (kinds[i].judge) {
            kinds[i].judge(reader);
            return;
        }
        if (!verdict_reader_accept(reader, "if not exists"))
            verdict_reader_accept(reader, "if exists");
        find(reader, kinds[i].id, verdict_reader_name(reader));
        return;
    }
    find_bare(reader, VERDICT_LITE_UNKNOWN_STATEMENT);
}

static void judge_create_table(struct verdict_reader *reader)
{
    bool may_be_there = verdict_reader_accept(reader, "if not exists");
    struct verdict_name name = verdict_reader_name(reader);
    struct verdict_table *table = verdict_reader_table(reader, name);
    if (!table)
        return;
    bool is_again = table->dropped_in == reader->file && table->copied_from.len == 0;
    find(reader, is_again ? VERDICT_LITE_RECREATING_TABLE : VERDICT_LITE_CREATING_TABLE, name);
    if (!may_be_there)
        table->file = reader->file;
}

static void judge_create_index(struct verdict_reader *reader)
{
    while (!verdict_reader_is_end(reader) && !verdict_reader_accept(reader, "on"))
        verdict_reader_skip(reader);
    find(reader, VERDICT_LITE_CREATING_INDEX, verdict_reader_name(reader));
}

static void judge_add_column(struct verdict_reader *reader, struct verdict_name table)
{
    struct verdict_column column;
    verdict_column_read(reader, &column);
    struct slice name = column.name.text;
    enum verdict_id id = VERDICT_LITE_ADDING_COLUMN;
    if (column.is_primary || column.is_unique || column.is_stored)
        id = VERDICT_LITE_REFUSED_COLUMN;
    else if (column.is_not_null && !column.is_generated && (!column.has_default || column.is_null_default))
        id = VERDICT_LITE_ADDING_REQUIRED_FIELD;
    else if (column.is_computed || column.is_parenthesized)
        id = VERDICT_LITE_ADDING_COMPUTED_DEFAULT;
    else if (column.has_check || (column.is_generated && column.is_not_null))
        id = VERDICT_LITE_ADDING_CHECKED_COLUMN;
    verdict_reader_find(reader, id, table, name);
}

/* new RENAME TO old, after new was filled from old and old was dropped: the DROP lost nothing that was not copied. */
static void judge_rename_table(struct verdict_reader *reader, struct verdict_name name)
{
    struct verdict_name next = verdict_reader_name(reader);
    struct verdict_table *from = verdict_reader_table(reader, name), *to = verdict_reader_table(reader, next);
    if (!from || !to)
        return;
    bool is_rebuild = from->file == reader->file && to->dropped_in == reader->file && from->copied_from.len > 0 &&
                      slice_eq(from->copied_from, next.key);
    if (is_rebuild) {
        find(reader, VERDICT_LITE_TABLE_REBUILD, next);
        verdict_reader_change(reader, to->dropped, VERDICT_LITE_TABLE_REBUILD);
    } else {
        find(reader, VERDICT_LITE_RENAMING_TABLE, name);
    }
    verdict_reader_drop(reader, name, NULL);
    verdict_reader_drop(reader, next, NULL); /* by its name it is in use */
}

static void judge_alter(struct verdict_reader *reader)
{
    if (!verdict_reader_accept(reader, "table")) {
        find_bare(reader, VERDICT_LITE_UNKNOWN_STATEMENT);
        return;
    }
    struct verdict_name table = verdict_reader_name(reader);
    if (verdict_reader_accept(reader, "rename to")) {
        judge_rename_table(reader, table);
    } else if (verdict_reader_accept(reader, "rename")) {
        verdict_reader_accept(reader, "column");
        verdict_reader_find(reader, VERDICT_LITE_RENAMING_COLUMN, table, verdict_reader_name(reader).text);
    } else if (verdict_reader_accept(reader, "add")) {
        verdict_reader_accept(reader, "column");
        judge_add_column(reader, table);
    } else if (verdict_reader_accept(reader, "drop")) {
        verdict_reader_accept(reader, "column");
        verdict_reader_find(reader, VERDICT_LITE_BAN_DROP_COLUMN, table, verdict_reader_name(reader).text);
    } else {
        find(reader, VERDICT_LITE_UNKNOWN_STATEMENT, table);
    }
}

static void judge_drop_table(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "if exists");
    struct verdict_name name = verdict_reader_name(reader);
    struct verdict_finding *finding = find(reader, VERDICT_LITE_BAN_DROP_TABLE, name);
    verdict_reader_drop(reader, name, finding);
}

/* INSERT INTO new … SELECT … FROM old: remembers what filled a table of this file. */
static void judge_insert(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    bool copies = verdict_reader_has(reader, "select");
    if (copies && verdict_reader_is_new(reader, name)) {
        struct verdict_table *table = verdict_reader_table(reader, name);
        while (!verdict_reader_is_end(reader) && !verdict_reader_accept(reader, "from"))
            verdict_reader_skip(reader);
        if (table)
            table->copied_from = verdict_reader_name(reader).key;
    }
    find(reader, copies ? VERDICT_LITE_COPYING_ROWS : VERDICT_LITE_INSERTING_ROWS, name);
}

static void judge_update(struct verdict_reader *reader)
{
    if (verdict_reader_accept(reader, "or"))
        verdict_reader_advance(reader);
    struct verdict_name name = verdict_reader_name(reader);
    bool is_some = verdict_reader_has(reader, "where");
    find(reader, is_some ? VERDICT_LITE_CHANGING_ROWS : VERDICT_LITE_BACKFILLING_ALL_ROWS, name);
}

static void judge_delete(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    bool is_some = verdict_reader_has(reader, "where");
    find(reader, is_some ? VERDICT_LITE_DELETING_ROWS : VERDICT_LITE_DELETING_ALL_ROWS, name);
}

static void judge_with(struct verdict_reader *reader)
{
    bool may_change = verdict_reader_has(reader, "insert") || verdict_reader_has(reader, "update") ||
                      verdict_reader_has(reader, "delete") || verdict_reader_has(reader, "replace");
    find_bare(reader, may_change ? VERDICT_LITE_UNKNOWN_STATEMENT : VERDICT_LITE_READING_ROWS);
}

static void judge_pragma(struct verdict_reader *reader)
{
    static const char *const known[] = {
        "foreign_keys",       "foreign_key_check", "foreign_key_list",   "table_info", "table_xinfo",
        "index_list",         "index_info",        "index_xinfo",        "table_list", "integrity_check",
        "quick_check",        "cache_size",        "defer_foreign_keys", "optimize",   "busy_timeout",
        "legacy_alter_table", "temp_store"};
    struct verdict_name name = verdict_reader_name(reader);
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        is_known |= slice_eq_text(name.key, known[i]);
    bool is_set = sqltoken_is_mark(&reader->token, '=') || sqltoken_is_mark(&reader->token, '(');
    if (is_set && slice_eq_text(name.key, "foreign_keys")) {
        reader->entry->statement.is_transactional = false;
        if (reader->in_transaction) {
            find(reader, VERDICT_LITE_PRAGMA_IN_TRANSACTION, name);
            return;
        }
    }
    find(reader, is_known ? VERDICT_LITE_PRAGMA : VERDICT_LITE_UNKNOWN_STATEMENT, name);
}

static void leave_transaction(struct verdict_reader *reader)
{
    reader->entry->statement.is_transactional = false;
    if (reader->in_transaction)
        find_bare(reader, VERDICT_LITE_BAN_IN_TRANSACTION);
}

static void judge_vacuum(struct verdict_reader *reader)
{
    find_bare(reader, VERDICT_LITE_VACUUM);
    leave_transaction(reader);
}

static void judge_attach(struct verdict_reader *reader)
{
    find_bare(reader, VERDICT_LITE_UNKNOWN_STATEMENT);
    leave_transaction(reader);
}

static void judge_begin(struct verdict_reader *reader)
{
    find_bare(reader, reader->in_transaction ? VERDICT_LITE_TRANSACTION_NESTING : VERDICT_LITE_TRANSACTION_CONTROL);
    if (!reader->in_transaction)
        reader->begun = reader->entry;
    reader->in_transaction = true;
}

static void judge_end(struct verdict_reader *reader)
{
    bool is_savepoint = verdict_reader_has(reader, "to");
    bool is_wrapped = reader->options.in_transaction && !is_savepoint;
    find_bare(reader, is_wrapped ? VERDICT_LITE_TRANSACTION_NESTING : VERDICT_LITE_TRANSACTION_CONTROL);
    if (is_savepoint)
        return;
    reader->in_transaction = reader->options.in_transaction;
    reader->begun = NULL;
}

void verdict_sqlite_judge(struct verdict_reader *reader)
{
    static const struct kind kinds[] = {
        {"create table", 0, judge_create_table},
        {"create temp table", 0, judge_create_table},
        {"create temporary table", 0, judge_create_table},
        {"create virtual table", 0, judge_create_table},
        {"create index", 0, judge_create_index},
        {"create unique index", 0, judge_create_index},
        {"create trigger", VERDICT_LITE_CREATING_OBJECT},
        {"create temp trigger", VERDICT_LITE_CREATING_OBJECT},
        {"create temporary trigger", VERDICT_LITE_CREATING_OBJECT},
        {"create view", VERDICT_LITE_CREATING_OBJECT},
        {"create temp view", VERDICT_LITE_CREATING_OBJECT},
        {"create temporary view", VERDICT_LITE_CREATING_OBJECT},
        {"alter", 0, judge_alter},
        {"drop table", 0, judge_drop_table},
        {"drop index", VERDICT_LITE_DROPPING_INDEX},
        {"drop trigger", VERDICT_LITE_DROPPING_TRIGGER},
        {"drop view", VERDICT_LITE_DROPPING_OBJECT},
        {"insert into", 0, judge_insert},
        {"insert or ignore into", 0, judge_insert},
        {"insert or rollback into", 0, judge_insert},
        {"insert or abort into", 0, judge_insert},
        {"insert or fail into", 0, judge_insert},
        {"insert or replace into", VERDICT_LITE_CHANGING_ROWS},
        {"replace into", VERDICT_LITE_CHANGING_ROWS},
        {"update", 0, judge_update},
        {"delete from", 0, judge_delete},
        {"select", VERDICT_LITE_READING_ROWS},
        {"values", VERDICT_LITE_READING_ROWS},
        {"with", 0, judge_with},
        {"pragma", 0, judge_pragma},
        {"vacuum", 0, judge_vacuum},
        {"reindex", VERDICT_LITE_REINDEXING},
        {"analyze", VERDICT_LITE_ANALYZING},
        {"attach", 0, judge_attach},
        {"detach", 0, judge_attach},
        {"begin", 0, judge_begin},
        {"commit", 0, judge_end},
        {"end", 0, judge_end},
        {"rollback", 0, judge_end},
        {"savepoint", VERDICT_LITE_TRANSACTION_CONTROL},
        {"release", VERDICT_LITE_TRANSACTION_CONTROL},
    };
    judge_kinds(reader, kinds, ARRAY_LEN(kinds));
}
