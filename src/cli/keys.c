/* SPDX-License-Identifier: Apache-2.0 */
/* tenon key: standard output has the key alone, so that it can be piped into where it is kept; what people want to know
 * of it goes to standard error. */
#include "cli/keys.h"

#include <stdio.h>
#include <string.h>

#include "app/keyring.h"
#include "base/clock.h"
#include "base/jsonwrite.h"
#include "base/timecode.h"
#include "cli/report.h"
#include "cli/verb.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, TEXT_BYTES_MAX = 64 * 1024 * 1024, TIME_BYTES = TIMECODE_DATETIME_BYTES };

struct job {
    const struct command_line *line;
    struct arena arena;
    struct diag diag;
    struct office office;
    struct keyring_order order;
};

/* ---- printing ---- */

static struct slice time_of(int64_t us, char room[TIME_BYTES])
{
    if (us == 0)
        return SLICE("never");
    timecode_format_datetime(us, room);
    return slice_of(room, TIME_BYTES);
}

static bool has_expired(const struct apikey *key)
{
    return key->expires_us && key->expires_us <= clock_wall_us(clock_system());
}

static void print_key(const struct apikey *key)
{
    char created[TIME_BYTES], seen[TIME_BYTES], expires[TIME_BYTES];
    printf("%.*s  %.*s\n  scopes %.*s\n", SLICE_ARG(key->id), SLICE_ARG(key->name), SLICE_ARG(key->scopes));
    if (key->account.len > 0)
        printf("  owner %.*s\n", SLICE_ARG(key->account));
    if (key->rate.len > 0)
        printf("  rate %.*s\n", SLICE_ARG(key->rate));
    printf("  created %.*s, last used %.*s, %s %.*s\n", SLICE_ARG(time_of(key->created_us, created)),
           SLICE_ARG(time_of(key->seen_us, seen)), has_expired(key) ? "expired" : "expires",
           SLICE_ARG(time_of(key->expires_us, expires)));
}

static void put_text(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.len > 0)
        jsonwrite_string(out, text);
    else
        jsonwrite_null(out);
}

static void put_time(struct buf *out, const char *name, int64_t us)
{
    char room[TIME_BYTES];
    put_text(out, name, us == 0 ? SLICE("") : time_of(us, room));
}

/* Without the end of the object. */
static void put_key(struct buf *out, const struct apikey *key)
{
    buf_put_literal(out, "{\"id\":");
    jsonwrite_string(out, key->id);
    put_text(out, "name", key->name);
    put_text(out, "owner", key->account);
    put_text(out, "scopes", key->scopes);
    put_text(out, "rate", key->rate);
    put_time(out, "createdAt", key->created_us);
    put_time(out, "lastUsedAt", key->seen_us);
    put_time(out, "expiresAt", key->expires_us);
    buf_put_text(out, has_expired(key) ? ",\"expired\":true" : ",\"expired\":false");
}

static enum error flush(struct buf *out)
{
    enum error error = buf_error(out);
    if (error == OK)
        fwrite(out->ptr, 1, out->len, stdout);
    buf_fini(out);
    return error;
}

static enum error print_made_json(const struct keyring_made *made, bool is_rotated)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    put_key(&out, &made->key);
    put_text(&out, "key", made->text);
    if (is_rotated)
        put_time(&out, "oldExpiresAt", made->old_until_us);
    buf_put_literal(&out, "}\n");
    return flush(&out);
}

static enum error print_made(const struct job *job, const struct keyring_made *made)
{
    char room[TIME_BYTES];
    if (job->line->is_json)
        return print_made_json(made, job->line->arguments[0][0] == 'r');
    printf("%.*s\n", SLICE_ARG(made->text));
    fflush(stdout);
    fprintf(stderr, "key %.*s, \"%.*s\", with the scopes %.*s; it is shown this once\n", SLICE_ARG(made->key.id),
            SLICE_ARG(made->key.name), SLICE_ARG(made->key.scopes));
    if (made->key.expires_us)
        fprintf(stderr, "it expires %.*s\n", SLICE_ARG(time_of(made->key.expires_us, room)));
    return OK;
}

/* ---- what is done ---- */

static enum error create(struct job *job)
{
    struct keyring_made made;
    TRY(keyring_create(&job->office, &job->order, &made));
    return print_made(job, &made);
}

