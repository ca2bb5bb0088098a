/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a query string (`volume[gte]=10`, `creator.name=Ann`, `status[in]=a,"b,c"`) as checked expressions.
 *
 * Idea: the same tree that the parser makes, built directly: the path by expr_resolve.c, the literals converted to the
 * type of its last field, so that they compile and evaluate like any other expression. `nin` is, like `ne`, false for
 * null, hence `x != null && !(x in […])`.
 */
#include <string.h>

#include "base/suggest.h"
#include "model/expr_node.h"
#include "model/type.h"

/* What an operator asks of the field's type. */
enum demand { DEMAND_SCALAR, DEMAND_ORDER, DEMAND_TEXT, DEMAND_NOTHING };

static const struct filter_operator {
    const char *name;
    enum expr_kind kind;
    enum demand demand;
} operators[] = {
    {"eq", EXPR_EQ, DEMAND_SCALAR},      {"ne", EXPR_NE, DEMAND_SCALAR},   {"gt", EXPR_GT, DEMAND_ORDER},
    {"gte", EXPR_GE, DEMAND_ORDER},      {"lt", EXPR_LT, DEMAND_ORDER},    {"lte", EXPR_LE, DEMAND_ORDER},
    {"in", EXPR_IN, DEMAND_SCALAR},      {"nin", EXPR_NOT, DEMAND_SCALAR}, {"like", EXPR_LIKE, DEMAND_TEXT},
    {"null", EXPR_NULL, DEMAND_NOTHING},
};

struct filter {
    struct slice path, operator;
    struct arena *arena;
    struct diag *diag;
    struct expr_node *field;
    unsigned node_count;
};

static enum error refuse(const struct filter *f, const char *hint, const char *message)
{
    struct slice name = f->path;
    if (f->operator.len) {
        const char *text = arena_printf(f->arena, "%.*s[%.*s]", SLICE_ARG(f->path), SLICE_ARG(f->operator));
        name = text ? slice_from(text) : name;
    }
    diag_field(f->diag, name, hint, "%s", message);
    return ERROR_VALIDATION;
}

