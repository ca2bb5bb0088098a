/* SPDX-License-Identifier: Apache-2.0 */
#include "http/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "../rt/support.h"
#include "rt/offload.h"
#include "webserver.h"

enum { ARENA_BYTES = 4 << 20, ANSWER_LIMIT = 1000, PATIENCE_MS = 20000 };

/* One request of one fiber, and what came of it. */
struct errand {
    struct fetch *fetch;
    struct fetch_request request;
    int64_t wait_ms;
    struct arena arena;
    struct fetch_answer answer;
    const char *reason;
    enum error error;
    int64_t took_us;
    struct fiber *fiber;
    bool is_done;
};

static void send_one(struct fiber *self, void *argument)
{
    struct errand *errand = argument;
    struct core *core = fiber_core(self);
    int64_t begun_us = core_refresh_us(core);
    struct deadline deadline = deadline_after(begun_us, errand->wait_ms ? errand->wait_ms : PATIENCE_MS);
    errand->fiber = self;
    errand->error =
        fetch_send(errand->fetch, self, deadline, &errand->request, &errand->arena, &errand->answer, &errand->reason);
    errand->took_us = core_refresh_us(core) - begun_us;
    errand->is_done = true;
}

static char *url_of(const struct webserver *server, const char *scheme, const char *path)
{
    char *url = NULL;
    if (asprintf(&url, "%s:%u%s", scheme, webserver_port(server), path) < 0)
        fail_msg("no memory");
    return url;
}

/* Runs `main` with a fetch of one thread; the pool's thread posts to the core, so it ends first. */
static void run_with(const char *ca_file, fiber_main *main, struct errand *errand)
{
    static const struct core_config config = {.index = 0};
    const struct fetch_config fetch_config = {.threads = 1, .queue_limit = 4, .ca_file = ca_file};
    arena_init(&errand->arena, ARENA_BYTES);
    if (errand->request.answer_limit == 0)
        errand->request.answer_limit = ANSWER_LIMIT;
    assert_int_equal(fetch_create(&fetch_config, &errand->fetch), OK);
    struct core *core = support_run_and_keep(&config, main, errand);
    fetch_destroy(errand->fetch);
    core_destroy(core);
}

/* Asks the server once. */
static struct errand ask(const struct webserver *server, int64_t wait_ms)
{
    char *url = url_of(server, "http://127.0.0.1", "/keys?a=b");
    struct errand errand = {.request.url = slice_from(url), .wait_ms = wait_ms};
    run_with(NULL, send_one, &errand);
    free(url);
    return errand;
}

static void fetch_send_gives_the_answer_whatever_its_status(void **state)
{
    static const struct {
        const char *status, *body;
        int number;
    } rows[] = {
        {"200 OK", "{\"keys\":[]}", 200}, {"404 Not Found", "no", 404}, {"500 Oh", "", 500}, {"204 None", "", 204}};
    struct webserver *server = webserver_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        webserver_answer_body(server, rows[i].status, rows[i].body);
        struct errand errand = ask(server, 0);
        assert_int_equal(errand.error, OK);
        assert_int_equal(errand.answer.status, rows[i].number);
        assert_true(slice_eq_text(errand.answer.body, rows[i].body));
        assert_true(slice_eq_text(errand.answer.content_type, "application/json"));
        arena_fini(&errand.arena);
    }
    assert_true(webserver_was_told(server, "GET /keys?a=b HTTP/1.1\r\n"));
    assert_int_equal(webserver_count(server), ARRAY_LEN(rows));
    webserver_stop(server);
}

static void fetch_send_follows_no_redirect(void **state)
{
    static const char answer[] = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    struct webserver *server = webserver_start(NULL);
    webserver_answer(server, answer, sizeof answer - 1);
    struct errand errand = ask(server, 0);
    assert_int_equal(errand.error, OK);
    assert_int_equal(errand.answer.status, 302);
    assert_int_equal(errand.answer.body.len, 0);
    assert_int_equal(webserver_count(server), 1);
    arena_fini(&errand.arena);
    webserver_stop(server);
}

static void fetch_send_asks_no_proxy_of_the_environment_and_tells_nobody_who_it_is(void **state)
{
    struct webserver *server = webserver_start(NULL);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct errand errand = ask(server, 0);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(errand.error, OK);
    static const char *const absent[] = {"Cookie", "Authorization", "Accept-Encoding", "Referer"};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        assert_false(webserver_was_told(server, absent[i]));
    arena_fini(&errand.arena);
    webserver_stop(server);
}

