/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of PostgreSQL, but for ALTER TABLE's actions: a table by their first words, in which the first row that
 * fits is taken. What no row fits is unknown, and so is what runs text of its own (DO, CALL, a function in SELECT). */
#include "base/attr.h"
#include "data/verdict_reader.h"

struct kind {
    const char *words;
    enum verdict_id
        id; /* what it is found to be, if it has no function of its own; the name that follows is its object */
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

/* What cannot run inside a transaction. */
static void leave_transaction(struct verdict_reader *reader, enum verdict_id id, struct verdict_name name)
{
    reader->entry->statement.is_transactional = false;
    if (reader->in_transaction)
        find(reader, id, name);
}

static bool passed_if(struct verdict_reader *reader)
{
    return verdict_reader_accept(reader, "if not exists") || verdict_reader_accept(reader, "if exists");
}

static void judge_kinds(struct verdict_reader *reader, const struct kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!verdict_reader_accept(reader, kinds[i].words))
            continue;
        if (kinds[i].judge) {
            kinds[i].judge(reader);
        } else {
            passed_if(reader);
            find(reader, kinds[i].id, verdict_reader_name(reader));
        }
        return;
    }
    find_bare(reader, VERDICT_UNKNOWN_STATEMENT);
}

/* CREATE */

static void judge_partition_of(struct verdict_reader *reader)
{
    struct verdict_name parent = verdict_reader_name(reader);
    find(reader, VERDICT_CREATING_PARTITION, parent);
}

static void judge_create_table(struct verdict_reader *reader)
{
    bool may_be_there = passed_if(reader);
    struct verdict_name name = verdict_reader_name(reader);
    struct verdict_table *table = verdict_reader_table(reader, name);
    if (!table)
        return;
    find(reader, table->dropped_in == reader->file ? VERDICT_RECREATING_TABLE : VERDICT_CREATING_TABLE, name);
    verdict_column_list(reader, name);
    if (verdict_reader_accept(reader, "partition of"))
        judge_partition_of(reader);
    if (!may_be_there)
        table->file = reader->file;
}

/* CREATE [UNIQUE] INDEX, behind INDEX. */
static void judge_index(struct verdict_reader *reader, bool is_unique)
{
    bool is_concurrent = verdict_reader_accept(reader, "concurrently");
    bool is_robust = passed_if(reader);
    if (!verdict_reader_is(reader, "on"))
        verdict_reader_name(reader);
    if (!verdict_reader_accept(reader, "on")) {
        find_bare(reader, VERDICT_UNKNOWN_STATEMENT);
        return;
    }
    verdict_reader_accept(reader, "only");
    struct verdict_name table = verdict_reader_name(reader);
    find(reader, is_concurrent ? VERDICT_CREATING_INDEX_CONCURRENTLY : VERDICT_REQUIRE_CONCURRENT_INDEX_CREATION,
         table);
    if (is_concurrent)
        leave_transaction(reader, VERDICT_BAN_CONCURRENT_INDEX_CREATION_IN_TRANSACTION, table);
    if (is_concurrent && !is_robust)
        find(reader, VERDICT_PREFER_ROBUST_STMTS, table);
    if (verdict_reader_accept(reader, "using"))
        verdict_reader_advance(reader);
    size_t columns = 0;
    if (verdict_reader_accept_mark(reader, '('))
        do {
            verdict_reader_skip_item(reader);
            columns++;
        } while (verdict_reader_accept_mark(reader, ','));
    if (columns > 3 && !is_unique)
        find(reader, VERDICT_WIDE_INDEX, table);
}

static void judge_create_index(struct verdict_reader *reader)
{
    judge_index(reader, false);
}

static void judge_create_unique_index(struct verdict_reader *reader)
{
    judge_index(reader, true);
}

static struct verdict_name name_behind_on(struct verdict_reader *reader)
{
    while (!verdict_reader_is_end(reader) && !verdict_reader_accept(reader, "on"))
        verdict_reader_skip(reader);
    return verdict_reader_name(reader);
}

static void judge_create_trigger(struct verdict_reader *reader)
{
    find(reader, VERDICT_CREATING_TRIGGER, name_behind_on(reader));
}

static void judge_create_rule(struct verdict_reader *reader)
{
    while (!verdict_reader_is_end(reader) && !verdict_reader_accept(reader, "to"))
        verdict_reader_skip(reader);
    find(reader, VERDICT_CREATING_RULE, verdict_reader_name(reader));
}

