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

struct place node_place_at(const struct node *scalar, size_t offset)
{
    struct place place = scalar->text_place;
    if (!scalar->is_secret)
        place.column += (unsigned)offset;
    return place;
}
