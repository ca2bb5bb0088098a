/* SPDX-License-Identifier: Apache-2.0 */
/* What a condition says of single columns. Only what stands in its outermost chain of && holds for every row; of that,
 * only a bare column against something that is known before the row is read can be looked up in an index. */
#include "model/expr_bound.h"

#include "model/expr_node.h"

struct listing {
    const struct expr_context *context;
    struct expr_bound *out;
    size_t count;
};

static bool is_column(const struct expr_node *node)
{
    return node->kind == EXPR_PATH && node->root == EXPR_ROOT_ROW && node->step_count == 0;
}

static void add(struct listing *listing, const struct field *field, enum expr_bound_kind kind)
{
    if (listing->count < EXPR_BOUNDS_MAX)
        listing->out[listing->count++] = (struct expr_bound){field, kind};
}

/* Whether the column is compared as it is stored, with what needs no row. */
static bool is_plain(const struct listing *listing, const struct expr_node *column, const struct expr_node *other)
{
    char room[EXPR_ROOM_BYTES];
    struct value value;
    struct expr_scaling scaling = expr_scaling(column->type, other->type);
    if (!is_column(column) || expr_is_condition(other) || scaling.up || scaling.down)
        return false;
    return !expr_is_dated(column->type, other->type) && expr_eval_operand(other, listing->context, NULL, room, &value);
}

static void add_comparison(struct listing *listing, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *right = left->next;
    const struct expr_node *column = is_column(left) ? left : right, *other = column == left ? right : left;
    if (node->kind == EXPR_NE || !is_plain(listing, column, other))
        return;
    add(listing, column->field, node->kind == EXPR_EQ ? EXPR_BOUND_EQUAL : EXPR_BOUND_RANGE);
}

static void add_list(struct listing *listing, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *list = left->next;
    if (!is_column(left) || list->is_set || !list->first)
        return;
    for (const struct expr_node *item = list->first; item; item = item->next)
        if (!is_plain(listing, left, item))
            return;
    add(listing, left->field, list->first->next ? EXPR_BOUND_AMONG : EXPR_BOUND_EQUAL);
}

/* Chains of && nest as deep as an expression may (EXPR_DEPTH_MAX). */
static void add_node(struct listing *listing, const struct expr_node *node)
{
    if (expr_eval_node(node, listing->context, NULL) != EXPR_UNDECIDED)
        return;
    if (node->kind == EXPR_AND) {
        for (const struct expr_node *child = node->first; child; child = child->next)
            add_node(listing, child);
    } else if (node->kind == EXPR_IN) {
        add_list(listing, node);
    } else if (node->kind == EXPR_HAS || node->kind == EXPR_LIKE) {
        if (is_plain(listing, node->first, node->first->next))
            add(listing, node->first->field, EXPR_BOUND_HAS);
    } else if (expr_is_comparison(node)) {
        add_comparison(listing, node);
    } else if (is_column(node)) {
        add(listing, node->field, EXPR_BOUND_EQUAL);
    }
}

size_t expr_bound_list(const struct expr *expr, const struct expr_context *context,
                       struct expr_bound out[EXPR_BOUNDS_MAX])
{
    struct listing listing = {.context = context, .out = out};
    if (expr)
        add_node(&listing, expr->root);
    return listing.count;
}