static struct expr_node *node_new(struct filter *f, enum expr_kind kind, struct expr_node *first)
{
    struct expr_node *node = arena_zalloc(f->arena, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->first = first;
    f->node_count++;
    return node;
}

static const struct filter_operator *find_operator(struct slice name)
{
    if (name.len == 0)
        return &operators[0];
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (slice_eq_text(name, operators[i].name))
            return &operators[i];
    return NULL;
}

static enum error unknown_operator(const struct filter *f)
{
    return refuse(f, "known are eq ne gt gte lt lte in nin like null", "unknown operator");
}

static enum error refuse_kind(const struct filter *f, const struct type *type, const char *complaint)
{
    const char *message = arena_printf(f->arena, "a field of type %s %s", type_name(type->kind), complaint);
    return refuse(f, NULL, message ? message : complaint);
}

static enum error check_demand(const struct filter *f, const struct filter_operator *operator)
{
    const struct type *type = f->field->type;
    bool is_text =
        type->kind == FIELD_TEXT || type->kind == FIELD_ENUM || type->kind == FIELD_EMAIL || type->kind == FIELD_URL;
    bool is_opaque = type->kind == FIELD_JSON || type->kind == FIELD_LIST;
    if (is_opaque && operator->demand != DEMAND_NOTHING)
        return refuse_kind(f, type, "takes no operator but [null]");
    if (operator->demand == DEMAND_ORDER && type->kind == FIELD_BOOL)
        return refuse_kind(f, type, "has no order");
    if (operator->demand == DEMAND_TEXT && !is_text)
        return refuse_kind(f, type, "is no text: like looks into texts");
    return OK;
}

static enum error make_field(struct filter *f, const struct expr_scope *scope)
{
    struct expr_path path;
    TRY(expr_resolve_path(scope->resource, scope->context, f->path, f->diag, &path));
    struct expr_step *steps = arena_array(f->arena, path.hop_count, sizeof *steps);
    f->field = node_new(f, EXPR_PATH, NULL);
    if (!steps || !f->field)
        return ERROR_MEMORY;
    for (size_t i = 0; i < path.hop_count; i++)
        steps[i] = (struct expr_step){.via = path.hops[i], .to = path.hops[i]->type.target};
    f->field->text = f->path;
    f->field->steps = steps;
    f->field->step_count = path.hop_count;
    f->field->field = path.field;
    f->field->type = &path.field->type;
    f->field->is_guarded = true;
    return OK;
}

static enum error make_literal(struct filter *f, struct slice text, const struct type *type, struct expr_node **out)
{
    const char *why = NULL;
    struct expr_node *node = node_new(f, EXPR_TEXT, NULL);
    if (!node)
        return ERROR_MEMORY;
    enum error error = type_parse_operand(type, text, f->arena, &why, &node->value);
    if (error == ERROR_VALIDATION)
        return refuse(f, NULL, why);
    TRY(error);
    node->text = text;
    node->type = type;
    *out = node;
    return OK;
}

/* Cuts the next item off a comma-separated list: bare, or in quotes with "" for a quote. */
static enum error next_item(const struct filter *f, struct slice *rest, struct slice *item)
{
    if (rest->len == 0 || rest->ptr[0] != '"')
        return slice_split(rest, ',', item) ? OK : ERROR_VALIDATION;
    char *text = arena_alloc(f->arena, rest->len);
    if (!text)
        return ERROR_MEMORY;
    size_t length = 0, at = 1;
    for (; at < rest->len; at++) {
        if (rest->ptr[at] == '"' && (at + 1 == rest->len || rest->ptr[at + 1] != '"'))
            break;
        at += rest->ptr[at] == '"';
        text[length++] = rest->ptr[at];
    }
    if (at >= rest->len)
        return refuse(f, "close it with \"", "an item in quotes does not end");
    if (at + 1 < rest->len && rest->ptr[at + 1] != ',')
        return refuse(f, "put a comma behind it, or double the quotes inside", "text follows an item in quotes");
    *item = slice_of(text, length);
    *rest = at + 1 < rest->len ? slice_from_index(*rest, at + 2) : slice_of(NULL, 0);
    return OK;
}

static enum error make_list(struct filter *f, struct slice text, struct expr_node **out)
{
    struct expr_node *list = node_new(f, EXPR_LIST, NULL);
    if (!list)
        return ERROR_MEMORY;
    struct expr_node **tail = &list->first;
    struct slice rest = text.ptr ? text : SLICE(""), item;
    for (unsigned count = 0; rest.ptr; count++) {
        if (count == EXPR_LIST_MAX)
            return refuse(f, NULL, "a list of more than 100 values");
        TRY(next_item(f, &rest, &item));
        TRY(make_literal(f, item, f->field->type, tail));
        tail = &(*tail)->next;
    }
    list->type = f->field->type;
    *out = list;
    return OK;
}

/* A condition of two operands; `left` must not be in another one. */
static enum error make_pair(struct filter *f, enum expr_kind kind, struct expr_node *left, struct expr_node *right,
                            struct expr_node **out)
{
    if (!right)
        return ERROR_MEMORY;
    left->next = right;
    *out = node_new(f, kind, left);
    return *out ? OK : ERROR_MEMORY;
}

static enum error make_null_test(struct filter *f, struct slice text, struct expr_node **out)
{
    bool is_null = slice_eq_text(text, "true");
    if (!is_null && !slice_eq_text(text, "false"))
        return refuse(f, NULL, "must be true or false");
    return make_pair(f, is_null ? EXPR_EQ : EXPR_NE, f->field, node_new(f, EXPR_NULL, NULL), out);
}

/* x != null && !(x in list) */
static enum error make_not_in(struct filter *f, struct slice text, struct expr_node **out)
{
    struct expr_node *list, *member, *present, *absent, *again = node_new(f, EXPR_PATH, NULL);
    if (!again)
        return ERROR_MEMORY;
    *again = *f->field;
    TRY(make_list(f, text, &list));
    TRY(make_pair(f, EXPR_IN, f->field, list, &member));
    TRY(make_pair(f, EXPR_NE, again, node_new(f, EXPR_NULL, NULL), &present));
    absent = node_new(f, EXPR_NOT, member);
    return make_pair(f, EXPR_AND, present, absent, out);
}

static enum error make_condition(struct filter *f, const struct filter_operator *operator, struct slice text,
                                 struct expr_node **out)
{
    static const struct type type_text = {.kind = FIELD_TEXT};
    struct expr_node *right;
    if (operator->kind == EXPR_NULL)
        return make_null_test(f, text, out);
    if (operator->kind == EXPR_NOT)
        return make_not_in(f, text, out);
    if (operator->kind == EXPR_IN)
        TRY(make_list(f, text, &right));
    else
        TRY(make_literal(f, text, operator->kind == EXPR_LIKE ? &type_text : f->field->type, &right));
    return make_pair(f, operator->kind, f->field, right, out);
}

enum error expr_from_filter(const struct expr_scope *scope, struct slice path, struct slice operator, struct slice text,
                            struct arena *arena, struct diag *diag, struct expr **out)
{
    struct filter f = {.path = path, .operator= operator, .arena = arena, .diag = diag};
    const struct filter_operator *found = find_operator(operator);
    TRY(make_field(&f, scope));
    if (!found)
        return unknown_operator(&f);
    TRY(check_demand(&f, found));
    struct expr *expr = arena_zalloc(arena, sizeof *expr);
    if (!expr)
        return ERROR_MEMORY;
    TRY(make_condition(&f, found, text, &expr->root));
    expr->arena = arena;
    expr->node_count = f.node_count;
    expr->is_checked = true;
    *out = expr;
    return OK;
}
