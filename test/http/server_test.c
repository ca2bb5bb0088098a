/* SPDX-License-Identifier: Apache-2.0 */
/* The server over real sockets: a sentence, bytes, the expected bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "fixture.h"
#include "rt/metrics.h"

#define HOST   "Host: a\r\n"
#define END    "\r\n"
#define HEALTH "GET /health HTTP/1.1\r\n" HOST END

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int start(void **state)
{
    static struct fixture fixture;
    struct http_settings settings = http_settings_default();
    settings.timeouts = (struct http_timeouts){
        .header_ms = 300, .body_ms = 400, .idle_ms = 700, .handler_ms = 500, .shutdown_ms = 1000};
    settings.limits.body_bytes = 100 * 1024;
    fixture_start(&fixture, &settings);
    *state = &fixture;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(*state);
    return 0;
}

static void assert_body(const struct answer *answer, const char *body)
{
    assert_int_equal(answer->body.len, strlen(body));
    assert_memory_equal(answer->body.ptr, body, answer->body.len);
}

static void answers_a_request(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_ask(&client, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    assert_body(&answer, "{\"status\":\"ok\"}");
    assert_string_equal(answer_header(&answer, "Content-Type"), "application/json");
    assert_int_equal(strlen(answer_header(&answer, "Date")), strlen("Tue, 15 Nov 1994 08:12:31 GMT"));
    assert_null(answer_header(&answer, "Connection"));
    client_close(&client);
}

/* One request, one answer: what a row expects of it. */
struct row {
    const char *name;
    const char *request;
    int status;
    const char *header, *value; /* NULL: any */
    const char *body;           /* NULL: any */
    bool closes;
};

