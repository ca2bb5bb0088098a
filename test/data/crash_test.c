/* SPDX-License-Identifier: Apache-2.0 */
/* What was acknowledged survives kill -9. A child writes rows and says each id through a pipe only after its
 * transaction has returned; it is killed at random; every id that was said must be there, and the database must be
 * whole. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/db.h"

enum { ROUNDS = 5 };

static enum error insert(struct db_conn *tx, void *argument)
{
    const struct value id = value_int(*(int64_t *)argument);
    TRY(db_execute(tx, SLICE("INSERT INTO item(id) VALUES(?1)"), &id, 1, NULL));
    return db_execute(tx, SLICE("INSERT INTO twin(id) VALUES(?1)"), &id, 1, NULL);
}

static void write_for_ever(const char *url, int64_t from, int pipe_fd)
{
    const struct db_config config = {.url = url};
    struct db *db;
    if (db_open(&config, NULL, &db) != OK)
        _exit(2);
    for (int64_t id = from;; id++)
        if (db_tx_blocking(db, insert, &id) != OK || write(pipe_fd, &id, sizeof id) != sizeof id)
            _exit(3);
}

static enum error create(struct db_conn *tx, void *argument)
{
    return db_script(tx, SLICE("CREATE TABLE IF NOT EXISTS item(id INTEGER PRIMARY KEY) STRICT;"
                               "CREATE TABLE IF NOT EXISTS twin(id INTEGER PRIMARY KEY) STRICT;"));
}

static int64_t ask(struct db *db, const char *sql, const struct value *argument)
{
    struct db_conn *conn;
    struct db_rows *rows;
    bool has_row;
    assert_int_equal(db_read_blocking(db, &conn), OK);
    assert_int_equal(db_query(conn, slice_from(sql), argument, argument ? 1 : 0, &rows), OK);
    assert_int_equal(db_next(rows, &has_row), OK);
    assert_true(has_row);
    int64_t answer = db_column(rows, 0).integer;
    db_read_end(conn);
    return answer;
}

/* Lets a child write for a while, kills it, and returns the last id it has acknowledged. */
static int64_t kill_a_writer(const char *url, int64_t from)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        write_for_ever(url, from, ends[1]);
    }
    close(ends[1]);
    usleep(50000 + (unsigned)(rand() % 150000));
    kill(child, SIGKILL);
    int64_t last = from - 1, id;
    while (read(ends[0], &id, sizeof id) == sizeof id)
        last = id;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void every_acknowledged_transaction_survives_kill_9(void **state)
{
    char folder[] = "/tmp/tenon-crash-XXXXXX";
    char url[64], command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/crash.db", folder);
    const struct db_config config = {.url = url};
    struct db *db;
    int64_t next = 1, acknowledged = 0;
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(db_open(&config, NULL, &db), OK);
        assert_int_equal(db_tx_blocking(db, create, NULL), OK);
        db_close(db);
        int64_t last = kill_a_writer(url, next);
        acknowledged += last - next + 1;
        const struct value bound = value_int(last);
        assert_int_equal(db_open(&config, NULL, &db), OK);
        assert_int_equal(ask(db, "SELECT count(*) FROM item WHERE id <= ?1", &bound), last);
        assert_int_equal(ask(db, "SELECT count(*) FROM item i LEFT JOIN twin t USING(id) WHERE t.id IS NULL", NULL), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'", NULL), 0);
        next = ask(db, "SELECT max(id) FROM item", NULL) + 1;
        db_close(db);
    }
    print_message("# %lld transactions acknowledged over %d kills\n", (long long)acknowledged, ROUNDS);
    assert_true(acknowledged > 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_acknowledged_transaction_survives_kill_9),
    };
    return cmocka_run_group_tests_name("data/crash", tests, NULL, NULL);
}
