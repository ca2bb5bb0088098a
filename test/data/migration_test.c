/* SPDX-License-Identifier: Apache-2.0 */
#include "data/migration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/migration_batch.h"
#include "data/migration_run.h"

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024 };

/* A folder of migrations and a database beside it. */
struct world {
    char directory[32];
    struct arena arena;
    struct diag diag;
    struct db *db;
    struct migration_folder folder;
};

static const char *path_of(struct world *world, const char *name)
{
    return arena_printf(&world->arena, "%s/%s", world->directory, name);
}

static void put_file(struct world *world, const char *name, const char *text)
{
    assert_int_equal(file_write(path_of(world, name), slice_from(text), true, &world->arena, &world->diag), OK);
}

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    strcpy(world->directory, "/tmp/tn-migrate-XXXXXX");
    arena_init(&world->arena, ARENA_BYTES_MAX);
    diag_init(&world->diag, &world->arena);
    assert_non_null(mkdtemp(world->directory));
    const struct db_config config = {.url = "sqlite:app.db", .directory = world->directory};
    assert_int_equal(db_open(&config, &world->diag, &world->db), OK);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    char command[64];
    db_close(world->db);
    arena_fini(&world->arena);
    snprintf(command, sizeof command, "rm -r %s", world->directory);
    int code = system(command);
    free(world);
    return code;
}

static enum error read_folder(struct world *world, enum dialect dialect)
{
    diag_init(&world->diag, &world->arena);
    return migration_folder_read(world->directory, dialect, &world->arena, &world->diag, &world->folder);
}

static void a_folder_holds_the_files_of_one_kind_in_the_order_of_their_numbers(void **state)
{
    struct world *world = *state;
    put_file(world, "0010_last.up.sql", "select 1;\n");
    put_file(world, "0002_both.up.sql", "-- tenon: no transaction\nselect 1;\n");
    put_file(world, "0002_both.down.sql", "select 2;\n");
    put_file(world, "0003_one.postgres.up.sql", "-- tenon: generated\n-- tenon: contract\nselect 3;\n");
    put_file(world, "0004_other.sqlite.up.sql", "-- tenon: generated\n-- tenon: initial\nselect 4;\n");
    put_file(world, "notes.txt", "no migration");
    assert_int_equal(read_folder(world, DIALECT_SQLITE), OK);
    assert_int_equal(world->folder.count, 3);
    assert_int_equal(world->folder.last_number, 10);
    const struct migration *items = world->folder.items;
    assert_true(slice_eq_text(items[0].id, "0002_both") && slice_eq_text(items[1].id, "0004_other") &&
                slice_eq_text(items[2].id, "0010_last"));
    assert_true(items[0].up.is_stepwise && !items[0].down.is_stepwise && !items[0].is_generated);
    assert_true(items[1].is_generated && items[1].is_initial && !items[1].is_contract);
    assert_null(items[2].down.path);
    assert_string_equal(items[2].checksum, "4a45092ccf992ea92250053a80b931b787924ba61648f420555511b84f10ab6c");
    assert_int_equal(read_folder(world, DIALECT_POSTGRES), OK);
    assert_int_equal(world->folder.count, 3);
    assert_true(world->folder.items[1].is_contract);
}

static void a_folder_that_is_not_there_is_empty(void **state)
{
    struct world *world = *state;
    assert_int_equal(
        migration_folder_read("/tmp/tn-nowhere", DIALECT_SQLITE, &world->arena, &world->diag, &world->folder), OK);
    assert_int_equal(world->folder.count, 0);
}

static void a_batch_has_a_table_a_number_and_both_ends(void **state)
{
    static const struct {
        const char *text, *sql; /* NULL: refused */
        bool is_batch;
    } table[] = {
        {"update t set a = 1", NULL, false},
        {"-- tenon: batch t 100\nupdate t set a = ':upto' where id > :after and id <= :upto;",
         "update t set a = '?2' where id > ?1 and id <= ?2", true},
        {"-- tenon: batch t.key 5\nupdate t set b = c::text where key > :after and key <= :upto",
         "update t set b = c::text where key > ?1 and key <= ?2", true},
        {"-- tenon: batch t 100\nupdate t set a = 1 where id > :after", NULL, true},
        {"-- tenon: batch t 100\nupdate t set a = :uptown where id > :after", NULL, true},
        {"-- tenon: batch t\nupdate t set a = 1 where id > :after and id <= :upto", NULL, true},
        {"-- tenon: batch t 0\nupdate t set a = 1 where id > :after and id <= :upto", NULL, true},
        {"-- tenon: batch t -1\nupdate t set a = 1 where id > :after and id <= :upto", NULL, true},
    };
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct script script;
        struct script_statement statement;
        struct migration_batch batch = {0};
        const char *reason = NULL;
        bool is_batch;
        script_init(&script, slice_from(table[i].text), DIALECT_SQLITE);
        assert_true(script_next(&script, &statement));
        enum error error = migration_batch_parse(&statement, DIALECT_SQLITE, &world->arena, &is_batch, &batch, &reason);
        assert_int_equal(is_batch, table[i].is_batch);
        assert_int_equal(error, table[i].sql || !is_batch ? OK : ERROR_VALIDATION);
        if (table[i].sql)
            assert_true(slice_eq_text(batch.sql, table[i].sql));
        else if (is_batch)
            assert_non_null(reason);
    }
}

