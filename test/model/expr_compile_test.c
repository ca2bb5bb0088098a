/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

#define ANN "00000000-0000-7000-8000-000000000001"

static const struct caller ann = {.is_signed_in = true, .id = {.kind = VALUE_TEXT, .text = SLICE_INIT(ANN)}};
static const struct caller nobody = {.is_signed_in = false};

/* The SQL with its arguments behind it: "t0.\"a\" = ?1 <x>". */
static const char *sql_of(struct support *support, const struct expr *expr, const struct caller *caller)
{
    const struct expr_context context = {.caller = caller, .now_us = INT64_C(1767830400000000)};
    unsigned next_alias = 1;
    struct sql sql;
    sql_init(&sql, &support->arena, DIALECT_SQLITE);
    expr_compile(expr, &context, 0, &next_alias, &sql);
    for (size_t i = 0; i < sql.count; i++) {
        const struct value *value = &sql.arguments[i];
        if (value->kind == VALUE_TEXT)
            buf_printf(&sql.text, " <%.*s>", SLICE_ARG(value->text));
        else if (value->kind == VALUE_INT)
            buf_printf(&sql.text, " <%lld>", (long long)value->integer);
        else
            buf_printf(&sql.text, " <%g>", value->kind == VALUE_FLOAT ? value->number : 0);
    }
    assert_int_equal(sql_finish(&sql), OK);
    const char *text = arena_text(&support->arena, buf_slice(&sql.text));
    sql_fini(&sql);
    return text;
}

struct row {
    const char *text, *sql;
};

static void expect(struct support *support, enum expr_use use, const struct caller *caller, const struct row *rows,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct expr *expr = support_expr(support, SUPPORT_MARKETS, use, rows[i].text);
        if (!expr)
            fail_msg("%s: %s", rows[i].text, support_report(support));
        assert_string_equal(sql_of(support, expr, caller), rows[i].sql);
    }
}

static void conditions_become_plain_comparisons(void **state)
{
    static const struct row rows[] = {
        {"status == 'active'", "t0.\"status\" = ?1 <active>"},
        {"'active' != status", "?1 <> t0.\"status\" <active>"},
        {"volume >= 12.5", "t0.\"volume\" >= ?1 <1250>"},
        {"is_open", "t0.\"is_open\" = 1"},
        {"!is_open", "NOT coalesce(t0.\"is_open\" = 1, 0)"},
        {"is_open == true", "t0.\"is_open\" = ?1 <1>"},
        {"meta == null", "t0.\"meta\" IS NULL"},
        {"null != meta", "t0.\"meta\" IS NOT NULL"},
        {"name < null", "0"},
        {"clicks == 1 && (name == 'a' || name == 'b')",
         "((t0.\"name\" = ?1 OR t0.\"name\" = ?2) AND t0.\"clicks\" = ?3) <a> <b> <1>"},
        {"!(clicks == 1 && name == 'a')",
         "(NOT coalesce(t0.\"clicks\" = ?1, 0) OR NOT coalesce(t0.\"name\" = ?2, 0)) <1> <a>"},
        {"status in ['draft', 'closed']", "t0.\"status\" IN (?1, ?2) <draft> <closed>"},
        {"contact == 'Ann@X.org'", "t0.\"contact\" COLLATE NOCASE = ?1 <Ann@X.org>"},
        {"contact in ['a']", "t0.\"contact\" COLLATE NOCASE IN (?1) <a>"},
        {"name ~ 'a' && name like '*b'", "(tn_contains(t0.\"name\", ?1) AND tn_like(t0.\"name\", ?2)) <a> <*b>"},
        {"tags ~ 'a'", "EXISTS (SELECT 1 FROM json_each(t0.\"tags\") AS t1 WHERE t1.value = ?1) <a>"},
        {"closes_at > now - 7d", "t0.\"closes_at\" > ?1 <2026-01-01T00:00:00.000000Z>"},
        {"closes_at > '2026-01-01T02:00:00+02:00'", "t0.\"closes_at\" > ?1 <2026-01-01T00:00:00.000000Z>"},
        {"code == '01890A5D-AC96-774B-BCCE-B302099A8057'", "t0.\"code\" = ?1 <01890a5d-ac96-774b-bcce-b302099a8057>"},
        {"opens_on < closes_at", "(t0.\"opens_on\" || 'T00:00:00.000000Z') < t0.\"closes_at\""},
        {"volume > fee", "(t0.\"volume\" * 100) > t0.\"fee\""},
        {"rating > volume", "t0.\"rating\" > (t0.\"volume\" / 100.0)"},
        {"clicks < volume", "(t0.\"clicks\" * 100) < t0.\"volume\""},
        {"(clicks > 1) == is_open", "coalesce(t0.\"clicks\" > ?1, 0) = t0.\"is_open\" <1>"},
    };
    struct support support;
    support_init(&support);
    expect(&support, EXPR_RULE, &ann, rows, ARRAY_LEN(rows));
    support_fini(&support);
}

