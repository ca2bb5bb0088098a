/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sqlite_fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void sqlite_fault_parse_names_table_and_columns(void **state)
{
    const struct {
        int code;
        const char *message;
        enum db_fault_kind kind;
        const char *table, *columns;
    } rows[] = {
        {SQLITE_CONSTRAINT_UNIQUE, "UNIQUE constraint failed: markets.slug", DB_FAULT_UNIQUE, "markets", "slug"},
        {SQLITE_CONSTRAINT_UNIQUE, "UNIQUE constraint failed: a.x, a.y", DB_FAULT_UNIQUE, "a", "x,y"},
        {SQLITE_CONSTRAINT_UNIQUE, "UNIQUE constraint failed: index 'a_x'", DB_FAULT_UNIQUE, "", "index:a_x"},
        {SQLITE_CONSTRAINT_PRIMARYKEY, "UNIQUE constraint failed: a.id", DB_FAULT_UNIQUE, "a", "id"},
        {SQLITE_CONSTRAINT_NOTNULL, "NOT NULL constraint failed: a.x", DB_FAULT_NOT_NULL, "a", "x"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed", DB_FAULT_FOREIGN_KEY, "", ""},
        {SQLITE_CONSTRAINT_TRIGGER, "FOREIGN KEY constraint failed", DB_FAULT_FOREIGN_KEY, "", ""},
        {SQLITE_CONSTRAINT_CHECK, "CHECK constraint failed: x > 0", DB_FAULT_CHECK, "x > 0", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db_fault fault;
        sqlite_fault_parse(rows[i].code, rows[i].message, &fault);
        assert_int_equal(fault.kind, rows[i].kind);
        assert_string_equal(fault.table, rows[i].table);
        assert_string_equal(fault.columns, rows[i].columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite_fault_parse_names_table_and_columns),
    };
    return cmocka_run_group_tests_name("data/sqlite_fault", tests, NULL, NULL);
}
