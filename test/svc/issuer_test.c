/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/issuer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/jose_keys.h"
#include "../http/webserver.h"
#include "../rt/support.h"
#include "base/buf.h"
#include "base/jws.h"
#include "base/log.h"
#include "http/fetch.h"
#include "rt/offload.h"

enum { CROWD = 50, PATIENCE_MS = 20000, S = 1000, MINUTE = 60 * S, HOUR = 60 * MINUTE };

#define KEY_A     "{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}"
#define KEY_B     "{\"kid\":\"b\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JOSE_ED_X "\"}"
#define SET(keys) "{\"keys\":[" keys "]}"

/* A server with keys, an issuer that asks it, and a clock that can be put forward. */
struct stage {
    struct webserver *server;
    struct issuer *issuer;
    struct fetch *fetch;
    struct log log, *logs[1];
    struct buf lines;
    atomic_llong ahead_us;
    void (*play)(struct stage *stage, struct fiber *self);
    unsigned returned;
    enum error errors[CROWD];
    int64_t wait_ms;
    struct fiber *fibers[CROWD];
};

static int64_t stage_monotonic_us(void *state)
{
    struct stage *stage = state;
    return clock_monotonic_us(clock_system()) + atomic_load(&stage->ahead_us);
}

static int64_t stage_wall_us(void *state)
{
    return clock_wall_us(clock_system());
}

static enum error keep_lines(void *state, struct slice lines)
{
    buf_put_slice(state, lines);
    return OK;
}

static void put_forward(struct stage *stage, struct fiber *self, int64_t milliseconds)
{
    atomic_fetch_add(&stage->ahead_us, milliseconds * 1000);
    core_refresh_us(fiber_core(self));
}

static enum error find_within(struct stage *stage, struct fiber *self, int64_t wait_ms, const char *kid,
                              enum jwk_algorithm algorithm)
{
    const struct jwk *key = NULL;
    struct issuer_hold *hold = NULL;
    const char *reason = NULL;
    struct deadline deadline = deadline_after(core_now_us(fiber_core(self)), wait_ms);
    enum error error = issuer_find_key(stage->issuer, self, deadline, slice_from(kid), algorithm, &key, &hold, &reason);
    EXPECT((error == OK) == (key != NULL));
    EXPECT(error == OK || error == ERROR_TIMEOUT || error == ERROR_CANCELLED || reason != NULL);
    if (key)
        EXPECT(jwk_algorithm(key) == algorithm && (kid[0] == '\0' || slice_eq_text(jwk_kid(key), kid)));
    issuer_release(hold);
    return error;
}

static enum error find(struct stage *stage, struct fiber *self, const char *kid, enum jwk_algorithm algorithm)
{
    return find_within(stage, self, PATIENCE_MS, kid, algorithm);
}

