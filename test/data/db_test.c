/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL interface on a real database and a real core: snapshots, shared commits, deadlines. */
#include "data/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "support.h"

#define TABLE "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;"
/* Counts for many seconds: one statement, no rows until the end. */
#define ENDLESS                                                                                                        \
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000) SELECT count(*) FROM c"

static struct deadline in_ms(struct fiber *self, int64_t ms)
{
    return deadline_after(core_refresh_us(fiber_core(self)), ms);
}

static enum error read_integer(struct db_conn *conn, const char *sql, int64_t *out)
{
    struct db_rows *rows;
    bool has_row;
    TRY(db_query(conn, slice_from(sql), NULL, 0, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && has_row)
        *out = db_column(rows, 0).integer;
    db_rows_close(rows);
    return error;
}

/* Opening. */

static void db_open_says_what_is_wrong_with_a_url(void **state)
{
    const struct {
        const char *url, *sentence;
    } rows[] = {
        {"mysql://x", "the database URL has an unknown scheme"},
        {"sqlite:", "the database URL names no file"},
        {"sqlite::memory:", "the database URL names no file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct diag diag;
        struct db *db;
        arena_init(&arena, 100000);
        diag_init(&diag, &arena);
        const struct db_config config = {.url = rows[i].url};
        assert_int_equal(db_open(&config, &diag, &db), ERROR_VALIDATION);
        assert_string_equal(diag.message, rows[i].sentence);
        arena_fini(&arena);
    }
}

static void db_open_makes_no_file_where_one_must_exist(void **state)
{
    struct arena arena;
    struct diag diag;
    struct db *db;
    arena_init(&arena, 100000);
    diag_init(&diag, &arena);
    const struct db_config config = {.url = "sqlite:/tmp/tenon-no-such-folder/a.db", .must_exist = true};
    assert_int_equal(db_open(&config, &diag, &db), ERROR_NOT_FOUND);
    assert_string_equal(diag.message, "there is no database at /tmp/tenon-no-such-folder/a.db");
    assert_int_not_equal(access("/tmp/tenon-no-such-folder", F_OK), 0);
    arena_fini(&arena);
}

static void db_open_refuses_a_file_that_is_no_database(void **state)
{
    char path[] = "/tmp/tenon-db-XXXXXX";
    int fd = mkstemp(path);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, "no database", 11), 11);
    close(fd);
    char url[64];
    snprintf(url, sizeof url, "sqlite:%s", path);
    struct arena arena;
    struct diag diag;
    struct db *db;
    arena_init(&arena, 100000);
    diag_init(&diag, &arena);
    const struct db_config config = {.url = url};
    assert_int_equal(db_open(&config, &diag, &db), ERROR_IO);
    assert_non_null(strstr(diag.message, "not a database"));
    arena_fini(&arena);
    unlink(path);
}

/* Statements. */

static enum error nested_statements(struct db_conn *tx, void *argument)
{
    struct db_rows *outer, *inner;
    bool has_row;
    struct slice sql = SLICE("SELECT id FROM item ORDER BY id");
    TRY(db_query(tx, sql, NULL, 0, &outer));
    TRY(db_next(outer, &has_row));
    TRY(db_query(tx, sql, NULL, 0, &inner));
    assert_ptr_not_equal(outer, inner);
    TRY(db_next(inner, &has_row));
    TRY(db_next(inner, &has_row));
    assert_int_equal(db_column(inner, 0).integer, 2);
    assert_int_equal(db_column(outer, 0).integer, 1);
    db_rows_close(inner);
    db_rows_close(outer);
    TRY(db_query(tx, sql, NULL, 0, &outer));
    db_rows_close(outer);
    return OK;
}

static void db_query_runs_one_text_twice_at_once(void **state)
{
    struct rig rig;
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE "INSERT INTO item VALUES(1, 'a'), (2, 'b');");
    assert_int_equal(db_tx_blocking(rig.db, nested_statements, NULL), OK);
    rig_close(&rig);
}

