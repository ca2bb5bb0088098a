/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

struct mistake {
    const char *text;
    unsigned column;
    const char *report;
};

static const struct mistake in_rules[] = {
    {"nmae == 'a'", 1, "unknown field \"nmae\" | did you mean \"name\"?"},
    {"volumen > 1", 1, "unknown field \"volumen\" | did you mean \"volume\"?"},
    {"xyzzy == 1", 1, "unknown field \"xyzzy\""},
    {"closesAt == null", 1, "unknown field \"closesAt\" | did you mean \"closes_at\"?"},
    {"creator.nmae == 'a'", 9, "unknown field \"nmae\" | did you mean \"name\"?"},
    {"status.x == 1", 1, "\"status\" is not a reference: a path ends there"},
    {"creator.password == 'a'", 9, "\"password\" is a password: it cannot be compared"},
    {"creator.team.owner.team.owner.name == 'a'", 25, "\"owner\" is one reference too far: a path crosses 4 at most"},
    {"creator.team.name == 'a' && creator.team.owner.name == 'b'", 29, "the expression crosses more than 4 references"},
    {"status == 'actve'", 11,
     "\"status\" (enum): \"actve\" must be one of draft, active, closed | did you mean 'active'?"},
    {"'gone' == status", 1, "\"status\" (enum): \"gone\" must be one of draft, active, closed"},
    {"status in ['draft', 'open']", 21, "\"status\" (enum): \"open\" must be one of draft, active, closed"},
    {"name == 5", 9, "cannot compare \"name\" (text) with a number | put the value in quotes"},
    {"clicks == '5'", 11, "cannot compare \"clicks\" (int) with a text | write the number without quotes"},
    {"clicks == 1.5", 11, "\"clicks\" (int): \"1.5\" must be a whole number"},
    {"clicks == 9223372036854775808", 11, "\"clicks\" (int): \"9223372036854775808\" must fit in 64 bits"},
    {"volume == 1.234", 11, "\"volume\" (decimal): \"1.234\" is more exact than 2 decimals"},
    {"volume == 12345678901234567", 11,
     "\"volume\" (decimal): \"12345678901234567\" has more than 16 digits before the point"},
    {"is_open == 'true'", 12, "cannot compare \"is_open\" (bool) with a text | write true or false, without quotes"},
    {"is_open == 1", 12, "cannot compare \"is_open\" (bool) with a number | write true or false"},
    {"name == true", 9, "cannot compare \"name\" (text) with a bool"},
    {"name == clicks", 6, "cannot compare \"name\" (text) with \"clicks\" (int)"},
    {"closes_at < now - 7d && name < now", 30, "cannot compare \"name\" (text) with now (datetime)"},
    {"closes_at < '2026-01-31'", 13,
     "\"closes_at\" (datetime): \"2026-01-31\" must be a date and time with an offset as 2026-01-31T12:00:00Z"},
    {"opens_on < 'tomorrow'", 12, "\"opens_on\" (date): \"tomorrow\" must be a date as 2026-01-31"},
    {"code == 'x'", 9, "\"code\" (uuid): \"x\" must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057"},
    {"creator == 5", 12, "cannot compare \"creator\" (users) with a number | put the value in quotes"},
    {"creator == id", 9,
     "cannot compare ids of users with ids of markets | ids of different resources are never the same"},
    {"is_open < true", 9, "\"is_open\" (bool) has no order | use == or !="},
    {"meta == 'x'", 1, "\"meta\" (json) can only be compared with null"},
    {"tags == 'x'", 1, "\"tags\" (list) can only be compared with null | ask for a member with ~"},
    {"meta in ['x']", 1, "\"meta\" (json) can only be compared with null"},
    {"'a' in tags", 8,
     "\"tags\" (list) is not a list: in takes a list of values or a set | ask for a member of a list field with ~"},
    {"'a' in name", 8,
     "\"name\" (text) is not a list: in takes a list of values or a set | as in status in ['a', 'b']"},
    {"name == ['a']", 9, "a list stands only on the right of in | as in status in ['a', 'b']"},
    {"clicks like '1*'", 8, "\"clicks\" (int) is no text: like looks into texts | compare it with == != < <= > >="},
    {"code ~ 'a'", 6, "\"code\" (uuid) is no text: ~ looks into texts and lists | compare it with == or !="},
    {"name ~ 5", 6, "a number is no text: ~ looks into texts and lists | compare it with == or !="},
    {"tags ~ 5", 8, "cannot compare \"tags\" (list) with a number | put the value in quotes"},
    {"sizes ~ 'a'", 9, "cannot compare \"sizes\" (list) with a text | write the number without quotes"},
    {"tags ~ clicks", 6, "cannot compare \"tags\" (list) with \"clicks\" (int)"},
    {"prices ~ 1", 8, "\"prices\" (list) holds decimals: ~ cannot look into it"},
    {"name", 1, "\"name\" (text) is not a condition | compare it, as in status == 'active'"},
    {"'a'", 1, "a text is not a condition | compare it, as in status == 'active'"},
    {"null || true", 1, "null is not a condition | compare it, as in status == 'active'"},
    {"now", 1, "now (datetime) is not a condition | compare it, as in status == 'active'"},
    {"['a']", 1, "a list stands only on the right of in | as in status in ['a', 'b']"},
    {"positions", 1, "\"positions\" is a set of rows: it stands only on the right of in | as in auth.id in positions"},
    {"positions.user == auth.id", 1,
     "\"positions.user\" is a set of rows: it stands only on the right of in | as in auth.id in positions.user"},
    {"creator.team.members.user != null", 1,
     "\"creator.team.members.user\" is a set of rows: it stands only on the right of in | as in auth.id in "
     "creator.team.members.user"},
    {"clicks in positions.user", 8, "cannot compare \"clicks\" (int) with \"positions.user\" (users)"},
    {"input.name == 'a'", 1, "there is no input here | input.<field> stands in create and update rules"},
    {"auth == 'a'", 1, "auth takes a field | as in auth.id"},
    {"auth.nmae == 'a'", 6, "unknown field \"nmae\" | did you mean \"name\"?"},
    {"auth.team.name == 'a'", 11, "\"name\" is one level too far: auth.<field> is all there is"},
    {"auth.password == 'a'", 6, "\"password\" is a password: it cannot be compared"},
    {"auth.role == 'boss'", 14, "\"auth.role\" (enum): \"boss\" must be one of user, manager, admin"},
    {"'a' == 1", 8, "cannot compare a text with a number | put the value in quotes"},
    {"((clicks > 1) == is_open) == is_open", 10,
     "a comparison of conditions stands inside another | join conditions with && and ||"},
    {"is_open == !(is_open || is_open != (clicks > 1))", 44,
     "a comparison of conditions stands inside another | join conditions with && and ||"},
    {"(clicks > 1) == 2", 17, "cannot compare a condition with a number | write true or false"},
};

