/* SPDX-License-Identifier: Apache-2.0 */
/* The check: names to fields, types of operands, literals to stored values.
 *
 * Idea: a walk from the root asks for conditions; conditions ask for operands; a pair of operands must belong to one
 * group (numbers with numbers, texts with texts, …). A literal has no type of its own: it takes that of the operand it
 * meets and is converted here, once, into the form that the column stores, so that what runs later only compares.
 * All mistakes are reported, not only the first: an operand that is wrong gets no type, and no type fits everything.
 *
 * Invariants, after success
 *   (1) every path has a field (or is auth.* of a schema without accounts) and every other operand a type
 *   (2) a literal that meets a typed operand has that type, and its value is in the type's stored form
 *   (3) a set stands only on the right of in; a list literal too
 *   (4) the SQL, with the read rules that a filter brings, is within what the parser of the database can nest
 */
#include <string.h>

#include "model/expr_resolve.h"
#include "model/permission.h"
#include "model/type.h"

/* What may meet in a comparison. */
enum group { GROUP_ANY, GROUP_BOOL, GROUP_NUMBER, GROUP_TEXT, GROUP_TIME, GROUP_UUID, GROUP_OPAQUE };

struct checker {
    const struct expr *expr;
    const struct expr_scope *scope;
    struct diag *diag;
    struct arena *arena;
    unsigned joins;
    bool is_inside_operand; /* of a comparison that has a condition as its operand */
    enum error error;       /* the first one */
};

static const struct type type_bool = {.kind = FIELD_BOOL};
static const struct type type_int = {.kind = FIELD_INT};
static const struct type type_float = {.kind = FIELD_FLOAT};
static const struct type type_text = {.kind = FIELD_TEXT};
static const struct type type_datetime = {.kind = FIELD_DATETIME};

static void check_condition(struct checker *c, struct expr_node *node);

static void give_up(struct checker *c, enum error error)
{
    if (c->error == OK)
        c->error = error;
}

#define FAULT(c, node, hint, ...)                                                                                      \
    do {                                                                                                               \
        expr_fault(&(c)->expr->place, (c)->diag, (node)->at, hint, __VA_ARGS__);                                       \
        give_up(c, ERROR_VALIDATION);                                                                                  \
    } while (0)

static enum group group_of(const struct type *type)
{
    if (!type)
        return GROUP_ANY;
    switch (type->kind) {
    case FIELD_TEXT:
    case FIELD_ENUM:
    case FIELD_EMAIL:
    case FIELD_URL: return GROUP_TEXT;
    case FIELD_INT:
    case FIELD_FLOAT:
    case FIELD_DECIMAL: return GROUP_NUMBER;
    case FIELD_BOOL: return GROUP_BOOL;
    case FIELD_DATETIME:
    case FIELD_DATE: return GROUP_TIME;
    case FIELD_UUID: return GROUP_UUID;
    case FIELD_REFERENCE: return group_of(type_root(type));
    default: return GROUP_OPAQUE;
    }
}

/* The operand as a message names it: "size" (int), a text, now, a condition. */
static const char *describe(const struct checker *c, const struct expr_node *node)
{
    const char *text = NULL;
    switch (node->kind) {
    case EXPR_NULL: return "null";
    case EXPR_BOOL: return "a bool";
    case EXPR_NUMBER: return "a number";
    case EXPR_TEXT: return "a text";
    case EXPR_LIST: return "a list";
    case EXPR_NOW: return "now (datetime)";
    case EXPR_PATH:
        if (!node->type)
            text = arena_printf(c->arena, "\"%.*s\"", SLICE_ARG(node->text));
        else if (node->type->kind == FIELD_REFERENCE)
            text =
                arena_printf(c->arena, "\"%.*s\" (%.*s)", SLICE_ARG(node->text), SLICE_ARG(node->type->target->name));
        else
            text = arena_printf(c->arena, "\"%.*s\" (%s)", SLICE_ARG(node->text), type_name(node->type->kind));
        return text ? text : "a field";
    default: return "a condition";
    }
}

/* ---- names ---- */