static void what_is_decided_never_reaches_the_database(void **state)
{
    static const struct row without_caller[] = {
        {"true", "1"},
        {"false || clicks == 1", "(t0.\"clicks\" = ?1) <1>"},
        {"creator == auth.id", "0"},
        {"!(creator == auth.id)", "1"},
        {"auth.id == null", "1"},
        {"status == 'draft' || creator == auth.id", "(t0.\"status\" = ?1) <draft>"},
        {"status == 'draft' && role('admin')", "0"},
        {"status == 'draft' || !can('x:y')", "1"},
        {"auth.id in positions.user", "0"},
        {"auth.level > 1 || auth.role == 'user'", "0"},
        {"now > '2026-01-01T00:00:00Z' && is_open", "(t0.\"is_open\" = 1)"},
    };
    static const struct row with_caller[] = {
        {"creator == auth.id", "t0.\"creator\" = ?1 <" ANN ">"},
        {"auth.id == null || is_open", "(t0.\"is_open\" = 1)"},
        {"auth.id != null", "1"},
    };
    struct support support;
    support_init(&support);
    expect(&support, EXPR_RULE, &nobody, without_caller, ARRAY_LEN(without_caller));
    expect(&support, EXPR_RULE, &ann, with_caller, ARRAY_LEN(with_caller));
    const struct expr_context context = {.caller = &nobody};
    assert_string_equal(sql_of(&support, NULL, &nobody), "1");
    assert_int_equal(expr_decide(NULL, &context), EXPR_TRUE);
    support_fini(&support);
}

static void paths_become_subqueries_and_sets_become_exists(void **state)
{
    static const struct row rows[] = {
        {"creator.level == 3", "(SELECT t1.\"level\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\") = ?1 <3>"},
        {"creator.team.name == null",
         "(SELECT t2.\"name\" FROM \"users\" AS t1, \"teams\" AS t2 WHERE t1.\"id\" = t0.\"creator\" AND t2.\"id\" = "
         "t1.\"team\") IS NULL"},
        {"auth.id in positions.user",
         "EXISTS (SELECT 1 FROM \"positions\" AS t1 WHERE t1.\"market\" = t0.\"id\" AND t1.\"user\" = ?1) <" ANN ">"},
        {"creator in creator.team.members.user",
         "EXISTS (SELECT 1 FROM \"users\" AS t1, \"teams\" AS t2, \"members\" AS t3 WHERE t1.\"id\" = t0.\"creator\" "
         "AND "
         "t2.\"id\" = t1.\"team\" AND t3.\"team\" = t2.\"id\" AND t3.\"user\" = t0.\"creator\")"},
        {"creator.level == creator.level",
         "(SELECT t1.\"level\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\") = (SELECT t2.\"level\" FROM "
         "\"users\" AS t2 WHERE t2.\"id\" = t0.\"creator\")"},
    };
    struct support support;
    support_init(&support);
    support_read_rule(&support, SUPPORT_USERS, NULL);
    expect(&support, EXPR_RULE, &ann, rows, ARRAY_LEN(rows));
    support_fini(&support);
}

static void a_filter_sees_null_behind_rows_that_its_caller_may_not_read(void **state)
{
    static const struct row ruled[] = {
        {"creator.level == 3",
         "(SELECT t1.\"level\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\" AND (t1.\"active\" = ?1 OR "
         "(SELECT t2.\"owner\" FROM \"teams\" AS t2 WHERE t2.\"id\" = t1.\"team\") = ?2)) = ?3 <1> <" ANN "> <3>"},
        {"isOpen && creator.team.name == 'a'", "0"},
        {"creator.team.name == null", "1"},
        {"isOpen || creator in creator.team.members.user", "(t0.\"is_open\" = 1)"},
    };
    static const struct row open[] = {
        {"creator.level == 3", "(SELECT t1.\"level\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\") = ?1 <3>"},
    };
    struct support support;
    support_init(&support);
    support_read_rule(&support, SUPPORT_USERS, "active == true || team.owner == auth.id");
    support_read_rule(&support, SUPPORT_TEAMS, NULL);
    expect(&support, EXPR_FILTER, &ann, ruled, ARRAY_LEN(ruled));
    support_read_rule(&support, SUPPORT_USERS, "auth.id != null");
    expect(&support, EXPR_FILTER, &ann, open, ARRAY_LEN(open));
    support_fini(&support);
}

