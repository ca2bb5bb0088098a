/* SPDX-License-Identifier: Apache-2.0 */
/* Writes migrations: what leads from the recorded schema to the app file, for each kind of database. Parts that have
 * one name in both get one number. */
#include "app/migrate_diff.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "app/snapshot.h"
#include "base/buf.h"
#include "base/file.h"
#include "model/schema_plan.h"

enum { FILE_BYTES_MAX = MIGRATION_BYTES_MAX, PATHS_MAX = 4 * MIGRATION_COUNT_MAX };

struct writing {
    struct migrate *migrate;
    struct migrate_written *out;
    int64_t number;
    bool is_initial;
};

static enum error make_folder(const struct migrate *migrate)
{
    if (mkdir(migrate->folder, 0777) == 0 || errno == EEXIST)
        return OK;
    diag_say(migrate->diag, NULL, "the folder %s cannot be made: %s", migrate->folder, strerror(errno));
    return ERROR_IO;
}

static enum error begin(struct writing *writing, struct migrate *migrate, struct migrate_written *out)
{
    *out = (struct migrate_written){.paths = arena_array(migrate->arena, PATHS_MAX, sizeof *out->paths)};
    *writing = (struct writing){.migrate = migrate, .out = out, .number = migrate->files.last_number};
    return out->paths ? OK : ERROR_MEMORY;
}

static enum error write_file(struct writing *writing, const char *path, struct slice text, bool replaces)
{
    struct migrate *migrate = writing->migrate;
    if (!path)
        return ERROR_MEMORY;
    TRY(file_write(path, text, replaces, migrate->arena, migrate->diag));
    writing->out->paths[writing->out->count++] = path;
    return OK;
}

/* ---- parts ---- */

static void put_head(struct buf *out, const struct writing *writing, const struct schema_plan_part *part, bool is_down)
{
    buf_printf(out, "-- %s%s\n", is_down ? "Takes back: " : "", part->summary);
    if (!is_down)
        buf_put_literal(out, "-- tenon: generated\n");
    if (!is_down && writing->is_initial)
        buf_put_literal(out, "-- tenon: initial\n");
    if (!is_down && part->is_contract)
        buf_put_literal(out, "-- tenon: contract\n");
    if (part->is_stepwise)
        buf_put_literal(out, "-- tenon: no transaction\n");
    buf_put_byte(out, '\n');
}

static enum error write_script(struct writing *writing, const struct schema_plan_part *part, enum dialect dialect,
                               bool is_down)
{
    struct buf text;
    const char *path = arena_printf(writing->migrate->arena, "%s/%04lld_%s.%s.%s.sql", writing->migrate->folder,
                                    (long long)writing->number, part->name, migration_folder_dialect(dialect),
                                    is_down ? "down" : "up");
    buf_init(&text, FILE_BYTES_MAX);
    put_head(&text, writing, part, is_down);
    buf_put_slice(&text, is_down ? part->down : part->up);
    enum error error = buf_error(&text);
    if (error == OK)
        error = write_file(writing, path, buf_slice(&text), false);
    buf_fini(&text);
    return error;
}

static enum error write_part(struct writing *writing, const struct schema_plan_part *part, enum dialect dialect)
{
    TRY(write_script(writing, part, dialect, false));
    return write_script(writing, part, dialect, true);
}

static enum error write_parts(struct writing *writing, const struct schema_plan *sqlite,
                              const struct schema_plan *postgres)
{
    size_t i = 0, j = 0;
    while (i < sqlite->count || j < postgres->count) {
        const struct schema_plan_part *left = i < sqlite->count ? &sqlite->parts[i] : NULL;
        const struct schema_plan_part *right = j < postgres->count ? &postgres->parts[j] : NULL;
        bool are_one = left && right && strcmp(left->name, right->name) == 0;
        writing->number++;
        if (left) {
            TRY(write_part(writing, left, DIALECT_SQLITE));
            i++;
        }
        if (are_one || !left) {
            TRY(write_part(writing, right, DIALECT_POSTGRES));
            j++;
        }
    }
    return OK;
}

/* ---- diff ---- */