static void fetch_send_posts_a_body_with_its_headers(void **state)
{
    static const struct fetch_header headers[] = {{SLICE_INIT("Content-Type"), SLICE_INIT("application/json")},
                                                  {SLICE_INIT("X-Name"), SLICE_INIT("a b")}};
    static const struct slice body = SLICE_INIT("{\"a\":1}");
    struct webserver *server = webserver_start(NULL);
    char *url = url_of(server, "http://127.0.0.1", "/hook");
    struct errand errand = {.request = {.url = slice_from(url), .headers = headers, .header_count = 2, .body = &body}};
    run_with(NULL, send_one, &errand);
    assert_int_equal(errand.error, OK);
    assert_true(webserver_was_told(server, "POST /hook HTTP/1.1\r\n"));
    assert_true(webserver_was_told(server, "Content-Type: application/json\r\n"));
    assert_true(webserver_was_told(server, "X-Name: a b\r\n"));
    assert_true(webserver_was_told(server, "\r\n\r\n{\"a\":1}"));
    arena_fini(&errand.arena);
    free(url);
    webserver_stop(server);
}

static void fetch_send_refuses_headers_that_would_be_two(void **state)
{
    static const struct fetch_header rows[] = {{SLICE_INIT("X-A"), SLICE_INIT("1\r\nX-B: 2")},
                                               {SLICE_INIT("X-A\n"), SLICE_INIT("1")},
                                               {SLICE_INIT(""), SLICE_INIT("1")}};
    struct webserver *server = webserver_start(NULL);
    char *url = url_of(server, "http://127.0.0.1", "/");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errand errand = {.request = {.url = slice_from(url), .headers = &rows[i], .header_count = 1}};
        run_with(NULL, send_one, &errand);
        assert_int_equal(errand.error, ERROR_VALIDATION);
        arena_fini(&errand.arena);
    }
    assert_int_equal(webserver_count(server), 0);
    free(url);
    webserver_stop(server);
}

static void fetch_send_breaks_off_what_is_larger_than_allowed(void **state)
{
    static const struct {
        const char *first, *repeated;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "10\r\naaaaaaaaaaaaaaaa\r\n"},
        {"HTTP/1.1 200 OK\r\n", "X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"},
    };
    struct webserver *server = webserver_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        webserver_answer_endlessly(server, rows[i].first, rows[i].repeated);
        struct errand errand = ask(server, 0);
        assert_int_equal(errand.error, ERROR_PAYLOAD_TOO_LARGE);
        assert_non_null(errand.reason);
        assert_true(errand.arena.used_bytes < 100000);
        arena_fini(&errand.arena);
    }
    char body[ANSWER_LIMIT + 2];
    for (int extra = 0; extra < 2; extra++) {
        snprintf(body, sizeof body, "%0*d", ANSWER_LIMIT + extra, 7);
        webserver_answer_body(server, "200 OK", body);
        struct errand errand = ask(server, 0);
        assert_int_equal(errand.error, extra ? ERROR_PAYLOAD_TOO_LARGE : OK);
        arena_fini(&errand.arena);
    }
    webserver_stop(server);
}

static void fetch_send_says_when_an_answer_is_none(void **state)
{
    static const char *const rows[] = {
        "",
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    };
    struct webserver *server = webserver_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        webserver_answer(server, rows[i], strlen(rows[i]));
        struct errand errand = ask(server, 0);
        if (errand.error != ERROR_UNAVAILABLE)
            fail_msg("row %zu: %s", i, error_code(errand.error));
        assert_non_null(errand.reason);
        arena_fini(&errand.arena);
    }
    webserver_stop(server);
}

static void fetch_send_unpacks_nothing(void **state)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x01";
    struct webserver *server = webserver_start(NULL);
    webserver_answer(server, answer, sizeof answer - 1);
    struct errand errand = ask(server, 0);
    assert_int_equal(errand.error, OK);
    assert_true(slice_eq_text(errand.answer.body, "\x1f\x8b\x08\x01"));
    arena_fini(&errand.arena);
    webserver_stop(server);
}

static void fetch_send_says_when_nobody_listens(void **state)
{
    struct webserver *server = webserver_start(NULL);
    char *url = url_of(server, "http://127.0.0.1", "/");
    webserver_stop(server);
    struct errand errand = {.request.url = slice_from(url)};
    run_with(NULL, send_one, &errand);
    assert_int_equal(errand.error, ERROR_UNAVAILABLE);
    arena_fini(&errand.arena);
    free(url);
}

static void fetch_send_waits_no_longer_than_its_deadline(void **state)
{
    struct webserver *server = webserver_start(NULL);
    webserver_hold(server);
    struct errand errand = ask(server, 60);
    assert_int_equal(errand.error, ERROR_TIMEOUT);
    assert_true(errand.took_us >= 50000 && errand.took_us < 5000000);
    webserver_let_go(server);
    arena_fini(&errand.arena);
    webserver_stop(server);
}

