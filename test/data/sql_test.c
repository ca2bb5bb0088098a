/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

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

static const struct slice table = SLICE_INIT("notes"), id = SLICE_INIT("id"), title = SLICE_INIT("title");

static void write_select(struct sql *sql)
{
    sql_select(sql);
    sql_item(sql);
    sql_column(sql, 0, id);
    sql_item(sql);
    sql_column(sql, 0, title);
    sql_from(sql, table, 0);
    sql_where(sql);
    sql_column(sql, 0, title);
    sql_put(sql, "=");
    sql_bind(sql, SQL_TEXT, value_text(SLICE("a")));
    sql_where(sql);
    sql_truth(sql, true);
    sql_order(sql);
    sql_column(sql, 0, title);
    sql_order(sql);
    sql_column(sql, 0, id);
    sql_limit(sql, 20, 40);
}

static void write_insert(struct sql *sql)
{
    sql_insert(sql, table);
    sql_item(sql);
    sql_name(sql, id);
    sql_item(sql);
    sql_name(sql, title);
    sql_values(sql);
    sql_item(sql);
    sql_bind(sql, SQL_UUID, value_text(SLICE("u")));
    sql_item(sql);
    sql_bind(sql, SQL_ANY, value_text(SLICE("t")));
    sql_end_values(sql);
    sql_returning(sql);
    sql_item(sql);
    sql_name(sql, id);
}

static void write_upsert(struct sql *sql)
{
    sql_insert(sql, table);
    sql_item(sql);
    sql_name(sql, id);
    sql_values(sql);
    sql_item(sql);
    sql_bind(sql, SQL_INTEGER, value_int(1));
    sql_end_values(sql);
    sql_upsert(sql, &id, 1, &title, 1);
}

static void write_update(struct sql *sql)
{
    sql_update(sql, table);
    sql_set(sql, title);
    sql_bind(sql, SQL_TEXT, value_text(SLICE("t")));
    sql_set(sql, SLICE("price"));
    sql_bind(sql, SQL_DECIMAL, value_decimal(150, 2));
    sql_where(sql);
    sql_name(sql, id);
    sql_put(sql, "=");
    sql_bind(sql, SQL_INTEGER, value_int(1));
}

static void write_delete(struct sql *sql)
{
    const struct value ids[] = {value_text(SLICE("a")), value_text(SLICE("b"))};
    sql_delete(sql, table);
    sql_where(sql);
    sql_name(sql, id);
    sql_among(sql, SQL_UUID, ids, 2);
}

static void write_lock(struct sql *sql)
{
    sql_select(sql);
    sql_truth(sql, false);
    sql_from(sql, table, 0);
    sql_limit(sql, -1, 0);
    sql_lock(sql, SQL_LOCK_CHANGE);
}