static const char *snapshot_path(const struct migrate *migrate)
{
    return arena_printf(migrate->arena, "%s/schema.yaml", migrate->folder);
}

/* What the migrations that are there lead to; `*schema` NULL: an empty database. */
static enum error read_base(struct migrate *migrate, const char *base, struct settings *settings,
                            const struct schema **schema)
{
    struct diag scratch;
    const char *path = base ? base : snapshot_path(migrate);
    diag_init(&scratch, migrate->arena);
    *schema = NULL;
    enum error error = path ? snapshot_read(path, migrate->arena, &scratch, settings) : ERROR_MEMORY;
    if (error == OK)
        *schema = settings->schema;
    if (error == ERROR_NOT_FOUND && !base && migrate->files.last_number == 0)
        return OK;
    for (const struct diag_item *item = scratch.first; error != OK && item; item = item->next)
        if (!item->is_warning)
            diag_at(migrate->diag, item->place, item->hint, "%s", item->message);
    if (error == ERROR_NOT_FOUND)
        diag_say(migrate->diag,
                 base ? NULL : "bring it back; or name the app file that the last migration leads to with --base",
                 "there is no file %s", path);
    return error == ERROR_NOT_FOUND ? ERROR_IO : error;
}

static enum error write_snapshot(struct writing *writing)
{
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    snapshot_write(writing->migrate->settings.root, &text);
    enum error error = buf_error(&text);
    if (error == OK)
        error = write_file(writing, snapshot_path(writing->migrate), buf_slice(&text), true);
    buf_fini(&text);
    return error;
}

static enum error plan(struct migrate *migrate, const struct schema *from, enum dialect dialect,
                       struct schema_plan *out)
{
    return schema_plan_make(from, migrate->settings.schema, dialect, migrate->arena, migrate->diag, out);
}

static enum error diff_from(struct writing *writing, const struct schema *from)
{
    struct schema_plan sqlite, postgres;
    TRY(plan(writing->migrate, from, DIALECT_SQLITE, &sqlite));
    TRY(plan(writing->migrate, from, DIALECT_POSTGRES, &postgres));
    if (sqlite.count + postgres.count == 0)
        return OK;
    writing->is_initial = !from;
    TRY(make_folder(writing->migrate));
    TRY(write_parts(writing, &sqlite, &postgres));
    return write_snapshot(writing);
}

enum error migrate_diff(struct migrate *migrate, const char *base, struct migrate_written *out)
{
    struct writing writing;
    struct settings before = {0};
    const struct schema *from;
    TRY(begin(&writing, migrate, out));
    enum error error = read_base(migrate, base, &before, &from);
    if (error == OK)
        error = diff_from(&writing, from);
    settings_fini(&before);
    return error;
}

/* ---- new ---- */

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return name.len > 0 && name.len <= 80;
}

enum error migrate_diff_new(struct migrate *migrate, struct slice name, struct migrate_written *out)
{
    static const char *const ways[] = {"up", "down"};
    static const struct slice texts[] = {
        SLICE_INIT("-- What it does, in a sentence.\n"
                   "--\n"
                   "-- All of it is one transaction. For many rows, leave that out and go in batches:\n"
                   "--   -- tenon: no transaction\n"
                   "--   -- tenon: batch markets 1000\n"
                   "--   UPDATE \"markets\" SET … WHERE \"id\" > :after AND \"id\" <= :upto;\n\n"),
        SLICE_INIT("-- Takes it back. Delete this file if that cannot be done.\n\n")};
    struct writing writing;
    if (!is_name(name)) {
        diag_say(migrate->diag, "as in: tenon migrate new fill_slugs",
                 "a migration's name has small letters, digits and _, at most 80");
        return ERROR_VALIDATION;
    }
    TRY(begin(&writing, migrate, out));
    TRY(make_folder(migrate));
    writing.number++;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        TRY(write_file(&writing,
                       arena_printf(migrate->arena, "%s/%04lld_%.*s.%s.sql", migrate->folder, (long long)writing.number,
                                    SLICE_ARG(name), ways[i]),
                       texts[i], false));
    return OK;
}
