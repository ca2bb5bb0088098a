/* SPDX-License-Identifier: Apache-2.0 */
/* Running the tests of an app file.
 *
 *   tables    of the app's schema, in an SQLite file in a folder of its own, whatever database the app has
 *   a test    empties the tables, writes its rows, takes an account for the caller
 *   a request is first judged by the rules alone (why_judge.c), then served (rehearsal.c), then compared: when it is
 * not what was expected, the judgement says which clause decided
 *
 * All of it runs on one fiber of one core, so that handlers find what they need; what blocks delays nobody. Passwords
 * are hashed at the least cost there is, and the envelope is `data`, whatever the app has. */
#include "app/ruletest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/health.h"
#include "app/impersonate.h"
#include "app/rehearsal.h"
#include "app/ruletest_answer.h"
#include "app/ruletest_plan.h"
#include "app/ruletest_request.h"
#include "app/ruletest_rows.h"
#include "app/why_judge.h"
#include "app/worker.h"
#include "data/db.h"
#include "data/sql.h"
#include "http/http1.h"
#include "http/site.h"
#include "model/model.h"
#include "model/schema_sync.h"
#include "rt/core.h"
#include "rt/fiber.h"
#include "rt/offload.h"

enum { TEST_BYTES_MAX = 256 * 1024 * 1024, REASON_BYTES_MAX = 4096 };

struct running {
    struct generation *generation;
    generation_extend *extend;
    void *extend_state;
    struct diag *diag;
    struct ruletest_result *result;
    struct ruletest *tests;
    size_t count;

    char folder[64];
    struct offload *offload;
    struct worker worker;
    struct db *db;
    struct health health;
    struct rehearsal rehearsal;
    struct core_message begin;
    enum error error;
    int log_fd;
    struct log log; /* of the writer's thread */

    /* of the present test */
    struct arena arena;
    struct db_conn *conn;
    struct caller caller;
    struct fiber *fiber;
};

static const struct schema *schema_of(const struct running *running)
{
    return running->generation->settings.schema;
}

/* ---- one test ---- */

static enum error empty_tables(struct running *running)
{
    const struct schema *schema = schema_of(running);
    for (size_t i = 0; i < schema->resource_count; i++) {
        struct sql sql;
        sql_init(&sql, &running->arena, DIALECT_SQLITE);
        sql_delete(&sql, schema->resources[i].table);
        enum error error = sql_execute(&sql, running->conn, NULL);
        sql_fini(&sql);
        TRY(error);
    }
    return OK;
}

/* References may lead to rows that come later; the names of a test lead to rows that are there. */
static enum error set_up(struct running *running, const struct ruletest *test)
{
    enum error error = db_script(running->conn, SLICE("PRAGMA foreign_keys = OFF; BEGIN"));
    if (error == OK)
        error = empty_tables(running);
    if (error == OK)
        error = ruletest_rows_insert(test, running->conn, &running->arena);
    bool is_refused = error == ERROR_CONFLICT;
    if (is_refused)
        diag_at(running->diag, test->place, "two of them may have the same value where it must be unique",
                "the rows of this test cannot be stored: %s", db_message(running->conn));
    if (error == OK || is_refused)
        TRY(db_script(running->conn, is_refused ? SLICE("ROLLBACK") : SLICE("COMMIT")));
    return is_refused ? ERROR_VALIDATION : error;
}

static enum error narrow(struct running *running, const struct node *list)
{
    const struct schema *schema = schema_of(running);
    if (!list)
        return OK;
    struct buf text;
    buf_init(&text, REASON_BYTES_MAX);
    for (const struct node *item = list->first; item; item = item->next)
        buf_printf(&text, "%.*s ", SLICE_ARG(item->text));
    enum error error = buf_error(&text);
    if (error == OK)
        error = impersonate_narrow(schema, buf_slice(&text), &running->arena, &running->caller);
    buf_fini(&text);
    return error;
}

static enum error find_caller(struct running *running, const struct ruletest *test)
{
    const struct schema *schema = schema_of(running);
    running->caller = CALLER_ANONYMOUS;
    running->generation->model->caller = &running->caller;
    if (test->as.len == 0)
        return OK;
    const struct ruletest_row *row = ruletest_rows_find(test, schema->account, test->as);
    const char *id = row->id.kind == VALUE_INT ? arena_printf(&running->arena, "%lld", (long long)row->id.integer)
                                               : arena_text(&running->arena, row->id.text);
    if (!id)
        return ERROR_MEMORY;
    TRY(impersonate_find(running->db, schema, id, &running->arena, running->diag, &running->caller));
    return narrow(running, test->scopes);
}

