/* SPDX-License-Identifier: Apache-2.0 */
/* The chain by itself, and its items on a running server. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/jsonread.h"
#include "base/log.h"
#include "fixture.h"
#include "http/middleware.h"

#define HOST "Host: a\r\n"
#define END  "\r\n"

/* What the items of a chain did, in order. */
static char trace[64];

static void note(const char *step)
{
    size_t len = strlen(trace);
    snprintf(trace + len, sizeof(trace) - len, "%s ", step);
}

static enum error enter_a(struct exchange *x)
{
    note("a");
    return OK;
}

static void leave_a(struct exchange *x)
{
    note("/a");
}

static enum error enter_failing(struct exchange *x)
{
    note("f");
    return ERROR_FORBIDDEN;
}

static enum error enter_answering(struct exchange *x)
{
    note("w");
    x->status = 204;
    return OK;
}

static void leave_b(struct exchange *x)
{
    note("/b");
}

static enum error handle(struct exchange *x, void *data)
{
    note("h");
    return data ? ERROR_CONFLICT : OK;
}

static const struct middleware item_a = {.name = "a", .enter = enter_a, .leave = leave_a};
static const struct middleware item_b = {.name = "b", .leave = leave_b};
static const struct middleware item_failing = {.name = "f", .enter = enter_failing, .leave = leave_b};
static const struct middleware item_answering = {.name = "w", .enter = enter_answering, .leave = leave_b};

static void run_leaves_what_it_entered_in_reverse(void **state)
{
    static int fails;
    static const struct {
        const struct middleware *items[3];
        void *data;
        const char *trace;
        int status;
    } rows[] = {
        {{&item_a, &item_b, &item_a}, NULL, "a a h /a /b /a ", 200},
        {{&item_a, &item_b, &item_a}, &fails, "a a h /a /b /a ", 409},
        {{&item_a, &item_failing, &item_a}, NULL, "a f /a ", 403},
        {{&item_a, &item_answering, &item_a}, NULL, "a w /b /a ", 204},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exchange x = {0};
        trace[0] = 0;
        middleware_run((struct middleware_chain){rows[i].items, 3}, &x, handle, rows[i].data);
        assert_string_equal(trace, rows[i].trace);
        assert_int_equal(x.status, rows[i].status);
    }
}

static void standard_order_is_that_of_the_design(void **state)
{
    static const char *const names[] = {"request id",       "access log", "recover", "timeout",     "CORS",
                                        "security headers", "compress",   "limit",   "authenticate"};
    struct middleware_chain chain = middleware_standard();
    assert_int_equal(chain.count, ARRAY_LEN(names));
    for (size_t i = 0; i < chain.count; i++)
        assert_string_equal(chain.items[i]->name, names[i]);
}

static void pages_have_the_same_chain_without_cors(void **state)
{
    struct middleware_chain chain = middleware_standard(), of_pages = middleware_of_pages();
    size_t found = 0;
    for (size_t i = 0; i < chain.count; i++) {
        if (strcmp(chain.items[i]->name, "CORS") == 0)
            continue;
        assert_true(found < of_pages.count);
        assert_ptr_equal(of_pages.items[found++], chain.items[i]);
    }
    assert_int_equal(found, of_pages.count);
}

struct request_row {
    const char *request;
    int status;
    const char *present[4];
    const char *absent[2];
};

static void check_request_rows(const struct fixture *fixture, const struct request_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct client client;
        struct answer answer;
        client_open(&client, fixture);
        client_ask(&client, rows[i].request, &answer);
        if (answer.status != rows[i].status)
            fail_msg("row %zu: status %d", i, answer.status);
        for (size_t p = 0; p < ARRAY_LEN(rows[i].present) && rows[i].present[p]; p++)
            if (!strstr(answer.head, rows[i].present[p]))
                fail_msg("row %zu: no %s in\n%s", i, rows[i].present[p], answer.head);
        for (size_t a = 0; a < ARRAY_LEN(rows[i].absent) && rows[i].absent[a]; a++)
            if (strstr(answer.head, rows[i].absent[a]))
                fail_msg("row %zu: %s in\n%s", i, rows[i].absent[a], answer.head);
        client_close(&client);
    }
}

#define PREFLIGHT(origin)                                                                                              \
    "OPTIONS /items/1 HTTP/1.1\r\n" HOST "Origin: " origin "\r\nAccess-Control-Request-Method: POST\r\n" END
#define FROM(origin) "GET /text HTTP/1.1\r\n" HOST "Origin: " origin "\r\n" END

