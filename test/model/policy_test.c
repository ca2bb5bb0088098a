/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "data/sql.h"
#include "model/support.h"

static int open_support(void **state)
{
    static struct support support;
    support_init(&support);
    *state = &support;
    return 0;
}

static int close_support(void **state)
{
    support_fini(*state);
    return 0;
}

/* The condition that a rule becomes for this caller. */
static void assert_condition(struct support *support, unsigned resource, enum action action,
                             const struct caller *caller, const char *expected)
{
    const struct expr_context context = {.caller = caller};
    unsigned next_alias = 1;
    struct sql sql;
    sql_init(&sql, &support->arena, DIALECT_SQLITE);
    policy_compile(&support->resources[resource], action, &context, 0, &next_alias, &sql);
    if (!slice_eq_text(buf_slice(&sql.text), expected))
        fail_msg("%.*s instead of %s", SLICE_ARG(buf_slice(&sql.text)), expected);
    sql_fini(&sql);
}

static void calls_are_decided_before_any_row_is_seen(void **state)
{
    struct support *support = *state;
    static const struct {
        const char *rule, *role, *held, *sql;
    } rows[] = {
        {"can('markets:read')", NULL, "markets:read", "1"},
        {"can('markets:read')", NULL, "markets:*", "1"},
        {"can('markets:read')", NULL, "positions:*", "0"},
        {"role('admin')", "admin", "", "1"},
        {"role('admin')", "user", "*", "0"},
        {"role('admin')", NULL, "*", "0"},
        {"status == 'draft' || can('markets:read')", NULL, "*", "1"},
        {"status == 'draft' && can('markets:read')", NULL, "", "0"},
        {"is_open && can('markets:read')", NULL, "*", "(t0.\"is_open\" = 1)"},
        {"is_open || role('admin')", "user", "", "(t0.\"is_open\" = 1)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        support_read_rule(support, SUPPORT_MARKETS, rows[i].rule);
        const struct caller caller = support_caller(support, rows[i].role, rows[i].held, NULL);
        assert_condition(support, SUPPORT_MARKETS, ACTION_READ, &caller, rows[i].sql);
    }
}

static void a_call_is_false_for_nobody(void **state)
{
    struct support *support = *state;
    const struct caller nobody = CALLER_ANONYMOUS;
    support_read_rule(support, SUPPORT_MARKETS, "can('markets:read') || role('admin') || role('user')");
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, &nobody, "0");
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, NULL, "0");
}

static void scopes_deny_what_they_do_not_name_whatever_the_rule_says(void **state)
{
    struct support *support = *state;
    static const struct rule everybody;
    static const struct {
        const char *scopes;
        bool reads, updates;
    } rows[] = {
        {NULL, true, true},
        {"", false, false},
        {"markets:read", true, false},
        {"markets:*", true, true},
        {"positions:*", false, false},
        {"*:read", true, false},
        {"*", true, true},
        {"markets:update positions:read", false, true},
    };
    support_rules(support, SUPPORT_MARKETS, ACTION_UPDATE, &everybody, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct caller caller = support_caller(support, "admin", "*", rows[i].scopes);
        const struct expr_context context = {.caller = &caller};
        const struct resource *markets = &support->resources[SUPPORT_MARKETS];
        assert_int_equal(policy_decide(markets, ACTION_READ, &context), rows[i].reads ? POLICY_ALLOW : POLICY_DENY);
        assert_int_equal(policy_admit(markets, ACTION_UPDATE, &context), rows[i].updates ? OK : ERROR_FORBIDDEN);
        assert_condition(support, SUPPORT_MARKETS, ACTION_READ, &caller, rows[i].reads ? "1" : "0");
    }
}

