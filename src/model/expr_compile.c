/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions to SQL.
 *
 * Idea: one walk appends text and arguments together. What is already decided for this caller (a null auth.id, can(),
 * a path through a resource nobody may read) is folded to 1 or 0 and never reaches the database. A path across
 * references is a scalar subquery over the tables it crosses, so a row that is missing, or that a filter's caller may
 * not read, is null without further rules; a set is an EXISTS over them.
 *
 * Null: SQL's own three values do where null may pass for false, so comparisons stay plain and indexes usable; under !
 * and as an operand a condition is made two-valued with coalesce.
 *
 * Invariants
 *   (1) text comes from this file and from names of the schema; every value is an argument (or, in a condition of an
 *       index, a literal of the app file, quoted by put_inline())
 *   (2) each table gets an alias of its own from *next_alias, so no name is captured
 *   (3) the read rules that a filter adds are rules: they guard nothing themselves, and the walk ends
 */
#include "base/number.h"
#include "model/expr_node.h"
#include "model/policy.h"
#include "model/type.h"

struct writer {
    const struct expr_context *context;
    struct sql *sql;
    unsigned alias;
    unsigned *next_alias;
    bool is_inline; /* for DDL: bare columns, literals in the text */
    bool is_folded; /* texts are compared without ASCII case (PostgreSQL) */
};

static void put_condition(const struct writer *w, const struct expr_node *node);
static void put_operand(const struct writer *w, const struct expr_node *node, const struct type *other);

/* ---- values ---- */

static bool is_postgres(const struct writer *w)
{
    return w->sql->dialect == DIALECT_POSTGRES;
}

/* A literal of the app file; lex and check have kept NUL and infinities out. */
static void put_inline(const struct writer *w, const struct type *type, struct value value)
{
    bool is_truth = is_postgres(w) && type && type->kind == FIELD_BOOL;
    switch (value.kind) {
    case VALUE_INT:
        if (is_truth)
            sql_truth(w->sql, value.integer != 0);
        else if (is_postgres(w) && value.scale > 0)
            number_format_decimal(&w->sql->text, value.integer, value.scale);
        else
            sql_number(w->sql, value.integer);
        return;
    case VALUE_FLOAT: buf_printf(&w->sql->text, "%.17e", value.number); return;
    case VALUE_TEXT: sql_quote(w->sql, value.text); return;
    default: sql_put(w->sql, "NULL"); return;
    }
}

/* As it must be compared where case does not matter: PostgreSQL has no collation for that, so both sides are folded. */
static struct value fold(const struct writer *w, struct value value)
{
    char *text = value.kind == VALUE_TEXT ? arena_alloc(w->sql->arena, value.text.len + 1) : NULL;
    w->sql->failed |= value.kind == VALUE_TEXT && !text;
    if (!text)
        return value;
    for (size_t i = 0; i < value.text.len; i++)
        text[i] =
            value.text.ptr[i] >= 'A' && value.text.ptr[i] <= 'Z' ? (char)(value.text.ptr[i] | 0x20) : value.text.ptr[i];
    return value_text(slice_of(text, value.text.len));
}

static void put_value(const struct writer *w, const struct type *type, struct value value, const char *room)
{
    if (w->is_inline) {
        put_inline(w, type, value);
        return;
    }
    if (value.kind == VALUE_TEXT && value.text.ptr == room) {
        value.text = arena_slice(w->sql->arena, value.text);
        if (!value.text.ptr) {
            w->sql->failed = true;
            return;
        }
    }
    sql_bind(w->sql, value.kind == VALUE_FLOAT ? SQL_FLOAT : type_storage(type), value);
}

/* ---- paths ---- */

static void put_read_rule(const struct writer *w, const struct resource *resource, unsigned alias)
{
    if (policy_decide(resource, ACTION_READ, w->context) == POLICY_ALLOW)
        return;
    sql_put(w->sql, " AND ");
    policy_compile(resource, ACTION_READ, w->context, alias, w->next_alias, w->sql);
}