static const struct row rows[] = {
    {"a path parameter", "GET /items/7 HTTP/1.1\r\n" HOST END, 200, NULL, NULL, "7", false},
    {"the default type and no injected line", "GET /text HTTP/1.1\r\n" HOST END, 200, "X-Injected", "ab", "text",
     false},
    {"a strong tag", "GET /text HTTP/1.1\r\n" HOST END, 200, "ETag", "\"7\"", NULL, false},
    {"an unknown path", "GET /none HTTP/1.1\r\n" HOST END, 404, "Content-Type", "application/json", NULL, false},
    {"a missing method", "PUT /items/7 HTTP/1.1\r\n" HOST END, 405, "Allow", "GET, HEAD, POST, OPTIONS", NULL, false},
    {"OPTIONS", "OPTIONS /items/7 HTTP/1.1\r\n" HOST END, 204, "Allow", "GET, HEAD, POST, OPTIONS", "", false},
    {"a foreign method", "BREW /health HTTP/1.1\r\n" HOST END, 501, NULL, NULL, NULL, false},
    {"HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n", 200, "Connection", "close", NULL, true},
    {"HTTP/1.0 that stays", "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "Connection", "keep-alive",
     NULL, false},
    {"Connection: close", "GET /health HTTP/1.1\r\nConnection: close\r\n" HOST END, 200, "Connection", "close", NULL,
     true},
    {"a body by length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 201, NULL, NULL, "hello",
     false},
    {"a body in chunks",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: v\r\n\r\n",
     201, NULL, NULL, "hello", false},
    {"an empty body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 201, NULL, NULL, "", false},
    {"a body that nobody reads", "POST /items/1 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, NULL, NULL,
     "1", false},
    {"chunks that nobody reads",
     "POST /items/1 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n\r\n", 200, NULL, NULL, "1",
     false},
    {"broken chunks", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "Connection",
     "close", NULL, true},
    {"a body above the limit", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\nhello", 413, "Connection",
     "close", NULL, true},
    {"a chunk above the limit", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffff\r\n", 413, NULL,
     NULL, NULL, true},
    {"no Host", "GET /health HTTP/1.1\r\n\r\n", 400, "Connection", "close", NULL, true},
    {"two lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, NULL, NULL,
     NULL, true},
    {"another version", "GET /health HTTP/2.7\r\n" HOST END, 505, NULL, NULL, NULL, true},
    {"an error instead of half an answer", "GET /fail?error=13 HTTP/1.1\r\n" HOST END, 422, "X-Half", NULL, NULL,
     false},
    {"an error's reason", "GET /fail?error=18 HTTP/1.1\r\n" HOST END, 503, "Retry-After", "1", NULL, false},
    {"a handler that takes too long", "GET /wait HTTP/1.1\r\n" HOST END, 504, NULL, NULL, NULL, false},
    {"a sane request id", "GET /health HTTP/1.1\r\nX-Request-Id: a.B_c-9\r\n" HOST END, 200, "X-Request-Id", "a.B_c-9",
     NULL, false},
    {"the security headers", "GET /none HTTP/1.1\r\n" HOST END, 404, "X-Content-Type-Options", "nosniff", NULL, false},
};

/* A chunk that is only announced must be sent for the limit to be passed. */
static void send_row(struct client *client, const struct row *row)
{
    static char filler[0xfffff];
    client_send(client, row->request);
    if (strstr(row->request, "fffff\r\n")) {
        memset(filler, 'x', sizeof(filler));
        send(client->fd, filler, 150 * 1024, MSG_NOSIGNAL);
    }
}

static void check_row(const struct row *row, struct client *client, struct answer *answer)
{
    if (answer->status != row->status)
        fail_msg("%s: status %d, not %d", row->name, answer->status, row->status);
    if (row->value) {
        const char *value = answer_header(answer, row->header);
        if (!value || strcmp(value, row->value) != 0)
            fail_msg("%s: %s is \"%s\", not \"%s\"", row->name, row->header, value ? value : "(absent)", row->value);
    } else if (row->header && answer_header(answer, row->header)) {
        fail_msg("%s: %s is there", row->name, row->header);
    }
    if (row->body && !slice_eq_text(answer->body, row->body))
        fail_msg("%s: body \"%.*s\"", row->name, SLICE_ARG(answer->body));
    if (row->closes) {
        if (!client_sees_end(client))
            fail_msg("%s: the connection stays open", row->name);
    } else {
        client_ask(client, HEALTH, answer);
        if (answer->status != 200)
            fail_msg("%s: the next request gets %d", row->name, answer->status);
    }
}

static void answers_every_row_of_the_contract(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client client;
        struct answer answer;
        client_open(&client, *state);
        send_row(&client, &rows[i]);
        client_read(&client, &answer);
        check_row(&rows[i], &client, &answer);
        client_close(&client);
    }
}

static void answers_the_same_when_bytes_come_one_by_one(void **state)
{
    static const char request[] = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
                                  "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nworld";
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        client_send_slice(&client, slice_of(request + i, 1));
        if (i % 16 == 0)
            usleep(500);
    }
    client_read(&client, &answer);
    assert_body(&answer, "hello");
    client_read(&client, &answer);
    assert_body(&answer, "world");
    client_close(&client);
}