static void a_path_through_rows_that_scopes_do_not_reach_is_null(void **state)
{
    struct support *support = *state;
    struct expr *filter = support_expr(support, SUPPORT_MARKETS, EXPR_FILTER, "creator.name == 'Ann'");
    struct expr *is_null = support_expr(support, SUPPORT_MARKETS, EXPR_FILTER, "creator.name == null");
    const struct caller narrow = support_caller(support, "admin", "*", "markets:read");
    const struct caller wide = support_caller(support, "admin", "*", "markets:read users:read");
    const struct expr_context narrow_context = {.caller = &narrow}, wide_context = {.caller = &wide};
    assert_int_equal(expr_decide(filter, &narrow_context), EXPR_FALSE);
    assert_int_equal(expr_decide(is_null, &narrow_context), EXPR_TRUE);
    assert_int_equal(expr_decide(filter, &wide_context), EXPR_UNDECIDED);
    struct expr *rule = support_expr(support, SUPPORT_MARKETS, EXPR_RULE, "creator.name == 'Ann'");
    assert_int_equal(expr_decide(rule, &narrow_context), EXPR_UNDECIDED); /* the author's rules see everything */
}

/* Three rules: for admins, for managers, for everybody. */
static const struct caller *caller_of(struct support *support, const char *role)
{
    static struct caller caller;
    caller = role ? support_caller(support, role, "", NULL) : CALLER_ANONYMOUS;
    return &caller;
}

static void the_first_rule_that_is_for_a_caller_is_theirs(void **state)
{
    struct support *support = *state;
    const struct rule rules[] = {
        {.whose = support_expr(support, SUPPORT_MARKETS, EXPR_CALLER, "role('admin')")},
        {.whose = support_expr(support, SUPPORT_MARKETS, EXPR_CALLER, "auth.id != null"),
         .allow = support_expr(support, SUPPORT_MARKETS, EXPR_RULE, "is_open"),
         .fields = support_fields(support, SUPPORT_MARKETS, "name status")},
        {.whose = support_expr(support, SUPPORT_MARKETS, EXPR_CALLER, "auth.level == 1")},
    };
    support_rules(support, SUPPORT_MARKETS, ACTION_READ, rules, ARRAY_LEN(rules));
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, caller_of(support, "admin"), "1");
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, caller_of(support, "user"), "t0.\"is_open\" = 1");
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, caller_of(support, NULL), "0");
    const struct expr_context nobody = {.caller = caller_of(support, NULL)};
    assert_null(policy_rule(&support->resources[SUPPORT_MARKETS], ACTION_READ, &nobody));
    assert_int_equal(policy_admit(&support->resources[SUPPORT_MARKETS], ACTION_READ, &nobody), ERROR_UNAUTHORIZED);
}

static void a_rule_that_is_a_denial_ends_the_search(void **state)
{
    struct support *support = *state;
    const struct rule rules[] = {
        {.whose = support_expr(support, SUPPORT_MARKETS, EXPR_CALLER, "role('user')"), .is_denial = true},
        {.allow = NULL},
    };
    support_rules(support, SUPPORT_MARKETS, ACTION_READ, rules, ARRAY_LEN(rules));
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, caller_of(support, "user"), "0");
    assert_condition(support, SUPPORT_MARKETS, ACTION_READ, caller_of(support, "admin"), "1");
}

static void fields_that_a_rule_does_not_name_do_not_exist_for_its_callers(void **state)
{
    struct support *support = *state;
    const struct rule rules[] = {
        {.whose = support_expr(support, SUPPORT_MARKETS, EXPR_CALLER, "role('admin')")},
        {.fields = support_fields(support, SUPPORT_MARKETS, "name creator")},
    };
    static const struct {
        const char *role, *path;
        bool exists;
    } rows[] = {
        {"admin", "status", true},
        {"user", "status", false},
        {"user", "name", true},
        {"user", "id", true},
        {"admin", "note", false},
        {"user", "creator.name", true},
        {"user", "creator.secret", false},
        {NULL, "status", false},
        {NULL, "name", true},
    };
    support_rules(support, SUPPORT_MARKETS, ACTION_READ, rules, ARRAY_LEN(rules));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct expr_context context = {.caller = caller_of(support, rows[i].role)};
        struct expr_path path;
        enum error error =
            expr_resolve_path(&support->resources[SUPPORT_MARKETS], &context, slice_from(rows[i].path), NULL, &path);
        if ((error == OK) != rows[i].exists)
            fail_msg("%s: %s", rows[i].role ? rows[i].role : "nobody", rows[i].path);
    }
    const struct expr_context user = {.caller = caller_of(support, "user")};
    const struct expr_scope scope = {.schema = &support->schema,
                                     .resource = &support->resources[SUPPORT_POSITIONS],
                                     .use = EXPR_FILTER,
                                     .context = &user};
    struct expr *expr;
    struct diag diag;
    diag_init(&diag, &support->arena);
    assert_int_equal(expr_parse(SLICE("market.status == 'draft'"), (struct place){0}, &support->arena, &diag, &expr),
                     OK);
    assert_int_equal(expr_check(expr, &scope, &diag), ERROR_VALIDATION);
    assert_string_equal(diag.first->message, "unknown field \"status\" (at position 8)");
}

