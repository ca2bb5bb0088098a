/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/support.h"

struct filter {
    const char *path, *operator, * text, *expected; /* SQL with its arguments, or "field: message" */
};

static const struct filter accepted[] = {
    {"status", "", "active", "t0.\"status\" = ?1 <active>"},
    {"status", "eq", "active", "t0.\"status\" = ?1 <active>"},
    {"status", "ne", "active", "t0.\"status\" <> ?1 <active>"},
    {"volume", "gte", "10", "t0.\"volume\" >= ?1 <1000>"},
    {"volume", "gt", "-0.5", "t0.\"volume\" > ?1 <-50>"},
    {"clicks", "lt", "7", "t0.\"clicks\" < ?1 <7>"},
    {"clicks", "lte", "7", "t0.\"clicks\" <= ?1 <7>"},
    {"isOpen", "", "true", "t0.\"is_open\" = ?1 <1>"},
    {"closesAt", "lt", "2026-01-01T00:00:00+01:00", "t0.\"closes_at\" < ?1 <2025-12-31T23:00:00.000000Z>"},
    {"opensOn", "", "2026-01-01", "t0.\"opens_on\" = ?1 <2026-01-01>"},
    {"contact", "", "Ann@x.org", "t0.\"contact\" COLLATE NOCASE = ?1 <Ann@x.org>"},
    {"name", "", "", "t0.\"name\" = ?1 <>"},
    {"name", "like", "*a*", "tn_like(t0.\"name\", ?1) <*a*>"},
    {"name", "", "' OR 1=1 --", "t0.\"name\" = ?1 <' OR 1=1 -->"},
    {"name", "in", "a,\"b,c\",\"d\"\"e\",", "t0.\"name\" IN (?1, ?2, ?3, ?4) <a> <b,c> <d\"e> <>"},
    {"status", "nin", "draft,closed",
     "(NOT coalesce(t0.\"status\" IN (?1, ?2), 0) AND t0.\"status\" IS NOT NULL) <draft> <closed>"},
    {"meta", "null", "true", "t0.\"meta\" IS NULL"},
    {"tags", "null", "false", "t0.\"tags\" IS NOT NULL"},
    {"creator", "", "00000000-0000-7000-8000-00000000000A",
     "t0.\"creator\" = ?1 <00000000-0000-7000-8000-00000000000a>"},
    {"creator.level", "gt", "2",
     "(SELECT t1.\"level\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\") > ?1 <2>"},
    {"creator.role", "in", "admin",
     "(SELECT t1.\"role\" FROM \"users\" AS t1 WHERE t1.\"id\" = t0.\"creator\") IN (?1) <admin>"},
};

static const struct filter refused[] = {
    {"stauts", "", "a", "stauts: unknown field \"stauts\" | did you mean \"status\"?"},
    {"closes_at", "", "a", "closes_at: unknown field \"closes_at\" | did you mean \"closesAt\"?"},
    {"note", "", "a", "note: unknown field \"note\""},
    {"creator.password", "", "a", "creator.password: unknown field \"password\""},
    {"status", "is", "a", "status[is]: unknown operator | known are eq ne gt gte lt lte in nin like null"},
    {"status", "", "gone", "status: must be one of draft, active, closed"},
    {"status", "in", "draft,gone", "status[in]: must be one of draft, active, closed"},
    {"clicks", "gte", "1.5", "clicks[gte]: must be a whole number"},
    {"clicks", "", "", "clicks: must be a whole number"},
    {"rating", "", "much", "rating: must be a number"},
    {"volume", "", "1.234", "volume: is more exact than 2 decimals"},
    {"isOpen", "", "yes", "isOpen: must be true or false"},
    {"isOpen", "gt", "true", "isOpen[gt]: a field of type bool has no order"},
    {"code", "", "x", "code: must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057"},
    {"creator", "", "5", "creator: must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057"},
    {"opensOn", "", "2026-02-30", "opensOn: must be a date as 2026-01-31"},
    {"clicks", "like", "1*", "clicks[like]: a field of type int is no text: like looks into texts"},
    {"meta", "", "x", "meta: a field of type json takes no operator but [null]"},
    {"tags", "in", "x", "tags[in]: a field of type list takes no operator but [null]"},
    {"name", "null", "maybe", "name[null]: must be true or false"},
    {"name", "in", "\"a", "name[in]: an item in quotes does not end | close it with \""},
    {"name", "in", "\"a\"b",
     "name[in]: text follows an item in quotes | put a comma behind it, or double the quotes inside"},
    {"name", "", "\xff", "name: must be valid UTF-8"},
    {"positions.size", "", "1",
     "positions.size: \"positions.size\" is a set of rows | use it in where=, on the right of in"},
};

static const char *sql_of(struct support *support, const struct expr *expr)
{
    const struct expr_context context = {.caller = NULL};
    unsigned next_alias = 1;
    struct sql sql;
    sql_init(&sql, &support->arena, DIALECT_SQLITE);
    expr_compile(expr, &context, 0, &next_alias, &sql);
    for (size_t i = 0; i < sql.count; i++) {
        if (sql.arguments[i].kind == VALUE_TEXT)
            buf_printf(&sql.text, " <%.*s>", SLICE_ARG(sql.arguments[i].text));
        else
            buf_printf(&sql.text, " <%lld>", (long long)sql.arguments[i].integer);
    }
    const char *text = arena_text(&support->arena, buf_slice(&sql.text));
    sql_fini(&sql);
    return text;
}

static enum error build(struct support *support, const struct filter *filter, struct expr **out)
{
    const struct expr_scope scope = {&support->schema, &support->resources[SUPPORT_MARKETS], EXPR_FILTER, false};
    support_clear(support);
    return expr_from_filter(&scope, slice_from(filter->path), slice_from(filter->operator), slice_from(filter->text),
                            &support->arena, &support->diag, out);
}

static void a_filter_of_the_query_string_becomes_bound_sql(void **state)
{
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct expr *expr = NULL;
        if (build(&support, &accepted[i], &expr) != OK)
            fail_msg("%s: %s", accepted[i].path, support_report(&support));
        assert_string_equal(sql_of(&support, expr), accepted[i].expected);
    }
    support_fini(&support);
}

static void a_wrong_filter_is_named_with_what_it_must_be(void **state)
{
    struct support support;
    support_init(&support);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct expr *expr = NULL;
        assert_int_equal(build(&support, &refused[i], &expr), ERROR_VALIDATION);
        assert_null(expr);
        assert_string_equal(arena_printf(&support.arena, "%s: %s", support.diag.first->field, support_report(&support)),
                            refused[i].expected);
    }
    support_fini(&support);
}

static void a_list_has_a_hundred_values_at_most(void **state)
{
    struct support support;
    struct expr *expr;
    char text[202];
    support_init(&support);
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 2 ? ',' : '1';
    text[199] = '\0';
    const struct filter hundred = {"clicks", "in", text, NULL};
    assert_int_equal(build(&support, &hundred, &expr), OK);
    text[199] = ',';
    text[201] = '\0';
    assert_int_equal(build(&support, &hundred, &expr), ERROR_VALIDATION);
    assert_string_equal(support_report(&support), "a list of more than 100 values");
    support_fini(&support);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_of_the_query_string_becomes_bound_sql),
        cmocka_unit_test(a_wrong_filter_is_named_with_what_it_must_be),
        cmocka_unit_test(a_list_has_a_hundred_values_at_most),
    };
    return cmocka_run_group_tests_name("model/expr_from", tests, NULL, NULL);
}