static enum error wrong_statements(struct db_conn *tx, void *argument)
{
    struct db_rows *rows;
    const struct value one = value_int(1);
    assert_int_equal(db_query(tx, SLICE("SELECT ?1, ?2"), &one, 1, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("SELECT 1"), &one, 1, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("SELECT 1; SELECT 2"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("SELEKT"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("COMMIT"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("BEGIN IMMEDIATE"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("RELEASE tenon_job"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("ROLLBACK TO Tenon_Job"), NULL, 0, &rows), ERROR_INTERNAL);
    assert_int_equal(db_query(tx, SLICE("ATTACH 'x.db' AS x"), NULL, 0, &rows), ERROR_INTERNAL);
    return OK;
}

static void db_query_refuses_statements_that_do_not_fit(void **state)
{
    struct rig rig;
    rig_open(&rig, (struct db_config){0});
    assert_int_equal(db_tx_blocking(rig.db, wrong_statements, NULL), OK);
    assert_int_equal(db_tx_blocking(rig.db, wrong_statements, NULL), OK); /* the writer's own are in the cache now */
    rig_close(&rig);
}

static enum error many_statements(struct db_conn *tx, void *argument)
{
    for (int i = 0; i < 100; i++) {
        char sql[64];
        int64_t number;
        snprintf(sql, sizeof sql, "SELECT %d", i % 20);
        TRY(read_integer(tx, sql, &number));
        assert_int_equal(number, i % 20);
    }
    return OK;
}

static void db_query_goes_on_when_the_statement_cache_is_full(void **state)
{
    struct rig rig;
    rig_open(&rig, (struct db_config){.statement_cache = 4});
    assert_int_equal(db_tx_blocking(rig.db, many_statements, NULL), OK);
    rig_close(&rig);
}

static enum error trailing_blanks(struct db_conn *tx, void *argument)
{
    for (int i = 0; i < 3; i++) {
        int64_t number;
        TRY(read_integer(tx, "SELECT 7;  \n\t ; ", &number));
        assert_int_equal(number, 7);
    }
    return OK;
}

static void db_query_ignores_what_is_blank_behind_a_statement(void **state)
{
    struct rig rig;
    rig_open(&rig, (struct db_config){0});
    assert_int_equal(db_tx_blocking(rig.db, trailing_blanks, NULL), OK);
    rig_close(&rig);
}

/* Reading. */

static void read_count_twice(struct rig *rig, struct fiber *self, void *argument)
{
    struct db_conn *conn;
    int64_t *counts = argument;
    assert_int_equal(db_read_begin(rig->db, self, DEADLINE_NEVER, 0, &conn), OK);
    assert_int_equal(read_integer(conn, "SELECT count(*) FROM item", &counts[0]), OK);
    rig_script(rig, "INSERT INTO item(name) VALUES(hex(randomblob(8)))");
    fiber_yield(self);
    assert_int_equal(read_integer(conn, "SELECT count(*) FROM item", &counts[1]), OK);
    db_read_end(conn);
    assert_int_equal(db_read_begin(rig->db, self, DEADLINE_NEVER, 0, &conn), OK);
    assert_int_equal(read_integer(conn, "SELECT count(*) FROM item", &counts[2]), OK);
    db_read_end(conn);
}

static void a_lease_sees_one_snapshot_and_the_next_lease_a_newer_one(void **state)
{
    struct rig rig;
    int64_t counts[3];
    void *const arguments[] = {counts};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE);
    rig_run(&rig, read_count_twice, arguments, 1);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 1);
    rig_close(&rig);
}

/* Gives back first the connection with a snapshot of this turn, then one whose snapshot is older. */
static void give_back_in_the_wrong_order(struct rig *rig, struct fiber *self, void *argument)
{
    struct db_conn *older, *newer;
    int64_t number;
    assert_int_equal(db_read_begin(rig->db, self, DEADLINE_NEVER, 0, &older), OK);
    assert_int_equal(read_integer(older, "SELECT count(*) FROM item", &number), OK);
    fiber_yield(self);
    assert_int_equal(db_read_begin(rig->db, self, DEADLINE_NEVER, 0, &newer), OK);
    assert_int_equal(read_integer(newer, "SELECT count(*) FROM item", &number), OK);
    db_read_end(newer);
    db_read_end(older);
}

static void do_nothing(struct rig *rig, struct fiber *self, void *argument)
{
}

static void no_idle_connection_keeps_a_snapshot(void **state)
{
    struct rig rig;
    sqlite3 *other;
    char path[128];
    void *const arguments[] = {NULL};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE);
    rig_run(&rig, give_back_in_the_wrong_order, arguments, 1);
    rig_run(&rig, do_nothing, arguments, 1); /* the turn before this one has ended */
    rig_script(&rig, "INSERT INTO item(name) VALUES('x')");
    snprintf(path, sizeof path, "%s", rig.url + sizeof "sqlite:" - 1);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "SELECT count(*) FROM item", NULL, NULL, NULL), SQLITE_OK); /* finds the log */
    assert_int_equal(sqlite3_wal_checkpoint_v2(other, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    rig_close(&rig);
}

static void hold_a_reader(struct rig *rig, struct fiber *self, void *argument)
{
    struct db_conn *conn;
    int *order = argument;
    enum error error = db_read_begin(rig->db, self, in_ms(self, order[1] ? 50 : 5000), 0, &conn);
    if (order[1]) {
        assert_int_equal(error, ERROR_TIMEOUT);
        return;
    }
    assert_int_equal(error, OK);
    assert_int_equal(fiber_sleep(self, 100), OK);
    db_read_end(conn);
}

static void a_fiber_that_finds_no_connection_waits_until_its_deadline(void **state)
{
    struct rig rig;
    int patient[2] = {0, 0}, hasty[2] = {0, 1};
    void *const arguments[] = {patient, patient, hasty};
    rig_open(&rig, (struct db_config){.readers_per_core = 1});
    rig_run(&rig, hold_a_reader, arguments, 3);
    assert_int_equal(db_figures(rig.db).readers_open, 1);
    assert_int_equal(db_figures(rig.db).readers_lent, 0);
    rig_close(&rig);
}

static void be_refused_or_served(struct rig *rig, struct fiber *self, void *argument)
{
    struct db_conn *conn;
    enum error *error = argument;
    *error = db_read_begin(rig->db, self, DEADLINE_NEVER, 0, &conn);
    if (*error != OK)
        return;
    assert_int_equal(fiber_sleep(self, 20), OK);
    db_read_end(conn);
}

static void more_waiters_than_allowed_are_refused(void **state)
{
    struct rig rig;
    enum error errors[3];
    void *const arguments[] = {&errors[0], &errors[1], &errors[2]};
    rig_open(&rig, (struct db_config){.readers_per_core = 1, .reader_waiters = 1});
    rig_run(&rig, be_refused_or_served, arguments, 3);
    assert_int_equal(errors[0], OK);
    assert_int_equal(errors[1], OK);
    assert_int_equal(errors[2], ERROR_UNAVAILABLE);
    rig_close(&rig);
}

struct race {
    bool is_long;
    int64_t slowest_us;
    enum error error;
};

static void run_long_or_short(struct rig *rig, struct fiber *self, void *argument)
{
    struct race *race = argument;
    struct db_conn *conn;
    int64_t number;
    int64_t began_us = core_refresh_us(fiber_core(self));
    for (int i = 0; i < (race->is_long ? 1 : 100); i++) {
        int64_t before_us = core_refresh_us(fiber_core(self));
        assert_int_equal(db_read_begin(rig->db, self, in_ms(self, 300), 0, &conn), OK);
        race->error = read_integer(conn, race->is_long ? ENDLESS : "SELECT count(*) FROM item", &number);
        db_read_end(conn);
        int64_t took_us = core_refresh_us(fiber_core(self)) - before_us;
        if (took_us > race->slowest_us)
            race->slowest_us = took_us;
        if (!race->is_long)
            assert_int_equal(fiber_sleep(self, 1), OK);
    }
    if (race->is_long)
        assert_true(core_refresh_us(fiber_core(self)) - began_us < 2000000);
}

static void an_endless_query_is_cut_at_its_deadline_and_delays_nobody(void **state)
{
    struct rig rig;
    struct race endless = {.is_long = true}, brief = {0};
    void *const arguments[] = {&endless, &brief};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE);
    rig_run(&rig, run_long_or_short, arguments, 2);
    assert_int_equal(endless.error, ERROR_TIMEOUT);
    assert_int_equal(brief.error, OK);
    assert_true(brief.slowest_us < 100000);
    rig_close(&rig);
}

/* Writing. */

struct insert {
    const char *sql;
    enum error error;
    int ran;
};

static enum error insert_body(struct db_conn *tx, void *argument)
{
    struct insert *insert = argument;
    insert->ran++;
    return db_script(tx, slice_from(insert->sql));
}

static void insert_in_fiber(struct rig *rig, struct fiber *self, void *argument)
{
    struct insert *insert = argument;
    insert->error = db_tx(rig->db, self, DEADLINE_NEVER, DB_SERIALIZABLE, insert_body, insert);
}

static void a_transaction_that_fails_in_a_shared_commit_fails_alone(void **state)
{
    struct rig rig;
    struct insert good = {.sql = "INSERT INTO item(name) VALUES('good')"};
    struct insert bad = {.sql = "INSERT INTO item(name) VALUES('half'); INSERT INTO item(name) VALUES('taken')"};
    struct insert also = {.sql = "INSERT INTO item(name) VALUES('also')"};
    void *const arguments[] = {&good, &bad, &also};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE "INSERT INTO item(name) VALUES('taken')");
    uint64_t commits = db_figures(rig.db).commits;
    rig_run(&rig, insert_in_fiber, arguments, 3);
    assert_int_equal(good.error, OK);
    assert_int_equal(bad.error, ERROR_CONFLICT);
    assert_int_equal(also.error, OK);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item"), 3);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item WHERE name = 'half'"), 0);
    assert_int_equal(db_figures(rig.db).commits - commits, 1);
    rig_close(&rig);
}