static void a_caller_asks_nothing_of_their_account_that_they_may_not_read(void **state)
{
    struct support *support = *state;
    assert_null(support_expr(support, SUPPORT_MARKETS, EXPR_FILTER, "auth.secret == 'x'"));
    support_clear(support);
    assert_non_null(support_expr(support, SUPPORT_MARKETS, EXPR_RULE, "auth.secret == 'x'"));
    assert_non_null(support_expr(support, SUPPORT_MARKETS, EXPR_FILTER, "auth.level == 1 && auth.role == 'admin'"));
}

static void a_value_is_told_only_of_fields_and_rows_that_may_be_read(void **state)
{
    struct support *support = *state;
    const struct rule rule = {.fields = support_fields(support, SUPPORT_MARKETS, "name")};
    const struct resource *markets = &support->resources[SUPPORT_MARKETS];
    const struct caller narrow = support_caller(support, NULL, "", "positions:read");
    const struct expr_context nobody = {.caller = caller_of(support, NULL)}, narrowed = {.caller = &narrow};
    support_rules(support, SUPPORT_MARKETS, ACTION_READ, &rule, 1);
    assert_true(policy_tells(markets, &nobody, resource_find_field(markets, SLICE("name"))));
    assert_false(policy_tells(markets, &nobody, resource_find_field(markets, SLICE("status"))));
    assert_false(policy_tells(markets, &narrowed, resource_find_field(markets, SLICE("name"))));
    support_rules(support, SUPPORT_MARKETS, ACTION_READ, NULL, 0);
    assert_false(policy_tells(markets, &nobody, resource_find_field(markets, SLICE("name"))));
}

static void rules_do_not_bind_whoever_owns_the_database(void **state)
{
    struct support *support = *state;
    static const struct rule denial = {.is_denial = true};
    const struct resource *markets = &support->resources[SUPPORT_MARKETS];
    const struct field *name = resource_find_field(markets, SLICE("name"));
    const struct caller owner = {.is_signed_in = true, .is_operator = true};
    const struct expr_context context = {.caller = &owner};
    for (int action = 0; action < ACTION_COUNT; action++) {
        for (size_t rules = 0; rules < 2; rules++) {
            support_rules(support, SUPPORT_MARKETS, (enum action)action, &denial, rules);
            assert_int_equal(policy_decide(markets, (enum action)action, &context), POLICY_ALLOW);
            assert_condition(support, SUPPORT_MARKETS, (enum action)action, &owner, "1");
            assert_true(policy_field(markets, (enum action)action, &context, name));
        }
    }
    assert_true(policy_tells(markets, &context, name));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_support, close_support)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_are_decided_before_any_row_is_seen),
        TEST(a_call_is_false_for_nobody),
        TEST(scopes_deny_what_they_do_not_name_whatever_the_rule_says),
        TEST(a_path_through_rows_that_scopes_do_not_reach_is_null),
        TEST(the_first_rule_that_is_for_a_caller_is_theirs),
        TEST(a_rule_that_is_a_denial_ends_the_search),
        TEST(fields_that_a_rule_does_not_name_do_not_exist_for_its_callers),
        TEST(a_caller_asks_nothing_of_their_account_that_they_may_not_read),
        TEST(a_value_is_told_only_of_fields_and_rows_that_may_be_read),
        TEST(rules_do_not_bind_whoever_owns_the_database),
    };
    return cmocka_run_group_tests_name("model/policy", tests, NULL, NULL);
}