/* Until no request is under way any more. */
static void settle(struct stage *stage, struct fiber *self)
{
    while (issuer_figures(stage->issuer).is_asking)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void play(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    stage->play(stage, self);
    issuer_destroy(stage->issuer);
    webserver_let_go(stage->server);
}

static void stage_run(void (*play_it)(struct stage *stage, struct fiber *self), struct stage *stage)
{
    char *url = NULL;
    *stage = (struct stage){.play = play_it, .server = webserver_start(NULL), .wait_ms = PATIENCE_MS};
    const struct clock clock = {stage_monotonic_us, stage_wall_us, stage};
    const struct core_config config = {.index = 0, .clock = &clock};
    const struct fetch_config fetch_config = {.threads = 2, .queue_limit = 16};
    buf_init(&stage->lines, 1 << 20);
    log_init(&stage->log, clock_system(), keep_lines, &stage->lines);
    stage->logs[0] = &stage->log;
    webserver_answer_body(stage->server, "200 OK", SET(KEY_A));
    if (asprintf(&url, "http://127.0.0.1:%u/jwks.json", webserver_port(stage->server)) < 0)
        fail_msg("no memory");
    assert_int_equal(fetch_create(&fetch_config, &stage->fetch), OK);
    const struct issuer_config issuer_config = {.issuer = SLICE("https://login.example"),
                                                .jwks_url = slice_from(url),
                                                .fetch = stage->fetch,
                                                .core_logs = stage->logs};
    assert_int_equal(issuer_create(&issuer_config, NULL, &stage->issuer), OK);
    struct core *core = support_run_and_keep(&config, play, stage);
    fetch_destroy(stage->fetch);
    core_destroy(core);
    webserver_stop(stage->server);
    log_fini(&stage->log);
    free(url);
}

static void stage_fini(struct stage *stage)
{
    buf_fini(&stage->lines);
}

static bool has_logged(const struct stage *stage, const char *text)
{
    return memmem(stage->lines.ptr, stage->lines.len, text, strlen(text)) != NULL;
}

/* 50 fibers ask for the same key at once. */

static void find_one(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    unsigned me = 0;
    while (stage->fibers[me])
        me++;
    stage->fibers[me] = self;
    stage->errors[me] = find_within(stage, self, stage->wait_ms, "a", JWK_ES256);
    stage->returned++;
}

static void spawn_crowd(struct stage *stage, struct fiber *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        EXPECT(fiber_spawn(fiber_core(self), find_one, stage) == OK);
    fiber_yield(self);
}

static void wait_for_crowd(struct stage *stage, struct fiber *self, unsigned count)
{
    while (stage->returned < count)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void ask_in_a_crowd(struct stage *stage, struct fiber *self)
{
    webserver_hold(stage->server);
    spawn_crowd(stage, self, CROWD);
    EXPECT(issuer_figures(stage->issuer).waiters == CROWD);
    while (webserver_count(stage->server) == 0)
        EXPECT(fiber_sleep(self, 1) == OK);
    EXPECT(stage->returned == 0);
    webserver_let_go(stage->server);
    wait_for_crowd(stage, self, CROWD);
    EXPECT(webserver_count(stage->server) == 1);
    EXPECT(issuer_figures(stage->issuer).waiters == 0);
    for (int i = 0; i < 1000; i++)
        EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    EXPECT(webserver_count(stage->server) == 1);
}

static void issuer_find_key_asks_once_for_all_who_wait(void **state)
{
    struct stage stage;
    stage_run(ask_in_a_crowd, &stage);
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(stage.errors[i], OK);
    assert_true(has_logged(&stage, "the keys of an issuer were fetched"));
    stage_fini(&stage);
}

static void leave_while_waiting(struct stage *stage, struct fiber *self)
{
    webserver_hold(stage->server);
    stage->wait_ms = 30;
    spawn_crowd(stage, self, 1);
    stage->wait_ms = PATIENCE_MS;
    spawn_crowd(stage, self, 2);
    fiber_cancel(stage->fibers[1]);
    wait_for_crowd(stage, self, 2);
    EXPECT(issuer_figures(stage->issuer).waiters == 1);
    webserver_let_go(stage->server);
    wait_for_crowd(stage, self, 3);
    EXPECT(webserver_count(stage->server) == 1);
}

static void issuer_find_key_lets_go_of_who_cannot_wait_and_serves_the_others(void **state)
{
    struct stage stage;
    stage_run(leave_while_waiting, &stage);
    assert_int_equal(stage.errors[0], ERROR_TIMEOUT);
    assert_int_equal(stage.errors[1], ERROR_CANCELLED);
    assert_int_equal(stage.errors[2], OK);
    stage_fini(&stage);
}

static void rotate(struct stage *stage, struct fiber *self)
{
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    webserver_answer_body(stage->server, "200 OK", SET(KEY_A "," KEY_B));
    EXPECT(find(stage, self, "b", JWK_EDDSA) == OK); /* although the keys are but a moment old */
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    EXPECT(find(stage, self, "", JWK_EDDSA) == OK);
    EXPECT(webserver_count(stage->server) == 2);
    webserver_answer_body(stage->server, "200 OK", SET(KEY_B));
    put_forward(stage, self, ISSUER_MAX_AGE_MS);
    EXPECT(find(stage, self, "a", JWK_ES256) == OK); /* the old ones serve while the new ones are fetched */
    settle(stage, self);
    EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAUTHORIZED);
    EXPECT(find(stage, self, "b", JWK_EDDSA) == OK);
    EXPECT(webserver_count(stage->server) == 4); /* "a" was asked for once more */
}

static void issuer_find_key_follows_the_rotation_of_keys(void **state)
{
    struct stage stage;
    stage_run(rotate, &stage);
    stage_fini(&stage);
}

static void flood(struct stage *stage, struct fiber *self)
{
    char kid[32];
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    for (unsigned round = 0; round < 5; round++) {
        EXPECT(webserver_count(stage->server) == 1 + round);
        put_forward(stage, self, ISSUER_PAUSE_MS);
        for (int i = 0; i < 200; i++) {
            snprintf(kid, sizeof kid, "../../etc/%u/%d", round, i);
            EXPECT(find(stage, self, kid, JWK_ES256) == ERROR_UNAUTHORIZED);
            EXPECT(find(stage, self, "a", JWK_RS256) == ERROR_UNAUTHORIZED);
        }
    }
    EXPECT(webserver_count(stage->server) == 6);
    EXPECT(find(stage, self, "a", JWK_HS256) == ERROR_UNAUTHORIZED);
    EXPECT(find(stage, self, "a", JWK_PS256) == ERROR_UNAUTHORIZED);
}

static void issuer_find_key_asks_for_unknown_kids_once_in_a_while(void **state)
{
    struct stage stage;
    stage_run(flood, &stage);
    stage_fini(&stage);
}

static void lose_the_server(struct stage *stage, struct fiber *self)
{
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    webserver_answer_body(stage->server, "503 Down", SET(KEY_B));
    for (unsigned i = 1; i <= 23; i++) {
        put_forward(stage, self, HOUR);
        EXPECT(find(stage, self, "a", JWK_ES256) == OK);
        settle(stage, self);
        EXPECT(issuer_figures(stage->issuer).failures == i);
        EXPECT(find(stage, self, "a", JWK_ES256) == OK); /* in the pause nobody asks */
        EXPECT(webserver_count(stage->server) == 1 + i);
    }
    put_forward(stage, self, HOUR);
    EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAVAILABLE);
    webserver_answer_body(stage->server, "200 OK", SET(KEY_A));
    EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAVAILABLE); /* in the pause */
    put_forward(stage, self, MINUTE);
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
}

