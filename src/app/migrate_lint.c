/* SPDX-License-Identifier: Apache-2.0 */
/* Earlier files are read, too: what they made is known then. */
#include "app/migrate_lint.h"

#include "base/jsonwrite.h"
#include "data/verdict.h"

enum { SHOWN_BYTES = 72, LEVELS = VERDICT_IRREVERSIBLE + 1 };

struct lint {
    struct migrate *migrate;
    struct buf *out;
    bool is_json, is_first;
    size_t statements, files;
    size_t levels[LEVELS]; /* statements by their gravest finding */
};

static enum error ask(struct migrate *migrate, struct migration_status *status, bool *is_known)
{
    struct diag scratch, *own = migrate->diag;
    diag_init(&scratch, migrate->arena);
    migrate->diag = &scratch;
    *is_known = migrate_connect(migrate) == OK && migrate_status(migrate, status) == OK;
    migrate->diag = own;
    return OK;
}

static bool is_applied(const struct migration_status *status, const struct migration *migration)
{
    for (size_t i = 0; i < status->count; i++)
        if (status->entries[i].file == migration)
            return status->entries[i].state == MIGRATION_APPLIED || status->entries[i].state == MIGRATION_EDITED;
    return false;
}

static void put_text(struct lint *lint, const struct migration *migration, const struct verdict_statement *statement)
{
    struct buf *out = lint->out;
    struct slice line = slice_of(statement->text.ptr, slice_index(statement->text, '\n'));
    bool is_cut = line.len > SHOWN_BYTES || line.len < statement->text.len;
    buf_printf(out, "%s:%u: %s%s%s  %.*s%s\n", migration->up.path, statement->line,
               verdict_level_name(statement->level), statement->lock ? ", " : "", verdict_lock_name(statement->lock),
               (int)(line.len < SHOWN_BYTES ? line.len : SHOWN_BYTES), line.ptr, is_cut ? " …" : "");
    for (size_t i = 0; i < statement->count; i++) {
        const struct verdict *verdict = &statement->verdicts[i];
        if (verdict->level == VERDICT_SAFE)
            continue;
        buf_printf(out, "    %s%s: %s\n", verdict->rule->name, verdict->is_allowed ? " (allowed)" : "", verdict->why);
        if (verdict->safe_form && !verdict->is_allowed)
            buf_printf(out, "      instead: %s\n", verdict->safe_form);
    }
}

static void put_member(struct buf *out, const char *key, const char *text)
{
    buf_put_text(out, key);
    if (text)
        jsonwrite_string(out, slice_from(text));
    else
        buf_put_literal(out, "null");
}

static void put_flag(struct buf *out, const char *key, bool is_set)
{
    buf_put_text(out, key);
    buf_put_text(out, is_set ? "true" : "false");
}

static void put_verdict(struct buf *out, const struct verdict *verdict)
{
    put_member(out, "{\"rule\":", verdict->rule->name);
    put_member(out, ",\"level\":", verdict_level_name(verdict->level));
    put_member(out, ",\"lock\":", verdict_lock_name(verdict->lock));
    put_flag(out, ",\"blocksReads\":", verdict->blocks_reads);
    put_flag(out, ",\"blocksWrites\":", verdict->blocks_writes);
    put_flag(out, ",\"scans\":", verdict->scans);
    put_flag(out, ",\"rewrites\":", verdict->rewrites);
    put_flag(out, ",\"allowed\":", verdict->is_allowed);
    put_member(out, ",\"why\":", verdict->why);
    put_member(out, ",\"instead\":", verdict->safe_form);
    buf_put_byte(out, '}');
}

static void put_json(struct lint *lint, const struct migration *migration, const struct verdict_statement *statement)
{
    struct buf *out = lint->out;
    put_member(out, lint->is_first ? "{\"file\":" : ",{\"file\":", migration->up.path);
    buf_printf(out, ",\"line\":%u,\"statement\":", statement->line);
    jsonwrite_string(out, statement->text);
    put_member(out, ",\"level\":", verdict_level_name(statement->level));
    put_member(out, ",\"lock\":", verdict_lock_name(statement->lock));
    buf_put_literal(out, ",\"findings\":[");
    for (size_t i = 0; i < statement->count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        put_verdict(out, &statement->verdicts[i]);
    }
    buf_put_literal(out, "]}");
}

static void put_file(struct lint *lint, const struct migration *migration, const struct verdict_file *file)
{
    lint->files++;
    for (size_t i = 0; i < file->count; i++) {
        lint->statements++;
        lint->levels[file->statements[i].level]++;
        if (lint->is_json)
            put_json(lint, migration, &file->statements[i]);
        else
            put_text(lint, migration, &file->statements[i]);
        lint->is_first = false;
    }
}

static void put_summary(struct lint *lint)
{
    buf_printf(lint->out, "%zu statements in %zu files:", lint->statements, lint->files);
    for (size_t i = 0; i < LEVELS; i++)
        if (lint->levels[i] > 0 || i == VERDICT_SAFE)
            buf_printf(lint->out, " %zu %s", lint->levels[i], verdict_level_name((enum verdict_level)i));
    buf_put_byte(lint->out, '\n');
}

static enum error read_all(struct lint *lint, struct verdict_reader *transactional,
                           const struct migration_status *status)
{
    struct migrate *migrate = lint->migrate;
    for (size_t i = 0; i < migrate->files.count; i++) {
        const struct migration *migration = &migrate->files.items[i];
        struct verdict_file file;
        verdict_set_transaction(transactional, !migration->up.is_stepwise);
        TRY(verdict_read(transactional, migration->up.text, migration->up.path, migrate->diag, &file));
        if (!is_applied(status, migration))
            put_file(lint, migration, &file);
    }
    return OK;
}

enum error migrate_lint_run(struct migrate *migrate, bool is_json, struct buf *out, bool *is_clean)
{
    struct lint lint = {.migrate = migrate, .out = out, .is_json = is_json, .is_first = true};
    struct migration_status status = {0};
    struct verdict_reader *reader;
    bool is_known;
    TRY(ask(migrate, &status, &is_known));
    bool is_postgres = slice_starts(slice_from(migrate->settings.database.url), SLICE("postgres"));
    const struct verdict_options options = {.dialect = is_postgres ? DIALECT_POSTGRES : DIALECT_SQLITE,
                                            .has_lock_timeout = true};
    TRY(verdict_create(&options, migrate->arena, &reader));
    buf_put_text(out, is_json ? "[" : "");
    enum error error = read_all(&lint, reader, is_known ? &status : &(struct migration_status){0});
    verdict_destroy(reader);
    if (is_json)
        buf_put_literal(out, "]\n");
    else
        put_summary(&lint);
    *is_clean = lint.levels[VERDICT_SAFE] == lint.statements;
    return error;
}
