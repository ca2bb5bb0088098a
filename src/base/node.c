/* SPDX-License-Identifier: Apache-2.0 */
/* A document tree: what lies between a reader of some syntax (app/yamltree.c) and those who give its parts a meaning
 * (app/settings.c, model/schema_build.c), so that the latter need not know the syntax. */
#include "base/node.h"

#include "base/check.h"

void node_append(struct node *parent, struct node *child)
{
    CHECK(parent->kind != NODE_SCALAR, "a scalar has no children");
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct node *node_find_slice(struct node *map, struct slice key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *child = map->first; child; child = child->next)
        if (slice_eq(child->key, key))
            return child;
    return NULL;
}

const struct node *node_find(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    struct slice wanted = slice_from(key);
    for (const struct node *child = map->first; child; child = child->next)
        if (slice_eq(child->key, wanted))
            return child;
    return NULL;
}

bool node_is_empty(const struct node *node)
{
    if (!node)
        return true;
    if (node->kind != NODE_SCALAR || node->is_quoted)
        return false;
    return node->text.len == 0 || slice_eq_text(node->text, "~") || slice_eq_text(node->text, "null");
}

/* As deep as its reader lets a document be. */
bool node_equal(const struct node *a, const struct node *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind || a->count != b->count || a->is_quoted != b->is_quoted || !slice_eq(a->key, b->key) ||
        !slice_eq(a->text, b->text))
        return false;
    for (a = a->first, b = b->first; a; a = a->next, b = b->next)
        if (!node_equal(a, b))
            return false;
    return true;
}

const char *node_kind_name(const struct node *node)
{
    if (node_is_empty(node))
        return "nothing";
    switch (node->kind) {
    case NODE_SCALAR: return "a text";
    case NODE_MAP: return "a map";
    case NODE_LIST: return "a list";
    }
    return "";
}

const char *node_shown(const struct node *scalar, struct diag *diag)
{
    return diag_quote(diag, scalar->source);
}

static bool is_white(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static size_t skip_white(struct slice raw, size_t at, struct place *place)
{
    for (; at < raw.len && is_white(raw.ptr[at]); at++) {
        place->column++;
        if (raw.ptr[at] == '\n')
            *place = (struct place){place->file, place->line + 1, 1};
    }
    return at;
}

/* How many bytes of the file stand for one byte of the text: a quote is written twice or behind a backslash. */
static size_t written_length(struct slice raw, size_t at, char byte)
{
    if (at + 1 >= raw.len || raw.ptr[at + 1] != byte)
        return 1;
    return (raw.ptr[at] == '\'' && byte == '\'') || (raw.ptr[at] == '\\' && byte != '\\') ? 2 : 1;
}

/* YAML folds, indents and strips white space and leaves the rest in its order, so the rest is counted. */
static struct place place_by_counting(const struct node *scalar, size_t offset, struct place place)
{
    size_t at = 0, white = 0;
    for (size_t i = 0; i < offset || (i == offset && i < scalar->text.len); i++) {
        white = is_white(scalar->text.ptr[i]) ? white + (i < offset) : 0;
        if (is_white(scalar->text.ptr[i]))
            continue;
        at = skip_white(scalar->raw, at, &place);
        if (i == offset)
            return place;
        size_t length =
            scalar->is_quoted && !scalar->is_block ? written_length(scalar->raw, at, scalar->text.ptr[i]) : 1;
        at += length;
        place.column += (unsigned)length;
    }
    place.column += (unsigned)white;
    return place;
}

struct place node_place_at(const struct node *scalar, size_t offset)
{
    struct place place = scalar->text_place;
    if (scalar->is_secret)
        return place;
    if (scalar->raw.ptr)
        return place_by_counting(scalar, offset,
                                 scalar->is_block ? (struct place){place.file, place.line + 1, 1} : place);
    place.column += (unsigned)offset;
    return place;
}