static void issuer_find_key_keeps_old_keys_for_a_day_when_the_server_is_down(void **state)
{
    struct stage stage;
    stage_run(lose_the_server, &stage);
    assert_true(has_logged(&stage, "the keys of an issuer could not be had"));
    assert_true(has_logged(&stage, "\"status\":503"));
    stage_fini(&stage);
}

static void begin_without_server(struct stage *stage, struct fiber *self)
{
    static const int pauses_s[] = {1, 2, 4, 8, 16, 30, 30};
    webserver_answer_body(stage->server, "500 Down", "");
    EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAVAILABLE);
    for (unsigned i = 0; i < ARRAY_LEN(pauses_s); i++) {
        put_forward(stage, self, pauses_s[i] * S - 900);
        EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAVAILABLE);
        EXPECT(webserver_count(stage->server) == 1 + i);
        put_forward(stage, self, 900);
        EXPECT(find(stage, self, "a", JWK_ES256) == ERROR_UNAVAILABLE);
        EXPECT(webserver_count(stage->server) == 2 + i);
    }
}

static void issuer_find_key_asks_a_server_that_is_down_less_and_less_often(void **state)
{
    struct stage stage;
    stage_run(begin_without_server, &stage);
    stage_fini(&stage);
}

static void answer_badly(struct stage *stage, struct fiber *self)
{
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n<html>login</html>",
        "HTTP/1.1 200 OK\r\n\r\n{\"error\":\"no\"}",
        "HTTP/1.1 200 OK\r\n\r\n" SET(KEY_B) "x",
        "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[" KEY_B "],\"keys\":[]}",
        "HTTP/1.1 201 Created\r\n\r\n" SET(KEY_B),
        "HTTP/1.1 404 Not Found\r\n\r\n" SET(KEY_B),
        "HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n" SET(KEY_B),
        "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" SET(KEY_B),
        "garbage",
    };
    EXPECT(find(stage, self, "a", JWK_ES256) == OK);
    for (unsigned i = 0; i <= ARRAY_LEN(rows); i++) {
        if (i < ARRAY_LEN(rows))
            webserver_answer(stage->server, rows[i], strlen(rows[i]));
        else
            webserver_answer_endlessly(stage->server, "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[",
                                       "                              ");
        put_forward(stage, self, ISSUER_MAX_AGE_MS);
        EXPECT(find(stage, self, "a", JWK_ES256) == OK);
        settle(stage, self);
        EXPECT(issuer_figures(stage->issuer).failures == 1 + i);
        EXPECT(find(stage, self, "b", JWK_EDDSA) == ERROR_UNAUTHORIZED);
        EXPECT(find(stage, self, "a", JWK_ES256) == OK);
        EXPECT(webserver_count(stage->server) == 2 + i);
        EXPECT(issuer_figures(stage->issuer).keys == 1);
    }
}