static void a_commit_that_fails_fails_all_its_members(void **state)
{
    struct rig rig;
    struct insert good = {.sql = "INSERT INTO item(name) VALUES('good')"};
    struct insert orphan = {.sql = "PRAGMA defer_foreign_keys=ON; INSERT INTO part(item) VALUES(77)"};
    struct insert also = {.sql = "INSERT INTO item(name) VALUES('also')"};
    void *const arguments[] = {&good, &orphan, &also};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE "CREATE TABLE part(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item) STRICT;");
    rig_run(&rig, insert_in_fiber, arguments, 3);
    assert_int_equal(good.error, ERROR_CONFLICT);
    assert_int_equal(orphan.error, ERROR_CONFLICT);
    assert_int_equal(also.error, ERROR_CONFLICT);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item"), 0);
    struct insert next = {.sql = "INSERT INTO item(name) VALUES('next')"};
    void *const again[] = {&next};
    rig_run(&rig, insert_in_fiber, again, 1);
    assert_int_equal(next.error, OK);
    rig_close(&rig);
}

static enum error slow_body(struct db_conn *tx, void *argument)
{
    usleep(200000);
    return OK;
}

static void write_slowly_or_give_up(struct rig *rig, struct fiber *self, void *argument)
{
    struct insert *insert = argument;
    if (!insert) {
        assert_int_equal(db_tx(rig->db, self, in_ms(self, 20), DB_SERIALIZABLE, slow_body, NULL), OK);
        return;
    }
    assert_int_equal(fiber_sleep(self, 50), OK);
    insert->error = db_tx(rig->db, self, in_ms(self, 50), DB_SERIALIZABLE, insert_body, insert);
}