static void begin_session(struct running *running, struct session *session, struct diag *diag)
{
    session_init(session, running->generation->model, NULL, 0);
    session->caller = running->caller;
    session->arena = &running->arena;
    session->now_us = core_wall_us(running->worker.core);
    diag_init(diag, &running->arena);
    session->diag = diag;
}

/* What the rules say of a request, in words; NULL: they have nothing to say. */
static const char *judge(struct running *running, const struct ruletest_request *request)
{
    struct why_scene scene = {.settings = &running->generation->settings, .conn = running->conn};
    struct why_report report = {0};
    struct why_target target;
    struct diag diag;
    begin_session(running, &scene.session, &diag);
    scene.session.conn = running->conn;
    const char *text = arena_printf(&running->arena, "%.*s %.*s %.*s", SLICE_ARG(request->method),
                                    SLICE_ARG(request->target), SLICE_ARG(request->body));
    if (!text || why_target_read(scene.settings, slice_from(text), &scene.session, &target) != OK ||
        why_judge(&scene, &target, &report) != OK)
        return NULL;
    return arena_printf(&running->arena, "the rules say %d: %s", report.status, report.reason);
}

static enum error check(struct running *running, const struct ruletest *test, const struct ruletest_expect *expect,
                        bool *has_passed)
{
    struct ruletest_request request;
    struct rehearsal_answer answer;
    const struct http1_head *head;
    const char *difference;
    struct diag refusal;
    struct arena *arena = &running->arena;
    diag_init(&refusal, arena);
    TRY(ruletest_request_write(test, schema_of(running), running->generation->settings.api.base, expect->request, arena,
                               &request));
    enum error error = rehearsal_head(running->generation, request.method, request.target, request.body.len > 0, arena,
                                      &refusal, &head);
    if (error == ERROR_PARSE) {
        *has_passed = false;
        diag_at(running->diag, expect->place, "as in GET /markets/m1", "%s", refusal.message);
        return OK;
    }
    TRY(error);
    const char *reason = judge(running, &request);
    TRY(rehearsal_serve(&running->rehearsal, running->fiber, head, request.body, arena, &answer));
    TRY(ruletest_answer_check(test, expect, &answer, arena, &difference));
    if (!difference)
        return OK;
    *has_passed = false;
    struct slice body = answer.status >= 400 && !reason ? answer.body : SLICE("");
    body.len = body.len > REASON_BYTES_MAX ? REASON_BYTES_MAX : body.len;
    diag_at(running->diag, expect->place, reason ? reason : arena_text(arena, body), "%.*s: %s", SLICE_ARG(test->name),
            difference);
    return OK;
}

static enum error run_test(struct running *running, struct ruletest *test)
{
    struct session session;
    struct diag said;
    size_t before = running->diag->count;
    begin_session(running, &session, &said);
    TRY(ruletest_rows_make(test, &session, running->diag));
    if (running->diag->count > before)
        return OK;
    enum error error = set_up(running, test);
    if (error == ERROR_VALIDATION)
        return OK;
    TRY(error);
    fiber_yield(running->fiber); /* what is read in one turn is one snapshot */
    TRY(find_caller(running, test));
    bool has_passed = true;
    for (size_t i = 0; i < test->expect_count; i++)
        TRY(check(running, test, &test->expects[i], &has_passed));
    running->result->passed += has_passed;
    return OK;
}

static enum error run_tests(struct running *running)
{
    TRY(db_write_blocking(running->db, &running->conn));
    enum error error = OK;
    for (size_t i = 0; error == OK && i < running->count; i++) {
        arena_init(&running->arena, TEST_BYTES_MAX);
        error = run_test(running, &running->tests[i]);
        running->generation->model->caller = NULL;
        arena_fini(&running->arena);
    }
    db_read_end(running->conn);
    return error;
}

static void fiber_work(struct fiber *self, void *argument)
{
    struct running *running = argument;
    running->fiber = self;
    running->error = run_tests(running);
    core_stop(running->worker.core);
}

static void begin(struct core *core, struct core_message *message)
{
    struct running *running = CONTAINER_OF(message, struct running, begin);
    running->error = fiber_spawn(core, fiber_work, running);
    if (running->error != OK)
        core_stop(core);
}

/* ---- the whole ---- */