/* t<to>."id" = t<from>."author", or the reverse. */
static void put_link(const struct writer *w, const struct expr_step *step, unsigned from, unsigned to,
                     const struct resource *from_resource)
{
    sql_column(w->sql, to, step->is_reverse ? step->via->column : step->to->id->column);
    sql_put(w->sql, " = ");
    sql_column(w->sql, from, step->is_reverse ? from_resource->id->column : step->via->column);
}

/* " FROM a AS t1, b AS t2 WHERE …"; returns the alias of the last table. */
static unsigned put_tables(const struct writer *w, const struct expr_node *path)
{
    unsigned first = *w->next_alias, from = w->alias;
    const struct resource *from_resource = NULL;
    *w->next_alias += (unsigned)path->step_count;
    for (unsigned i = 0; i < path->step_count; i++) {
        if (i == 0)
            sql_put(w->sql, " FROM ");
        else
            sql_put(w->sql, ", ");
        sql_name(w->sql, path->steps[i].to->table);
        sql_put(w->sql, " AS ");
        sql_alias(w->sql, first + i);
    }
    for (unsigned i = 0; i < path->step_count; i++) {
        const struct expr_step *step = &path->steps[i];
        if (i == 0)
            sql_put(w->sql, " WHERE ");
        else
            sql_put(w->sql, " AND ");
        put_link(w, step, from, first + i, from_resource ? from_resource : step->via->type.target);
        if (path->is_guarded)
            put_read_rule(w, step->to, first + i);
        from = first + i;
        from_resource = step->to;
    }
    return from;
}

/* The alias that the last table of a path will get. */
static unsigned last_alias(const struct writer *w, const struct expr_node *path)
{
    return *w->next_alias + (unsigned)path->step_count - 1;
}

/* An adopted column may be of an enumerated type of PostgreSQL's, which compares with no text. */
static void put_kin(const struct writer *w, const struct field *field)
{
    if (is_postgres(w) && field_is(field, FIELD_ADOPTED) && field->type.kind == FIELD_ENUM)
        sql_put(w->sql, "::text");
}

static void put_path(const struct writer *w, const struct expr_node *path)
{
    if (w->is_inline) {
        sql_name(w->sql, path->field->column);
        put_kin(w, path->field);
        return;
    }
    if (expr_path_denied(path, w->context)) {
        sql_put(w->sql, "NULL");
        return;
    }
    if (path->step_count == 0) {
        sql_column(w->sql, w->alias, path->field->column);
        put_kin(w, path->field);
        return;
    }
    sql_put(w->sql, "(SELECT ");
    sql_column(w->sql, last_alias(w, path), path->field->column);
    put_kin(w, path->field);
    put_tables(w, path);
    sql_put(w->sql, ")");
}

/* ---- operands ---- */

static void put_power(struct sql *sql, unsigned exponent)
{
    sql_put(sql, "1");
    for (unsigned i = 0; i < exponent; i++)
        sql_put(sql, "0");
}

/* `type`: of what it meets, where it has none of its own. */
static void put_raw(const struct writer *w, const struct expr_node *node, const struct type *type)
{
    char room[EXPR_ROOM_BYTES];
    struct value value;
    if (expr_is_condition(node)) {
        sql_put(w->sql, "coalesce(");
        put_condition(w, node);
        sql_put(w->sql, ", ");
        sql_truth(w->sql, false);
        sql_put(w->sql, ")");
    } else if (expr_eval_operand(node, w->context, NULL, room, &value)) {
        put_value(w, node->type ? node->type : type, w->is_folded ? fold(w, value) : value, room);
    } else if (node->root == EXPR_ROOT_ROW && w->is_folded) {
        sql_put(w->sql, "lower(");
        put_path(w, node);
        sql_put(w->sql, ")");
    } else if (node->root == EXPR_ROOT_ROW) {
        put_path(w, node);
    } else {
        sql_put(w->sql, "NULL");
    }
}