static void judge_policy(struct verdict_reader *reader)
{
    find(reader, VERDICT_CHANGING_POLICY, name_behind_on(reader));
}

static void judge_create_domain(struct verdict_reader *reader)
{
    bool is_checked = verdict_reader_has(reader, "check") || verdict_reader_has(reader, "not");
    struct verdict_name name = verdict_reader_name(reader);
    if (is_checked)
        verdict_reader_add_domain(reader, name);
    find(reader, is_checked ? VERDICT_BAN_CREATE_DOMAIN_WITH_CONSTRAINT : VERDICT_CREATING_OBJECT, name);
}

static void judge_create_statistics(struct verdict_reader *reader)
{
    while (!verdict_reader_is_end(reader) && !verdict_reader_accept(reader, "from"))
        verdict_reader_skip(reader);
    find(reader, VERDICT_CREATING_STATISTICS, verdict_reader_name(reader));
}

static void judge_create_database(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, VERDICT_CREATING_OBJECT, name);
    leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, name);
}

static void judge_create(struct verdict_reader *reader)
{
    static const struct kind kinds[] = {
        {"table", 0, judge_create_table},
        {"temp table", 0, judge_create_table},
        {"temporary table", 0, judge_create_table},
        {"local temp table", 0, judge_create_table},
        {"local temporary table", 0, judge_create_table},
        {"unlogged table", 0, judge_create_table},
        {"index", 0, judge_create_index},
        {"unique index", 0, judge_create_unique_index},
        {"trigger", 0, judge_create_trigger},
        {"constraint trigger", 0, judge_create_trigger},
        {"rule", 0, judge_create_rule},
        {"policy", 0, judge_policy},
        {"domain", 0, judge_create_domain},
        {"statistics", 0, judge_create_statistics},
        {"database", 0, judge_create_database},
        {"tablespace", 0, judge_create_database},
        {"view", VERDICT_CREATING_OBJECT},
        {"temp view", VERDICT_CREATING_OBJECT},
        {"recursive view", VERDICT_CREATING_OBJECT},
        {"materialized view", VERDICT_CREATING_OBJECT},
        {"function", VERDICT_CREATING_OBJECT},
        {"procedure", VERDICT_CREATING_OBJECT},
        {"aggregate", VERDICT_CREATING_OBJECT},
        {"operator", VERDICT_CREATING_OBJECT},
        {"cast", VERDICT_CREATING_OBJECT},
        {"type", VERDICT_CREATING_OBJECT},
        {"schema", VERDICT_CREATING_OBJECT},
        {"sequence", VERDICT_CREATING_OBJECT},
        {"temp sequence", VERDICT_CREATING_OBJECT},
        {"extension", VERDICT_CREATING_OBJECT},
        {"collation", VERDICT_CREATING_OBJECT},
        {"text search", VERDICT_CREATING_OBJECT},
        {"role", VERDICT_CREATING_OBJECT},
        {"user", VERDICT_CREATING_OBJECT},
        {"publication", VERDICT_CREATING_OBJECT},
        {"server", VERDICT_CREATING_OBJECT},
        {"foreign", VERDICT_CREATING_OBJECT},
    };
    bool is_replaced = verdict_reader_accept(reader, "or replace");
    if (is_replaced && !verdict_reader_is(reader, "trigger") && !verdict_reader_is(reader, "rule")) {
        verdict_reader_advance(reader);
        find(reader, VERDICT_REPLACING_OBJECT, verdict_reader_name(reader));
        return;
    }
    judge_kinds(reader, kinds, ARRAY_LEN(kinds));
}

/* DROP */

static void judge_drop_list(struct verdict_reader *reader, enum verdict_id id)
{
    struct verdict_name name;
    passed_if(reader);
    bool is_cascade = verdict_reader_has(reader, "cascade");
    do {
        name = verdict_reader_name(reader);
        struct verdict_finding *finding = find(reader, id, name);
        if (id == VERDICT_BAN_DROP_TABLE)
            verdict_reader_drop(reader, name, finding);
        if (sqltoken_is_mark(&reader->token, '('))
            verdict_reader_skip(reader);
    } while (verdict_reader_accept_mark(reader, ','));
    if (is_cascade)
        find(reader, VERDICT_DROP_CASCADE, name);
}