static void whatever_a_literal_holds_the_statement_is_the_same(void **state)
{
    static const char *const attacks[] = {
        "'\\' OR 1=1 --'",
        "\"' OR ''='\"",
        "\"'; DROP TABLE users; --\"",
        "'\\\" OR \\\"\\\"=\\\"'",
        "'/* */'",
        "'?1'",
        "'%s%n'",
        "'\\\\'",
        "'\\u0027 OR 1=1'",
        "'t0.\\\"note\\\"'",
        "'*'",
        "'\\n;\\n'",
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        const char *text = arena_printf(&support.arena, "name == %s || name in [%s] || name ~ %s || tags ~ %s",
                                        attacks[i], attacks[i], attacks[i], attacks[i]);
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, text);
        assert_non_null(expr);
        static const char wanted[] =
            "(t0.\"name\" = ?1 OR t0.\"name\" IN (?2) OR tn_contains(t0.\"name\", ?3) OR EXISTS (SELECT 1 FROM "
            "json_each(t0.\"tags\") AS t1 WHERE t1.value = ?4)) <";
        assert_memory_equal(sql_of(&support, expr, &nobody), wanted, sizeof wanted - 1);
    }
    support_fini(&support);
}

static void names_come_from_the_schema_only(void **state)
{
    static const char *const attacks[] = {"name\" == 'a'", "t0.name == 'a'", "sqlite_master == 'a'", "rowid == 1",
                                          "name;",         "name-- == 'a'",  "(SELECT 1) == 1",      "name/**/ == 'a'"};
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
        assert_null(support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, attacks[i]));
    support_fini(&support);
}

static void the_condition_of_an_index_has_its_literals_inside(void **state)
{
    static const struct row rows[] = {
        {"status == 'active'", "\"status\" = 'active'"},
        {"name != 'it\\'s' && volume > -1.5", "(\"name\" <> 'it''s' AND \"volume\" > -150)"},
        {"clicks in [1, 2] || !is_open", "(NOT coalesce(\"is_open\" = 1, 0) OR \"clicks\" IN (1, 2))"},
        {"closes_at == null", "\"closes_at\" IS NULL"},
        {"rating > 2.5", "\"rating\" > 2.50000000000000000e+00"},
    };
    struct support support;
    struct sql sql;
    support_init(&support);
    sql_init(&sql, &support.arena, DIALECT_SQLITE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct expr *expr = support_expr(&support, SUPPORT_MARKETS, EXPR_CONDITION, rows[i].text);
        assert_non_null(expr);
        sql_clear(&sql);
        expr_compile_condition(expr, &sql);
        assert_string_equal(arena_text(&support.arena, buf_slice(&sql.text)), rows[i].sql);
        assert_int_equal(sql.count, 0);
    }
    sql_fini(&sql);
    support_fini(&support);
}

static void a_sort_path_is_guarded_like_a_filter(void **state)
{
    static const struct {
        const char *path, *sql;
    } rows[] = {
        {"closesAt", "t0.\"closes_at\""},
        {"creator", "t0.\"creator\""},
        {"creator.name", "(SELECT t1.\"name\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\" AND 0)"},
        {"creator.team.name", "NULL"},
    };
    struct support support;
    struct sql sql;
    const struct expr_context context = {.caller = &nobody};
    support_init(&support);
    support_read_rule(&support, SUPPORT_USERS, "id == auth.id");
    support_read_rule(&support, SUPPORT_TEAMS, NULL);
    sql_init(&sql, &support.arena, DIALECT_SQLITE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned next_alias = 1;
        struct expr_path path;
        assert_int_equal(expr_resolve_path(&support.resources[SUPPORT_MARKETS], NULL, slice_from(rows[i].path),
                                           &support.diag, &path),
                         OK);
        sql_clear(&sql);
        expr_compile_path(&path, &context, 0, &next_alias, &sql);
        assert_string_equal(arena_text(&support.arena, buf_slice(&sql.text)), rows[i].sql);
    }
    sql_fini(&sql);
    support_fini(&support);
}

