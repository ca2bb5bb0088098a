/* SPDX-License-Identifier: Apache-2.0 */
/* A patch for an app file.
 *
 * The tree of the file knows where things begin, not how their author has laid them out; a patch must leave that alone.
 * So the lines themselves are looked at: a block ends before the first line that is not indented deeper than its key.
 * There are three places for an index: behind the last item of `indexes:`, inside its brackets, or, where there is none
 * yet, behind `fields:`. */
#include "app/explain_patch.h"

#include <stdio.h>

#include "base/buf.h"

enum { FILE_BYTES_MAX = 4 * 1024 * 1024, CONTEXT_LINES = 3, NOWHERE = -1 };

struct patch {
    struct slice *lines; /* without their ends */
    long count;
    bool ends_open; /* the last line has no end */
    long at;        /* before this line lines are added */
    bool replaces;  /* the line at `at` goes */
    const char *added[2];
    struct arena *arena;
};

static long indent_of(struct slice line)
{
    long indent = 0;
    while ((size_t)indent < line.len && line.ptr[indent] == ' ')
        indent++;
    return indent;
}

/* Empty, or a comment: says nothing of where a block ends. */
static bool is_blank(struct slice line)
{
    struct slice rest = slice_trim(line);
    return rest.len == 0 || rest.ptr[0] == '#' || rest.ptr[0] == '\r';
}

static enum error split(struct patch *patch, struct slice text)
{
    size_t room = 1;
    for (size_t i = 0; i < text.len; i++)
        room += text.ptr[i] == '\n';
    patch->lines = arena_array(patch->arena, room, sizeof *patch->lines);
    if (!patch->lines)
        return ERROR_MEMORY;
    while (text.len > 0) {
        size_t end = slice_index(text, '\n');
        patch->ends_open = end == text.len;
        patch->lines[patch->count++] = slice_of(text.ptr, end);
        text = slice_from_index(text, end + 1);
    }
    return OK;
}

/* The line behind the last one of the block whose key stands in line `key`. Items of a list may stand below their key
 * without being indented. */
static long end_of_block(const struct patch *patch, long key)
{
    long indent = indent_of(patch->lines[key]), end = key + 1;
    for (long i = key + 1; i < patch->count; i++) {
        struct slice line = patch->lines[i];
        if (is_blank(line))
            continue;
        bool is_item = indent_of(line) == indent && slice_starts(slice_from_index(line, (size_t)indent), SLICE("- "));
        if (indent_of(line) <= indent && !is_item)
            break;
        end = i + 1;
    }
    return end;
}

/* The line of a key directly inside the block. */
static long find_key(const struct patch *patch, long from, long end, struct slice key)
{
    long indent = NOWHERE;
    for (long i = from; i < end; i++) {
        if (is_blank(patch->lines[i]))
            continue;
        if (indent == NOWHERE)
            indent = indent_of(patch->lines[i]);
        if (indent_of(patch->lines[i]) == indent && slice_starts(slice_trim(patch->lines[i]), key))
            return i;
    }
    return NOWHERE;
}

static struct slice behind_colon(struct slice line)
{
    struct slice rest = slice_trim(slice_from_index(line, slice_index(line, ':') + 1));
    return rest.len > 0 && rest.ptr[0] == '#' ? SLICE("") : rest;
}

static const char *make_item(struct patch *patch, long indent, struct slice index)
{
    return arena_printf(patch->arena, "%*s- %.*s", (int)indent, "", SLICE_ARG(index));
}

static enum error add_to_list(struct patch *patch, long key, struct slice index)
{
    long end = end_of_block(patch, key), indent = indent_of(patch->lines[key]) + 2;
    for (long i = end - 1; i > key; i--)
        if (!is_blank(patch->lines[i]))
            indent = indent_of(patch->lines[i]);
    patch->at = end;
    patch->added[0] = make_item(patch, indent, index);
    return patch->added[0] ? OK : ERROR_MEMORY;
}

/* indexes: ["a, b"]; the bracket that ends it must be on this line. */
static enum error add_to_brackets(struct patch *patch, long key, struct slice index)
{
    struct slice line = patch->lines[key];
    size_t close = line.len;
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] == ']')
            close = i;
    if (close == line.len || behind_colon(line).ptr[0] != '[')
        return OK;
    struct slice head = slice_of(line.ptr, close);
    struct slice items = slice_trim(slice_from_index(head, slice_index(head, '[') + 1));
    bool is_map = index.ptr[0] == '{';
    const char *quote = is_map ? "" : "\"";
    patch->at = key;
    patch->replaces = true;
    patch->added[0] = arena_printf(patch->arena, "%.*s%s%s%.*s%s%.*s", SLICE_ARG(head), items.len > 0 ? ", " : "",
                                   quote, SLICE_ARG(index), quote, SLICE_ARG(slice_from_index(line, close)));
    return patch->added[0] ? OK : ERROR_MEMORY;
}