static void a_queued_transaction_is_given_up_at_its_deadline_and_a_begun_one_is_not(void **state)
{
    struct rig rig;
    struct insert late = {.sql = "INSERT INTO item(name) VALUES('late')"};
    void *const arguments[] = {NULL, &late};
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE);
    rig_run(&rig, write_slowly_or_give_up, arguments, 2);
    assert_int_equal(late.error, ERROR_TIMEOUT);
    rig_script(&rig, "INSERT INTO item(name) VALUES('behind it')");
    assert_int_equal(late.ran, 0);
    assert_int_equal(rig_integer(&rig, "SELECT count(*) FROM item"), 1);
    rig_close(&rig);
}

static void more_transactions_than_the_queue_holds_are_refused(void **state)
{
    struct rig rig;
    struct insert inserts[3];
    void *arguments[3];
    for (int i = 0; i < 3; i++) {
        inserts[i] = (struct insert){.sql = "INSERT INTO item(name) VALUES(NULL)"};
        arguments[i] = &inserts[i];
    }
    rig_open(&rig, (struct db_config){.writer_queue_limit = 2});
    rig_script(&rig, TABLE);
    rig_run(&rig, insert_in_fiber, arguments, 3);
    assert_int_equal(inserts[0].error, OK);
    assert_int_equal(inserts[1].error, OK);
    assert_int_equal(inserts[2].error, ERROR_UNAVAILABLE);
    rig_close(&rig);
}