static void fetch_send_refuses_urls_that_lead_elsewhere(void **state)
{
    static const char *const rows[] = {
        "",
        "http",
        "http://",
        "https:///keys",
        "ftp://localhost/",
        "file:///etc/passwd",
        "gopher://localhost/",
        "//localhost/",
        "HTTP://localhost/",
        "http://user:pass@localhost/",
        "http://localhost@evil/",
        "http://a b/",
        "http://localhost/a\r\nX: y",
        "http://localhost/\xC3\xA9",
        "http://local\\host/",
        "http://:80/",
        " http://localhost/",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct errand errand = {.request.url = slice_from(rows[i])};
        assert_false(fetch_is_url(errand.request.url));
        run_with(NULL, send_one, &errand);
        if (errand.error != ERROR_VALIDATION)
            fail_msg("%s: %s", rows[i], error_code(errand.error));
        arena_fini(&errand.arena);
    }
    static const char *const good[] = {"http://localhost", "https://a.example:8443/x?y=z@w#f", "http://[::1]:1/"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(fetch_is_url(slice_from(good[i])));
    char longest[FETCH_URL_BYTES_MAX + 2];
    snprintf(longest, sizeof longest, "http://a/%0*d", FETCH_URL_BYTES_MAX - 8, 7);
    assert_false(fetch_is_url(slice_from(longest)));
}

static void fetch_send_trusts_certificates_of_its_authority_name_and_time_only(void **state)
{
    static const struct {
        struct webserver_tls tls;
        bool is_known;
        enum error error;
    } rows[] = {
        {{"localhost", -1, 1}, true, OK},
        {{"localhost", -1, 1}, false, ERROR_UNAVAILABLE},
        {{"other.example", -1, 1}, true, ERROR_UNAVAILABLE},
        {{"localhost", -2, -1}, true, ERROR_UNAVAILABLE},
        {{"localhost", 1, 2}, true, ERROR_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct webserver *server = webserver_start(&rows[i].tls);
        char *url = url_of(server, "https://localhost", "/keys");
        struct errand errand = {.request.url = slice_from(url)};
        run_with(rows[i].is_known ? webserver_ca_file(server) : NULL, send_one, &errand);
        if (errand.error != rows[i].error)
            fail_msg("row %zu: %s, %s", i, error_code(errand.error), errand.reason ? errand.reason : "");
        if (errand.error != OK)
            assert_string_equal(errand.reason, "the server's certificate is not to be trusted");
        assert_int_equal(webserver_count(server), rows[i].error == OK);
        arena_fini(&errand.arena);
        free(url);
        webserver_stop(server);
    }
}

/* For tests that let a server go while a fiber waits. */
struct held {
    struct errand errand;
    struct webserver *server;
};

static void cancel_what_has_begun(struct fiber *self, void *argument)
{
    struct errand *errand = argument;
    struct held *held = CONTAINER_OF(errand, struct held, errand);
    EXPECT(fiber_spawn(fiber_core(self), send_one, errand) == OK);
    while (webserver_count(held->server) == 0 && !errand->is_done)
        EXPECT(fiber_sleep(self, 1) == OK);
    fiber_cancel(errand->fiber);
    EXPECT(fiber_sleep(self, 20) == OK);
    EXPECT(!errand->is_done);
    webserver_let_go(held->server);
    while (!errand->is_done)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void fetch_send_waits_for_what_has_begun_when_cancelled(void **state)
{
    struct held held = {.server = webserver_start(NULL)};
    webserver_hold(held.server);
    char *url = url_of(held.server, "http://127.0.0.1", "/");
    held.errand.request.url = slice_from(url);
    run_with(NULL, cancel_what_has_begun, &held.errand);
    assert_int_equal(held.errand.error, OK);
    arena_fini(&held.errand.arena);
    free(url);
    webserver_stop(held.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetch_send_gives_the_answer_whatever_its_status),
        cmocka_unit_test(fetch_send_follows_no_redirect),
        cmocka_unit_test(fetch_send_asks_no_proxy_of_the_environment_and_tells_nobody_who_it_is),
        cmocka_unit_test(fetch_send_posts_a_body_with_its_headers),
        cmocka_unit_test(fetch_send_refuses_headers_that_would_be_two),
        cmocka_unit_test(fetch_send_breaks_off_what_is_larger_than_allowed),
        cmocka_unit_test(fetch_send_says_when_an_answer_is_none),
        cmocka_unit_test(fetch_send_unpacks_nothing),
        cmocka_unit_test(fetch_send_says_when_nobody_listens),
        cmocka_unit_test(fetch_send_waits_no_longer_than_its_deadline),
        cmocka_unit_test(fetch_send_refuses_urls_that_lead_elsewhere),
        cmocka_unit_test(fetch_send_trusts_certificates_of_its_authority_name_and_time_only),
        cmocka_unit_test(fetch_send_waits_for_what_has_begun_when_cancelled),
    };
    return cmocka_run_group_tests_name("http/fetch", tests, NULL, NULL);
}