static const struct mistake in_filters[] = {
    {"closes_at == null", 1, "unknown field \"closes_at\" (at position 1) | did you mean \"closesAt\"?"},
    {"note == 'a'", 1, "unknown field \"note\" (at position 1)"},
    {"notes == 'a'", 1, "unknown field \"notes\" (at position 1)"},
    {"creator.secret == 'a'", 1, "unknown field \"secret\" (at position 9)"},
    {"creator.password == 'a'", 1, "unknown field \"password\" (at position 9)"},
    {"input.name == 'a'", 1, "unknown field \"input\" (at position 1)"},
    {"site == 'a'", 1, "unknown field \"site\" (at position 1)"},
};

static const struct mistake in_conditions[] = {
    {"closes_at > now", 13, "a condition does not change with time: there is no now | compare with a fixed date"},
    {"creator == auth.id", 12, "a condition knows no caller | name a field of the row itself"},
    {"role('admin')", 1, "a condition knows no caller | name a field of the row itself"},
    {"creator.active", 1, "a condition sees only its own row | name a field of the row itself"},
    {"name ~ 'a'", 6, "a condition cannot use ~ | use == or in"},
    {"name like 'a*'", 6, "a condition cannot use like | use == or in"},
};

static void expect(const struct mistake *mistakes, size_t count, enum expr_use use)
{
    static const uint64_t all_but_site[] = {~(UINT64_C(1) << 12)};
    struct support support;
    support_init(&support);
    if (use == EXPR_FILTER)
        support.reads[SUPPORT_MARKETS].fields = all_but_site;
    for (size_t i = 0; i < count; i++) {
        support_clear(&support);
        if (support_expr(&support, SUPPORT_MARKETS, use, mistakes[i].text))
            fail_msg("accepted: %s", mistakes[i].text);
        const char *report = support_report(&support);
        if (strcmp(report, mistakes[i].report) != 0)
            fail_msg("%s: %s", mistakes[i].text, report);
        if (use != EXPR_FILTER && support.diag.first->place.column != mistakes[i].column)
            fail_msg("%s: column %u", mistakes[i].text, support.diag.first->place.column);
        assert_int_equal(support.diag.count, 1);
    }
    support_fini(&support);
}

static void a_rule_with_a_mistake_is_told_where_what_and_how_to_help(void **state)
{
    expect(in_rules, ARRAY_LEN(in_rules), EXPR_RULE);
}

static void a_filter_knows_json_names_and_nothing_hidden(void **state)
{
    expect(in_filters, ARRAY_LEN(in_filters), EXPR_FILTER);
}