static struct migration_run new_run(struct world *world)
{
    return (struct migration_run){
        .db = world->db, .folder = &world->folder, .arena = &world->arena, .diag = &world->diag};
}

static struct migration_status read_status(struct world *world)
{
    struct migration_status status;
    struct db_conn *conn;
    assert_int_equal(db_read_blocking(world->db, &conn), OK);
    assert_int_equal(migration_read_status(conn, &world->folder, &world->arena, &status), OK);
    db_read_end(conn);
    return status;
}

static void what_is_pending_is_applied_in_order_and_taken_back_in_the_other(void **state)
{
    struct world *world = *state;
    put_file(world, "0001_a.up.sql", "create table a (x);\n");
    put_file(world, "0001_a.down.sql", "drop table a;\n");
    put_file(world, "0002_b.up.sql", "insert into a values (1);\n");
    put_file(world, "0002_b.down.sql", "delete from a;\n");
    put_file(world, "0003_c.up.sql", "-- tenon: contract\ndelete from a;\n");
    assert_int_equal(read_folder(world, DIALECT_SQLITE), OK);
    struct migration_status status = read_status(world);
    assert_int_equal(status.pending, 2);
    assert_int_equal(status.contracts, 1);
    struct migration_run run = new_run(world);
    assert_int_equal(migration_run_up(&run), OK);
    assert_int_equal(run.done, 2);
    status = read_status(world);
    assert_int_equal(status.entries[1].state, MIGRATION_APPLIED);
    assert_int_equal(status.entries[2].state, MIGRATION_PENDING);
    assert_int_equal(migration_run_down(&run, 5), OK);
    assert_int_equal(run.done, 4);
    status = read_status(world);
    assert_int_equal(status.pending, 2);
}

static void one_without_a_down_is_not_taken_back(void **state)
{
    struct world *world = *state;
    put_file(world, "0001_a.up.sql", "create table a (x);\n");
    assert_int_equal(read_folder(world, DIALECT_SQLITE), OK);
    struct migration_run run = new_run(world);
    assert_int_equal(migration_run_up(&run), OK);
    assert_int_equal(migration_run_down(&run, 1), ERROR_CONFLICT);
    assert_string_equal(world->diag.message, "migration 0001_a has no down");
}

static void a_row_that_refers_to_none_undoes_all(void **state)
{
    struct world *world = *state;
    put_file(
        world, "0001_a.up.sql",
        "create table a (x integer primary key);\ncreate table b (y references a (x));\ninsert into b values (7);\n");
    assert_int_equal(read_folder(world, DIALECT_SQLITE), OK);
    struct migration_run run = new_run(world);
    assert_int_equal(migration_run_up(&run), ERROR_CONFLICT);
    assert_int_equal(read_status(world).pending, 1);
    assert_string_equal(world->diag.first->message, "a row of \"b\" would refer to one that is not there");
}

static void what_the_database_has_already_is_recorded(void **state)
{
    struct world *world = *state;
    put_file(world, "0001_a.up.sql", "this is not run;\n");
    put_file(world, "0002_b.up.sql", "create table b (x);\n");
    assert_int_equal(read_folder(world, DIALECT_SQLITE), OK);
    struct migration_run run = new_run(world);
    assert_int_equal(migration_run_record(&run, 1), OK);
    assert_int_equal(migration_run_up(&run), OK);
    assert_int_equal(run.done, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_folder_holds_the_files_of_one_kind_in_the_order_of_their_numbers),
        TEST(a_folder_that_is_not_there_is_empty),
        TEST(a_batch_has_a_table_a_number_and_both_ends),
        TEST(what_is_pending_is_applied_in_order_and_taken_back_in_the_other),
        TEST(one_without_a_down_is_not_taken_back),
        TEST(a_row_that_refers_to_none_undoes_all),
        TEST(what_the_database_has_already_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
