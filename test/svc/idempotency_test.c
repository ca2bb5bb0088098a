/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/db.h"
#include "model/model.h"

static struct idempotency_key key_of(const char *scope, const char *key, char body)
{
    struct idempotency_key made = {.scope = slice_from(scope), .key = slice_from(key)};
    memset(made.fingerprint, body, sizeof made.fingerprint);
    return made;
}

static void a_key_is_worked_on_by_one_request_at_a_time(void **state)
{
    struct idempotency *set;
    assert_int_equal(idempotency_create(3, &set), OK);
    const struct idempotency_key a = key_of("anonymous POST /a", "k", 1), other = key_of("anonymous POST /b", "k", 1);
    assert_int_equal(idempotency_enter(set, &a), OK);
    assert_int_equal(idempotency_enter(set, &a), ERROR_CONFLICT);
    assert_int_equal(idempotency_enter(set, &other), OK);
    idempotency_leave(set, &a);
    assert_int_equal(idempotency_enter(set, &a), OK);
    idempotency_destroy(set);
}

static void more_keys_at_once_than_allowed_are_refused(void **state)
{
    struct idempotency *set;
    char names[10][8];
    assert_int_equal(idempotency_create(4, &set), OK);
    for (int i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        const struct idempotency_key key = key_of("s", names[i], 0);
        assert_int_equal(idempotency_enter(set, &key), i < 4 ? OK : ERROR_UNAVAILABLE);
    }
    for (int i = 0; i < 4; i++) {
        const struct idempotency_key key = key_of("s", names[i], 0);
        idempotency_leave(set, &key);
    }
    const struct idempotency_key again = key_of("s", "k9", 0);
    assert_int_equal(idempotency_enter(set, &again), OK);
    idempotency_destroy(set);
}

static const int64_t hour_us = INT64_C(3600000000);

struct stage {
    struct model_core core;
    struct sql sql;
    struct session session;
    struct arena arena;
    struct diag diag;
};

static void at_hour(struct stage *stage, struct db_conn *tx, int64_t hour)
{
    arena_reset(&stage->arena);
    diag_init(&stage->diag, &stage->arena);
    stage->core.sql = &stage->sql;
    stage->session = (struct session){.core = &stage->core,
                                      .arena = &stage->arena,
                                      .diag = &stage->diag,
                                      .conn = tx,
                                      .now_us = (1000000 + hour) * hour_us};
}

static enum error store_and_find(struct db_conn *tx, void *argument)
{
    struct stage *stage = argument;
    const struct idempotency_key key = key_of("anonymous POST /a", "k", 1),
                                 changed = key_of("anonymous POST /a", "k", 2);
    const struct idempotency_answer answer = {.status = 201,
                                              .content_type = SLICE("application/json"),
                                              .headers = SLICE("Location: /a/1\r\n"),
                                              .etag = SLICE("1"),
                                              .body = SLICE("{\"data\":1}")};
    struct idempotency_answer found;
    bool is_found;
    at_hour(stage, tx, 0);
    TRY(idempotency_find(&stage->session, &key, &is_found, &found));
    assert_false(is_found);
    TRY(idempotency_store(&stage->session, &key, &answer));
    at_hour(stage, tx, 23);
    TRY(idempotency_find(&stage->session, &key, &is_found, &found));
    assert_true(is_found);
    assert_int_equal(found.status, 201);
    assert_true(slice_eq(found.headers, answer.headers));
    assert_true(slice_eq(found.body, answer.body));
    assert_int_equal(idempotency_find(&stage->session, &changed, &is_found, &found), ERROR_UNPROCESSABLE);
    assert_string_equal(stage->diag.message, "this Idempotency-Key was used with another body");
    return OK;
}

static enum error expire_and_sweep(struct db_conn *tx, void *argument)
{
    struct stage *stage = argument;
    const struct idempotency_key key = key_of("anonymous POST /a", "k", 2);
    struct idempotency_answer found;
    bool is_found;
    int64_t deleted;
    at_hour(stage, tx, 23);
    TRY(idempotency_sweep(&stage->session, 10, &deleted));
    assert_int_equal(deleted, 0);
    at_hour(stage, tx, 25);
    TRY(idempotency_find(&stage->session, &key, &is_found, &found));
    assert_false(is_found);
    TRY(idempotency_sweep(&stage->session, 10, &deleted));
    assert_int_equal(deleted, 1);
    return OK;
}

static enum error create(struct db_conn *tx, void *argument)
{
    return db_script(tx,
                     SLICE("CREATE TABLE _tenon_idempotency(scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB "
                           "NOT NULL, status INTEGER NOT NULL, content_type TEXT NOT NULL, headers TEXT NOT NULL, "
                           "etag TEXT NOT NULL, is_weak INTEGER NOT NULL, body BLOB NOT NULL, created_us INTEGER NOT "
                           "NULL, PRIMARY KEY(scope, key)) STRICT, WITHOUT ROWID"));
}

static void an_answer_is_kept_for_a_day_and_belongs_to_its_body(void **state)
{
    char folder[] = "/tmp/tenon-idempotency-XXXXXX";
    char url[64], command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/test.db", folder);
    const struct db_config config = {.url = url};
    struct stage stage;
    struct db *db;
    arena_init(&stage.arena, 1 << 20);
    sql_init(&stage.sql, &stage.arena, DIALECT_SQLITE);
    assert_int_equal(db_open(&config, NULL, &db), OK);
    assert_int_equal(db_tx_blocking(db, create, NULL), OK);
    assert_int_equal(db_tx_blocking(db, store_and_find, &stage), OK);
    assert_int_equal(db_tx_blocking(db, expire_and_sweep, &stage), OK);
    db_close(db);
    sql_fini(&stage.sql);
    arena_fini(&stage.arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_worked_on_by_one_request_at_a_time),
        cmocka_unit_test(more_keys_at_once_than_allowed_are_refused),
        cmocka_unit_test(an_answer_is_kept_for_a_day_and_belongs_to_its_body),
    };
    return cmocka_run_group_tests_name("svc/idempotency", tests, NULL, NULL);
}