/* PostgreSQL compares numbers of all types by their values, and dates with instants when it is told of which zone. */
static void put_operand_postgres(const struct writer *w, const struct expr_node *node, const struct type *other)
{
    bool is_dated = expr_is_dated(node->type, other);
    if (is_dated)
        sql_put(w->sql, "(");
    put_raw(w, node, other);
    if (is_dated)
        sql_put(w->sql, "::timestamp AT TIME ZONE 'UTC')");
}

/* An operand as it meets a value of the type `other` (NULL: any). */
static void put_operand(const struct writer *w, const struct expr_node *node, const struct type *other)
{
    struct expr_scaling scaling = expr_scaling(node->type, other);
    bool is_dated = expr_is_dated(node->type, other);
    if (is_postgres(w)) {
        put_operand_postgres(w, node, other);
        return;
    }
    if (!scaling.up && !scaling.down && !is_dated) {
        put_raw(w, node, other);
        return;
    }
    sql_put(w->sql, "(");
    put_raw(w, node, other);
    if (is_dated) {
        sql_put(w->sql, " || '" EXPR_MIDNIGHT "')");
    } else if (scaling.up) {
        sql_put(w->sql, " * ");
        put_power(w->sql, scaling.up);
        sql_put(w->sql, ")");
    } else {
        sql_put(w->sql, " / ");
        put_power(w->sql, scaling.down);
        sql_put(w->sql, ".0)");
    }
}

/* ---- conditions ---- */

static void put_null_test(const struct writer *w, const struct expr_node *operand, bool is_null)
{
    put_operand(w, operand, NULL);
    if (is_null)
        sql_put(w->sql, " IS NULL");
    else
        sql_put(w->sql, " IS NOT NULL");
}

/* The sides of a comparison. On SQLite the left one decides how texts compare. */
static void put_side(const struct writer *w, const struct expr_node *node, const struct type *other, bool is_left)
{
    struct writer side = *w;
    bool ignores_case = expr_ignores_case(node->type, other);
    side.is_folded = ignores_case && is_postgres(w);
    put_operand(&side, node, other);
    if (is_left && ignores_case && !is_postgres(w))
        sql_put(w->sql, " COLLATE NOCASE");
}

static void put_compare(const struct writer *w, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *right = left->next;
    if (left->kind == EXPR_NULL || right->kind == EXPR_NULL) {
        put_null_test(w, left->kind == EXPR_NULL ? right : left, node->kind == EXPR_EQ);
        return;
    }
    put_side(w, left, right->type, true);
    switch (node->kind) {
    case EXPR_EQ: sql_put(w->sql, " = "); break;
    case EXPR_NE: sql_put(w->sql, " <> "); break;
    case EXPR_LT: sql_put(w->sql, " < "); break;
    case EXPR_LE: sql_put(w->sql, " <= "); break;
    case EXPR_GT: sql_put(w->sql, " > "); break;
    default: sql_put(w->sql, " >= "); break;
    }
    put_side(w, right, left->type, false);
}

static void put_in_list(const struct writer *w, const struct expr_node *left, const struct expr_node *list)
{
    put_side(w, left, NULL, true);
    sql_put(w->sql, " IN (");
    for (const struct expr_node *item = list->first; item; item = item->next) {
        if (item != list->first)
            sql_put(w->sql, ", ");
        put_side(w, item, left->type, false);
    }
    sql_put(w->sql, ")");
}

static void put_in_set(const struct writer *w, const struct expr_node *left, const struct expr_node *set)
{
    struct expr_node column = {.kind = EXPR_PATH, .type = set->type, .field = set->field};
    struct writer inside = *w;
    sql_put(w->sql, "EXISTS (SELECT 1");
    inside.alias = put_tables(w, set);
    sql_put(w->sql, " AND ");
    put_side(&inside, &column, left->type, true);
    sql_put(w->sql, " = ");
    put_side(w, left, set->type, false);
    sql_put(w->sql, ")");
}