static void the_builder_writes_each_statement_in_both_dialects(void **state)
{
    static const struct {
        void (*write)(struct sql *sql);
        const char *sqlite, *postgres;
    } rows[] = {
        {write_select,
         "SELECT t0.\"id\",t0.\"title\" FROM \"notes\" AS t0 WHERE t0.\"title\"=?1 AND 1 ORDER BY "
         "t0.\"title\",t0.\"id\" "
         "LIMIT ?2 OFFSET ?3",
         "SELECT t0.\"id\",t0.\"title\" FROM \"notes\" AS t0 WHERE t0.\"title\"=$1::text AND true ORDER BY "
         "t0.\"title\",t0.\"id\" LIMIT $2::bigint OFFSET $3::bigint"},
        {write_insert, "INSERT INTO \"notes\"(\"id\",\"title\") VALUES(?1,?2) RETURNING \"id\"",
         "INSERT INTO \"notes\"(\"id\",\"title\") VALUES($1::uuid,$2) RETURNING \"id\""},
        {write_upsert,
         "INSERT INTO \"notes\"(\"id\") VALUES(?1) ON CONFLICT(\"id\") DO UPDATE SET \"title\"=excluded.\"title\"",
         "INSERT INTO \"notes\"(\"id\") VALUES($1::bigint) ON CONFLICT(\"id\") DO UPDATE SET "
         "\"title\"=excluded.\"title\""},
        {write_update, "UPDATE \"notes\" SET \"title\"=?1,\"price\"=?2 WHERE \"id\"=?3",
         "UPDATE \"notes\" SET \"title\"=$1::text,\"price\"=$2::numeric WHERE \"id\"=$3::bigint"},
        {write_delete, "DELETE FROM \"notes\" WHERE \"id\" IN (SELECT value FROM json_each(?1))",
         "DELETE FROM \"notes\" WHERE \"id\" = ANY($1::uuid[])"},
        {write_lock, "SELECT 0 FROM \"notes\" AS t0", "SELECT false FROM \"notes\" AS t0 FOR NO KEY UPDATE OF t0"},
    };
    struct arena arena;
    arena_init(&arena, 100000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (enum dialect dialect = DIALECT_SQLITE; dialect <= DIALECT_POSTGRES; dialect++) {
            struct sql sql;
            sql_init(&sql, &arena, dialect);
            rows[i].write(&sql);
            assert_int_equal(sql_finish(&sql), OK);
            buf_put_byte(&sql.text, '\0');
            assert_string_equal(sql.text.ptr, dialect == DIALECT_SQLITE ? rows[i].sqlite : rows[i].postgres);
            sql_fini(&sql);
        }
    arena_fini(&arena);
}

static void ids_travel_as_one_argument_in_the_form_of_the_dialect(void **state)
{
    const struct value texts[] = {value_text(SLICE("a")), value_text(SLICE("b"))};
    const struct value numbers[] = {value_int(1), value_int(-2)};
    static const struct {
        enum dialect dialect;
        const char *texts, *numbers;
    } rows[] = {{DIALECT_SQLITE, "[\"a\",\"b\"]", "[1,-2]"}, {DIALECT_POSTGRES, "{\"a\",\"b\"}", "{1,-2}"}};
    struct arena arena;
    arena_init(&arena, 100000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sql sql;
        sql_init(&sql, &arena, rows[i].dialect);
        sql_among(&sql, SQL_UUID, texts, 2);
        sql_among(&sql, SQL_INTEGER, numbers, 2);
        assert_true(slice_eq_text(sql.arguments[0].text, rows[i].texts));
        assert_true(slice_eq_text(sql.arguments[1].text, rows[i].numbers));
        sql_fini(&sql);
    }
    arena_fini(&arena);
}

static void a_long_identifier_is_cut_for_postgres_and_stays_one_of_its_own(void **state)
{
    char long_name[101], other_name[101], room[SQL_IDENTIFIER_BYTES], other_room[SQL_IDENTIFIER_BYTES];
    memset(long_name, 'a', 100);
    memset(other_name, 'a', 100);
    other_name[99] = 'b';
    struct slice name = slice_of(long_name, 100), other = slice_of(other_name, 100);
    struct slice cut = sql_identifier(DIALECT_POSTGRES, name, room);
    assert_int_equal(cut.len, 63);
    assert_false(slice_eq(cut, sql_identifier(DIALECT_POSTGRES, other, other_room)));
    assert_int_equal(sql_identifier(DIALECT_SQLITE, name, other_room).len, 100);
    assert_int_equal(sql_identifier(DIALECT_POSTGRES, slice_of(long_name, 63), other_room).len, 63);
    for (size_t i = 0; i < 100; i += 2)
        memcpy(long_name + i, "\xc3\xa4", 2); /* a letter of two bytes is not cut in two */
    cut = sql_identifier(DIALECT_POSTGRES, name, room);
    assert_int_equal(cut.len, 63 - 17 - (63 - 17) % 2 + 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_name_doubles_quotes),
        cmocka_unit_test(sql_bind_keeps_values_out_of_the_text),
        cmocka_unit_test(sql_finish_reports_what_did_not_fit),
        cmocka_unit_test(the_builder_writes_each_statement_in_both_dialects),
        cmocka_unit_test(ids_travel_as_one_argument_in_the_form_of_the_dialect),
        cmocka_unit_test(a_long_identifier_is_cut_for_postgres_and_stays_one_of_its_own),
    };
    return cmocka_run_group_tests_name("data/sql", tests, NULL, NULL);
}
