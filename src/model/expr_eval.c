/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions in memory: over a row (realtime, change rules), or over no row yet, to learn what is already decided.
 *
 * Idea: three truths. A path without its row is unknown, and so is a set, which only a database can answer; && and ||
 * decide as soon as one side does. With a row and no set everything is decided. The answers must be those of the SQL
 * of expr_compile.c; a property test over random rows and expressions holds the two together.
 *
 * Invariants
 *   (1) a comparison with a value that is null is false, whatever the other side is; == null and != null test for it
 *   (2) undecided at the top is false: access is never given by what could not be asked
 */
#include "base/bits.h"
#include "base/timecode.h"
#include "base/utf8.h"
#include "model/expr_member.h"
#include "model/expr_node.h"
#include "model/policy.h"
#include "model/type.h"

struct scene {
    const struct expr_context *context;
    const struct expr_row *row;
};

/* ---- operands ---- */

static struct value text_or_null(struct slice text)
{
    return text.len ? value_text(text) : VALUE_NOTHING;
}

static struct value auth_value(const struct caller *caller, const struct expr_node *node)
{
    if (!caller || !caller->is_signed_in)
        return VALUE_NOTHING;
    if (node->root == EXPR_ROOT_AUTH_ID)
        return caller->id;
    if (node->root == EXPR_ROOT_AUTH_ROLE)
        return text_or_null(caller->role);
    return caller->field && node->field ? caller->field(caller->state, node->field) : VALUE_NOTHING;
}

/* Walks a path to its last row: NULL when there is none, or none that the caller may read. */
static enum expr_verdict follow(const struct scene *scene, const struct expr_node *path, const struct expr_row **out)
{
    const struct expr_row *row = scene->row;
    for (size_t i = 0; i < path->step_count && row; i++) {
        row = row->follow ? row->follow(row->state, path->steps[i].via) : NULL;
        if (!row || !path->is_guarded)
            continue;
        const struct rule *rule = policy_find(path->steps[i].to, ACTION_READ, scene->context);
        if (rule && !rule->allow)
            continue;
        enum expr_verdict may_read = rule ? expr_eval_node(rule->allow->root, scene->context, row) : EXPR_FALSE;
        if (may_read == EXPR_UNDECIDED)
            return EXPR_UNDECIDED;
        if (may_read == EXPR_FALSE)
            row = NULL;
    }
    *out = row;
    return EXPR_TRUE;
}

static bool path_value(const struct scene *scene, const struct expr_node *path, struct value *out)
{
    const struct expr_row *row;
    *out = VALUE_NOTHING;
    if (path->root == EXPR_ROOT_INPUT) {
        if (scene->context->input)
            *out = scene->context->input(scene->context->input_state, path->field);
        return scene->context->input || scene->row;
    }
    if (path->root != EXPR_ROOT_ROW) {
        *out = auth_value(scene->context->caller, path);
        return true;
    }
    if (expr_path_denied(path, scene->context))
        return true;
    if (!scene->row || path->is_set || follow(scene, path, &row) == EXPR_UNDECIDED)
        return false;
    if (row)
        *out = row->value(row->state, path->field);
    return true;
}

static struct value now_value(const struct scene *scene, const struct expr_node *node, char *room)
{
    timecode_format_datetime(scene->context->now_us - node->before_us, room);
    return value_text(slice_of(room, TIMECODE_DATETIME_BYTES));
}

static bool operand(const struct scene *scene, const struct expr_node *node, char *room, struct value *out)
{
    if (expr_is_condition(node)) {
        enum expr_verdict verdict = expr_eval_node(node, scene->context, scene->row);
        *out = value_int(verdict == EXPR_TRUE);
        return verdict != EXPR_UNDECIDED;
    }
    if (node->kind == EXPR_PATH)
        return path_value(scene, node, out);
    *out = node->kind == EXPR_NOW ? now_value(scene, node, room) : node->value;
    return true;
}

bool expr_eval_operand(const struct expr_node *node, const struct expr_context *context, const struct expr_row *row,
                       char room[EXPR_ROOM_BYTES], struct value *out)
{
    const struct scene scene = {.context = context, .row = row};
    return operand(&scene, node, room, out);
}

/* ---- comparisons ---- */