static void judge_drop_table(struct verdict_reader *reader)
{
    judge_drop_list(reader, VERDICT_BAN_DROP_TABLE);
}

static void judge_drop_object(struct verdict_reader *reader)
{
    judge_drop_list(reader, VERDICT_DROPPING_OBJECT);
}

static void judge_drop_schema(struct verdict_reader *reader)
{
    judge_drop_list(reader, VERDICT_BAN_DROP_SCHEMA);
}

static void judge_drop_trigger(struct verdict_reader *reader)
{
    find(reader, VERDICT_DROPPING_TRIGGER, name_behind_on(reader));
}

static void judge_drop_rule(struct verdict_reader *reader)
{
    find(reader, VERDICT_CREATING_RULE, name_behind_on(reader));
}

static void judge_drop_database(struct verdict_reader *reader)
{
    passed_if(reader);
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, VERDICT_BAN_DROP_DATABASE, name);
    leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, name);
}

static void judge_drop_index(struct verdict_reader *reader)
{
    bool is_concurrent = verdict_reader_accept(reader, "concurrently");
    bool is_robust = passed_if(reader);
    do {
        struct verdict_name name = verdict_reader_name(reader);
        find(reader, is_concurrent ? VERDICT_DROPPING_INDEX_CONCURRENTLY : VERDICT_REQUIRE_CONCURRENT_INDEX_DELETION,
             name);
        if (is_concurrent)
            leave_transaction(reader, VERDICT_BAN_CONCURRENT_INDEX_CREATION_IN_TRANSACTION, name);
        if (is_concurrent && !is_robust)
            find(reader, VERDICT_PREFER_ROBUST_STMTS, name);
        if (verdict_reader_is(reader, "cascade"))
            find(reader, VERDICT_DROP_CASCADE, name);
    } while (verdict_reader_accept_mark(reader, ','));
}

static void judge_drop(struct verdict_reader *reader)
{
    static const struct kind kinds[] = {
        {"table", 0, judge_drop_table},      {"foreign table", 0, judge_drop_table},
        {"index", 0, judge_drop_index},      {"trigger", 0, judge_drop_trigger},
        {"rule", 0, judge_drop_rule},        {"policy", 0, judge_policy},
        {"schema", 0, judge_drop_schema},    {"database", 0, judge_drop_database},
        {"view", 0, judge_drop_object},      {"materialized view", 0, judge_drop_object},
        {"function", 0, judge_drop_object},  {"procedure", 0, judge_drop_object},
        {"routine", 0, judge_drop_object},   {"aggregate", 0, judge_drop_object},
        {"type", 0, judge_drop_object},      {"domain", 0, judge_drop_object},
        {"sequence", 0, judge_drop_object},  {"extension", 0, judge_drop_object},
        {"collation", 0, judge_drop_object}, {"role", 0, judge_drop_object},
        {"user", 0, judge_drop_object},      {"statistics", VERDICT_CREATING_STATISTICS},
    };
    judge_kinds(reader, kinds, ARRAY_LEN(kinds));
}

/* ALTER of what is no table */

static void judge_alter_type(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    if (verdict_reader_accept(reader, "add value")) {
        find(reader, VERDICT_BAN_ADD_ENUM_VALUE, name);
        if (!verdict_reader_has(reader, "before") && !verdict_reader_has(reader, "after"))
            find(reader, VERDICT_REQUIRE_ENUM_VALUE_ORDERING, name);
    } else {
        bool is_owner = verdict_reader_is(reader, "owner");
        find(reader, is_owner ? VERDICT_GRANTING : VERDICT_CHANGING_TYPE_OBJECT, name);
    }
}

static void judge_alter_domain(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    bool is_not_valid = verdict_reader_has(reader, "valid");
    bool scans = (verdict_reader_is(reader, "add") && !is_not_valid) || verdict_reader_is(reader, "validate") ||
                 verdict_reader_accept(reader, "set not null");
    find(reader, scans ? VERDICT_BAN_ALTER_DOMAIN_WITH_ADD_CONSTRAINT : VERDICT_REPLACING_OBJECT, name);
}

static void judge_alter_index(struct verdict_reader *reader)
{
    passed_if(reader);
    struct verdict_name name = verdict_reader_name(reader);
    bool is_moved = verdict_reader_accept(reader, "set tablespace");
    find(reader, is_moved ? VERDICT_REWRITING_TABLE : VERDICT_RENAMING_OBJECT, name);
}

