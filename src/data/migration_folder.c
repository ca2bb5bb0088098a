/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the folder of migrations. */
#include "data/migration_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/hex.h"

enum { NUMBER_DIGITS_MIN = 4, NUMBER_DIGITS_MAX = 9 };

struct reading {
    const char *folder;
    enum dialect dialect;
    struct arena *arena;
    struct diag *diag;
    struct migration_folder *out;
};

/* What a file name says. */
struct parts {
    struct slice id;
    int64_t number;
    bool is_for_any, is_down;
    enum dialect dialect;
};

static const char *const dialects[] = {[DIALECT_SQLITE] = "sqlite", [DIALECT_POSTGRES] = "postgres"};

const char *migration_folder_dialect(enum dialect dialect)
{
    return dialects[dialect];
}

static bool is_id(struct slice id, int64_t *number)
{
    size_t digits = 0;
    while (digits < id.len && id.ptr[digits] >= '0' && id.ptr[digits] <= '9')
        digits++;
    if (digits < NUMBER_DIGITS_MIN || digits > NUMBER_DIGITS_MAX || digits + 1 >= id.len || id.ptr[digits] != '_')
        return false;
    for (size_t i = digits; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    *number = 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (id.ptr[i] - '0');
    return true;
}

/* 0002_add_slug[.postgres].up.sql */
static bool parse_name(struct slice name, struct parts *out)
{
    struct slice rest = name, part;
    *out = (struct parts){.is_for_any = true};
    if (!slice_split(&rest, '.', &part) || !is_id(part, &out->number) || !slice_split(&rest, '.', &part))
        return false;
    out->id = slice_of(name.ptr, slice_index(name, '.'));
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (slice_eq_text(part, dialects[i])) {
            out->is_for_any = false;
            out->dialect = (enum dialect)i;
        }
    if (!out->is_for_any && !slice_split(&rest, '.', &part))
        return false;
    out->is_down = slice_eq_text(part, "down");
    return (out->is_down || slice_eq_text(part, "up")) && slice_eq_text(rest, "sql");
}

static struct migration *find(struct migration_folder *folder, int64_t number)
{
    for (size_t i = 0; i < folder->count; i++)
        if (folder->items[i].number == number)
            return &folder->items[i];
    return NULL;
}

static void tell(const struct reading *reading, const char *path, unsigned line, const char *hint, const char *message)
{
    diag_at(reading->diag, (struct place){path, line, line ? 1 : 0}, hint, "%s", message);
}

/* What the lines `-- tenon: …` say of the whole file. */
static void read_directives(const struct reading *reading, struct migration *migration, struct migration_script *script)
{
    struct slice rest = script->text, line;
    for (unsigned number = 1; slice_split(&rest, '\n', &line); number++) {
        line = slice_trim(line);
        if (!slice_starts(line, SLICE("-- tenon:")))
            continue;
        struct slice word = slice_trim(slice_from_index(line, sizeof "-- tenon:" - 1));
        if (slice_eq_text(word, "no transaction"))
            script->is_stepwise = true;
        else if (slice_eq_text(word, "generated"))
            migration->is_generated |= script == &migration->up;
        else if (slice_eq_text(word, "initial"))
            migration->is_initial = true;
        else if (slice_eq_text(word, "contract"))
            migration->is_contract = true;
        else if (!slice_starts(word, SLICE("batch ")) && !slice_starts(word, SLICE("allow ")))
            tell(reading, script->path, number,
                 "there are: generated, initial, contract, no transaction, batch TABLE ROWS, allow RULE",
                 "unknown directive");
    }
}

static void take_checksum(struct migration *migration)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(migration->up.text, digest);
    hex_encode(slice_of((const char *)digest, sizeof digest), migration->checksum);
    migration->checksum[MIGRATION_CHECKSUM_BYTES] = '\0';
}

static struct migration *add(struct reading *reading, const struct parts *parts)
{
    struct migration *migration = &reading->out->items[reading->out->count++];
    *migration = (struct migration){.id = arena_slice(reading->arena, parts->id), .number = parts->number};
    return migration;
}

static enum error take_file(struct reading *reading, const char *name)
{
    struct parts parts;
    const char *path = arena_printf(reading->arena, "%s/%s", reading->folder, name);
    if (!path)
        return ERROR_MEMORY;
    if (!parse_name(slice_from(name), &parts)) {
        tell(reading, path, 0, "as in 0002_add_slug.up.sql, or 0002_add_slug.postgres.down.sql",
             "this is no name of a migration");
        return OK;
    }
    if (parts.number > reading->out->last_number)
        reading->out->last_number = parts.number;
    if (!parts.is_for_any && parts.dialect != reading->dialect)
        return OK;
    struct migration *migration = find(reading->out, parts.number);
    if (!migration)
        migration = add(reading, &parts);
    if (!slice_eq(migration->id, parts.id)) {
        tell(reading, path, 0, "give one of them the next number", "another migration has this number");
        return OK;
    }
    struct migration_script *script = parts.is_down ? &migration->down : &migration->up;
    if (script->path) {
        tell(reading, path, 0, "leave one of them", "this migration is there for any database, and for this one");
        return OK;
    }
    script->path = path;
    TRY(file_read(path, MIGRATION_BYTES_MAX, reading->arena, reading->diag, &script->text));
    read_directives(reading, migration, script);
    if (!parts.is_down)
        take_checksum(migration);
    return migration->id.ptr ? OK : ERROR_MEMORY;
}

static int compare(const void *left, const void *right)
{
    int64_t a = ((const struct migration *)left)->number, b = ((const struct migration *)right)->number;
    return (a > b) - (a < b);
}

static bool is_sql(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static enum error read_all(struct reading *reading, struct dirent **names, int count)
{
    if (count > 4 * MIGRATION_COUNT_MAX)
        return ERROR_LIMIT;
    reading->out->items = arena_array(reading->arena, (size_t)count + 1, sizeof *reading->out->items);
    if (!reading->out->items)
        return ERROR_MEMORY;
    for (int i = 0; i < count; i++)
        if (is_sql(names[i]))
            TRY(take_file(reading, names[i]->d_name));
    qsort(reading->out->items, reading->out->count, sizeof *reading->out->items, compare);
    for (size_t i = 0; i < reading->out->count; i++)
        if (!reading->out->items[i].up.path)
            tell(reading, reading->out->items[i].down.path, 0, NULL, "there is no up to this down");
    return reading->diag->count > 0 ? ERROR_VALIDATION : OK;
}

enum error migration_folder_read(const char *path, enum dialect dialect, struct arena *arena, struct diag *diag,
                                 struct migration_folder *out)
{
    struct reading reading = {.folder = path, .dialect = dialect, .arena = arena, .diag = diag, .out = out};
    struct dirent **names = NULL;
    *out = (struct migration_folder){0};
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0 && errno == ENOENT)
        return OK;
    if (count < 0) {
        diag_say(diag, NULL, "the folder %s cannot be read: %s", path, strerror(errno));
        return ERROR_IO;
    }
    enum error error = read_all(&reading, names, count);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return error;
}
