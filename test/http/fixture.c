/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "http/http1.h"
#include "http/http_metrics.h"
#include "rt/core.h"
#include "rt/fiber.h"
#include "rt/metrics.h"

static atomic_int cancelled;

int fixture_cancelled(void)
{
    return atomic_load(&cancelled);
}

/* The number behind "name=" in the query. */
static long query_number(const struct exchange *x, const char *name)
{
    char text[256] = "";
    size_t len = x->head->query.len < sizeof(text) - 1 ? x->head->query.len : sizeof(text) - 1;
    memcpy(text, x->head->query.ptr, len);
    const char *at = strstr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static enum error health(struct exchange *x, void *data)
{
    x->status = 200;
    buf_put_literal(&x->body, "{\"status\":\"ok\"}");
    return OK;
}

static enum error text(struct exchange *x, void *data)
{
    x->content_type = SLICE("text/plain");
    x->etag = SLICE("7");
    buf_put_text(&x->body, data ? data : "text");
    exchange_add_header(x, "X-Injected", SLICE("a\r\nb"));
    return OK;
}

static enum error echo(struct exchange *x, void *data)
{
    struct slice body;
    TRY(exchange_read_body(x, &body));
    x->status = 201;
    buf_put_slice(&x->body, body);
    return OK;
}

static enum error item(struct exchange *x, void *data)
{
    buf_put_slice(&x->body, x->params[0]);
    return OK;
}

static enum error slow(struct exchange *x, void *data)
{
    TRY(fiber_sleep(x->fiber, query_number(x, "ms=")));
    buf_put_text(&x->body, data ? data : "slow");
    return OK;
}

static enum error wait_for_end(struct exchange *x, void *data)
{
    enum error error = fiber_park(x->fiber, x->deadline);
    if (error == ERROR_CANCELLED)
        atomic_fetch_add(&cancelled, 1);
    return error;
}

static enum error big(struct exchange *x, void *data)
{
    long bytes = query_number(x, "bytes=");
    for (long i = 0; i < bytes; i += 10)
        buf_put_literal(&x->body, "0123456789");
    return OK;
}

static enum error fail_as_told(struct exchange *x, void *data)
{
    buf_put_literal(&x->body, "half an answer");
    exchange_add_header(x, "X-Half", SLICE("yes"));
    return (enum error)query_number(x, "error=");
}

const struct site_route fixture_routes[] = {
    {.method = HTTP_GET, .pattern = SLICE_INIT("/health"), .handler = health, .name = "health"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/text"), .handler = text, .name = "text"},
    {.method = HTTP_POST, .pattern = SLICE_INIT("/echo"), .handler = echo, .name = "echo"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/items/:id"), .handler = item, .name = "item"},
    {.method = HTTP_POST, .pattern = SLICE_INIT("/items/:id"), .handler = item, .name = "item"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/slow"), .handler = slow, .name = "slow"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/wait"), .handler = wait_for_end, .name = "wait"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/big"), .handler = big, .name = "big"},
    {.method = HTTP_GET, .pattern = SLICE_INIT("/fail"), .handler = fail_as_told, .name = "fail"},
};
const size_t fixture_route_count = ARRAY_LEN(fixture_routes);

struct http_site *fixture_site(const struct fixture *fixture, const struct http_settings *settings,
                               const struct site_route *routes, size_t count)
{
    struct site_config config = {.settings = settings, .metrics = fixture->http_metrics};
    struct http_site *site;
    assert_int_equal(site_create(&config, &site), OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(site_add_route(site, &routes[i], NULL), OK);
    assert_int_equal(site_seal(site), OK);
    return site;
}

static void drained(void *data)
{
    struct fixture *fixture = data;
    atomic_store(&fixture->is_drained, true);
}

static void *run(void *argument)
{
    struct fixture *fixture = argument;
    core_run(fixture->core);
    return NULL;
}

void fixture_start(struct fixture *fixture, const struct http_settings *settings)
{
    struct address address;
    struct core_config core_config = {.fiber_limit = fixture->fiber_limit};
    fixture->settings = settings ? *settings : http_settings_default();
    fixture->is_running = true;
    atomic_store(&fixture->is_drained, false);
    assert_int_equal(core_create(&core_config, &fixture->core), OK);
    assert_int_equal(metrics_create(1, &fixture->metrics), OK);
    assert_int_equal(http_metrics_create(fixture->metrics, &fixture->http_metrics), OK);
    fixture->site = fixture_site(fixture, &fixture->settings, fixture_routes, fixture_route_count);
    assert_int_equal(address_parse(SLICE("127.0.0.1:0"), NULL, &address), OK);
    assert_int_equal(listener_open(&address, LISTENER_ALONE, 128, NULL, &fixture->listener), OK);
    struct server_config config = {.core = fixture->core,
                                   .listener = fixture->listener,
                                   .site = fixture->site,
                                   .log = fixture->log,
                                   .core_count = 1,
                                   .connections = &fixture->connections,
                                   .on_drained = drained,
                                   .data = fixture};
    assert_int_equal(server_create(&config, &fixture->server), OK);
    assert_int_equal(server_start(fixture->server), OK);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
}

void fixture_stop(struct fixture *fixture)
{
    core_stop(fixture->core);
    pthread_join(fixture->thread, NULL);
    server_destroy(fixture->server);
    site_unref(fixture->site);
    core_destroy(fixture->core);
    http_metrics_destroy(fixture->http_metrics);
    metrics_destroy(fixture->metrics);
    assert_int_equal(atomic_load(&fixture->connections), 0);
}

void client_open(struct client *client, const struct fixture *fixture)
{
    const struct address *address = &fixture->listener.address;
    struct timeval patience = {.tv_sec = 5};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->used = 0;
    buf_init(&client->in, 64 * 1024 * 1024);
    assert_true(client->fd >= 0);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(client->fd, &address->any, address_length(address)), 0);
}

void client_close(struct client *client)
{
    close(client->fd);
    buf_fini(&client->in);
}

void client_reset(struct client *client)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client_close(client);
}

void client_send_slice(struct client *client, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes = slice_from_index(bytes, (size_t)sent);
    }
}

void client_send(struct client *client, const char *bytes)
{
    client_send_slice(client, slice_from(bytes));
}

static bool receive_more(struct client *client)
{
    char *room = buf_reserve(&client->in, 64 * 1024);
    ssize_t got = recv(client->fd, room, 64 * 1024, 0);
    if (got <= 0)
        return false;
    buf_advance(&client->in, (size_t)got);
    return true;
}

void client_read_head(struct client *client, struct answer *answer)
{
    const char *end;
    for (;;) {
        size_t len = client->in.len - client->used;
        end = len ? memmem(client->in.ptr + client->used, len, "\r\n\r\n", 4) : NULL;
        if (end)
            break;
        assert_true(receive_more(client));
    }
    size_t len = (size_t)(end + 2 - (client->in.ptr + client->used));
    assert_true(len < sizeof(answer->head));
    memcpy(answer->head, client->in.ptr + client->used, len);
    answer->head[len] = 0;
    client->used += len + 2;
    answer->status = (int)strtol(answer->head + strlen("HTTP/1.1 "), NULL, 10);
    answer->body = SLICE("");
}

void client_read(struct client *client, struct answer *answer)
{
    client_read_head(client, answer);
    const char *length = answer_header(answer, "Content-Length");
    size_t size = length ? strtoul(length, NULL, 10) : 0;
    while (client->in.len - client->used < size)
        assert_true(receive_more(client));
    answer->body = slice_of(client->in.ptr + client->used, size);
    client->used += size;
}

void client_ask(struct client *client, const char *request, struct answer *answer)
{
    client_send(client, request);
    client_read(client, answer);
}

bool client_sees_end(struct client *client)
{
    char byte;
    if (client->in.len > client->used)
        return false;
    return recv(client->fd, &byte, 1, 0) == 0;
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static _Thread_local char value[1024];
    char start[128];
    snprintf(start, sizeof(start), "\r\n%s: ", name);
    const char *at = strstr(answer->head, start);
    if (!at)
        return NULL;
    at += strlen(start);
    size_t len = strcspn(at, "\r");
    assert_true(len < sizeof(value));
    memcpy(value, at, len);
    value[len] = 0;
    return value;
}