static void report(struct checker *c, const struct expr_node *node, const struct expr_problem *problem)
{
    struct expr_node exact = *node;
    if (problem->name.ptr >= node->text.ptr && problem->name.ptr <= node->text.ptr + node->text.len)
        exact.at += (unsigned)(problem->name.ptr - node->text.ptr);
    FAULT(c, &exact, expr_resolve_hint(problem, c->arena), "%s\"%.*s\"%s", problem->before, SLICE_ARG(problem->name),
          problem->after);
}

static void take_route(struct checker *c, struct expr_node *node, const struct expr_route *route)
{
    struct expr_step *steps = arena_array(c->arena, route->step_count, sizeof *steps);
    if (!steps) {
        give_up(c, ERROR_MEMORY);
        return;
    }
    memcpy(steps, route->steps, route->step_count * sizeof *steps);
    node->steps = steps;
    node->step_count = route->step_count;
    node->field = route->field;
    node->type = &route->field->type;
    node->refers = route->refers;
    node->is_set = route->is_set;
    node->is_guarded = c->scope->use == EXPR_FILTER;
    c->joins += (unsigned)route->step_count;
    if (c->joins > EXPR_JOINS_MAX && c->joins - route->step_count <= EXPR_JOINS_MAX)
        FAULT(c, node, NULL, "the expression crosses more than %d references", EXPR_JOINS_MAX);
    if (c->scope->use == EXPR_CONDITION && route->step_count > 0)
        FAULT(c, node, "name a field of the row itself", "a condition sees only its own row");
}

static unsigned read_rule_height(const struct resource *resource)
{
    const struct access *access = &resource->access[ACTION_READ];
    unsigned highest = 0;
    for (size_t i = 0; i < access->count; i++)
        if (access->rules[i].allow && access->rules[i].allow->root->height > highest)
            highest = access->rules[i].allow->root->height;
    return highest;
}

/* A filter's path brings the read rules of the rows it crosses into the statement: they count as nested in it. */
static void check_rule_depth(struct checker *c, const struct expr_node *node)
{
    for (size_t i = 0; node->is_guarded && i < node->step_count; i++) {
        unsigned height = read_rule_height(node->steps[i].to);
        if (height + c->expr->root->height >= EXPR_DEPTH_MAX) {
            FAULT(c, node, "nest it less deeply", "with the read rule of %.*s the expression is deeper than %d levels",
                  SLICE_ARG(node->steps[i].to->name), EXPR_DEPTH_MAX);
            return;
        }
    }
}

static const char *rowless_hint(enum expr_use use)
{
    if (use == EXPR_ACTION)
        return "an action knows auth, role(), can() and input.<field>";
    if (use == EXPR_KEY)
        return "it knows the caller: auth.<field>, role(), can()";
    return "`for` knows the caller: auth, role(), can(); the row belongs into `when`";
}

static void resolve_row(struct checker *c, struct expr_node *node)
{
    struct expr_problem problem;
    struct expr_route route;
    node->root = EXPR_ROOT_ROW;
    if (c->scope->use == EXPR_ACTION || c->scope->use == EXPR_CALLER || c->scope->use == EXPR_KEY) {
        FAULT(c, node, rowless_hint(c->scope->use), "\"%.*s\": there is no row here", SLICE_ARG(node->text));
        return;
    }
    if (expr_resolve_route(c->scope, node->text, &problem, &route) != OK) {
        report(c, node, &problem);
        return;
    }
    take_route(c, node, &route);
    check_rule_depth(c, node);
}

static void resolve_input(struct checker *c, struct expr_node *node, struct slice name)
{
    struct expr_problem problem;
    struct expr_route route;
    node->root = EXPR_ROOT_INPUT;
    if (!c->scope->has_input)
        FAULT(c, node, "input.<field> stands in create and update rules", "there is no input here");
    else if (expr_resolve_single(c->scope, c->scope->resource, name, "input", &problem, &route) == OK)
        take_route(c, node, &route);
    else
        report(c, node, &problem);
}