/* Whether an index knows what the values of this column hold. */
static bool has_content_index(const struct writer *w, const struct expr_node *node)
{
    return is_postgres(w) && node->kind == EXPR_PATH && node->root == EXPR_ROOT_ROW && node->field &&
           field_is(node->field, FIELD_CONTENT);
}

/* "list"::jsonb @> jsonb_build_array(…) AND: true of every row that the condition behind it is true of, and answered by
 * the index. Numbers of other types than the elements' are left to that one alone. */
static void put_containment(const struct writer *w, const struct expr_node *list, const struct expr_node *member,
                            const char *cast)
{
    const struct type *element = expr_element(list);
    bool is_number = element->kind == FIELD_INT;
    if (is_number && (!member->type || member->type->kind != FIELD_INT))
        return;
    put_operand(w, list, NULL);
    sql_put(w->sql, "::jsonb @> jsonb_build_array((");
    put_operand(w, member, element);
    sql_put(w->sql, ")");
    buf_put_text(&w->sql->text, cast ? cast : "::text");
    sql_put(w->sql, ") AND ");
}

/* json_array_elements_text() gives texts, whatever the elements are. */
static void put_member_postgres(const struct writer *w, const struct expr_node *list, const struct expr_node *member)
{
    static const char *const casts[FIELD_TYPE_COUNT] = {
        [FIELD_INT] = "::numeric", [FIELD_FLOAT] = "::double precision", [FIELD_BOOL] = "::boolean"};
    static const struct type text = {.kind = FIELD_TEXT};
    const struct type *element = expr_element(list);
    const char *cast = casts[element->kind];
    unsigned alias = (*w->next_alias)++;
    struct writer side = *w;
    struct expr_node wanted = *member;
    side.is_folded = expr_ignores_case(element, member->type);
    if (!cast)
        wanted.type = &text;
    bool is_indexed = has_content_index(w, list) && !side.is_folded;
    buf_put_text(&w->sql->text, is_indexed ? "(" : "");
    if (is_indexed)
        put_containment(w, list, &wanted, cast);
    sql_put(w->sql, "EXISTS (SELECT 1 FROM json_array_elements_text(");
    put_operand(w, list, NULL);
    sql_put(w->sql, ") AS ");
    sql_alias(w->sql, alias);
    buf_put_text(&w->sql->text, side.is_folded ? "(value) WHERE lower(" : "(value) WHERE ");
    sql_alias(w->sql, alias);
    sql_put(w->sql, ".value");
    buf_put_text(&w->sql->text, side.is_folded ? " COLLATE \"C\")" : cast ? cast : "");
    sql_put(w->sql, " = ");
    put_operand(&side, &wanted, element);
    buf_put_text(&w->sql->text, is_indexed ? "))" : ")");
}

static void put_member(const struct writer *w, const struct expr_node *list, const struct expr_node *member)
{
    const struct type *element = expr_element(list);
    if (is_postgres(w)) {
        put_member_postgres(w, list, member);
        return;
    }
    unsigned alias = (*w->next_alias)++;
    sql_put(w->sql, "EXISTS (SELECT 1 FROM json_each(");
    put_operand(w, list, NULL);
    sql_put(w->sql, ") AS ");
    sql_alias(w->sql, alias);
    sql_put(w->sql, " WHERE ");
    sql_alias(w->sql, alias);
    sql_put(w->sql, ".value");
    if (expr_ignores_case(element, member->type))
        sql_put(w->sql, " COLLATE NOCASE");
    sql_put(w->sql, " = ");
    put_operand(w, member, element);
    sql_put(w->sql, ")");
}

