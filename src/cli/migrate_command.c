/* SPDX-License-Identifier: Apache-2.0 */
/* tenon migrate: the words of app/migrate.h on a command line. */
#include "cli/migrate_command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/migrate.h"
#include "app/migrate_check.h"
#include "app/migrate_diff.h"
#include "app/migrate_lint.h"
#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/suggest.h"
#include "cli/progress.h"
#include "cli/report.h"

enum { ARENA_BYTES_MAX = 1024 * 1024 * 1024, TEXT_BYTES_MAX = 64 * 1024 * 1024 };

/* One run of the command. */
struct job {
    const struct command_line *line;
    struct arena arena;
    struct diag diag;
    struct migrate migrate;
    struct progress progress;
    size_t skipped;   /* arguments before the app file */
    const char *verb; /* "applied", "taken back" */
};

static const char *app_of(const struct job *job)
{
    const char *named = job->line->arguments[1 + job->skipped];
    return named ? named : job->line->running->app_path;
}

/* ---- files ---- */

static enum error write_files(struct job *job, enum error error, const struct migrate_written *written)
{
    for (size_t i = 0; i < written->count; i++)
        printf("%s\n", written->paths[i]);
    return error;
}

static enum error diff(struct job *job)
{
    struct migrate_written written = {0};
    enum error error = write_files(job, migrate_diff(&job->migrate, job->line->base, &written), &written);
    if (error == OK && written.count == 0)
        printf("nothing has changed that a database would see\n");
    else if (error == OK && isatty(STDERR_FILENO))
        fprintf(stderr, "look at them, then: %s migrate lint, %s migrate up\n", job->line->program, job->line->program);
    return error;
}

static enum error new (struct job *job) {
    struct migrate_written written = {0};
    return write_files(job, migrate_diff_new(&job->migrate, slice_from(job->line->arguments[1]), &written), &written);
}

/* ---- status ---- */

static void print_entry(const struct migration_entry *entry)
{
    bool is_contract = entry->state == MIGRATION_PENDING && entry->file->is_contract;
    printf("%-9s %-50.*s", is_contract ? "contract" : migration_state_name(entry->state), SLICE_ARG(entry->id));
    if (entry->state == MIGRATION_APPLYING || entry->state == MIGRATION_UNDOING)
        printf(" after statement %lld,", (long long)entry->steps);
    printf(" %.*s\n", SLICE_ARG(entry->changed_at));
}

static void put_entry(struct buf *out, const struct migration_entry *entry, bool is_first)
{
    buf_put_text(out, is_first ? "{\"id\":" : ",{\"id\":");
    jsonwrite_string(out, entry->id);
    buf_printf(out,
               ",\"state\":\"%s\",\"contract\":%s,\"steps\":%lld,\"changedAt\":", migration_state_name(entry->state),
               entry->file && entry->file->is_contract ? "true" : "false", (long long)entry->steps);
    if (entry->changed_at.len > 0)
        jsonwrite_string(out, entry->changed_at);
    else
        buf_put_literal(out, "null");
    buf_put_byte(out, '}');
}

