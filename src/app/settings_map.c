/* SPDX-License-Identifier: Apache-2.0 */
/* Maps and lists of the app file, each a table of what may stand in it. */
#include "app/settings_map.h"

#include "base/suggest.h"

static const struct settings_map_row *find_row(const struct settings_map_row *rows, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_text(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static void tell_unknown(struct diag *diag, const struct node *node, const struct settings_map_row *rows, size_t count)
{
    struct suggest suggest;
    suggest_init(&suggest, node->key);
    for (size_t i = 0; i < count; i++)
        suggest_offer_text(&suggest, rows[i].name);
    suggest_report(&suggest, diag, node->key_place, "unknown key", NULL);
}

bool settings_map_read(struct diag *diag, const struct node *map, const char *what, const struct settings_map_row *rows,
                       size_t count)
{
    size_t before = diag->count;
    if (map->kind != NODE_MAP) {
        diag_at(diag, map->place, NULL, "%s must be a map, this is %s", what, node_kind_name(map));
        return false;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        const struct settings_map_row *row = find_row(rows, count, node->key);
        if (!row)
            tell_unknown(diag, node, rows, count);
        else if (row->node)
            *row->node = node;
        else if (node->kind != NODE_SCALAR || node_is_empty(node))
            diag_at(diag, node->place, NULL, "\"%s\" must be a text, this is %s", row->name, node_kind_name(node));
        if (row && row->out && node->kind == NODE_SCALAR)
            *row->out = node->text;
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i].is_required && !node_find(map, rows[i].name))
            diag_at(diag, map->place, NULL, "%s needs \"%s\"", what, rows[i].name);
    return diag->count == before;
}

bool settings_map_is_list(struct diag *diag, const struct node *node, const char *what, size_t limit)
{
    if (node->kind == NODE_LIST && node->count > 0 && node->count <= limit)
        return true;
    diag_at(diag, node->place, NULL, "\"%s\" must be a list of 1 to %zu", what, limit);
    return false;
}

bool settings_map_is_text(struct diag *diag, const struct node *node, const char *what)
{
    if (node->kind == NODE_SCALAR && !node_is_empty(node))
        return true;
    diag_at(diag, node->place, NULL, "\"%s\" must be a text, this is %s", what, node_kind_name(node));
    return false;
}