/* Everybody may know their own role. */
static enum error resolve_account(const struct checker *c, const struct resource *account, struct slice name,
                                  bool is_role, struct expr_problem *problem, struct expr_route *out)
{
    struct expr_scope scope = *c->scope;
    if (is_role)
        scope.use = EXPR_RULE;
    return expr_resolve_single(&scope, account, name, "auth", problem, out);
}

static void resolve_auth(struct checker *c, struct expr_node *node, struct slice name)
{
    const struct resource *account = c->scope->schema ? c->scope->schema->account : NULL;
    struct expr_problem problem;
    struct expr_route route;
    bool is_role = slice_eq_text(name, "role");
    node->root = slice_eq_text(name, "id") ? EXPR_ROOT_AUTH_ID : is_role ? EXPR_ROOT_AUTH_ROLE : EXPR_ROOT_AUTH_FIELD;
    if (c->scope->use == EXPR_CONDITION) {
        FAULT(c, node, "name a field of the row itself", "a condition knows no caller");
    } else if (!account || (is_role && !resource_find_field(account, name))) {
        node->type = is_role ? &type_text : NULL;
    } else if (resolve_account(c, account, name, is_role, &problem, &route) == OK) {
        take_route(c, node, &route);
        node->is_guarded = false;
    } else {
        if (slice_index(name, '.') == name.len)
            suggest_offer_text(&problem.suggest, "role");
        report(c, node, &problem);
    }
}

static void resolve(struct checker *c, struct expr_node *node)
{
    struct slice rest = node->text, first;
    if (!slice_split(&rest, '.', &first))
        return;
    bool is_filter = c->scope->use == EXPR_FILTER;
    if (slice_eq_text(first, "auth")) {
        if (rest.ptr)
            resolve_auth(c, node, rest);
        else
            FAULT(c, node, "as in auth.id", "auth takes a field");
    } else if (slice_eq_text(first, "input") && !is_filter) {
        if (rest.ptr)
            resolve_input(c, node, rest);
        else
            FAULT(c, node, "as in input.name", "input takes a field");
    } else {
        resolve_row(c, node);
    }
}

/* ---- operands ---- */

static void refuse_set(struct checker *c, const struct expr_node *node)
{
    const char *hint = arena_printf(c->arena, "as in auth.id in %.*s", SLICE_ARG(node->text));
    FAULT(c, node, hint, "\"%.*s\" is a set of rows: it stands only on the right of in", SLICE_ARG(node->text));
}

/* A condition as an operand: `(size > 1) == is_open`. In SQL each stands in a call, and the parser of SQLite holds a
 * hundred open pieces, so they do not nest. */
static void check_inner(struct checker *c, struct expr_node *node)
{
    bool is_inner = node->kind != EXPR_CALL;
    if (is_inner && c->is_inside_operand) {
        FAULT(c, node, "join conditions with && and ||", "a comparison of conditions stands inside another");
        return;
    }
    c->is_inside_operand = c->is_inside_operand || is_inner;
    check_condition(c, node);
    if (is_inner)
        c->is_inside_operand = false;
    node->type = &type_bool;
}

/* Gives an operand that is not a set its type. */
static void check_operand(struct checker *c, struct expr_node *node)
{
    if (expr_is_condition(node)) {
        check_inner(c, node);
        return;
    }
    switch (node->kind) {
    case EXPR_PATH:
        resolve(c, node);
        if (node->is_set)
            refuse_set(c, node);
        return;
    case EXPR_NOW:
        node->type = &type_datetime;
        if (c->scope->use == EXPR_CONDITION)
            FAULT(c, node, "compare with a fixed date", "a condition does not change with time: there is no now");
        return;
    case EXPR_LIST: FAULT(c, node, "as in status in ['a', 'b']", "a list stands only on the right of in"); return;
    default: return;
    }
}

static bool literal_fits(const struct expr_node *literal, enum group group)
{
    switch (literal->kind) {
    case EXPR_BOOL: return group == GROUP_BOOL;
    case EXPR_NUMBER: return group == GROUP_NUMBER;
    default: return group == GROUP_TEXT || group == GROUP_TIME || group == GROUP_UUID;
    }
}