static void a_condition_of_an_index_sees_only_its_row(void **state)
{
    expect(in_conditions, ARRAY_LEN(in_conditions), EXPR_CONDITION);
}

static void a_relation_over_a_hidden_reference_is_neither_found_nor_suggested(void **state)
{
    struct support support;
    support_init(&support);
    assert_non_null(support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, "auth.id in positions.user"));
    struct field *via = arena_alloc(&support.arena, sizeof *via);
    struct relation *relation = arena_alloc(&support.arena, sizeof *relation);
    *relation = support.resources[SUPPORT_MARKETS].relations[0];
    *via = *relation->via;
    via->flags |= FIELD_HIDDEN;
    relation->via = via;
    support.resources[SUPPORT_MARKETS].relations = relation;
    assert_null(support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, "auth.id in positions.user"));
    assert_string_equal(support_report(&support), "unknown field \"positions\" (at position 12)");
    assert_non_null(support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "auth.id in positions.user"));
    support_fini(&support);
}

static void all_mistakes_are_reported_at_once(void **state)
{
    struct support support;
    support_init(&support);
    assert_null(
        support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "nmae == 'a' && status == 'x' || !clicks || 1 in name"));
    assert_int_equal(support.diag.count, 4);
    support_fini(&support);
}

static void what_is_right_is_accepted(void **state)
{
    static const char *const rules[] = {
        "true",
        "!false",
        "is_open",
        "status != 'draft' || creator == auth.id",
        "creator.team.owner == auth.id",
        "auth.id in positions.user",
        "auth.id in creator.team.members.user",
        "creator in creator.team.users.id || true",
        "null == meta",
        "tags != null",
        "tags ~ name",
        "mails ~ 'a'",
        "5 < clicks",
        "clicks in [1, 2]",
        "volume > fee && fee > clicks && rating > volume",
        "opens_on < now",
        "opens_on < closes_at",
        "-1.50 < volume",
        "code == '01890A5D-AC96-774B-BCCE-B302099A8057'",
        "creator == creator.id",
        "auth.role == 'admin'",
        "contact == name",
        "(clicks > 1) == is_open",
        "note == 'a'",
        "auth.id == null",
        "1 == 1",
        "'a' in ['a', 'b']",
        "now - 1d < '2026-01-31T12:00:00+02:00'",
        "can('a:b') == false",
        "name < null",
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (!support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, rules[i]))
            fail_msg("%s: %s", rules[i], support_report(&support));
    support_fini(&support);
}

static void without_accounts_auth_is_null_of_any_type(void **state)
{
    static const char *const rules[] = {"creator == auth.id",       "name == auth.id",       "auth.level > 3",
                                        "auth.role == 'x'",         "auth.id in ['a', 'b']", "auth.flag",
                                        "auth.id in positions.user"};
    struct support support;
    const struct expr_context context = {.caller = NULL};
    support_init(&support);
    support.schema.account = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, rules[i]);
        assert_non_null(expr);
        assert_int_equal(expr_decide(expr, &context), EXPR_FALSE);
    }
    assert_null(support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "name in auth.id"));
    support_fini(&support);
}

static void input_is_known_where_there_is_one(void **state)
{
    struct support support;
    struct expr *expr;
    support_init(&support);
    const struct expr_scope scope = {&support.schema, &support.resources[SUPPORT_MARKETS], EXPR_RULE, true};
    const struct place place = {.file = "app.yaml", .line = 1, .column = 1};
    assert_int_equal(
        expr_parse(SLICE("input.status == 'draft' && input.nmae == 1"), place, &support.arena, &support.diag, &expr),
        OK);
    assert_int_equal(expr_check(expr, &scope, &support.diag), ERROR_VALIDATION);
    assert_int_equal(support.diag.count, 1);
    assert_string_equal(support_report(&support), "unknown field \"nmae\" | did you mean \"name\"?");
    assert_int_equal(support.diag.first->place.column, 34);
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_with_a_mistake_is_told_where_what_and_how_to_help),
        cmocka_unit_test(a_filter_knows_json_names_and_nothing_hidden),
        cmocka_unit_test(a_condition_of_an_index_sees_only_its_row),
        cmocka_unit_test(a_relation_over_a_hidden_reference_is_neither_found_nor_suggested),
        cmocka_unit_test(all_mistakes_are_reported_at_once),
        cmocka_unit_test(what_is_right_is_accepted),
        cmocka_unit_test(without_accounts_auth_is_null_of_any_type),
        cmocka_unit_test(input_is_known_where_there_is_one),
    };
    return cmocka_run_group_tests_name("model/expr_check", tests, NULL, NULL);
}