static void cors_names_listed_origins_only(void **state)
{
    static const struct slice origins[] = {SLICE_INIT("https://app.example.org"), SLICE_INIT("http://localhost:3000")};
    static const struct request_row rows[] = {
        {FROM("https://app.example.org"),
         200,
         {"Access-Control-Allow-Origin: https://app.example.org\r\n", "Vary: Origin\r\n",
          "Access-Control-Allow-Credentials: true\r\n", "Access-Control-Expose-Headers: ETag, "},
         {NULL}},
        {FROM("https://evil.example.org"), 200, {"Vary: Origin\r\n"}, {"Access-Control"}},
        {FROM("https://app.example.org.evil"), 200, {"Vary: Origin\r\n"}, {"Access-Control"}},
        {FROM("null"), 200, {"Vary: Origin\r\n"}, {"Access-Control"}},
        {"GET /text HTTP/1.1\r\n" HOST END, 200, {"Vary: Origin\r\n"}, {"Access-Control"}},
        {PREFLIGHT("http://localhost:3000"),
         204,
         {"Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n", "Access-Control-Allow-Headers: ",
          "Access-Control-Max-Age: 600\r\n", "Access-Control-Allow-Origin: http://localhost:3000\r\n"},
         {NULL}},
        {PREFLIGHT("https://evil.example.org"), 204, {"Vary: Origin\r\n"}, {"Access-Control"}},
        {"GET /none HTTP/1.1\r\n" HOST "Origin: https://app.example.org\r\n" END,
         404,
         {"Access-Control-Allow-Origin: https://app.example.org\r\n"},
         {NULL}},
        {"OPTIONS /items/1 HTTP/1.1\r\n" HOST "Origin: https://app.example.org\r\n" END,
         204,
         {"Allow: GET, HEAD, POST, OPTIONS\r\n", "Access-Control-Allow-Origin: https://app.example.org\r\n"},
         {"Access-Control-Allow-Methods"}},
    };
    static struct fixture fixture;
    struct http_settings settings = http_settings_default();
    settings.cors.origins = origins;
    settings.cors.origin_count = ARRAY_LEN(origins);
    settings.cors.credentials = true;
    fixture_start(&fixture, &settings);
    check_request_rows(&fixture, rows, ARRAY_LEN(rows));
    fixture_stop(&fixture);
}

static void cors_for_everybody_does_not_vary(void **state)
{
    static const struct slice origins[] = {SLICE_INIT("*")};
    static const struct request_row rows[] = {
        {FROM("https://any.example.org"), 200, {"Access-Control-Allow-Origin: *\r\n"}, {"Vary", "Credentials"}},
        {FROM("null"), 200, {NULL}, {"Access-Control", "Vary"}},
    };
    static struct fixture fixture;
    struct http_settings settings = http_settings_default();
    settings.cors.origins = origins;
    settings.cors.origin_count = ARRAY_LEN(origins);
    fixture_start(&fixture, &settings);
    check_request_rows(&fixture, rows, ARRAY_LEN(rows));
    fixture_stop(&fixture);
}

static size_t gunzip(struct slice in, char *out, size_t size)
{
    static char bytes[1 << 20];
    z_stream stream = {0};
    assert_in_range(in.len, 1, sizeof(bytes));
    memcpy(bytes, in.ptr, in.len);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (unsigned char *)bytes;
    stream.avail_in = (unsigned)in.len;
    stream.next_out = (unsigned char *)out;
    stream.avail_out = (unsigned)size;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = size - stream.avail_out;
    inflateEnd(&stream);
    return len;
}

static void compress_shrinks_what_is_worth_it(void **state)
{
    static const struct {
        const char *request;
        bool is_compressed, varies;
    } rows[] = {
        {"GET /big?bytes=5000 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip, br\r\n" END, true, true},
        {"GET /big?bytes=300000 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n" END, true, true},
        {"GET /big?bytes=5000 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n" END, false, true},
        {"GET /big?bytes=5000 HTTP/1.1\r\n" HOST END, false, true},
        {"GET /big?bytes=5000 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\nCookie: a=b\r\n" END, false, true},
        {"GET /big?bytes=500 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n" END, false, false},
    };
    static struct fixture fixture;
    static char plain[400000];
    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client client;
        struct answer answer;
        size_t wanted = strtoul(strchr(rows[i].request, '=') + 1, NULL, 10);
        client_open(&client, &fixture);
        client_ask(&client, rows[i].request, &answer);
        const char *coding = answer_header(&answer, "Content-Encoding");
        assert_int_equal(coding != NULL, rows[i].is_compressed);
        assert_int_equal(strstr(answer.head, "Vary: Accept-Encoding") != NULL, rows[i].varies);
        if (rows[i].is_compressed) {
            assert_true(answer.body.len < wanted / 10);
            assert_int_equal(gunzip(answer.body, plain, sizeof(plain)), wanted);
            assert_memory_equal(plain, "0123456789012345", 16);
        } else {
            assert_int_equal(answer.body.len, wanted);
        }
        client_close(&client);
    }
    fixture_stop(&fixture);
}

