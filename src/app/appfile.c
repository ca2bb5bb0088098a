/* SPDX-License-Identifier: Apache-2.0 */
/* The app file and the files that it includes, as one tree.
 *
 * `include: resources/` followed by a pattern splits a large app: each file that matches is an app file itself, and
 * may hold any section. Sections that both have are merged key by key, one level deep: `resources:` of ten files
 * becomes one map. The same key twice (a resource, `api.base`) is an error that names both places, because which one
 * wins would depend on the names of files.
 *
 * Invariants
 *   (1) a file is read once: one that includes itself, or is included twice, is refused
 *   (2) files <= APPFILE_FILES_MAX, chain of includes <= APPFILE_DEPTH_MAX, size of each <= YAMLTREE_BYTES_MAX
 *   (3) a pattern is relative to the folder of the file it stands in, and its matches are taken in sorted order */
#include "app/appfile.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/yamltree.h"
#include "base/buf.h"

struct seen {
    dev_t device;
    ino_t inode;
    bool is_open; /* its includes are being read: meeting it again is a circle */
};

struct loader {
    const struct variables *variables;
    struct arena *arena;
    struct diag *diag;
    struct node *root;
    const char **files;
    struct seen *seen;
    size_t count;
    unsigned depth;
};

static enum error load_file(struct loader *loader, const char *path, struct place from);

static enum error read_bytes(struct loader *loader, FILE *file, const char *path, struct place from, struct slice *out)
{
    struct stat status;
    size_t room = fstat(fileno(file), &status) == 0 && status.st_size < YAMLTREE_BYTES_MAX ? (size_t)status.st_size
                                                                                           : YAMLTREE_BYTES_MAX;
    char *text = arena_alloc(loader->arena, room + 1);
    if (!text)
        return ERROR_MEMORY;
    size_t length = fread(text, 1, room + 1, file); /* one more shows that it is too large, or grows */
    if (ferror(file)) {
        diag_at(loader->diag, from, NULL, "file %s cannot be read: %s", diag_quote(loader->diag, slice_from(path)),
                strerror(errno));
        return ERROR_VALIDATION;
    }
    *out = slice_of(text, length);
    return OK;
}

/* Invariant 1. */
static enum error remember(struct loader *loader, FILE *file, const char *path, struct place from)
{
    struct stat status;
    const char *shown = diag_quote(loader->diag, slice_from(path));
    if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) {
        diag_at(loader->diag, from, NULL, "%s is not a file", shown);
        return ERROR_VALIDATION;
    }
    for (size_t i = 0; i < loader->count; i++) {
        if (loader->seen[i].device != status.st_dev || loader->seen[i].inode != status.st_ino)
            continue;
        diag_at(loader->diag, from, NULL,
                loader->seen[i].is_open ? "file %s includes itself" : "file %s is included twice", shown);
        return ERROR_VALIDATION;
    }
    if (loader->count == APPFILE_FILES_MAX) {
        diag_at(loader->diag, from, NULL, "more than %d files are included", APPFILE_FILES_MAX);
        return ERROR_VALIDATION;
    }
    loader->files[loader->count] = path;
    loader->seen[loader->count++] = (struct seen){status.st_dev, status.st_ino, true};
    return OK;
}

static void merge_section(struct loader *loader, struct node *into, struct node *section)
{
    for (struct node *child = section->first, *next; child; child = next) {
        next = child->next;
        const struct node *first = node_find_slice(into, child->key);
        if (!first)
            node_append(into, child);
        else
            diag_at(loader->diag, child->key_place, NULL, "\"%.*s.%.*s\" is given twice, first at %s:%u:%u",
                    SLICE_ARG(section->key), SLICE_ARG(child->key), first->key_place.file, first->key_place.line,
                    first->key_place.column);
    }
}

/* Each file may bring tests of its own. */
static void append_all(struct node *into, struct node *list)
{
    for (struct node *child = list->first, *next; child; child = next) {
        next = child->next;
        node_append(into, child);
    }
}

static void merge(struct loader *loader, struct node *root)
{
    if (!loader->root) {
        loader->root = root;
        return;
    }
    for (struct node *section = root->first, *next; section; section = next) {
        next = section->next;
        struct node *first = node_find_slice(loader->root, section->key);
        if (!first)
            node_append(loader->root, section);
        else if (first->kind == NODE_MAP && section->kind == NODE_MAP)
            merge_section(loader, first, section);
        else if (first->kind == NODE_LIST && section->kind == NODE_LIST && slice_eq_text(section->key, "tests"))
            append_all(first, section);
        else
            diag_at(loader->diag, section->key_place, NULL, "\"%.*s\" is given twice, first at %s:%u:%u",
                    SLICE_ARG(section->key), first->key_place.file, first->key_place.line, first->key_place.column);
    }
}