static void print_json(const struct migration_status *status)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_put_byte(&out, '[');
    for (size_t i = 0; i < status->count; i++)
        put_entry(&out, &status->entries[i], i == 0);
    buf_put_literal(&out, "]\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static enum error status(struct job *job)
{
    struct migration_status status;
    TRY(migrate_connect(&job->migrate));
    TRY(migrate_status(&job->migrate, &status));
    if (job->line->is_json) {
        print_json(&status);
        return OK;
    }
    for (size_t i = 0; i < status.count; i++)
        print_entry(&status.entries[i]);
    if (status.count == 0)
        printf("there are no migrations; `%s migrate diff` writes the first\n", job->line->program);
    if (status.contracts > 0)
        printf("%zu contract: `%s migrate up --contract` applies them, when no server with an older app file is left\n",
               status.contracts, job->line->program);
    return status.wrong > 0 ? ERROR_CONFLICT : OK;
}

/* ---- up and down ---- */

static void draw(void *state, const struct migration_progress *at)
{
    struct job *job = state;
    char text[160];
    if (at->is_done) {
        double seconds = progress_end(&job->progress);
        printf("%s %.*s (%.1f s)\n", job->verb, SLICE_ARG(at->id), seconds);
        fflush(stdout);
        progress_begin(&job->progress);
        return;
    }
    if (at->waiting) {
        snprintf(text, sizeof text, "waits for %s", at->waiting);
        progress_say(&job->progress, at->id, text);
        return;
    }
    snprintf(text, sizeof text, "%.*s %zu/%zu", SLICE_ARG(at->id), at->step, at->steps);
    progress_draw(&job->progress, slice_from(text), at->total > 0 ? "rows" : "statements",
                  at->total > 0 ? at->rows : (int64_t)at->step, at->total);
}

static enum error up(struct job *job)
{
    struct migration_run run = {.contracts = job->line->is_contract, .progress = draw, .state = job};
    TRY(migrate_connect(&job->migrate));
    job->verb = "applied";
    progress_begin(&job->progress);
    enum error error = migrate_up(&job->migrate, &run);
    progress_end(&job->progress);
    if (error == OK && run.done == 0)
        printf("nothing is pending\n");
    return error;
}

static bool is_confirmed(const char *what)
{
    char answer[8] = "";
    fprintf(stderr, "this loses what is stored:\n  %s\nlose it? type yes: ", what);
    return fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
}

static enum error read_count(struct job *job, size_t *out)
{
    int64_t count = 1;
    if (job->line->steps && (number_parse_int(slice_from(job->line->steps), &count) != OK || count < 1)) {
        diag_say(&job->diag, NULL, "--steps must be a whole number from 1 on");
        return ERROR_VALIDATION;
    }
    *out = (size_t)count;
    return OK;
}

static enum error down(struct job *job)
{
    struct migration_run run = {.progress = draw, .state = job};
    const char *what;
    size_t count;
    TRY(read_count(job, &count));
    TRY(migrate_connect(&job->migrate));
    TRY(migrate_loses(&job->migrate, count, &what));
    if (what && !job->line->is_sure && !(isatty(STDIN_FILENO) && is_confirmed(what))) {
        diag_say(&job->diag, "--yes goes on without asking", "this would lose what is stored: %s", what);
        return ERROR_CONFLICT;
    }
    job->verb = "taken back";
    progress_begin(&job->progress);
    enum error error = migrate_down(&job->migrate, &run, count);
    progress_end(&job->progress);
    if (error == OK && run.done == 0)
        printf("nothing is applied\n");
    return error;
}

/* ---- check and lint ---- */

static enum error check(struct job *job)
{
    struct migrate_check_result result = {0};
    TRY(migrate_connect(&job->migrate));
    job->verb = "tried";
    progress_begin(&job->progress);
    enum error error = migrate_check_run(&job->migrate, draw, job, &result);
    progress_end(&job->progress);
    if (error == OK)
        printf("%s: %zu migrations on a copy of %lld rows in %zu tables\n",
               result.is_forward_only ? "up goes" : "up, down, up leaves schema and rows as they were",
               result.migrations, (long long)result.rows, result.tables);
    return error;
}

static enum error lint(struct job *job)
{
    struct buf out;
    bool is_clean = false;
    buf_init(&out, TEXT_BYTES_MAX);
    enum error error = migrate_lint_run(&job->migrate, job->line->is_json, &out, &is_clean);
    if (error == OK)
        error = buf_error(&out);
    if (error == OK)
        fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
    return error == OK && !is_clean ? ERROR_CONFLICT : error;
}

/* ---- the command ---- */

static const struct migrate_action {
    const char *name;
    enum error (*run)(struct job *job);
    size_t arguments; /* before the app file */
} actions[] = {
    {"diff", diff, 0},     {"new", new, 1},     {"up", up, 0},     {"down", down, 0},
    {"status", status, 0}, {"check", check, 0}, {"lint", lint, 0},
};

static const struct migrate_action *find_action(const struct command_line *line)
{
    struct suggest suggest;
    const char *name = line->arguments[0];
    suggest_init(&suggest, slice_from(name));
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (name && strcmp(actions[i].name, name) == 0)
            return &actions[i];
        suggest_offer_text(&suggest, actions[i].name);
    }
    if (!name)
        fprintf(stderr, "%s migrate: say what: diff, new, up, down, status, check or lint\n", line->program);
    else
        fprintf(stderr, "%s migrate: unknown action \"%s\"", line->program, name);
    if (name && suggest.best.ptr)
        fprintf(stderr, "; did you mean \"%.*s\"?", SLICE_ARG(suggest.best));
    fprintf(stderr, "%stry: %s migrate --help\n", name ? "\n" : "", line->program);
    return NULL;
}

enum command_exit migrate_command_run(const struct command_line *line)
{
    const struct migrate_action *action = find_action(line);
    if (!action)
        return COMMAND_USAGE;
    struct job job = {.line = line, .skipped = action->arguments};
    if (line->argument_count > 2 + action->arguments) {
        fprintf(stderr, "%s migrate %s: \"%s\" is one argument too many\n", line->program, action->name,
                line->arguments[2 + action->arguments]);
        return COMMAND_USAGE;
    }
    if (line->argument_count <= action->arguments) {
        fprintf(stderr, "%s migrate %s: say its name\n", line->program, action->name);
        return COMMAND_USAGE;
    }
    arena_init(&job.arena, ARENA_BYTES_MAX);
    diag_init(&job.diag, &job.arena);
    enum error error = migrate_open(app_of(&job), line->database, &job.arena, &job.diag, &job.migrate);
    if (error == OK)
        error = action->run(&job);
    report_print_outcome(stderr, &job.diag, error);
    migrate_close(&job.migrate);
    arena_fini(&job.arena);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}
