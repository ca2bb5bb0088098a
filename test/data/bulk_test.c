/* SPDX-License-Identifier: Apache-2.0 */
/* Whole tables on SQLite; PostgreSQL's side is in test/e2e/copy_test.py. */
#include "data/bulk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

static const struct bulk_column columns[] = {{SLICE_INIT("id"), SQL_INTEGER}, {SLICE_INIT("a \"name\""), SQL_TEXT}};

struct attempt {
    int64_t rows, twice; /* the row whose id is that of the first; 0: none */
    enum error outcome;  /* what the load is ended with, when all rows were taken */
    struct bulk_fault fault;
};

static enum error load(struct db_conn *tx, void *argument)
{
    struct attempt *attempt = argument;
    struct bulk_load *bulk;
    TRY(bulk_load_begin(tx, SLICE("item"), columns, 2, &bulk));
    enum error error = OK;
    for (int64_t i = 1; i <= attempt->rows && error == OK; i++) {
        const struct value values[] = {value_int(i == attempt->twice ? 1 : i),
                                       i % 2 ? value_text(SLICE("odd")) : VALUE_NOTHING};
        error = bulk_load_row(bulk, values);
    }
    return bulk_load_end(bulk, error != OK ? error : attempt->outcome, &attempt->fault);
}

static void open_rig(struct rig *rig)
{
    rig_open(rig, (struct db_config){0});
    rig_script(rig, "CREATE TABLE item (id INTEGER PRIMARY KEY, \"a \"\"name\"\"\" TEXT) STRICT");
}

static void rows_are_loaded_as_they_are(void **state)
{
    struct rig rig;
    struct attempt attempt = {.rows = 1000};
    open_rig(&rig);
    assert_int_equal(db_tx_blocking(rig.db, load, &attempt), OK);
    assert_int_equal(rig_integer(&rig, "SELECT sum(id) FROM item"), 500500);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item WHERE \"a \"\"name\"\"\" = 'odd'"), 500);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item WHERE \"a \"\"name\"\"\" IS NULL"), 500);
    rig_close(&rig);
}

static void a_row_that_is_refused_is_named_by_its_number(void **state)
{
    struct rig rig;
    struct attempt attempt = {.rows = 10, .twice = 7};
    open_rig(&rig);
    assert_int_equal(db_tx_blocking(rig.db, load, &attempt), ERROR_CONFLICT);
    assert_int_equal(attempt.fault.row, 7);
    assert_non_null(strstr(attempt.fault.message, "item.id"));
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item"), 0);
    rig_close(&rig);
}

static void a_load_that_is_given_up_returns_why(void **state)
{
    struct rig rig;
    struct attempt attempt = {.rows = 10, .outcome = ERROR_CANCELLED};
    open_rig(&rig);
    assert_int_equal(db_tx_blocking(rig.db, load, &attempt), ERROR_CANCELLED);
    assert_int_equal(attempt.fault.row, 0);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item"), 0);
    rig_close(&rig);
}

static int64_t count_streamed(struct db_conn *conn)
{
    struct db_rows *rows;
    bool has_row;
    int64_t count = 0;
    assert_int_equal(bulk_query(conn, SLICE("SELECT id FROM item"), &rows), OK);
    for (assert_int_equal(db_next(rows, &has_row), OK); has_row; assert_int_equal(db_next(rows, &has_row), OK))
        count++;
    db_rows_close(rows);
    return count;
}

static void a_snapshot_does_not_see_what_is_written_later(void **state)
{
    struct rig rig;
    struct attempt attempt = {.rows = 3};
    struct db_conn *before, *after;
    open_rig(&rig);
    assert_int_equal(bulk_snapshot(rig.db, &before), OK);
    assert_int_equal(count_streamed(before), 0);
    assert_int_equal(db_tx_blocking(rig.db, load, &attempt), OK);
    assert_int_equal(bulk_snapshot(rig.db, &after), OK);
    assert_int_equal(count_streamed(before), 0);
    assert_int_equal(count_streamed(after), 3);
    db_read_end(before);
    db_read_end(after);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_loaded_as_they_are),
        cmocka_unit_test(a_row_that_is_refused_is_named_by_its_number),
        cmocka_unit_test(a_load_that_is_given_up_returns_why),
        cmocka_unit_test(a_snapshot_does_not_see_what_is_written_later),
    };
    return cmocka_run_group_tests_name("data/bulk", tests, NULL, NULL);
}
