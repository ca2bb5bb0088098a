/* SPDX-License-Identifier: Apache-2.0 */
/* The migrations of an app, from its file and its folder to its database. */
#include "app/migrate.h"

#include "app/snapshot.h"
#include "base/buf.h"
#include "data/sqltoken.h"
#include "data/verdict.h"
#include "model/schema_sync.h"
#include "model/tables.h"

enum { FOLDER_BYTES_MAX = 4096 };

const char *migrate_folder(const char *directory, struct arena *arena)
{
    bool is_here = slice_eq_text(slice_from(directory), ".");
    return arena_printf(arena, "%s%smigrations", is_here ? "" : directory, is_here ? "" : "/");
}

static enum dialect dialect_of(const char *url)
{
    return slice_starts(slice_from(url), SLICE("postgres")) ? DIALECT_POSTGRES : DIALECT_SQLITE;
}

enum error migrate_open(const char *app_path, const char *database, struct arena *arena, struct diag *diag,
                        struct migrate *out)
{
    *out = (struct migrate){.arena = arena, .diag = diag};
    TRY(settings_load(app_path, arena, diag, &out->settings));
    if (database)
        out->settings.database.url = out->settings.database.shown = database;
    out->folder = migrate_folder(out->settings.directory, arena);
    if (!out->folder)
        return ERROR_MEMORY;
    return migration_folder_read(out->folder, dialect_of(out->settings.database.url), arena, diag, &out->files);
}

void migrate_close(struct migrate *migrate)
{
    db_close(migrate->db);
    settings_fini(&migrate->settings);
}

enum error migrate_connect(struct migrate *migrate)
{
    const struct settings *settings = &migrate->settings;
    struct db_config config = {.url = settings->database.url,
                               .directory = settings->directory,
                               .pool = settings->database.pool,
                               .name = "tenon migrate"};
    TRY(db_open(&config, migrate->diag, &migrate->db));
    return db_figures(migrate->db).is_down ? ERROR_UNAVAILABLE : OK;
}

enum error migrate_status(struct migrate *migrate, struct migration_status *out)
{
    struct db_conn *conn;
    TRY(db_read_blocking(migrate->db, &conn));
    enum error error = migration_read_status(conn, &migrate->files, migrate->arena, out);
    if (error != OK)
        diag_say(migrate->diag, NULL, "the migrations of the database cannot be read: %s", db_message(conn));
    db_read_end(conn);
    return error;
}

/* ---- what the database has already ---- */

/* Whether this program has made its tables. */
static enum error is_ours(struct db *db, struct arena *arena, bool *out)
{
    struct db_conn *conn;
    struct tables tables;
    TRY(db_read_blocking(db, &conn));
    enum error error = tables_read(conn, arena, &tables);
    *out = error == OK && tables_find(&tables, "table", SLICE("_tenon_schema"));
    db_read_end(conn);
    return error;
}

/* Whether the database is as the app file has it. How it differs is told where `diag` is given. */
static enum error compare(struct db *db, const struct settings *settings, struct arena *arena, struct diag *diag,
                          bool *is_same)
{
    struct diag scratch;
    diag_init(&scratch, arena);
    enum error error = schema_sync(db, settings->schema, SCHEMA_SYNC_CHECK, &scratch);
    *is_same = error == OK;
    for (const struct diag_item *item = scratch.first; item; item = item->next)
        diag_at(diag, item->place, item->hint, "%s", item->message);
    return error == ERROR_CONFLICT ? OK : error;
}

/* Whether a migration was planned by the program, and takes nothing away: what it does can be found in the database. */
static bool only_adds(const struct migration *migration, enum dialect dialect)
{
    struct sqltoken_reader reader;
    struct sqltoken token = {.kind = SQLTOKEN_MARK};
    sqltoken_init(&reader, migration->up.text, dialect);
    for (sqltoken_next(&reader, &token); token.kind != SQLTOKEN_END; sqltoken_next(&reader, &token))
        if (sqltoken_is_word(&token, "DROP") || sqltoken_is_word(&token, "RENAME"))
            return false;
    return migration->is_generated;
}

static enum error refuse_initial(struct diag *diag)
{
    diag_say(diag,
             "delete the folder, put the app file back as it was, and write the first migration from it; the change is "
             "the second one",
             "the database was made from another app file than the first migration");
    return ERROR_CONFLICT;
}

/* The number up to which all that is pending is in the database already; 0: nothing is. */
static enum error find_present(struct db *db, const struct settings *settings, const struct migration_status *status,
                               struct arena *arena, struct diag *diag, int64_t *number)
{
    bool is_made, is_same = false, all_add = true;
    int64_t last = 0, initial = 0;
    *number = 0;
    for (size_t i = 0; i < status->count; i++) {
        const struct migration_entry *entry = &status->entries[i];
        if (entry->state == MIGRATION_APPLIED)
            continue;
        if (entry->state != MIGRATION_PENDING)
            return OK;
        if (entry->file->is_contract)
            continue;
        all_add = all_add && only_adds(entry->file, db_dialect(db));
        last = entry->file->number;
        initial = entry->file->is_initial ? entry->file->number : initial;
    }
    TRY(is_ours(db, arena, &is_made));
    if (last == 0 || !is_made)
        return OK;
    if (all_add)
        TRY(compare(db, settings, arena, NULL, &is_same));
    *number = is_same ? last : initial;
    return is_same || initial != last ? OK : refuse_initial(diag);
}

static enum error apply(struct migrate *migrate, struct migration_run *run)
{
    struct migration_status status;
    int64_t present;
    run->db = migrate->db;
    run->folder = &migrate->files;
    run->arena = migrate->arena;
    run->diag = migrate->diag;
    TRY(migrate_status(migrate, &status));
    TRY(find_present(migrate->db, &migrate->settings, &status, migrate->arena, migrate->diag, &present));
    if (present > 0)
        TRY(migration_run_record(run, present));
    return migration_run_up(run);
}