static void a_path_that_does_not_resolve_is_named(void **state)
{
    static const struct {
        const char *path, *report;
    } rows[] = {
        {"", "\"\" is no field"},
        {"creator.", "unknown field \"\""},
        {"clciks", "unknown field \"clciks\" | did you mean \"clicks\"?"},
        {"note", "unknown field \"note\""},
        {"creator.secret", "unknown field \"secret\""},
        {"positions.size", "\"positions.size\" is a set of rows | use it in where=, on the right of in"},
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct expr_path path;
        support_clear(&support);
        assert_int_equal(expr_resolve_path(&support.resources[SUPPORT_MARKETS], NULL, slice_from(rows[i].path),
                                           &support.diag, &path),
                         ERROR_VALIDATION);
        assert_string_equal(support_report(&support), rows[i].report);
        assert_string_equal(support.diag.first->field, rows[i].path);
    }
    support_fini(&support);
}

static void both_of_two_is_their_conjunction(void **state)
{
    struct support support;
    support_init(&support);
    const struct expr *rule = support_expr(&support, SUPPORT_MARKETS, EXPR_RULE, "creator.active");
    const struct expr *filter = support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, "clicks == 1 || isOpen");
    assert_ptr_equal(expr_and(rule, NULL, &support.arena), rule);
    assert_ptr_equal(expr_and(NULL, filter, &support.arena), filter);
    assert_null(expr_and(NULL, NULL, &support.arena));
    const struct expr *both = expr_and(expr_and(rule, filter, &support.arena), filter, &support.arena);
    assert_string_equal(
        sql_of(&support, both, &ann),
        "((t0.\"clicks\" = ?1 OR t0.\"is_open\" = 1) AND (SELECT t1.\"active\" FROM \"users\" AS t1 WHERE "
        "t1.\"id\" = t0.\"creator\") = 1 AND (t0.\"clicks\" = ?2 OR t0.\"is_open\" = 1)) <1> <1>");
    assert_string_equal(sql_of(&support, filter, &ann), "(t0.\"clicks\" = ?1 OR t0.\"is_open\" = 1) <1>");
    struct arena none;
    arena_init(&none, 0);
    assert_null(expr_and(rule, filter, &none));
    support_fini(&support);
}

static void nesting_costs_no_parentheses_and_opposites_go_to_the_leaves(void **state)
{
    const struct {
        const char *text, *sql;
    } rows[] = {
        {"!!!!isOpen", "t0.\"is_open\" = 1"},
        {"!!!isOpen", "NOT coalesce(t0.\"is_open\" = 1, 0)"},
        {"!(isOpen && !(clicks == 1 || isOpen))",
         "((t0.\"clicks\" = ?1 OR t0.\"is_open\" = 1) OR NOT coalesce(t0.\"is_open\" = 1, 0)) <1>"},
        {"isOpen && (isOpen && (isOpen && isOpen))",
         "(t0.\"is_open\" = 1 AND t0.\"is_open\" = 1 AND t0.\"is_open\" = 1 AND t0.\"is_open\" = 1)"},
        {"isOpen || (clicks == 1 && (isOpen || clicks == 2))",
         "(((t0.\"is_open\" = 1 OR t0.\"clicks\" = ?1) AND t0.\"clicks\" = ?2) OR t0.\"is_open\" = 1) <2> <1>"},
    };
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(sql_of(&support, support_expr(&support, SUPPORT_MARKETS, EXPR_FILTER, rows[i].text), &ann),
                            rows[i].sql);
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_costs_no_parentheses_and_opposites_go_to_the_leaves),
        cmocka_unit_test(conditions_become_plain_comparisons),
        cmocka_unit_test(what_is_decided_never_reaches_the_database),
        cmocka_unit_test(paths_become_subqueries_and_sets_become_exists),
        cmocka_unit_test(a_filter_sees_null_behind_rows_that_its_caller_may_not_read),
        cmocka_unit_test(whatever_a_literal_holds_the_statement_is_the_same),
        cmocka_unit_test(names_come_from_the_schema_only),
        cmocka_unit_test(the_condition_of_an_index_has_its_literals_inside),
        cmocka_unit_test(a_sort_path_is_guarded_like_a_filter),
        cmocka_unit_test(a_path_that_does_not_resolve_is_named),
        cmocka_unit_test(both_of_two_is_their_conjunction),
    };
    return cmocka_run_group_tests_name("model/expr_compile", tests, NULL, NULL);
}
