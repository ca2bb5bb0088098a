/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what a copy needs, and closes it again. */
#include "app/copier.h"

#include <string.h>

#include "app/generation.h"
#include "app/migrate.h"
#include "data/migration_folder.h"

/* A table may take longer to be read than any statement of a server may. */
enum { STATEMENT_MS = 24 * 60 * 60 * 1000 };

/* Messages of db_open() do not know which of the two databases they are about. */
static enum error say_which(struct diag *diag, const char *which, enum error error)
{
    const char *message =
        arena_printf(diag->arena, "the %s: %s", which, diag->message ? diag->message : error_sentence(error));
    if (message)
        diag->message = message;
    return error;
}

static enum error open_one(const char *which, const struct db_config *config, struct diag *diag, struct db **out)
{
    enum error error = db_open(config, diag, out);
    if (error == OK && db_figures(*out).is_down)
        error = ERROR_UNAVAILABLE;
    return error == OK ? OK : say_which(diag, which, error);
}

static enum error open_both(const struct copier_options *options, struct diag *diag, struct db **from, struct db **to)
{
    const struct db_pool pool = {.statement_ms = STATEMENT_MS};
    const struct db_config source = {.url = options->from, .pool = pool, .must_exist = true, .name = "tenon copy"};
    const struct db_config target = {.url = options->to, .pool = pool, .name = "tenon copy"};
    if (strcmp(options->from, options->to) == 0) {
        diag_say(diag, "name the database to copy, then the one to copy it to", "the source and the target are one");
        return ERROR_VALIDATION;
    }
    TRY(open_one("source", &source, diag, from));
    return open_one("target", &target, diag, to);
}

/* The migrations that the target's kind of database has, if the source lacks none of its own. */
static enum error read_migrations(const struct settings *settings, struct db *from, struct db *to, struct arena *arena,
                                  struct diag *diag, struct migration_folder *out)
{
    const char *folder = migrate_folder(settings->directory, arena);
    if (!folder)
        return ERROR_MEMORY;
    TRY(migrate_gate(from, settings, false, diag));
    return migration_folder_read(folder, db_dialect(to), arena, diag, out);
}

static enum error copy(const struct copier_options *options, const struct settings *settings, struct arena *arena,
                       struct diag *diag, struct transfer_report *out)
{
    struct db *from = NULL, *to = NULL;
    struct migration_folder migrations = {0};
    enum error error = open_both(options, diag, &from, &to);
    if (error == OK)
        error = read_migrations(settings, from, to, arena, diag, &migrations);
    if (error == OK) {
        const struct transfer_options transfer = {.from = from,
                                                  .to = to,
                                                  .schema = settings->schema,
                                                  .migrations = &migrations,
                                                  .is_unlocked = options->is_unlocked,
                                                  .on_progress = options->on_progress,
                                                  .state = options->state};
        error = transfer_run(&transfer, arena, diag, out);
    }
    db_close(to);
    db_close(from);
    return error;
}

enum error copier_run(const struct copier_options *options, struct arena *arena, struct diag *diag,
                      struct transfer_report *out)
{
    struct generation *generation;
    TRY(generation_load(options->app_path, diag, &generation));
    enum error error = copy(options, &generation->settings, arena, diag, out);
    generation_destroy(generation);
    return error;
}
