/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot is written from the tree of the app file, not from the schema: whatever an app file can say of its tables
 * is read back by what read it before. */
#include "app/snapshot.h"

#include "app/yamltree.h"
#include "base/file.h"

enum { SNAPSHOT_BYTES_MAX = 1024 * 1024 };

/* What a database sees of a resource. */
static const char *const resource_keys[] = {"id",  "fields",     "indexes", "search", "table",
                                            "key", "timestamps", "version", "view"};
/* What it does not see of a field. */
static const char *const unseen_keys[] = {"description", "renamed_from", "pattern"};

static bool is_one_of(struct slice key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_text(key, keys[i]))
            return true;
    return false;
}

static void put_indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_put_literal(out, "  ");
}

static void put_quoted(struct buf *out, struct slice text)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_put_byte(out, (char)c);
    }
    buf_put_byte(out, '"');
}

static void put_scalar(struct buf *out, const struct node *node)
{
    bool is_plain =
        !node->is_quoted && !node->is_block && !node->is_secret && slice_index(node->text, '\n') == node->text.len;
    if (is_plain)
        buf_put_slice(out, node->text);
    else
        put_quoted(out, node->text);
}

static void put_children(struct buf *out, const struct node *parent, unsigned depth, const char *const *without,
                         size_t without_count);

/* What stands behind a key or a dash. */
static void put_value(struct buf *out, const struct node *node, unsigned depth, const char *const *without,
                      size_t without_count)
{
    if (node->kind == NODE_SCALAR) {
        buf_put_byte(out, ' ');
        put_scalar(out, node);
        buf_put_byte(out, '\n');
        return;
    }
    if (!node->first) {
        buf_put_text(out, node->kind == NODE_MAP ? " {}\n" : " []\n");
        return;
    }
    buf_put_byte(out, '\n');
    put_children(out, node, depth + 1, without, without_count);
}

static void put_child(struct buf *out, const struct node *node, unsigned depth, const char *const *without,
                      size_t without_count)
{
    put_indent(out, depth);
    if (node->key.ptr) {
        buf_put_slice(out, node->key);
        buf_put_byte(out, ':');
    } else
        buf_put_byte(out, '-');
    put_value(out, node, depth, without, without_count);
}

static void put_children(struct buf *out, const struct node *parent, unsigned depth, const char *const *without,
                         size_t without_count)
{
    for (const struct node *node = parent->first; node; node = node->next)
        if (!node->key.ptr || !is_one_of(node->key, without, without_count))
            put_child(out, node, depth, without, without_count);
}

static void put_resource(struct buf *out, const struct node *resource)
{
    put_indent(out, 1);
    buf_put_slice(out, resource->key);
    buf_put_literal(out, ":\n");
    for (const struct node *section = resource->first; section; section = section->next) {
        if (!is_one_of(section->key, resource_keys, ARRAY_LEN(resource_keys)) || node_is_empty(section))
            continue;
        put_indent(out, 2);
        buf_put_slice(out, section->key);
        buf_put_byte(out, ':');
        bool is_fields = slice_eq_text(section->key, "fields") && section->kind == NODE_MAP;
        if (!is_fields) {
            put_value(out, section, 2, NULL, 0);
            continue;
        }
        buf_put_text(out, section->first ? "\n" : " {}\n");
        for (const struct node *field = section->first; field; field = field->next)
            put_child(out, field, 3, unseen_keys, ARRAY_LEN(unseen_keys));
    }
}

void snapshot_write(const struct node *root, struct buf *out)
{
    const struct node *resources = node_find(root, "resources");
    buf_put_literal(out,
                    "# What the migrations beside this file lead to. Written by `tenon migrate diff`, which compares\n"
                    "# the app file with it: not to be edited.\n"
                    "resources:\n");
    for (const struct node *node = resources ? resources->first : NULL; node; node = node->next)
        put_resource(out, node);
}

enum error snapshot_read(const char *path, struct arena *arena, struct diag *diag, struct settings *out)
{
    struct slice text;
    struct node *root;
    const char *name = arena_text(arena, slice_from(path));
    if (!name)
        return ERROR_MEMORY;
    TRY(file_read(name, SNAPSHOT_BYTES_MAX, arena, diag, &text));
    TRY(yamltree_parse(text, name, arena, diag, &root));
    return settings_read(root, arena, diag, out);
}