static void judge_alter_schema(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, verdict_reader_is(reader, "rename") ? VERDICT_RENAMING_SCHEMA : VERDICT_GRANTING, name);
}

static void judge_alter_object(struct verdict_reader *reader)
{
    passed_if(reader);
    struct verdict_name name = verdict_reader_name(reader);
    if (sqltoken_is_mark(&reader->token, '('))
        verdict_reader_skip(reader);
    bool is_moved = verdict_reader_is(reader, "rename") || verdict_reader_accept(reader, "set schema");
    find(reader, is_moved ? VERDICT_RENAMING_TABLE : VERDICT_REPLACING_OBJECT, name);
}

static void judge_alter_system(struct verdict_reader *reader)
{
    find_bare(reader, VERDICT_UNKNOWN_STATEMENT);
    leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, (struct verdict_name){SLICE(""), SLICE("")});
}

static void judge_alter_trigger(struct verdict_reader *reader)
{
    find(reader, VERDICT_ENABLING_TRIGGER, name_behind_on(reader));
}

static void judge_alter(struct verdict_reader *reader)
{
    static const struct kind kinds[] = {
        {"table all", VERDICT_REWRITING_TABLE},
        {"table", 0, verdict_alter_judge},
        {"type", 0, judge_alter_type},
        {"domain", 0, judge_alter_domain},
        {"index", 0, judge_alter_index},
        {"schema", 0, judge_alter_schema},
        {"sequence", VERDICT_CHANGING_SEQUENCE},
        {"view", 0, judge_alter_object},
        {"materialized view", 0, judge_alter_object},
        {"function", 0, judge_alter_object},
        {"procedure", 0, judge_alter_object},
        {"policy", 0, judge_policy},
        {"trigger", 0, judge_alter_trigger},
        {"system", 0, judge_alter_system},
        {"default privileges", VERDICT_GRANTING},
        {"statistics", VERDICT_CREATING_STATISTICS},
    };
    judge_kinds(reader, kinds, ARRAY_LEN(kinds));
}

/* Rows */

static void judge_insert(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    bool copies = verdict_reader_has(reader, "select") || verdict_reader_has(reader, "table");
    find(reader, copies ? VERDICT_COPYING_ROWS : VERDICT_INSERTING_ROWS, name);
}

static void judge_update(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "only");
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, verdict_reader_has(reader, "where") ? VERDICT_CHANGING_ROWS : VERDICT_BACKFILLING_ALL_ROWS, name);
}

static void judge_delete(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "only");
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, verdict_reader_has(reader, "where") ? VERDICT_DELETING_ROWS : VERDICT_DELETING_ALL_ROWS, name);
}

static void judge_truncate(struct verdict_reader *reader)
{
    struct verdict_name name;
    verdict_reader_accept(reader, "table");
    do {
        verdict_reader_accept(reader, "only");
        name = verdict_reader_name(reader);
        find(reader, VERDICT_BAN_TRUNCATE, name);
        verdict_reader_accept_mark(reader, '*');
    } while (verdict_reader_accept_mark(reader, ','));
    if (verdict_reader_has(reader, "cascade"))
        find(reader, VERDICT_BAN_TRUNCATE_CASCADE, name);
}

/* Whether the rest calls a function that may do anything, or changes rows under WITH. */
static bool may_change(const struct verdict_reader *reader)
{
    static const char *const known[] = {"setval", "nextval",  "currval", "count",  "min",        "max",  "sum",
                                        "avg",    "coalesce", "lower",   "upper",  "now",        "in",   "exists",
                                        "and",    "or",       "not",     "values", "where",      "from", "select",
                                        "as",     "on",       "using",   "over",   "any",        "all",  "set_config",
                                        "length", "greatest", "least",   "cast",   "row_number", "by",   "distinct"};
    struct verdict_reader at = *reader;
    for (; !verdict_reader_is_end(&at); verdict_reader_advance(&at)) {
        struct sqltoken word = at.token;
        struct sqltoken_reader next = at.at;
        bool is_known = word.kind != SQLTOKEN_WORD && word.kind != SQLTOKEN_NAME;
        if (sqltoken_is_word(&word, "insert") || sqltoken_is_word(&word, "update") ||
            sqltoken_is_word(&word, "delete") || sqltoken_is_word(&word, "into") || sqltoken_is_word(&word, "merge"))
            return true;
        for (size_t i = 0; i < ARRAY_LEN(known) && !is_known; i++)
            is_known = sqltoken_is_word(&word, known[i]);
        if (is_known)
            continue;
        sqltoken_next(&next, &word);
        if (sqltoken_is_mark(&word, '('))
            return true;
    }
    return false;
}