static enum error add_list(struct patch *patch, long fields, struct slice index)
{
    long indent = indent_of(patch->lines[fields]);
    patch->at = end_of_block(patch, fields);
    patch->added[0] = arena_printf(patch->arena, "%*sindexes:", (int)indent, "");
    patch->added[1] = make_item(patch, indent + 2, index);
    return patch->added[0] && patch->added[1] ? OK : ERROR_MEMORY;
}

static enum error find_place(struct patch *patch, long resource, struct slice index)
{
    patch->at = NOWHERE;
    if (resource < 0 || resource >= patch->count || behind_colon(patch->lines[resource]).len > 0)
        return OK;
    long end = end_of_block(patch, resource);
    long key = find_key(patch, resource + 1, end, SLICE("indexes:"));
    if (key != NOWHERE && behind_colon(patch->lines[key]).len == 0)
        return add_to_list(patch, key, index);
    if (key != NOWHERE)
        return add_to_brackets(patch, key, index);
    long fields = find_key(patch, resource + 1, end, SLICE("fields:"));
    return fields == NOWHERE ? OK : add_list(patch, fields, index);
}

static void put_line(const struct patch *patch, struct buf *out, char mark, long line)
{
    buf_put_byte(out, mark);
    buf_put_slice(out, patch->lines[line]);
    buf_put_byte(out, '\n');
    if (line == patch->count - 1 && patch->ends_open)
        buf_put_literal(out, "\\ No newline at end of file\n");
}

/* A line that had no end is given one when something follows it. */
static void put_hunk(const struct patch *patch, struct buf *out)
{
    long at = patch->at, removed = patch->replaces ? 1 : 0;
    bool mends_end = at == patch->count && patch->ends_open;
    long begin = at > CONTEXT_LINES ? at - CONTEXT_LINES : 0;
    long behind = at + removed;
    long end = behind + CONTEXT_LINES < patch->count ? behind + CONTEXT_LINES : patch->count;
    long added = 1 + (patch->added[1] != NULL);
    buf_printf(out, "@@ -%ld,%ld +%ld,%ld @@\n", begin + 1, end - begin, begin + 1, end - begin - removed + added);
    for (long i = begin; i < at; i++)
        put_line(patch, out, mends_end && i == at - 1 ? '-' : ' ', i);
    if (removed)
        put_line(patch, out, '-', at);
    if (mends_end)
        buf_printf(out, "+%.*s\n", SLICE_ARG(patch->lines[at - 1]));
    for (long i = 0; i < added; i++)
        buf_printf(out, "+%s\n", patch->added[i]);
    for (long i = behind; i < end; i++)
        put_line(patch, out, ' ', i);
}

static enum error format(const struct patch *patch, const char *name, const char **out)
{
    struct buf text;
    while (*name == '/')
        name++;
    buf_init(&text, FILE_BYTES_MAX);
    buf_printf(&text, "--- a/%s\n+++ b/%s\n", name, name);
    put_hunk(patch, &text);
    *out = buf_failed(&text) ? NULL : arena_text(patch->arena, buf_slice(&text));
    buf_fini(&text);
    return *out ? OK : ERROR_MEMORY;
}

enum error explain_patch_text(struct slice text, const char *name, unsigned resource_line, struct slice index,
                              struct arena *arena, const char **out, unsigned *line)
{
    struct patch patch = {.arena = arena};
    *out = NULL;
    *line = resource_line;
    TRY(split(&patch, text));
    TRY(find_place(&patch, (long)resource_line - 1, index));
    if (patch.at == NOWHERE)
        return OK;
    *line = (unsigned)patch.at + 1;
    return format(&patch, name, out);
}

static enum error read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return ERROR_IO;
    size_t taken = 1;
    while (taken > 0 && !buf_failed(out)) {
        char *room = buf_reserve(out, 4096);
        taken = room ? fread(room, 1, 4096, file) : 0;
        buf_advance(out, taken);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    return failed ? ERROR_IO : buf_error(out);
}

enum error explain_patch_index(struct place resource, struct slice index, struct arena *arena, const char **out,
                               unsigned *line)
{
    struct buf text;
    *out = NULL;
    *line = resource.line;
    if (!resource.file)
        return OK;
    buf_init(&text, FILE_BYTES_MAX);
    enum error error = read_file(resource.file, &text);
    if (error == OK)
        error = explain_patch_text(buf_slice(&text), resource.file, resource.line, index, arena, out, line);
    buf_fini(&text);
    return error;
}