static const char *mismatch_hint(const struct expr_node *literal, enum group group)
{
    if (literal->kind == EXPR_TEXT && (group == GROUP_NUMBER || group == GROUP_BOOL))
        return group == GROUP_BOOL ? "write true or false, without quotes" : "write the number without quotes";
    if (literal->kind == EXPR_NUMBER && (group == GROUP_TEXT || group == GROUP_TIME || group == GROUP_UUID))
        return "put the value in quotes";
    return group == GROUP_BOOL ? "write true or false" : NULL;
}

static const char *choice_hint(const struct checker *c, const struct type *type, struct slice text)
{
    struct suggest suggest;
    if (type->kind != FIELD_ENUM)
        return NULL;
    suggest_init(&suggest, text);
    for (size_t i = 0; i < type->choice_count; i++)
        suggest_offer(&suggest, type->choices[i]);
    if (!suggest.best.ptr)
        return NULL;
    return arena_printf(c->arena, "did you mean '%.*s'?", SLICE_ARG(suggest.best));
}

/* The literal as a message shows it: whole characters of its first bytes. */
static struct slice excerpt(struct slice text)
{
    enum { SHOWN = 40 };
    if (text.len <= SHOWN)
        return text;
    text.len = SHOWN;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80)
        text.len--;
    return text;
}

/* Converts a literal to the stored form of `type`; `peer` is what it meets, for messages. */
static void convert(struct checker *c, struct expr_node *literal, const struct expr_node *peer, const struct type *type)
{
    const char *why = NULL;
    if (!literal_fits(literal, group_of(type))) {
        FAULT(c, literal, mismatch_hint(literal, group_of(type)), "cannot compare %s with %s", describe(c, peer),
              describe(c, literal));
        return;
    }
    literal->type = type;
    if (literal->kind == EXPR_BOOL)
        return;
    enum error error = type_parse_operand(type, literal->text, c->arena, &why, &literal->value);
    if (error == OK)
        return;
    if (error == ERROR_VALIDATION)
        FAULT(c, literal, choice_hint(c, type, literal->text), "%s: \"%.*s\" %s", describe(c, peer),
              SLICE_ARG(excerpt(literal->text)), why);
    give_up(c, error);
}

/* A literal that meets nothing typed. */
static void convert_plain(struct checker *c, struct expr_node *literal)
{
    const struct type *type = &type_text;
    if (literal->kind == EXPR_BOOL)
        type = &type_bool;
    if (literal->kind == EXPR_NUMBER)
        type = slice_index(literal->text, '.') < literal->text.len ? &type_float : &type_int;
    convert(c, literal, literal, type);
}

static void check_types(struct checker *c, const struct expr_node *node, const struct expr_node *left,
                        const struct expr_node *right, const struct type *left_type, const struct type *right_type)
{
    enum group a = group_of(left_type), b = group_of(right_type);
    if (a == GROUP_ANY || b == GROUP_ANY)
        return;
    if (a != b)
        FAULT(c, node, NULL, "cannot compare %s with %s", describe(c, left), describe(c, right));
    else if (left->refers && right->refers && left->refers != right->refers)
        FAULT(c, node, "ids of different resources are never the same", "cannot compare ids of %.*s with ids of %.*s",
              SLICE_ARG(left->refers->name), SLICE_ARG(right->refers->name));
}

/* Json and lists have no comparison but the test for null. */
static bool refuse_opaque(struct checker *c, const struct expr_node *node)
{
    if (group_of(node->type) != GROUP_OPAQUE)
        return false;
    FAULT(c, node, node->type->kind == FIELD_LIST ? "ask for a member with ~" : NULL,
          "%s can only be compared with null", describe(c, node));
    return true;
}

/* Brings two operands together: converts a literal, or compares the types. */
static void check_pair(struct checker *c, const struct expr_node *node, struct expr_node *left, struct expr_node *right)
{
    if (left->kind == EXPR_NULL || right->kind == EXPR_NULL)
        return;
    if (refuse_opaque(c, left) || refuse_opaque(c, right))
        return;
    if (expr_is_literal(left) && (expr_is_literal(right) || !right->type))
        convert_plain(c, left);
    if (expr_is_literal(right) && !left->type)
        convert_plain(c, right);
    else if (expr_is_literal(right))
        convert(c, right, left, left->type);
    else if (expr_is_literal(left) && !left->type)
        convert(c, left, right, right->type);
    else
        check_types(c, node, left, right, left->type, right->type);
}

