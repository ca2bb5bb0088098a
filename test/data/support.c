/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void *run_core(void *argument)
{
    core_run(argument);
    return NULL;
}

void rig_open(struct rig *rig, struct db_config config)
{
    snprintf(rig->folder, sizeof rig->folder, "/tmp/tenon-data-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->url, sizeof rig->url, "sqlite:%s/sub/test.db", rig->folder);
    const struct core_config core = {0};
    assert_int_equal(core_create(&core, &rig->core), OK);
    config.url = rig->url;
    config.cores = &rig->core;
    config.core_count = 1;
    assert_int_equal(db_open(&config, NULL, &rig->db), OK);
    assert_int_equal(pthread_create(&rig->thread, NULL, run_core, rig->core), 0);
}

void rig_close(struct rig *rig)
{
    char command[128];
    core_stop(rig->core);
    pthread_join(rig->thread, NULL);
    db_close(rig->db);
    core_destroy(rig->core);
    snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    assert_int_equal(system(command), 0);
}

struct launch {
    struct core_message message;
    struct rig *rig;
    rig_work *work;
    void *const *arguments;
    size_t count, next;
    sem_t done;
};

static void fiber_work(struct fiber *self, void *argument)
{
    struct launch *launch = argument;
    launch->work(launch->rig, self, launch->arguments[launch->next++]);
    sem_post(&launch->done);
}

static void spawn_all(struct core *core, struct core_message *message)
{
    struct launch *launch = CONTAINER_OF(message, struct launch, message);
    for (size_t i = 0; i < launch->count; i++)
        if (fiber_spawn(core, fiber_work, launch) != OK)
            abort();
}

void rig_run(struct rig *rig, rig_work *work, void *const *arguments, size_t count)
{
    struct launch launch = {
        .message = {.run = spawn_all}, .rig = rig, .work = work, .arguments = arguments, .count = count};
    sem_init(&launch.done, 0, 0);
    core_post(rig->core, &launch.message);
    for (size_t i = 0; i < count; i++)
        sem_wait(&launch.done);
    sem_destroy(&launch.done);
}

static enum error run_script(struct db_conn *tx, void *argument)
{
    const char *sql = argument;
    return db_script(tx, slice_from(sql));
}

void rig_script(struct rig *rig, const char *sql)
{
    char *copy = strdup(sql);
    assert_int_equal(db_tx_blocking(rig->db, run_script, copy), OK);
    free(copy);
}

int64_t rig_integer(struct rig *rig, const char *sql)
{
    struct db_conn *conn;
    struct db_rows *rows;
    bool has_row;
    assert_int_equal(db_read_blocking(rig->db, &conn), OK);
    assert_int_equal(db_query(conn, slice_from(sql), NULL, 0, &rows), OK);
    assert_int_equal(db_next(rows, &has_row), OK);
    assert_true(has_row);
    int64_t integer = db_column(rows, 0).integer;
    db_read_end(conn);
    return integer;
}
