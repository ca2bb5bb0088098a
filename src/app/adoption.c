/* SPDX-License-Identifier: Apache-2.0 */
/* Adopting a database: open it, read its catalog, plan, write. Nothing is written to it; opening a SQLite file turns
 * its write-ahead log on, as serving it does. A password never gets into the app file: a URL that holds one is left to
 * a variable. */
#include "app/adoption.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "data/db.h"
#include "model/adopt.h"
#include "model/catalog.h"

enum { ARENA_BYTES_MAX = 512 * 1024 * 1024 };

static enum error check_file(const char *url, struct diag *diag)
{
    const char *path = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : NULL;
    if (!path || access(path, R_OK) == 0)
        return OK;
    diag_say(diag, "name a database that exists, as in sqlite:shop.db", "the file %s cannot be read", path);
    return ERROR_IO;
}

/* The last part of a URL's path, without an ending. */
static struct slice name_of(struct slice url)
{
    size_t begin = 0, end = slice_index(url, '?');
    for (size_t i = 0; i < end; i++)
        if (url.ptr[i] == '/' || url.ptr[i] == ':')
            begin = i + 1;
    struct slice name = slice_of(url.ptr + begin, end - begin);
    name = slice_of(name.ptr, slice_index(name, '.'));
    return name.len > 0 ? name : SLICE("adopted");
}

static bool has_password(struct slice url)
{
    size_t at = slice_index(url, '@');
    struct slice words = SLICE("password=");
    if (at < url.len) {
        size_t scheme = slice_index(url, ':');
        struct slice user = slice_of(url.ptr + scheme + 1, at > scheme ? at - scheme - 1 : 0);
        if (slice_index(user, ':') < user.len)
            return true;
    }
    for (size_t i = 0; i + words.len <= url.len; i++)
        if (slice_eq(slice_of(url.ptr + i, words.len), words))
            return true;
    return false;
}

/* As the app file names it: relative to itself, which is only so in the working directory. */
static const char *database_of(const struct adoption *adoption, struct arena *arena)
{
    struct slice url = slice_from(adoption->url);
    bool is_elsewhere = adoption->output && strchr(adoption->output, '/');
    if (!slice_starts(url, SLICE("sqlite:")))
        return has_password(url) ? "${DATABASE_URL}" : adoption->url;
    if (!is_elsewhere || adoption->url[7] == '/')
        return adoption->url;
    char *whole = realpath(adoption->url + 7, NULL);
    const char *text = whole ? arena_printf(arena, "sqlite:%s", whole) : NULL;
    free(whole);
    return text;
}

static void warn(const struct adopt_notes *notes, struct diag *diag)
{
    for (const struct adopt_note *note = notes->first; note; note = note->next)
        if (note->column.len > 0)
            diag_warn(diag, (struct place){0}, NULL, "table \"%.*s\", column \"%.*s\": %s", SLICE_ARG(note->table),
                      SLICE_ARG(note->column), note->text);
        else
            diag_warn(diag, (struct place){0}, NULL, "table \"%.*s\": %s", SLICE_ARG(note->table), note->text);
}

static void report(const struct adopt_plan *plan, struct diag *diag, struct adoption_counts *counts)
{
    *counts = (struct adoption_counts){.left_out = plan->left_out};
    for (size_t i = 0; i < plan->count; i++) {
        const struct adopt_resource *resource = &plan->resources[i];
        counts->tables += resource->is_served;
        warn(&resource->notes, diag);
        for (size_t j = 0; resource->fields && j < resource->table->column_count; j++)
            warn(&resource->fields[j].notes, diag);
    }
}

static enum error write_plan(const struct adoption *adoption, const struct catalog *catalog, struct diag *diag,
                             struct buf *out, struct adoption_counts *counts)
{
    static const enum adopt_access kinds[] = {[ADOPTION_ACCESS_NONE] = ADOPT_ACCESS_NONE,
                                              [ADOPTION_ACCESS_READ] = ADOPT_ACCESS_READ,
                                              [ADOPTION_ACCESS_ALL] = ADOPT_ACCESS_ALL};
    struct adopt_plan plan;
    TRY(adopt_plan_make(catalog, &plan));
    const char *database = database_of(adoption, catalog->arena);
    if (!database)
        return ERROR_MEMORY;
    const struct adopt_style style = {.name = name_of(slice_from(adoption->url)),
                                      .database = slice_from(database),
                                      .access = kinds[adoption->access]};
    adopt_file_write(&plan, &style, out);
    report(&plan, diag, counts);
    return buf_error(out);
}

static enum error read_and_write(const struct adoption *adoption, struct db *db, struct diag *diag, struct buf *out,
                                 struct adoption_counts *counts)
{
    struct arena arena;
    struct catalog catalog;
    struct db_conn *conn = NULL;
    TRY(db_read_blocking(db, &conn));
    arena_init(&arena, ARENA_BYTES_MAX);
    enum error error = catalog_read(conn, &arena, adoption->progress, adoption->progress_state, &catalog);
    if (error == OK)
        error = write_plan(adoption, &catalog, diag, out, counts);
    else
        diag_say(diag, NULL, "the database could not be read: %s", db_message(conn));
    db_read_end(conn);
    arena_fini(&arena);
    return error;
}

enum error adoption_write(const struct adoption *adoption, struct diag *diag, struct buf *out,
                          struct adoption_counts *counts)
{
    struct db *db = NULL;
    const struct db_config config = {.url = adoption->url, .directory = ".", .name = "tenon adopt"};
    TRY(check_file(adoption->url, diag));
    TRY(db_open(&config, diag, &db));
    enum error error = ERROR_UNAVAILABLE; /* db_open() has said why a server is away */
    if (!db_figures(db).is_down)
        error = read_and_write(adoption, db, diag, out, counts);
    db_close(db);
    return error;
}
