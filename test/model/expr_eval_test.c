/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/support.h"

/* A market in which everything is null but clicks (1), name ("Ann"), is_open (false) and tags. */
static struct value some_value(const void *state, const struct field *field)
{
    if (slice_eq_text(field->name, "clicks"))
        return value_int(1);
    if (slice_eq_text(field->name, "name"))
        return value_text(SLICE("Ann"));
    if (slice_eq_text(field->name, "is_open"))
        return value_int(0);
    if (slice_eq_text(field->name, "tags"))
        return value_text(SLICE("[\"a\",\"\\u00e9\",\"b\\\\c\"]"));
    return VALUE_NOTHING;
}

static const struct expr_row market = {.value = some_value};

static struct value input_value(const void *state, const struct field *field)
{
    return slice_eq_text(field->name, "clicks") ? value_int(2) : VALUE_NOTHING;
}

struct truth {
    const char *text;
    bool is_true;
};

static const struct truth truths[] = {
    {"volume == null", true},
    {"volume != null", false},
    {"clicks == null", false},
    {"clicks != null", true},
    {"null == null", true},
    {"null != null", false},
    {"volume == 1", false},
    {"volume != 1", false},
    {"volume < 1", false},
    {"volume >= 1", false},
    {"volume == fee", false},
    {"volume != fee", false},
    {"volume in [1, 2]", false},
    {"!(volume == 1)", true},
    {"!(volume != 1)", true},
    {"!(volume in [1, 2])", true},
    {"!(volume == fee)", true},
    {"!!(volume == 1)", false},
    {"creator == auth.id", false},
    {"!(creator == auth.id)", true},
    {"creator.active", false},
    {"!creator.active", true},
    {"creator.level == null", true},
    {"volume == 1 || clicks == 1", true},
    {"volume == 1 && clicks == 1", false},
    {"!(volume == 1 && clicks == 1)", true},
    {"!(volume == 1 || clicks == 2)", true},
    {"is_open", false},
    {"!is_open", true},
    {"contact ~ 'a'", false},
    {"!(contact ~ 'a')", true},
    {"contact like '*'", false},
    {"name ~ 'NN'", true},
    {"name ~ ''", true},
    {"name like 'a*'", true},
    {"name like 'a'", false},
    {"tags ~ 'a'", true},
    {"tags ~ 'A'", false},
    {"tags ~ 'é'", true},
    {"tags ~ 'b\\\\c'", true},
    {"mails ~ 'a'", false},
    {"!(mails ~ 'a')", true},
    {"clicks == 1", true},
    {"1 < clicks", false},
    {"name < null", false},
    {"!(name < null)", true},
    {"(volume == 1) == false", true},
    {"(volume == 1) == is_open", true},
    {"can('x:y') == false", true},
    {"auth.id == null && auth.role == null && auth.level == null", true},
};

static void null_is_false_but_for_its_own_test(void **state)
{
    struct support support;
    const struct expr_context context = {.caller = NULL};
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, truths[i].text);
        if (!expr)
            fail_msg("%s: %s", truths[i].text, support_report(&support));
        if (expr_eval(expr, &context, &market) != truths[i].is_true)
            fail_msg("%s is not %d", truths[i].text, truths[i].is_true);
    }
    assert_true(expr_eval(NULL, &context, &market));
    support_fini(&support);
}

static void a_set_is_never_true_in_memory_not_even_under_not(void **state)
{
    static const char *const rules[] = {"auth.id in positions.user", "!(auth.id in positions.user)",
                                        "!(auth.id in positions.user) && clicks == 1"};
    const struct caller caller = {.is_signed_in = true, .id = value_text(SLICE("x"))};
    const struct expr_context context = {.caller = &caller};
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, rules[i]);
        assert_true(expr_needs_database(expr));
        assert_false(expr_eval(expr, &context, &market));
    }
    support_fini(&support);
}

static void input_is_null_until_it_is_sent_and_undecided_until_it_is_known(void **state)
{
    struct support support;
    struct expr *expr;
    support_init(&support);
    const struct expr_scope scope = {&support.schema, &support.resources[SUPPORT_MARKETS], EXPR_RULE, true};
    const struct place place = {.file = "app.yaml"};
    assert_int_equal(expr_parse(SLICE("input.clicks == 2 && input.name == null"), place, &support.arena, NULL, &expr),
                     OK);
    assert_int_equal(expr_check(expr, &scope, NULL), OK);
    struct expr_context context = {.caller = NULL};
    assert_true(expr_needs_row(expr));
    assert_int_equal(expr_decide(expr, &context), EXPR_UNDECIDED);
    assert_false(expr_eval(expr, &context, &market));
    context.input = input_value;
    assert_int_equal(expr_decide(expr, &context), EXPR_TRUE);
    assert_true(expr_eval(expr, &context, &market));
    support_fini(&support);
}

static void what_an_expression_needs_is_known(void **state)
{
    static const struct {
        const char *text;
        bool row, database;
    } rows[] = {
        {"true", false, false},
        {"can('x:y') || auth.id != null", false, false},
        {"now > '2026-01-01T00:00:00Z'", false, false},
        {"clicks == 1", true, false},
        {"creator.level == 1", true, false},
        {"auth.id in positions.user", true, true},
        {"!(true && clicks in [1])", true, false},
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, rows[i].text);
        assert_non_null(expr);
        assert_int_equal(expr_needs_row(expr), rows[i].row);
        assert_int_equal(expr_needs_database(expr), rows[i].database);
    }
    support_read_rule(&support, SUPPORT_USERS, "auth.id in team.members.user");
    assert_true(expr_needs_database(support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, "creator.level == 1")));
    assert_false(expr_needs_database(support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "creator.level == 1")));
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_false_but_for_its_own_test),
        cmocka_unit_test(a_set_is_never_true_in_memory_not_even_under_not),
        cmocka_unit_test(input_is_null_until_it_is_sent_and_undecided_until_it_is_known),
        cmocka_unit_test(what_an_expression_needs_is_known),
    };
    return cmocka_run_group_tests_name("model/expr_eval", tests, NULL, NULL);
}