static void issuer_find_key_takes_no_keys_from_answers_that_are_not_plain_sets(void **state)
{
    struct stage stage;
    stage_run(answer_badly, &stage);
    stage_fini(&stage);
}

/* Three cores at once: each with fibers that ask for a key that is there and one that is not, while the clock runs. */

enum { CORES = 3, FIBERS = 8, ROUNDS = 100 };

struct core_run {
    struct stage *stage;
    struct core *core;
    pthread_t thread;
    unsigned found, refused, ended;
};

static void find_in_turns(struct fiber *self, void *argument)
{
    struct core_run *run = argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool is_known = i % 4 != 0;
        enum error error = find_within(run->stage, self, i % 7 == 0 ? 1 : PATIENCE_MS, is_known ? "a" : "x", JWK_ES256);
        run->found += is_known && error == OK;
        run->refused += !is_known && error == ERROR_UNAUTHORIZED;
        EXPECT(error != (is_known ? ERROR_UNAUTHORIZED : OK));
        if (i % 8 == 0)
            put_forward(run->stage, self, ISSUER_PAUSE_MS);
        fiber_yield(self);
    }
    if (++run->ended == FIBERS)
        core_stop(run->core);
}

static void *run_core(void *argument)
{
    struct core_run *run = argument;
    core_run(run->core);
    return NULL;
}

static void many_cores_share_an_issuer(void **state)
{
    struct stage stage = {.server = webserver_start(NULL)};
    struct core_run runs[CORES] = {{.found = 0}};
    const struct clock clock = {stage_monotonic_us, stage_wall_us, &stage};
    const struct fetch_config fetch_config = {.threads = 2, .queue_limit = 16};
    char *url = NULL;
    webserver_answer_body(stage.server, "200 OK", SET(KEY_A));
    assert_true(asprintf(&url, "http://127.0.0.1:%u/", webserver_port(stage.server)) > 0);
    assert_int_equal(fetch_create(&fetch_config, &stage.fetch), OK);
    const struct issuer_config config = {.issuer = SLICE("i"), .jwks_url = slice_from(url), .fetch = stage.fetch};
    assert_int_equal(issuer_create(&config, NULL, &stage.issuer), OK);
    for (unsigned i = 0; i < CORES; i++) {
        const struct core_config core_config = {.index = i, .clock = &clock};
        runs[i].stage = &stage;
        assert_int_equal(core_create(&core_config, &runs[i].core), OK);
        for (unsigned j = 0; j < FIBERS; j++)
            assert_int_equal(fiber_spawn(runs[i].core, find_in_turns, &runs[i]), OK);
    }
    for (unsigned i = 0; i < CORES; i++)
        assert_int_equal(pthread_create(&runs[i].thread, NULL, run_core, &runs[i]), 0);
    for (unsigned i = 0; i < CORES; i++)
        pthread_join(runs[i].thread, NULL);
    issuer_destroy(stage.issuer);
    fetch_destroy(stage.fetch);
    for (unsigned i = 0; i < CORES; i++) {
        core_destroy(runs[i].core);
        assert_true(runs[i].found > 0);
        assert_true(runs[i].refused > 0);
    }
    webserver_stop(stage.server);
    free(url);
}

static void destroy_during_a_refresh(struct stage *stage, struct fiber *self)
{
    webserver_hold(stage->server);
    EXPECT(find_within(stage, self, 20, "a", JWK_ES256) == ERROR_TIMEOUT);
}

/* The fetch, the core and the server outlive it; the sanitizers see what is lost or used too late. */
static void issuer_destroy_leaves_a_refresh_that_is_under_way_to_end_by_itself(void **state)
{
    struct stage stage;
    stage_run(destroy_during_a_refresh, &stage);
    stage_fini(&stage);
}