/* tn_contains() as an index of parts answers it: the part is a pattern without wildcards but those around it. */
static void put_part(const struct writer *w, const struct expr_node *left, const struct expr_node *right)
{
    sql_put(w->sql, "tn_fold(");
    put_operand(w, left, NULL);
    sql_put(w->sql, ") COLLATE \"C\" LIKE '%' || replace(replace(replace(tn_fold(");
    put_operand(w, right, NULL);
    sql_put(w->sql, "), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'");
}

static void put_search(const struct writer *w, const struct expr_node *node)
{
    const struct expr_node *left = node->first, *right = left->next;
    if (node->kind == EXPR_HAS && expr_element(left)) {
        put_member(w, left, right);
        return;
    }
    if (node->kind == EXPR_HAS && has_content_index(w, left)) {
        put_part(w, left, right);
        return;
    }
    if (node->kind == EXPR_HAS)
        sql_put(w->sql, "tn_contains(");
    else
        sql_put(w->sql, "tn_like(");
    put_operand(w, left, NULL);
    sql_put(w->sql, ", ");
    put_operand(w, right, NULL);
    sql_put(w->sql, ")");
}

/* How deep conditions are nested in one. Bounded by the checked depth of an expression. */
static unsigned depth_of(const struct expr_node *node)
{
    unsigned deepest = 0;
    if (node->kind != EXPR_AND && node->kind != EXPR_OR && node->kind != EXPR_NOT)
        return 0;
    for (const struct expr_node *child = node->first; child; child = child->next) {
        unsigned depth = depth_of(child);
        if (depth > deepest)
            deepest = depth;
    }
    return deepest + 1;
}

static const struct expr_node *deepest_of(const struct expr_node *node)
{
    const struct expr_node *deepest = node->first;
    for (const struct expr_node *child = node->first; child; child = child->next)
        if (depth_of(child) > depth_of(deepest))
            deepest = child;
    return deepest;
}

/* A condition, or its opposite. The opposite of a chain is the other chain of opposites, so that a NOT stands only
 * before what SQL may find null. */
enum sense { SENSE_PLAIN, SENSE_OPPOSITE };

static void put_sense(const struct writer *w, const struct expr_node *node, enum sense sense);

struct chain {
    const struct writer *w;
    enum expr_kind kind; /* in the tree: EXPR_AND or EXPR_OR */
    enum sense sense;
    bool is_first;
};

/* One link; a chain of the same kind continues this one without parentheses. What is decided already has no say, or it
 * would have decided the whole. The deepest link comes first: SQLite's parser keeps what is open to the left of a
 * parenthesis on a stack of 100. */
static void put_links(struct chain *chain, const struct expr_node *node)
{
    const struct writer *w = chain->w;
    if (expr_eval_node(node, w->context, NULL) != EXPR_UNDECIDED)
        return;
    if (node->kind == chain->kind) {
        const struct expr_node *deepest = deepest_of(node);
        put_links(chain, deepest);
        for (const struct expr_node *child = node->first; child; child = child->next)
            if (child != deepest)
                put_links(chain, child);
        return;
    }
    bool is_and = (chain->kind == EXPR_AND) == (chain->sense == SENSE_PLAIN);
    if (!chain->is_first && is_and)
        sql_put(w->sql, " AND ");
    else if (!chain->is_first)
        sql_put(w->sql, " OR ");
    chain->is_first = false;
    put_sense(w, node, chain->sense);
}

static void put_chain(const struct writer *w, const struct expr_node *node, enum sense sense)
{
    struct chain chain = {.w = w, .kind = node->kind, .sense = sense, .is_first = true};
    sql_put(w->sql, "(");
    put_links(&chain, node);
    sql_put(w->sql, ")");
}

