/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of migrations: reads a file statement by statement, hands each to its dialect, and adds what only the file
 * as a whole shows: locks that are held while a later statement scans, a lock awaited without a timeout, a transaction
 * that nothing ends, and what the file's comments allow.
 *
 * Invariants
 *   (1) every statement has at least one verdict; what is not understood is VERDICT_UNKNOWN, never safe
 *   (2) a file that cannot be cut to its end has no verdicts at all */
#include "data/verdict.h"

#include <string.h>

#include "base/attr.h"
#include "data/verdict_reader.h"

enum { NAMES_MAX = 1 << 20 };

enum { SCANS = 1, REWRITES = 2, ALWAYS = 4, WRITES = 8 };

static const struct verdict_rule rules[] = {
#define X(id, dialect_name, rule_name, level_name, lock_name, flags, sentence, form, page)                             \
    {.dialect = DIALECT_##dialect_name,                                                                                \
     .name = rule_name,                                                                                                \
     .level = VERDICT_##level_name,                                                                                    \
     .lock = VERDICT_LOCK_##lock_name,                                                                                 \
     .scans = ((flags)&SCANS) != 0,                                                                                    \
     .rewrites = ((flags)&REWRITES) != 0,                                                                              \
     .blocks_writes = ((flags)&WRITES) != 0,                                                                           \
     .is_always = ((flags)&ALWAYS) != 0,                                                                               \
     .why = sentence,                                                                                                  \
     .safe_form = form,                                                                                                \
     .source = page},
#include "data/verdict.def"
#undef X
};

const struct verdict_rule *verdict_rules(size_t *count)
{
    *count = ARRAY_LEN(rules);
    return rules;
}

const char *verdict_level_name(enum verdict_level level)
{
    static const char *const names[] = {"safe",   "unknown",     "locks",       "rewrites",
                                        "breaks", "destructive", "irreversible"};
    return names[level];
}

const char *verdict_lock_name(enum verdict_lock lock)
{
    static const char *const names[] = {
        "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",    "SHARE UPDATE EXCLUSIVE",
        "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE", "WRITE"};
    return names[lock];
}

enum error verdict_create(const struct verdict_options *options, struct arena *arena, struct verdict_reader **out)
{
    struct verdict_reader *reader = arena_zalloc(arena, sizeof *reader);
    if (!reader)
        return ERROR_MEMORY;
    reader->options = *options;
    reader->arena = arena;
    map_init(&reader->tables, NAMES_MAX, 0);
    map_init(&reader->columns, NAMES_MAX, 0);
    map_init(&reader->domains, NAMES_MAX, 0);
    map_init(&reader->checks, NAMES_MAX, 0);
    *out = reader;
    return OK;
}

void verdict_destroy(struct verdict_reader *reader)
{
    if (!reader)
        return;
    map_fini(&reader->tables);
    map_fini(&reader->columns);
    map_fini(&reader->domains);
    map_fini(&reader->checks);
}

static enum verdict_id choose(const struct verdict_reader *reader, enum verdict_id postgres, enum verdict_id sqlite)
{
    return reader->options.dialect == DIALECT_POSTGRES ? postgres : sqlite;
}

static bool is_rule(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (slice_eq_text(name, rules[i].name))
            return true;
    return false;
}

/* allow a, b */
static void allow(struct verdict_reader *reader, struct slice names)
{
    for (size_t end = 0; names.len > 0; names = slice_from_index(names, end + 1)) {
        for (end = 0; end < names.len && !strchr(", \t", names.ptr[end]);)
            end++;
        struct slice name = slice_of(names.ptr, end);
        if (end == 0)
            continue;
        if (!is_rule(name))
            verdict_reader_find(reader, choose(reader, VERDICT_UNKNOWN_RULE, VERDICT_LITE_UNKNOWN_RULE),
                                (struct verdict_name){name, SLICE("")}, SLICE(""));
        for (struct verdict_finding *finding = reader->entry->first; finding; finding = finding->next)
            finding->verdict.is_allowed |= slice_eq_text(name, finding->verdict.rule->name);
    }
}

/* What is not understood may have changed any table. */
static void forget_after_unknown(struct verdict_reader *reader)
{
    for (const struct verdict_finding *finding = reader->entry->first; finding; finding = finding->next)
        if (finding->verdict.level == VERDICT_UNKNOWN) {
            reader->epoch++;
            return;
        }
}

/* What one statement's findings mean for those behind it. */
static void hold(struct verdict_reader *reader)
{
    bool scans = false;
    struct verdict_name held = {reader->held_table, SLICE("")};
    for (const struct verdict_finding *finding = reader->entry->first; finding; finding = finding->next)
        scans |= finding->verdict.scans;
    if (scans && reader->in_transaction && reader->held >= VERDICT_LOCK_SHARE)
        verdict_reader_find(reader, VERDICT_SCAN_WHILE_LOCKED, held, SLICE(""));
    for (const struct verdict_finding *finding = reader->entry->first; finding; finding = finding->next)
        if (finding->verdict.lock > reader->held) {
            reader->held = finding->verdict.lock;
            reader->held_table = finding->verdict.table;
        }
    if (reader->held >= VERDICT_LOCK_SHARE && !reader->has_lock_timeout) {
        verdict_reader_find(reader, VERDICT_REQUIRE_TIMEOUT_SETTINGS,
                            (struct verdict_name){reader->held_table, SLICE("")}, SLICE(""));
        reader->has_lock_timeout = true; /* it is said once */
    }
    if (!reader->in_transaction)
        reader->held = VERDICT_LOCK_NONE;
}