/* A fiber's stack of the usual size is enough for every algorithm. */
static void sign_and_check_each(struct fiber *self, void *argument)
{
    static const struct {
        const char *pem;
        enum jwk_algorithm algorithm;
    } rows[] = {{JOSE_PEM_RSA, JWK_RS256},  {JOSE_PEM_RSA, JWK_PS512},  {JOSE_PEM_EC, JWK_ES256},
                {JOSE_PEM_P384, JWK_ES384}, {JOSE_PEM_P521, JWK_ES512}, {JOSE_PEM_ED, JWK_EDDSA}};
    size_t *left = argument;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwk *key = NULL;
        struct jws jws;
        struct slice token;
        EXPECT(jwk_create_pem(slice_from(rows[i].pem), 1u << rows[i].algorithm, SLICE("k"), NULL, &key) == OK);
        EXPECT(jws_sign(key, SLICE(""), SLICE("{}"), &arena, &token) == OK);
        EXPECT(jws_parse(token, &arena, &jws, NULL) == OK);
        EXPECT(jws_check(&jws, key, NULL) == OK);
        jwk_destroy(key);
    }
    *left = fiber_stack_left(self);
    arena_fini(&arena);
}

static void signatures_fit_on_the_stack_of_a_fiber(void **state)
{
    size_t left = 0;
    support_run(sign_and_check_each, &left);
    assert_true(left > 0);
}

static void issuer_create_refuses_what_cannot_be_trusted(void **state)
{
    static const struct {
        const char *issuer, *url;
        uint32_t algorithms;
        enum error error;
    } rows[] = {
        {"i", "https://login.example/jwks", 0, OK},
        {"i", "http://localhost:8080/jwks", 0, OK},
        {"i", "http://[::1]/jwks", 0, OK},
        {"i", "http://127.0.0.1", 0, OK},
        {"i", "http://login.example/jwks", 0, ERROR_VALIDATION},
        {"i", "http://localhost.evil.example/jwks", 0, ERROR_VALIDATION},
        {"i", "http://127.0.0.1.evil.example/jwks", 0, ERROR_VALIDATION},
        {"i", "http://localhost@evil.example/jwks", 0, ERROR_VALIDATION},
        {"i", "file:///etc/passwd", 0, ERROR_VALIDATION},
        {"i", "", 0, ERROR_VALIDATION},
        {"", "https://login.example/jwks", 0, ERROR_VALIDATION},
        {"i", "https://login.example/jwks", 1u << JWK_RS256 | 1u << JWK_HS256, ERROR_VALIDATION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct diag diag;
        struct issuer *issuer = NULL;
        const struct issuer_config config = {.issuer = slice_from(rows[i].issuer),
                                             .jwks_url = slice_from(rows[i].url),
                                             .algorithms = rows[i].algorithms};
        arena_init(&arena, 1 << 16);
        diag_init(&diag, &arena);
        if (issuer_create(&config, &diag, &issuer) != rows[i].error)
            fail_msg("row %zu", i);
        assert_int_equal(diag.message != NULL, rows[i].error != OK);
        if (issuer)
            assert_true(slice_eq_text(issuer_name(issuer), rows[i].issuer));
        issuer_destroy(issuer);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issuer_find_key_asks_once_for_all_who_wait),
        cmocka_unit_test(issuer_find_key_lets_go_of_who_cannot_wait_and_serves_the_others),
        cmocka_unit_test(issuer_find_key_follows_the_rotation_of_keys),
        cmocka_unit_test(issuer_find_key_asks_for_unknown_kids_once_in_a_while),
        cmocka_unit_test(issuer_find_key_keeps_old_keys_for_a_day_when_the_server_is_down),
        cmocka_unit_test(issuer_find_key_asks_a_server_that_is_down_less_and_less_often),
        cmocka_unit_test(issuer_find_key_takes_no_keys_from_answers_that_are_not_plain_sets),
        cmocka_unit_test(many_cores_share_an_issuer),
        cmocka_unit_test(issuer_destroy_leaves_a_refresh_that_is_under_way_to_end_by_itself),
        cmocka_unit_test(signatures_fit_on_the_stack_of_a_fiber),
        cmocka_unit_test(issuer_create_refuses_what_cannot_be_trusted),
    };
    return cmocka_run_group_tests_name("svc/issuer", tests, NULL, NULL);
}
