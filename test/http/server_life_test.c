/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to all connections of a server: limits, reload, drain. A server per test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define HOST   "Host: a\r\n"
#define END    "\r\n"
#define HEALTH "GET /health HTTP/1.1\r\n" HOST END

static struct fixture fixture;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool drains_within(int64_t limit_ms)
{
    for (int64_t begin = now_ms(); now_ms() - begin < limit_ms; usleep(1000))
        if (atomic_load(&fixture.is_drained))
            return true;
    return atomic_load(&fixture.is_drained);
}

static void drain_closes_idle_connections_and_answers_busy_ones(void **state)
{
    struct client idle, late_asker, busy, late;
    struct answer answer;
    fixture_start(&fixture, NULL);
    client_open(&idle, &fixture);
    client_ask(&idle, HEALTH, &answer);
    client_open(&late_asker, &fixture);
    client_ask(&late_asker, HEALTH, &answer);
    client_open(&busy, &fixture);
    client_send(&busy, "GET /slow?ms=1000 HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    int64_t begin = now_ms();
    server_drain(fixture.server, 5000);
    usleep(100 * 1000);
    client_ask(&late_asker, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(client_sees_end(&late_asker));
    assert_true(client_sees_end(&idle));
    assert_in_range(now_ms() - begin, 450, 1500);
    assert_false(atomic_load(&fixture.is_drained));
    client_read(&busy, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_true(client_sees_end(&busy));
    assert_true(drains_within(2000));
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(late.fd, &fixture.listener.address.any, sizeof(struct sockaddr_in)), 0);
    close(late.fd);
    client_close(&idle);
    client_close(&late_asker);
    client_close(&busy);
    fixture_stop(&fixture);
}

static void drain_answers_what_was_sent_before_it(void **state)
{
    struct client clients[20];
    struct answer answer;
    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        client_open(&clients[i], &fixture);
        client_send(&clients[i], HEALTH);
    }
    server_drain(fixture.server, 5000);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        client_read(&clients[i], &answer);
        assert_int_equal(answer.status, 200);
        client_close(&clients[i]);
    }
    assert_true(drains_within(2000));
    fixture_stop(&fixture);
}

