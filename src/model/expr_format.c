/* SPDX-License-Identifier: Apache-2.0 */
/* An expression as text again, for explanations and tests.
 *
 * Idea: every operand that is itself a condition stands in parentheses, but for ! and calls, which bind tightest, and
 * comparisons in a chain of && or ||, so the text needs hardly any precedence and is nested no deeper than the tree;
 * literals are printed as they were written (numbers) or with the escapes of the language (texts). Reading the text
 * again gives the same tree: the property that the fuzz target holds.
 */
#include "model/expr_node.h"

static void format_text(struct slice text, struct buf *buf)
{
    buf_put_byte(buf, '\'');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\'' || c == '\\')
            buf_put_byte(buf, '\\');
        if (c == '\n')
            buf_put_literal(buf, "\\n");
        else if (c == '\t')
            buf_put_literal(buf, "\\t");
        else
            buf_put_byte(buf, c);
    }
    buf_put_byte(buf, '\'');
}

static bool is_chain(const struct expr_node *node)
{
    return node->kind == EXPR_AND || node->kind == EXPR_OR;
}

static void format_operands(const struct expr_node *node, const char *between, struct buf *buf)
{
    for (const struct expr_node *child = node->first; child; child = child->next) {
        bool is_nested = expr_is_condition(child) && child->kind != EXPR_CALL && child->kind != EXPR_NOT;
        if (is_chain(node) && !is_chain(child)) /* comparisons bind tighter */
            is_nested = false;
        if (child != node->first)
            buf_put_text(buf, between);
        if (is_nested)
            buf_put_byte(buf, '(');
        expr_format_node(child, buf);
        if (is_nested)
            buf_put_byte(buf, ')');
    }
}

static void format_now(const struct expr_node *node, struct buf *buf)
{
    buf_put_literal(buf, "now");
    if (node->before_us == 0)
        return;
    buf_put_literal(buf, " - ");
    buf_put_int(buf, node->before_us / 1000000);
    buf_put_byte(buf, 's');
}

static void format_condition(const struct expr_node *node, struct buf *buf)
{
    char between[8] = {' '};
    size_t length = 1;
    for (const char *sign = expr_operator(node->kind); *sign && length < sizeof between - 2; sign++)
        between[length++] = *sign;
    between[length] = ' ';
    if (node->kind == EXPR_NOT)
        buf_put_byte(buf, '!');
    format_operands(node, between, buf);
}

void expr_format_node(const struct expr_node *node, struct buf *buf)
{
    switch (node->kind) {
    case EXPR_NULL: buf_put_literal(buf, "null"); return;
    case EXPR_BOOL: buf_put_text(buf, node->value.integer ? "true" : "false"); return;
    case EXPR_NUMBER:
    case EXPR_PATH: buf_put_slice(buf, node->text); return;
    case EXPR_TEXT: format_text(node->text, buf); return;
    case EXPR_NOW: format_now(node, buf); return;
    case EXPR_LIST:
        buf_put_byte(buf, '[');
        format_operands(node, ", ", buf);
        buf_put_byte(buf, ']');
        return;
    case EXPR_CALL:
        buf_put_slice(buf, node->text);
        buf_put_byte(buf, '(');
        format_operands(node, ", ", buf);
        buf_put_byte(buf, ')');
        return;
    default: break;
    }
    format_condition(node, buf);
}

void expr_format(const struct expr *expr, struct buf *buf)
{
    expr_format_node(expr->root, buf);
}