static void request_ids_are_taken_only_when_sane(void **state)
{
    static const struct {
        const char *id;
        bool is_sane;
    } rows[] = {{"a", true},     {"A-Z_0.9", true}, {"", false},        {"a b", false},
                {"a\"b", false}, {"a;b", false},    {"\xc3\xa9", false}};
    char longest[REQUEST_ID_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(request_id_is_sane(slice_from(rows[i].id)), rows[i].is_sane);
    assert_true(request_id_is_sane(slice_of(longest, REQUEST_ID_MAX)));
    assert_false(request_id_is_sane(slice_of(longest, REQUEST_ID_MAX + 1)));
}

/* Everything that was logged. */
struct sink {
    pthread_mutex_t mutex;
    struct buf lines;
};

static enum error gather(void *state, struct slice lines)
{
    struct sink *sink = state;
    pthread_mutex_lock(&sink->mutex);
    buf_put_slice(&sink->lines, lines);
    pthread_mutex_unlock(&sink->mutex);
    return OK;
}

static const char *const hostile[] = {
    "GET /health HTTP/1.1\r\n" HOST END,
    "GET /items/%22%0a%0d%00?secret=1 HTTP/1.1\r\n" HOST END,
    "GET /items/\"\\'{} HTTP/1.1\r\n" HOST END,
    "GET /\xff\xfe HTTP/1.1\r\n" HOST END,
    "BREW\x01 / HTTP/1.1\r\n" HOST END,
    "GET / HTTP/1.1\r\nX-Request-Id: \"},{\"a\":\"\r\n" HOST END,
    "GET /none HTTP/1.1\r\nX-Request-Id: \xf0\x28\x8c\x28\r\n" HOST END,
    "\x16\x03\x01\x02\r\n\r\n",
    "GET /fail?error=16 HTTP/1.1\r\n" HOST END,
};

static void assert_is_json_object(struct slice line)
{
    struct arena arena;
    struct jsonread reader;
    struct json_value value;
    struct slice object;
    arena_init(&arena, 1 << 20);
    jsonread_init(&reader, line, &arena, JSONREAD_DEPTH_DEFAULT);
    assert_int_equal(line.ptr[0], '{');
    assert_int_equal(jsonread_skip(&reader, &object), OK);
    assert_int_equal(jsonread_next(&reader, &value), JSON_END);
    arena_fini(&arena);
}

static void access_log_writes_one_json_line_per_request(void **state)
{
    static struct fixture fixture;
    struct sink sink = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct log log;
    buf_init(&sink.lines, 1 << 20);
    log_init(&log, clock_system(), gather, &sink);
    fixture = (struct fixture){.log = &log};
    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        struct client client;
        struct answer answer;
        client_open(&client, &fixture);
        client_ask(&client, hostile[i], &answer);
        client_close(&client);
    }
    fixture_stop(&fixture);
    size_t count = 0;
    struct slice rest = buf_slice(&sink.lines), line;
    while (slice_split(&rest, '\n', &line) && line.len > 0) {
        assert_is_json_object(line);
        count++;
    }
    assert_int_equal(count, ARRAY_LEN(hostile));
    buf_put_byte(&sink.lines, 0);
    assert_null(strstr(sink.lines.ptr, "secret"));
    assert_non_null(
        strstr(sink.lines.ptr, "\"method\":\"GET\",\"route\":\"/health\",\"path\":\"/health\",\"status\":200,"));
    assert_non_null(strstr(sink.lines.ptr, "\"remote\":\"127.0.0.1\"}"));
    assert_non_null(strstr(sink.lines.ptr, "\"level\":\"error\",\"message\":\"request\""));
    buf_fini(&sink.lines);
    log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_leaves_what_it_entered_in_reverse),
        cmocka_unit_test(standard_order_is_that_of_the_design),
        cmocka_unit_test(pages_have_the_same_chain_without_cors),
        cmocka_unit_test(cors_names_listed_origins_only),
        cmocka_unit_test(cors_for_everybody_does_not_vary),
        cmocka_unit_test(compress_shrinks_what_is_worth_it),
        cmocka_unit_test(request_ids_are_taken_only_when_sane),
        cmocka_unit_test(access_log_writes_one_json_line_per_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