/* The pattern behind the folder of the file it stands in, whose own name is no pattern. */
static const char *full_pattern(struct loader *loader, const char *file, struct slice pattern)
{
    const char *slash = strrchr(file, '/');
    struct slice folder = slice_of(file, slash && pattern.len > 0 && pattern.ptr[0] != '/' ? slash + 1 - file : 0);
    struct buf text;
    buf_init(&text, 8192);
    for (size_t i = 0; i < folder.len; i++) {
        if (strchr("*?[\\", folder.ptr[i]))
            buf_put_byte(&text, '\\');
        buf_put_byte(&text, folder.ptr[i]);
    }
    buf_put_slice(&text, pattern);
    const char *full = buf_failed(&text) ? NULL : arena_text(loader->arena, buf_slice(&text));
    buf_fini(&text);
    return full;
}

static enum error load_matches(struct loader *loader, const glob_t *matches, const struct node *pattern)
{
    for (size_t i = 0; i < matches->gl_pathc; i++) {
        const char *path = arena_text(loader->arena, slice_from(matches->gl_pathv[i]));
        if (!path)
            return ERROR_MEMORY;
        enum error error = load_file(loader, path, pattern->text_place);
        if (error != OK && error != ERROR_VALIDATION)
            return error; /* a file that is no app file has been told; the others are read on */
    }
    return OK;
}

static enum error include_pattern(struct loader *loader, const struct node *pattern, const char *file)
{
    glob_t matches;
    if (pattern->kind != NODE_SCALAR || node_is_empty(pattern)) {
        diag_at(loader->diag, pattern->place, "write `include: resources/*.yaml`",
                "\"include\" must be a text, this is %s", node_kind_name(pattern));
        return OK;
    }
    const char *full = full_pattern(loader, file, pattern->text);
    if (!full)
        return ERROR_MEMORY;
    int found = glob(full, 0, NULL, &matches);
    if (found == GLOB_NOSPACE)
        return ERROR_MEMORY;
    if (found != 0 || matches.gl_pathc == 0) {
        diag_at(loader->diag, pattern->text_place, "the pattern is relative to the file it stands in",
                "no file matches %s", node_shown(pattern, loader->diag));
        return OK;
    }
    enum error error = load_matches(loader, &matches, pattern);
    globfree(&matches);
    return error;
}

/* Takes the key `include` out of a tree, so that nobody meets it again. */
static struct node *take_include(struct node *root)
{
    struct node *children = root->first, *include = NULL;
    root->first = root->last = NULL;
    root->count = 0;
    for (struct node *child = children, *next; child; child = next) {
        next = child->next;
        if (slice_eq_text(child->key, "include"))
            include = child;
        else
            node_append(root, child);
    }
    return include;
}

static enum error load_includes(struct loader *loader, const struct node *include, const char *file)
{
    if (!include)
        return OK;
    if (loader->depth == APPFILE_DEPTH_MAX) {
        diag_at(loader->diag, include->place, NULL, "included files include deeper than %d levels", APPFILE_DEPTH_MAX);
        return OK;
    }
    loader->depth++;
    if (include->kind != NODE_LIST)
        TRY(include_pattern(loader, include, file));
    else
        for (const struct node *pattern = include->first; pattern; pattern = pattern->next)
            TRY(include_pattern(loader, pattern, file));
    loader->depth--;
    return OK;
}

static enum error parse_file(struct loader *loader, const char *path, struct place from, struct node **out)
{
    FILE *file = fopen(path, "re");
    struct slice text = {0};
    if (!file) {
        diag_at(loader->diag, from, NULL, "file %s cannot be read: %s", diag_quote(loader->diag, slice_from(path)),
                strerror(errno));
        return ERROR_VALIDATION;
    }
    enum error error = remember(loader, file, path, from);
    if (error == OK)
        error = read_bytes(loader, file, path, from, &text);
    fclose(file);
    TRY(error);
    TRY(yamltree_parse(text, path, loader->arena, loader->diag, out));
    return variables_replace(*out, loader->variables, loader->arena, loader->diag);
}

/* `from` is the place that asked for it. */
static enum error load_file(struct loader *loader, const char *path, struct place from)
{
    struct node *root = NULL;
    size_t number = loader->count;
    TRY(parse_file(loader, path, from, &root));
    const struct node *include = take_include(root);
    merge(loader, root);
    TRY(load_includes(loader, include, path));
    loader->seen[number].is_open = false;
    return OK;
}

enum error appfile_load(const char *path, const struct variables *variables, struct arena *arena, struct diag *diag,
                        struct appfile *out)
{
    struct loader loader = {.variables = variables, .arena = arena, .diag = diag};
    loader.files = arena_array(arena, APPFILE_FILES_MAX, sizeof *loader.files);
    loader.seen = arena_array(arena, APPFILE_FILES_MAX, sizeof *loader.seen);
    const char *file = arena_text(arena, slice_from(path));
    if (!loader.files || !loader.seen || !file)
        return ERROR_MEMORY;
    TRY(load_file(&loader, file, (struct place){0}));
    *out = (struct appfile){.root = loader.root, .files = loader.files, .file_count = loader.count};
    return OK;
}
