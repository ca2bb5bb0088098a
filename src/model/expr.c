/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of the expression language share: messages, the spelling of operators, joining two expressions, and
 * the questions about a whole tree.
 *
 * A tree is written by the parser (or by expr_filter.c), completed by the check, and immutable from then on: rules are
 * shared by all cores. Joining therefore copies the two roots, never changes them.
 */
#include "model/expr.h"

#include <stdarg.h>

#include "model/expr_node.h"
#include "model/policy.h"

void expr_fault(const struct place *place, struct diag *diag, unsigned at, const char *hint, const char *format, ...)
{
    if (!diag)
        return;
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(diag->arena, format, arguments);
    va_end(arguments);
    if (!message)
        message = "out of memory";
    struct place exact = *place;
    exact.column += at;
    if (place->file)
        diag_at(diag, exact, hint, "%s", message);
    else
        diag_field(diag, SLICE("where"), hint, "%s (at position %u)", message, at + 1);
}

const char *expr_operator(enum expr_kind kind)
{
    switch (kind) {
    case EXPR_NOT: return "!";
    case EXPR_AND: return "&&";
    case EXPR_OR: return "||";
    case EXPR_EQ: return "==";
    case EXPR_NE: return "!=";
    case EXPR_LT: return "<";
    case EXPR_LE: return "<=";
    case EXPR_GT: return ">";
    case EXPR_GE: return ">=";
    case EXPR_IN: return "in";
    case EXPR_HAS: return "~";
    case EXPR_LIKE: return "like";
    default: return "?";
    }
}

const struct expr *expr_and(const struct expr *left, const struct expr *right, struct arena *arena)
{
    if (!left || !right)
        return left ? left : right;
    struct expr *both = arena_zalloc(arena, sizeof *both);
    struct expr_node *nodes = arena_array(arena, 3, sizeof *nodes);
    if (!both || !nodes)
        return NULL;
    nodes[1] = *left->root;
    nodes[2] = *right->root;
    nodes[1].next = &nodes[2];
    nodes[0] = (struct expr_node){.kind = EXPR_AND, .first = &nodes[1]};
    both->place = left->place;
    both->root = nodes;
    both->node_count = left->node_count + right->node_count + 1;
    both->is_checked = left->is_checked && right->is_checked;
    return both;
}

bool expr_path_denied(const struct expr_node *node, const struct expr_context *context)
{
    if (!node->is_guarded)
        return false;
    for (size_t i = 0; i < node->step_count; i++)
        if (!policy_find(node->steps[i].to, ACTION_READ, context))
            return true;
    return false;
}

static bool is_of_row(const struct expr_node *node)
{
    return node->kind == EXPR_PATH && (node->root == EXPR_ROOT_ROW || node->root == EXPR_ROOT_INPUT);
}

static bool needs_row(const struct expr_node *node)
{
    if (is_of_row(node))
        return true;
    for (const struct expr_node *child = node->first; child; child = child->next)
        if (needs_row(child))
            return true;
    return false;
}

bool expr_needs_row(const struct expr *expr)
{
    return expr && needs_row(expr->root);
}

static bool read_rule_needs_database(const struct resource *resource)
{
    const struct access *access = &resource->access[ACTION_READ];
    for (size_t i = 0; i < access->count; i++)
        if (expr_needs_database(access->rules[i].allow))
            return true;
    return false;
}

/* A guarded path also asks the read rules of the rows it crosses; those are rules, and rules guard nothing. */
static bool path_needs_database(const struct expr_node *node)
{
    if (node->is_set)
        return true;
    for (size_t i = 0; node->is_guarded && i < node->step_count; i++)
        if (read_rule_needs_database(node->steps[i].to))
            return true;
    return false;
}

static bool needs_database(const struct expr_node *node)
{
    if (node->kind == EXPR_PATH && path_needs_database(node))
        return true;
    for (const struct expr_node *child = node->first; child; child = child->next)
        if (needs_database(child))
            return true;
    return false;
}

bool expr_needs_database(const struct expr *expr)
{
    return expr && needs_database(expr->root);
}

static bool is_kind(const struct type *type, enum field_type kind)
{
    return type && type->kind == kind;
}

static bool is_whole(const struct type *type)
{
    return is_kind(type, FIELD_INT) || is_kind(type, FIELD_DECIMAL) || is_kind(type, FIELD_REFERENCE);
}

static unsigned scale_of(const struct type *type)
{
    return is_kind(type, FIELD_DECIMAL) ? type->scale : 0;
}

struct expr_scaling expr_scaling(const struct type *type, const struct type *other)
{
    struct expr_scaling scaling = {0, 0};
    if (is_whole(type) && is_whole(other) && scale_of(other) > scale_of(type))
        scaling.up = scale_of(other) - scale_of(type);
    else if (is_kind(type, FIELD_DECIMAL) && is_kind(other, FIELD_FLOAT))
        scaling.down = type->scale;
    return scaling;
}

bool expr_is_dated(const struct type *type, const struct type *other)
{
    return is_kind(type, FIELD_DATE) && is_kind(other, FIELD_DATETIME);
}

bool expr_ignores_case(const struct type *a, const struct type *b)
{
    return is_kind(a, FIELD_EMAIL) || is_kind(b, FIELD_EMAIL);
}

enum expr_verdict expr_decide(const struct expr *expr, const struct expr_context *context)
{
    return expr ? expr_eval_node(expr->root, context, NULL) : EXPR_TRUE;
}
