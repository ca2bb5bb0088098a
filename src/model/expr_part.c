/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an expression. A part is an expression of its own around a node of the tree: it is not copied, since
 * nothing that walks a tree looks at the siblings of its root. */
#include "model/expr_part.h"

#include "model/expr_node.h"

static size_t count_children(const struct expr_node *node)
{
    size_t count = 0;
    for (const struct expr_node *child = node->first; child; child = child->next)
        count++;
    return count;
}

static struct expr around(const struct expr *expr, struct expr_node *node)
{
    struct expr part = *expr;
    part.root = node;
    return part;
}

enum error expr_part_split(const struct expr *expr, struct arena *arena, struct expr_parts *out)
{
    struct expr_node *root = expr->root;
    bool is_chain = root->kind == EXPR_AND || root->kind == EXPR_OR;
    size_t count = is_chain ? count_children(root) : 1;
    struct expr *parts = arena_array(arena, count, sizeof *parts);
    *out = (struct expr_parts){.items = arena_array(arena, count, sizeof *out->items)};
    if (!parts || !out->items)
        return ERROR_MEMORY;
    if (!is_chain) {
        out->items[out->count++] = expr;
        return OK;
    }
    out->join = root->kind == EXPR_AND ? EXPR_JOIN_ALL : EXPR_JOIN_ANY;
    for (struct expr_node *child = root->first; child; child = child->next) {
        out->items[out->count] = &parts[out->count];
        parts[out->count++] = around(expr, child);
    }
    return OK;
}

void expr_part_format(const struct expr *expr, struct buf *out)
{
    if (expr)
        expr_format(expr, out);
    else
        buf_put_literal(out, "true");
}

struct collecting {
    const struct expr *expr;
    struct expr_name *names;
    struct expr *values;
    size_t count;
};

static bool is_shown(const struct collecting *own, const struct expr_node *node)
{
    if (node->kind != EXPR_PATH || node->is_set || own->count == EXPR_NAMES_MAX)
        return false;
    if (node->field && (field_is(node->field, FIELD_HIDDEN) || node->field->type.kind == FIELD_PASSWORD))
        return false;
    for (size_t i = 0; i < own->count; i++)
        if (slice_eq(own->names[i].text, node->text))
            return false;
    return true;
}

/* As deep as the checked depth of an expression. */
static void collect(struct collecting *own, struct expr_node *node)
{
    if (is_shown(own, node)) {
        own->values[own->count] = around(own->expr, node);
        own->names[own->count] = (struct expr_name){.text = node->text,
                                                    .field = node->field,
                                                    .value = &own->values[own->count],
                                                    .is_of_row = node->root == EXPR_ROOT_ROW};
        own->count++;
    }
    for (struct expr_node *child = node->first; child; child = child->next)
        collect(own, child);
}

enum error expr_part_names(const struct expr *expr, struct arena *arena, struct expr_name **out, size_t *count)
{
    struct collecting own = {.expr = expr};
    own.names = arena_array(arena, EXPR_NAMES_MAX, sizeof *own.names);
    own.values = arena_array(arena, EXPR_NAMES_MAX, sizeof *own.values);
    if (!own.names || !own.values)
        return ERROR_MEMORY;
    if (expr)
        collect(&own, expr->root);
    *out = own.names;
    *count = own.count;
    return OK;
}

enum error expr_part_value(const struct expr_name *name, const struct expr_context *context, const struct expr_row *row,
                           struct arena *arena, struct value *out)
{
    char room[EXPR_ROOM_BYTES];
    if (!expr_eval_operand(name->value->root, context, row, room, out))
        return ERROR_NOT_FOUND;
    if (out->kind != VALUE_TEXT)
        return OK;
    out->text = arena_slice(arena, out->text);
    return out->text.ptr ? OK : ERROR_MEMORY;
}

void expr_part_compile(const struct expr_name *name, const struct expr_context *context, unsigned alias,
                       unsigned *next_alias, struct sql *sql)
{
    expr_compile_operand(name->value->root, context, alias, next_alias, sql);
}

enum expr_verdict expr_part_decide(const struct expr *expr, const struct expr_context *context,
                                   const struct expr_row *row)
{
    return expr ? expr_eval_node(expr->root, context, row) : EXPR_TRUE;
}