static enum error add_the_rest(void *state, struct generation *generation, struct diag *diag)
{
    struct running *running = state;
    TRY(health_add_public(&running->health, generation->site, diag));
    return running->extend ? running->extend(running->extend_state, generation, diag) : OK;
}

static enum error open_database(struct running *running)
{
    const char *temporary = getenv("TMPDIR");
    int length = snprintf(running->folder, sizeof running->folder, "%s/tenon-check-XXXXXX",
                          temporary && temporary[0] ? temporary : "/tmp");
    if (length >= (int)sizeof running->folder)
        snprintf(running->folder, sizeof running->folder, "/tmp/tenon-check-XXXXXX");
    if (!mkdtemp(running->folder)) {
        running->folder[0] = '\0';
        diag_say(running->diag, "set TMPDIR to a folder that can be written", "no folder for the tests can be made");
        return ERROR_IO;
    }
    const struct db_config config = {.url = "sqlite:tests.db",
                                     .directory = running->folder,
                                     .cores = &running->worker.core,
                                     .core_count = 1,
                                     .log = &running->log,
                                     .name = "tenon check"};
    TRY(db_open(&config, running->diag, &running->db));
    running->health.db = running->db;
    return schema_sync(running->db, schema_of(running), SCHEMA_SYNC_CREATE_IF_EMPTY, running->diag);
}

static enum error build(struct running *running)
{
    struct generation *generation = running->generation;
    const struct generation_parts parts = {.db = running->db,
                                           .offload = running->offload,
                                           .core_count = 1,
                                           .extend = add_the_rest,
                                           .extend_state = running};
    generation->settings.api.envelope = ENVELOPE_DATA;
    TRY(generation_build(generation, &parts, running->diag));
    generation->model->password = (struct password_params){.memory_kib = 8, .iterations = 1, .parallelism = 1};
    running->result->count = running->count;
    running->rehearsal = (struct rehearsal){.generation = generation, .worker = &running->worker};
    return OK;
}

/* Tables of somebody else's are not made here. */
static bool can_be_tested(struct running *running, const struct node *list)
{
    const struct schema *schema = schema_of(running);
    for (size_t i = 0; i < schema->resource_count; i++)
        if (schema->resources[i].is_adopted || schema->resources[i].is_view) {
            diag_at(running->diag, list->key_place, "test such an app against a copy of its database",
                    "an app with adopted tables or views cannot be tested: \"%.*s\" is one",
                    SLICE_ARG(schema->resources[i].name));
            return false;
        }
    return true;
}

static enum error run(struct running *running)
{
    TRY(worker_init(&running->worker, 0, &running->generation->settings, &running->log_fd));
    running->worker.log.level = LOG_LEVEL_ERROR;
    TRY(offload_create(1, 100, 0, &running->offload));
    TRY(open_database(running));
    TRY(build(running));
    running->begin.run = begin;
    core_post(running->worker.core, &running->begin);
    core_run(running->worker.core);
    return running->error;
}

static void remove_folder(const char *folder)
{
    char path[512];
    DIR *directory = folder[0] ? opendir(folder) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && length < (int)sizeof path)
            (void)unlink(path);
    }
    if (directory)
        closedir(directory);
    if (folder[0])
        (void)rmdir(folder);
}

static void close_all(struct running *running)
{
    struct generation *generation = running->generation;
    if (generation->site && generation->site->config.release)
        site_unref(generation->site);
    else
        generation_destroy(generation);
    db_close(running->db);
    offload_destroy(running->offload);
    worker_fini(&running->worker);
    log_fini(&running->log);
    remove_folder(running->folder);
}

enum error ruletest_run(struct generation *generation, generation_extend *extend, void *extend_state, struct diag *diag,
                        struct ruletest_result *out)
{
    const struct node *list = node_find(generation->settings.root, "tests");
    struct running running = {.generation = generation,
                              .extend = extend,
                              .extend_state = extend_state,
                              .diag = diag,
                              .result = out,
                              .log_fd = STDERR_FILENO};
    size_t before = diag->count;
    *out = (struct ruletest_result){0};
    log_init(&running.log, clock_system(), log_write_fd, &running.log_fd);
    running.log.level = LOG_LEVEL_ERROR;
    enum error error =
        ruletest_plan_read(list, generation->settings.schema, &generation->arena, diag, &running.tests, &running.count);
    if (error == OK && running.count > 0 && diag->count == before && can_be_tested(&running, list))
        error = run(&running);
    close_all(&running);
    diag_sort(diag);
    return error == OK && diag->count > before ? ERROR_VALIDATION : error;
}
