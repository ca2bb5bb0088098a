/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/auditqueue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "data/db.h"
#include "model/model.h"
#include "svc/identity_table.h"

struct stage {
    char folder[40];
    struct db *db;
    struct schema schema;
    struct model *model;
    struct arena arena;
    struct session session;
    struct log log;
    struct buf lines;
    struct hmac_key *key;
    struct audit audit;
};

static enum error keep(void *state, struct slice lines)
{
    buf_put_slice(state, lines);
    return OK;
}

static void stage_open(struct stage *stage)
{
    char url[64];
    *stage = (struct stage){.folder = "/tmp/tenon-auditqueue-XXXXXX"};
    assert_non_null(mkdtemp(stage->folder));
    snprintf(url, sizeof url, "sqlite:%s/test.db", stage->folder);
    const struct db_config config = {.url = url};
    assert_int_equal(db_open(&config, NULL, &stage->db), OK);
    assert_int_equal(identity_table_make(stage->db), OK);
    assert_int_equal(model_create(&stage->schema, stage->db, NULL, 0, &stage->model), OK);
    arena_init(&stage->arena, 1 << 20);
    buf_init(&stage->lines, 1 << 20);
    log_init(&stage->log, clock_system(), keep, &stage->lines);
    assert_int_equal(digest_hmac_create(SLICE("0123456789abcdef0123456789abcdef"), &stage->key), OK);
    assert_int_equal(audit_init(&stage->audit, &stage->log, stage->key), OK);
    session_init(&stage->session, stage->model, NULL, 0);
    stage->session.arena = &stage->arena;
    stage->session.now_us = 1767323045000000;
}

static void stage_close(struct stage *stage)
{
    char command[64];
    digest_hmac_destroy(stage->key);
    log_fini(&stage->log);
    buf_fini(&stage->lines);
    arena_fini(&stage->arena);
    model_destroy(stage->model);
    db_close(stage->db);
    snprintf(command, sizeof command, "rm -rf %s", stage->folder);
    assert_int_equal(system(command), 0);
}

struct putting {
    const char *subject;
    enum error outcome;
};

static enum error put_in_unit(struct session *session, void *argument)
{
    const struct putting *putting = argument;
    TRY(auditqueue_put(session, AUDIT_KEY_CREATED, SLICE("cli:ada"), slice_from(putting->subject)));
    return putting->outcome;
}

static void put(struct stage *stage, const char *subject, enum error outcome)
{
    struct putting putting = {subject, outcome};
    assert_int_equal(session_write(&stage->session, DB_READ_COMMITTED, put_in_unit, &putting), outcome);
    stage->session.now_us++;
}

static int64_t write_some(struct stage *stage, int64_t limit)
{
    int64_t count = -1;
    assert_int_equal(auditqueue_write(&stage->session, &stage->audit, limit, &count), OK);
    return count;
}

/* How often a text is in the log. */
static unsigned said(struct stage *stage, const char *text)
{
    unsigned count = 0;
    buf_put_byte(&stage->lines, '\0');
    stage->lines.len--;
    for (const char *at = strstr(stage->lines.ptr, text); at; at = strstr(at + 1, text))
        count++;
    return count;
}

static void an_event_is_written_once_the_oldest_first(void **state)
{
    struct stage stage;
    stage_open(&stage);
    put(&stage, "key:a", OK);
    put(&stage, "key:b", OK);
    put(&stage, "key:c", OK);
    assert_int_equal(write_some(&stage, 2), 2);
    assert_int_equal(said(&stage, "\"subject\":\"key:c\""), 0);
    assert_true(strstr(stage.lines.ptr, "key:a") < strstr(stage.lines.ptr, "key:b"));
    assert_int_equal(write_some(&stage, 2), 1);
    assert_int_equal(write_some(&stage, 2), 0);
    assert_int_equal(said(&stage, "\"event\":\"key_created\""), 3);
    assert_int_equal(said(&stage, "\"subject\":\"key:a\""), 1);
    assert_int_equal(said(&stage, "\"actor\":\"cli:ada\""), 3);
    assert_int_equal(said(&stage, "\"reason\":\"on the command line, at 2026-01-02T03:04:05.000002Z\""), 1);
    stage_close(&stage);
}

static void nothing_is_written_of_what_was_undone_and_no_chain_begins_for_nothing(void **state)
{
    struct stage stage;
    stage_open(&stage);
    put(&stage, "key:a", ERROR_CONFLICT);
    assert_int_equal(write_some(&stage, 10), 0);
    audit_fini(&stage.audit);
    assert_int_equal(stage.lines.len, 0);
    stage_close(&stage);
}

static enum error put_unknown(struct db_conn *tx, void *argument)
{
    return db_script(tx, SLICE("INSERT INTO _tenon_events VALUES('0', 'moon_landed', 'cli:ada', 'x', 0)"));
}

static void a_kind_that_is_not_known_stays_and_keeps_no_other_waiting(void **state)
{
    struct stage stage;
    stage_open(&stage);
    assert_int_equal(db_tx_blocking(stage.db, put_unknown, NULL), OK);
    put(&stage, "key:a", OK);
    assert_int_equal(write_some(&stage, 1), 1);
    assert_int_equal(write_some(&stage, 1), 0);
    assert_int_equal(said(&stage, "moon_landed"), 0);
    assert_int_equal(said(&stage, "\"subject\":\"key:a\""), 1);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_written_once_the_oldest_first),
        cmocka_unit_test(nothing_is_written_of_what_was_undone_and_no_chain_begins_for_nothing),
        cmocka_unit_test(a_kind_that_is_not_known_stays_and_keeps_no_other_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