enum error migrate_up(struct migrate *migrate, struct migration_run *run)
{
    bool is_same;
    TRY(apply(migrate, run));
    TRY(compare(migrate->db, &migrate->settings, migrate->arena, migrate->diag, &is_same));
    if (is_same)
        return OK;
    diag_say(migrate->diag, "tenon migrate diff writes what leads there",
             "all migrations are applied, and the database still differs from the app file");
    return ERROR_CONFLICT;
}

/* ---- taking back ---- */

/* The last `count` that are applied, the latest first. */
static size_t find_last(const struct migration_status *status, size_t count, const struct migration_entry **out)
{
    size_t found = 0;
    for (size_t i = status->count; i-- > 0 && found < count;)
        if (status->entries[i].state == MIGRATION_APPLIED || status->entries[i].state == MIGRATION_APPLYING)
            out[found++] = &status->entries[i];
    return found;
}

static enum error find_loss(struct migrate *migrate, const struct migration *migration, const char **what)
{
    const struct verdict_options options = {.dialect = db_dialect(migrate->db), .has_lock_timeout = true};
    struct verdict_reader *reader;
    struct verdict_file file;
    TRY(verdict_create(&options, migrate->arena, &reader));
    enum error error = verdict_read(reader, migration->down.text, migration->down.path, migrate->diag, &file);
    for (size_t i = 0; error == OK && i < file.count && !*what; i++)
        if (file.statements[i].level >= VERDICT_DESTRUCTIVE)
            *what = arena_printf(migrate->arena, "%s:%u: %.*s", migration->down.path, file.statements[i].line,
                                 (int)slice_index(file.statements[i].text, '\n'), file.statements[i].text.ptr);
    verdict_destroy(reader);
    return error;
}

enum error migrate_loses(struct migrate *migrate, size_t count, const char **what)
{
    struct migration_status status;
    *what = NULL;
    TRY(migrate_status(migrate, &status));
    const struct migration_entry **last = arena_array(migrate->arena, status.count + 1, sizeof *last);
    if (!last)
        return ERROR_MEMORY;
    size_t found = find_last(&status, count, last);
    for (size_t i = 0; i < found && !*what; i++)
        if (last[i]->file && last[i]->file->down.path)
            TRY(find_loss(migrate, last[i]->file, what));
    return OK;
}

enum error migrate_down(struct migrate *migrate, struct migration_run *run, size_t count)
{
    if (migrate->settings.migrations == SETTINGS_FORWARD_ONLY) {
        diag_say(migrate->diag, "write a new migration that puts it right",
                 "the app file says `migrations: forward_only`");
        return ERROR_CONFLICT;
    }
    run->db = migrate->db;
    run->folder = &migrate->files;
    run->arena = migrate->arena;
    run->diag = migrate->diag;
    return migration_run_down(run, count);
}

/* ---- before a server serves ---- */

static const char *list_pending(const struct migration_status *status, struct arena *arena)
{
    struct buf text;
    buf_init(&text, FOLDER_BYTES_MAX);
    size_t shown = 0;
    for (size_t i = 0; i < status->count && shown < 5; i++) {
        const struct migration_entry *entry = &status->entries[i];
        if (entry->state == MIGRATION_APPLIED || (entry->file && entry->file->is_contract))
            continue;
        buf_printf(&text, "%s%.*s (%s)", shown++ ? ", " : "", SLICE_ARG(entry->id), migration_state_name(entry->state));
    }
    if (status->pending + status->wrong > shown)
        buf_put_literal(&text, ", …");
    const char *list = buf_failed(&text) ? NULL : arena_text(arena, buf_slice(&text));
    buf_fini(&text);
    return list ? list : "";
}

/* Whether everything that is pending only adds. */
static bool is_additive(const struct migrate *migrate, const struct migration_status *status)
{
    for (size_t i = 0; i < status->count; i++) {
        const struct migration_entry *entry = &status->entries[i];
        bool is_asked = entry->state != MIGRATION_APPLIED && entry->file && !entry->file->is_contract;
        if (is_asked && !only_adds(entry->file, db_dialect(migrate->db)))
            return false;
    }
    return true;
}

static enum error pass(struct migrate *migrate, bool applies)
{
    struct migration_status status;
    TRY(migrate_status(migrate, &status));
    if (status.pending + status.wrong == 0)
        return OK;
    if (applies && status.wrong == 0 && is_additive(migrate, &status)) {
        struct migration_run run = {0};
        return apply(migrate, &run);
    }
    diag_say(migrate->diag, "tenon migrate status says more; tenon migrate up applies what is pending",
             "the database lacks migrations, or has others: %s", list_pending(&status, migrate->arena));
    return ERROR_CONFLICT;
}

enum error migrate_gate(struct db *db, const struct settings *settings, bool applies, struct diag *diag)
{
    enum { GATE_BYTES_MAX = 256 * 1024 * 1024 };
    struct arena arena;
    arena_init(&arena, GATE_BYTES_MAX);
    struct migrate migrate = {.arena = &arena, .diag = diag, .settings = *settings, .db = db};
    migrate.folder = migrate_folder(settings->directory, diag->arena);
    enum error error = migrate.folder
                           ? migration_folder_read(migrate.folder, db_dialect(db), &arena, diag, &migrate.files)
                           : ERROR_MEMORY;
    if (error == OK && migrate.files.count > 0)
        error = pass(&migrate, applies);
    arena_fini(&arena);
    return error;
}