static void put_sense(const struct writer *w, const struct expr_node *node, enum sense sense)
{
    while (node->kind == EXPR_NOT) {
        node = node->first;
        sense = sense == SENSE_PLAIN ? SENSE_OPPOSITE : SENSE_PLAIN;
    }
    if (sense == SENSE_PLAIN) {
        put_condition(w, node);
    } else if (node->kind == EXPR_AND || node->kind == EXPR_OR) {
        put_chain(w, node, sense);
    } else {
        sql_put(w->sql, "NOT coalesce(");
        put_condition(w, node);
        sql_put(w->sql, ", ");
        sql_truth(w->sql, false);
        sql_put(w->sql, ")");
    }
}

static void put_undecided(const struct writer *w, const struct expr_node *node)
{
    switch (node->kind) {
    case EXPR_AND:
    case EXPR_OR: put_chain(w, node, SENSE_PLAIN); return;
    case EXPR_NOT: put_sense(w, node, SENSE_PLAIN); return;
    case EXPR_IN:
        if (node->first->next->is_set)
            put_in_set(w, node->first, node->first->next);
        else
            put_in_list(w, node->first, node->first->next);
        return;
    case EXPR_HAS:
    case EXPR_LIKE: put_search(w, node); return;
    default: break;
    }
    if (expr_is_comparison(node)) {
        put_compare(w, node);
        return;
    }
    put_operand(w, node, NULL);
    if (!is_postgres(w))
        sql_put(w->sql, " = 1");
}

static void put_condition(const struct writer *w, const struct expr_node *node)
{
    switch (expr_eval_node(node, w->context, NULL)) {
    case EXPR_TRUE: sql_truth(w->sql, true); return;
    case EXPR_FALSE: sql_truth(w->sql, false); return;
    default: put_undecided(w, node); return;
    }
}

void expr_compile(const struct expr *expr, const struct expr_context *context, unsigned alias, unsigned *next_alias,
                  struct sql *sql)
{
    struct writer w = {.context = context, .sql = sql, .alias = alias, .next_alias = next_alias};
    if (expr)
        put_condition(&w, expr->root);
    else
        sql_truth(sql, true);
}

void expr_compile_operand(const struct expr_node *node, const struct expr_context *context, unsigned alias,
                          unsigned *next_alias, struct sql *sql)
{
    struct writer w = {.context = context, .sql = sql, .alias = alias, .next_alias = next_alias};
    put_operand(&w, node, NULL);
}

void expr_compile_path(const struct expr_path *path, const struct expr_context *context, unsigned alias,
                       unsigned *next_alias, struct sql *sql)
{
    struct expr_step steps[EXPR_JOINS_MAX];
    struct writer w = {.context = context, .sql = sql, .alias = alias, .next_alias = next_alias};
    struct expr_node node = {.kind = EXPR_PATH, .type = &path->field->type, .field = path->field, .steps = steps};
    node.step_count = path->hop_count;
    node.is_guarded = true;
    for (size_t i = 0; i < path->hop_count; i++)
        steps[i] = (struct expr_step){.via = path->hops[i], .to = path->hops[i]->type.target};
    put_path(&w, &node);
}

void expr_compile_key(const struct expr_path *path, const struct expr_context *context, unsigned alias,
                      unsigned *next_alias, struct sql *sql)
{
    bool is_email = path->field->type.kind == FIELD_EMAIL;
    bool is_folded = is_email && sql->dialect == DIALECT_POSTGRES;
    if (is_folded)
        sql_put(sql, "lower(");
    expr_compile_path(path, context, alias, next_alias, sql);
    if (is_folded)
        sql_put(sql, ")");
    else if (is_email && path->hop_count > 0)
        sql_put(sql, " COLLATE NOCASE"); /* which a column has, and a subquery has not */
}

void expr_compile_condition(const struct expr *expr, struct sql *sql)
{
    unsigned next_alias = 1;
    const struct expr_context context = {.caller = NULL};
    struct writer w = {.context = &context, .sql = sql, .next_alias = &next_alias, .is_inline = true};
    put_condition(&w, expr->root);
}
