/* SPDX-License-Identifier: Apache-2.0 */
#include "model/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

static struct arena arena;

static int begin(void **state)
{
    arena_init(&arena, 16 << 20);
    return 0;
}

static int end(void **state)
{
    arena_fini(&arena);
    return 0;
}

static struct statement parse(const char *text)
{
    struct statement statement = {0};
    struct statement_fault fault = {0};
    enum error error = statement_parse(slice_from(text), &arena, &fault, &statement);
    if (error != OK)
        fail_msg("%s: %s at %zu", text, fault.message, fault.offset);
    return statement;
}

static void each_use_of_a_name_is_a_placeholder_of_its_own(void **state)
{
    struct statement statement = parse("select :a, :b.c, :a + 1 where x = :a1_b.c_2");
    assert_string_equal(statement.sql[DIALECT_SQLITE].ptr, "select ?1, ?2, ?3 + 1 where x = ?4");
    assert_string_equal(statement.sql[DIALECT_POSTGRES].ptr, "select $1, $2, $3 + 1 where x = $4");
    static const char *const names[] = {"a", "b.c", "a", "a1_b.c_2"};
    assert_int_equal(statement.name_count, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(slice_eq_text(statement.names[i].text, names[i]));
    assert_int_equal(statement.names[1].offset, 11);
}

static void what_is_no_name_is_left_alone(void **state)
{
    static const char *const table[] = {
        "select ':a', 'it''s :a', \"q:a\", `q:a`",
        "select 1::text, x::numeric(4,2), array[1]::int[]",
        "select 1 -- :a '\n, 2",
        "select 1 /* :a ' \" */, 2",
        "select E'it\\'s :a', e'\\\\'",
        "select $$ :a ' $$, $tag$ :a $$ $tag$",
        "select x[1:2], '12:30:00', a ? b",
        "select 1; -- :a\n /* ; */ ;",
        "select 'é:a', \xC3\xA9",
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct statement statement = parse(table[i]);
        assert_string_equal(statement.sql[DIALECT_SQLITE].ptr, table[i]);
        assert_string_equal(statement.sql[DIALECT_POSTGRES].ptr, table[i]);
        assert_int_equal(statement.name_count, 0);
    }
}

static void a_backslash_ends_no_text_but_that_of_an_e(void **state)
{
    assert_int_equal(parse("select 'a\\', :a").name_count, 1);
    assert_int_equal(parse("select type'a\\', :a").name_count, 1);
    assert_int_equal(parse("select E'a\\', :a'").name_count, 0);
}

static void a_statement_returns_rows_when_it_is_a_query_or_says_returning(void **state)
{
    static const struct {
        const char *text;
        bool returns_rows;
    } table[] = {
        {"select 1", true},
        {"VALUES (1)", true},
        {"insert into t values (1)", false},
        {"insert into t values (1) RETURNING id", true},
        {"insert into t select 1", false},
        {"update t set a = (select 1)", false},
        {"update t set a = 'returning'", false},
        {"update t set a = 1 -- returning", false},
        {"update t set \"returning\" = 1", false},
        {"delete from t where a in (select 1) returning *", true},
        {"with x as (delete from t returning id) select * from x", true},
        {"with x as (delete from t returning id) insert into u select id from x", false},
        {"with x as (select 1) update t set a = 1", false},
        {"  /* first */ with x as (select 1) select 2", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (parse(table[i].text).returns_rows != table[i].returns_rows)
            fail_msg("%s", table[i].text);
}

static void what_a_statement_returns_is_known_as_text(void **state)
{
    static const char *const table[][2] = {
        {"select a, (select b from c) from d", " a, (select b from c) "},
        {"select 1", " 1"},
        {"update t set a = b from u returning c, d ", " c, d "},
        {"with x as (select a from b) select c from x", " c "},
        {"delete from t where a", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        assert_true(slice_eq_text(parse(table[i][0]).returned, table[i][1]));
}

static void a_mistake_is_told_where_it_stands(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
        const char *message;
    } table[] = {
        {"", 0, "there is no statement here"},
        {" -- only words\n", 0, "there is no statement here"},
        {"with", 0, "there is no statement here"},
        {"begin", 0, "a step is a select, an insert, an update or a delete"},
        {" drop table t", 1, "a step is a select, an insert, an update or a delete"},
        {"PRAGMA x", 0, "a step is a select, an insert, an update or a delete"},
        {"select 'a", 7, "the text does not end"},
        {"select \"a", 7, "the quoted name does not end"},
        {"select 1 /* *", 9, "the comment does not end"},
        {"select $x$ $y$", 7, "the text between dollars does not end"},
        {"select $1", 7, "a parameter is written with a colon and its name"},
        {"select $a", 7, "a parameter is written with a colon and its name"},
        {"select ?1", 7, "a parameter is written with a colon and its name"},
        {"select 1; select 2", 10, "a step is one statement"},
        {"select 1;:a", 9, "a step is one statement"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct statement statement;
        struct statement_fault fault = {0};
        assert_int_equal(statement_parse(slice_from(table[i].text), &arena, &fault, &statement), ERROR_VALIDATION);
        assert_string_equal(fault.message, table[i].message);
        if (fault.offset != table[i].offset)
            fail_msg("%s: at %zu", table[i].text, fault.offset);
    }
}

static void a_statement_has_limits(void **state)
{
    struct statement statement;
    struct statement_fault fault;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_put_literal(&text, "select 1");
    for (int i = 0; i < STATEMENT_NAMES_MAX; i++)
        buf_put_literal(&text, ", :a");
    assert_int_equal(statement_parse(buf_slice(&text), &arena, &fault, &statement), OK);
    assert_int_equal(statement.name_count, STATEMENT_NAMES_MAX);
    buf_put_literal(&text, ", :a");
    assert_int_equal(statement_parse(buf_slice(&text), &arena, &fault, &statement), ERROR_VALIDATION);
    for (int i = 0; i < STATEMENT_BYTES_MAX; i++)
        buf_put_byte(&text, ' ');
    assert_int_equal(statement_parse(buf_slice(&text), &arena, &fault, &statement), ERROR_VALIDATION);
    buf_fini(&text);
}

static void a_word_is_mentioned_only_outside_of_texts_and_comments(void **state)
{
    struct slice sql = SLICE("select a.Users, \"Quoted\" from t -- hidden\n where x = 'text' and users2 = 1");
    assert_true(statement_mentions(sql, SLICE("users")));
    assert_true(statement_mentions(sql, SLICE("quoted")));
    assert_true(statement_mentions(sql, SLICE("t")));
    assert_false(statement_mentions(sql, SLICE("hidden")));
    assert_false(statement_mentions(sql, SLICE("text")));
    assert_false(statement_mentions(sql, SLICE("user")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_use_of_a_name_is_a_placeholder_of_its_own),
        cmocka_unit_test(what_is_no_name_is_left_alone),
        cmocka_unit_test(a_backslash_ends_no_text_but_that_of_an_e),
        cmocka_unit_test(a_statement_returns_rows_when_it_is_a_query_or_says_returning),
        cmocka_unit_test(what_a_statement_returns_is_known_as_text),
        cmocka_unit_test(a_mistake_is_told_where_it_stands),
        cmocka_unit_test(a_statement_has_limits),
        cmocka_unit_test(a_word_is_mentioned_only_outside_of_texts_and_comments),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
