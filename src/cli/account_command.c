/* SPDX-License-Identifier: Apache-2.0 */
/* tenon account: who is asked for a password types it where nobody sees it, neither on the screen nor among the
 * arguments of the process. */
#include "cli/account_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/roster.h"
#include "base/jsonwrite.h"
#include "cli/passphrase.h"
#include "cli/report.h"
#include "cli/verb.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, TEXT_BYTES_MAX = 1024 * 1024 };

struct job {
    const struct command_line *line;
    struct arena arena;
    struct diag diag;
    struct office office;
    char password[PASSPHRASE_BYTES_MAX];
    size_t printed;
};

static const char *login_of(const struct job *job)
{
    return job->line->arguments[1];
}

/* ---- printing ---- */

static void put_entry(struct buf *out, const struct roster_entry *entry)
{
    buf_put_literal(out, "{\"id\":");
    jsonwrite_string(out, entry->id);
    buf_put_literal(out, ",\"login\":");
    jsonwrite_string(out, entry->login);
    buf_put_literal(out, ",\"role\":");
    if (entry->role.len > 0)
        jsonwrite_string(out, entry->role);
    else
        jsonwrite_null(out);
    buf_printf(out, ",\"signIns\":%" PRId64 "}", entry->signins);
}

static void print_entry(void *state, const struct roster_entry *entry)
{
    struct job *job = state;
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    if (job->line->is_json) {
        buf_put_text(&out, job->printed > 0 ? "," : "");
        put_entry(&out, entry);
    } else {
        buf_printf(&out, "%.*s  %.*s%s%.*s, %" PRId64 " sign-in%s\n", SLICE_ARG(entry->id), SLICE_ARG(entry->login),
                   entry->role.len > 0 ? ", role " : "", SLICE_ARG(entry->role), entry->signins,
                   entry->signins == 1 ? "" : "s");
    }
    job->printed++;
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

/* What was done to one account, for people or for programs. */
static void print_done(const struct job *job, struct slice id, const char *sentence)
{
    struct buf out;
    if (!job->line->is_json) {
        printf("%s\n", sentence);
        return;
    }
    buf_init(&out, TEXT_BYTES_MAX);
    buf_put_literal(&out, "{\"id\":");
    jsonwrite_string(&out, id);
    buf_put_literal(&out, "}\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static enum error print_sentence(struct job *job, struct slice id, const char *sentence)
{
    if (!sentence)
        return ERROR_MEMORY;
    print_done(job, id, sentence);
    return OK;
}

/* ---- what is done ---- */

static enum error add(struct job *job)
{
    const struct command_line *line = job->line;
    struct roster_order order = {
        .login = login_of(job), .role = line->role, .set = line->set.items, .set_count = line->set.count};
    struct slice id;
    TRY(passphrase_read(&job->diag, job->password, &order.password));
    TRY(roster_add(&job->office, &order, &id));
    return print_sentence(job, id, arena_printf(&job->arena, "added %s, id %.*s", order.login, SLICE_ARG(id)));
}

static enum error list(struct job *job)
{
    if (job->line->is_json)
        putchar('[');
    enum error error = roster_list(&job->office, print_entry, job);
    if (job->line->is_json)
        puts("]");
    else if (error == OK && job->printed == 0)
        printf("there are no accounts; `%s account add` makes one\n", job->line->program);
    return error;
}

static enum error role(struct job *job)
{
    struct account account;
    const char *wanted = job->line->arguments[2];
    TRY(office_find_account(&job->office, login_of(job), &account));
    TRY(roster_set_role(&job->office, &account, wanted));
    return print_sentence(job, account.key, arena_printf(&job->arena, "%s has the role %s", login_of(job), wanted));
}

static enum error signout(struct job *job)
{
    struct account account;
    int64_t count;
    TRY(office_find_account(&job->office, login_of(job), &account));
    TRY(roster_sign_out(&job->office, &account, &count));
    return print_sentence(
        job, account.key,
        arena_printf(&job->arena, "%" PRId64 " sign-in%s of %s ended", count, count == 1 ? "" : "s", login_of(job)));
}

static enum error password(struct job *job)
{
    struct account account;
    struct slice text;
    TRY(office_find_account(&job->office, login_of(job), &account));
    TRY(passphrase_read(&job->diag, job->password, &text));
    TRY(roster_set_password(&job->office, &account, text));
    return print_sentence(
        job, account.key,
        arena_printf(&job->arena, "%s has another password, and every sign-in has ended", login_of(job)));
}

/* ---- the command ---- */

static const struct verb verbs[] = {{"add", "LOGIN", 1},
                                    {"list", NULL, 0},
                                    {"role", "LOGIN ROLE", 2},
                                    {"signout", "LOGIN", 1},
                                    {"password", "LOGIN", 1}};
static enum error (*const actions[])(struct job *job) = {add, list, role, signout, password};
enum { ADD };

static enum command_exit run(struct job *job, size_t at, const char *app_path)
{
    const struct office_options options = {
        .app_path = app_path, .database = job->line->database, .mode = at == ADD ? OFFICE_PREPARE : OFFICE_PRESENT};
    arena_init(&job->arena, ARENA_BYTES_MAX);
    diag_init(&job->diag, &job->arena);
    sigset_t before;
    passphrase_shelter(&before);
    enum error error = office_open(&options, &job->arena, &job->diag, &job->office);
    passphrase_unshelter(&before);
    if (error == OK)
        error = actions[at](job);
    explicit_bzero(job->password, sizeof job->password);
    report_print(stderr, &job->diag, error);
    office_close(&job->office);
    arena_fini(&job->arena);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}

enum command_exit account_command_run(const struct command_line *line)
{
    struct job job = {.line = line};
    const char *app_path;
    size_t at;
    if (verb_find(line, "account", verbs, ARRAY_LEN(verbs), &at, &app_path) != COMMAND_DONE)
        return COMMAND_USAGE;
    if (at != ADD && (line->role || line->set.count > 0)) {
        fprintf(stderr, "%s account %s: takes no %s\n", line->program, verbs[at].name, line->role ? "--role" : "--set");
        return COMMAND_USAGE;
    }
    return run(&job, at, app_path);
}