static void answers_pipelined_requests_in_order(void **state)
{
    struct client client;
    struct answer answer;
    struct buf all;
    buf_init(&all, 1 << 20);
    for (int i = 0; i < 500; i++) {
        if (i % 3 == 0)
            buf_printf(&all, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n%04d", i);
        else if (i % 3 == 1)
            buf_printf(&all, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\n%04d\r\n0\r\n\r\n",
                       i);
        else
            buf_printf(&all, "GET /items/%04d HTTP/1.1\r\n" HOST END, i);
    }
    client_open(&client, *state);
    client_send_slice(&client, buf_slice(&all));
    for (int i = 0; i < 500; i++) {
        char expected[16];
        snprintf(expected, sizeof(expected), "%04d", i);
        client_read(&client, &answer);
        assert_body(&answer, expected);
    }
    client_close(&client);
    buf_fini(&all);
}

static void sends_an_answer_that_waits_behind_a_slow_request(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    int64_t begin = now_ms();
    client_send(&client, HEALTH "GET /slow?ms=300 HTTP/1.1\r\n" HOST END);
    client_read(&client, &answer);
    assert_true(now_ms() - begin < 200);
    client_read(&client, &answer);
    assert_body(&answer, "slow");
    assert_true(now_ms() - begin >= 290);
    client_close(&client);
}

static void sends_no_body_to_head(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_send(&client, "HEAD /health HTTP/1.1\r\n" HOST END HEALTH);
    client_read_head(&client, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Content-Length"), "15");
    client_read(&client, &answer);
    assert_body(&answer, "{\"status\":\"ok\"}");
    client_close(&client);
}

static void sends_100_only_when_the_body_is_read(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_read_head(&client, &answer);
    assert_int_equal(answer.status, 100);
    client_send(&client, "hi");
    client_read(&client, &answer);
    assert_int_equal(answer.status, 201);
    assert_body(&answer, "hi");
    client_ask(&client, "POST /none HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", &answer);
    assert_int_equal(answer.status, 404);
    assert_true(client_sees_end(&client));
    client_close(&client);
}

static void refuses_heads_above_the_limits(void **state)
{
    static const struct {
        size_t target_bytes, header_bytes, header_count;
        int status;
    } limits[] = {{9000, 0, 0, 414}, {10, 40000, 0, 431}, {10, 10, 101, 431}, {8000, 0, 0, 404}, {10, 30000, 0, 404}};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct client client;
        struct answer answer;
        struct buf head;
        buf_init(&head, 1 << 20);
        buf_put_literal(&head, "GET /");
        for (size_t at = 0; at < limits[i].target_bytes; at++)
            buf_put_byte(&head, 'a');
        buf_put_literal(&head, " HTTP/1.1\r\nHost: a\r\nX: ");
        for (size_t at = 0; at < limits[i].header_bytes; at++)
            buf_put_byte(&head, 'a');
        buf_put_literal(&head, "\r\n");
        for (size_t at = 0; at < limits[i].header_count; at++)
            buf_put_literal(&head, "Y: 1\r\n");
        buf_put_literal(&head, "\r\n");
        client_open(&client, *state);
        client_send_slice(&client, buf_slice(&head));
        client_read(&client, &answer);
        assert_int_equal(answer.status, limits[i].status);
        client_close(&client);
        buf_fini(&head);
    }
}

static void lets_the_client_see_a_refusal_of_a_large_body(void **state)
{
    static char body[200 * 1024];
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 204800\r\n\r\n");
    client_send_slice(&client, slice_of(body, sizeof(body)));
    client_read(&client, &answer);
    assert_int_equal(answer.status, 413);
    assert_true(client_sees_end(&client));
    client_close(&client);
}

static void cuts_a_head_that_is_too_slow(void **state)
{
    struct client client;
    client_open(&client, *state);
    int64_t begin = now_ms();
    client_send(&client, "GET /health HTTP/1.1\r\nHos");
    assert_true(client_sees_end(&client));
    assert_in_range(now_ms() - begin, 280, 650);
    client_close(&client);
}

static void closes_an_idle_connection_in_time(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_ask(&client, HEALTH, &answer);
    int64_t begin = now_ms();
    assert_true(client_sees_end(&client));
    assert_in_range(now_ms() - begin, 680, 1500);
    client_close(&client);
}

static void cuts_a_body_that_is_too_slow(void **state)
{
    struct client client;
    client_open(&client, *state);
    client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello");
    int64_t begin = now_ms();
    assert_true(client_sees_end(&client));
    assert_in_range(now_ms() - begin, 380, 1000);
    client_close(&client);
}

static void cuts_a_client_that_does_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    struct answer answer;
    client_open(&client, fixture);
    client_send(&client, "GET /big?bytes=20000000 HTTP/1.1\r\n" HOST END);
    client_read_head(&client, &answer);
    usleep(900 * 1000);
    long got = 0;
    static char bytes[65536];
    for (ssize_t size; (size = recv(client.fd, bytes, sizeof(bytes), 0)) > 0;)
        got += size;
    assert_true(got < 20000000);
    client_close(&client);
}