static void judge_select(struct verdict_reader *reader)
{
    find_bare(reader, may_change(reader) ? VERDICT_UNKNOWN_STATEMENT : VERDICT_READING_ROWS);
}

static void judge_copy(struct verdict_reader *reader)
{
    struct verdict_name name = verdict_reader_name(reader);
    if (sqltoken_is_mark(&reader->token, '('))
        verdict_reader_skip(reader);
    find(reader, verdict_reader_is(reader, "from") ? VERDICT_INSERTING_ROWS : VERDICT_READING_ROWS, name);
}

static void judge_lock(struct verdict_reader *reader)
{
    static const struct {
        const char *words;
        enum verdict_lock lock;
    } modes[] = {
        {"in access share", VERDICT_LOCK_ACCESS_SHARE},
        {"in row share", VERDICT_LOCK_ROW_SHARE},
        {"in row exclusive", VERDICT_LOCK_ROW_EXCLUSIVE},
        {"in share update exclusive", VERDICT_LOCK_SHARE_UPDATE_EXCLUSIVE},
        {"in share row exclusive", VERDICT_LOCK_SHARE_ROW_EXCLUSIVE},
        {"in share", VERDICT_LOCK_SHARE},
        {"in exclusive", VERDICT_LOCK_EXCLUSIVE},
    };
    verdict_reader_accept(reader, "table");
    verdict_reader_accept(reader, "only");
    struct verdict_finding *finding = find(reader, VERDICT_LOCKING_TABLE, verdict_reader_name(reader));
    verdict_reader_accept_mark(reader, '*');
    while (verdict_reader_accept_mark(reader, ','))
        find(reader, VERDICT_LOCKING_TABLE, verdict_reader_name(reader));
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (finding && verdict_reader_accept(reader, modes[i].words))
            for (struct verdict_finding *each = finding; each; each = each->next) {
                each->verdict.lock = modes[i].lock;
                each->verdict.blocks_reads = false;
                each->verdict.blocks_writes = modes[i].lock >= VERDICT_LOCK_SHARE;
            }
}

/* Maintenance */

static void judge_vacuum(struct verdict_reader *reader)
{
    bool is_full = verdict_reader_accept(reader, "full");
    if (sqltoken_is_mark(&reader->token, '(')) {
        struct verdict_reader inside = *reader;
        verdict_reader_advance(&inside);
        is_full |= verdict_reader_has(&inside, "full");
        verdict_reader_skip(reader);
    }
    while (verdict_reader_accept(reader, "freeze") || verdict_reader_accept(reader, "verbose") ||
           verdict_reader_accept(reader, "analyze"))
        ;
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, is_full ? VERDICT_REWRITING_TABLE : VERDICT_MAINTAINING_TABLE, name);
    leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, name);
}

static void judge_reindex(struct verdict_reader *reader)
{
    bool is_concurrent = false;
    if (sqltoken_is_mark(&reader->token, '(')) {
        struct verdict_reader inside = *reader;
        verdict_reader_advance(&inside);
        is_concurrent = verdict_reader_has(&inside, "concurrently");
        verdict_reader_skip(reader);
    }
    bool is_whole = verdict_reader_is(reader, "database") || verdict_reader_is(reader, "system") ||
                    verdict_reader_is(reader, "schema");
    verdict_reader_advance(reader);
    is_concurrent |= verdict_reader_accept(reader, "concurrently");
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, is_concurrent ? VERDICT_REINDEXING_CONCURRENTLY : VERDICT_REQUIRE_CONCURRENT_REINDEX, name);
    if (is_concurrent)
        leave_transaction(reader, VERDICT_BAN_CONCURRENT_INDEX_CREATION_IN_TRANSACTION, name);
    else if (is_whole)
        leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, name);
}

static void judge_refresh(struct verdict_reader *reader)
{
    bool is_concurrent = verdict_reader_accept(reader, "concurrently");
    find(reader, is_concurrent ? VERDICT_REFRESHING_CONCURRENTLY : VERDICT_REQUIRE_CONCURRENT_REFRESH,
         verdict_reader_name(reader));
}

