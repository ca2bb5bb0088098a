/* SPDX-License-Identifier: Apache-2.0 */
#include "data/observed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

/* What a window has told. */
struct notes {
    struct db *window;
    char sql[4][64];
    int64_t arguments[4];
    struct observed_run runs[4];
    unsigned begun, ended;
};

static void *note_begin(void *state, struct slice sql, const struct value *arguments, size_t count)
{
    struct notes *notes = state;
    snprintf(notes->sql[notes->begun], sizeof notes->sql[0], "%.*s", SLICE_ARG(sql));
    notes->arguments[notes->begun] = count > 0 ? arguments[0].integer : -1;
    return &notes->runs[notes->begun++];
}

static void note_end(void *state, void *seen, const struct observed_run *run)
{
    struct notes *notes = state;
    *(struct observed_run *)seen = *run;
    notes->ended++;
}

static enum error count_rows(struct db_conn *conn, struct slice sql, const struct value *argument, int64_t *out)
{
    struct db_rows *rows;
    bool has_row;
    *out = 0;
    TRY(db_query(conn, sql, argument, argument ? 1 : 0, &rows));
    enum error error = db_next(rows, &has_row);
    for (; error == OK && has_row; error = db_next(rows, &has_row))
        ++*out;
    db_rows_close(rows);
    return error;
}

static void read_through(struct rig *rig, struct fiber *self, void *argument)
{
    struct notes *notes = argument;
    const struct value limit = value_int(3);
    struct db_conn *conn;
    int64_t count;
    assert_int_equal(db_read_begin(notes->window, self, DEADLINE_NEVER, 0, &conn), OK);
    assert_int_equal(db_conn_dialect(conn), DIALECT_SQLITE);
    assert_int_equal(count_rows(conn, SLICE("SELECT a, b FROM t WHERE a <= ?1"), &limit, &count), OK);
    assert_int_equal(count, 3);
    assert_int_equal(count_rows(conn, SLICE("SELECT count(*) FROM t"), NULL, &count), OK);
    assert_int_equal(count_rows(conn, SLICE("SELECT x FROM t"), NULL, &count), ERROR_INTERNAL);
    db_read_end(conn);
}

static void a_window_tells_every_statement_and_what_came_of_it(void **state)
{
    struct rig rig;
    struct notes notes = {0};
    const struct observed_watcher watcher = {.begun = note_begin, .ended = note_end, .state = &notes};
    void *arguments[] = {&notes};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, "CREATE TABLE t(a, b); INSERT INTO t(a, b) VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)");
    assert_int_equal(observed_open(rig.db, &watcher, &notes.window), OK);
    rig_run(&rig, read_through, arguments, 1);
    assert_int_equal(notes.begun, 3);
    assert_int_equal(notes.ended, 2); /* the third did not begin to run */
    assert_string_equal(notes.sql[0], "SELECT a, b FROM t WHERE a <= ?1");
    assert_int_equal(notes.arguments[0], 3);
    assert_int_equal(notes.runs[0].returned, 3);
    assert_int_equal(notes.runs[0].columns, 2);
    assert_int_equal(notes.runs[0].effort.scanned, 4); /* steps from the first row on */
    assert_true(notes.runs[0].effort.steps > 0);
    assert_int_equal(notes.runs[1].returned, 1);
    assert_int_equal(notes.runs[1].number, 5);
    db_close(notes.window);
    rig_close(&rig);
}

static void leave_open(struct rig *rig, struct fiber *self, void *argument)
{
    struct notes *notes = argument;
    struct db_conn *conn;
    struct db_rows *rows[3];
    bool has_row;
    assert_int_equal(db_read_begin(notes->window, self, DEADLINE_NEVER, 0, &conn), OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(db_query(conn, SLICE("SELECT a FROM t"), NULL, 0, &rows[i]), OK);
    assert_int_equal(db_next(rows[0], &has_row), OK);
    db_rows_close(rows[1]);
    assert_int_equal(notes->ended, 1);
    db_read_end(conn);
}

static void a_lease_that_ends_ends_and_tells_what_is_open(void **state)
{
    struct rig rig;
    struct notes notes = {0};
    const struct observed_watcher watcher = {.begun = note_begin, .ended = note_end, .state = &notes};
    void *arguments[] = {&notes};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, "CREATE TABLE t(a); INSERT INTO t(a) VALUES (1), (2)");
    assert_int_equal(observed_open(rig.db, &watcher, &notes.window), OK);
    rig_run(&rig, leave_open, arguments, 1);
    assert_int_equal(notes.ended, 3);
    assert_int_equal(notes.runs[0].returned, 1);
    assert_int_equal(notes.runs[1].returned, 0);
    db_close(notes.window);
    rig_close(&rig);
}

static enum error never(struct db_conn *tx, void *argument)
{
    fail_msg("a window runs no transaction");
    return OK;
}

static void a_window_refuses_transactions(void **state)
{
    struct rig rig;
    struct notes notes = {0};
    const struct observed_watcher watcher = {.begun = note_begin, .ended = note_end, .state = &notes};
    rig_open(&rig, (struct db_config){0});
    assert_int_equal(observed_open(rig.db, &watcher, &notes.window), OK);
    assert_int_equal(db_tx_blocking(notes.window, never, NULL), ERROR_NOT_IMPLEMENTED);
    assert_int_equal(db_tx(notes.window, NULL, DEADLINE_NEVER, DB_SERIALIZABLE, never, NULL), ERROR_NOT_IMPLEMENTED);
    db_close(notes.window);
    rig_close(&rig);
}

static void only_a_file_can_be_missing(void **state)
{
    struct db_config config = {.url = "sqlite:/nonexistent/app.db"};
    assert_false(db_exists(&config));
    config.url = "postgres://nowhere.invalid/app";
    assert_true(db_exists(&config));
    config.url = "sqlite:";
    assert_false(db_exists(&config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_tells_every_statement_and_what_came_of_it),
        cmocka_unit_test(a_lease_that_ends_ends_and_tells_what_is_open),
        cmocka_unit_test(a_window_refuses_transactions),
        cmocka_unit_test(only_a_file_can_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