static void a_clean_close_leaves_no_log_behind(void **state)
{
    struct rig rig;
    rig_open(&rig, (struct db_config){0});
    rig_script(&rig, TABLE);
    char path[128];
    snprintf(path, sizeof path, "%s/sub/test.db-wal", rig.folder);
    assert_int_equal(access(path, F_OK), 0);
    core_stop(rig.core);
    pthread_join(rig.thread, NULL);
    db_close(rig.db);
    assert_int_not_equal(access(path, F_OK), 0);
    core_destroy(rig.core);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", rig.folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(db_open_says_what_is_wrong_with_a_url),
        cmocka_unit_test(db_open_makes_no_file_where_one_must_exist),
        cmocka_unit_test(db_open_refuses_a_file_that_is_no_database),
        cmocka_unit_test(db_query_runs_one_text_twice_at_once),
        cmocka_unit_test(db_query_refuses_statements_that_do_not_fit),
        cmocka_unit_test(db_query_goes_on_when_the_statement_cache_is_full),
        cmocka_unit_test(db_query_ignores_what_is_blank_behind_a_statement),
        cmocka_unit_test(a_lease_sees_one_snapshot_and_the_next_lease_a_newer_one),
        cmocka_unit_test(no_idle_connection_keeps_a_snapshot),
        cmocka_unit_test(a_fiber_that_finds_no_connection_waits_until_its_deadline),
        cmocka_unit_test(more_waiters_than_allowed_are_refused),
        cmocka_unit_test(an_endless_query_is_cut_at_its_deadline_and_delays_nobody),
        cmocka_unit_test(a_transaction_that_fails_in_a_shared_commit_fails_alone),
        cmocka_unit_test(a_commit_that_fails_fails_all_its_members),
        cmocka_unit_test(a_queued_transaction_is_given_up_at_its_deadline_and_a_begun_one_is_not),
        cmocka_unit_test(more_transactions_than_the_queue_holds_are_refused),
        cmocka_unit_test(a_clean_close_leaves_no_log_behind),
    };
    return cmocka_run_group_tests_name("data/db", tests, NULL, NULL);
}