/* ---- conditions ---- */

static void check_order(struct checker *c, const struct expr_node *node, const struct expr_node *operand)
{
    if (node->kind >= EXPR_LT && node->kind <= EXPR_GE && group_of(operand->type) == GROUP_BOOL)
        FAULT(c, node, "use == or !=", "%s has no order", describe(c, operand));
}

static void check_compare(struct checker *c, struct expr_node *node)
{
    struct expr_node *left = node->first, *right = left->next;
    check_operand(c, left);
    check_operand(c, right);
    check_pair(c, node, left, right);
    check_order(c, node, left->type ? left : right);
}

static void check_in(struct checker *c, struct expr_node *node)
{
    struct expr_node *left = node->first, *right = left->next;
    check_operand(c, left);
    if (right->kind == EXPR_LIST) {
        right->type = left->type;
        if (left->kind == EXPR_NULL || refuse_opaque(c, left))
            return;
        for (struct expr_node *item = right->first; item; item = item->next)
            check_pair(c, node, left, item);
        return;
    }
    if (right->kind == EXPR_PATH)
        resolve(c, right);
    else
        check_operand(c, right);
    if (right->is_set)
        check_pair(c, node, left, right);
    else if (right->kind != EXPR_PATH || right->type || c->error == OK)
        FAULT(c, right,
              group_of(right->type) == GROUP_OPAQUE ? "ask for a member of a list field with ~"
                                                    : "as in status in ['a', 'b']",
              "%s is not a list: in takes a list of values or a set", describe(c, right));
}

static void refuse_search(struct checker *c, const struct expr_node *node, const struct expr_node *operand)
{
    const char *hint = group_of(operand->type) == GROUP_NUMBER || group_of(operand->type) == GROUP_TIME
                           ? "compare it with == != < <= > >="
                           : "compare it with == or !=";
    FAULT(c, node, hint, "%s is no text: %s looks into texts%s", describe(c, operand), expr_operator(node->kind),
          node->kind == EXPR_HAS ? " and lists" : "");
}

static void check_member(struct checker *c, struct expr_node *node, struct expr_node *list, struct expr_node *member)
{
    const struct type *element = list->type->element;
    if (element->kind == FIELD_DECIMAL) {
        FAULT(c, node, NULL, "%s holds decimals: ~ cannot look into it", describe(c, list));
        return;
    }
    if (expr_is_literal(member))
        convert(c, member, list, element);
    else if (member->kind != EXPR_NULL && !refuse_opaque(c, member))
        check_types(c, node, list, member, element, member->type);
}

static void check_search(struct checker *c, struct expr_node *node)
{
    struct expr_node *operands[] = {node->first, node->first->next};
    check_operand(c, operands[0]);
    check_operand(c, operands[1]);
    if (c->scope->use == EXPR_CONDITION) {
        FAULT(c, node, "use == or in", "a condition cannot use %s", expr_operator(node->kind));
        return;
    }
    if (node->kind == EXPR_HAS && expr_element(operands[0])) {
        check_member(c, node, operands[0], operands[1]);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct expr_node *operand = operands[i];
        if (operand->kind == EXPR_TEXT)
            convert(c, operand, operand, &type_text);
        else if (expr_is_literal(operand) || (operand->type && group_of(operand->type) != GROUP_TEXT))
            refuse_search(c, node, operand);
    }
}

static void check_bare(struct checker *c, struct expr_node *node)
{
    check_operand(c, node);
    if (node->kind == EXPR_BOOL)
        node->type = &type_bool;
    bool is_unknown = node->kind == EXPR_PATH && !node->type;
    if (node->kind == EXPR_LIST || node->is_set || is_unknown || group_of(node->type) == GROUP_BOOL)
        return;
    FAULT(c, node, "compare it, as in status == 'active'", "%s is not a condition", describe(c, node));
}