static void sends_a_large_answer_whole(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_ask(&client, "GET /big?bytes=5000000 HTTP/1.1\r\n" HOST END, &answer);
    assert_int_equal(answer.body.len, 5000000);
    for (size_t i = 0; i < answer.body.len; i++)
        if (answer.body.ptr[i] != (char)('0' + i % 10))
            fail_msg("byte %zu", i);
    client_ask(&client, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    client_close(&client);
}

static void answers_a_client_that_has_ended_its_output(void **state)
{
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_send(&client, "GET /slow?ms=100 HTTP/1.1\r\n" HOST END);
    shutdown(client.fd, SHUT_WR);
    client_read(&client, &answer);
    assert_body(&answer, "slow");
    assert_true(client_sees_end(&client));
    client_close(&client);
}

static void cancels_the_handler_of_a_client_that_reset(void **state)
{
    struct client client;
    int before = fixture_cancelled();
    client_open(&client, *state);
    client_send(&client, "GET /wait HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    client_reset(&client);
    int64_t begin = now_ms();
    while (fixture_cancelled() == before && now_ms() - begin < 400)
        usleep(1000);
    assert_int_equal(fixture_cancelled(), before + 1);
}

static void makes_request_ids_that_differ(void **state)
{
    char first[64];
    struct client client;
    struct answer answer;
    client_open(&client, *state);
    client_ask(&client, "GET /health HTTP/1.1\r\nX-Request-Id: not sane!\r\n" HOST END, &answer);
    snprintf(first, sizeof(first), "%s", answer_header(&answer, "X-Request-Id"));
    assert_int_equal(strlen(first), 32);
    client_ask(&client, HEALTH, &answer);
    assert_string_not_equal(answer_header(&answer, "X-Request-Id"), first);
    client_close(&client);
}

static void counts_requests_in_the_metrics(void **state)
{
    struct fixture *fixture = *state;
    struct client client;
    struct answer answer;
    struct buf text;
    client_open(&client, fixture);
    client_send(&client, "HEAD /none?x HTTP/1.1\r\n" HOST END);
    client_read_head(&client, &answer);
    client_close(&client);
    buf_init(&text, 1 << 20);
    metrics_print(fixture->metrics, &text);
    buf_put_byte(&text, 0);
    assert_non_null(strstr(text.ptr, "http_requests_total{method=\"GET\",route=\"/items/:id\",status=\"200\"} "));
    assert_non_null(strstr(text.ptr, "http_requests_total{method=\"HEAD\",route=\"unmatched\",status=\"404\"} 1\n"));
    assert_non_null(strstr(text.ptr, "http_requests_total{method=\"OTHER\",route=\"unmatched\",status=\"400\"} "));
    assert_non_null(strstr(text.ptr, "http_request_duration_seconds_count{method=\"GET\",route=\"/health\"} "));
    assert_non_null(strstr(text.ptr, "http_requests_in_flight 0\n"));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_request),
        cmocka_unit_test(answers_every_row_of_the_contract),
        cmocka_unit_test(answers_the_same_when_bytes_come_one_by_one),
        cmocka_unit_test(answers_pipelined_requests_in_order),
        cmocka_unit_test(sends_an_answer_that_waits_behind_a_slow_request),
        cmocka_unit_test(sends_no_body_to_head),
        cmocka_unit_test(sends_100_only_when_the_body_is_read),
        cmocka_unit_test(refuses_heads_above_the_limits),
        cmocka_unit_test(lets_the_client_see_a_refusal_of_a_large_body),
        cmocka_unit_test(cuts_a_head_that_is_too_slow),
        cmocka_unit_test(closes_an_idle_connection_in_time),
        cmocka_unit_test(cuts_a_body_that_is_too_slow),
        cmocka_unit_test(cuts_a_client_that_does_not_read),
        cmocka_unit_test(sends_a_large_answer_whole),
        cmocka_unit_test(answers_a_client_that_has_ended_its_output),
        cmocka_unit_test(cancels_the_handler_of_a_client_that_reset),
        cmocka_unit_test(makes_request_ids_that_differ),
        cmocka_unit_test(counts_requests_in_the_metrics),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
