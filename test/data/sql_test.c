/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void sql_name_doubles_quotes(void **state)
{
    struct sql sql;
    sql_init(&sql, NULL, DIALECT_SQLITE);
    sql_name(&sql, SLICE("a\"; DROP TABLE b --"));
    sql_put(&sql, " ");
    sql_column(&sql, 3, SLICE("Order Details"));
    assert_true(slice_eq_text(buf_slice(&sql.text), "\"a\"\"; DROP TABLE b --\" t3.\"Order Details\""));
    sql_fini(&sql);
}

static void sql_bind_keeps_values_out_of_the_text(void **state)
{
    struct arena arena;
    struct sql sql;
    arena_init(&arena, 100000);
    sql_init(&sql, &arena, DIALECT_SQLITE);
    for (int i = 0; i < 40; i++)
        sql_bind(&sql, SQL_ANY, i % 2 ? value_int(i) : value_text(SLICE("' OR 1=1 --")));
    assert_int_equal(sql_finish(&sql), OK);
    assert_int_equal(sql.count, 40);
    assert_int_equal(sql.arguments[39].integer, 39);
    assert_null(memchr(sql.text.ptr, '\'', sql.text.len));
    assert_true(slice_starts(buf_slice(&sql.text), SLICE("?1?2?3")));
    sql_fini(&sql);
    arena_fini(&arena);
}

static void sql_finish_reports_what_did_not_fit(void **state)
{
    struct arena arena;
    struct sql sql;
    arena_init(&arena, 1000);
    sql_init(&sql, &arena, DIALECT_SQLITE);
    for (int i = 0; i < 1000; i++)
        sql_bind(&sql, SQL_INTEGER, value_int(i));
    assert_int_equal(sql_finish(&sql), ERROR_MEMORY);
    sql_clear(&sql);
    for (int i = 0; i < SQL_TEXT_MAX; i++)
        sql_put(&sql, "xx");
    assert_int_equal(sql_finish(&sql), ERROR_LIMIT);
    sql_fini(&sql);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_name_doubles_quotes),
        cmocka_unit_test(sql_bind_keeps_values_out_of_the_text),
        cmocka_unit_test(sql_finish_reports_what_did_not_fit),
    };
    return cmocka_run_group_tests_name("data/sql", tests, NULL, NULL);
}