static enum error list(struct job *job)
{
    const struct apikey *keys;
    size_t count;
    TRY(keyring_list(&job->office, &keys, &count));
    if (!job->line->is_json) {
        for (size_t i = 0; i < count; i++)
            print_key(&keys[i]);
        if (count == 0)
            printf("there are no keys; `%s key create` makes one\n", job->line->program);
        return OK;
    }
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_put_byte(&out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&out, i > 0 ? "," : "");
        put_key(&out, &keys[i]);
        buf_put_byte(&out, '}');
    }
    buf_put_literal(&out, "]\n");
    return flush(&out);
}

static enum error rotate(struct job *job)
{
    struct keyring_made made;
    char room[TIME_BYTES];
    TRY(keyring_rotate(&job->office, job->line->arguments[1], &job->order, &made));
    TRY(print_made(job, &made));
    if (job->line->is_json)
        return OK;
    if (made.old_until_us)
        fprintf(stderr, "the old one, %s, is good until %.*s\n", job->line->arguments[1],
                SLICE_ARG(time_of(made.old_until_us, room)));
    else
        fprintf(stderr, "the old one, %s, has ended\n", job->line->arguments[1]);
    return OK;
}

static enum error revoke(struct job *job)
{
    TRY(keyring_revoke(&job->office, job->line->arguments[1]));
    if (job->line->is_json)
        printf("{\"id\":\"%s\"}\n", job->line->arguments[1]); /* it was found: hexadecimal digits */
    else
        printf("revoked %s\n", job->line->arguments[1]);
    return OK;
}

/* ---- the command ---- */

static const struct verb verbs[] = {{"create", NULL, 0}, {"list", NULL, 0}, {"rotate", "ID", 1}, {"revoke", "ID", 1}};
static enum error (*const actions[])(struct job *job) = {create, list, rotate, revoke};
enum { CREATE, LIST, ROTATE, REVOKE };

/* What each takes; an option that would change nothing is a mistake. */
static const char *find_misplaced(const struct command_line *line, size_t at)
{
    const struct {
        const char *name, *value;
        unsigned of;
    } rows[] = {{"--name", line->name, 1U << CREATE},
                {"--scopes", line->scopes, 1U << CREATE},
                {"--owner", line->owner, 1U << CREATE},
                {"--rate", line->rate, 1U << CREATE},
                {"--expires", line->expires, 1U << CREATE | 1U << ROTATE},
                {"--overlap", line->overlap, 1U << ROTATE}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].value && !(rows[i].of & 1U << at))
            return rows[i].name;
    return NULL;
}

static enum command_exit read_order(struct job *job, size_t at)
{
    const struct command_line *line = job->line;
    const struct keyring_request request = {line->name, line->scopes,  line->owner,
                                            line->rate, line->expires, line->overlap};
    const char *misplaced = find_misplaced(line, at);
    if (misplaced) {
        fprintf(stderr, "%s key %s: takes no %s\n", line->program, verbs[at].name, misplaced);
        return COMMAND_USAGE;
    }
    if (at == CREATE && (!line->name || !line->scopes)) {
        fprintf(stderr, "%s key create: say --name and --scopes\ntry: %s key --help\n", line->program, line->program);
        return COMMAND_USAGE;
    }
    enum error error = keyring_read(&request, &job->arena, &job->diag, &job->order);
    report_print(stderr, &job->diag, error);
    return error == OK ? COMMAND_DONE : error == ERROR_VALIDATION ? COMMAND_USAGE : COMMAND_FAILED;
}

static enum command_exit run(struct job *job, size_t at, const char *app_path)
{
    const struct office_options options = {
        .app_path = app_path, .database = job->line->database, .mode = at == CREATE ? OFFICE_PREPARE : OFFICE_PRESENT};
    enum error error = office_open(&options, &job->arena, &job->diag, &job->office);
    if (error == OK)
        error = actions[at](job);
    report_print(stderr, &job->diag, error);
    office_close(&job->office);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}

enum command_exit keys_run(const struct command_line *line)
{
    struct job job = {.line = line};
    const char *app_path;
    size_t at;
    if (verb_find(line, "key", verbs, ARRAY_LEN(verbs), &at, &app_path) != COMMAND_DONE)
        return COMMAND_USAGE;
    arena_init(&job.arena, ARENA_BYTES_MAX);
    diag_init(&job.diag, &job.arena);
    enum command_exit exit = read_order(&job, at);
    if (exit == COMMAND_DONE)
        exit = run(&job, at, app_path);
    arena_fini(&job.arena);
    return exit;
}