static void judge_cluster(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "verbose");
    struct verdict_name name = verdict_reader_name(reader);
    find(reader, VERDICT_REWRITING_TABLE, name);
    if (name.text.len == 0)
        leave_transaction(reader, VERDICT_BAN_IN_TRANSACTION, name);
}

static void judge_comment(struct verdict_reader *reader)
{
    verdict_reader_accept(reader, "on");
    bool is_table = verdict_reader_accept(reader, "table");
    bool is_column = !is_table && verdict_reader_accept(reader, "column");
    struct verdict_name name = verdict_reader_name(reader);
    for (size_t i = name.text.len; is_column && i > 0; i--)
        if (name.text.ptr[i - 1] == '.') {
            name.text.len = i - 1;
            break;
        }
    for (size_t i = name.key.len; is_column && i > 0; i--)
        if (name.key.ptr[i - 1] == '.') {
            name.key.len = i - 1;
            break;
        }
    find(reader, is_table || is_column ? VERDICT_COMMENTING : VERDICT_CREATING_OBJECT, name);
}

/* The session and its transaction */

static void judge_set(struct verdict_reader *reader)
{
    if (!verdict_reader_accept(reader, "local"))
        verdict_reader_accept(reader, "session");
    if (verdict_reader_is(reader, "lock_timeout"))
        reader->has_lock_timeout = true;
    reader->has_path |= verdict_reader_is(reader, "search_path") || verdict_reader_is(reader, "schema");
    find_bare(reader, VERDICT_SETTING);
}

static void judge_begin(struct verdict_reader *reader)
{
    find_bare(reader, reader->in_transaction ? VERDICT_TRANSACTION_NESTING : VERDICT_TRANSACTION_CONTROL);
    if (!reader->in_transaction)
        reader->begun = reader->entry;
    reader->in_transaction = true;
}

static void judge_end(struct verdict_reader *reader)
{
    bool is_savepoint = verdict_reader_has(reader, "to");
    if (verdict_reader_is(reader, "prepared")) {
        find_bare(reader, VERDICT_UNKNOWN_STATEMENT);
        return;
    }
    bool is_wrapped = reader->options.in_transaction && !is_savepoint;
    find_bare(reader, is_wrapped ? VERDICT_TRANSACTION_NESTING : VERDICT_TRANSACTION_CONTROL);
    if (is_savepoint)
        return;
    reader->in_transaction = reader->options.in_transaction;
    reader->held = VERDICT_LOCK_NONE;
    reader->begun = NULL;
}

void verdict_postgres_judge(struct verdict_reader *reader)
{
    static const struct kind kinds[] = {
        {"create", 0, judge_create},
        {"drop", 0, judge_drop},
        {"alter", 0, judge_alter},
        {"insert into", 0, judge_insert},
        {"merge into", VERDICT_CHANGING_ROWS},
        {"update", 0, judge_update},
        {"delete from", 0, judge_delete},
        {"truncate", 0, judge_truncate},
        {"select", 0, judge_select},
        {"with", 0, judge_select},
        {"values", 0, judge_select},
        {"table", VERDICT_READING_ROWS},
        {"copy", 0, judge_copy},
        {"lock", 0, judge_lock},
        {"vacuum", 0, judge_vacuum},
        {"analyze", VERDICT_MAINTAINING_TABLE},
        {"reindex", 0, judge_reindex},
        {"refresh materialized view", 0, judge_refresh},
        {"cluster", 0, judge_cluster},
        {"comment", 0, judge_comment},
        {"grant", VERDICT_GRANTING},
        {"revoke", VERDICT_BAN_REVOKE},
        {"set", 0, judge_set},
        {"reset", VERDICT_SETTING},
        {"show", VERDICT_SETTING},
        {"notify", VERDICT_SETTING},
        {"begin", 0, judge_begin},
        {"start transaction", 0, judge_begin},
        {"commit", 0, judge_end},
        {"end", 0, judge_end},
        {"rollback", 0, judge_end},
        {"abort", 0, judge_end},
        {"savepoint", VERDICT_TRANSACTION_CONTROL},
        {"release", VERDICT_TRANSACTION_CONTROL},
    };
    judge_kinds(reader, kinds, ARRAY_LEN(kinds));
}