/* What an app file asks for exists from then on; what a request asks for may be nothing that anybody holds. */
static void check_can(struct checker *c, struct expr_node *node)
{
    const struct schema *schema = c->scope->schema;
    struct slice name = node->first->text;
    unsigned number = 0;
    if (!permission_is_name(name)) {
        FAULT(c, node->first, "as in can(\"markets:update\")", "\"%.*s\" is no permission", SLICE_ARG(excerpt(name)));
        return;
    }
    if (c->scope->asked) {
        enum error error = permission_ask(c->scope->asked, name, &number);
        if (error != OK)
            give_up(c, error);
        node->value = value_int(number);
        return;
    }
    number = schema ? permission_find(schema, name) : 0;
    if (schema && number < schema->permission_count)
        node->value = value_int(number);
}

/* The roles that there are: the declared ones, and the values of the account's role. False: anything may be one. */
static bool find_role(const struct schema *schema, struct slice name, struct suggest *suggest, bool *is_found)
{
    const struct field *field = schema->account ? resource_find_field(schema->account, SLICE("role")) : NULL;
    size_t choices = field && field->type.kind == FIELD_ENUM ? field->type.choice_count : 0;
    *is_found = permission_role(schema, name) != NULL;
    for (size_t i = 0; i < schema->role_count; i++)
        suggest_offer(suggest, schema->roles[i].name);
    for (size_t i = 0; i < choices; i++) {
        *is_found = *is_found || slice_eq(field->type.choices[i], name);
        suggest_offer(suggest, field->type.choices[i]);
    }
    return schema->role_count > 0 || choices > 0;
}

static void check_role(struct checker *c, struct expr_node *node)
{
    struct slice name = node->first->text;
    struct suggest suggest;
    bool is_found;
    node->value = value_text(name);
    if (c->scope->use == EXPR_FILTER || !c->scope->schema)
        return;
    suggest_init(&suggest, name);
    if (!find_role(c->scope->schema, name, &suggest, &is_found) || is_found)
        return;
    const char *hint = "declare it under `roles:`";
    if (suggest.best.ptr)
        hint = arena_printf(c->arena, "did you mean '%.*s'?", SLICE_ARG(suggest.best));
    FAULT(c, node->first, hint, "unknown role \"%.*s\"", SLICE_ARG(excerpt(name)));
}

static void check_call(struct checker *c, struct expr_node *node)
{
    node->type = &type_bool;
    node->first->type = &type_text;
    node->first->value = value_text(node->first->text);
    if (c->scope->use == EXPR_CONDITION)
        FAULT(c, node, "name a field of the row itself", "a condition knows no caller");
    else if (slice_eq_text(node->text, "can"))
        check_can(c, node);
    else
        check_role(c, node);
}

static void check_condition(struct checker *c, struct expr_node *node)
{
    switch (node->kind) {
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
        for (struct expr_node *child = node->first; child; child = child->next)
            check_condition(c, child);
        return;
    case EXPR_CALL: check_call(c, node); return;
    case EXPR_IN: check_in(c, node); return;
    case EXPR_HAS:
    case EXPR_LIKE: check_search(c, node); return;
    default: break;
    }
    if (expr_is_comparison(node))
        check_compare(c, node);
    else
        check_bare(c, node);
}

/* A field of the caller, or a condition. */
static void check_value(struct checker *c, struct expr_node *node)
{
    if (node->kind != EXPR_PATH) {
        check_condition(c, node);
        return;
    }
    check_operand(c, node);
    if (c->error == OK && !node->type && node->root == EXPR_ROOT_AUTH_FIELD)
        FAULT(c, node, "a resource with a password is one", "\"%.*s\": there are no accounts", SLICE_ARG(node->text));
}

enum error expr_check(struct expr *expr, const struct expr_scope *scope, struct diag *diag)
{
    struct checker c = {.expr = expr, .scope = scope, .diag = diag, .arena = expr->arena};
    if (expr->is_checked)
        return OK;
    if (scope->use == EXPR_KEY)
        check_value(&c, expr->root);
    else
        check_condition(&c, expr->root);
    expr->is_checked = c.error == OK;
    return c.error;
}