static void weigh(struct verdict_entry *entry)
{
    for (const struct verdict_finding *finding = entry->first; finding; finding = finding->next) {
        const struct verdict *verdict = &finding->verdict;
        if (verdict->level > entry->statement.level && !verdict->is_allowed)
            entry->statement.level = verdict->level;
        if (verdict->lock > entry->statement.lock)
            entry->statement.lock = verdict->lock;
    }
}

static void judge(struct verdict_reader *reader, const struct script_statement *statement)
{
    verdict_reader_begin(reader, statement->text);
    if (reader->options.dialect == DIALECT_POSTGRES) {
        verdict_postgres_judge(reader);
        hold(reader);
    } else {
        verdict_sqlite_judge(reader);
    }
    forget_after_unknown(reader);
}

/* What only the end of the file shows: a transaction that is left open, and with it the comments that allow things. */
static void conclude(struct verdict_reader *reader, struct verdict_entry *entry, struct sqltoken_reader comments)
{
    struct slice directive;
    reader->entry = entry;
    if (entry == reader->begun)
        verdict_reader_find(
            reader, choose(reader, VERDICT_BAN_UNCOMMITTED_TRANSACTION, VERDICT_LITE_BAN_UNCOMMITTED_TRANSACTION),
            (struct verdict_name){SLICE(""), SLICE("")}, SLICE(""));
    while (script_directive(&comments, &directive))
        if (slice_starts(directive, SLICE("allow ")))
            allow(reader, slice_from_index(directive, 6));
    weigh(entry);
}

static enum error gather(struct verdict_reader *reader, struct verdict_entry *first, size_t count,
                         struct verdict_file *out)
{
    struct verdict_file file = {.count = count};
    struct verdict_statement *statements = arena_array(reader->arena, count ? count : 1, sizeof *statements);
    if (!statements)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++, first = first->next) {
        struct verdict *verdicts = arena_array(reader->arena, first->count, sizeof *verdicts), *next = verdicts;
        if (!verdicts)
            return ERROR_MEMORY;
        for (const struct verdict_finding *finding = first->first; finding; finding = finding->next)
            *next++ = finding->verdict;
        statements[i] = first->statement;
        statements[i].verdicts = verdicts;
        statements[i].count = first->count;
        if (statements[i].level > file.level)
            file.level = statements[i].level;
    }
    file.statements = statements;
    *out = file;
    return OK;
}

static struct verdict_entry *add_entry(struct verdict_reader *reader, const struct script_statement *statement)
{
    struct verdict_entry *entry = arena_zalloc(reader->arena, sizeof *entry);
    if (!entry)
        return NULL;
    entry->statement.text = statement->text;
    entry->statement.line = statement->line;
    entry->statement.is_transactional = true;
    entry->comments = statement->comments;
    entry->last = &entry->first;
    return entry;
}

void verdict_set_transaction(struct verdict_reader *reader, bool in_transaction)
{
    reader->options.in_transaction = in_transaction;
}

enum error verdict_read(struct verdict_reader *reader, struct slice text, const char *file, struct diag *diag,
                        struct verdict_file *out)
{
    struct script script;
    struct script_statement statement;
    struct verdict_entry *first = NULL, **last = &first;
    size_t count = 0;
    script_init(&script, text, reader->options.dialect);
    while (script_next(&script, &statement))
        ;
    TRY(script_finish(&script, file, diag));
    reader->file++;
    reader->in_transaction = reader->options.in_transaction;
    reader->has_lock_timeout = reader->options.has_lock_timeout;
    reader->held = VERDICT_LOCK_NONE;
    reader->begun = NULL;
    reader->has_path = false;
    reader->error = OK;
    script_init(&script, text, reader->options.dialect);
    while (script_next(&script, &statement)) {
        struct verdict_entry *entry = add_entry(reader, &statement);
        if (!entry)
            return ERROR_MEMORY;
        reader->entry = *last = entry;
        last = &entry->next;
        count++;
        judge(reader, &statement);
        TRY(reader->error);
    }
    for (struct verdict_entry *entry = first; entry; entry = entry->next)
        conclude(reader, entry, entry->comments);
    TRY(reader->error);
    return gather(reader, first, count, out);
}

enum error verdict_fits_transaction(enum dialect dialect, struct slice text, const char *file, struct arena *arena,
                                    struct diag *diag, bool *out)
{
    struct verdict_options options = {.dialect = dialect};
    struct verdict_reader *reader;
    struct verdict_file found;
    TRY(verdict_create(&options, arena, &reader));
    enum error error = verdict_read(reader, text, file, diag, &found);
    verdict_destroy(reader);
    TRY(error);
    bool fits = true;
    for (size_t i = 0; i < found.count; i++)
        fits &= found.statements[i].is_transactional;
    *out = fits;
    return OK;
}