static void drain_cancels_handlers_at_its_deadline(void **state)
{
    struct client client;
    int before = fixture_cancelled();
    fixture_start(&fixture, NULL);
    client_open(&client, &fixture);
    client_send(&client, "GET /wait HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    int64_t begin = now_ms();
    server_drain(fixture.server, 200);
    assert_true(client_sees_end(&client));
    assert_in_range(now_ms() - begin, 180, 1000);
    assert_true(drains_within(1000));
    assert_int_equal(fixture_cancelled(), before + 1);
    client_close(&client);
    fixture_stop(&fixture);
}

static void drain_of_an_empty_server_ends_at_once(void **state)
{
    fixture_start(&fixture, NULL);
    server_drain(fixture.server, 5000);
    assert_true(drains_within(1000));
    fixture_stop(&fixture);
}

static void stop_ends_handlers_that_wait(void **state)
{
    struct client client;
    fixture_start(&fixture, NULL);
    client_open(&client, &fixture);
    client_send(&client, "GET /wait HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    fixture_stop(&fixture);
    client_close(&client);
}

static atomic_int released;

static void count_release(void *data)
{
    atomic_fetch_add(&released, 1);
}

static void swap_lets_a_slow_request_end_on_the_old_site(void **state)
{
    struct client slow, quick;
    struct answer answer;
    fixture_start(&fixture, NULL);
    fixture.site->config.release = count_release;
    client_open(&slow, &fixture);
    client_open(&quick, &fixture);
    client_send(&slow, "GET /slow?ms=300 HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);

    struct site_route routes[2] = {fixture_routes[0], fixture_routes[1]};
    for (size_t i = 0; i < fixture_route_count; i++)
        if (slice_eq_text(fixture_routes[i].pattern, "/text"))
            routes[0] = fixture_routes[i];
        else if (slice_eq_text(fixture_routes[i].pattern, "/slow"))
            routes[1] = fixture_routes[i];
    static char new_text[] = "new";
    routes[0].data = new_text;
    routes[1].data = new_text;
    struct http_site *old = fixture.site;
    fixture.site = fixture_site(&fixture, &fixture.settings, routes, ARRAY_LEN(routes));
    assert_int_equal(server_swap_site(fixture.server, fixture.site), OK);
    site_unref(old);

    client_ask(&quick, "GET /text HTTP/1.1\r\n" HOST END, &answer);
    assert_true(slice_eq_text(answer.body, "new"));
    client_ask(&quick, HEALTH, &answer);
    assert_int_equal(answer.status, 404);
    assert_int_equal(atomic_load(&released), 0);
    client_read(&slow, &answer);
    assert_true(slice_eq_text(answer.body, "slow"));
    client_ask(&slow, "GET /slow?ms=1 HTTP/1.1\r\n" HOST END, &answer);
    assert_true(slice_eq_text(answer.body, "new"));
    assert_int_equal(atomic_load(&released), 1);
    client_close(&slow);
    client_close(&quick);
    fixture_stop(&fixture);
}

static void requests_without_a_fiber_are_told_so(void **state)
{
    struct client slow, second;
    struct answer answer;
    fixture.fiber_limit = 1;
    fixture_start(&fixture, NULL);
    client_open(&slow, &fixture);
    client_send(&slow, "GET /slow?ms=300 HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    client_open(&second, &fixture);
    client_ask(&second, HEALTH, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "1");
    assert_true(client_sees_end(&second));
    client_read(&slow, &answer);
    assert_int_equal(answer.status, 200);
    client_ask(&slow, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    client_close(&slow);
    client_close(&second);
    fixture_stop(&fixture);
    fixture.fiber_limit = 0;
}

static void connections_above_the_limit_are_told_so(void **state)
{
    struct http_settings settings = http_settings_default();
    struct client first, second, third;
    struct answer answer;
    settings.limits.connections = 2;
    fixture_start(&fixture, &settings);
    client_open(&first, &fixture);
    client_ask(&first, HEALTH, &answer);
    client_open(&second, &fixture);
    client_ask(&second, HEALTH, &answer);
    client_open(&third, &fixture);
    client_send(&third, HEALTH);
    client_read(&third, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "1");
    assert_true(client_sees_end(&third));
    client_close(&third);
    client_close(&second);
    usleep(50 * 1000);
    client_open(&third, &fixture);
    client_ask(&third, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    client_close(&third);
    client_close(&first);
    fixture_stop(&fixture);
}

static void requests_above_the_limit_are_told_to_come_back(void **state)
{
    struct http_settings settings = http_settings_default();
    struct client first, second;
    struct answer answer;
    settings.limits.in_flight = 1;
    fixture_start(&fixture, &settings);
    client_open(&first, &fixture);
    client_open(&second, &fixture);
    client_send(&first, "GET /slow?ms=200 HTTP/1.1\r\n" HOST END);
    usleep(50 * 1000);
    client_ask(&second, HEALTH, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(answer_header(&answer, "Retry-After"));
    client_read(&first, &answer);
    assert_int_equal(answer.status, 200);
    client_ask(&second, HEALTH, &answer);
    assert_int_equal(answer.status, 200);
    client_close(&first);
    client_close(&second);
    fixture_stop(&fixture);
}

static long resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static void idle_connections_hold_little_memory(void **state)
{
    enum { COUNT = 400 };
    static struct client clients[COUNT];
    struct answer answer;
    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < 80; i++) { /* fills the pools */
        client_open(&clients[i], &fixture);
        client_ask(&clients[i], HEALTH, &answer);
        client_close(&clients[i]);
    }
    long before = resident_bytes();
    for (size_t i = 0; i < COUNT; i++) {
        client_open(&clients[i], &fixture);
        client_ask(&clients[i], HEALTH, &answer);
        buf_fini(&clients[i].in);
    }
    long each = (resident_bytes() - before) / COUNT;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(each < 0 ? 0 : each, 0, 4096);
#endif
    for (size_t i = 0; i < COUNT; i++)
        client_close(&clients[i]);
    (void)each;
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_closes_idle_connections_and_answers_busy_ones),
        cmocka_unit_test(drain_answers_what_was_sent_before_it),
        cmocka_unit_test(drain_cancels_handlers_at_its_deadline),
        cmocka_unit_test(drain_of_an_empty_server_ends_at_once),
        cmocka_unit_test(stop_ends_handlers_that_wait),
        cmocka_unit_test(swap_lets_a_slow_request_end_on_the_old_site),
        cmocka_unit_test(requests_without_a_fiber_are_told_so),
        cmocka_unit_test(connections_above_the_limit_are_told_so),
        cmocka_unit_test(requests_above_the_limit_are_told_to_come_back),
        cmocka_unit_test(idle_connections_hold_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