static int sign_of(__int128 a, __int128 b)
{
    return a < b ? -1 : a > b;
}

static __int128 scaled_up(int64_t number, unsigned exponent)
{
    __int128 product = number;
    while (exponent--)
        product *= 10;
    return product;
}

static double scaled_down(int64_t number, unsigned exponent)
{
    double power = 1;
    while (exponent--)
        power *= 10;
    return (double)number / power;
}

static struct value as_float(struct value value, struct expr_scaling scaling)
{
    return scaling.down && value.kind == VALUE_INT ? value_float(scaled_down(value.integer, scaling.down)) : value;
}

static int compare_numbers(struct value a, const struct type *a_type, struct value b, const struct type *b_type)
{
    struct expr_scaling a_scaling = expr_scaling(a_type, b_type), b_scaling = expr_scaling(b_type, a_type);
    a = as_float(a, a_scaling);
    b = as_float(b, b_scaling);
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return sign_of(scaled_up(a.integer, a_scaling.up), scaled_up(b.integer, b_scaling.up));
    if (a.kind == VALUE_INT)
        return type_compare_mixed(a.integer, b.number);
    if (b.kind == VALUE_INT)
        return -type_compare_mixed(b.integer, a.number);
    return a.number < b.number ? -1 : a.number > b.number;
}

/* The order of a date and a datetime: the date is followed by midnight. */
static int compare_dated(struct slice date, struct slice datetime)
{
    size_t common = date.len < datetime.len ? date.len : datetime.len;
    int order = slice_compare(date, slice_of(datetime.ptr, common));
    return order != 0 ? order : slice_compare(SLICE(EXPR_MIDNIGHT), slice_from_index(datetime, common));
}

/* The order of two values that are not null. */
static int compare(struct value a, const struct type *a_type, struct value b, const struct type *b_type)
{
    static const struct type email = {.kind = FIELD_EMAIL}, text = {.kind = FIELD_TEXT};
    if (a.kind != VALUE_TEXT || b.kind != VALUE_TEXT) {
        if (a.kind == VALUE_TEXT || b.kind == VALUE_TEXT)
            return a.kind == VALUE_TEXT ? 1 : -1;
        return compare_numbers(a, a_type, b, b_type);
    }
    if (expr_is_dated(a_type, b_type))
        return compare_dated(a.text, b.text);
    if (expr_is_dated(b_type, a_type))
        return -compare_dated(b.text, a.text);
    return type_compare(expr_ignores_case(a_type, b_type) ? &email : &text, a, b);
}

static enum expr_verdict truth(bool is_true)
{
    return is_true ? EXPR_TRUE : EXPR_FALSE;
}

static enum expr_verdict eval_order(enum expr_kind kind, int order)
{
    switch (kind) {
    case EXPR_EQ: return truth(order == 0);
    case EXPR_NE: return truth(order != 0);
    case EXPR_LT: return truth(order < 0);
    case EXPR_LE: return truth(order <= 0);
    case EXPR_GT: return truth(order > 0);
    default: return truth(order >= 0);
    }
}

static enum expr_verdict eval_search(const struct expr_node *node, struct value a, struct value b)
{
    const struct type *element = expr_element(node->first);
    if (a.kind != VALUE_TEXT)
        return EXPR_FALSE;
    if (element && node->kind == EXPR_HAS)
        return expr_member_of(a.text, b, element, node->first->next->type);
    if (b.kind != VALUE_TEXT)
        return EXPR_FALSE;
    return truth(node->kind == EXPR_HAS ? utf8_contains_folded(a.text, b.text) : utf8_like_folded(a.text, b.text));
}

/* null on one side, literally: a test for it, or never true. */
static enum expr_verdict eval_null(const struct scene *scene, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *other = left->kind == EXPR_NULL ? left->next : left;
    char room[EXPR_ROOM_BYTES];
    struct value value;
    if (node->kind != EXPR_EQ && node->kind != EXPR_NE)
        return EXPR_FALSE;
    if (!operand(scene, other, room, &value))
        return EXPR_UNDECIDED;
    return truth((value.kind == VALUE_NULL) == (node->kind == EXPR_EQ));
}

