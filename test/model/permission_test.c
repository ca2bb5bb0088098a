/* SPDX-License-Identifier: Apache-2.0 */
#include "model/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bits.h"
#include "model/support.h"

static void patterns_are_a_star_a_name_or_a_name_with_a_star_for_a_part(void **state)
{
    static const struct {
        const char *text;
        bool is_pattern, is_name;
    } rows[] = {
        {"*", true, false},
        {"markets:read", true, true},
        {"markets:*", true, false},
        {"*:read", true, false},
        {"*:*", true, false},
        {"a-b.c_1:D", true, true},
        {"", false, false},
        {"markets", false, false},
        {"markets:", false, false},
        {":read", false, false},
        {"markets:re*", false, false},
        {"a:b:c", false, false},
        {"markets :read", false, false},
        {"markets:r\xc3\xa9", false, false},
        {"**", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = slice_from(rows[i].text);
        if (permission_is_pattern(text) != rows[i].is_pattern || permission_is_name(text) != rows[i].is_name)
            fail_msg("\"%s\"", rows[i].text);
    }
}

static void patterns_hold_for_the_names_they_say(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool holds;
    } rows[] = {
        {"*", "markets:read", true},           {"markets:*", "markets:read", true},
        {"*:read", "markets:read", true},      {"markets:read", "markets:read", true},
        {"markets:*", "marketsx:read", false}, {"*:read", "markets:reads", false},
        {"market:*", "markets:read", false},   {"markets:read", "markets:create", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (permission_matches(slice_from(rows[i].pattern), slice_from(rows[i].name)) != rows[i].holds)
            fail_msg("%s of %s", rows[i].pattern, rows[i].name);
}

static void permissions_of_resources_and_of_what_rules_ask_for_are_counted_once(void **state)
{
    struct support support;
    support_init(&support);
    const struct schema *schema = &support.schema;
    assert_int_equal(schema->permission_count, SUPPORT_RESOURCES * ACTION_COUNT);
    assert_true(slice_eq_text(schema->permissions[permission_of(&support.resources[SUPPORT_MARKETS], ACTION_UPDATE)],
                              "markets:update"));
    assert_non_null(support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "can('markets:read') || can('reports:view')"));
    assert_non_null(support_expr(&support, SUPPORT_TEAMS, EXPR_CALLER, "can('reports:view') || can('reports:make')"));
    assert_int_equal(schema->permission_count, SUPPORT_RESOURCES * ACTION_COUNT + 2);
    assert_int_equal(permission_find(schema, SLICE("reports:view")), SUPPORT_RESOURCES * ACTION_COUNT);
    assert_int_equal(permission_find(schema, SLICE("reports:lose")), schema->permission_count);
    assert_non_null(support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, "can('of:nobody')"));
    assert_int_equal(schema->permission_count, SUPPORT_RESOURCES * ACTION_COUNT + 2);
    support_fini(&support);
}

static void a_list_of_patterns_is_the_set_of_all_that_they_hold_for(void **state)
{
    struct support support;
    support_init(&support);
    const struct caller caller = support_caller(&support, NULL, "markets:* *:read", "");
    for (unsigned i = 0; i < SUPPORT_RESOURCES; i++)
        for (unsigned action = 0; action < ACTION_COUNT; action++) {
            unsigned number = permission_of(&support.resources[i], (enum action)action);
            assert_int_equal(bits_has(caller.held, number), i == SUPPORT_MARKETS || action == ACTION_READ);
            assert_false(bits_has(caller.scopes, number));
        }
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_a_star_a_name_or_a_name_with_a_star_for_a_part),
        cmocka_unit_test(patterns_hold_for_the_names_they_say),
        cmocka_unit_test(permissions_of_resources_and_of_what_rules_ask_for_are_counted_once),
        cmocka_unit_test(a_list_of_patterns_is_the_set_of_all_that_they_hold_for),
    };
    return cmocka_run_group_tests_name("model/permission", tests, NULL, NULL);
}
