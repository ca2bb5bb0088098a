/* SPDX-License-Identifier: Apache-2.0 */
#include "model/secret.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "data/db.h"

struct stage {
    char directory[32], url[64];
};

static struct db *open_db(const struct stage *stage)
{
    struct arena arena;
    struct diag diag;
    struct db *db;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    const struct db_config config = {.url = stage->url};
    assert_int_equal(db_open(&config, &diag, &db), OK);
    arena_fini(&arena);
    return db;
}

static int stage_open(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    strncpy(stage->directory, "/tmp/secret_test.XXXXXX", sizeof stage->directory - 1);
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->url, sizeof stage->url, "sqlite:%s/app.db", stage->directory);
    *state = stage;
    return 0;
}

static int stage_close(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct stage *stage = *state;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/app.db%s", stage->directory, endings[i]);
        unlink(path);
    }
    rmdir(stage->directory);
    free(stage);
    return 0;
}

static void a_secret_is_made_once_and_stays(void **state)
{
    char first[32], again[32], other[64], none[32] = "";
    bool found = true;
    struct db *db = open_db(*state);
    assert_int_equal(secret_find(db, "audit", none, sizeof none, &found), OK);
    assert_false(found); /* not even a table */
    assert_int_equal(secret_get(db, "cursor", first, sizeof first), OK);
    assert_int_equal(secret_get(db, "audit", other, sizeof other), OK);
    assert_memory_not_equal(first, other, sizeof first);
    db_close(db);
    db = open_db(*state);
    assert_int_equal(secret_get(db, "cursor", again, sizeof again), OK);
    assert_memory_equal(first, again, sizeof first);
    memset(again, 0, sizeof again);
    assert_int_equal(secret_find(db, "cursor", again, sizeof again, &found), OK);
    assert_true(found);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(secret_find(db, "nothing", again, sizeof again, &found), OK);
    assert_false(found);
    db_close(db);
}

static void a_secret_of_another_size_is_an_error(void **state)
{
    char room[64];
    bool found;
    struct db *db = open_db(*state);
    assert_int_equal(secret_get(db, "audit", room, 32), OK);
    assert_int_equal(secret_get(db, "audit", room, 64), ERROR_IO);
    assert_int_equal(secret_find(db, "audit", room, 16, &found), ERROR_IO);
    db_close(db);
}

struct racer {
    struct db *db;
    char secret[32];
    enum error error;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    racer->error = secret_get(racer->db, "audit", racer->secret, sizeof racer->secret);
    return NULL;
}

static void those_who_make_it_at_once_agree(void **state)
{
    struct racer racers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        racers[i] = (struct racer){.db = open_db(*state)};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        db_close(racers[i].db);
        assert_int_equal(racers[i].error, OK);
        assert_memory_equal(racers[i].secret, racers[0].secret, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_made_once_and_stays, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(a_secret_of_another_size_is_an_error, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(those_who_make_it_at_once_agree, stage_open, stage_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