static enum expr_verdict eval_in(const struct scene *scene, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *right = left->next;
    char room[EXPR_ROOM_BYTES];
    struct value value;
    bool is_known = operand(scene, left, room, &value);
    if ((is_known && value.kind == VALUE_NULL) || (right->is_set && expr_path_denied(right, scene->context)))
        return EXPR_FALSE;
    if (!is_known || right->is_set)
        return EXPR_UNDECIDED;
    for (const struct expr_node *item = right->first; item; item = item->next)
        if (compare(value, left->type, item->value, item->type) == 0)
            return EXPR_TRUE;
    return EXPR_FALSE;
}

static enum expr_verdict eval_compare(const struct scene *scene, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *right = left->next;
    char left_room[EXPR_ROOM_BYTES], right_room[EXPR_ROOM_BYTES];
    struct value a, b;
    if (left->kind == EXPR_NULL || right->kind == EXPR_NULL)
        return eval_null(scene, node);
    bool is_a_known = operand(scene, left, left_room, &a), is_b_known = operand(scene, right, right_room, &b);
    if ((is_a_known && a.kind == VALUE_NULL) || (is_b_known && b.kind == VALUE_NULL))
        return EXPR_FALSE;
    if (!is_a_known || !is_b_known)
        return EXPR_UNDECIDED;
    if (node->kind == EXPR_HAS || node->kind == EXPR_LIKE)
        return eval_search(node, a, b);
    return eval_order(node->kind, compare(a, left->type, b, right->type));
}

/* ---- conditions ---- */

/* && and ||: one side that is `decisive` decides, else the unknown stays unknown. */
static enum expr_verdict eval_chain(const struct scene *scene, const struct expr_node *node, enum expr_verdict decisive)
{
    enum expr_verdict verdict = decisive == EXPR_TRUE ? EXPR_FALSE : EXPR_TRUE;
    for (const struct expr_node *child = node->first; child; child = child->next) {
        enum expr_verdict one = expr_eval_node(child, scene->context, scene->row);
        if (one == decisive)
            return decisive;
        if (one == EXPR_UNDECIDED)
            verdict = EXPR_UNDECIDED;
    }
    return verdict;
}

static enum expr_verdict eval_not(const struct scene *scene, const struct expr_node *node)
{
    enum expr_verdict verdict = expr_eval_node(node->first, scene->context, scene->row);
    return verdict == EXPR_UNDECIDED ? verdict : truth(verdict == EXPR_FALSE);
}

/* can("…"), role("…"). */
static enum expr_verdict eval_call(const struct caller *caller, const struct expr_node *node)
{
    if (!caller)
        return EXPR_FALSE;
    if (node->value.kind == VALUE_INT)
        return truth(caller->held && bits_has(caller->held, (size_t)node->value.integer));
    return truth(node->value.kind == VALUE_TEXT && caller->is_signed_in && slice_eq(caller->role, node->value.text));
}

/* A bool that stands alone. */
static enum expr_verdict eval_bare(const struct scene *scene, const struct expr_node *node)
{
    char room[EXPR_ROOM_BYTES];
    struct value value;
    if (!operand(scene, node, room, &value))
        return EXPR_UNDECIDED;
    return truth(value.kind == VALUE_INT && value.integer == 1);
}

enum expr_verdict expr_eval_node(const struct expr_node *node, const struct expr_context *context,
                                 const struct expr_row *row)
{
    const struct scene scene = {.context = context, .row = row};
    switch (node->kind) {
    case EXPR_AND: return eval_chain(&scene, node, EXPR_FALSE);
    case EXPR_OR: return eval_chain(&scene, node, EXPR_TRUE);
    case EXPR_NOT: return eval_not(&scene, node);
    case EXPR_CALL: return eval_call(context->caller, node);
    case EXPR_IN: return eval_in(&scene, node);
    default: return expr_is_comparison(node) ? eval_compare(&scene, node) : eval_bare(&scene, node);
    }
}

struct value expr_eval_value(const struct expr *expr, const struct expr_context *context)
{
    char room[EXPR_ROOM_BYTES]; /* of now, which is no such value */
    struct value value;
    const struct scene scene = {.context = context};
    return operand(&scene, expr->root, room, &value) ? value : VALUE_NOTHING;
}

bool expr_eval(const struct expr *expr, const struct expr_context *context, const struct expr_row *row)
{
    return !expr || expr_eval_node(expr->root, context, row) == EXPR_TRUE;
}
